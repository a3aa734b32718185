//! What happens to DIDs, as it happens: gRPC stream and Server-Sent Events, resumable from any cursor.
//!
//! Changes are the events of committed transactions, so they come in one order on every node, and a cursor, `height:index`, names a
//! place in it. As with all feeds ([`super::feeds`]) a client holds a place and no backlog: one that reads too slowly is dropped, and
//! goes on from the last cursor that it was told. When nothing that it asked for happens it is told a cursor now and then, so that
//! its place does not fall behind what is kept.

mod event_source;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::stream::Stream;
use prost::Message;
use starfire_did::{ChainCode, Did, resolve};
use starfire_proto::v1;
use starfire_state::Rejection;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tonic::Status;

use super::Gateway;
use super::accounts::parse_did;
use super::backend::ReadView;
use super::dids::other_chain;
use super::error::{self, CURSOR_INVALID, INVALID_PARAMETER};
use super::proofs::{pruned, signed_header};
use crate::clock;
use crate::did_index::By;

pub(super) use event_source::router;

/// Changes read ahead for a reader.
const AHEAD: usize = 64;
/// How long a reader may leave a stream untouched while a change waits for it.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a reader hears that nothing happened. Connections on which nothing moves for longer than a minute are closed.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Blocks by which a cursor may be ahead of this node: another node told it, and this one will have them in a moment.
const BEHIND_MAX: u64 = 16;
/// DIDs that one stream may be about.
const DIDS_MAX: usize = 64;
/// Newest blocks whose changes are kept, so that streams which follow the chain read a block once and not once each.
const RECENT_MAX: usize = 8;
/// What the events of DIDs begin with.
const KINDS: &str = "did.";

/// A place in the order of all changes: this one is known, and all before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cursor {
    height: u64,
    index: u32,
}

impl Cursor {
    /// After all changes of a block.
    pub(super) fn end_of(height: u64) -> Self {
        Self {
            height,
            index: u32::MAX,
        }
    }

    /// The block that has the next change, if any has.
    fn next_height(self) -> u64 {
        // Genesis tells of no changes.
        match self.index {
            u32::MAX => self.height.saturating_add(1),
            _ => self.height.max(1),
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.height, self.index)
    }
}

impl FromStr for Cursor {
    type Err = Rejection;

    fn from_str(text: &str) -> Result<Self, Rejection> {
        let parsed = text.split_once(':').and_then(|(height, index)| {
            let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
            (digits(height) && digits(index))
                .then(|| Some((height.parse().ok()?, index.parse().ok()?)))?
        });
        let (height, index) = parsed.ok_or_else(|| {
            Rejection::new(
                CURSOR_INVALID,
                "a cursor is a height, ':' and an index, as each change carries one",
            )
        })?;
        Ok(Self { height, index })
    }
}

/// What a stream is about.
#[derive(Debug, Clone)]
struct Filter {
    /// Empty: all.
    dids: Vec<String>,
    also: Vec<By>,
}

impl Filter {
    /// Of a node of the chain `here`.
    fn parse(request: v1::DidChangesRequest, here: Option<ChainCode>) -> Result<Self, Rejection> {
        if request.dids.len() > DIDS_MAX {
            let detail = format!("a stream is about at most {DIDS_MAX} DIDs");
            return Err(Rejection::new(INVALID_PARAMETER, detail));
        }
        for did in &request.dids {
            let did = parse_did(did)?;
            if !did.is_account() {
                let detail = format!("{did} is a chain as a whole, and no event tells of one");
                return Err(Rejection::new(INVALID_PARAMETER, detail));
            }
            // Its events stand in the blocks of its own chain.
            if did.chain_code() != here {
                return Err(other_chain(&did, here));
            }
        }
        let mut also = Vec::new();
        if !request.controller.is_empty() {
            also.push(By::Controller(parse_did(&request.controller)?));
        }
        if request.r#type != 0 {
            also.push(By::Type(request.r#type));
        }
        Ok(Self {
            dids: request.dids,
            also,
        })
    }

    /// Whether the change is asked for. What the DID was before it counts too: whoever watches a controller's DIDs learns of those
    /// that it loses, and of those that are withdrawn.
    fn holds_for(&self, view: &ReadView, change: &v1::DidChange) -> bool {
        if !self.dids.is_empty() && !self.dids.contains(&change.did) {
            return false;
        }
        if self.also.is_empty() {
            return true;
        }
        let Ok(did) = Did::parse(&change.did) else {
            return false;
        };
        [change.height, change.height - 1].iter().any(|height| {
            let state = view.archive().state_at(*height);
            resolve::resolve(state.as_ref(), &did, None)
                .is_some_and(|record| self.also.iter().all(|filter| filter.holds_for(&record)))
        })
    }
}

/// A reader's end: changes, and at the end always the reason why there are no more.
pub(crate) struct Changes {
    changes: mpsc::Receiver<v1::DidChange>,
    ended: bool,
}

impl Stream for Changes {
    type Item = Result<v1::DidChange, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.changes.poll_recv(cx).map(|change| {
            self.ended = change.is_none();
            Some(change.ok_or_else(|| error::status(&ended())))
        })
    }
}

fn ended() -> Rejection {
    Rejection::new(
        error::SUBSCRIPTION_ENDED,
        "subscribe again from the last cursor received",
    )
}

/// The changes of the newest blocks.
#[derive(Debug, Clone, Default)]
pub(super) struct Recent(Arc<Mutex<BTreeMap<u64, Arc<[v1::DidChange]>>>>);

impl Recent {
    /// The changes of a block, all of them.
    fn of(&self, view: &ReadView, height: u64) -> Result<Arc<[v1::DidChange]>, Rejection> {
        // A panic elsewhere cannot leave an entry half written, so the lock's poison means nothing.
        let recent = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(changes) = recent().get(&height) {
            return Ok(Arc::clone(changes));
        }
        let changes: Arc<[v1::DidChange]> = changes(view, height)?.into();
        let mut recent = recent();
        recent.insert(height, Arc::clone(&changes));
        while recent.len() > RECENT_MAX {
            recent.pop_first();
        }
        Ok(changes)
    }
}

fn changes(view: &ReadView, height: u64) -> Result<Vec<v1::DidChange>, Rejection> {
    let signed = signed_header(view, height)?;
    let Some(receipts) = view.archive().receipts(height) else {
        return Err(pruned(view.archive(), height));
    };
    let time = signed.header.and_then(|header| header.time);
    let time_ms = time.map_or(0, |time| {
        time.seconds * 1_000 + i64::from(time.nanos / 1_000_000)
    });
    let mut changes = Vec::new();
    for receipt in &receipts {
        let receipt = v1::Receipt::decode(receipt.as_slice()).expect("a stored receipt decodes");
        for event in &receipt.events {
            let attribute = |name: &str| {
                let mut attributes = event.attributes.iter();
                attributes
                    .find(|attribute| attribute.key == name)
                    .map(|attribute| attribute.value.as_str())
            };
            let Some(did) = attribute("did").filter(|_| event.r#type.starts_with(KINDS)) else {
                continue;
            };
            let index = u32::try_from(changes.len()).expect("a block has fewer events");
            changes.push(v1::DidChange {
                cursor: Cursor { height, index }.to_string(),
                height,
                index,
                time_ms,
                kind: event.r#type.clone(),
                did: did.to_owned(),
                version: attribute("version").map_or(0, |version| version.parse().unwrap_or(0)),
                transaction: receipt.hash.clone(),
                resource: attribute("name").unwrap_or_default().to_owned(),
            });
        }
    }
    Ok(changes)
}

impl Gateway {
    /// Changes after the cursor that the request names, or from the next block on.
    pub(super) async fn subscribe_changes(
        &self,
        request: v1::DidChangesRequest,
        peer: IpAddr,
    ) -> Result<Changes, Rejection> {
        let after = match request.cursor.as_str() {
            "" => Cursor::end_of(self.height()),
            cursor => cursor.parse()?,
        };
        let filter = Filter::parse(request, self.chain_code().await?)?;
        let next = after.next_height();
        let height = self.height();
        if after.height > height.saturating_add(BEHIND_MAX) {
            let detail = format!(
                "the cursor is of block {}, and this node has {height}: of another chain, or for a node that is less behind",
                after.height
            );
            return Err(Rejection::new(error::CURSOR_AHEAD, detail));
        }
        let archive = &self.backend.archive;
        if next <= self.height() && !archive.keeps(next) {
            return Err(pruned(archive.as_ref(), next));
        }
        let (sender, changes) = mpsc::channel(AHEAD);
        self.feeds
            .feed(peer, self.clone().follow_changes(after, filter, sender))?;
        Ok(Changes {
            changes,
            ended: false,
        })
    }

    /// Sends the changes after `after`, until the reader is gone, slow, or the node goes down.
    async fn follow_changes(
        self,
        mut after: Cursor,
        filter: Filter,
        reader: mpsc::Sender<v1::DidChange>,
    ) {
        let mut published = self.backend.published.clone();
        // At once, so that also a reader to whom nothing happens has a place to come back to.
        let mut told = None;
        loop {
            if told.is_none_or(|told| clock::elapsed(told) >= HEARTBEAT) {
                if !send(&reader, nothing_up_to(after)).await {
                    return;
                }
                told = Some(clock::monotonic());
            }
            let next = after.next_height();
            tokio::select! {
                reached = timeout(HEARTBEAT, published.wait_for(|published| published.height >= next)) => match reached {
                    Ok(Ok(_)) => {}
                    Ok(Err(_)) => return,
                    Err(_) => continue,
                },
                () = reader.closed() => return,
            }
            let (recent, wanted) = (self.changes.clone(), filter.clone());
            let read = self.read(move |view| {
                let all = recent.of(view, next)?;
                let new = all.iter().filter(|change| {
                    let place = Cursor {
                        height: next,
                        index: change.index,
                    };
                    place > after && wanted.holds_for(view, change)
                });
                Ok(new.cloned().collect::<Vec<_>>())
            });
            let Ok(changes) = read.await else { return };
            for change in changes {
                if !send(&reader, change).await {
                    return;
                }
                told = Some(clock::monotonic());
            }
            after = Cursor::end_of(next);
        }
    }
}

async fn send(reader: &mpsc::Sender<v1::DidChange>, change: v1::DidChange) -> bool {
    matches!(timeout(PATIENCE, reader.send(change)).await, Ok(Ok(())))
}

fn nothing_up_to(after: Cursor) -> v1::DidChange {
    v1::DidChange {
        cursor: after.to_string(),
        height: after.height,
        index: after.index,
        ..v1::DidChange::default()
    }
}

#[cfg(test)]
mod tests;
