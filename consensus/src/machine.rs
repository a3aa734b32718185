//! The state machine: one input in, effects out.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tendermint::{
    account,
    block::{Commit, Id},
};

use crate::{
    candidate::Candidate,
    effect::{Effect, Recipient, Timer, TimerKind},
    electorate::Electorate,
    input::Input,
    message::{Message, Proposal, Unsigned},
    misbehaviour::{Misbehaviour, SignedProposal, proposals_contradict},
    quorum::{Justification, TimeoutCertificate},
    safety::SafetyRecord,
    tally::{ROUNDS_BEHIND_MAX, Tally},
};

/// Who assembles certificates. The voting rules are the same either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Routing {
    /// Votes go to the proposer, who sends certificates to all: messages linear in the number of validators.
    Collector,
    /// Votes go to all, and everyone assembles: two message delays fewer, messages quadratic.
    Broadcast,
}

/// What does not change while a node runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// This node's validator address. Where the set does not have it, the node follows and signs nothing.
    /// [`Consensus::sign_as`] changes it between heights.
    pub address: account::Id,
    /// Where votes go.
    pub routing: Routing,
    /// How long round 0 may take.
    pub timeout_base: Duration,
    /// How long any round may take.
    pub timeout_max: Duration,
    /// How often to repeat what others may have missed, while a height drags on.
    pub rebroadcast: Duration,
}

impl Config {
    /// How long a round may take: half as long again as the round before, up to the maximum.
    pub fn timeout(&self, round: u32) -> Duration {
        let mut timeout = self.timeout_base.max(Duration::from_millis(1));
        for _ in 0..round {
            if timeout >= self.timeout_max {
                break;
            }
            timeout = timeout.saturating_mul(3) / 2;
        }
        timeout.min(self.timeout_max)
    }
}

/// One validator's part in deciding the next block.
#[derive(Debug, Clone)]
pub struct Consensus {
    config: Config,
    record: SafetyRecord,
    /// Whether this node only follows until it is told to [speak](Input::Speak).
    silent: bool,
    /// A record of a height that the node has not reached again: its store lost commits that the record outlived.
    ahead: Option<SafetyRecord>,
    at: Option<Progress>,
}

/// Where a height stands. What must survive a crash is in the safety record, not here.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    pub(crate) electorate: Arc<Electorate>,
    /// This node's place in the set, if it may sign at this height.
    pub(crate) index: Option<usize>,
    pub(crate) last_commit: Option<Commit>,
    pub(crate) round: u32,
    /// The proposal of each round, this node's own among them.
    pub(crate) proposals: BTreeMap<u32, Proposal>,
    /// The blocks held, all of them valid.
    pub(crate) blocks: BTreeMap<Id, Candidate>,
    pub(crate) tally: Tally,
    pub(crate) decided: Option<Commit>,
    /// Whether `Commit` was given out, after which the height is over here.
    pub(crate) finished: bool,
    /// Whether there is something to decide.
    pub(crate) working: bool,
    /// The round for which a block was asked for.
    pub(crate) building: Option<u32>,
    pub(crate) round_timer: bool,
    pub(crate) rebroadcast_timer: bool,
    /// Who was reported at this height: once is enough, and a liar could go on for ever.
    pub(crate) accused: BTreeSet<account::Id>,
}

/// The effects of one step, sorted as they come: what depends on no new signature, then the record and all that it covers,
/// then the rest. So a step writes at most one record.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    first: Vec<Effect>,
    changed: bool,
    signed: Vec<Effect>,
    last: Vec<Effect>,
}

/// One step in the making: the parts of the machine that the rules in `propose.rs`, `vote.rs` and `round.rs` work on.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    pub(crate) config: &'a Config,
    pub(crate) record: &'a mut SafetyRecord,
    pub(crate) at: &'a mut Progress,
    pub(crate) out: Outbox,
}

impl Consensus {
    /// A machine that goes on from `record`. It waits for [`Input::StartHeight`].
    pub fn new(config: Config, record: SafetyRecord) -> Self {
        Self {
            config,
            record,
            silent: false,
            ahead: None,
            at: None,
        }
    }

    /// A machine that goes on from `record`, and signs nothing before it is told to [speak](Input::Speak).
    pub fn silent(config: Config, record: SafetyRecord) -> Self {
        Self {
            silent: true,
            ..Self::new(config, record)
        }
    }

    /// Sign as another validator from the next height on: this node has several keys, and each height's set names the one to use.
    pub fn sign_as(&mut self, address: account::Id) {
        self.config.address = address;
    }

    /// Take in one input.
    pub fn step(&mut self, input: Input) -> Vec<Effect> {
        if let Input::StartHeight {
            electorate,
            last_commit,
        } = &input
        {
            self.begin(Arc::clone(electorate), last_commit.clone());
        }
        if let Input::Hush { .. } | Input::Speak { .. } = &input {
            self.silent = matches!(input, Input::Hush { .. });
        }
        let Some(at) = &mut self.at else {
            return Vec::new();
        };
        let mut step = Step {
            config: &self.config,
            record: &mut self.record,
            at,
            out: Outbox::default(),
        };
        if input.height() != step.height() {
            // Of a height that is over, or not begun. Only a late precommit is of use.
            if let Input::Vote(vote) = input {
                step.on_late_vote(&vote);
            }
            return step.finish();
        }
        step.look_for_own_key(&input);
        match input {
            Input::StartHeight { .. } => step.resume(),
            Input::Hush { .. } => {
                step.at.index = None;
                // A block that was asked for may still come.
                step.at.building = None;
            }
            Input::Speak { .. } => step.on_speak(),
            Input::Work { .. } => step.on_work(),
            Input::Built { round, block } => step.on_built(round, block),
            Input::Proposal(proposal) => step.on_proposal(proposal.into_inner()),
            Input::Vote(vote) => step.on_vote(vote.into_inner()),
            Input::QuorumCertificate(certificate) => {
                step.on_quorum_certificate(certificate.into_inner());
            }
            Input::Timeout(timeout) => step.on_timeout(timeout.into_inner()),
            Input::TimeoutCertificate(certificate) => {
                step.on_timeout_certificate(certificate.into_inner());
            }
            Input::Commit(commit) => step.decide(commit.into_inner(), false),
            Input::Misbehaviour(misbehaviour) => step.accuse(*misbehaviour.into_inner()),
            Input::Timer(timer) => step.on_timer(timer),
        }
        step.finish()
    }

    /// Leave the height before behind.
    fn begin(&mut self, electorate: Arc<Electorate>, last_commit: Option<Commit>) {
        let height = electorate.height();
        assert!(height > self.height(), "height {height} was started before");
        self.load_record(height);
        self.at = Some(Progress {
            index: electorate
                .index(self.config.address)
                .filter(|_| self.record.may_sign() && !self.silent),
            last_commit,
            round: self.record.last_round(),
            proposals: BTreeMap::new(),
            blocks: self
                .record
                .blocks
                .iter()
                .map(|block| (block.id(), block.clone()))
                .collect(),
            tally: Tally::new(electorate.count()),
            decided: None,
            finished: false,
            working: false,
            building: None,
            round_timer: false,
            rebroadcast_timer: false,
            accused: BTreeSet::new(),
            electorate,
        });
    }

    /// The record to work on at `height`: the stored one if it is of this height, else a new one. A record of a later height is
    /// put aside, and nothing is signed before that height is reached.
    fn load_record(&mut self, height: u64) {
        let stored = self
            .ahead
            .take()
            .unwrap_or_else(|| std::mem::take(&mut self.record));
        self.record = match stored.height.cmp(&height) {
            std::cmp::Ordering::Equal => stored,
            std::cmp::Ordering::Less => stored.begin(height),
            std::cmp::Ordering::Greater => {
                let begin = SafetyRecord {
                    votes_from: stored.votes_from.max(stored.height),
                    known_from: stored.known_from.max(stored.height),
                    ..stored.begin(height)
                };
                self.ahead = Some(stored);
                begin
            }
        };
    }

    /// The height in progress; 0 before the first one.
    pub fn height(&self) -> u64 {
        self.at.as_ref().map_or(0, |at| at.electorate.height())
    }

    /// The current round.
    pub fn round(&self) -> u32 {
        self.at.as_ref().map_or(0, |at| at.round)
    }

    /// Who decides the height in progress, and judges its messages.
    pub fn electorate(&self) -> Option<&Arc<Electorate>> {
        self.at.as_ref().map(|at| &at.electorate)
    }

    /// Whose turn it is to propose.
    pub fn proposer(&self) -> Option<account::Id> {
        self.at.as_ref().map(|at| at.electorate.proposer(at.round))
    }

    /// Whether the height in progress is decided, be it that its block is missing.
    pub fn is_decided(&self) -> bool {
        self.at.as_ref().is_some_and(|at| at.decided.is_some())
    }

    /// Whether a block of the height in progress is one that this node voted for or knows a certificate of.
    pub fn needs(&self, id: Id) -> bool {
        let decided = self.at.as_ref().and_then(|at| at.decided.as_ref());
        self.record.names(id) || decided.is_some_and(|commit| commit.block_id == id)
    }

    /// What convicts the proposer of a proposal: it is held to another block in the same round.
    pub fn contradicted(&self, proposal: &Proposal) -> Option<Misbehaviour> {
        let kept = self.at.as_ref()?.proposals.get(&proposal.round)?;
        let (one, two) = (SignedProposal::of(kept)?, SignedProposal::of(proposal)?);
        proposals_contradict(&one, &two).then_some(Misbehaviour::DuplicateProposal(one, two))
    }

    /// Whether the height in progress has something to decide.
    pub fn has_work(&self) -> bool {
        self.at.as_ref().is_some_and(|at| at.working)
    }

    /// How long round 0 may take, from the next height on.
    pub fn set_timeout_base(&mut self, base: Duration) {
        self.config.timeout_base = base;
    }

    /// How the decided block came to be put forward, if not in round 0 and if its proposal came this way. It belongs to what
    /// convicts, should the block ever turn out to contradict another.
    pub fn justification(&self) -> Option<Justification> {
        let at = self.at.as_ref()?;
        let commit = at.decided.as_ref()?;
        let proposal = at.proposals.get(&commit.round.value())?;
        let ended = proposal
            .timeout_certificate
            .as_deref()
            .filter(|_| proposal.block.id() == commit.block_id)?;
        Some(Justification {
            timeout_certificate: ended.clone(),
            justify: proposal.justify.as_deref().cloned(),
        })
    }

    /// The record as it stands: what the last `Persist` of this height wrote, or an empty one.
    pub fn record(&self) -> &SafetyRecord {
        &self.record
    }
}

impl Step<'_> {
    /// The effects, in the order that the safety of the next crash needs.
    fn finish(mut self) -> Vec<Effect> {
        let mut effects = std::mem::take(&mut self.out.first);
        if self.out.changed {
            let record = &mut *self.record;
            let blocks = self
                .at
                .blocks
                .values()
                .filter(|block| record.names(block.id()))
                .cloned()
                .collect();
            record.blocks = blocks;
            effects.push(Effect::Persist(Box::new(record.clone())));
        }
        effects.append(&mut self.out.signed);
        effects.append(&mut self.out.last);
        effects
    }

    /// Tell of a signature of this node's own key that its record does not know, before anything is done about the input.
    fn look_for_own_key(&mut self, input: &Input) {
        let me = self.config.address;
        if let Some(signature) = self.record.foreign(input, me, &self.at.electorate) {
            self.out.first.push(Effect::Foreign(signature));
        }
    }

    /// From now on this node may sign: say again what it said last, and what it would have said meanwhile.
    fn on_speak(&mut self) {
        let me = self.at.electorate.index(self.config.address);
        self.at.index = me.filter(|_| self.record.may_sign());
        self.resume();
        if self.at.working {
            self.arm();
            self.propose();
        }
        self.prevote();
        self.precommit();
    }

    /// Whether this node may sign at this height, and the height is still open.
    pub(crate) fn active(&self) -> bool {
        self.at.index.is_some() && self.at.decided.is_none()
    }

    /// The height in progress.
    pub(crate) fn height(&self) -> u64 {
        self.at.electorate.height()
    }

    /// The certificate that opened the current round.
    pub(crate) fn opened_by(&self) -> Option<&TimeoutCertificate> {
        self.record
            .timeout_certificate
            .as_ref()
            .filter(|ended| Some(ended.round) == self.at.round.checked_sub(1))
    }

    /// Sign and send. Whoever calls it has changed the record first, or repeats what the record on disk covers.
    pub(crate) fn sign(&mut self, message: Unsigned, to: Recipient) {
        self.out.signed.push(Effect::Sign { message, to });
    }

    /// The record changed: write it before anything signed in this step leaves.
    pub(crate) fn remember(&mut self) {
        self.out.changed = true;
    }

    /// Send a certificate to all.
    pub(crate) fn send(&mut self, message: Message) {
        self.out.first.push(Effect::Send {
            message,
            to: Recipient::All,
        });
    }

    /// Report a validator, once a height.
    pub(crate) fn accuse(&mut self, misbehaviour: Misbehaviour) {
        if self.at.accused.insert(misbehaviour.offender()) {
            self.then(Effect::Misbehaviour(Box::new(misbehaviour)));
        }
    }

    /// Any other effect.
    pub(crate) fn then(&mut self, effect: Effect) {
        self.out.last.push(effect);
    }

    /// Set the timers of the current round, unless they run.
    pub(crate) fn arm(&mut self) {
        if !self.active() {
            return;
        }
        let (height, round) = (self.height(), self.at.round);
        if !self.at.round_timer {
            self.at.round_timer = true;
            let timer = Timer {
                height,
                round,
                kind: TimerKind::Round,
            };
            self.then(Effect::Arm {
                timer,
                duration: self.config.timeout(round),
            });
        }
        if !self.at.rebroadcast_timer {
            self.at.rebroadcast_timer = true;
            let timer = Timer {
                height,
                round,
                kind: TimerKind::Rebroadcast,
            };
            self.then(Effect::Arm {
                timer,
                duration: self.config.rebroadcast,
            });
        }
    }

    /// Forget what past rounds left, but for the blocks that may still be needed.
    pub(crate) fn prune(&mut self) {
        let first = self.at.round.saturating_sub(ROUNDS_BEHIND_MAX);
        self.at.tally.prune(self.at.round);
        self.at.proposals.retain(|round, _| *round >= first);
        let (proposals, record) = (&self.at.proposals, &*self.record);
        self.at.blocks.retain(|id, _| {
            record.names(*id)
                || proposals
                    .values()
                    .any(|proposal| proposal.block.id() == *id)
        });
    }

    fn on_timer(&mut self, timer: Timer) {
        match timer.kind {
            TimerKind::Round if timer.round == self.at.round => self.on_round_timer(),
            TimerKind::Round => {}
            TimerKind::Rebroadcast => self.on_rebroadcast_timer(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_grow_by_half_up_to_the_maximum() {
        let config = Config {
            address: account::Id::new([0; 20]),
            routing: Routing::Collector,
            timeout_base: Duration::from_millis(400),
            timeout_max: Duration::from_secs(2),
            rebroadcast: Duration::from_secs(1),
        };
        let timeouts: Vec<_> = (0..6)
            .map(|round| config.timeout(round).as_millis())
            .collect();
        assert_eq!(timeouts, [400, 600, 900, 1350, 2000, 2000]);
        assert_eq!(config.timeout(u32::MAX), Duration::from_secs(2));
    }
}
