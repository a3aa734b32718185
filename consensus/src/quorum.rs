//! The two certificates that stay inside consensus: of prevotes for a block, and of timeouts of a round.
//!
//! The third, of precommits, is `tendermint::block::Commit`; it leaves consensus and is checked in [`crate::certificate`].

use std::collections::BTreeSet;

use tendermint::{Signature, Time, account, block, vote};

use crate::{electorate::Electorate, message::Refusal, sign_bytes, signature};

/// The highest round. One less than Tendermint's own limit, so that the round after it can be named too.
pub const ROUND_MAX: u32 = i32::MAX.unsigned_abs() - 1;

/// More than two thirds of the power prevoted for one block in one round. HotStuff's prepare certificate, Tendermint's polka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuorumCertificate {
    /// The height.
    pub height: u64,
    /// The round in which the prevotes were cast.
    pub round: u32,
    /// The block.
    pub block_id: block::Id,
    /// The block's time, which every vote carries.
    pub time: Time,
    /// One a validator, in set order.
    pub signatures: Vec<Option<Signature>>,
}

/// One validator's part in a timeout certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeoutSignature {
    /// Who gave up on the round.
    pub validator: account::Id,
    /// The round of the highest quorum certificate that it knew.
    pub high_qc_round: Option<u32>,
    /// Over both.
    pub signature: Signature,
}

/// More than two thirds of the power gave up on one round. Opens the next, and proves what may be proposed there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeoutCertificate {
    /// The height.
    pub height: u64,
    /// The round given up.
    pub round: u32,
    /// In set order.
    pub timeouts: Vec<TimeoutSignature>,
    /// The certificate of the highest round that the timeouts name.
    pub high_qc: Option<QuorumCertificate>,
}

/// How a block came to be put forward in a round after the first: what a proposal shows beside its block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Justification {
    /// How the round before was given up.
    pub timeout_certificate: TimeoutCertificate,
    /// The certificate for the block from an earlier round; none: the block was fresh.
    pub justify: Option<QuorumCertificate>,
}

impl QuorumCertificate {
    /// Check it by the validator set of its height: all its signatures in one batch, over one message. Those that are known to be
    /// good, each by its validator's place, are left out.
    pub(crate) fn check_but(
        &self,
        electorate: &Electorate,
        is_known: impl Fn(usize, &Signature) -> bool,
    ) -> Result<(), Refusal> {
        if self.height != electorate.height() {
            return Err(Refusal::OtherHeight {
                found: self.height,
                expected: electorate.height(),
            });
        }
        if self.signatures.len() != electorate.count() {
            return Err(Refusal::Malformed(
                "a certificate has one place for each validator",
            ));
        }
        let message = sign_bytes::vote(
            electorate.chain_id(),
            vote::Type::Prevote,
            self.height,
            self.round,
            self.block_id,
            self.time,
        );
        let signed = self
            .signatures
            .iter()
            .enumerate()
            .filter_map(|(index, signature)| Some((index, signature.as_ref()?)));
        let power = signed.clone().map(|(index, _)| electorate.power(index));
        if !electorate.is_quorum(power.sum()) {
            return Err(Refusal::NoQuorum);
        }
        let items: Vec<signature::Item<'_>> = signed
            .filter(|(index, signature)| !is_known(*index, signature))
            .map(|(index, signature)| (electorate.key(index), &message[..], signature.as_bytes()))
            .collect();
        if signature::all_valid(&items) {
            Ok(())
        } else {
            Err(Refusal::Signature)
        }
    }
}

impl TimeoutCertificate {
    /// The highest certificate round that its signers report: §1.3's *m*.
    pub fn highest_round(&self) -> Option<u32> {
        self.timeouts
            .iter()
            .filter_map(|timeout| timeout.high_qc_round)
            .max()
    }

    /// Check it by the validator set of its height, all but the certificate in it. Signatures that are known to be good, each by its
    /// validator's place, are left out.
    pub(crate) fn check_but(
        &self,
        electorate: &Electorate,
        is_known: impl Fn(usize, &TimeoutSignature) -> bool,
    ) -> Result<(), Refusal> {
        if self.height != electorate.height() {
            return Err(Refusal::OtherHeight {
                found: self.height,
                expected: electorate.height(),
            });
        }
        if self.timeouts.len() > electorate.count() {
            return Err(Refusal::Malformed(
                "a timeout certificate names a validator once",
            ));
        }
        let reported = self.highest_round();
        if self.high_qc.as_ref().map(|high| high.round) != reported
            || reported.is_some_and(|round| round > self.round)
        {
            return Err(Refusal::Malformed(
                "a timeout certificate carries the highest certificate that it names",
            ));
        }
        let mut power = 0u64;
        let mut seen = BTreeSet::new();
        let mut messages = Vec::with_capacity(self.timeouts.len());
        for timeout in &self.timeouts {
            let Some(index) = electorate.index(timeout.validator) else {
                return Err(Refusal::Stranger(timeout.validator));
            };
            if !seen.insert(index) {
                return Err(Refusal::Malformed(
                    "a timeout certificate names a validator once",
                ));
            }
            power = power.saturating_add(electorate.power(index));
            messages.push((
                index,
                sign_bytes::timeout(
                    electorate.chain_id(),
                    self.height,
                    self.round,
                    timeout.high_qc_round,
                ),
            ));
        }
        if !electorate.is_quorum(power) {
            return Err(Refusal::NoQuorum);
        }
        let items: Vec<signature::Item<'_>> = messages
            .iter()
            .zip(&self.timeouts)
            .filter(|((index, _), timeout)| !is_known(*index, timeout))
            .map(|((index, message), timeout)| {
                (
                    electorate.key(*index),
                    &message[..],
                    timeout.signature.as_bytes(),
                )
            })
            .collect();
        if signature::all_valid(&items) {
            Ok(())
        } else {
            Err(Refusal::Signature)
        }
    }
}

/// The wire's form of an optional round.
pub(crate) fn round_or_minus_one(round: Option<u32>) -> i32 {
    round.map_or(-1, |round| i32::try_from(round).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Chain;

    impl QuorumCertificate {
        fn check(&self, electorate: &Electorate) -> Result<(), Refusal> {
            self.check_but(electorate, |_, _| false)
        }
    }

    impl TimeoutCertificate {
        fn check(&self, electorate: &Electorate) -> Result<(), Refusal> {
            self.check_but(electorate, |_, _| false)
        }
    }

    #[test]
    fn a_quorum_certificate_needs_a_quorum_and_only_good_signatures() {
        let chain = Chain::new(4);
        let electorate = chain.electorate(1);
        let block = chain.block(1, b"");
        assert_eq!(
            chain.prevotes(&block, 0, &[0, 1, 2]).check(&electorate),
            Ok(())
        );
        assert_eq!(
            chain.prevotes(&block, 0, &[0, 1, 2, 3]).check(&electorate),
            Ok(())
        );
        assert_eq!(
            chain.prevotes(&block, 0, &[0, 1]).check(&electorate),
            Err(Refusal::NoQuorum)
        );
        let mut bad = chain.prevotes(&block, 0, &[0, 1, 2, 3]);
        bad.signatures[3] = bad.signatures[2].clone();
        assert_eq!(bad.check(&electorate), Err(Refusal::Signature));
        let mut short = chain.prevotes(&block, 0, &[0, 1, 2]);
        short.signatures.pop();
        assert!(matches!(
            short.check(&electorate),
            Err(Refusal::Malformed(_))
        ));
        let mut other_round = chain.prevotes(&block, 0, &[0, 1, 2]);
        other_round.round = 1;
        assert_eq!(other_round.check(&electorate), Err(Refusal::Signature));
    }

    #[test]
    fn a_timeout_certificate_cannot_hide_or_invent_its_highest_round() {
        let chain = Chain::new(4);
        let electorate = chain.electorate(1);
        let qc = chain.prevotes(&chain.block(1, b""), 1, &[0, 1, 2]);
        let good = chain.timeouts(1, 2, &[(0, None), (1, Some(&qc)), (2, None)]);
        assert_eq!(good.check(&electorate), Ok(()));
        assert_eq!(good.highest_round(), Some(1));
        let older = chain.prevotes(&chain.block(1, b""), 0, &[0, 1, 2]);
        let both = chain.timeouts(1, 2, &[(0, Some(&older)), (1, Some(&qc)), (2, None)]);
        assert_eq!(both.highest_round(), Some(1));
        assert_eq!(both.check(&electorate), Ok(()));
        let outdated = TimeoutCertificate {
            high_qc: Some(older),
            ..both
        };
        assert!(matches!(
            outdated.check(&electorate),
            Err(Refusal::Malformed(_))
        ));
        let hidden = TimeoutCertificate {
            high_qc: None,
            ..good.clone()
        };
        assert!(matches!(
            hidden.check(&electorate),
            Err(Refusal::Malformed(_))
        ));
        let mut lowered = hidden;
        lowered.timeouts[1].high_qc_round = None;
        assert_eq!(lowered.check(&electorate), Err(Refusal::Signature));
        let mut twice = good;
        twice.timeouts[2] = twice.timeouts[0].clone();
        assert!(matches!(
            twice.check(&electorate),
            Err(Refusal::Malformed(_))
        ));
        assert_eq!(
            chain
                .timeouts(1, 2, &[(0, None), (1, None)])
                .check(&electorate),
            Err(Refusal::NoQuorum)
        );
    }
}
