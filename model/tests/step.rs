//! The machine itself: `Consensus::step` of three honest validators, and one that equivocates.
//!
//! One height, three rounds. The liar proposes two blocks in round 0, votes for both in both phases in every round, gives up on
//! every round knowing nothing, and makes every certificate that its own votes and those sent to it allow. Each message reaches
//! each recipient at any time or never, timers run out at any time, and one validator may die and come back from its disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use starfire_consensus::candidate::Candidate;
use starfire_consensus::effect::{Effect, Recipient, Timer, TimerKind};
use starfire_consensus::input::Input;
use starfire_consensus::machine::{Config, Consensus, Routing};
use starfire_consensus::message::{Message, Timeout, Unsigned};
use starfire_consensus::safety::SafetyRecord;
use starfire_model::chain::{Chain, Parcel};
use stateright::{Checker, Expectation, HasDiscoveries, Model, Property, UniformChooser};
use tendermint::block::{Height, Id, Round};
use tendermint::vote::{Type, ValidatorIndex, Vote};

/// Validators of the chain; the liar stands at place 0, whose turn round 0 is.
const VALIDATORS: u8 = 4;
const LIAR: usize = 0;
const ROUNDS: u32 = 3;
/// States of an ordinary run, breadth first and in random walks.
const STATES: usize = 6_000;

type Digest = [u8; 32];

/// An honest validator.
#[derive(Clone)]
struct Node {
    machine: Arc<Consensus>,
    /// What its disk holds.
    record: Arc<SafetyRecord>,
    decided: Option<Id>,
    /// Hash of the machine's whole state.
    print: u64,
}

/// A moment of the chain.
#[derive(Clone)]
struct State {
    nodes: BTreeMap<usize, Node>,
    /// Messages under way: for whom, which.
    pending: BTreeSet<(usize, Digest)>,
    /// Everything that was ever sent, so that nothing is sent again.
    sent: BTreeSet<(usize, Digest)>,
    restarted: bool,
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        let prints = |state: &Self| -> Vec<_> {
            let nodes = state.nodes.values();
            nodes.map(|node| (node.print, node.decided)).collect()
        };
        self.pending == other.pending
            && self.sent == other.sent
            && self.restarted == other.restarted
            && prints(self) == prints(other)
    }
}

impl Eq for State {}

impl Hash for State {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for node in self.nodes.values() {
            (node.print, node.decided).hash(state);
        }
        (&self.pending, &self.sent, self.restarted).hash(state);
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounds: Vec<_> = self
            .nodes
            .values()
            .map(|node| (node.machine.round(), node.decided))
            .collect();
        f.debug_struct("State")
            .field("rounds", &rounds)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Action {
    Deliver(usize, Digest),
    TimeOut(usize),
    Restart(usize),
}

/// The chain, and every message by its digest.
struct Steps {
    routing: Routing,
    memory: Mutex<Memory>,
}

struct Memory {
    chain: Chain,
    parcels: BTreeMap<Digest, Arc<Parcel>>,
}

/// Hashes what is written to it: a machine's `Debug` text names its whole state.
struct Print(std::collections::hash_map::DefaultHasher);

impl fmt::Write for Print {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

fn print(machine: &Consensus) -> u64 {
    let mut print = Print(std::collections::hash_map::DefaultHasher::new());
    write!(print, "{machine:?}").unwrap();
    print.0.finish()
}

impl Steps {
    fn new(routing: Routing) -> Self {
        Self {
            routing,
            memory: Mutex::new(Memory {
                chain: Chain::new(VALIDATORS),
                parcels: BTreeMap::new(),
            }),
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, state: &mut State, who: usize, record: SafetyRecord) {
        let config = Config {
            address: self.memory().chain.address(who),
            routing: self.routing,
            timeout_base: Duration::from_millis(1),
            timeout_max: Duration::from_millis(1),
            rebroadcast: Duration::from_millis(1),
        };
        let machine = Consensus::new(config, record.clone());
        let node = Node {
            print: 0,
            machine: Arc::new(machine),
            record: Arc::new(record),
            decided: None,
        };
        state.nodes.insert(who, node);
        let electorate = self.memory().chain.electorate(None);
        self.feed(
            state,
            who,
            Input::StartHeight {
                electorate,
                last_commit: None,
            },
        );
        self.feed(state, who, Input::Work { height: 1 });
    }

    fn feed(&self, state: &mut State, who: usize, input: Input) {
        let mut inputs = vec![input];
        let mut node = state.nodes[&who].clone();
        let mut machine = (*node.machine).clone();
        while let Some(input) = inputs.pop() {
            for effect in machine.step(input) {
                match effect {
                    Effect::Persist(record) => node.record = Arc::from(record),
                    Effect::Sign { message, to } => {
                        let message = self.memory().chain.sign(who, message);
                        if let Some(own) = self.send(state, Some(who), &message, to) {
                            inputs.push(own);
                        }
                    }
                    Effect::Send { message, to } => {
                        self.send(state, Some(who), &message, to);
                    }
                    Effect::Build { round, .. } => {
                        // One block a validator and life: what differs is who builds.
                        let attempt = 10 + round;
                        let block = self.memory().chain.block(None, who, attempt);
                        inputs.push(Input::Built { round, block });
                    }
                    Effect::Commit { block, .. } => node.decided = Some(block.id()),
                    Effect::Missing { commit } => node.decided = Some(commit.block_id),
                    Effect::Arm { .. } | Effect::Misbehaviour(_) | Effect::Foreign(_) => {}
                }
            }
        }
        node.print = print(&machine);
        node.machine = Arc::new(machine);
        state.nodes.insert(who, node);
        self.assemble(state);
    }

    /// Puts a message on its way; what the sender hears itself is returned.
    fn send(
        &self,
        state: &mut State,
        from: Option<usize>,
        message: &Message,
        to: Recipient,
    ) -> Option<Input> {
        let mut memory = self.memory();
        let parcel = memory.chain.parcel(&message.encode());
        memory.parcels.insert(parcel.digest, Arc::clone(&parcel));
        let mut own = None;
        for other in 0..usize::from(VALIDATORS) {
            let meant = match to {
                Recipient::All => true,
                Recipient::One(address) => memory.chain.address(other) == address,
            };
            if !meant {
                continue;
            }
            if from == Some(other) {
                let electorate = memory.chain.electorate(None);
                own = memory
                    .chain
                    .verify(&parcel, &electorate)
                    .and_then(Result::ok);
            } else if state.sent.insert((other, parcel.digest)) && other != LIAR {
                state.pending.insert((other, parcel.digest));
            }
        }
        own
    }

    /// The liar's own words.
    fn lies(&self, state: &mut State) {
        let blocks: Vec<Candidate> = {
            let memory = self.memory();
            (0..2)
                .map(|attempt| memory.chain.block(None, LIAR, attempt))
                .collect()
        };
        for block in &blocks {
            let proposal = Unsigned::Proposal(starfire_consensus::message::Proposal {
                round: 0,
                block: block.clone(),
                justify: None,
                timeout_certificate: None,
                proposer: self.memory().chain.address(LIAR),
                signature: None,
            });
            self.say(state, proposal);
        }
        for round in 0..ROUNDS {
            let validator = self.memory().chain.address(LIAR);
            self.say(
                state,
                Unsigned::Timeout(Timeout {
                    height: 1,
                    round,
                    high_qc: None,
                    validator,
                    signature: None,
                }),
            );
            for block in &blocks {
                for vote_type in [Type::Prevote, Type::Precommit] {
                    self.say(state, self.vote(vote_type, block, round));
                }
            }
        }
    }

    fn vote(&self, vote_type: Type, block: &Candidate, round: u32) -> Unsigned {
        Unsigned::Vote(Vote {
            vote_type,
            height: Height::from(1u32),
            round: Round::try_from(round).unwrap(),
            block_id: Some(block.id()),
            timestamp: Some(block.time()),
            validator_address: self.memory().chain.address(LIAR),
            validator_index: ValidatorIndex::try_from(LIAR).unwrap(),
            signature: None,
            extension: Vec::new(),
            extension_signature: None,
        })
    }

    fn say(&self, state: &mut State, message: Unsigned) {
        let message = self.memory().chain.sign(LIAR, message);
        self.send(state, None, &message, Recipient::All);
    }

    /// The certificates of prevotes and the commits that the liar can make of what it was sent.
    fn assemble(&self, state: &mut State) {
        let mut votes: BTreeMap<(bool, u32, Id), BTreeMap<usize, Vote>> = BTreeMap::new();
        {
            let memory = self.memory();
            let heard = state.sent.iter().filter(|(to, _)| *to == LIAR);
            for (_, digest) in heard {
                if let Some(Message::Vote(vote)) = &memory.parcels[digest].message {
                    let key = (
                        vote.vote_type == Type::Prevote,
                        vote.round.value(),
                        vote.block_id.unwrap(),
                    );
                    let place = usize::from(vote.validator_index);
                    votes.entry(key).or_default().insert(place, vote.clone());
                }
            }
        }
        for ((prevote, ..), votes) in votes {
            if votes.len() >= 3 {
                let message = certificate(prevote, &votes);
                self.send(state, None, &message, Recipient::All);
            }
        }
    }
}

fn certificate(prevote: bool, votes: &BTreeMap<usize, Vote>) -> Message {
    use starfire_consensus::quorum::QuorumCertificate;
    use tendermint::block::{Commit, CommitSig};
    let (_, first) = votes.first_key_value().unwrap();
    let places = || (0..usize::from(VALIDATORS)).map(|place| votes.get(&place));
    let (block_id, time) = (first.block_id.unwrap(), first.timestamp.unwrap());
    if prevote {
        return Message::QuorumCertificate(QuorumCertificate {
            height: 1,
            round: first.round.value(),
            block_id,
            time,
            signatures: places().map(|vote| vote?.signature.clone()).collect(),
        });
    }
    let signatures = places().map(|vote| {
        vote.map_or(CommitSig::BlockIdFlagAbsent, |vote| {
            CommitSig::BlockIdFlagCommit {
                validator_address: vote.validator_address,
                timestamp: time,
                signature: vote.signature.clone(),
            }
        })
    });
    Message::Commit(Commit {
        height: first.height,
        round: first.round,
        block_id,
        signatures: signatures.collect(),
    })
}

impl Model for Steps {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut state = State {
            nodes: BTreeMap::new(),
            pending: BTreeSet::new(),
            sent: BTreeSet::new(),
            restarted: false,
        };
        // The liar hears its own votes.
        self.lies(&mut state);
        for who in 1..usize::from(VALIDATORS) {
            self.start(&mut state, who, SafetyRecord::default());
        }
        vec![state]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (to, digest) in &state.pending {
            actions.push(Action::Deliver(*to, *digest));
        }
        for (who, node) in &state.nodes {
            let gave_up = node.record.timeout_round >= Some(node.machine.round());
            if node.decided.is_none() && node.machine.round() < ROUNDS && !gave_up {
                actions.push(Action::TimeOut(*who));
            }
            if !state.restarted {
                actions.push(Action::Restart(*who));
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Deliver(to, digest) => {
                state.pending.remove(&(to, digest));
                let input = {
                    let mut memory = self.memory();
                    let parcel = Arc::clone(&memory.parcels[&digest]);
                    let electorate = memory.chain.electorate(None);
                    memory.chain.verify(&parcel, &electorate)
                };
                self.feed(&mut state, to, input?.ok()?);
            }
            Action::TimeOut(who) => {
                let round = state.nodes[&who].machine.round();
                let timer = Timer {
                    height: 1,
                    round,
                    kind: TimerKind::Round,
                };
                self.feed(&mut state, who, Input::Timer(timer));
            }
            Action::Restart(who) => {
                state.restarted = true;
                let record = (*state.nodes[&who].record).clone();
                self.start(&mut state, who, record);
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property {
                expectation: Expectation::Always,
                name: "one block is decided",
                condition: |_, state| decisions(state).len() <= 1,
            },
            Property {
                expectation: Expectation::Sometimes,
                name: "a block is decided",
                condition: |_, state| !decisions(state).is_empty(),
            },
        ]
    }

    fn within_boundary(&self, state: &State) -> bool {
        state
            .nodes
            .values()
            .all(|node| node.machine.round() <= ROUNDS)
    }
}

fn decisions(state: &State) -> BTreeSet<Id> {
    state
        .nodes
        .values()
        .filter_map(|node| node.decided)
        .collect()
}

#[test]
fn the_machine_decides_one_block_whatever_is_delivered_when() {
    for routing in [Routing::Collector, Routing::Broadcast] {
        let breadth = Steps::new(routing)
            .checker()
            .target_state_count(starfire_model::states(STATES))
            .finish_when(HasDiscoveries::AnyFailures)
            .spawn_bfs()
            .join();
        println!(
            "machine, {routing:?}, breadth first: {} states, {} unique, depth {}",
            breadth.state_count(),
            breadth.unique_state_count(),
            breadth.max_depth()
        );
        breadth.assert_no_discovery("one block is decided");
        let walks = Steps::new(routing)
            .checker()
            .target_state_count(starfire_model::states(STATES))
            .finish_when(HasDiscoveries::AnyFailures)
            .spawn_simulation(7, UniformChooser)
            .join();
        println!(
            "machine, {routing:?}, random walks: {} states, depth {}",
            walks.state_count(),
            walks.max_depth()
        );
        walks.assert_no_discovery("one block is decided");
        walks.assert_any_discovery("a block is decided");
    }
}
