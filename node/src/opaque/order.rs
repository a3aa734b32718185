//! Consensus over opaque bytes: what `replica.rs` is to a real node, without ledger and store.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use starfire_consensus::candidate::Candidate;
use starfire_consensus::effect::{Effect, Recipient, Timer};
use starfire_consensus::electorate::{Electorate, Parent};
use starfire_consensus::input::Input;
use starfire_consensus::machine::{Config, Consensus, Routing};
use starfire_consensus::message::{self, Message};
use starfire_consensus::safety::SafetyRecord;
use starfire_ledger::block::{VERSION, encode_commit};
use starfire_proto::v1;
use tendermint::block::{Commit, Header, Height, Id};
use tendermint::{AppHash, Hash, Time, account, chain, validator};
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::Header as RawHeader;

use super::CHAIN_ID;
use crate::signer::Signer;

/// What waits to be proposed, bytes. Beyond it clients are not read.
pub(super) const WAITING_BYTES_MAX: usize = 32 << 20;
/// What one block holds at most, bytes.
const BLOCK_BYTES: usize = 4 << 20;
/// A proposer with less than this waits a little for more.
const BLOCK_BYTES_ENOUGH: usize = 512 << 10;
/// How long it waits.
pub(super) const BUILD_PATIENCE: Duration = Duration::from_millis(10);
const TIMEOUT: Duration = Duration::from_secs(2);
const TIMEOUT_MAX: Duration = Duration::from_secs(10);
/// Messages of the next height that are kept until it starts.
const EARLY_MAX: usize = 256;

/// What the order asks for.
#[derive(Debug)]
pub(super) enum Output {
    /// Send to one validator.
    Send(account::Id, Vec<u8>),
    /// Send to all others.
    Broadcast(Vec<u8>),
    /// Feed the timer back.
    Arm(Timer, Duration),
    /// Call [`Order::build`] after [`BUILD_PATIENCE`].
    Patience,
    /// A block is decided.
    Decided(Candidate),
}

/// One validator's part.
pub(super) struct Order {
    signer: Signer,
    chain_id: chain::Id,
    validators: validator::Set,
    consensus: Consensus,
    electorate: Arc<Electorate>,
    parent: Option<(Id, Time)>,
    inputs: VecDeque<Input>,
    early: Vec<Message>,
    waiting: VecDeque<Vec<u8>>,
    waiting_bytes: usize,
    wish: Option<(u32, Option<Commit>)>,
}

impl Order {
    pub(super) fn new(signer: Signer, validators: validator::Set) -> (Self, Vec<Output>) {
        let chain_id: chain::Id = CHAIN_ID.parse().expect("a chain id");
        let config = Config {
            address: signer.address(),
            routing: Routing::Collector,
            timeout_base: TIMEOUT,
            timeout_max: TIMEOUT_MAX,
            rebroadcast: TIMEOUT,
        };
        let electorate = electorate(&chain_id, &validators, 1, None);
        let mut order = Self {
            signer,
            chain_id,
            validators,
            consensus: Consensus::new(config, SafetyRecord::default()),
            electorate: Arc::new(electorate),
            parent: None,
            inputs: VecDeque::new(),
            early: Vec::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            wish: None,
        };
        order.start_height(None);
        let outputs = order.run();
        (order, outputs)
    }

    /// Bytes that wait to be proposed.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// Takes transactions of a client.
    pub(super) fn add(&mut self, now: Time, batch: Vec<u8>) -> Vec<Output> {
        self.waiting_bytes += batch.len();
        self.waiting.push_back(batch);
        if self.wish.is_some() && self.waiting_bytes >= BLOCK_BYTES_ENOUGH {
            return self.build(now);
        }
        Vec::new()
    }

    /// Takes a message of a peer.
    pub(super) fn message(&mut self, message: Message) -> Vec<Output> {
        let height = self.electorate.height();
        if message.height() > height {
            if self.early.len() < EARLY_MAX {
                self.early.push(message);
            }
            return Vec::new();
        }
        self.judge(message);
        self.run()
    }

    pub(super) fn timer(&mut self, timer: Timer) -> Vec<Output> {
        self.inputs.push_back(Input::Timer(timer));
        self.run()
    }

    /// Builds the block that was asked for, out of what waits.
    pub(super) fn build(&mut self, now: Time) -> Vec<Output> {
        let Some((round, last_commit)) = self.wish.take() else {
            return Vec::new();
        };
        let mut batches = Vec::new();
        let mut bytes = 0;
        while let Some(batch) = self
            .waiting
            .pop_front_if(|batch| bytes + batch.len() <= BLOCK_BYTES)
        {
            bytes += batch.len();
            batches.push(batch);
        }
        self.waiting_bytes -= bytes;
        let block = self.encode(now, last_commit.as_ref(), batches);
        let block = Candidate::decode(block.into()).expect("what was just encoded decodes");
        self.inputs.push_back(Input::Built { round, block });
        self.run()
    }

    fn encode(&self, now: Time, last_commit: Option<&Commit>, batches: Vec<Vec<u8>>) -> Vec<u8> {
        let next = Duration::from_millis(1);
        let least = self.parent.map_or(now, |(_, time)| {
            (time + next).expect("a time of this century has a next millisecond")
        });
        let hash = self.electorate.validators_hash();
        let header = Header {
            version: VERSION,
            chain_id: self.chain_id.clone(),
            height: Height::try_from(self.electorate.height()).expect("a height fits in 63 bits"),
            time: now.max(least),
            last_block_id: self.parent.map(|(id, _)| id),
            last_commit_hash: None,
            data_hash: None,
            validators_hash: hash,
            next_validators_hash: hash,
            consensus_hash: Hash::Sha256([0; 32]),
            app_hash: AppHash::default(),
            last_results_hash: None,
            evidence_hash: None,
            proposer_address: self.signer.address(),
        };
        prost::Message::encode_to_vec(&v1::Block {
            header: Protobuf::<RawHeader>::encode_vec(header),
            transactions: batches,
            last_commit: last_commit.map(encode_commit).unwrap_or_default(),
        })
    }

    fn judge(&mut self, message: Message) {
        match message::verify(message, &self.electorate) {
            Ok(input) => self.inputs.push_back(input),
            Err(refusal) => tracing::debug!(%refusal, "message refused"),
        }
    }

    fn run(&mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        while let Some(input) = self.inputs.pop_front() {
            for effect in self.consensus.step(input) {
                self.carry_out(effect, &mut outputs);
            }
        }
        outputs
    }

    fn carry_out(&mut self, effect: Effect, outputs: &mut Vec<Output>) {
        match effect {
            Effect::Persist(_) => {}
            Effect::Sign { message, to } => {
                let signature = self.signer.sign(&message.sign_bytes(&self.chain_id));
                let signature = tendermint::Signature::try_from(signature.as_slice())
                    .expect("64 bytes are a signature");
                let (message, own) = message.signed_here(signature);
                self.send(&message, to, outputs);
                if to == Recipient::All || to == Recipient::One(self.signer.address()) {
                    self.inputs.extend(own);
                }
            }
            Effect::Send { message, to } => self.send(&message, to, outputs),
            Effect::Build {
                round, last_commit, ..
            } => {
                self.wish = Some((round, last_commit.map(|commit| *commit)));
                outputs.push(Output::Patience);
            }
            Effect::Arm { timer, duration } => outputs.push(Output::Arm(timer, duration)),
            Effect::Commit { block, commit } => {
                self.parent = Some((block.id(), block.time()));
                let parent = Parent {
                    block_id: block.id(),
                    proposer: block.header().proposer_address,
                };
                let height = self.electorate.height() + 1;
                self.electorate = Arc::new(electorate(
                    &self.chain_id,
                    &self.validators,
                    height,
                    Some(parent),
                ));
                outputs.push(Output::Decided(block));
                self.start_height(Some(*commit));
            }
            Effect::Missing { commit } => {
                tracing::warn!(height = %commit.height, "a decided block is not here yet");
            }
            Effect::Foreign(signature) => {
                tracing::error!(?signature, "another node signs with this key");
            }
            Effect::Misbehaviour(misbehaviour) => {
                tracing::error!(?misbehaviour, "a validator broke the rules");
            }
        }
    }

    /// There is always work: a height without transactions is decided too.
    fn start_height(&mut self, last_commit: Option<Commit>) {
        self.wish = None;
        self.inputs.clear();
        let height = self.electorate.height();
        self.inputs.push_back(Input::StartHeight {
            electorate: self.electorate.clone(),
            last_commit,
        });
        self.inputs.push_back(Input::Work { height });
        for message in std::mem::take(&mut self.early) {
            if message.height() == height {
                self.judge(message);
            } else if message.height() > height {
                self.early.push(message);
            }
        }
    }

    fn send(&self, message: &Message, to: Recipient, outputs: &mut Vec<Output>) {
        match to {
            Recipient::All => outputs.push(Output::Broadcast(message.encode())),
            Recipient::One(address) if address == self.signer.address() => {}
            Recipient::One(address) => outputs.push(Output::Send(address, message.encode())),
        }
    }
}

/// Turns go round with every height, so that each node's clients are served alike.
fn electorate(
    chain_id: &chain::Id,
    validators: &validator::Set,
    height: u64,
    parent: Option<Parent>,
) -> Electorate {
    Electorate::new(chain_id.clone(), height, validators.clone(), parent, 1)
        .expect("the validators of a benchmark are distinct")
}
