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
    /// Who accredited the issuer, who accredited that one, and so on; none: a motion accredited the issuer itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accreditors: Vec<Did>,
    /// Where the issuer is not accredited for this: something that it is accredited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accredited_for: Option<Scope>,
}

/// A type of certificate in a jurisdiction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// The credential type.
    #[serde(rename = "type")]
    pub document_type: String,
    /// The jurisdiction.
    pub jurisdiction: String,
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
            paths.extend(certificate.accreditation_paths());
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
    /// Those whose accreditations decide: the issuer, then its accreditors up to the root.
    pub(super) fn holders(&self) -> impl Iterator<Item = &Did> {
        std::iter::once(&self.issuer).chain(&self.accreditors)
    }

    /// Where the accreditation of one of them for this stands, on the main chain.
    pub(super) fn accreditation_path(&self, holder: &Did) -> Vec<u8> {
        starfire_did::path::accreditation(holder, &self.document_type, &self.jurisdiction)
    }

    /// Where the issuer's other accreditation stands, if one is named.
    pub(super) fn other_path(&self) -> Option<Vec<u8>> {
        let other = self.accredited_for.as_ref()?;
        let (kind, jurisdiction) = (&other.document_type, &other.jurisdiction);
        Some(starfire_did::path::accreditation(
            &self.issuer,
            kind,
            jurisdiction,
        ))
    }

    /// Whether the issuer may issue this: its accreditation, those above it, and what else it is accredited for.
    fn accreditation_paths(&self) -> Vec<Vec<u8>> {
        let mut paths: Vec<_> = self
            .holders()
            .map(|holder| self.accreditation_path(holder))
            .collect();
        paths.extend(self.other_path());
        paths
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
