//! Machines, their disks and the network between them: one chain, played to its end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use starfire_consensus::candidate::Candidate;
use starfire_consensus::effect::{Effect, Recipient};
use starfire_consensus::input::Input;
use starfire_consensus::machine::{Config, Consensus, Routing};
use starfire_consensus::message::{Message, Unsigned};
use starfire_consensus::safety::SafetyRecord;
use tendermint::block::Commit;

use super::chain::{Chain, Parcel, sign};
use super::checks::Checks;
use super::disk::{Disk, Reading, Tear};
use super::network::{Event, Network, Node, Weather};
use crate::byzantine::{Behaviour, Hand, Letter};
use crate::checks::Violation;

/// Events of a run, at most: a loop without end is a failure too.
const EVENTS_MAX: u64 = 200_000;
/// Messages of the next height that a node keeps.
const EARLY_MAX: usize = 256;
/// Blocks that a node gets from another at once.
const CATCH_UP_BLOCKS: usize = 8;
/// How long a node that heard of a higher one waits for consensus to bring it there, milliseconds.
const PATIENCE_MS: u64 = 300;

/// Durations of a machine, and where votes go.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Where votes go.
    pub routing: Routing,
    /// Round 0's timeout, milliseconds.
    pub timeout_base_ms: u64,
    /// The longest timeout, milliseconds.
    pub timeout_max_ms: u64,
    /// How often a node repeats itself, milliseconds.
    pub rebroadcast_ms: u64,
}

/// Who is simulated.
#[derive(Debug)]
pub struct Cast {
    /// The validator of each node; a validator that stands here twice has a twin.
    pub nodes: Vec<usize>,
    /// How these validators lie.
    pub liars: BTreeMap<usize, Box<dyn Behaviour>>,
}

/// What happened, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Effects carried out.
    pub effects: u64,
    /// Machines that died.
    pub crashes: u32,
    /// Records that a crash damaged, and that were refused.
    pub records_refused: u32,
    /// Records that were lost.
    pub records_lost: u32,
    /// Committed blocks that were lost.
    pub blocks_lost: u32,
}

/// The end of a run that kept every rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// BLAKE3 over every event and decision: equal seeds give equal traces.
    pub trace: blake3::Hash,
    /// The highest committed height.
    pub height: u64,
    /// What happened.
    pub counts: Counts,
    /// Rounds that the first height after healing took, beyond the highest round at that moment.
    pub rounds_to_progress: u32,
    /// Simulated milliseconds from healing to the demanded heights.
    pub healed_ms: u64,
    /// Liars that were convicted.
    pub convicted: usize,
}

struct Member {
    validator: usize,
    disk: Disk,
    machine: Option<Consensus>,
    life: u32,
    inputs: VecDeque<Input>,
    early: Vec<(Node, Arc<Parcel>)>,
    /// Effects until it dies.
    doom: Option<u32>,
    /// Blocks built in all its lives: no two are equal.
    built: u32,
    /// What others said of their heights, while this node does not know what it signed.
    reports: Option<BTreeMap<Node, u64>>,
    catching_up: bool,
}

/// One simulated chain.
pub struct Cluster<'c> {
    chain: &'c mut Chain,
    pace: Pace,
    network: Network,
    members: Vec<Member>,
    liars: BTreeMap<usize, Box<dyn Behaviour>>,
    checks: Checks,
    random: fastrand::Rng,
    trace: blake3::Hasher,
    counts: Counts,
    /// Heights up to this one have something to decide.
    work: u64,
    /// Nodes that may still lose their record.
    losses_left: usize,
    healed: Option<Healed>,
}

struct Healed {
    at_ms: u64,
    height: u64,
    wanted: u64,
    round: u32,
    decided_in: Option<u32>,
}

impl std::fmt::Debug for Cluster<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster")
            .field("now_ms", &self.network.now_ms)
            .finish_non_exhaustive()
    }
}

impl<'c> Cluster<'c> {
    /// A cluster whose nodes have not started. `losses` nodes may lose their records.
    pub fn new(
        chain: &'c mut Chain,
        pace: Pace,
        cast: Cast,
        weather: Weather,
        losses: usize,
        seed: u64,
    ) -> Self {
        let mut checks = Checks::default();
        let mut seen = BTreeSet::new();
        for validator in &cast.nodes {
            if !seen.insert(*validator) || cast.liars.contains_key(validator) {
                checks.liars.insert(chain.address(*validator));
            }
        }
        let member = |validator: &usize| Member {
            validator: *validator,
            disk: Disk::new(),
            machine: None,
            life: 0,
            inputs: VecDeque::new(),
            early: Vec::new(),
            doom: None,
            built: 0,
            reports: None,
            catching_up: false,
        };
        let mut random = fastrand::Rng::with_seed(seed);
        Self {
            chain,
            pace,
            network: Network::new(random.u64(..), weather),
            members: cast.nodes.iter().map(member).collect(),
            liars: cast.liars,
            checks,
            random,
            trace: blake3::Hasher::new(),
            counts: Counts::default(),
            work: 1,
            losses_left: losses,
            healed: None,
        }
    }

    /// Puts an event into the future.
    pub fn schedule(&mut self, at_ms: u64, event: Event) {
        self.network.schedule(at_ms, event);
    }

    /// Starts every node and plays until every honest node has come `heights` further after [`Event::Heal`], which must take
    /// no longer than `healing_ms_max`.
    pub fn play(mut self, heights: u64, healing_ms_max: u64) -> Result<Report, Violation> {
        for node in 0..self.members.len() {
            self.start(node)?;
        }
        for _ in 0..EVENTS_MAX {
            let Some(event) = self.network.pop() else {
                return Err(Violation("nobody waits for anything".to_owned()));
            };
            self.record(&event);
            self.happen(event, heights)?;
            let Some(healed) = &self.healed else { continue };
            let healed_ms = self.network.now_ms - healed.at_ms;
            if self.lowest() >= healed.wanted {
                let first = healed.decided_in.unwrap_or(0);
                return Ok(Report {
                    trace: self.trace.finalize(),
                    height: self.checks.height(),
                    counts: self.counts,
                    rounds_to_progress: first.saturating_sub(healed.round),
                    healed_ms,
                    convicted: self.checks.convicted.len(),
                });
            }
            if healed_ms > healing_ms_max {
                return Err(Violation(format!(
                    "progress: {healing_ms_max} ms after healing height {} is not reached: {}",
                    healed.wanted,
                    self.positions()
                )));
            }
        }
        Err(Violation(format!(
            "no end after {EVENTS_MAX} events: {}",
            self.positions()
        )))
    }

    fn positions(&self) -> String {
        let positions: Vec<_> = self
            .members
            .iter()
            .map(|member| {
                let machine = member.machine.as_ref();
                (
                    member.validator,
                    machine.map(|machine| (machine.height(), machine.round())),
                )
            })
            .collect();
        format!("(validator, (height, round)) of the nodes: {positions:?}")
    }

    /// The lowest height of an honest node.
    fn lowest(&self) -> u64 {
        let honest = self
            .members
            .iter()
            .filter(|member| !self.is_liar(member.validator));
        honest
            .map(|member| member.disk.blocks.len() as u64)
            .min()
            .unwrap_or(0)
    }

    fn is_liar(&self, validator: usize) -> bool {
        self.checks.liars.contains(&self.chain.address(validator))
    }

    fn happen(&mut self, event: Event, heights: u64) -> Result<(), Violation> {
        match event {
            Event::Deliver { from, to, parcel } => self.receive(from, to, &parcel),
            Event::Height { from, to, height } => self.hear_of_height(from, to, height),
            Event::CatchUp(node) => self.catch_up(node),
            Event::Timer { node, life, timer } => {
                if self.members[node].life == life {
                    self.feed(node, Input::Timer(timer))
                } else {
                    Ok(())
                }
            }
            Event::Work => self.offer_work(self.work + 1),
            Event::Crash { node, effects } => {
                if self.healed.is_none() && self.members[node].machine.is_some() {
                    self.members[node].doom = Some(effects);
                }
                Ok(())
            }
            Event::Restart(node) => {
                if self.members[node].doom.is_some() {
                    self.kill(node);
                }
                if self.members[node].machine.is_none() {
                    self.start(node)
                } else {
                    Ok(())
                }
            }
            Event::Cut(links) => {
                self.network.cut = links;
                Ok(())
            }
            Event::Heal => self.heal(heights),
        }
    }

    fn heal(&mut self, heights: u64) -> Result<(), Violation> {
        self.network.weather = Weather::CALM;
        self.network.cut.clear();
        for node in 0..self.members.len() {
            if self.members[node].doom.is_some() {
                self.kill(node);
            }
            if self.members[node].machine.is_none() {
                self.start(node)?;
            }
        }
        let height = self.checks.height();
        let rounds = self.members.iter().filter_map(|member| {
            let machine = member.machine.as_ref()?;
            (machine.height() > height).then(|| machine.round())
        });
        self.healed = Some(Healed {
            at_ms: self.network.now_ms,
            height,
            wanted: height + heights,
            round: rounds.max().unwrap_or(0),
            decided_in: None,
        });
        for node in 0..self.members.len() {
            self.tell_height(node);
        }
        self.offer_work(height + heights)
    }

    /// From now on heights up to `height` have something to decide.
    fn offer_work(&mut self, height: u64) -> Result<(), Violation> {
        self.work = height.max(self.work);
        for node in 0..self.members.len() {
            let Some(machine) = &self.members[node].machine else {
                continue;
            };
            let height = machine.height();
            if height <= self.work {
                self.feed(node, Input::Work { height })?;
            }
        }
        Ok(())
    }

    /// The process starts on what its disk holds.
    fn start(&mut self, node: Node) -> Result<(), Violation> {
        let member = &mut self.members[node];
        member.life += 1;
        member.doom = None;
        member.early.clear();
        let record = match member.disk.read() {
            Reading::Record(record) => *record,
            Reading::Refused | Reading::Lost => {
                // It signs nothing until it knows that it cannot contradict itself.
                member.reports = Some(BTreeMap::new());
                SafetyRecord {
                    votes_from: u64::MAX,
                    ..SafetyRecord::default()
                }
            }
            Reading::Misread => {
                return Err(Violation(format!(
                    "storage: node {node} took a damaged record for a good one, or a good one for damaged"
                )));
            }
        };
        self.boot(node, record)?;
        for other in 0..self.members.len() {
            self.tell_height(other);
        }
        Ok(())
    }

    fn boot(&mut self, node: Node, record: SafetyRecord) -> Result<(), Violation> {
        let milliseconds = Duration::from_millis;
        let config = Config {
            address: self.chain.address(self.members[node].validator),
            routing: self.pace.routing,
            timeout_base: milliseconds(self.pace.timeout_base_ms),
            timeout_max: milliseconds(self.pace.timeout_max_ms),
            rebroadcast: milliseconds(self.pace.rebroadcast_ms),
        };
        self.members[node].machine = Some(Consensus::new(config, record));
        self.begin_height(node);
        self.drain(node)
    }

    /// The process is gone; its disk stays.
    fn kill(&mut self, node: Node) {
        self.counts.crashes += 1;
        let member = &mut self.members[node];
        member.machine = None;
        member.doom = None;
        member.reports = None;
        member.inputs.clear();
        member.early.clear();
        let before = member.disk.blocks.len();
        if self.random.u32(0..3) == 0 {
            member.disk.power_cut();
        }
        // Twins and liars lose what they like.
        if self.losses_left > 0 && self.random.u32(0..6) == 0 {
            self.losses_left -= 1;
            if self.random.bool() {
                self.counts.records_lost += 1;
                member.disk.lose_record();
            } else {
                member.disk.lose_blocks(self.random.usize(0..=before));
            }
        }
        let lost = before - member.disk.blocks.len();
        self.counts.blocks_lost += u32::try_from(lost).expect("a short chain");
    }

    fn begin_height(&mut self, node: Node) {
        let member = &self.members[node];
        let last = member.disk.blocks.last().cloned();
        let electorate = self.chain.electorate(last.as_ref().map(|(block, _)| block));
        let height = electorate.height();
        let member = &mut self.members[node];
        member.inputs.clear();
        member.inputs.push_back(Input::StartHeight {
            electorate: Arc::clone(&electorate),
            last_commit: last.map(|(_, commit)| commit),
        });
        if height <= self.work {
            member.inputs.push_back(Input::Work { height });
        }
        for (from, parcel) in std::mem::take(&mut member.early) {
            let Some(message) = &parcel.message else {
                continue;
            };
            match message.height().cmp(&height) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Equal => {
                    if let Some(Ok(input)) = self.chain.verify(&parcel, &electorate)
                        && self.accepts(&input)
                    {
                        self.members[node].inputs.push_back(input);
                    }
                }
                std::cmp::Ordering::Greater => self.members[node].early.push((from, parcel)),
            }
        }
    }

    fn accepts(&self, input: &Input) -> bool {
        if let Input::Proposal(proposal) = input {
            return self.chain.is_valid(&proposal.block);
        }
        true
    }

    fn feed(&mut self, node: Node, input: Input) -> Result<(), Violation> {
        self.members[node].inputs.push_back(input);
        self.drain(node)
    }

    /// Feeds the machine until it has nothing more to do, or dies.
    fn drain(&mut self, node: Node) -> Result<(), Violation> {
        while let Some(input) = self.members[node].inputs.pop_front() {
            let Some(machine) = &mut self.members[node].machine else {
                self.members[node].inputs.clear();
                return Ok(());
            };
            for effect in machine.step(input) {
                if self.dies_at(node, &effect)? {
                    return Ok(());
                }
                self.counts.effects += 1;
                self.carry_out(node, effect)?;
            }
        }
        Ok(())
    }

    /// Whether the node dies instead of carrying out `effect`, or while it does.
    fn dies_at(&mut self, node: Node, effect: &Effect) -> Result<bool, Violation> {
        match &mut self.members[node].doom {
            None => return Ok(false),
            Some(0) => {}
            Some(effects) => {
                *effects -= 1;
                return Ok(false);
            }
        }
        if let Effect::Persist(record) = effect {
            let tear = match self.random.u32(0..8) {
                0 if self.losses_left > 0 => Tear::Torn,
                1 if self.losses_left > 0 => Tear::Flipped,
                2..=4 => Tear::Whole,
                _ => Tear::Nothing,
            };
            if matches!(tear, Tear::Torn | Tear::Flipped) {
                self.losses_left -= 1;
                self.counts.records_refused += 1;
            }
            if tear == Tear::Whole {
                Checks::recorded(self.members[node].disk.record(), record)?;
            }
            let member = &mut self.members[node];
            member.disk.tear(record, tear, &mut self.random);
        }
        self.kill(node);
        Ok(true)
    }

    fn carry_out(&mut self, node: Node, effect: Effect) -> Result<(), Violation> {
        match effect {
            Effect::Persist(record) => {
                let liar = self.is_liar(self.members[node].validator);
                let disk = &mut self.members[node].disk;
                if !liar {
                    Checks::recorded(disk.record(), &record)?;
                }
                disk.save(&record);
                Ok(())
            }
            Effect::Sign { message, to } => self.sign(node, message, to),
            Effect::Send { message, to } => {
                self.send(node, &message, to);
                Ok(())
            }
            Effect::Build { height, round, .. } => {
                let member = &mut self.members[node];
                member.built += 1;
                let (validator, attempt) = (member.validator, member.built);
                let parent = member.disk.blocks.last().map(|(block, _)| block);
                let block = self.chain.block(parent, validator, attempt);
                if block.header().height.value() == height {
                    self.members[node]
                        .inputs
                        .push_back(Input::Built { round, block });
                }
                Ok(())
            }
            Effect::Arm { timer, duration } => {
                let life = self.members[node].life;
                let after = u64::try_from(duration.as_millis()).expect("a short timer");
                let event = Event::Timer { node, life, timer };
                self.network.schedule(after.max(1), event);
                Ok(())
            }
            Effect::Commit { block, commit } => self.commit(node, block, *commit),
            Effect::Missing { commit } => {
                self.fall_behind(node, commit.height.value());
                Ok(())
            }
            Effect::Misbehaviour(misbehaviour) => {
                let electorate = self.members[node]
                    .machine
                    .as_ref()
                    .and_then(Consensus::electorate)
                    .cloned();
                electorate.map_or(Ok(()), |electorate| {
                    self.checks.accused(&misbehaviour, &electorate)
                })
            }
        }
    }

    fn sign(&mut self, node: Node, message: Unsigned, to: Recipient) -> Result<(), Violation> {
        let member = &self.members[node];
        let address = self.chain.address(member.validator);
        self.checks
            .signed(address, &message, member.disk.record())?;
        let message = self.chain.sign(member.validator, message);
        let own = match to {
            Recipient::All => true,
            Recipient::One(one) => one == address,
        };
        if own {
            let parcel = self.chain.parcel(&message.encode());
            if parcel.message.as_ref() != Some(&message) {
                return Err(Violation("codec: an own message changes".to_owned()));
            }
            let electorate = self.members[node]
                .machine
                .as_ref()
                .and_then(Consensus::electorate)
                .cloned()
                .expect("who signs is at a height");
            match self.chain.verify(&parcel, &electorate) {
                Some(Ok(input)) => self.members[node].inputs.push_back(input),
                other => {
                    return Err(Violation(format!("an own message is refused: {other:?}")));
                }
            }
        }
        self.send(node, &message, to);
        Ok(())
    }

    /// Sends to others, or lets a liar say something else.
    fn send(&mut self, node: Node, message: &Message, to: Recipient) {
        let validator = self.members[node].validator;
        let Some(mut liar) = self.liars.remove(&validator) else {
            self.post(node, &Letter::new(to, message));
            return;
        };
        let letters = self.with_hand(node, |hand| liar.send(hand, message.clone(), to));
        self.liars.insert(validator, liar);
        for letter in letters {
            self.post(node, &letter);
        }
    }

    fn with_hand(&self, node: Node, say: impl FnOnce(&Hand<'_>) -> Vec<Letter>) -> Vec<Letter> {
        let member = &self.members[node];
        let Some(electorate) = member.machine.as_ref().and_then(Consensus::electorate) else {
            return Vec::new();
        };
        let key = self.chain.key(member.validator);
        say(&Hand {
            address: self.chain.address(member.validator),
            electorate,
            pen: &|bytes| sign(key, bytes),
        })
    }

    fn post(&mut self, node: Node, letter: &Letter) {
        let parcel = self.chain.parcel(&letter.bytes);
        let me = self.members[node].validator;
        for other in 0..self.members.len() {
            let validator = self.members[other].validator;
            let meant = match letter.to {
                Recipient::All => true,
                Recipient::One(address) => self.chain.address(validator) == address,
            };
            if meant && validator != me {
                let event = Event::Deliver {
                    from: node,
                    to: other,
                    parcel: Arc::clone(&parcel),
                };
                self.network.send(node, other, &event);
            }
        }
    }

    fn receive(&mut self, from: Node, node: Node, parcel: &Arc<Parcel>) -> Result<(), Violation> {
        let Some(electorate) = self.members[node]
            .machine
            .as_ref()
            .and_then(Consensus::electorate)
            .cloned()
        else {
            return Ok(());
        };
        let Some(message) = &parcel.message else {
            return Ok(());
        };
        let height = electorate.height();
        match message.height().cmp(&height) {
            std::cmp::Ordering::Greater => {
                let member = &mut self.members[node];
                if message.height() == height + 1 && member.early.len() < EARLY_MAX {
                    member.early.push((from, Arc::clone(parcel)));
                }
                self.fall_behind(node, message.height() - 1);
                Ok(())
            }
            std::cmp::Ordering::Less => {
                self.tell_height_to(node, from);
                self.late_vote(node, parcel)
            }
            std::cmp::Ordering::Equal => {
                self.liar_hears(node, message);
                match self.chain.verify(parcel, &electorate) {
                    Some(Ok(input)) if self.accepts(&input) => self.feed(node, input),
                    Some(Ok(_) | Err(_)) | None => Ok(()),
                }
            }
        }
    }

    /// A precommit of the height before still counts for the next block's commit.
    fn late_vote(&mut self, node: Node, parcel: &Arc<Parcel>) -> Result<(), Violation> {
        if !matches!(parcel.message, Some(Message::Vote(_))) {
            return Ok(());
        }
        let blocks = &self.members[node].disk.blocks;
        let Some(before) = blocks.len().checked_sub(1) else {
            return Ok(());
        };
        let parent = before
            .checked_sub(1)
            .map(|place| &self.members[node].disk.blocks[place].0);
        let electorate = self.chain.electorate(parent);
        match self.chain.verify(parcel, &electorate) {
            Some(Ok(input)) => self.feed(node, input),
            Some(Err(_)) | None => Ok(()),
        }
    }

    fn liar_hears(&mut self, node: Node, message: &Message) {
        let validator = self.members[node].validator;
        let Some(mut liar) = self.liars.remove(&validator) else {
            return;
        };
        let letters = self.with_hand(node, |hand| liar.hear(hand, message));
        self.liars.insert(validator, liar);
        for letter in letters {
            self.post(node, &letter);
        }
    }

    /// A block is decided here, by consensus or by another node's blocks.
    fn commit(&mut self, node: Node, block: Candidate, commit: Commit) -> Result<(), Violation> {
        let member = &self.members[node];
        let height = block.header().height.value();
        if height != member.disk.blocks.len() as u64 + 1 {
            return Err(Violation(format!("order: node {node} commits height {height}")));
        }
        let parent = member.disk.blocks.last().map(|(block, _)| block);
        self.chain
            .certify(parent, &block, &commit)
            .map_err(|error| Violation(format!("certificate of height {height}: {error}")))?;
        if !self.chain.is_valid(&block) {
            return Err(Violation(format!("validity: the block of height {height}")));
        }
        self.checks.committed(height, block.id())?;
        self.trace.update(&node.to_le_bytes());
        self.trace.update(block.id().hash.as_bytes());
        if let Some(healed) = &mut self.healed
            && height == healed.height + 1
            && healed.decided_in.is_none()
        {
            healed.decided_in = Some(commit.round.value());
        }
        self.members[node].disk.blocks.push((block, commit));
        self.begin_height(node);
        self.tell_height(node);
        self.end_amnesia(node)
    }

    fn tell_height(&mut self, from: Node) {
        for to in 0..self.members.len() {
            self.tell_height_to(from, to);
        }
    }

    fn tell_height_to(&mut self, from: Node, to: Node) {
        let height = self.members[from].disk.blocks.len() as u64;
        if from != to && self.members[from].machine.is_some() {
            self.network
                .send(from, to, &Event::Height { from, to, height });
        }
    }

    fn hear_of_height(&mut self, from: Node, node: Node, height: u64) -> Result<(), Violation> {
        if let Some(reports) = &mut self.members[node].reports {
            let known = reports.entry(from).or_insert(0);
            *known = height.max(*known);
        }
        self.fall_behind(node, height);
        self.end_amnesia(node)?;
        self.drain(node)
    }

    /// A node without a record votes again from three heights above what a quorum of the others reported and it has reached.
    fn end_amnesia(&mut self, node: Node) -> Result<(), Violation> {
        let member = &self.members[node];
        let Some(reports) = &member.reports else {
            return Ok(());
        };
        let height = member.disk.blocks.len() as u64;
        let validators: BTreeSet<usize> = reports
            .iter()
            .filter(|(_, reported)| **reported <= height)
            .map(|(other, _)| self.members[*other].validator)
            .filter(|validator| *validator != member.validator)
            .collect();
        if validators.len() * 3 <= self.chain.count() * 2 || member.machine.is_none() {
            return Ok(());
        }
        let record = SafetyRecord::wiped(height);
        let member = &mut self.members[node];
        member.reports = None;
        member.disk.save(&record);
        member.life += 1;
        member.inputs.clear();
        self.boot(node, record)
    }

    fn fall_behind(&mut self, node: Node, height: u64) {
        let member = &mut self.members[node];
        let behind = member.machine.is_some() && (member.disk.blocks.len() as u64) < height;
        if behind && !member.catching_up {
            member.catching_up = true;
            self.network.schedule(PATIENCE_MS, Event::CatchUp(node));
        }
    }

    fn catch_up(&mut self, node: Node) -> Result<(), Violation> {
        self.members[node].catching_up = false;
        if self.members[node].machine.is_none() {
            return Ok(());
        }
        let mine = self.members[node].disk.blocks.len();
        let higher: Vec<Node> = (0..self.members.len())
            .filter(|other| {
                let there = &self.members[*other];
                there.machine.is_some()
                    && there.disk.blocks.len() > mine
                    && self.network.connected(node, *other)
            })
            .collect();
        if higher.is_empty() {
            return Ok(());
        }
        let peer = higher[self.random.usize(0..higher.len())];
        let blocks: Vec<_> = self.members[peer]
            .disk
            .blocks
            .iter()
            .skip(mine)
            .take(CATCH_UP_BLOCKS)
            .cloned()
            .collect();
        for (block, commit) in blocks {
            // Consensus may have been faster.
            if block.header().height.value() == self.members[node].disk.blocks.len() as u64 + 1 {
                self.commit(node, block, commit)?;
                self.drain(node)?;
            }
            if self.members[node].machine.is_none() {
                return Ok(());
            }
        }
        self.fall_behind(node, self.checks.height());
        Ok(())
    }

    fn record(&mut self, event: &Event) {
        self.trace.update(&self.network.now_ms.to_le_bytes());
        match event {
            Event::Deliver { from, to, parcel } => {
                self.trace.update(&from.to_le_bytes());
                self.trace.update(&to.to_le_bytes());
                self.trace.update(&parcel.digest);
            }
            Event::Height { from, to, height } => {
                self.trace.update(&from.to_le_bytes());
                self.trace.update(&to.to_le_bytes());
                self.trace.update(&height.to_le_bytes());
            }
            Event::Timer { node, life, timer } => {
                self.trace.update(&node.to_le_bytes());
                self.trace.update(&life.to_le_bytes());
                self.trace.update(&timer.round.to_le_bytes());
            }
            Event::CatchUp(_)
            | Event::Work
            | Event::Crash { .. }
            | Event::Restart(_)
            | Event::Cut(_)
            | Event::Heal => {
                self.trace.update(format!("{event:?}").as_bytes());
            }
        }
    }
}
