//! Feeds of blocks: each replays from the archive and then follows, resumable from any height.
//!
//! A feed holds a place in the chain, not a backlog: what its reader has not taken stays in the archive. A reader that takes nothing
//! for a while is dropped and may come back for the rest. Feeds are driven by [`Driver`] inside the gateway's own future, so that
//! they end with it.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::stream::{FuturesUnordered, Stream, StreamExt};
use starfire_proto::v1;
use starfire_state::Rejection;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tonic::Status;

use super::backend::ReadView;
use super::proofs::pruned;
use super::{Gateway, blocks, error};
use crate::seats::Seats;

/// Feeds of clients at one time. What else is driven has bounds of its own: websocket sessions, and the sub-chains that are followed.
const FEEDS_MAX: usize = 256;
/// Feeds of one address at one time.
const FEEDS_PER_PEER_MAX: usize = 64;
/// What may be handed in while the driver is about to look.
const HANDED_IN_MAX: usize = 512;
/// Blocks read ahead for a reader; with their transactions they are long.
const AHEAD: usize = 16;
const AHEAD_WITH_TRANSACTIONS: usize = 2;
/// Newest summaries kept, so that feeds which follow the chain read a block once and not once each.
const RECENT_MAX: usize = 32;
/// How long a reader may leave a feed untouched while a block waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where surfaces hand in new feeds.
#[derive(Debug, Clone)]
pub(super) struct Feeds {
    work: mpsc::Sender<Work>,
    seats: Seats,
    recent: Arc<Mutex<BTreeMap<u64, v1::BlockSummary>>>,
}

/// What keeps all feeds going.
pub(super) struct Driver(mpsc::Receiver<Work>);

/// The two ends.
pub(super) fn feeds() -> (Feeds, Driver) {
    let (work, receiver) = mpsc::channel(HANDED_IN_MAX);
    (
        Feeds {
            work,
            seats: Seats::new(FEEDS_MAX, FEEDS_PER_PEER_MAX),
            recent: Arc::default(),
        },
        Driver(receiver),
    )
}

impl Driver {
    /// Drives feeds until nobody can hand in another and all have ended.
    pub(super) async fn drive(mut self) {
        let mut running = FuturesUnordered::new();
        loop {
            tokio::select! {
                Some(()) = running.next() => {}
                Some(work) = self.0.recv() => running.push(work),
                else => return,
            }
        }
    }
}

/// A reader's end: summaries of blocks, and at the end always the reason why there are no more.
pub(crate) struct Feed {
    blocks: mpsc::Receiver<v1::BlockSummary>,
    ended: bool,
}

impl Stream for Feed {
    type Item = Result<v1::BlockSummary, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.blocks.poll_recv(cx).map(|block| {
            self.ended = block.is_none();
            let ended = || {
                Rejection::new(
                    error::SUBSCRIPTION_ENDED,
                    "subscribe again from the height after the last one received",
                )
            };
            Some(block.ok_or_else(|| error::status(&ended())))
        })
    }
}

impl Feeds {
    /// Has a client's feed driven until it ends or the gateway does, if there is a seat for one of this address.
    pub(super) fn feed(
        &self,
        peer: IpAddr,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), Rejection> {
        let seat = self.seats.take(peer).ok_or_else(busy)?;
        self.take_on(async move {
            work.await;
            drop(seat);
        })
    }

    /// Has something driven until it ends or the gateway does. Whoever hands it in bounds how much of it there is.
    pub(super) fn take_on(
        &self,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), Rejection> {
        self.work.try_send(Box::pin(work)).map_err(|_| busy())
    }

    fn summary(&self, view: &ReadView, height: u64) -> Result<v1::BlockSummary, Rejection> {
        // A panic elsewhere cannot leave a summary half written, so the lock's poison means nothing.
        let recent = || self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(block) = recent().get(&height) {
            return Ok(block.clone());
        }
        let block = blocks::summary(view, height)?;
        let mut recent = recent();
        recent.insert(height, block.clone());
        while recent.len() > RECENT_MAX {
            recent.pop_first();
        }
        Ok(block)
    }
}

fn busy() -> Rejection {
    Rejection::new(
        error::BUSY,
        "too many subscriptions at once; try again shortly",
    )
}

impl Gateway {
    /// A feed from the block of height `from` on, or from the next one for 0.
    /// It names the blocks' transactions if `transactions` are wanted.
    pub(super) fn subscribe_blocks(
        &self,
        from: u64,
        transactions: bool,
        peer: IpAddr,
    ) -> Result<Feed, Rejection> {
        let next = if from == 0 { self.height() + 1 } else { from };
        let archive = &self.backend.archive;
        if (1..=self.height()).contains(&next) && !archive.keeps(next) {
            return Err(pruned(archive.as_ref(), next));
        }
        let ahead = if transactions {
            AHEAD_WITH_TRANSACTIONS
        } else {
            AHEAD
        };
        let (sender, blocks) = mpsc::channel(ahead);
        self.feeds
            .feed(peer, self.clone().follow(next, transactions, sender))?;
        Ok(Feed {
            blocks,
            ended: false,
        })
    }

    /// Sends the blocks from `next` on, until the reader is gone, slow, or the node goes down.
    async fn follow(
        self,
        mut next: u64,
        transactions: bool,
        reader: mpsc::Sender<v1::BlockSummary>,
    ) {
        let mut published = self.backend.published.clone();
        loop {
            let reached = tokio::select! {
                reached = published.wait_for(|published| published.height >= next) => reached.is_ok(),
                () = reader.closed() => false,
            };
            if !reached {
                return;
            }
            let feeds = self.feeds.clone();
            let Ok(mut block) = self.read(move |view| feeds.summary(view, next)).await else {
                return;
            };
            if !transactions {
                block.hashes.clear();
                block.codes.clear();
            }
            let Ok(Ok(())) = timeout(PATIENCE, reader.send(block)).await else {
                return;
            };
            next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::net::Ipv4Addr;

    use starfire_state::Changes;
    use tonic::Code;

    use super::*;
    use crate::gateway::fixture::{Node, hash, refusal};
    use crate::grpc::blocks_client::BlocksClient;

    #[tokio::test]
    async fn no_address_takes_all_feeds() {
        let node = Node::main(Changes::new()).await;
        let mut client = BlocksClient::new(node.channel());
        let mut open = Vec::new();
        for _ in 0..FEEDS_PER_PEER_MAX {
            let request = v1::SubscribeBlocksRequest::default();
            open.push(client.subscribe(request).await.unwrap().into_inner());
        }
        let request = v1::SubscribeBlocksRequest::default();
        let status = client.subscribe(request).await.unwrap_err();
        assert_eq!(
            refusal(&status),
            (Code::ResourceExhausted, "GATEWAY_BUSY".into())
        );
        // One that ends leaves its seat.
        drop(open.pop());
        while client
            .subscribe(v1::SubscribeBlocksRequest::default())
            .await
            .is_err()
        {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_the_node_follows_needs_no_client_s_seat() {
        let (feeds, driver) = feeds();
        let peer = |last| IpAddr::V4(Ipv4Addr::new(192, 0, 2, last));
        let drive = async {
            for number in 0..FEEDS_MAX {
                let last = u8::try_from(number / FEEDS_PER_PEER_MAX).unwrap();
                feeds.feed(peer(last), pending()).unwrap();
                tokio::task::yield_now().await;
            }
            assert!(feeds.feed(peer(9), pending()).is_err(), "all are taken");
            let (done, told) = tokio::sync::oneshot::channel();
            feeds.take_on(async { done.send(()).unwrap() }).unwrap();
            told.await.unwrap();
        };
        tokio::select! {
            () = driver.drive() => panic!("there are feeds to drive"),
            () = drive => {}
        }
    }

    #[tokio::test]
    async fn a_subscription_replays_and_then_follows() {
        let mut node = Node::main(Changes::new()).await;
        for _ in 0..40 {
            node.block(Changes::new(), &[b"t"]);
        }
        let mut client = BlocksClient::new(node.channel());
        let subscribe = |from, transactions| v1::SubscribeBlocksRequest { from, transactions };
        let mut all = client
            .subscribe(subscribe(2, true))
            .await
            .unwrap()
            .into_inner();
        let mut new = client
            .subscribe(subscribe(0, false))
            .await
            .unwrap()
            .into_inner();
        let header = node.block(Changes::new(), &[]);
        for height in 2..=41 {
            let block = all.next().await.unwrap().unwrap();
            assert_eq!(
                (block.height, block.transactions),
                (height, u32::from(height < 41))
            );
            let (hashes, codes) = if height < 41 {
                (hash(b"t").to_vec(), vec![0])
            } else {
                (vec![], vec![])
            };
            assert_eq!((block.hashes, block.codes), (hashes, codes));
        }
        let block = new.next().await.unwrap().unwrap();
        assert_eq!(
            (block.height, block.header_hash),
            (41, header.hash().as_bytes().to_vec())
        );

        drop(node);
        let status = all.next().await.unwrap().unwrap_err();
        assert_eq!(
            refusal(&status),
            (Code::Aborted, "SUBSCRIPTION_ENDED".into())
        );
    }
}
