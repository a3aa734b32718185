//! What is to be checked next: of clients and peers in turn, as much work of the ones as of the others, and what is much work set aside.

use std::time::Instant;

use futures::stream::{self, Stream};
use tokio::sync::{mpsc, watch};

use super::{Arrival, Origin};
use crate::gateway::backend::Submission;
use crate::intake::Outlet;
use crate::recent::Recent;
use crate::roster::{Roster, Voice};
use crate::seats::{Seat, Seats};

/// How far clients or peers may be ahead of the others, if these had nothing to send: one of the largest arrivals.
const LEAD_WORK_MAX: u64 = ARRIVAL_WORK_MAX;
/// What a byte costs to decode and hash, in the units of [`starfire_ledger::signature_work`]: nanoseconds, about.
pub(super) const BYTE_WORK: u64 = 20;
/// Work that is enough for a batch: 25 ms.
const BATCH_WORK_ENOUGH: u64 = 25_000_000;
/// An arrival of more work is checked beside the others: 300 ms. What an honest peer sends together has less,
/// unless it is one large transaction.
const ARRIVAL_WORK_MAX: u64 = 300_000_000;
/// Of clients: arrivals that wait to be checked beside the others, of up to 4 MiB each. More are refused.
const LARGE_OF_CLIENTS_MAX: usize = 8;
/// Of peers: more than a few members can take.
const LARGE_OF_PEERS_MAX: usize = 24;
/// Of the nodes of one member, or of one peer that is no member's, whether sent here or gossiped.
const LARGE_PER_VOICE_MAX: usize = 2;
/// Envelopes that are enough for a batch: more are cheaper by nothing, and hold up the first.
pub const BATCH_ENOUGH: usize = 256;

/// Where arrivals come from.
pub(super) struct Sources {
    clients: mpsc::Receiver<Submission>,
    peers: Outlet,
    lead: Lead,
    large: Large,
    recent: Recent,
}

/// Where arrivals of much work go. Clients and peers have a queue each, served in turn.
struct Large {
    clients: mpsc::Sender<SetAside>,
    peers: mpsc::Sender<SetAside>,
    of_peers: Seats<Voice>,
    roster: watch::Receiver<Roster>,
    /// Told of each that a peer sent in vain.
    lost: Box<dyn Fn() + Send>,
}

/// An arrival of much work, with its member's seat.
type SetAside = (Arrival, Option<Seat<Voice>>);

impl Large {
    /// Also the way out.
    fn new(
        roster: watch::Receiver<Roster>,
        lost: impl Fn() + Send + 'static,
    ) -> (Self, impl Stream<Item = Arrival>) {
        let (clients, from_clients) = mpsc::channel(LARGE_OF_CLIENTS_MAX);
        let (peers, from_peers) = mpsc::channel(LARGE_OF_PEERS_MAX);
        let large = Self {
            clients,
            peers,
            of_peers: Seats::new(LARGE_OF_PEERS_MAX, LARGE_PER_VOICE_MAX),
            roster,
            lost: Box::new(lost),
        };
        let queue = |queue: mpsc::Receiver<SetAside>| {
            Box::pin(stream::unfold(queue, |mut queue| async move {
                // Its seat is free for the next that is to wait.
                let (arrival, _seat) = queue.recv().await?;
                Some((arrival, queue))
            }))
        };
        (
            large,
            stream::select(queue(from_clients), queue(from_peers)),
        )
    }

    /// Sets it aside, or refuses it.
    fn put(&self, arrival: Arrival) {
        let peer = match &arrival.origin {
            Origin::Client(_) => {
                if let Err(refused) = self.clients.try_send((arrival, None)) {
                    refused.into_inner().0.refuse();
                }
                return;
            }
            Origin::Peer(peer) | Origin::Gossip { peer, .. } => *peer,
        };
        let voice = self.roster.borrow().voice(&peer);
        let refused = match self.of_peers.take(voice) {
            Some(seat) => {
                let sent = self.peers.try_send((arrival, Some(seat)));
                sent.err().map(|refused| refused.into_inner().0)
            }
            None => Some(arrival),
        };
        if let Some(arrival) = refused {
            tracing::debug!(%peer, "a large arrival is lost: as many wait as may");
            (self.lost)();
            arrival.refuse();
        }
    }
}

/// What is checked together.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) arrivals: Vec<Arrival>,
    pub(super) envelopes: usize,
    pub(super) work: u64,
}

/// Who had more lately, by so much work.
#[derive(Clone, Copy, Debug)]
enum Lead {
    Clients(u64),
    Peers(u64),
}

impl Lead {
    fn clients_had(self, work: u64) -> Self {
        match self {
            Self::Peers(ahead) if ahead > work => Self::Peers(ahead - work),
            Self::Peers(ahead) => Self::Clients(work - ahead),
            Self::Clients(ahead) => Self::Clients((ahead + work).min(LEAD_WORK_MAX)),
        }
    }

    fn peers_had(self, work: u64) -> Self {
        match self {
            Self::Clients(ahead) if ahead >= work => Self::Clients(ahead - work),
            Self::Clients(ahead) => Self::Peers(work - ahead),
            Self::Peers(ahead) => Self::Peers((ahead + work).min(LEAD_WORK_MAX)),
        }
    }
}

impl Sources {
    /// Also the way out for arrivals of much work. `lost` hears of each of a peer's that had no room there.
    pub(super) fn new(
        clients: mpsc::Receiver<Submission>,
        peers: Outlet,
        roster: watch::Receiver<Roster>,
        recent: Recent,
        lost: impl Fn() + Send + 'static,
    ) -> (Self, impl Stream<Item = Arrival>) {
        let (large, set_aside) = Large::new(roster, lost);
        let sources = Self {
            clients,
            peers,
            lead: Lead::Peers(0),
            large,
            recent,
        };
        (sources, set_aside)
    }

    /// The next arrival, and its work; `None` when no more can come. May be cancelled without loss. Those of much work are put aside.
    async fn next(&mut self) -> Option<(Arrival, u64)> {
        loop {
            let arrival = match self.waiting() {
                Some(arrival) => arrival,
                None => tokio::select! {
                    Some(submission) = self.clients.recv() => submission.into(),
                    Some(arrival) = self.peers.recv() => arrival,
                    else => return None,
                },
            };
            let mut work = arrival.work();
            let is_large = work > ARRIVAL_WORK_MAX;
            if is_large {
                work = arrival.byte_work();
            }
            self.lead = match arrival.origin {
                Origin::Client(_) => self.lead.clients_had(work),
                Origin::Peer(_) | Origin::Gossip { .. } => self.lead.peers_had(work),
            };
            // What is sent again, to each new proposer perhaps, takes no seat of what is new.
            if is_large && !arrival.is_known(&self.recent) {
                self.large.put(arrival);
                continue;
            }
            return Some((arrival, work));
        }
    }

    /// What waits already, of those first who are not ahead.
    fn waiting(&mut self) -> Option<Arrival> {
        let (clients, peers) = (&mut self.clients, &mut self.peers);
        let mut client = || clients.try_recv().ok().map(Arrival::from);
        match self.lead {
            Lead::Peers(_) => client().or_else(|| peers.try_recv()),
            Lead::Clients(_) => peers.try_recv().or_else(client),
        }
    }
}

/// What comes until `due`, up to about a batch; waits for the first however long.
pub(super) async fn gather(sources: &mut Sources, due: Instant) -> Option<Batch> {
    let (first, work) = sources.next().await?;
    let mut batch = Batch {
        envelopes: first.envelopes.len(),
        work,
        arrivals: vec![first],
    };
    while batch.envelopes < BATCH_ENOUGH && batch.work < BATCH_WORK_ENOUGH {
        // What is there is taken, however late it is.
        let Ok(Some((next, work))) = tokio::time::timeout_at(due.into(), sources.next()).await
        else {
            break;
        };
        batch.envelopes += next.envelopes.len();
        batch.work += work;
        batch.arrivals.push(next);
    }
    Some(batch)
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures::StreamExt as _;
    use libp2p::PeerId;
    use starfire_did::{Did, KeyAlgorithm, PrivateKey};
    use starfire_ledger::{ChainRules, Transaction, check, signature_work};
    use starfire_proto::protocol;
    use tokio::sync::oneshot;

    use super::super::SUBMISSIONS_MAX;
    use super::*;
    use crate::clock;
    use crate::gateway::error::BUSY;
    use crate::intake::{self, Intake};
    use crate::mempool::Limits;
    use crate::network::Judgement;

    fn roster(members: &[(&str, &[PeerId], u64)]) -> watch::Receiver<Roster> {
        watch::channel(Roster::of_members(members)).1
    }

    fn sources() -> (mpsc::Sender<Submission>, Intake, Sources) {
        let (submit, clients) = mpsc::channel(SUBMISSIONS_MAX);
        let (intake, peers) = intake::channel();
        let (sources, _) = Sources::new(clients, peers, roster(&[]), recent(), || {});
        (submit, intake, sources)
    }

    fn recent() -> Recent {
        Recent::beside(&Limits {
            transactions_max: 0,
            bytes_max: 0,
            work_max: 0,
            transactions_per_sender_max: 0,
        })
    }

    fn offer(intake: &Intake, envelopes: usize, bytes: usize) {
        let peer = PeerId::random();
        let arrival = Arrival {
            envelopes: vec![vec![0; bytes]; envelopes],
            origin: Origin::Peer(peer),
        };
        assert_eq!(intake.offer(peer, arrival), 0);
    }

    async fn submit(clients: &mpsc::Sender<Submission>, bytes: usize) {
        let (reply, _) = oneshot::channel();
        let envelopes = vec![vec![0; bytes]];
        let submission = Submission { envelopes, reply };
        clients.send(submission).await.unwrap();
    }

    fn is_client(arrival: &Arrival) -> bool {
        matches!(arrival.origin, Origin::Client(_))
    }

    fn count(batch: &Batch) -> usize {
        let arrivals = batch.arrivals.iter();
        let counted = arrivals.map(|arrival| arrival.envelopes.len()).sum();
        assert_eq!(batch.envelopes, counted);
        counted
    }

    #[tokio::test]
    async fn what_comes_alone_does_not_wait_for_company() {
        let (_clients, intake, mut sources) = sources();
        offer(&intake, 1, 100);
        // The senders live, so whoever waited for more would wait for ever.
        let batch = gather(&mut sources, clock::monotonic()).await.unwrap();
        assert_eq!(count(&batch), 1);
    }

    #[tokio::test]
    async fn what_waits_is_one_batch_up_to_what_is_enough() {
        let (_clients, intake, mut sources) = sources();
        for _ in 0..10 {
            offer(&intake, 60, 100);
        }
        let long_ago = clock::monotonic() - Duration::from_secs(1);
        let first = gather(&mut sources, long_ago).await.unwrap();
        assert_eq!(count(&first), 300);
        let second = gather(&mut sources, long_ago).await.unwrap();
        assert_eq!(count(&second), 300);
    }

    #[tokio::test]
    async fn a_batch_that_is_not_due_takes_what_still_comes() {
        let (clients, intake, mut sources) = sources();
        let never = clock::monotonic() + Duration::from_secs(3600);
        let gathered = tokio::spawn(async move { gather(&mut sources, never).await });
        for _ in 0..3 {
            tokio::task::yield_now().await;
            offer(&intake, 1, 100);
            tokio::task::yield_now().await;
            submit(&clients, 100).await;
        }
        drop((clients, intake));
        assert_eq!(count(&gathered.await.unwrap().unwrap()), 6);
    }

    #[tokio::test]
    async fn a_client_waits_for_no_flood_of_peers() {
        let (clients, intake, mut sources) = sources();
        for _ in 0..200 {
            offer(&intake, 100, 1_000);
        }
        for _ in 0..250 {
            submit(&clients, 1_000).await;
        }
        let first: Vec<bool> = {
            let mut first = Vec::new();
            for _ in 0..252 {
                first.push(is_client(&sources.next().await.unwrap().0));
            }
            first
        };
        // After one batch of a peer, as much work of clients.
        assert!(first[0] && !first[1]);
        assert!(first[2..101].iter().all(|client| *client));
        assert_eq!(first.iter().filter(|client| !**client).count(), 3);
    }

    #[tokio::test]
    async fn clients_keep_no_peer_from_its_check() {
        let (clients, intake, mut sources) = sources();
        for _ in 0..1_000 {
            submit(&clients, 1_000).await;
        }
        for _ in 0..300 {
            assert!(is_client(&sources.next().await.unwrap().0));
        }
        for _ in 0..10 {
            offer(&intake, 10, 1_000);
        }
        let mut of_peers = 0;
        for _ in 0..20 {
            of_peers += usize::from(!is_client(&sources.next().await.unwrap().0));
        }
        assert_eq!(of_peers, 10);
    }

    /// An envelope with a hundred signatures of SM2 keys.
    fn costly() -> Vec<u8> {
        let keys: Vec<PrivateKey> = (1..=100)
            .map(|seed| PrivateKey::generate([seed; 32], KeyAlgorithm::Sm2))
            .collect();
        let body = protocol::Transaction {
            source_address: Did::derive(&keys[0].public(), None).to_string(),
            nonce: 1,
            operations: vec![protocol::Operation {
                r#type: protocol::operation::Type::Log.into(),
                log: Some(protocol::OperationLog {
                    topic: "t".to_owned(),
                    datas: vec!["x".to_owned()],
                }),
                ..Default::default()
            }],
            ..Default::default()
        };
        let envelope = Transaction::sign(&body, &keys.iter().collect::<Vec<_>>());
        assert!(signature_work::foreseen(&envelope) >= BATCH_WORK_ENOUGH);
        envelope
    }

    #[tokio::test]
    async fn a_batch_is_full_when_its_signatures_are() {
        let (clients, intake, mut sources) = sources();
        let (envelope, peer) = (costly(), PeerId::random());
        for _ in 0..2 {
            let arrival = Arrival {
                envelopes: vec![envelope.clone()],
                origin: Origin::Peer(peer),
            };
            assert_eq!(intake.offer(peer, arrival), 0);
        }
        let long_ago = clock::monotonic() - Duration::from_secs(1);
        for _ in 0..2 {
            assert_eq!(count(&gather(&mut sources, long_ago).await.unwrap()), 1);
        }
        drop(clients);
    }

    #[tokio::test]
    async fn peers_have_as_much_work_as_clients_not_as_many_bytes() {
        let (clients, intake, mut sources) = sources();
        let envelope = costly();
        for _ in 0..3 {
            let (reply, _) = oneshot::channel();
            let envelopes = vec![envelope.clone()];
            clients.send(Submission { envelopes, reply }).await.unwrap();
        }
        // Each is as long, and asks for a fiftieth of the time.
        for _ in 0..40 {
            offer(&intake, 1, envelope.len());
        }
        let mut first = Vec::new();
        for _ in 0..42 {
            first.push(is_client(&sources.next().await.unwrap().0));
        }
        assert_eq!(first.iter().filter(|client| **client).count(), 2);
    }

    #[tokio::test]
    async fn a_large_arrival_does_not_stand_before_others() {
        let (submitted, arrived) = mpsc::channel(SUBMISSIONS_MAX);
        let (_intake, peers) = intake::channel();
        let (mut sources, large) = Sources::new(arrived, peers, roster(&[]), recent(), || {});
        let mut large = pin!(large);
        let envelopes = vec![costly(); 20];
        let mut verdicts = Vec::new();
        for _ in 0..=LARGE_OF_CLIENTS_MAX {
            let (reply, verdict) = oneshot::channel();
            let envelopes = envelopes.clone();
            submitted
                .send(Submission { envelopes, reply })
                .await
                .unwrap();
            verdicts.push(verdict);
        }
        submit(&submitted, 100).await;
        let (next, _) = sources.next().await.unwrap();
        assert_eq!(next.envelopes.len(), 1);
        let mut last = verdicts.pop().unwrap();
        let refused = last.try_recv().unwrap();
        assert_eq!(refused.len(), 20);
        assert!(
            refused
                .iter()
                .all(|verdict| verdict.as_ref().unwrap_err().code == BUSY)
        );
        for _ in 0..LARGE_OF_CLIENTS_MAX {
            assert_eq!(large.next().await.unwrap().envelopes.len(), 20);
        }
        assert!(verdicts[0].try_recv().is_err(), "it waits for its check");
    }

    #[tokio::test]
    async fn a_large_arrival_that_is_known_takes_no_seat() {
        let (submitted, arrived) = mpsc::channel(SUBMISSIONS_MAX);
        let (intake, peers) = intake::channel();
        let recent = recent();
        let (mut sources, _large) =
            Sources::new(arrived, peers, roster(&[]), recent.clone(), || {});
        let envelope = costly();
        let send = || {
            let peer = PeerId::random();
            let arrival = Arrival {
                envelopes: vec![envelope.clone(); 20],
                origin: Origin::Peer(peer),
            };
            assert_eq!(intake.offer(peer, arrival), 0);
        };
        send();
        submit(&submitted, 100).await;
        let next = sources.next().await.unwrap().0;
        assert!(is_client(&next), "it is new, and set aside");
        let transaction = Transaction::decode(&envelope).unwrap();
        let rules = ChainRules {
            chain_id: "starfire-main-1".to_owned(),
            chain_code: None,
            bif_chain_id: 0,
        };
        recent.add([&Arc::new(check(transaction, &rules).unwrap())]);
        send();
        let (next, work) = sources.next().await.unwrap();
        assert_eq!(next.envelopes.len(), 20);
        assert!(work < ARRIVAL_WORK_MAX);
    }

    #[tokio::test]
    async fn neither_a_member_nor_all_clients_keep_the_large_arrivals_of_others_out() {
        let peers: Vec<PeerId> = (0..10).map(|_| PeerId::random()).collect();
        let other = PeerId::random();
        let lost = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&lost);
        let (large, waiting) = Large::new(roster(&[("crowd", &peers[..], 10)]), move || {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        let of = |origin| Arrival {
            envelopes: vec![Vec::new()],
            origin,
        };
        let mut judgements = Vec::new();
        for peer in &peers {
            let (reply, _) = oneshot::channel();
            large.put(of(Origin::Client(reply)));
            let (reply, judgement) = oneshot::channel();
            large.put(of(Origin::Gossip { peer: *peer, reply }));
            large.put(of(Origin::Peer(*peer)));
            judgements.push(judgement);
        }
        large.put(of(Origin::Peer(other)));
        assert_eq!(lost.load(Ordering::Relaxed), 2 * peers.len() - 2);
        assert!(judgements[0].try_recv().is_err(), "it waits for its check");
        assert_eq!(judgements[1].try_recv(), Ok(Judgement::Ignore));
        drop(large);
        let order: Vec<Option<PeerId>> = waiting
            .map(|arrival| match arrival.origin {
                Origin::Peer(peer) | Origin::Gossip { peer, .. } => Some(peer),
                Origin::Client(_) => None,
            })
            .collect()
            .await;
        assert_eq!(order.len(), LARGE_OF_CLIENTS_MAX + LARGE_PER_VOICE_MAX + 1);
        let taken = order.iter().take(6).flatten();
        assert_eq!(taken.collect::<Vec<_>>(), [&peers[0], &peers[0], &other]);
    }

    #[tokio::test]
    async fn a_few_members_cannot_take_all_seats_for_large_arrivals() {
        let peers: Vec<PeerId> = (0..9).map(|_| PeerId::random()).collect();
        let (large, waiting) = Large::new(roster(&[]), || {});
        for peer in peers.iter().flat_map(|peer| [peer; 4]) {
            large.put(Arrival {
                envelopes: Vec::new(),
                origin: Origin::Peer(*peer),
            });
        }
        drop(large);
        assert_eq!(waiting.count().await, 9 * LARGE_PER_VOICE_MAX);
    }
}
