//! Four replicas, a clock and a network in one queue: enough to show that the rules add up to a chain that goes on. The large
//! campaigns, with faulty disks and twins, are the simulator's.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tendermint::{block::Commit, block::signed_header::SignedHeader, vote::Type};

use crate::{
    candidate::Candidate,
    certificate,
    effect::{Effect, Recipient, Timer},
    input::Input,
    machine::{Consensus, Routing},
    message::{Message, Unsigned, verify},
    safety::SafetyRecord,
    testing::{Chain, config, reread},
};

const REPLICAS: usize = 4;
const HORIZON_MS: u64 = 600_000;
const SEEDS: u64 = 12;

/// Something due at a replica.
enum Event {
    Message { from: usize, message: Message },
    Synced { block: Candidate, commit: Commit },
    Timer { boot: u32, timer: Timer },
    Restart,
}

struct Node {
    /// None while it is dead.
    machine: Option<Consensus>,
    /// Counts restarts: timers die with the process.
    boot: u32,
    disk: SafetyRecord,
    blocks: Vec<(Candidate, Commit)>,
    held_back: Vec<(usize, Message)>,
}

struct Cluster {
    chain: Chain,
    routing: Routing,
    nodes: Vec<Node>,
    now: u64,
    queue: BTreeMap<(u64, u64), (usize, Event)>,
    sequence: u64,
    random: u64,
    loss_percent: u64,
    /// Heights beyond this one have no work.
    target: u64,
    /// Every block that a key ever voted for, by height, round and kind.
    votes: BTreeMap<(usize, u64, u32, bool), BTreeSet<tendermint::block::Id>>,
    timers_armed: u32,
}

impl Cluster {
    fn new(routing: Routing, seed: u64, loss_percent: u64, target: u64) -> Self {
        let empty = SafetyRecord::default();
        let node = || Node {
            machine: None,
            boot: 0,
            disk: empty.clone(),
            blocks: Vec::new(),
            held_back: Vec::new(),
        };
        let mut cluster = Self {
            chain: Chain::new(4),
            routing,
            nodes: (0..REPLICAS).map(|_| node()).collect(),
            now: 0,
            queue: BTreeMap::new(),
            sequence: 0,
            random: seed.wrapping_mul(2).wrapping_add(1),
            loss_percent,
            target,
            votes: BTreeMap::new(),
            timers_armed: 0,
        };
        for index in 0..REPLICAS {
            cluster.boot(index);
        }
        cluster
    }

    fn boot(&mut self, index: usize) {
        let record = self.nodes[index].disk.clone();
        let node = &mut self.nodes[index];
        node.boot += 1;
        node.held_back.clear();
        node.machine = Some(Consensus::new(
            config(self.chain.address(index), self.routing),
            record,
        ));
        self.start_height(index);
    }

    fn kill(&mut self, index: usize, back_after_ms: Option<u64>) {
        self.nodes[index].machine = None;
        if let Some(pause) = back_after_ms {
            self.at(pause, index, Event::Restart);
        }
    }

    fn start_height(&mut self, index: usize) {
        let last = self.nodes[index].blocks.last().cloned();
        let electorate = Arc::new(
            self.chain
                .electorate_after(last.as_ref().map(|(block, _)| block)),
        );
        let height = electorate.height();
        self.feed(
            index,
            Input::StartHeight {
                electorate,
                last_commit: last.map(|(_, commit)| commit),
            },
        );
        if height <= self.target {
            self.feed(index, Input::Work { height });
        }
        for (from, message) in std::mem::take(&mut self.nodes[index].held_back) {
            self.receive(index, from, message);
        }
    }

    fn at(&mut self, delay: u64, index: usize, event: Event) {
        self.sequence += 1;
        self.queue
            .insert((self.now + delay, self.sequence), (index, event));
    }

    fn chance(&mut self, below: u64) -> u64 {
        // Knuth's MMIX generator.
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % below
    }

    fn feed(&mut self, index: usize, input: Input) {
        let Some(machine) = &mut self.nodes[index].machine else {
            return;
        };
        for effect in machine.step(input) {
            self.carry_out(index, effect);
        }
    }

    fn carry_out(&mut self, index: usize, effect: Effect) {
        match effect {
            Effect::Persist(record) => self.nodes[index].disk = reread(&record),
            Effect::Sign { message, to } => {
                self.assert_signable(index, &message);
                let signature = self
                    .chain
                    .sign(index, &message.sign_bytes(&self.chain.id()));
                self.send(index, &message.signed(signature), to);
            }
            Effect::Send { message, to } => self.send(index, &message, to),
            Effect::Build { height, round, .. } => {
                let parent = self.nodes[index]
                    .blocks
                    .last()
                    .map(|(block, _)| block.clone());
                let payload = self.sequence.to_be_bytes();
                let seconds = i64::try_from(height).unwrap();
                let block = self
                    .chain
                    .block_at(height, parent.as_ref(), index, seconds, &payload);
                self.feed(index, Input::Built { round, block });
            }
            Effect::Arm { timer, duration } => {
                self.timers_armed += 1;
                let boot = self.nodes[index].boot;
                self.at(
                    u64::try_from(duration.as_millis()).unwrap(),
                    index,
                    Event::Timer { boot, timer },
                );
            }
            Effect::Commit { block, commit } => self.commit(index, block, *commit),
            Effect::Missing { commit } => {
                let height = commit.height.value();
                let source = self
                    .nodes
                    .iter()
                    .find_map(|node| node.blocks.get(usize::try_from(height).unwrap() - 1));
                if let Some((block, commit)) = source.cloned() {
                    self.at(10, index, Event::Synced { block, commit });
                }
            }
            Effect::Misbehaviour(misbehaviour) => panic!("all are honest: {misbehaviour:?}"),
            Effect::Foreign(signature) => panic!("each has its own key: {signature:?}"),
        }
    }

    /// What is on disk covers what is signed, and no key signs against itself, restarts included.
    fn assert_signable(&mut self, index: usize, message: &Unsigned) {
        let disk = self.nodes[index].disk.clone();
        match message {
            Unsigned::Vote(vote) => {
                let (round, id) = (vote.round.value(), vote.block_id.unwrap());
                let prevote = vote.vote_type == Type::Prevote;
                let ballot = if prevote {
                    disk.prevote
                } else {
                    disk.precommit
                }
                .expect("recorded before it is signed");
                assert_eq!(
                    (disk.height, ballot.round, ballot.block_id),
                    (vote.height.value(), round, id)
                );
                assert!(disk.blocks.iter().any(|block| block.id() == id));
                let voted = self
                    .votes
                    .entry((index, disk.height, round, prevote))
                    .or_default();
                voted.insert(id);
                assert_eq!(
                    voted.len(),
                    1,
                    "validator {index} voted twice in round {round}"
                );
            }
            Unsigned::Proposal(proposal) => {
                assert_eq!(
                    disk.proposal.map(|ballot| ballot.block_id),
                    Some(proposal.block.id())
                );
            }
            Unsigned::Timeout(timeout) => assert_eq!(disk.timeout_round, Some(timeout.round)),
        }
    }

    fn send(&mut self, from: usize, message: &Message, to: Recipient) {
        // Over the wire and back: the codec is part of the path.
        let message = Message::decode(&message.encode()).unwrap();
        for index in 0..REPLICAS {
            let meant = match to {
                Recipient::All => true,
                Recipient::One(address) => address == self.chain.address(index),
            };
            let lost = index != from && self.chance(100) < self.loss_percent;
            if meant && !lost {
                let delay = if index == from {
                    0
                } else {
                    1 + self.chance(20)
                };
                self.at(
                    delay,
                    index,
                    Event::Message {
                        from,
                        message: message.clone(),
                    },
                );
            }
        }
    }

    fn receive(&mut self, index: usize, from: usize, message: Message) {
        let Some(machine) = &self.nodes[index].machine else {
            return;
        };
        let Some(electorate) = machine.electorate().cloned() else {
            return;
        };
        match message.height().cmp(&electorate.height()) {
            std::cmp::Ordering::Equal => self.feed(index, verify(message, &electorate).unwrap()),
            std::cmp::Ordering::Greater => self.nodes[index].held_back.push((from, message)),
            std::cmp::Ordering::Less => {
                let (block, commit) = self.nodes[index].blocks
                    [usize::try_from(message.height()).unwrap() - 1]
                    .clone();
                self.at(10, from, Event::Synced { block, commit });
            }
        }
    }

    fn commit(&mut self, index: usize, block: Candidate, commit: Commit) {
        let height = block.header().height.value();
        assert_eq!(height, self.nodes[index].blocks.len() as u64 + 1);
        let signed = SignedHeader::new(block.header().clone(), commit.clone()).unwrap();
        assert_eq!(
            certificate::verify(&signed, &self.chain.validators()),
            Ok(())
        );
        for other in &self.nodes {
            let theirs = other.blocks.get(usize::try_from(height).unwrap() - 1);
            assert!(
                theirs.is_none_or(|(theirs, _)| theirs.id() == block.id()),
                "two blocks at height {height}"
            );
        }
        self.nodes[index].blocks.push((block, commit));
        self.start_height(index);
    }

    fn step(&mut self) -> bool {
        let Some(((now, _), (index, event))) = self.queue.pop_first() else {
            return false;
        };
        self.now = now;
        match event {
            Event::Message { from, message } => self.receive(index, from, message),
            Event::Synced { block, commit } => {
                let expected = self.nodes[index].blocks.len() as u64 + 1;
                if block.header().height.value() == expected && self.nodes[index].machine.is_some()
                {
                    self.commit(index, block, commit);
                }
            }
            Event::Timer { boot, timer } if boot == self.nodes[index].boot => {
                self.feed(index, Input::Timer(timer));
            }
            Event::Timer { .. } => {}
            Event::Restart => self.boot(index),
        }
        true
    }

    /// Run until every living replica has `height` blocks.
    fn run_to(&mut self, height: u64) {
        while self
            .nodes
            .iter()
            .any(|node| node.machine.is_some() && (node.blocks.len() as u64) < height)
        {
            let rounds: Vec<_> = self
                .nodes
                .iter()
                .map(|node| node.machine.as_ref().map(|one| (one.height(), one.round())))
                .collect();
            assert!(
                self.step() && self.now < HORIZON_MS,
                "no progress at {} ms: {rounds:?}",
                self.now
            );
        }
    }

    fn rounds(&self, index: usize) -> Vec<u32> {
        self.nodes[index]
            .blocks
            .iter()
            .map(|(_, commit)| commit.round.value())
            .collect()
    }
}

#[test]
fn four_replicas_commit_in_round_zero_and_take_turns() {
    for routing in [Routing::Collector, Routing::Broadcast] {
        let mut cluster = Cluster::new(routing, 1, 0, 12);
        cluster.run_to(12);
        let proposers: Vec<_> = cluster.nodes[0]
            .blocks
            .iter()
            .map(|(block, _)| {
                (0..REPLICAS)
                    .position(|at| cluster.chain.address(at) == block.header().proposer_address)
            })
            .map(Option::unwrap)
            .collect();
        assert_eq!(proposers, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
        assert_eq!(cluster.rounds(0), [0; 12]);
    }
}

#[test]
fn an_idle_cluster_falls_silent() {
    let mut cluster = Cluster::new(Routing::Collector, 1, 0, 3);
    cluster.run_to(3);
    let armed = cluster.timers_armed;
    while cluster.step() {}
    assert_eq!(cluster.timers_armed, armed, "no timer runs without work");
    assert!(cluster.nodes.iter().all(|node| node.blocks.len() == 3));
}

#[test]
fn lost_messages_cost_time_and_nothing_else() {
    for seed in 0..SEEDS {
        let routing = if seed % 2 == 0 {
            Routing::Collector
        } else {
            Routing::Broadcast
        };
        let mut cluster = Cluster::new(routing, seed, 20, 6);
        cluster.run_to(6);
    }
}

#[test]
fn a_dead_proposer_costs_one_timeout_a_term() {
    let mut cluster = Cluster::new(Routing::Collector, 1, 0, 20);
    cluster.kill(1, None);
    cluster.run_to(20);
    // The turn comes to validator 1 at height 5, and after 2, 3 and 0 again at height 17. Its successor keeps what fell to it.
    let rounds = cluster.rounds(0);
    let failed: Vec<_> = (1..)
        .zip(&rounds)
        .filter(|(_, round)| **round > 0)
        .map(|(height, _)| height)
        .collect();
    assert_eq!(failed, [5, 17]);
}

#[test]
fn replicas_that_die_and_come_back_never_contradict_themselves() {
    for seed in 0..SEEDS {
        let mut cluster = Cluster::new(Routing::Collector, seed, 5, 8);
        while cluster.nodes.iter().any(|node| node.blocks.len() < 8) {
            assert!(
                cluster.step() && cluster.now < HORIZON_MS,
                "no progress at {} ms",
                cluster.now
            );
            let index = usize::try_from(cluster.chance(REPLICAS as u64)).unwrap();
            if cluster.chance(40) == 0 && cluster.nodes[index].machine.is_some() {
                let pause = 1 + cluster.chance(900);
                cluster.kill(index, Some(pause));
            }
        }
    }
}

#[test]
fn a_chain_whose_validators_all_die_while_locked_finishes_the_block() {
    let mut cluster = Cluster::new(Routing::Collector, 3, 0, 2);
    let locks = |cluster: &Cluster| {
        let disks = cluster.nodes.iter().map(|node| &node.disk);
        disks.filter_map(|disk| disk.precommit).collect::<Vec<_>>()
    };
    while locks(&cluster).len() < 3 {
        assert!(cluster.step());
    }
    assert!(
        cluster.nodes.iter().all(|node| node.blocks.is_empty()),
        "nobody has committed yet"
    );
    let locked = locks(&cluster)[0].block_id;
    cluster.queue.clear();
    for index in 0..REPLICAS {
        cluster.kill(index, Some(100));
    }
    while cluster.nodes.iter().any(|node| node.machine.is_none()) {
        assert!(cluster.step());
    }
    cluster.run_to(1);
    assert!(
        cluster
            .nodes
            .iter()
            .all(|node| node.blocks[0].0.id() == locked)
    );
}
