//! One node's part in the chain, without its surroundings: consensus, mempool, ledger and store behind one function.
//!
//! [`Replica::step`] is told what happened and what time it is, and answers with what to send, when to wake it, and what became
//! of it. It writes inside and sends outside: whatever an [`Output`] promises is durable already. It opens no socket, reads no
//! clock and starts no thread, so the event loop of a node and the simulator drive the same code.
//!
//! When the store cannot write (disk full, read-only) the replica stops voting and says so; it tries again on a timer and goes
//! on where the disk says that it stands. Reads are not its business: they go to the store by another door.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use starfire_consensus::ballots::Ballots;
use starfire_consensus::candidate::Candidate;
use starfire_consensus::certificate;
use starfire_consensus::effect::{Effect, Recipient, Timer};
use starfire_consensus::electorate::Electorate;
use starfire_consensus::input::Input;
use starfire_consensus::machine::{Config, Consensus, Routing};
use starfire_consensus::message::{self, Message, Refusal, Unsigned};
use starfire_consensus::misbehaviour::Misbehaviour;
use starfire_consensus::safety::{SafetyError, SafetyRecord};
use starfire_ledger::block::{encode_commit, last_commit};
use starfire_ledger::{
    Admission, Block, ChainRules, Checked, CheckedBlock, Expected, Genesis, Outcome, Payer,
    execute, genesis, select,
};
use starfire_proto::v1;
use starfire_state::tree::{self, TreeUpdate};
use starfire_state::{Archive, Batch, Rejection, Store, StoreError};
use tendermint::block::{Commit, signed_header::SignedHeader};
use tendermint::{Time, account, validator};
use tendermint_proto::v0_38::types::Commit as RawCommit;

use crate::mempool::{Limits, Mempool};
use crate::recent::Recent;
use crate::signer::Signer;

mod ahead;
mod carried;
mod committed;
mod conviction;
mod early;
mod height;
mod incoming;
mod pace;
mod position;
mod propose;
mod silence;
mod stall;
mod voting;

use ahead::{Ahead, Executed};
use carried::Said;
pub use committed::Committed;
use early::Early;
use pace::Pace;
use position::Position;
use silence::Silence;

/// Blocks of one height that are remembered as checked.
const CHECKED_BLOCKS_MAX: usize = 16;
/// How far a fresh block's time may be from the clock in round 0, milliseconds. Half as much again with every round, so that
/// clocks that drifted apart cannot stop the chain for good.
const TIMELINESS_MS: i64 = 5_000;
/// How long until a store that failed is tried again.
const STORE_RETRY: Duration = Duration::from_secs(1);

/// An address that is in no set: who has it is never asked to sign.
const NOBODY: [u8; 20] = [0; 20];

/// What a replica is told.
#[derive(Debug)]
pub enum ReplicaInput {
    /// A consensus message, decoded but not believed.
    Message {
        /// The validator whose node sent it, as the connection vouches. None, in tests: nobody vouches.
        from: Option<account::Id>,
        /// What it sent.
        message: Message,
    },
    /// Transactions whose signatures hold. They are judged one by one, and looked at together for work.
    Transactions(Vec<Arc<Checked>>),
    /// Blocks that a peer says are the next ones.
    Blocks(Vec<v1::CommittedBlock>),
    /// A validator says how high its chain is. Only heard by a node that does not sign yet.
    Height {
        /// Who.
        validator: account::Id,
        /// Its newest committed height.
        height: u64,
    },
    /// A timer that [`Output::Arm`] set.
    Timer(ReplicaTimer),
}

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReplicaTimer {
    /// The state machine's.
    Consensus(Timer),
    /// The chain was idle at this height for as long as it may be.
    Heartbeat(u64),
    /// Try the store again.
    Store,
}

/// What a replica asks for or tells.
#[derive(Debug)]
pub enum Output {
    /// Send to one validator.
    Send {
        /// Whom.
        to: account::Id,
        /// Encoded.
        message: Vec<u8>,
    },
    /// Send to every other validator.
    Broadcast(Vec<u8>),
    /// Feed the timer back after this long.
    Arm(ReplicaTimer, Duration),
    /// The answer to each of [`ReplicaInput::Transactions`], in order: its hash, or why it may not wait here.
    Verdict(Result<[u8; 32], Rejection>),
    /// A transaction that is new here: pass it on.
    Gossip(Arc<Checked>),
    /// A block is committed and durable.
    Committed(Committed),
    /// Others are at this height: blocks are missing here.
    Behind(u64),
    /// Blocks that a peer sent do not follow, or are not committed.
    BadBlocks(String),
    /// The store cannot write: no votes until it can.
    Stalled(String),
    /// The store writes again.
    Recovered,
    /// A validator broke the rules and signed the proof, which is stored.
    Misbehaviour(Box<Misbehaviour>),
    /// This validator signs nothing from now on, for a reason that begins with a code.
    Silent(String),
}

/// Why a chain cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store could not write genesis.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The safety record is damaged. It is not taken for a lost one: then the node would have to guess.
    #[error(
        "the safety record cannot be relied on, so this node may not vote: move its data directory away and start again; it then \
         catches up and votes when that is safe"
    )]
    Safety(#[from] SafetyError),
}

impl OpenError {
    /// A stable name, for people and programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Store(_) => "STORE",
            Self::Safety(error) => error.code(),
        }
    }
}

/// What a replica is made of besides its store.
#[derive(Debug)]
pub struct Setup {
    /// The chain.
    pub genesis: Genesis,
    /// The validator keys that this node holds. At each height it signs with the one that is in the set; with none, it follows.
    pub signers: Vec<Signer>,
    /// Bounds of the mempool.
    pub mempool: Limits,
}

/// A node's part in the chain. See the module's documentation.
#[derive(Debug)]
pub struct Replica {
    genesis: Genesis,
    rules: ChainRules,
    signers: Vec<Signer>,
    store: Box<dyn StoreSend>,
    /// The newest pages near the root of the state tree.
    tree: tree::Cache,
    consensus: Consensus,
    electorate: Arc<Electorate>,
    last_electorate: Option<Arc<Electorate>>,
    expected: Expected,
    last_commit: Option<Commit>,
    last_block_had_transactions: bool,
    mempool: Mempool,
    recent: Recent,
    admission: Admission,
    inputs: VecDeque<Input>,
    early: Early,
    /// Votes of this height that wait to be checked together.
    ballots: Ballots,
    /// Signatures in certificates of this height that are checked.
    known: message::Known,
    /// Blocks of this height whose content is checked, by header hash, each with the last round in which it came.
    checked: BTreeMap<[u8; 32], (u32, CheckedBlock)>,
    /// The last round in which a proposal of the next height was looked into for the commit of this one.
    glanced: Option<u32>,
    /// The block of this height that was proposed first in each round; `None`: it is invalid.
    judged: BTreeMap<u32, Option<tendermint::block::Id>>,
    /// What the block does that is likely to be decided.
    ahead: Option<Ahead>,
    build: Option<BuildWish>,
    worked: bool,
    heartbeat_over: bool,
    /// This step began a height.
    went_on: bool,
    /// It began another, which waits for a step of its own: a validator that is a quorum alone would never come to this one's end.
    resting: bool,
    said: Said,
    /// The store failed; the block that it must take first, if any.
    stalled: Option<Option<(CheckedBlock, Commit)>>,
    /// What is committed, and not known to be durable since the store failed.
    untold: Vec<Committed>,
    silence: Option<Silence>,
    /// Whether anything was signed since the start.
    signed: bool,
    pace: Pace,
    /// When the work or the first proposal of this height came.
    began: Option<Time>,
}

/// A store that a thread can own.
pub trait StoreSend: Store + Send + std::fmt::Debug {}
impl<T: Store + Send + std::fmt::Debug> StoreSend for T {}

#[derive(Debug)]
struct BuildWish {
    round: u32,
    last_commit: Option<Commit>,
}

impl Replica {
    /// Opens the chain in `store`, writing its genesis if there is none, and asks for what the first height needs.
    ///
    /// # Panics
    /// When the store holds bytes that this program did not write.
    pub fn open(
        setup: Setup,
        store: Box<dyn StoreSend>,
        now: Time,
    ) -> Result<(Self, Vec<Output>), OpenError> {
        let Setup {
            genesis,
            signers,
            mempool,
        } = setup;
        let mut store = store;
        if store.height().is_none() {
            let changes = genesis.changes().clone();
            let update = tree::apply(as_archive(&*store), 0, &changes);
            store.commit(Batch {
                height: 0,
                changes,
                tree: update.writes,
                ..Batch::default()
            })?;
        }
        let height = store.height().expect("genesis is stored");
        // A store that began with a snapshot has no state of genesis.
        let chain = starfire_state::chain(&*store.state_at(height));
        let safety = read_safety(&*store)?;
        let silence = Silence::at_start(signers.first(), &safety);
        let position = Position::load(&genesis, as_archive(&*store), chain.block_transactions_max);
        let config = config(&genesis);
        let pace = Pace::new(config.timeout_base);
        let admission = Admission::new(&*store.state_at(height), height + 1);
        let mut replica = Self {
            rules: ChainRules::of(&chain),
            // A follower's machine has nothing to sign either way.
            consensus: Consensus::silent(config, safety),
            electorate: Arc::new(position.electorate),
            last_electorate: None,
            expected: position.expected,
            last_commit: position.last_commit,
            last_block_had_transactions: position.had_transactions,
            recent: Recent::beside(&mempool),
            mempool: Mempool::new(mempool),
            admission,
            inputs: VecDeque::new(),
            early: Early::default(),
            ballots: Ballots::default(),
            known: message::Known::default(),
            checked: BTreeMap::new(),
            glanced: None,
            judged: BTreeMap::new(),
            ahead: None,
            build: None,
            worked: false,
            heartbeat_over: false,
            went_on: false,
            resting: false,
            said: Said::default(),
            stalled: None,
            untold: Vec::new(),
            silence,
            signed: false,
            pace,
            began: None,
            genesis,
            signers,
            store,
            tree: tree::Cache::new(),
        };
        let mut outputs = Vec::new();
        replica.start_height(now, &mut outputs);
        replica.end_silence(now, &mut outputs);
        replica.run(now, &mut outputs);
        replica.settle(&mut outputs);
        Ok((replica, outputs))
    }

    /// Takes one input. `now` is the node's clock; it reaches a block's time when this node proposes, and nothing else.
    pub fn step(&mut self, now: Time, input: ReplicaInput) -> Vec<Output> {
        let mut outputs = Vec::new();
        self.went_on = false;
        self.resting = false;
        self.said = Said::default();
        match input {
            ReplicaInput::Message { from, message } => {
                self.message(now, from, message, &mut outputs);
            }
            ReplicaInput::Transactions(transactions) => {
                self.read_sources(&transactions);
                for transaction in transactions {
                    self.transaction(now, transaction, &mut outputs);
                }
            }
            ReplicaInput::Blocks(blocks) => self.blocks(now, &blocks, &mut outputs),
            ReplicaInput::Height { validator, height } => {
                self.height_reported(now, validator, height, &mut outputs);
            }
            ReplicaInput::Timer(ReplicaTimer::Consensus(timer)) => {
                self.inputs.extend(self.ballots.flush(&self.electorate));
                self.inputs.push_back(Input::Timer(timer));
            }
            ReplicaInput::Timer(ReplicaTimer::Heartbeat(height)) => {
                self.heartbeat_over |= height == self.height_to_decide();
            }
            ReplicaInput::Timer(ReplicaTimer::Store) => self.retry_store(now, &mut outputs),
        }
        self.run(now, &mut outputs);
        self.settle(&mut outputs);
        outputs
    }

    /// The newest committed height.
    pub fn height(&self) -> u64 {
        self.expected.height - 1
    }

    /// The store, to look into.
    pub fn archive(&self) -> &dyn Archive {
        as_archive(&*self.store)
    }

    /// The round that is being decided.
    pub fn round(&self) -> u32 {
        // The machine may still stand at the height before.
        if self.consensus.height() == self.height_to_decide() {
            self.consensus.round()
        } else {
            0
        }
    }

    /// Whether the height drags on: a round failed, or this node gave up on the first. Without a quorum no round ever fails for
    /// all, so the own timeout must tell.
    pub fn rounds_fail(&self) -> bool {
        self.round() > 0 || self.consensus.record().timeout_round.is_some()
    }

    /// Transactions that wait.
    pub fn mempool(&self) -> &Mempool {
        &self.mempool
    }

    /// Transactions that newcomers drove out of the mempool since the last block, or since this was asked.
    pub fn take_driven_out(&mut self) -> Vec<Arc<Checked>> {
        self.mempool.take_driven_out()
    }

    /// What was checked lately, to be shared with those who check signatures for this replica.
    pub fn recent(&self) -> &Recent {
        &self.recent
    }

    /// Gives the store back, as a crash would leave it.
    pub fn into_store(self) -> Box<dyn StoreSend> {
        self.store
    }

    fn height_to_decide(&self) -> u64 {
        self.expected.height
    }

    fn now_ms(now: Time) -> i64 {
        i64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
    }

    /// Feeds the state machine until it has nothing more to do.
    fn run(&mut self, now: Time, outputs: &mut Vec<Output>) {
        loop {
            if self.stalled.is_some() {
                self.inputs.clear();
                return;
            }
            self.notice_work(now);
            let Some(input) = self.inputs.pop_front() else {
                return;
            };
            for effect in self.consensus.step(input) {
                if self.stalled.is_some() {
                    break;
                }
                self.carry_out(now, effect, outputs);
            }
        }
    }

    fn carry_out(&mut self, now: Time, effect: Effect, outputs: &mut Vec<Output>) {
        match effect {
            // Silence may begin between two effects of one step.
            Effect::Persist(_) | Effect::Sign { .. } if self.silence.is_some() => {}
            Effect::Persist(record) => {
                if let Err(error) = self.save_safety(&record) {
                    self.stall(None, &error, outputs);
                }
            }
            Effect::Sign { message, to } => self.sign(message, to, outputs),
            Effect::Foreign(signature) => self.disown(signature, outputs),
            Effect::Send { message, to } => self.send_to_others(&message, to, outputs),
            Effect::Build {
                height,
                round,
                last_commit,
            } => {
                if height == self.height_to_decide() {
                    self.build = Some(BuildWish {
                        round,
                        last_commit: last_commit.map(|commit| *commit),
                    });
                }
            }
            Effect::Arm { timer, duration } => {
                outputs.push(Output::Arm(ReplicaTimer::Consensus(timer), duration));
            }
            Effect::Commit { block, commit } => {
                match self.check_block(commit.round.value(), &block) {
                    Ok(block) => self.commit(now, block, *commit, outputs),
                    Err(reason) => self.diverge(self.height_to_decide(), &reason, outputs),
                }
            }
            Effect::Missing { commit } => outputs.push(Output::Behind(commit.height.value())),
            Effect::Misbehaviour(misbehaviour) => self.convict(&misbehaviour, outputs),
        }
    }

    /// Signs, sends, and feeds the message back if this node is a recipient.
    fn sign(&mut self, message: Unsigned, to: Recipient, outputs: &mut Vec<Output>) {
        let Some(signer) = self.signer() else { return };
        let me = signer.address();
        tell_vote(&message);
        let signature = signer.sign(&message.sign_bytes(self.genesis.chain_id()));
        let signature = tendermint::Signature::try_from(signature.as_slice())
            .expect("64 bytes are a signature");
        self.signed = true;
        let (message, input) = message.signed_here(signature);
        self.send_to_others(&message, to, outputs);
        let to_me = match to {
            Recipient::All => true,
            Recipient::One(address) => address == me,
        };
        let Some(input) = input.filter(|_| to_me) else {
            return;
        };
        if let Message::Vote(vote) = &message {
            let others = self.ballots.own(&self.electorate, vote);
            self.inputs.extend(others);
        }
        self.inputs.push_back(input);
    }

    fn send_to_others(&mut self, message: &Message, to: Recipient, outputs: &mut Vec<Output>) {
        let me = self.validator();
        match to {
            Recipient::All => {
                self.note_broadcast(message, outputs);
                outputs.push(Output::Broadcast(message.encode()));
            }
            Recipient::One(address) if Some(address) == me => {}
            Recipient::One(address) => outputs.push(Output::Send {
                to: address,
                message: message.encode(),
            }),
        }
    }

    /// A commit that was said in this step need not be, if the proposal that now follows carries it.
    fn note_broadcast(&mut self, message: &Message, outputs: &mut Vec<Output>) {
        match message {
            Message::Commit(commit) => self.said.commit(commit.height.value(), outputs.len()),
            Message::Proposal(proposal) => {
                let bytes = proposal.block.bytes().len();
                if let Some(place) = self.said.carried_by(message.height(), bytes) {
                    outputs.remove(place);
                }
            }
            Message::Vote(_)
            | Message::QuorumCertificate(_)
            | Message::Timeout(_)
            | Message::TimeoutCertificate(_)
            | Message::Misbehaviour(_) => {}
        }
    }
}

/// Every vote and proposal leaves a line, so that the logs of a network show whether anybody ever signed two different things.
fn tell_vote(message: &Unsigned) {
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    let (height, round, kind, block) = match message {
        Unsigned::Proposal(proposal) => (
            proposal.height(),
            proposal.round,
            "Proposal".to_owned(),
            Some(proposal.block.id()),
        ),
        Unsigned::Vote(vote) => (
            vote.height.value(),
            vote.round.value(),
            format!("{:?}", vote.vote_type),
            vote.block_id,
        ),
        // Two timeouts of one round contradict nothing.
        Unsigned::Timeout(_) => return,
    };
    let block = block.map(|id| id.hash.to_string()).unwrap_or_default();
    tracing::debug!(height, round, %kind, %block, "vote signed");
}

fn config(genesis: &Genesis) -> Config {
    let timeout_base = Duration::from_millis(genesis.file().consensus.timeout_base_ms);
    Config {
        // Each height says as whom this node signs.
        address: account::Id::new(NOBODY),
        routing: match genesis.file().consensus.routing {
            genesis::Routing::Collector => Routing::Collector,
            genesis::Routing::Broadcast => Routing::Broadcast,
        },
        timeout_base,
        timeout_max: Duration::from_millis(genesis.file().consensus.timeout_max_ms),
        rebroadcast: timeout_base,
    }
}

/// The record on disk. None there: the node was wiped. It signs nothing, since it does not know what it has signed.
fn read_safety(store: &dyn StoreSend) -> Result<SafetyRecord, SafetyError> {
    match store.safety() {
        Some(bytes) => SafetyRecord::decode(&bytes, |digest| store.safety_block(digest)),
        None => Ok(SafetyRecord::silent()),
    }
}

/// The clock's time, in whole milliseconds, and later than the block before.
fn block_time(now: Time, last: Time) -> Time {
    let at_least = last.unix_timestamp_nanos() / 1_000_000 + 1;
    let nanos = (now.unix_timestamp_nanos() / 1_000_000).max(at_least) * 1_000_000;
    let seconds =
        i64::try_from(nanos.div_euclid(1_000_000_000)).expect("a clock's seconds fit in 64 bits");
    let rest =
        u32::try_from(nanos.rem_euclid(1_000_000_000)).expect("less than a second of nanoseconds");
    Time::from_unix_timestamp(seconds, rest).expect("a clock's time is a time")
}

fn timeliness_ms(round: u32) -> u64 {
    let mut allowed = TIMELINESS_MS.unsigned_abs();
    for _ in 0..round.min(40) {
        allowed = allowed.saturating_mul(3) / 2;
    }
    allowed
}

fn header_hash(id: &tendermint::block::Id) -> [u8; 32] {
    id.hash
        .as_bytes()
        .try_into()
        .expect("a block's id holds a SHA-256 hash")
}

fn parse_commit(bytes: &[u8]) -> Option<Commit> {
    <RawCommit as prost::Message>::decode(bytes)
        .ok()?
        .try_into()
        .ok()
}

fn decode_commit(bytes: &[u8]) -> Commit {
    parse_commit(bytes).expect("a stored commit decodes")
}

fn as_archive(store: &dyn StoreSend) -> &dyn Archive {
    store
}

/// An error with all its causes, in one line.
fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
