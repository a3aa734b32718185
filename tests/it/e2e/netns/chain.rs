//! A chain whose nodes stand at places of a [`World`], each its own organisation.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use starfire_node::client::Client;
use starfire_proto::v1;
use tempfile::TempDir;

use super::super::devnet::{Seat, binary, eventually};
use super::super::killed::history;
use super::super::testimony;
use super::founding::{GATEWAY, PEERS_PORT, hold_ceremony};
use super::world::World;

/// A node at a place.
#[derive(Debug)]
struct Node {
    home: PathBuf,
    /// Of all its lives.
    log: PathBuf,
    process: Option<Child>,
    door: Child,
    url: String,
}

/// Nodes 1, 2, … at the places of those numbers.
#[derive(Debug)]
pub(super) struct Chain {
    nodes: Vec<Node>,
    relays: Vec<Child>,
    world: World,
    // `None` once it is kept for whoever looks into a failure.
    directory: Option<TempDir>,
    _seat: Seat,
}

impl Chain {
    /// Founds a chain of so many super nodes. None of them runs yet. None: tests with namespaces are left out.
    pub(super) fn found(count: usize) -> Option<Self> {
        let seat = Seat::take();
        let world = World::new(count)?;
        let directory = tempfile::Builder::new()
            .prefix("starfire-netns-")
            .tempdir()
            .expect("there is room for a chain");
        let homes: Vec<PathBuf> = (1..=count)
            .map(|place| directory.path().join(format!("node{place}")))
            .collect();
        hold_ceremony(directory.path(), &homes);
        let nodes = (1..).zip(homes).map(|(place, home)| {
            let (door, url) = world.door(place, GATEWAY);
            Node {
                log: home.with_extension("log"),
                home,
                process: None,
                door,
                url,
            }
        });
        Some(Self {
            nodes: nodes.collect(),
            relays: Vec::new(),
            world,
            directory: Some(directory),
            _seat: seat,
        })
    }

    /// A chain of four that has begun.
    pub(super) async fn of_four() -> Option<Self> {
        let mut chain = Self::found(4)?;
        chain.begin().await;
        Some(chain)
    }

    /// Starts all nodes and waits for the first block.
    pub(super) async fn begin(&mut self) {
        for node in self.all() {
            self.start(node);
        }
        for node in self.all() {
            self.reaches(node, 1).await;
        }
    }

    /// The numbers of all nodes.
    pub(super) fn all(&self) -> std::ops::RangeInclusive<usize> {
        1..=self.nodes.len()
    }

    /// Starts a node that does not run.
    pub(super) fn start(&mut self, node: usize) {
        let Node { home, log, .. } = &self.nodes[node - 1];
        let log = open_log(log);
        let process = self
            .world
            .command(node, binary())
            .args(["start", "--log", testimony::LOG, "--home"])
            .arg(home)
            .stdin(Stdio::null())
            .stderr(log.try_clone().expect("a log can be written twice"))
            .stdout(log)
            .spawn()
            .expect("the binary runs");
        self.nodes[node - 1].process = Some(process);
    }

    /// Kills nodes by SIGKILL, all of them before the first is waited for.
    pub(super) fn kill(&mut self, nodes: impl IntoIterator<Item = usize>) {
        let mut processes: Vec<Child> = nodes
            .into_iter()
            .map(|node| self.nodes[node - 1].process.take().expect("it runs"))
            .collect();
        for process in &mut processes {
            process.kill().expect("it runs");
        }
        for process in &mut processes {
            process.wait().expect("a killed process ends");
        }
    }

    /// Freezes a node by SIGSTOP.
    pub(super) fn freeze(&self, node: usize) {
        self.signal(node, Signal::STOP);
    }

    /// Has a frozen node go on.
    pub(super) fn thaw(&self, node: usize) {
        self.signal(node, Signal::CONT);
    }

    fn signal(&self, node: usize, signal: Signal) {
        let process = self.nodes[node - 1].process.as_ref().expect("it runs");
        kill_process(Pid::from_child(process), signal).expect("it runs");
    }

    /// `ears` hear nothing of what `mouths` send; the other way they do, as far as that goes without an answer.
    pub(super) fn deafen(&self, ears: &[usize], mouths: &[usize]) {
        for ear in ears {
            let rules: Vec<String> = mouths
                .iter()
                .filter(|mouth| *mouth != ear)
                .map(|mouth| format!("ip saddr {} drop", World::address(*mouth)))
                .collect();
            self.world.filter(*ear, &rules);
        }
    }

    /// Cuts every link between two groups, both ways.
    pub(super) fn part(&self, one: &[usize], other: &[usize]) {
        self.deafen(one, other);
        self.deafen(other, one);
    }

    /// Every place loses so many packets of a hundred, at random.
    pub(super) fn lose(&self, percent: u32) {
        for node in self.all() {
            let rule = format!("ip saddr 10.77.0.0/24 numgen random mod 100 < {percent} drop");
            self.world.filter(node, &[rule]);
        }
    }

    /// All links are whole again.
    pub(super) fn heal(&self) {
        for node in self.all() {
            self.world.filter(node, &[]);
        }
    }

    /// Connections made from now on are delayed.
    pub(super) fn delay(&mut self, delay_ms_max: u64) {
        for node in self.all() {
            let relay = self.world.delay(node, PEERS_PORT, delay_ms_max);
            self.relays.push(relay);
        }
    }

    /// A client of a node, whether it runs or not.
    pub(super) fn client(&self, node: usize) -> Client {
        Client::connect(&self.nodes[node - 1].url).expect("a door's URL is one")
    }

    /// A node's status, if it answers.
    pub(super) async fn status(&self, node: usize) -> Option<v1::StatusResponse> {
        self.client(node).status().await.ok()
    }

    /// Where each node stands, in its own words.
    pub(super) async fn situation(&self) -> String {
        let mut lines = Vec::new();
        for node in self.all() {
            let Some(status) = self.status(node).await else {
                lines.push(format!("node {node} does not answer"));
                continue;
            };
            lines.push(format!(
                "node {node} has height {}, is in round {}, {} peers, {} transactions waiting, votes: {}, stalled: {:?}",
                status.height,
                status.round,
                status.peers,
                status.mempool_transactions,
                status.voting,
                status.stalled
            ));
        }
        lines.join("; ")
    }

    /// The height of a node that answers.
    pub(super) async fn height(&self, node: usize) -> u64 {
        eventually(&format!("node {node} answers"), async || {
            self.status(node).await
        })
        .await
        .height
    }

    /// Waits until a node has a block.
    pub(super) async fn reaches(&self, node: usize, height: u64) {
        eventually(&format!("node {node} has block {height}"), async || {
            (self.status(node).await?.height >= height).then_some(())
        })
        .await;
    }

    /// All nodes get to one height and have the same blocks and states below it, decided by quorums; and no key contradicted
    /// itself. The number of signatures that were looked at.
    pub(super) async fn agrees(&self) -> usize {
        let mut newest = 1;
        for node in self.all() {
            newest = newest.max(self.height(node).await);
        }
        let mut seen = BTreeSet::new();
        for node in self.all() {
            self.reaches(node, newest).await;
            seen.insert(history(&self.client(node), newest).await);
        }
        assert_eq!(
            seen.len(),
            1,
            "blocks and states of all nodes up to {newest}"
        );
        self.check_signatures()
    }

    fn check_signatures(&self) -> usize {
        self.nodes
            .iter()
            .map(|node| {
                let log = read_log(&node.log);
                assert!(
                    !log.contains("a validator broke the rules"),
                    "{} saw a double vote",
                    node.log.display()
                );
                let signed = testimony::signatures(&node.log.to_string_lossy(), &log);
                assert!(!signed.is_empty(), "a validator signs, and says so");
                signed.len()
            })
            .sum()
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        let processes = self.nodes.iter_mut().flat_map(|node| {
            let door = std::iter::once(&mut node.door);
            node.process.iter_mut().chain(door)
        });
        for process in processes.chain(&mut self.relays) {
            process.kill().ok();
            process.wait().ok();
        }
        if std::thread::panicking() {
            if let Some(directory) = self.directory.take() {
                let kept = directory.keep();
                writeln!(
                    std::io::stderr(),
                    "its files are kept in {}",
                    kept.display()
                )
                .ok();
            }
            return;
        }
        for node in &self.nodes {
            let log = node.log.display();
            assert!(
                !read_log(&node.log).contains("panicked"),
                "a panic in {log}"
            );
        }
    }
}

fn open_log(path: &Path) -> File {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .expect("there is room for a log")
}

/// A node that never ran has none.
fn read_log(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
