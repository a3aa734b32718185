//! A small chain to apply evidence transactions on: the one fixture of this crate's tests.

use starfire_proto::v1::{self, DigestAlgorithm, EvidenceKind};
use starfire_state::{Env, Overlay, Rejection, View};
use tendermint::Time;

use crate::add::Add;
use crate::revoke::Revoke;

struct Nothing;

impl View for Nothing {
    fn get(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn scan(&self, _: &[u8], _: Option<&[u8]>, _: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        Vec::new()
    }
}

/// A chain's state and the time of its next block.
pub(crate) struct World {
    pub(crate) state: Overlay<'static>,
    pub(crate) now_ms: i64,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            state: Overlay::new(&Nothing),
            now_ms: 1_000_000,
        }
    }

    fn env(&self, sender: &str) -> Env {
        Env {
            chain: v1::ChainRecord::default(),
            height: 5,
            time: Time::from_unix_timestamp(self.now_ms / 1_000, 0).unwrap(),
            sender: sender.into(),
            member: None,
        }
    }

    pub(crate) fn add(&mut self, sender: &str, message: v1::EvidenceAdd) -> Result<(), Rejection> {
        let env = self.env(sender);
        Add::try_from(message)?.apply(&mut self.state, &env)
    }

    pub(crate) fn revoke(&mut self, sender: &str, id: &str) -> Result<(), Rejection> {
        let env = self.env(sender);
        let message = v1::EvidenceRevoke {
            id: id.into(),
            reason: "superseded".into(),
        };
        Revoke::try_from(message)?.apply(&mut self.state, &env)
    }
}

/// Public evidence of a file whose every digest byte is `number`.
pub(crate) fn public(number: u8) -> v1::EvidenceAdd {
    v1::EvidenceAdd {
        id: hex::encode([number; 32]),
        kind: EvidenceKind::Public.into(),
        algorithm: DigestAlgorithm::Sha256.into(),
        commitment: vec![number; 32],
        ..v1::EvidenceAdd::default()
    }
}

/// The same, salted.
pub(crate) fn salted(number: u8) -> v1::EvidenceAdd {
    v1::EvidenceAdd {
        kind: EvidenceKind::Salted.into(),
        ..public(number)
    }
}

/// A certificate of origin, its id unlike its hash.
pub(crate) fn certificate(number: u8) -> v1::EvidenceAdd {
    v1::EvidenceAdd {
        id: hex::encode([number ^ 0xff; 32]),
        kind: EvidenceKind::Certificate.into(),
        r#type: "CertificateOfOrigin".into(),
        jurisdiction: "CN".into(),
        valid_until_ms: 9_000_000,
        ..public(number)
    }
}
