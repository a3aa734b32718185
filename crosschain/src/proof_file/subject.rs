//! What a proof file is about, and so which paths it must hold: everything else about them is derived.

use serde::{Deserialize, Serialize};
use starfire_did::{ChainCode, Did};

use crate::path;

/// A certificate: an issuer's document of a type that it is accredited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The issuer.
    pub issuer: Did,
    /// The evidence's identifier.
    pub id: String,
    /// The credential type.
    #[serde(rename = "type")]
    pub document_type: String,
    /// The jurisdiction.
    pub jurisdiction: String,
    /// The version of the issuer's DID record that was in force at issue; `None`: the newest one is.
    pub issuer_version: Option<u64>,
}

/// What is proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Subject {
    /// A certificate.
    Certificate(Certificate),
    /// Evidence: somebody's commitment to a file.
    Evidence {
        /// Who committed.
        issuer: Did,
        /// The evidence's identifier.
        id: String,
    },
    /// A DID's newest record.
    Did {
        /// Which DID.
        did: Did,
    },
}

impl Subject {
    /// The DID whose chain holds the values.
    pub fn did(&self) -> &Did {
        match self {
            Self::Certificate(Certificate { issuer, .. }) | Self::Evidence { issuer, .. } => issuer,
            Self::Did { did } => did,
        }
    }

    /// The sub-chain that holds the values; `None`: the main chain does.
    pub fn chain_code(&self) -> Option<ChainCode> {
        self.did().chain_code()
    }

    /// The paths to prove on the main chain, in order. `anchored`: the height of the sub-chain header, when there is one.
    pub fn main_paths(&self, anchored: Option<u64>) -> Vec<Vec<u8>> {
        let mut paths = Vec::new();
        if let (Some(code), Some(height)) = (self.chain_code(), anchored) {
            paths.push(path::sub_chain(code.as_str()));
            paths.push(path::anchor(code.as_str(), height));
        }
        if let Self::Certificate(certificate) = self {
            paths.push(certificate.accreditation_path());
        }
        if self.chain_code().is_none() {
            paths.extend(self.local_paths());
        }
        paths
    }

    /// The paths to prove on the sub-chain, in order; none when the main chain holds the values.
    pub fn sub_paths(&self) -> Vec<Vec<u8>> {
        if self.chain_code().is_some() {
            self.local_paths()
        } else {
            Vec::new()
        }
    }

    fn local_paths(&self) -> Vec<Vec<u8>> {
        match self {
            Self::Certificate(certificate) => {
                let mut paths = evidence_paths(&certificate.issuer, &certificate.id);
                paths.extend(certificate.issuer_paths());
                paths
            }
            Self::Evidence { issuer, id } => evidence_paths(issuer, id),
            Self::Did { did } => vec![starfire_did::path::record(did)],
        }
    }
}

impl Certificate {
    /// Whether the issuer may issue this, on the main chain.
    pub(super) fn accreditation_path(&self) -> Vec<u8> {
        starfire_did::path::accreditation(&self.issuer, &self.document_type, &self.jurisdiction)
    }

    /// The issuer's record in force at issue, and the one that replaced it, if any.
    pub(super) fn issuer_paths(&self) -> Vec<Vec<u8>> {
        match self.issuer_version {
            None => vec![starfire_did::path::record(&self.issuer)],
            Some(version) => vec![
                starfire_did::path::version(&self.issuer, version),
                starfire_did::path::version(&self.issuer, version.saturating_add(1)),
            ],
        }
    }
}

/// The evidence, and its revocation: both follow from issuer and identifier, so one cannot be shown without the other.
fn evidence_paths(issuer: &Did, id: &str) -> Vec<Vec<u8>> {
    vec![evidence_path(issuer, id), revocation_path(issuer, id)]
}

pub(super) fn evidence_path(issuer: &Did, id: &str) -> Vec<u8> {
    starfire_registry::path::evidence(&issuer.to_string(), id)
}

pub(super) fn revocation_path(issuer: &Did, id: &str) -> Vec<u8> {
    starfire_registry::path::revocation(&issuer.to_string(), id)
}
