//! A seed becomes a story: replicas, faults, healing, and the demand that the chain goes on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use starfire_consensus::effect::Recipient;
use starfire_consensus::message::Message;
use starfire_ledger::motion;
use starfire_node::mempool::{Limits, WORK_MAX};
use starfire_node::replica::{Output, Replica, ReplicaInput, Setup};
use starfire_proto::v1;
use tendermint::{Time, account};

use crate::byzantine::{Behaviour, Hand, Letter};
use crate::checks::Checks;
use crate::churn::Churn;
use crate::disk::DiskHandle;
use crate::network::{Event, Network, Node, Weather};
use crate::violation::Violation;
use crate::world::World;

/// How long faults go on, simulated milliseconds.
const FAULTS_MS: u64 = 20_000;
/// By how much a clock is wrong that is as good as clocks are, milliseconds, in both directions.
const SKEW_MS: i64 = 200;
/// By how much a clock jumps at most, milliseconds: an hour.
const JUMP_MS_MAX: i64 = 3_600_000;
/// Heights that must follow once all is well.
const HEIGHTS_AFTER_HEALING: u64 = 4;
/// Within this time.
const HEALING_MS_MAX: u64 = 60_000;
/// Events of a run, at most: a loop without end is a failure too.
const EVENTS_MAX: u64 = 400_000;
const MEMPOOL: Limits = Limits {
    transactions_max: 1000,
    bytes_max: 1 << 20,
    work_max: WORK_MAX,
    transactions_per_sender_max: 100,
};

/// A run that kept every rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// BLAKE3 over every event and commit: equal seeds give equal traces.
    pub trace: blake3::Hash,
    /// The highest committed height.
    pub height: u64,
    /// Transactions committed.
    pub transactions: usize,
    /// Processes that died.
    pub crashes: u32,
    /// Simulated milliseconds from the end of faults to the demanded heights.
    pub healed_ms: u64,
    /// Heights at which another set begins to decide.
    pub set_changes: u32,
    /// How often the proposer of the height before was not in it.
    pub proposers_left: u32,
}

struct Process {
    validator: usize,
    disk: DiskHandle,
    replica: Option<Replica>,
    life: u32,
    /// The clock's error, milliseconds.
    skew_ms: i64,
    /// Dies as soon as its disk refuses a write.
    dying: bool,
    /// Its disk takes no writes at the moment, and it lives.
    full: bool,
}

/// One simulated chain.
struct Cluster<'w> {
    world: &'w World,
    network: Network,
    processes: Vec<Process>,
    checks: Checks,
    random: fastrand::Rng,
    trace: blake3::Hasher,
    crashes: u32,
    healed_at: Option<u64>,
    wanted_height: u64,
    catching_up: BTreeSet<Node>,
    next_transactions: Vec<usize>,
    churn: Churn,
    /// How validator 0 lies, if it does.
    liar: Option<Box<dyn Behaviour>>,
}

/// Runs a seed to its end, with as many motions that change members and validators.
pub fn run_with_churn(world: &World, seed: u64, motions: usize) -> Result<Report, Violation> {
    let mut random = fastrand::Rng::with_seed(!seed);
    let churn = Churn::plan(world, &mut random, motions);
    run_plan(world, seed, false, churn, None)
}

/// Runs a seed in which validator 0, the first proposer, lies.
pub fn run_with_liar(
    world: &World,
    seed: u64,
    liar: Box<dyn Behaviour>,
) -> Result<Report, Violation> {
    run_plan(world, seed, false, Churn::none(), Some(liar))
}

/// Runs a seed to its end. With `twins`, the last validator has a twin with the same key and another disk.
pub fn run(world: &World, seed: u64, twins: bool) -> Result<Report, Violation> {
    run_plan(world, seed, twins, Churn::none(), None)
}

fn run_plan(
    world: &World,
    seed: u64,
    twins: bool,
    churn: Churn,
    liar: Option<Box<dyn Behaviour>>,
) -> Result<Report, Violation> {
    let mut random = fastrand::Rng::with_seed(seed);
    let weather = Weather {
        loss_percent: random.u32(0..25),
        double_percent: random.u32(0..15),
        delay_ms_max: random.u64(5..400),
    };
    let mut cluster = Cluster {
        world,
        network: Network::new(random.u64(..), weather),
        processes: Vec::new(),
        checks: Checks::default(),
        trace: blake3::Hasher::new(),
        crashes: 0,
        healed_at: None,
        wanted_height: u64::MAX,
        catching_up: BTreeSet::new(),
        next_transactions: vec![0; world.transactions.len()],
        liar,
        random,
        churn,
    };
    if cluster.liar.is_some() {
        cluster.checks.byzantine.insert(world.signer(0).address());
    }
    let mut validators: Vec<usize> = (0..world.members()).collect();
    if twins {
        let last = world.validators() - 1;
        validators.push(last);
        cluster.checks.byzantine.extend(world.addresses(last));
    }
    for validator in validators {
        let skew_ms = cluster.random.i64(-SKEW_MS..SKEW_MS);
        let disk = DiskHandle::default();
        cluster.processes.push(Process {
            validator,
            disk,
            replica: None,
            life: 0,
            skew_ms,
            dying: false,
            full: false,
        });
    }
    cluster.story();
    for node in 0..cluster.processes.len() {
        cluster.start(node)?;
    }
    cluster.play()
}

impl Cluster<'_> {
    /// The faults of this seed, at times of its own.
    fn story(&mut self) {
        let nodes = self.processes.len();
        for _ in 0..self.random.usize(0..6) {
            let (node, at, down) = (
                self.random.usize(0..nodes),
                self.random.u64(0..FAULTS_MS),
                self.random.u64(50..4_000),
            );
            self.network.schedule(at, Event::Crash(node));
            self.network.schedule(at + down, Event::Restart(node));
        }
        if self.random.u32(0..4) == 0 {
            let at = self.random.u64(1_000..FAULTS_MS);
            for node in 0..nodes {
                self.network.schedule(at, Event::Crash(node));
                self.network
                    .schedule(at + self.random.u64(50..2_000), Event::Restart(node));
            }
        }
        for _ in 0..self.random.usize(0..3) {
            let (at, length) = (self.random.u64(0..FAULTS_MS), self.random.u64(200..4_000));
            let node = self.random.usize(0..nodes);
            self.network.schedule(at, Event::Fill(node));
            self.network.schedule(at + length, Event::Free(node));
        }
        for _ in 0..self.random.usize(0..4) {
            let (at, length) = (self.random.u64(0..FAULTS_MS), self.random.u64(200..6_000));
            self.network.schedule(at, Event::Cut);
            self.network.schedule(at + length, Event::Join);
        }
        self.jumps();
        for (sender, queue) in self.world.transactions.iter().enumerate() {
            let count = self.random.usize(0..queue.len());
            for _ in 0..count {
                let (to, at) = (self.random.usize(0..nodes), self.random.u64(0..FAULTS_MS));
                let transaction = queue[self.next_transactions[sender]].clone();
                self.next_transactions[sender] += 1;
                self.checks.injected(transaction.hash);
                self.network
                    .schedule(at, Event::Transaction { to, transaction });
            }
        }
        self.network.schedule(FAULTS_MS, Event::Heal);
    }

    /// Clocks that are set: one alone, or all by the same, so that a chain may find all clocks behind its newest block.
    fn jumps(&mut self) {
        let nodes = self.processes.len();
        for _ in 0..self.random.usize(0..3) {
            let at = self.random.u64(0..FAULTS_MS);
            let most = [SKEW_MS, 5_000, JUMP_MS_MAX][self.random.usize(0..3)];
            let by_ms = self.random.i64(-most..most);
            let all = self.random.bool();
            let one = self.random.usize(0..nodes);
            for node in (0..nodes).filter(|node| all || *node == one) {
                self.network.schedule(at, Event::Jump { node, by_ms });
            }
        }
    }

    fn play(mut self) -> Result<Report, Violation> {
        for _ in 0..EVENTS_MAX {
            let Some(event) = self.network.pop() else {
                return Err(Violation(
                    "the simulation ran out of events: nobody waits for anything".to_owned(),
                ));
            };
            self.record(&event);
            self.happen(event)?;
            self.send_motion();
            if let Some(report) = self.is_over()? {
                return Ok(report);
            }
        }
        Err(Violation(format!(
            "no end after {EVENTS_MAX} events, at {} ms",
            self.network.now_ms
        )))
    }

    /// Once all is well, every honest node must get some heights further, in time.
    fn is_over(&self) -> Result<Option<Report>, Violation> {
        let Some(healed_at) = self.healed_at else {
            return Ok(None);
        };
        let honest = || {
            self.processes
                .iter()
                .filter(|process| !self.is_byzantine(process.validator))
        };
        let height = honest()
            .map(|process| process.replica.as_ref().map_or(0, Replica::height))
            .min()
            .unwrap_or(0);
        let healed_ms = self.network.now_ms - healed_at;
        if height >= self.wanted_height && self.churn.is_over() {
            self.check_motions()?;
            return Ok(Some(Report {
                trace: self.trace.finalize(),
                height: self.checks.height(),
                transactions: self.checks.executed.len(),
                crashes: self.crashes,
                healed_ms,
                set_changes: self.checks.set_changes,
                proposers_left: self.checks.proposers_left,
            }));
        }
        if healed_ms > HEALING_MS_MAX {
            let heights: Vec<_> = self
                .processes
                .iter()
                .map(|it| it.replica.as_ref().map(|it| (it.height(), it.round())))
                .collect();
            return Err(Violation(format!(
                "progress: {HEALING_MS_MAX} ms after healing, height {} is not reached: (height, round) of the nodes are {heights:?}",
                self.wanted_height
            )));
        }
        Ok(None)
    }

    fn is_byzantine(&self, validator: usize) -> bool {
        let ever = self.world.addresses(validator);
        !self.checks.byzantine.is_disjoint(ever)
    }

    fn happen(&mut self, event: Event) -> Result<(), Violation> {
        match event {
            Event::Message { from, to, bytes } => {
                let Ok(message) = Message::decode(&bytes) else {
                    // Only a liar says what does not decode: `checks.sent` has looked at the others' words.
                    return Ok(());
                };
                self.liar_hears(to, &message);
                // Whose word it is, the connection vouches for: one of the sender's keys.
                let ever = self.world.addresses(self.processes[from].validator);
                let signer = message.signer().filter(|signer| ever.contains(signer));
                let from = Some(signer.unwrap_or_else(|| self.speaks_as(from, to)));
                self.step(to, ReplicaInput::Message { from, message })
            }
            Event::Transaction { to, transaction } => {
                self.step(to, ReplicaInput::Transactions(vec![transaction]))
            }
            Event::Height { from, to, height } => {
                let validator = self.speaks_as(from, to);
                self.step(to, ReplicaInput::Height { validator, height })?;
                self.hear_of_height(to, height)
            }
            Event::CatchUp(node) => self.catch_up(node),
            Event::Timer { node, life, timer } => {
                if self.processes[node].life == life {
                    self.step(node, ReplicaInput::Timer(timer))
                } else {
                    Ok(())
                }
            }
            Event::Crash(node) => {
                if self.healed_at.is_none() && self.processes[node].replica.is_some() {
                    self.free(node);
                    self.processes[node].dying = true;
                    let writes = self.random.u32(0..4);
                    self.processes[node].disk.fail_after(writes);
                }
                Ok(())
            }
            Event::Restart(node) => {
                if self.processes[node].dying {
                    self.kill(node);
                }
                if self.processes[node].replica.is_none() {
                    self.start(node)
                } else {
                    Ok(())
                }
            }
            Event::Fill(node) => {
                let process = &mut self.processes[node];
                if self.healed_at.is_none() && process.replica.is_some() && !process.dying {
                    process.full = true;
                    process.disk.forget_on_failure(self.random.bool());
                    process.disk.fail_after(self.random.u32(0..4));
                }
                Ok(())
            }
            Event::Free(node) => {
                self.free(node);
                Ok(())
            }
            Event::Jump { node, by_ms } => {
                self.processes[node].skew_ms += by_ms;
                Ok(())
            }
            Event::Cut => {
                self.cut();
                Ok(())
            }
            Event::Join => {
                self.network.cut.clear();
                Ok(())
            }
            Event::Heal => self.heal(),
        }
    }

    /// The disk takes writes again.
    fn free(&mut self, node: Node) {
        let process = &mut self.processes[node];
        if process.full {
            process.full = false;
            process.disk.recover();
        }
    }

    fn heal(&mut self) -> Result<(), Violation> {
        self.network.weather = Weather::CALM;
        self.network.cut.clear();
        for node in 0..self.processes.len() {
            self.processes[node].skew_ms = self.random.i64(-SKEW_MS..SKEW_MS);
            self.free(node);
            if self.processes[node].dying {
                self.kill(node);
            }
            if self.processes[node].replica.is_none() {
                self.start(node)?;
            }
        }
        self.healed_at = Some(self.network.now_ms);
        self.wanted_height = self.checks.height() + HEIGHTS_AFTER_HEALING;
        Ok(())
    }

    /// Each direction of each link between two halves, or only one direction: some links are deaf on one side only.
    fn cut(&mut self) {
        let nodes = self.processes.len();
        let side: Vec<bool> = (0..nodes).map(|_| self.random.bool()).collect();
        let both_ways = self.random.u32(0..3) > 0;
        for from in 0..nodes {
            for to in 0..nodes {
                if side[from] != side[to] && (both_ways || side[from]) {
                    self.network.cut.insert((from, to));
                }
            }
        }
    }

    fn start(&mut self, node: Node) -> Result<(), Violation> {
        let now = self.now(node);
        let process = &mut self.processes[node];
        process.life += 1;
        process.dying = false;
        let setup = Setup {
            genesis: self.world.genesis.clone(),
            signers: self.world.signers(process.validator),
            mempool: MEMPOOL,
        };
        let (replica, outputs) = Replica::open(setup, Box::new(process.disk.mount()), now)
            .map_err(|error| Violation(format!("node {node} does not start: {error}")))?;
        self.checks.restarted(node, replica.height())?;
        process.replica = Some(replica);
        self.deliver(node, outputs)?;
        for other in 0..self.processes.len() {
            self.tell_height(other, node);
        }
        Ok(())
    }

    /// The process is gone; its disk stays.
    fn kill(&mut self, node: Node) {
        self.crashes += 1;
        self.processes[node].replica = None;
        self.processes[node].dying = false;
    }

    fn now(&self, node: Node) -> Time {
        let skew_ms = self.processes[node].skew_ms;
        let past_ms = i64::try_from(self.network.now_ms).expect("a short simulation") + 1_000;
        let offset_ms = past_ms + skew_ms;
        let offset = Duration::from_millis(offset_ms.unsigned_abs());
        let genesis = self.world.genesis.time();
        let now = match offset_ms {
            0.. => genesis + offset,
            _ => genesis - offset,
        };
        now.expect("a time within this century")
    }

    fn step(&mut self, node: Node, input: ReplicaInput) -> Result<(), Violation> {
        let now = self.now(node);
        let Some(replica) = &mut self.processes[node].replica else {
            return Ok(());
        };
        let mut outputs = replica.step(now, input);
        if self.random.bool() {
            replica.work_ahead();
        }
        let stalled = outputs
            .iter()
            .position(|output| matches!(output, Output::Stalled(_)));
        if let Some(stalled) = stalled.filter(|_| !self.processes[node].full) {
            if !self.processes[node].dying {
                return Err(Violation(format!(
                    "node {node} stalled on a good disk: {:?}",
                    outputs[stalled]
                )));
            }
            // The process died at some point before the write that failed: what came before it may have left, or not.
            outputs.truncate(self.random.usize(0..=stalled));
            self.deliver(node, outputs)?;
            self.kill(node);
            return Ok(());
        }
        self.deliver(node, outputs)
    }

    fn deliver(&mut self, node: Node, outputs: Vec<Output>) -> Result<(), Violation> {
        for output in outputs {
            match output {
                Output::Send { to, message } => self.send(node, Some(to), message)?,
                Output::Broadcast(message) => self.send(node, None, message)?,
                Output::Arm(timer, after) => {
                    let life = self.processes[node].life;
                    let after = u64::try_from(after.as_millis()).expect("a short timer");
                    self.network
                        .schedule(after.max(1), Event::Timer { node, life, timer });
                }
                Output::Gossip(transaction) => {
                    for to in (0..self.processes.len()).filter(|to| *to != node) {
                        self.network.send(
                            node,
                            to,
                            Event::Transaction {
                                to,
                                transaction: transaction.clone(),
                            },
                        );
                    }
                }
                Output::Committed(committed) => {
                    let replica = self.processes[node]
                        .replica
                        .as_ref()
                        .expect("whoever commits lives");
                    self.trace.update(&node.to_le_bytes());
                    self.trace.update(committed.header_hash.as_bytes());
                    self.checks.committed(node, &committed, replica)?;
                    let wait_ms = self.random.u64(0..2_500);
                    self.churn
                        .committed(&committed.transactions, self.network.now_ms, wait_ms);
                    for to in (0..self.processes.len()).filter(|to| *to != node) {
                        self.tell_height(node, to);
                    }
                }
                Output::Behind(height) => self.hear_of_height(node, height)?,
                Output::BadBlocks(reason) => {
                    return Err(Violation(format!(
                        "node {node} refused true blocks: {reason}"
                    )));
                }
                // It says so, and goes on by itself when the disk does.
                Output::Stalled(_) if self.processes[node].full => {}
                Output::Stalled(reason) => {
                    return Err(Violation(format!("node {node} stalled: {reason}")));
                }
                Output::Misbehaviour(_) if self.checks.byzantine.is_empty() => {
                    return Err(Violation(format!(
                        "node {node} accuses an honest validator"
                    )));
                }
                Output::Silent(reason) if !self.is_byzantine(self.processes[node].validator) => {
                    return Err(Violation(format!("node {node} fell silent: {reason}")));
                }
                Output::Silent(_)
                | Output::Misbehaviour(_)
                | Output::Verdict(_)
                | Output::Recovered => {}
            }
        }
        Ok(())
    }

    fn send(
        &mut self,
        from: Node,
        to: Option<account::Id>,
        message: Vec<u8>,
    ) -> Result<(), Violation> {
        self.checks.sent(&message)?;
        if self.processes[from].validator == 0 && self.liar.is_some() {
            return self.lie(from, to, &message);
        }
        self.post(from, to, message);
        Ok(())
    }

    /// Validator 0 says something else than what its replica would say.
    fn lie(&mut self, from: Node, to: Option<account::Id>, bytes: &[u8]) -> Result<(), Violation> {
        let message =
            Message::decode(bytes).map_err(|error| Violation(format!("codec: {error}")))?;
        let to = to.map_or(Recipient::All, Recipient::One);
        let height = message.height();
        self.liar_says(from, height, |liar, hand| liar.send(hand, message, to));
        Ok(())
    }

    fn liar_hears(&mut self, node: Node, message: &Message) {
        if self.processes[node].validator == 0 {
            let height = message.height();
            self.liar_says(node, height, |liar, hand| liar.hear(hand, message));
        }
    }

    fn liar_says(
        &mut self,
        node: Node,
        height: u64,
        say: impl FnOnce(&mut dyn Behaviour, &Hand<'_>) -> Vec<Letter>,
    ) {
        let Some(liar) = &mut self.liar else { return };
        let signer = self.world.signer(0);
        let hand = Hand {
            address: signer.address(),
            chain_id: self.world.genesis.chain_id(),
            height,
            validators: self.world.genesis.validators(),
            pen: &|bytes| {
                tendermint::Signature::try_from(&signer.sign(bytes)[..])
                    .expect("64 bytes are a signature")
            },
        };
        for Letter { to, bytes } in say(liar.as_mut(), &hand) {
            let to = match to {
                Recipient::All => None,
                Recipient::One(address) => Some(address),
            };
            self.post(node, to, bytes);
        }
    }

    fn post(&mut self, from: Node, to: Option<account::Id>, message: Vec<u8>) {
        let bytes: Arc<[u8]> = message.into();
        let me = self.processes[from].validator;
        for node in 0..self.processes.len() {
            let validator = self.processes[node].validator;
            let ever = self.world.addresses(validator);
            if validator == me || to.is_some_and(|to| !ever.contains(&to)) {
                continue;
            }
            self.network.send(
                from,
                node,
                Event::Message {
                    from,
                    to: node,
                    bytes: bytes.clone(),
                },
            );
        }
    }

    /// The validator as which a node knows another.
    fn speaks_as(&self, from: Node, to: Node) -> account::Id {
        let member = self.processes[from].validator;
        let mut ever = self.world.addresses(member).iter().copied();
        let known = self.processes[to].replica.as_ref();
        ever.find(|address| known.is_some_and(|it| it.validators().validator(*address).is_some()))
            .unwrap_or_else(|| self.world.signer(member).address())
    }

    /// The next motion of the plan, if it is time: to everybody, as somebody may be down.
    fn send_motion(&mut self) {
        let Some(transaction) = self.churn.due(self.network.now_ms) else {
            return;
        };
        self.checks.injected(transaction.hash);
        for to in 0..self.processes.len() {
            let transaction = transaction.clone();
            let event = Event::Transaction { to, transaction };
            self.network.schedule(1, event);
        }
    }

    /// Every motion of the plan was executed.
    fn check_motions(&self) -> Result<(), Violation> {
        let replicas = self.processes.iter().filter_map(|it| it.replica.as_ref());
        let newest = replicas.max_by_key(|replica| replica.height());
        let archive = newest.expect("healed nodes live").archive();
        let state = archive.state_at(self.checks.height());
        for id in 1..=self.churn.count() {
            let motion = motion::load(&*state, id);
            if motion.as_ref().is_none_or(|motion| !motion.executed) {
                return Err(Violation(format!(
                    "motion {id} was not executed: {motion:?}"
                )));
            }
        }
        Ok(())
    }

    fn tell_height(&mut self, from: Node, to: Node) {
        let Some(height) = self.processes[from].replica.as_ref().map(Replica::height) else {
            return;
        };
        self.network
            .send(from, to, Event::Height { from, to, height });
    }

    /// As the node's sync task: patience first, consensus may bring the block by itself.
    fn hear_of_height(&mut self, node: Node, height: u64) -> Result<(), Violation> {
        let behind = self.processes[node]
            .replica
            .as_ref()
            .is_some_and(|replica| replica.height() < height);
        if behind && self.catching_up.insert(node) {
            self.network.schedule(400, Event::CatchUp(node));
        }
        Ok(())
    }

    fn catch_up(&mut self, node: Node) -> Result<(), Violation> {
        self.catching_up.remove(&node);
        let Some(mine) = self.processes[node].replica.as_ref().map(Replica::height) else {
            return Ok(());
        };
        let reaches =
            |other: &Node| self.network.reaches(*other, node) && self.network.reaches(node, *other);
        let height_of = |other: &Node| {
            self.processes[*other]
                .replica
                .as_ref()
                .map_or(0, Replica::height)
        };
        let peers: Vec<Node> = (0..self.processes.len())
            .filter(|other| *other != node && reaches(other) && height_of(other) > mine)
            .collect();
        if peers.is_empty() {
            return Ok(());
        }
        let peer = peers[self.random.usize(0..peers.len())];
        let archive = self.processes[peer]
            .replica
            .as_ref()
            .expect("whoever has a height lives")
            .archive();
        let blocks: Vec<v1::CommittedBlock> = (mine + 1..=mine + 8)
            .map_while(|height| {
                archive
                    .block(height)
                    .map(|(block, commit)| v1::CommittedBlock { block, commit })
            })
            .collect();
        self.step(node, ReplicaInput::Blocks(blocks))?;
        let height = self
            .processes
            .iter()
            .filter_map(|it| it.replica.as_ref())
            .map(Replica::height)
            .max()
            .unwrap_or(0);
        self.hear_of_height(node, height)
    }

    fn record(&mut self, event: &Event) {
        self.trace.update(&self.network.now_ms.to_le_bytes());
        match event {
            Event::Message { from, to, bytes } => {
                self.trace
                    .update(&[from.to_le_bytes(), to.to_le_bytes()].concat());
                self.trace.update(bytes);
            }
            Event::Transaction { to, transaction } => {
                self.trace.update(&to.to_le_bytes());
                self.trace.update(&transaction.id);
            }
            Event::Height { .. }
            | Event::CatchUp(_)
            | Event::Timer { .. }
            | Event::Crash(_)
            | Event::Restart(_)
            | Event::Fill(_)
            | Event::Free(_)
            | Event::Jump { .. }
            | Event::Cut
            | Event::Join
            | Event::Heal => {
                self.trace.update(format!("{event:?}").as_bytes());
            }
        }
    }
}
