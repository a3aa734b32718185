//! The one thread that owns the replica: it turns messages, admissions and timers into steps, and outputs into sends.
//!
//! Consensus comes first, timers next, transactions last, and of these a few at a time, so that load cannot starve agreement. Nor can
//! messages without end starve transactions: after so many there is a step for these.
//! Everything that enters comes through a bounded channel; everything that leaves goes to a handle that never blocks.

mod admitting;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use std::time::{Duration, Instant};

use libp2p::PeerId;
use starfire_consensus::message::Message;
use starfire_ledger::Checked;
use starfire_proto::v1;
use tendermint::account;
use tokio::sync::{mpsc, oneshot, watch};

use crate::clock;
use crate::gateway::backend::{PoolView, Published};
use crate::network::Network;
use crate::replica::{Committed, Output, Replica, ReplicaInput, ReplicaTimer};
use crate::roster::Roster;
use crate::spread::{self, Due, Spread};
use crate::status::{NodeFacts, Situation};
use crate::sync::Claims;
use crate::verify_pool::{Admission, Origin};

use admitting::Admitting;

/// Consensus messages and blocks that may wait for the core. Few: what waits, waits in the network's inbox, which is bounded by
/// bytes and by peer.
pub const INBOX_MAX: usize = 16;
/// Batches of admissions that may wait for the core. Few, since each may have some MiB: what waits, waits for its check.
pub const ADMISSIONS_MAX: usize = 16;
/// Entries of the inbox that are taken in a row while admissions wait.
const INBOX_RUN_MAX: u32 = 64;
/// How often a changed status is published at most.
const STATUS_PERIOD: Duration = Duration::from_millis(100);
/// How often this node announces its height at most.
const ANNOUNCE_PERIOD: Duration = Duration::from_secs(1);

/// What other tasks tell the core.
#[derive(Debug)]
pub enum CoreInput {
    /// A consensus message from an admitted peer.
    Consensus {
        /// Who sent it.
        peer: PeerId,
        /// Encoded.
        bytes: Vec<u8>,
    },
    /// How high a peer says its chain is.
    Height {
        /// Who.
        peer: PeerId,
        /// Its newest committed height.
        height: u64,
        /// It answered a question of this process; an announcement may be an old one, said again.
        live: bool,
    },
    /// Blocks that a peer sent on request; the reply says what was wrong with them.
    Blocks {
        /// In order.
        blocks: Vec<v1::CommittedBlock>,
        /// `Ok` with the height reached.
        reply: oneshot::Sender<Result<u64, String>>,
    },
    /// A peer came or went: the status changes.
    Peer(PeerId),
}

/// Where the core sends what it finds.
#[derive(Debug)]
pub struct Outlets {
    /// Peers.
    pub network: Network,
    /// Which of them may connect, and which are validators.
    pub roster: Roster,
    /// The same for others, whenever it changes.
    pub enrolled: watch::Sender<Roster>,
    /// The newest height that may be read.
    pub published: watch::Sender<Published>,
    /// This node as it sees itself.
    pub status: watch::Sender<v1::StatusResponse>,
    /// What waits in the mempool.
    pub pool: Arc<RwLock<PoolView>>,
    /// Heights at which others are.
    pub claims: Claims,
    /// What stays the same about this node.
    pub facts: NodeFacts,
}

impl Outlets {
    /// What waits in the mempool, to be changed. Nobody who changes it panics.
    fn waiting(&self) -> RwLockWriteGuard<'_, PoolView> {
        self.pool.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The core's state around the replica.
struct Core {
    replica: Replica,
    outlets: Outlets,
    timers: BTreeMap<(Instant, u64), ReplicaTimer>,
    next_timer: u64,
    admitting: Admitting,
    /// Entries of the inbox that were taken since the last step for admissions.
    inbox_run: u32,
    spread: Spread,
    /// Who proposed when transactions were last sent; none, so that what waits is sent again.
    proposer: Option<account::Id>,
    /// Whose message is being taken.
    speaker: Option<PeerId>,
    situation: Situation,
    status_due: bool,
    status_at: Instant,
    announce_due: bool,
    announced_at: Instant,
}

/// Runs the replica until the inbox closes. `first` is what opening it asked for.
pub async fn run(
    replica: Replica,
    first: Vec<Output>,
    outlets: Outlets,
    mut inbox: mpsc::Receiver<CoreInput>,
    mut admissions: mpsc::Receiver<Vec<Admission>>,
) {
    let mut core = Core::new(replica, outlets);
    core.deliver(first);
    loop {
        core.publish_what_is_due();
        core.follow_proposer();
        core.send_what_waits();
        // Before the inbox: a flood of messages must not keep a round open.
        core.fire_timers();
        if inbox.is_empty() {
            core.replica.work_ahead();
        }
        let wake = core.wake_at();
        tokio::select! {
            biased;
            input = inbox.recv() => match input {
                Some(input) => {
                    core.take(input);
                    core.admit_in_between(&mut admissions);
                }
                None => return,
            },
            () = sleep_until(wake) => {}
            // Through the runtime, which lets the inbox be looked at afresh.
            () = tokio::task::yield_now(), if !core.admitting.is_empty() => core.admit_some(),
            Some(batch) = admissions.recv(), if core.admitting.is_empty() => {
                core.admitting.extend(batch);
                core.admit_some();
            }
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

impl Core {
    fn new(replica: Replica, outlets: Outlets) -> Self {
        let now = clock::monotonic();
        let long_ago = now.checked_sub(ANNOUNCE_PERIOD).unwrap_or(now);
        let situation = Situation::at(&replica, now);
        Self {
            replica,
            outlets,
            timers: BTreeMap::new(),
            next_timer: 0,
            admitting: Admitting::default(),
            inbox_run: 0,
            spread: Spread::new(now),
            proposer: None,
            speaker: None,
            situation,
            status_due: true,
            status_at: long_ago,
            announce_due: true,
            announced_at: long_ago,
        }
    }

    fn take(&mut self, input: CoreInput) {
        match input {
            CoreInput::Consensus { peer, bytes } => {
                // Only validators take part. Whose word a message is, its connection vouches for.
                let speakers: Vec<account::Id> = self.outlets.roster.validators(&peer).collect();
                let Some(first) = speakers.first().copied() else {
                    tracing::debug!(%peer, "consensus message of a node that does not vote");
                    return;
                };
                self.situation.heard(first, clock::monotonic());
                match Message::decode(&bytes) {
                    Ok(message) => {
                        // A member whose key is being replaced speaks for two validators.
                        let signer = message.signer().filter(|signer| speakers.contains(signer));
                        self.speaker = Some(peer);
                        self.step(ReplicaInput::Message {
                            from: Some(signer.unwrap_or(first)),
                            message,
                        });
                        self.speaker = None;
                    }
                    Err(error) => {
                        tracing::debug!(%peer, %error, "consensus message does not decode");
                    }
                }
            }
            CoreInput::Height { peer, height, live } => {
                if live {
                    let own = self.replica.height();
                    self.outlets.claims.correct(peer, height, own);
                } else {
                    self.note_height(peer, height);
                }
                let set = self.replica.validators();
                let validator = self
                    .outlets
                    .roster
                    .validators(&peer)
                    .find(|validator| set.validator(*validator).is_some());
                if live && let Some(validator) = validator {
                    self.step(ReplicaInput::Height { validator, height });
                }
            }
            CoreInput::Blocks { blocks, reply } => {
                let outputs = self
                    .replica
                    .step(clock::now(), ReplicaInput::Blocks(blocks));
                let bad = outputs.iter().find_map(|output| match output {
                    Output::BadBlocks(reason) => Some(reason.clone()),
                    Output::Send { .. }
                    | Output::Broadcast(_)
                    | Output::Arm(..)
                    | Output::Verdict(_)
                    | Output::Gossip(_)
                    | Output::Committed(_)
                    | Output::Behind(_)
                    | Output::Stalled(_)
                    | Output::Recovered
                    | Output::Silent(_)
                    | Output::Misbehaviour(_) => None,
                });
                self.deliver(outputs);
                // Whoever asked may have given up; the blocks are in either way.
                drop(reply.send(bad.map_or(Ok(self.replica.height()), Err)));
            }
            CoreInput::Peer(peer) => {
                self.status_due = true;
                // What was sent to another is not lost: its comings and goings are no reason to send everything again.
                let proposer = self.replica.proposer();
                if self.outlets.roster.of(&proposer).any(|node| node == peer) {
                    self.proposer = None;
                }
            }
        }
    }

    /// An inbox that is never empty leaves one step in so many for admissions.
    fn admit_in_between(&mut self, admissions: &mut mpsc::Receiver<Vec<Admission>>) {
        self.inbox_run += 1;
        if self.inbox_run < INBOX_RUN_MAX {
            return;
        }
        self.inbox_run = 0;
        if self.admitting.is_empty()
            && let Ok(batch) = admissions.try_recv()
        {
            self.admitting.extend(batch);
        }
        if !self.admitting.is_empty() {
            self.admit_some();
        }
    }

    /// What one step takes, all at once, so that the block which they cause holds all of them.
    fn admit_some(&mut self) {
        self.inbox_run = 0;
        let parts = self.admitting.next_step();
        let transactions = parts
            .iter()
            .flat_map(|(_, part)| part.iter().flatten().cloned())
            .collect();
        let outputs = self
            .replica
            .step(clock::now(), ReplicaInput::Transactions(transactions));
        // A transaction that is new here is told of just before its verdict.
        let (mut answers, mut rest, mut new) = (Vec::new(), Vec::new(), false);
        for output in outputs {
            match output {
                Output::Gossip(_) => new = true,
                Output::Verdict(verdict) => answers.push((verdict, std::mem::take(&mut new))),
                Output::Send { .. }
                | Output::Broadcast(_)
                | Output::Arm(..)
                | Output::Committed(_)
                | Output::Behind(_)
                | Output::BadBlocks(_)
                | Output::Stalled(_)
                | Output::Recovered
                | Output::Silent(_)
                | Output::Misbehaviour(_) => rest.push(output),
            }
        }
        let mut answers = answers.into_iter();
        let votes = self.replica.votes();
        let mut own = Vec::new();
        for (mut begun, part) in parts {
            let mut fresh = Vec::new();
            for transaction in part {
                begun.verdicts.push(transaction.and_then(|transaction| {
                    let (verdict, new) = answers
                        .next()
                        .expect("the replica answers for each transaction");
                    if new {
                        fresh.push(transaction);
                    }
                    verdict
                }));
            }
            self.show_waiting(&fresh);
            if self.answers_for(&begun.origin, votes) {
                own.append(&mut fresh);
            } else if votes {
                self.spread.heard(clock::monotonic(), fresh);
            } else {
                self.pass_on(&fresh, &begun.origin);
            }
            self.admitting.settle(begun);
        }
        self.forget_driven_out();
        self.pass_on_own(own);
        self.deliver(rest);
    }

    /// Tells the gateway what waits.
    fn show_waiting(&mut self, fresh: &[Arc<Checked>]) {
        if fresh.is_empty() {
            return;
        }
        self.status_due = true;
        let mut pool = self.outlets.waiting();
        for transaction in fresh {
            let mempool = self.replica.mempool();
            pool.pending.insert(transaction.hash);
            let Some(next) = mempool.next_nonce_of(&transaction.sender) else {
                continue;
            };
            pool.next_nonces.insert(transaction.sender.clone(), next);
        }
    }

    /// Tells the gateway what waits no more, since it gave way to others.
    fn forget_driven_out(&mut self) {
        let driven_out = self.replica.take_driven_out();
        if driven_out.is_empty() {
            return;
        }
        self.status_due = true;
        let mempool = self.replica.mempool();
        let mut pool = self.outlets.waiting();
        for transaction in driven_out {
            if !mempool.contains_hash(&transaction.hash) {
                pool.pending.remove(&transaction.hash);
            }
            if !mempool.has_sender(&transaction.sender) {
                pool.next_nonces.remove(&transaction.sender);
            }
        }
    }

    /// What clients bring, every node answers for; what followers send, validators do.
    fn answers_for(&self, origin: &Origin, votes: bool) -> bool {
        match origin {
            Origin::Client(_) => true,
            Origin::Peer(from) => votes && self.outlets.roster.validator(from).is_none(),
            Origin::Gossip { .. } => false,
        }
    }

    fn pass_on(&self, fresh: &[Arc<Checked>], origin: &Origin) {
        if fresh.is_empty() {
            return;
        }
        let Outlets {
            network, roster, ..
        } = &self.outlets;
        self.send(fresh, &spread::audience(origin, network, roster));
    }

    fn pass_on_own(&mut self, fresh: Vec<Arc<Checked>>) {
        if fresh.is_empty() {
            return;
        }
        let to_proposer = self.proposing_peers();
        let told = to_proposer.is_none();
        self.send_on(&fresh, to_proposer);
        let now = clock::monotonic();
        for transaction in fresh {
            self.spread.own(now, transaction, told);
        }
    }

    /// The nodes of whoever proposes in this round, none if it is this one; no answer if nobody can tell, or it is out of reach.
    fn proposing_peers(&self) -> Option<Vec<PeerId>> {
        if !self.replica.votes() {
            return None;
        }
        let proposer = self.replica.proposer();
        if self.replica.validator() == Some(proposer) {
            return Some(Vec::new());
        }
        let connected = self.outlets.network.connected();
        let mut peers: Vec<PeerId> = self.outlets.roster.of(&proposer).collect();
        peers.retain(|peer| connected.contains(peer));
        (!peers.is_empty()).then_some(peers)
    }

    /// To whoever proposes, or else to everybody.
    fn send_on(&self, transactions: &[Arc<Checked>], to_proposer: Option<Vec<PeerId>>) {
        let peers = to_proposer.unwrap_or_else(|| self.outlets.network.connected());
        self.send(transactions, &peers);
    }

    fn send(&self, transactions: &[Arc<Checked>], peers: &[PeerId]) {
        if peers.is_empty() {
            return;
        }
        for batch in spread::batches(transactions) {
            self.outlets.network.spread(peers, batch);
        }
    }

    /// Somebody else proposes from now on, or can be reached again: what this node answers for may not have come there.
    fn follow_proposer(&mut self) {
        let proposer = self.replica.proposer();
        if self.proposer.replace(proposer) == Some(proposer) {
            return;
        }
        let mempool = self.replica.mempool();
        let all = self.spread.all(clock::monotonic(), |transaction| {
            mempool.contains_hash(&transaction.hash)
        });
        self.send_on(&all, self.proposing_peers());
    }

    fn send_what_waits(&mut self) {
        let mempool = self.replica.mempool();
        let Due {
            everybody,
            proposer,
            gossip,
        } = self.spread.due(clock::monotonic(), |transaction| {
            mempool.contains_hash(&transaction.hash)
        });
        self.send(&everybody, &self.outlets.network.connected());
        self.send_on(&proposer, self.proposing_peers());
        for transaction in gossip {
            self.outlets
                .network
                .gossip_transaction(transaction.bytes().to_vec());
        }
    }

    fn fire_timers(&mut self) {
        let now = clock::monotonic();
        while let Some(entry) = self.timers.first_entry()
            && entry.key().0 <= now
        {
            let timer = entry.remove();
            self.step(ReplicaInput::Timer(timer));
            // Who stays silent is noticed by time alone.
            self.status_due = true;
            if self.replica.rounds_fail() {
                self.situation.drag(now);
            }
        }
    }

    fn step(&mut self, input: ReplicaInput) {
        let outputs = self.replica.step(clock::now(), input);
        self.deliver(outputs);
    }

    fn deliver(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Send { to, message } => {
                    for peer in self.outlets.roster.of(&to) {
                        self.outlets.network.send(peer, message.clone());
                    }
                }
                Output::Broadcast(message) => {
                    let audience = self.replica.audience();
                    // A member's node speaks for two keys while one of them is being replaced: it hears everything once.
                    let peers: BTreeSet<PeerId> = audience
                        .iter()
                        .flat_map(|validator| self.outlets.roster.of(validator))
                        .collect();
                    let peers: Vec<PeerId> = peers.into_iter().collect();
                    self.outlets.network.broadcast(&peers, message);
                }
                Output::Arm(timer, after) => {
                    self.timers
                        .insert((clock::monotonic() + after, self.next_timer), timer);
                    self.next_timer += 1;
                }
                // Answers to transactions, which `admit_some` takes out.
                Output::Verdict(_) | Output::Gossip(_) => {}
                Output::Committed(committed) => self.committed(&committed),
                // Heights that follow from nobody's message are heard again from somebody.
                Output::Behind(height) => {
                    if let Some(peer) = self.speaker {
                        self.note_height(peer, height);
                    }
                }
                Output::BadBlocks(reason) => tracing::warn!(%reason, "blocks of a peer refused"),
                Output::Stalled(reason) => {
                    tracing::error!(%reason, "this node cannot go on");
                    self.situation.trouble = Some(reason);
                    self.status_due = true;
                }
                Output::Recovered => {
                    tracing::info!("the store writes again");
                    self.situation.trouble = None;
                    self.status_due = true;
                }
                Output::Silent(reason) => {
                    tracing::error!(%reason, "this validator signs nothing");
                    self.status_due = true;
                }
                Output::Misbehaviour(misbehaviour) => {
                    tracing::error!(
                        height = misbehaviour.height(),
                        validator = %misbehaviour.offender(),
                        kind = misbehaviour.kind(),
                        "a validator broke the rules; the proof is kept"
                    );
                    self.situation.misbehaved(&misbehaviour);
                    self.status_due = true;
                }
            }
        }
    }

    fn committed(&mut self, committed: &Committed) {
        tracing::info!(
            height = committed.height,
            round = committed.round,
            transactions = committed.transactions.len(),
            app_hash = %hex::encode(committed.app_hash),
            "block committed"
        );
        {
            let mut pool = self.outlets.waiting();
            for hash in &committed.transactions {
                pool.pending.remove(hash);
            }
            for (sender, nonce) in &committed.senders {
                let next = self.replica.mempool().next_nonce(sender, *nonce);
                if next == nonce + 1 {
                    pool.next_nonces.remove(sender.as_ref());
                } else {
                    pool.next_nonces.insert(sender.clone(), next);
                }
            }
        }
        self.forget_what_waits_no_more();
        let mempool = self.replica.mempool();
        self.spread.forget(mempool.len(), |transaction| {
            mempool.contains_hash(&transaction.hash)
        });
        if committed.membership_changed {
            self.enrol();
        }
        self.outlets.published.send_replace(Published {
            height: committed.height,
        });
        self.situation.commit(committed, clock::monotonic());
        self.status_due = true;
        self.announce_due = true;
    }

    /// Lets in whom the newest state names, and nobody else.
    fn enrol(&mut self) {
        let roster = Roster::load(self.replica.archive());
        let network = &self.outlets.network;
        network.admit(roster.admission());
        if roster.denied().contains(&network.local_peer()) {
            tracing::warn!("this node's member was removed from the chain: its peers refuse it");
        }
        self.outlets.enrolled.send_replace(roster.clone());
        self.outlets.roster = roster;
    }

    /// What left the mempool without a block: it waited too long, could not run, or gave way.
    fn forget_what_waits_no_more(&self) {
        let mempool = self.replica.mempool();
        let mut pool = self.outlets.waiting();
        if pool.pending.len() > mempool.len() {
            pool.pending.retain(|hash| mempool.contains_hash(hash));
        }
        if pool.next_nonces.len() > mempool.senders() {
            pool.next_nonces
                .retain(|sender, _| mempool.has_sender(sender));
        }
    }

    fn note_height(&self, peer: PeerId, height: u64) {
        let own = self.replica.height();
        self.outlets.claims.note(peer, height, own);
    }

    fn publish_what_is_due(&mut self) {
        let now = clock::monotonic();
        if self.status_due && now >= self.status_at + STATUS_PERIOD {
            self.status_due = false;
            self.status_at = now;
            let connected: BTreeSet<account::Id> = self
                .outlets
                .network
                .connected()
                .iter()
                .filter_map(|peer| self.outlets.roster.validator(peer))
                .collect();
            let status = self.situation.status(
                &self.outlets.facts,
                &self.outlets.roster,
                &self.replica,
                &connected,
                &self.outlets.network,
            );
            self.outlets.status.send_replace(status);
        }
        if self.announce_due && now >= self.announced_at + ANNOUNCE_PERIOD {
            self.announce_due = false;
            self.announced_at = now;
            self.outlets.network.announce(self.replica.height());
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        let timer = self.timers.keys().next().map(|(at, _)| *at);
        let status = self.status_due.then(|| self.status_at + STATUS_PERIOD);
        let announce = self
            .announce_due
            .then(|| self.announced_at + ANNOUNCE_PERIOD);
        let waiting = self.spread.due_at();
        [timer, status, announce, waiting]
            .into_iter()
            .flatten()
            .min()
    }
}
