//! Waiting for the devnet: first for every gateway to answer, then for every node to have decided blocks and to vote.

use std::borrow::BorrowMut;
use std::path::PathBuf;
use std::process::Child;
use std::time::Duration;

use super::manifest::Node;
use super::process;
use crate::client::Client;
use crate::clock;
use crate::failure::Failure;
use crate::home::Home;

/// A laptop under load needs a while; a devnet that is not ready by then never will be.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);
/// Lines of a dead node's log that are shown.
const LOG_LINES: usize = 5;

/// A node that this process started.
#[derive(Debug)]
pub(crate) struct Started {
    name: String,
    grpc: String,
    home: PathBuf,
    child: Child,
}

impl Started {
    /// Starts the node and notes its process.
    pub(crate) fn now(node: &mut Node) -> Result<Self, Failure> {
        let child = process::spawn(&node.home)?;
        node.pid = child.id();
        Ok(Self {
            name: node.name.clone(),
            grpc: node.grpc.clone(),
            home: node.home.clone(),
            child,
        })
    }

    /// Ends it at once.
    pub(crate) fn abort(mut self) {
        // It may have ended by itself already.
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }

    fn log(&self) -> PathBuf {
        Home::at(&self.home).log()
    }

    /// Whether it still runs; otherwise what it said last.
    fn check(&mut self) -> Result<(), Failure> {
        let Ok(Some(status)) = self.child.try_wait() else {
            return Ok(());
        };
        let text = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
        let message = format!("{} ended ({status}):\n{tail}", self.name);
        Err(Failure::new(
            "NODE_DIED",
            message,
            format!("its log is {}", self.log().display()),
        ))
    }
}

/// Waits until every gateway answers.
pub(super) async fn answering(
    started: &mut [impl BorrowMut<Started>],
    progress: &dyn Fn(&str),
) -> Result<(), Failure> {
    wait(started, progress, "answer", |_| true).await
}

/// Waits until every node has a block.
pub(crate) async fn deciding(
    started: &mut [impl BorrowMut<Started>],
    progress: &dyn Fn(&str),
) -> Result<(), Failure> {
    wait(started, progress, "have blocks", |height| height > 0).await
}

async fn wait(
    started: &mut [impl BorrowMut<Started>],
    progress: &dyn Fn(&str),
    what: &str,
    enough: impl Fn(u64) -> bool,
) -> Result<(), Failure> {
    let clients = started
        .iter()
        .map(|node| Client::connect(&node.borrow().grpc))
        .collect::<Result<Vec<_>, _>>()?;
    let mut waiting: Vec<usize> = (0..started.len()).collect();
    let start = clock::monotonic();
    while !waiting.is_empty() {
        for node in &mut *started {
            node.borrow_mut().check()?;
        }
        let mut still = Vec::new();
        for index in waiting {
            match clients[index].status().await {
                Ok(status) if enough(status.height) => {}
                Ok(_) | Err(_) => still.push(index),
            }
        }
        waiting = still;
        progress(&format!(
            "{} of {} nodes {what}",
            started.len() - waiting.len(),
            started.len()
        ));
        let Some(first) = waiting.first() else { break };
        if clock::elapsed(start) > PATIENCE {
            let names: Vec<&str> = waiting
                .iter()
                .map(|index| started[*index].borrow().name.as_str())
                .collect();
            return Err(Failure::new(
                "NOT_READY",
                format!(
                    "after {} s these do not {what}: {}",
                    PATIENCE.as_secs(),
                    names.join(", ")
                ),
                format!("look into {}", started[*first].borrow().log().display()),
            ));
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}
