//! Machines, their disks and the network between them: one chain, played to its end.

mod arrivals;
mod effects;
mod life;
mod trace;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use starfire_consensus::input::Input;
use starfire_consensus::machine::{Consensus, Routing};

use super::chain::{Chain, Parcel};
use super::checks::Checks;
use super::disk::Disk;
use super::network::{Event, Network, Node, Weather};
use crate::byzantine::Behaviour;
use crate::violation::Violation;

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
}
