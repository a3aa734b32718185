//! What a validator must never forget, and the rules that it must never break.
//!
//! The record stands on disk before any signature that it covers leaves the node. The predicates here are the whole of the
//! voting rules; `propose.rs`, `vote.rs` and `round.rs` ask them and sign nothing that they do not allow.
//!
//! **Why it is safe.** Suppose block B is committed in round r. A quorum precommitted it, each of them after seeing the
//! prevote certificate of round r and before timing out r or any later round. A timeout certificate of a round >= r shares an
//! honest signer with that quorum, and that signer reports a certificate of a round >= r. So the first proposal after r must
//! carry a certificate of a round >= r, which can only be for B; and so on by induction.

mod disk;
mod own;

use tendermint::block::Id;

use crate::{
    candidate::{BLOCK_BYTES_MAX, Candidate},
    message::Proposal,
    quorum::{QuorumCertificate, TimeoutCertificate},
};

pub use disk::{BlockDigest, SafetyError};
pub use own::{OwnKind, OwnSignature};

/// How far beyond the highest committed height that a quorum reports a wiped node may have signed something. As collector it
/// may have known a commit that nobody else reports yet, and may have voted at the height after that.
pub const WIPED_SILENCE_HEIGHTS: u64 = 3;

/// For so many heights more a wiped node only watches: a signature of its own key there was made by another node.
pub const WATCH_HEIGHTS: u64 = 2;

/// Blocks that were prevoted for since the highest certificate known are kept, at most so many. Beyond, the oldest is forgotten:
/// a certificate that stayed hidden for so many failed rounds could then be for a block that nobody can propose again.
pub const BACKED_BLOCKS_MAX: usize = 32;

/// The same, in bytes. The newest is kept whatever its size.
pub const BACKED_BYTES_MAX: usize = 4 * BLOCK_BYTES_MAX;

/// Something signed: in which round, for which block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ballot {
    /// The round.
    pub round: u32,
    /// The block.
    pub block_id: Id,
}

/// What a validator signed at one height, and the blocks that it signed for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SafetyRecord {
    /// The height. 0: nothing was ever signed.
    pub height: u64,
    /// The last prevote.
    pub prevote: Option<Ballot>,
    /// The last precommit: the lock.
    pub precommit: Option<Ballot>,
    /// The last proposal.
    pub proposal: Option<Ballot>,
    /// The highest round timed out.
    pub timeout_round: Option<u32>,
    /// The quorum certificate of the highest round known.
    pub high_qc: Option<QuorumCertificate>,
    /// What opened the current round.
    pub timeout_certificate: Option<TimeoutCertificate>,
    /// The last prevote for each block that may be certified without this node knowing: cast in no earlier round than that of
    /// the highest certificate known. Oldest first.
    pub backed: Vec<Ballot>,
    /// The blocks named above. A chain whose validators all die while locked can finish its block, and a certificate that was
    /// hidden for some rounds finds its block still there.
    pub blocks: Vec<Candidate>,
    /// Nothing is signed below this height.
    pub votes_from: u64,
    /// From this height on the record knows all that its key signed. Below, its node may have signed what it has forgotten.
    pub known_from: u64,
}

impl SafetyRecord {
    /// The record of a node that does not know what it has signed, and not yet from where on that does not matter.
    pub fn silent() -> Self {
        Self {
            votes_from: u64::MAX,
            known_from: u64::MAX,
            ..Self::default()
        }
    }

    /// Whether it is [`Self::silent`]: lost, or not to be relied on.
    pub fn is_lost(&self) -> bool {
        self.votes_from == u64::MAX
    }

    /// The record of a node that lost its own, `committed` being the highest committed height that a quorum reports.
    pub fn wiped(committed: u64) -> Self {
        let known_from = committed.saturating_add(WIPED_SILENCE_HEIGHTS);
        Self {
            votes_from: known_from.saturating_add(WATCH_HEIGHTS),
            known_from,
            ..Self::default()
        }
    }

    /// The record with which a height begins, after `self`.
    pub(crate) fn begin(&self, height: u64) -> Self {
        Self {
            height,
            votes_from: self.votes_from,
            known_from: self.known_from,
            ..Self::default()
        }
    }

    /// Whether nothing was signed at this height yet.
    pub fn is_blank(&self) -> bool {
        *self == self.begin(self.height)
    }

    /// Take note of a prevote.
    pub(crate) fn back(&mut self, ballot: Ballot) {
        self.prevote = Some(ballot);
        self.backed
            .retain(|before| before.block_id != ballot.block_id);
        self.backed.push(ballot);
        let excess = self.backed.len().saturating_sub(BACKED_BLOCKS_MAX);
        self.backed.drain(..excess);
    }

    /// Take note of a certificate, if it is of a higher round than the one known. Blocks that only an older one could name are
    /// needed no more: whoever must propose is bound to a certificate at least as high as this one, and is shown it by a timeout.
    pub(crate) fn raise(&mut self, certificate: QuorumCertificate) {
        let known = self.high_qc.as_ref().map(|high| high.round);
        if known < Some(certificate.round) {
            self.backed
                .retain(|ballot| ballot.round >= certificate.round);
            self.high_qc = Some(certificate);
        }
    }

    /// Whether anything may be signed at this height.
    pub fn may_sign(&self) -> bool {
        self.height >= self.votes_from
    }

    /// A proposal of `round`: one a round, in rounds not given up, forward only.
    pub fn may_propose(&self, round: u32) -> bool {
        self.may_sign() && self.open(round) && self.proposal.is_none_or(|last| last.round < round)
    }

    /// A prevote for `proposal`, `round` being the current round. The replica has validated the block, and the message's check
    /// has shown that it extends the committed one.
    pub fn may_prevote(&self, round: u32, proposal: &Proposal) -> bool {
        self.may_sign()
            && proposal.round == round
            && self.prevote.is_none_or(|last| last.round < round)
            && self.open(round)
            && justified(proposal)
            && self.lock_permits(proposal)
    }

    /// A precommit on `certificate`, `round` being the current round. The block must be held.
    pub fn may_precommit(&self, round: u32, certificate: &QuorumCertificate) -> bool {
        self.may_sign()
            && certificate.height == self.height
            && certificate.round == round
            && self.precommit.is_none_or(|last| last.round < round)
            && self.open(round)
    }

    /// A timeout of `round`: once a round, forward only.
    pub fn may_time_out(&self, round: u32) -> bool {
        self.may_sign() && self.timeout_round < Some(round)
    }

    /// Whether votes may still be cast in `round`: neither it **nor any later round** was given up. A replica can give up a
    /// round that it never entered; to check `round` alone would break the argument above.
    pub fn open(&self, round: u32) -> bool {
        self.timeout_round < Some(round)
    }

    /// Tendermint's lock rule, kept as a second check: the justification is as recent as the lock, or the timeouts prove that
    /// the lock was never committed. It follows from [`justified`].
    fn lock_permits(&self, proposal: &Proposal) -> bool {
        let Some(lock) = self.precommit else {
            return true;
        };
        let justified_since = proposal
            .justify
            .as_ref()
            .is_some_and(|justify| justify.round >= lock.round);
        let disproved = proposal.timeout_certificate.as_ref().is_some_and(|ended| {
            ended.round >= lock.round && ended.highest_round() < Some(lock.round)
        });
        justified_since || disproved
    }

    /// The round to be in after a restart: the highest that anything signed refers to.
    pub(crate) fn last_round(&self) -> u32 {
        let opened = self
            .timeout_certificate
            .as_ref()
            .map(|ended| ended.round.saturating_add(1));
        let certified = self.high_qc.as_ref().map(|high| high.round);
        let signed = [self.prevote, self.precommit, self.proposal]
            .into_iter()
            .flatten()
            .map(|ballot| ballot.round)
            .max();
        [opened, certified, signed, self.timeout_round]
            .into_iter()
            .flatten()
            .max()
            .unwrap_or(0)
    }

    /// The blocks that the record names.
    pub(crate) fn names(&self, id: Id) -> bool {
        let ballots = [self.prevote, self.precommit, self.proposal];
        ballots
            .iter()
            .flatten()
            .chain(&self.backed)
            .any(|ballot| ballot.block_id == id)
            || self
                .high_qc
                .as_ref()
                .is_some_and(|high| high.block_id == id)
    }
}

/// Whether a proposal shows that its block may be voted for. In round 0 any block may. Later, the proposal shows the timeouts
/// that ended the round before; let *m* be the highest certificate round that they report. None: any block may. Otherwise the
/// proposal carries a certificate for this very block, of round *m* or later.
pub(crate) fn justified(proposal: &Proposal) -> bool {
    let Some(previous) = proposal.round.checked_sub(1) else {
        return true;
    };
    let Some(ended) = &proposal.timeout_certificate else {
        return false;
    };
    if ended.round != previous || ended.height != proposal.height() {
        return false;
    }
    let Some(highest) = ended.highest_round() else {
        return true;
    };
    let justify = proposal.justify.as_ref();
    justify
        .is_some_and(|justify| justify.block_id == proposal.block.id() && justify.round >= highest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Chain;

    fn at(height: u64) -> SafetyRecord {
        SafetyRecord::default().begin(height)
    }

    fn ballot(round: u32, block: &Candidate) -> Option<Ballot> {
        Some(Ballot {
            round,
            block_id: block.id(),
        })
    }

    #[test]
    fn a_prevote_is_for_the_current_round_and_once_a_round() {
        let chain = Chain::new(4);
        let block = chain.block(1, b"");
        let proposal = chain.proposal(&block, 0, None, None);
        assert!(at(1).may_prevote(0, &proposal));
        assert!(!at(1).may_prevote(1, &proposal));
        assert!(
            !SafetyRecord {
                prevote: ballot(0, &block),
                ..at(1)
            }
            .may_prevote(0, &proposal)
        );
        assert!(
            !SafetyRecord {
                prevote: ballot(3, &block),
                ..at(1)
            }
            .may_prevote(0, &proposal)
        );
    }

    #[test]
    fn who_gave_up_a_round_votes_in_no_round_up_to_it() {
        let chain = Chain::new(4);
        let block = chain.block(1, b"");
        let proposal = chain.proposal(&block, 0, None, None);
        let qc = chain.prevotes(&block, 0, &[0, 1, 2]);
        for given_up in [0, 5] {
            let record = SafetyRecord {
                timeout_round: Some(given_up),
                ..at(1)
            };
            assert!(!record.may_prevote(0, &proposal), "timed out {given_up}");
            assert!(!record.may_precommit(0, &qc), "timed out {given_up}");
            assert!(!record.may_propose(0), "timed out {given_up}");
            assert!(!record.may_time_out(given_up));
        }
        let later = chain.prevotes(&block, 6, &[0, 1, 2]);
        assert!(
            SafetyRecord {
                timeout_round: Some(5),
                ..at(1)
            }
            .may_precommit(6, &later)
        );
    }

    #[test]
    fn a_later_round_needs_the_timeouts_that_ended_the_one_before() {
        let chain = Chain::new(4);
        let block = chain.block(1, b"");
        let ended = chain.timeouts(1, 0, &[(0, None), (1, None), (2, None)]);
        assert!(justified(&chain.proposal(
            &block,
            1,
            None,
            Some(ended.clone())
        )));
        assert!(!justified(&chain.proposal(&block, 1, None, None)));
        assert!(!justified(&chain.proposal(&block, 2, None, Some(ended))));
    }

    #[test]
    fn timeouts_that_report_a_certificate_bind_the_proposer_to_it() {
        let chain = Chain::new(4);
        let (block, other) = (chain.block(1, b"one"), chain.block(1, b"other"));
        let old = chain.prevotes(&other, 0, &[0, 1, 2]);
        let new = chain.prevotes(&block, 1, &[0, 1, 2]);
        let ended = chain.timeouts(1, 2, &[(0, None), (1, Some(&new)), (2, None)]);
        let proposal = |block, justify| chain.proposal(block, 3, justify, Some(ended.clone()));
        assert!(justified(&proposal(&block, Some(new.clone()))));
        assert!(!justified(&proposal(&block, None)));
        assert!(
            !justified(&proposal(&other, Some(old))),
            "an older certificate than the timeouts report"
        );
        assert!(
            !justified(&proposal(&other, Some(new))),
            "a certificate for another block"
        );
    }

    #[test]
    fn an_unlocked_validator_votes_for_nothing_that_the_timeouts_do_not_allow() {
        let chain = Chain::new(4);
        let (block, other) = (chain.block(1, b"one"), chain.block(1, b"other"));
        let qc = chain.prevotes(&block, 1, &[0, 1, 2]);
        let ended = chain.timeouts(1, 2, &[(0, None), (1, Some(&qc)), (2, None)]);
        assert!(!at(1).may_prevote(3, &chain.proposal(&other, 3, None, Some(ended.clone()))));
        assert!(!at(1).may_prevote(3, &chain.proposal(&other, 3, None, None)));
        assert!(at(1).may_prevote(3, &chain.proposal(&block, 3, Some(qc), Some(ended))));
    }

    #[test]
    fn a_proposer_proposes_once_a_round_and_never_backwards() {
        let block = Chain::new(4).block(1, b"");
        let record = SafetyRecord {
            proposal: ballot(2, &block),
            ..at(1)
        };
        assert!(!record.may_propose(2) && !record.may_propose(1));
        assert!(record.may_propose(3));
    }

    #[test]
    fn a_lock_yields_to_a_newer_certificate_or_to_timeouts_that_disprove_it() {
        let chain = Chain::new(4);
        let (locked, other) = (chain.block(1, b"locked"), chain.block(1, b"other"));
        let record = SafetyRecord {
            precommit: ballot(1, &locked),
            prevote: ballot(1, &locked),
            ..at(1)
        };
        let silent = chain.timeouts(1, 2, &[(0, None), (1, None), (2, None)]);
        assert!(record.may_prevote(3, &chain.proposal(&other, 3, None, Some(silent))));
        let newer = chain.prevotes(&other, 2, &[0, 1, 2]);
        let ended = chain.timeouts(1, 2, &[(0, Some(&newer)), (1, None), (2, None)]);
        assert!(record.may_prevote(3, &chain.proposal(&other, 3, Some(newer), Some(ended))));
        let older = chain.prevotes(&other, 0, &[0, 1, 2]);
        let ended = chain.timeouts(1, 0, &[(0, Some(&older)), (1, None), (2, None)]);
        assert!(!record.may_prevote(
            1,
            &chain.proposal(&other, 1, Some(older.clone()), Some(ended.clone()))
        ));
        // The second check alone: a lock of a round that the timeouts do not cover.
        assert!(!record.lock_permits(&chain.proposal(&other, 1, Some(older), Some(ended))));
    }

    #[test]
    fn a_precommit_needs_a_certificate_of_the_current_round_and_is_given_once() {
        let chain = Chain::new(4);
        let block = chain.block(1, b"");
        let qc = chain.prevotes(&block, 2, &[0, 1, 2]);
        assert!(at(1).may_precommit(2, &qc));
        assert!(!at(1).may_precommit(3, &qc));
        assert!(!at(2).may_precommit(2, &qc), "another height's certificate");
        assert!(
            !SafetyRecord {
                precommit: ballot(2, &block),
                ..at(1)
            }
            .may_precommit(2, &qc)
        );
    }

    #[test]
    fn a_wiped_node_signs_nothing_for_three_heights_and_then_watches_for_two() {
        let chain = Chain::new(4);
        let block = chain.block(1, b"");
        let wiped = SafetyRecord::wiped(10);
        assert_eq!((wiped.known_from, wiped.votes_from), (13, 15));
        for height in 1..15 {
            let record = wiped.begin(height);
            assert!(!record.may_propose(0) && !record.may_time_out(0));
            assert!(!record.may_prevote(0, &chain.proposal(&block, 0, None, None)));
        }
        assert!(wiped.begin(15).may_propose(0));
    }

    #[test]
    fn blocks_prevoted_for_are_kept_until_a_certificate_is_higher() {
        let chain = Chain::new(4);
        let blocks: Vec<_> = (0..4u8).map(|payload| chain.block(1, &[payload])).collect();
        let mut record = at(1);
        for (round, block) in (0..).zip(&blocks) {
            record.back(ballot(round, block).unwrap());
        }
        record.back(ballot(4, &blocks[0]).unwrap());
        let rounds = |record: &SafetyRecord| -> Vec<u32> {
            record.backed.iter().map(|ballot| ballot.round).collect()
        };
        assert_eq!(
            rounds(&record),
            [1, 2, 3, 4],
            "a block once, by its last prevote"
        );
        record.raise(chain.prevotes(&blocks[2], 2, &[0, 1, 3]));
        assert_eq!(rounds(&record), [2, 3, 4]);
        record.raise(chain.prevotes(&blocks[1], 1, &[0, 1, 3]));
        assert_eq!(
            rounds(&record),
            [2, 3, 4],
            "an older certificate changes nothing"
        );
        assert!(!record.names(blocks[1].id()) && record.names(blocks[0].id()));
    }

    #[test]
    fn blocks_prevoted_for_are_bounded_and_the_newest_stay() {
        let chain = Chain::new(4);
        let mut record = at(1);
        let rounds = u32::try_from(BACKED_BLOCKS_MAX).unwrap() + 5;
        for round in 0..rounds {
            record.back(ballot(round, &chain.block(1, &round.to_be_bytes())).unwrap());
        }
        assert_eq!(record.backed.len(), BACKED_BLOCKS_MAX);
        assert_eq!(record.backed.first().unwrap().round, 5);
        assert_eq!(record.backed.last().unwrap().round, rounds - 1);
    }
}
