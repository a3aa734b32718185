//! A validator that cannot know what it has signed signs nothing until that no longer matters.
//!
//! **Just started.** The record on disk may be older than what the key has signed: a backup that was put back, or a second node
//! with the same key. So a node signs only once it has heard from others (with its own, more than a third of the power) and has
//! reached every height that they told. The blocks on the way there show what the key signed.
//!
//! **Lost.** The record is missing, or a block shows a signature of this key that the record does not know. Let T be a height that
//! the node has reached and that is not below what a quorum of the other validators report. As collector the node may have known of
//! one commit that nobody else reports yet (T+1) and have voted at the height after it (T+2). From T+3 on it cannot have signed
//! anything. It watches for two heights more: a signature of its key there is another node's. Then it votes again.
//!
//! **Key in use elsewhere.** Another node signs with this key. This one stays silent until it is started again, and then begins as
//! one that lost its record, so a restart is safe whatever the operator did.

use std::collections::BTreeMap;

use starfire_consensus::safety::OwnSignature;
use starfire_state::StoreError;

use super::*;

/// Who reported which height.
#[derive(Debug, Default)]
pub(super) struct Reports(BTreeMap<account::Id, u64>);

/// Why a validator signs nothing.
#[derive(Debug)]
pub(super) enum Silence {
    /// It has just started.
    Starting(Reports),
    /// It does not know what it has signed.
    Lost(Reports),
    /// Another node signs with its key.
    KeyInUse(OwnSignature),
    /// What it holds is wrong, and it cannot go on with it.
    Stopped(String),
}

impl Silence {
    /// What a node that starts with this record begins with; none: a follower, which has nothing to sign.
    pub(super) fn at_start(signer: Option<&Signer>, record: &SafetyRecord) -> Option<Self> {
        signer?;
        Some(if record.is_lost() {
            Self::Lost(Reports::default())
        } else {
            Self::Starting(Reports::default())
        })
    }

    fn reports(&mut self) -> Option<&mut Reports> {
        match self {
            Self::Starting(reports) | Self::Lost(reports) => Some(reports),
            Self::KeyInUse(_) | Self::Stopped(_) => None,
        }
    }

    /// With its code, for people and programs. Just having started is no trouble.
    fn reason(&self) -> Option<String> {
        match self {
            Self::Starting(_) => None,
            Self::Lost(_) => Some(
                "SAFETY_RECORD_LOST: this node does not know what its key has signed; it follows, and votes again by itself a few \
                 heights after it has caught up with a quorum"
                    .to_owned(),
            ),
            Self::KeyInUse(signature) => Some(format!(
                "KEY_IN_USE_ELSEWHERE: another node signs with this validator's key, at height {} round {}; stop one of the two, \
                 then start this one again",
                signature.height, signature.round
            )),
            Self::Stopped(reason) => Some(reason.clone()),
        }
    }
}

impl Replica {
    /// Why this validator signs nothing although nothing else hinders it, with a code; none: it signs, or has just started.
    pub fn silence(&self) -> Option<String> {
        self.silence.as_ref().and_then(Silence::reason)
    }

    /// Takes a validator's own word about its height: from an answer to a question of this process, or from a message that it sent
    /// just now.
    pub(super) fn height_reported(
        &mut self,
        now: Time,
        validator: account::Id,
        height: u64,
        outputs: &mut Vec<Output>,
    ) {
        if self.electorate.index(validator).is_none() || self.key_of(validator).is_some() {
            return;
        }
        let Some(reports) = self.silence.as_mut().and_then(Silence::reports) else {
            return;
        };
        let known = reports.0.entry(validator).or_insert(0);
        *known = height.max(*known);
        self.end_silence(now, outputs);
    }

    /// Ends the silence once enough reports are reached here, by blocks that were checked. A validator that claims a height which
    /// nobody can show is thereby not counted, and cannot put the end off for ever.
    pub(super) fn end_silence(&mut self, now: Time, outputs: &mut Vec<Output>) {
        if self.stalled.is_some() {
            return;
        }
        match &self.silence {
            None | Some(Silence::KeyInUse(_) | Silence::Stopped(_)) => {}
            Some(Silence::Starting(reports)) => {
                let me = self.validator();
                let own = me.map_or(0, |me| self.power(|address| *address == me));
                let heard = u128::from(own.saturating_add(self.reached(reports)));
                if heard * 3 > u128::from(self.total_power()) {
                    self.silence = None;
                    let height = self.height_to_decide();
                    self.inputs.push_back(Input::Speak { height });
                }
            }
            Some(Silence::Lost(reports)) => {
                if u128::from(self.reached(reports)) * 3 > u128::from(self.total_power()) * 2 {
                    self.begin_again(now, outputs);
                }
            }
        }
    }

    /// The record that was lost begins anew, at a height that it cannot have known.
    fn begin_again(&mut self, now: Time, outputs: &mut Vec<Output>) {
        let record = SafetyRecord::wiped(self.height());
        if let Err(error) = self.save_safety(&record) {
            self.stall(None, &error, outputs);
            return;
        }
        tracing::warn!(
            from = record.votes_from,
            "the safety record was lost: this validator votes again from this height on"
        );
        self.silence = None;
        self.consensus = Consensus::new(self.config(), record);
        self.start_height(now, outputs);
    }

    /// This node's key signed what the record does not know. Whoever has signed nothing in this process, and is not past the end of
    /// a silence, has an old record; otherwise another node signs.
    pub(super) fn disown(&mut self, signature: OwnSignature, outputs: &mut Vec<Output>) {
        if matches!(
            self.silence,
            Some(Silence::Lost(_) | Silence::KeyInUse(_) | Silence::Stopped(_))
        ) {
            return;
        }
        let watching = signature.height < self.consensus.record().votes_from;
        let silence = if self.signed || watching {
            Silence::KeyInUse(signature)
        } else {
            Silence::Lost(Reports::default())
        };
        self.hush(silence, outputs);
        // On disk too: what begins after a restart must not be this record again.
        if let Err(error) = self.save_safety(&SafetyRecord::silent()) {
            self.stall(None, &error, outputs);
        }
    }

    /// Looks for this node's signature in a commit that did not come through the state machine.
    pub(super) fn disown_in(&mut self, commit: &Commit, outputs: &mut Vec<Output>) {
        let record = self.consensus.record();
        let foreign = self
            .signers
            .iter()
            .find_map(|signer| record.foreign_in_commit(commit, signer.address()));
        if let Some(signature) = foreign {
            self.disown(signature, outputs);
        }
    }

    /// The chain has decided a block that is invalid here: this node's state is not the chain's, and nothing that it says counts.
    pub(super) fn diverge(&mut self, height: u64, reason: &str, outputs: &mut Vec<Output>) {
        let reason = format!(
            "STATE_DIVERGED: a quorum decided block {height}, which is invalid here: {reason}; this node has stopped at {}: keep \
             its data directory for those who look into it, and start again with an empty one",
            self.height()
        );
        self.hush(Silence::Stopped(reason), outputs);
    }

    fn hush(&mut self, silence: Silence, outputs: &mut Vec<Output>) {
        outputs.extend(silence.reason().map(Output::Silent));
        self.silence = Some(silence);
        let height = self.height_to_decide();
        self.inputs.push_back(Input::Hush { height });
    }

    /// Writes a record with the blocks that it names.
    pub(super) fn save_safety(&mut self, record: &SafetyRecord) -> Result<(), StoreError> {
        self.store
            .save_safety(&record.encode(), &record.block_bytes())
    }

    /// A machine that goes on from `record`: a silent one while this node has reason to be.
    pub(super) fn machine(&self, record: SafetyRecord) -> Consensus {
        if self.silence.is_some() {
            Consensus::silent(self.config(), record)
        } else {
            Consensus::new(self.config(), record)
        }
    }

    pub(super) fn config(&self) -> Config {
        config(&self.genesis)
    }

    fn reached(&self, reports: &Reports) -> u64 {
        self.power(|address| {
            reports
                .0
                .get(address)
                .is_some_and(|at| *at <= self.height())
        })
    }

    fn power(&self, counts: impl Fn(&account::Id) -> bool) -> u64 {
        let infos = self.electorate.validators().validators().iter();
        infos
            .filter(|info| counts(&info.address))
            .map(validator::Info::power)
            .sum()
    }

    fn total_power(&self) -> u64 {
        self.electorate.validators().total_voting_power().value()
    }
}
