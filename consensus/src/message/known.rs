//! Signatures in certificates that were checked before.
//!
//! While a height drags on every validator repeats the same certificates, inside timeouts and proposals: of `n` timeouts each may
//! carry the one certificate of `2n/3` signatures. A quorum of the same signatures can also be chosen in as many ways as one likes,
//! and each is a certificate of its own. So it is the signatures that are remembered, by what they stand under and whose they are:
//! each is checked once, in whatever certificates it comes.

use std::collections::VecDeque;

use tendermint::{Signature, Time, block};

use super::Refusal;
use crate::{
    electorate::Electorate,
    quorum::{QuorumCertificate, TimeoutCertificate},
};

/// Matters whose signatures are remembered. Few are in use at a time: those of the present round and of the one before.
const KNOWN_MAX: usize = 64;

/// What all signatures of a certificate stand under, but for what each validator of a timeout certificate adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Matter {
    Prevotes(u32, block::Id, Time),
    Timeouts(u32),
}

/// A good signature, with the round of the certificate that a timeout names.
type Place = Option<(Option<u32>, Signature)>;

/// The signatures of one height that were found good, the newest matter last; of each matter one a validator.
#[derive(Debug, Clone, Default)]
pub struct Known(VecDeque<(Matter, Vec<Place>)>);

impl Known {
    /// Forget all: another electorate judges the next height.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn quorum_certificate(
        &mut self,
        certificate: &QuorumCertificate,
        electorate: &Electorate,
    ) -> Result<(), Refusal> {
        let matter = Matter::Prevotes(certificate.round, certificate.block_id, certificate.time);
        let known = self.places(matter);
        certificate.check_but(electorate, |index, signature| {
            holds(known, index, None, signature)
        })?;
        let signatures = certificate.signatures.iter().enumerate();
        let good = signatures.filter_map(|(index, signature)| {
            let signature = signature.as_ref()?;
            Some((index, (None, signature.clone())))
        });
        self.remember(matter, electorate, good);
        Ok(())
    }

    pub(super) fn timeout_certificate(
        &mut self,
        certificate: &TimeoutCertificate,
        electorate: &Electorate,
    ) -> Result<(), Refusal> {
        let matter = Matter::Timeouts(certificate.round);
        let known = self.places(matter);
        certificate.check_but(electorate, |index, timeout| {
            holds(known, index, timeout.high_qc_round, &timeout.signature)
        })?;
        if let Some(high_qc) = &certificate.high_qc {
            self.quorum_certificate(high_qc, electorate)?;
        }
        let good = certificate.timeouts.iter().filter_map(|timeout| {
            let index = electorate.index(timeout.validator)?;
            Some((index, (timeout.high_qc_round, timeout.signature.clone())))
        });
        self.remember(matter, electorate, good);
        Ok(())
    }

    fn places(&self, matter: Matter) -> &[Place] {
        let known = self.0.iter().find(|(known, _)| *known == matter);
        known.map_or(&[], |(_, places)| places)
    }

    /// Remembers signatures that were found good. The first of a validator stays: who makes ever new ones has each of them checked.
    fn remember(
        &mut self,
        matter: Matter,
        electorate: &Electorate,
        good: impl Iterator<Item = (usize, (Option<u32>, Signature))>,
    ) {
        let at = self.0.iter().position(|(known, _)| *known == matter);
        let at = at.unwrap_or_else(|| {
            if self.0.len() >= KNOWN_MAX {
                self.0.pop_front();
            }
            self.0.push_back((matter, vec![None; electorate.count()]));
            self.0.len() - 1
        });
        for (index, signature) in good {
            self.0[at].1[index].get_or_insert(signature);
        }
    }
}

fn holds(known: &[Place], index: usize, named: Option<u32>, signature: &Signature) -> bool {
    let place = known.get(index).and_then(Option::as_ref);
    place.is_some_and(|(round, known)| *round == named && known == signature)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        message::{Message, verify_knowing},
        testing::Chain,
    };

    fn places(known: &Known) -> Vec<usize> {
        let matters = known.0.iter();
        let places = matters.map(|(_, places)| places.iter().flatten().count());
        places.collect()
    }

    #[test]
    fn a_certificate_is_checked_once_and_only_good_ones_are_remembered() {
        let chain = Chain::new(4);
        let electorate = chain.electorate(1);
        let qc = chain.prevotes(&chain.block(1, b""), 0, &[0, 1, 2]);
        let mut known = Known::default();
        for index in 0..4 {
            let timeout = Message::Timeout(chain.timeout(index, 1, 0, Some(&qc)));
            assert!(verify_knowing(timeout, &electorate, &mut known).is_ok());
            assert_eq!(places(&known), [3]);
        }
        let mut forged = qc;
        forged.signatures[1] = forged.signatures[0].clone();
        for _ in 0..2 {
            let message = Message::QuorumCertificate(forged.clone());
            assert!(verify_knowing(message, &electorate, &mut known).is_err());
        }
        assert_eq!(places(&known), [3]);
    }

    #[test]
    fn of_ever_new_quorums_each_signature_is_checked_once() {
        let chain = Chain::new(4);
        let electorate = chain.electorate(1);
        let block = chain.block(1, b"");
        let mut known = Known::default();
        let first = chain.prevotes(&block, 0, &[0, 1, 2]);
        known.quorum_certificate(&first, &electorate).unwrap();
        let other = chain.prevotes(&block, 0, &[1, 2, 3]);
        let asked = std::cell::RefCell::new(Vec::new());
        let matter = Matter::Prevotes(0, other.block_id, other.time);
        let checked = other.check_but(&electorate, |index, signature| {
            let is_known = holds(known.places(matter), index, None, signature);
            asked.borrow_mut().push((index, is_known));
            is_known
        });
        assert_eq!(checked, Ok(()));
        assert_eq!(asked.into_inner(), [(1, true), (2, true), (3, false)]);
        known.quorum_certificate(&other, &electorate).unwrap();
        assert_eq!(places(&known), [4]);

        let mut forged = chain.prevotes(&block, 0, &[0, 1, 3]);
        forged.signatures[3] = forged.signatures[0].clone();
        let refused = known.quorum_certificate(&forged, &electorate);
        assert_eq!(refused, Err(Refusal::Signature));
        let few = chain.prevotes(&block, 0, &[0, 1]);
        let refused = known.quorum_certificate(&few, &electorate);
        assert_eq!(refused, Err(Refusal::NoQuorum), "known or not");
        // Another time, round or block is another matter.
        let mut elsewhere = first;
        elsewhere.round = 1;
        let refused = known.quorum_certificate(&elsewhere, &electorate);
        assert_eq!(refused, Err(Refusal::Signature));
    }

    #[test]
    fn a_timeout_is_known_with_the_certificate_that_it_names() {
        let chain = Chain::new(4);
        let electorate = chain.electorate(1);
        let qc = chain.prevotes(&chain.block(1, b""), 0, &[0, 1, 2]);
        let mut known = Known::default();
        let ended = chain.timeouts(1, 0, &[(0, None), (1, Some(&qc)), (2, None)]);
        for _ in 0..2 {
            known.timeout_certificate(&ended, &electorate).unwrap();
            assert_eq!(places(&known), [3, 3]);
        }
        let mut hidden = ended.clone();
        hidden.timeouts[1].high_qc_round = None;
        hidden.high_qc = None;
        let refused = known.timeout_certificate(&hidden, &electorate);
        assert_eq!(refused, Err(Refusal::Signature));
        let mut forged = ended;
        let high_qc = forged.high_qc.as_mut().unwrap();
        high_qc.signatures[0] = high_qc.signatures[1].clone();
        let refused = known.timeout_certificate(&forged, &electorate);
        assert_eq!(refused, Err(Refusal::Signature));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let chain = Chain::new(1);
        let electorate = chain.electorate(1);
        let mut known = Known::default();
        for round in 0..100 {
            let qc = chain.prevotes(&chain.block(1, b""), round, &[0]);
            known.quorum_certificate(&qc, &electorate).unwrap();
        }
        assert_eq!(known.0.len(), KNOWN_MAX);
    }
}
