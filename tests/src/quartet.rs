//! A few replicas on a good network, to which a test does one thing: the place to show that a safety switch bites.
//!
//! Where the [`cluster`](crate::cluster) plays seeds, this plays scripts: kill this node, put an old disk back, start another with
//! the same key. Messages take a fixed time, nothing is lost, and no honest key may contradict itself on the wire.

use std::collections::BTreeMap;
use std::time::Duration;

use starfire_consensus::message::Message;
use starfire_node::mempool::{Limits, WORK_MAX};
use starfire_node::replica::{
    Committed, OpenError, Output, Replica, ReplicaInput, ReplicaTimer, Setup,
};
use starfire_proto::v1;
use starfire_state::Memory;
use tendermint::{Time, account};

use crate::checks::Checks;
use crate::disk::DiskHandle;
use crate::world::World;

/// How long a message takes, simulated milliseconds.
const DELAY_MS: u64 = 5;
/// How long a node that fell behind waits before it asks for blocks.
const PATIENCE_MS: u64 = 50;
/// Blocks given out at once.
const BLOCKS_MAX: u64 = 8;
const MEMPOOL: Limits = Limits {
    transactions_max: 100,
    bytes_max: 1 << 20,
    work_max: WORK_MAX,
    transactions_per_sender_max: 10,
};

#[derive(Debug)]
enum Due {
    Input(Box<ReplicaInput>),
    Timer { life: u32, timer: ReplicaTimer },
    CatchUp,
}

/// One node.
#[derive(Debug)]
pub struct Member {
    /// Its place among the validators; two nodes may have the same.
    pub validator: usize,
    /// What outlives it.
    pub disk: DiskHandle,
    /// None while it is down.
    pub replica: Option<Replica>,
    /// Why it said that it signs nothing.
    pub silences: Vec<String>,
    /// Proofs that it told of.
    pub misbehaviours: usize,
    /// Votes, proposals and timeouts that it signed.
    pub signed: usize,
    /// Its disk may fail.
    pub may_stall: bool,
    /// The newest block that it told of.
    pub told: u64,
    /// The lowest height of its disk when that failed.
    pub stalled_at: Option<u64>,
    life: u32,
}

/// The nodes and their surroundings.
#[derive(Debug)]
pub struct Quartet<'w> {
    world: &'w World,
    /// Node 0 is validator 0, and so on; further ones as they were added.
    pub members: Vec<Member>,
    /// Every block, by height, as the first node told of it.
    pub chain: BTreeMap<u64, Committed>,
    checks: Checks,
    queue: BTreeMap<(u64, u64), (usize, Due)>,
    sequence: u64,
    now_ms: u64,
    /// How far all clocks were set back.
    behind: Duration,
}

impl<'w> Quartet<'w> {
    /// One node for each validator of the world, all of them started.
    pub fn new(world: &'w World) -> Self {
        let mut quartet = Self::stopped(world);
        for node in 0..world.validators() {
            quartet.start(node).expect("a new disk opens");
        }
        quartet
    }

    /// The same, none of them started.
    pub fn stopped(world: &'w World) -> Self {
        let mut quartet = Self {
            world,
            members: Vec::new(),
            chain: BTreeMap::new(),
            checks: Checks::default(),
            queue: BTreeMap::new(),
            sequence: 0,
            now_ms: 0,
            behind: Duration::ZERO,
        };
        for validator in 0..world.validators() {
            quartet.add(validator);
        }
        quartet
    }

    /// One more node with that validator's key, and a disk that has nothing to forget. Not started.
    pub fn add(&mut self, validator: usize) -> usize {
        self.members.push(Member {
            validator,
            disk: DiskHandle::default(),
            replica: None,
            silences: Vec::new(),
            misbehaviours: 0,
            signed: 0,
            may_stall: false,
            told: 0,
            stalled_at: None,
            life: 0,
        });
        self.members.len() - 1
    }

    /// Starts a node from its disk.
    pub fn start(&mut self, node: usize) -> Result<(), OpenError> {
        self.start_as(node, true)
    }

    /// Starts a node from its disk, with or without its validator's key.
    pub fn start_as(&mut self, node: usize, votes: bool) -> Result<(), OpenError> {
        let signer = self.world.signer(self.members[node].validator);
        let setup = Setup {
            genesis: self.world.genesis.clone(),
            signers: votes.then_some(signer).into_iter().collect(),
            mempool: MEMPOOL,
        };
        let store = Box::new(self.members[node].disk.mount());
        let (replica, outputs) = Replica::open(setup, store, self.now())?;
        self.members[node].life += 1;
        self.members[node].replica = Some(replica);
        self.deliver(node, outputs);
        for other in 0..self.members.len() {
            self.tell_height(other, node);
            self.tell_height(node, other);
        }
        Ok(())
    }

    /// Kills a node; what its disk holds can be taken.
    pub fn kill(&mut self, node: usize) -> Memory {
        self.members[node].replica = None;
        self.members[node]
            .disk
            .take()
            .expect("a replica leaves its disk")
    }

    /// Tells a node something, before anything else that is on its way.
    pub fn tell(&mut self, to: usize, input: ReplicaInput) {
        self.schedule(0, to, Due::Input(Box::new(input)));
    }

    /// Sets every node's clock back. Timers run on.
    pub fn set_clocks_back(&mut self, by: Duration) {
        self.behind += by;
    }

    /// A message arrives at a node, from a validator's.
    pub fn inject(&mut self, to: usize, from: usize, message: Message) {
        let from = Some(self.world.signer(from).address());
        self.schedule(
            0,
            to,
            Due::Input(Box::new(ReplicaInput::Message { from, message })),
        );
    }

    /// A node that is up.
    ///
    /// # Panics
    /// When it is down.
    pub fn replica(&self, node: usize) -> &Replica {
        self.members[node].replica.as_ref().expect("it is up")
    }

    /// Goes on until `done`, for at most so many simulated seconds. Whether it was done.
    pub fn run(&mut self, seconds: u64, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.now_ms + seconds * 1_000;
        while !done(self) {
            let Some(entry) = self.queue.first_entry() else {
                return false;
            };
            if entry.key().0 > end {
                return false;
            }
            let ((now, _), (node, due)) = entry.remove_entry();
            self.now_ms = now;
            self.happen(node, due);
        }
        true
    }

    /// Goes on until a node has that many blocks.
    ///
    /// # Panics
    /// When that takes more than ten simulated minutes.
    pub fn run_to(&mut self, node: usize, height: u64) {
        let reached = self.run(600, |quartet| quartet.replica(node).height() >= height);
        let members = self.members.iter().map(|member| {
            let replica = member.replica.as_ref()?;
            Some((replica.height(), replica.round(), replica.votes()))
        });
        assert!(
            reached,
            "node {node} does not reach height {height}; height, round and whether it votes: {:?}",
            members.collect::<Vec<_>>()
        );
    }

    fn happen(&mut self, node: usize, due: Due) {
        match due {
            Due::Input(input) => self.step(node, *input),
            Due::Timer { life, timer } => {
                if self.members[node].life == life {
                    self.step(node, ReplicaInput::Timer(timer));
                }
            }
            Due::CatchUp => self.catch_up(node),
        }
    }

    fn step(&mut self, node: usize, input: ReplicaInput) {
        let now = self.now();
        if let Some(replica) = &mut self.members[node].replica {
            let outputs = replica.step(now, input);
            self.deliver(node, outputs);
            self.work_ahead(node);
        }
    }

    fn work_ahead(&mut self, node: usize) {
        if let Some(replica) = &mut self.members[node].replica {
            replica.work_ahead();
        }
    }

    fn deliver(&mut self, node: usize, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Send { to, message } => self.send(node, Some(to), &message),
                Output::Broadcast(message) => self.send(node, None, &message),
                Output::Arm(timer, after) => {
                    let life = self.members[node].life;
                    let after = u64::try_from(after.as_millis()).expect("a short timer");
                    self.schedule(after.max(1), node, Due::Timer { life, timer });
                }
                Output::Committed(committed) => {
                    self.members[node].told = committed.height;
                    let first = self
                        .chain
                        .entry(committed.height)
                        .or_insert(committed.clone());
                    assert_eq!(first.header_hash, committed.header_hash, "one chain");
                    for other in 0..self.members.len() {
                        self.tell_height(node, other);
                    }
                }
                Output::Behind(_) => self.schedule(PATIENCE_MS, node, Due::CatchUp),
                Output::Silent(reason) => self.members[node].silences.push(reason),
                Output::Misbehaviour(_) => self.members[node].misbehaviours += 1,
                Output::Stalled(_) if self.members[node].may_stall => {
                    let height = self.replica(node).archive().height().unwrap_or(0);
                    let member = &mut self.members[node];
                    member.stalled_at = Some(member.stalled_at.unwrap_or(height).min(height));
                }
                Output::BadBlocks(reason) | Output::Stalled(reason) => {
                    panic!("node {node}: {reason}")
                }
                Output::Gossip(_) | Output::Verdict(_) | Output::Recovered => {}
            }
        }
    }

    fn send(&mut self, from: usize, to: Option<account::Id>, bytes: &[u8]) {
        self.checks.sent(bytes).expect("no key contradicts itself");
        let message = Message::decode(bytes).expect("what is sent decodes");
        let sender = self.members[from].validator;
        let me = self.world.signer(sender).address();
        self.members[from].signed += usize::from(message.signer() == Some(me));
        for node in 0..self.members.len() {
            let validator = self.members[node].validator;
            let meant = to.is_none_or(|to| self.world.signer(validator).address() == to);
            if validator != sender && meant {
                let message = message.clone();
                let input = ReplicaInput::Message {
                    from: Some(me),
                    message,
                };
                self.schedule(DELAY_MS, node, Due::Input(Box::new(input)));
            }
        }
    }

    fn tell_height(&mut self, from: usize, to: usize) {
        let Some(height) = self.members[from].replica.as_ref().map(Replica::height) else {
            return;
        };
        if from == to {
            return;
        }
        let validator = self.world.signer(self.members[from].validator).address();
        let input = ReplicaInput::Height { validator, height };
        self.schedule(DELAY_MS, to, Due::Input(Box::new(input)));
        let mine = self.members[to].replica.as_ref().map(Replica::height);
        if mine.is_some_and(|mine| mine < height) {
            self.schedule(PATIENCE_MS, to, Due::CatchUp);
        }
    }

    fn catch_up(&mut self, node: usize) {
        let Some(mine) = self.members[node].replica.as_ref().map(Replica::height) else {
            return;
        };
        let others = self
            .members
            .iter()
            .filter_map(|member| member.replica.as_ref());
        let Some(highest) = others.max_by_key(|replica| replica.height()) else {
            return;
        };
        let blocks: Vec<v1::CommittedBlock> = (mine + 1..=mine + BLOCKS_MAX)
            .map_while(|height| {
                let (block, commit) = highest.archive().block(height)?;
                Some(v1::CommittedBlock { block, commit })
            })
            .collect();
        if blocks.is_empty() {
            return;
        }
        self.step(node, ReplicaInput::Blocks(blocks));
        self.schedule(PATIENCE_MS, node, Due::CatchUp);
    }

    fn schedule(&mut self, after: u64, node: usize, due: Due) {
        self.sequence += 1;
        self.queue
            .insert((self.now_ms + after, self.sequence), (node, due));
    }

    /// What the nodes' clocks show.
    ///
    /// # Panics
    /// When that is in another century.
    pub fn now(&self) -> Time {
        let since = Duration::from_millis(self.now_ms + 1_000);
        let time = (self.world.genesis.time() + since).and_then(|time| time - self.behind);
        time.expect("a time within this century")
    }
}
