//! Certificates that were checked before.
//!
//! While a height drags on every validator repeats the same certificates, inside timeouts and proposals: of `n` timeouts each may
//! carry the one certificate of `2n/3` signatures. Each is checked once, and then known by its hash.

use std::collections::VecDeque;

use prost::Message as _;

use super::Refusal;
use crate::{
    electorate::Electorate,
    quorum::{QuorumCertificate, TimeoutCertificate},
    wire,
};

/// Certificates remembered. Few are in use at a time: those of the present round and of the one before.
const KNOWN_MAX: usize = 64;

/// The certificates of one height that were found good, the newest last.
#[derive(Debug, Clone, Default)]
pub struct Known(VecDeque<blake3::Hash>);

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
        let digest = blake3::hash(&wire::certificate_out(certificate).encode_to_vec());
        self.check(digest, || certificate.check(electorate))
    }

    pub(super) fn timeout_certificate(
        &mut self,
        certificate: &TimeoutCertificate,
        electorate: &Electorate,
    ) -> Result<(), Refusal> {
        let digest = blake3::hash(&wire::timeout_certificate_out(certificate).encode_to_vec());
        self.check(digest, || certificate.check(electorate))
    }

    fn check(
        &mut self,
        digest: blake3::Hash,
        check: impl FnOnce() -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        if self.0.contains(&digest) {
            return Ok(());
        }
        check()?;
        if self.0.len() >= KNOWN_MAX {
            self.0.pop_front();
        }
        self.0.push_back(digest);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        message::{Message, verify_knowing},
        testing::Chain,
    };

    #[test]
    fn a_certificate_is_checked_once_and_only_good_ones_are_remembered() {
        let chain = Chain::new(4);
        let electorate = chain.electorate(1);
        let qc = chain.prevotes(&chain.block(1, b""), 0, &[0, 1, 2]);
        let mut known = Known::default();
        for index in 0..4 {
            let timeout = Message::Timeout(chain.timeout(index, 1, 0, Some(&qc)));
            assert!(verify_knowing(timeout, &electorate, &mut known).is_ok());
            assert_eq!(known.0.len(), 1);
        }
        let mut forged = qc;
        forged.signatures[1] = forged.signatures[0].clone();
        for _ in 0..2 {
            let message = Message::QuorumCertificate(forged.clone());
            assert!(verify_knowing(message, &electorate, &mut known).is_err());
        }
        assert_eq!(known.0.len(), 1);
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
