//! Adds evidence: the sender commits to a document or file, once for each id.
//!
//! Three kinds. *Public*: the plain digest, found by anyone who has the file. *Salted*: a commitment that only those can open who
//! were given the salt. *Certificate*: a document's hash under an id that tells nothing of it, with the type and jurisdiction
//! that the issuer must be accredited for.
//!
//! Whether the issuer of a certificate has a DID is asked by `ledger`, which sees both registries.

use starfire_proto::v1::{self, DigestAlgorithm, EvidenceKind};
use starfire_state::{Env, Event, Overlay, Rejection, View};

use crate::code;
use crate::path;

/// Bytes of a commitment, whatever its algorithm.
pub const COMMITMENT_BYTES: usize = 32;
/// The longest type of certificate, bytes.
pub const TYPE_BYTES_MAX: usize = 64;

/// Adds a piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Add {
    id: String,
    content: Content,
    algorithm: DigestAlgorithm,
    commitment: [u8; COMMITMENT_BYTES],
    valid_until_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Public,
    Salted,
    Certificate { kind: String, jurisdiction: String },
}

impl TryFrom<v1::EvidenceAdd> for Add {
    type Error = Rejection;

    fn try_from(message: v1::EvidenceAdd) -> Result<Self, Rejection> {
        let commitment = <[u8; COMMITMENT_BYTES]>::try_from(message.commitment.as_slice())
            .map_err(|_| {
                invalid(format!(
                    "a commitment has {COMMITMENT_BYTES} bytes, not {}",
                    message.commitment.len()
                ))
            })?;
        let algorithm = match DigestAlgorithm::try_from(message.algorithm) {
            Ok(
                known @ (DigestAlgorithm::Sha256 | DigestAlgorithm::Sm3 | DigestAlgorithm::Blake3),
            ) => known,
            Ok(DigestAlgorithm::Unspecified) | Err(_) => {
                return Err(invalid(
                    "the digest's algorithm is SHA-256, SM3 or BLAKE3".into(),
                ));
            }
        };
        if message.valid_until_ms < 0 {
            return Err(invalid(
                "evidence is valid until a time after 1970, or without end (0)".into(),
            ));
        }
        if !is_id(&message.id) {
            return Err(invalid(format!(
                "an id is 64 lower-case hex digits, unlike \"{}\"",
                message.id
            )));
        }
        let content = match message.kind() {
            EvidenceKind::Public => plain(&message, Content::Public)?,
            EvidenceKind::Salted => plain(&message, Content::Salted)?,
            EvidenceKind::Certificate => certificate(&message)?,
            EvidenceKind::Unspecified => {
                return Err(invalid(
                    "evidence is public, salted or a certificate".into(),
                ));
            }
        };
        Ok(Self {
            id: message.id,
            content,
            algorithm,
            commitment,
            valid_until_ms: message.valid_until_ms,
        })
    }
}

fn invalid(detail: String) -> Rejection {
    Rejection::new(code::EVIDENCE_INVALID, detail)
}

/// Whether this has the form of an id: 64 lower-case hexadecimal digits.
pub fn is_id(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Public and salted evidence is found by what it commits to, and claims nothing else.
fn plain(message: &v1::EvidenceAdd, content: Content) -> Result<Content, Rejection> {
    if message.id != hex::encode(&message.commitment) {
        return Err(invalid(
            "the id of public or salted evidence is its commitment in hex".into(),
        ));
    }
    if !message.r#type.is_empty() || !message.jurisdiction.is_empty() {
        return Err(invalid(
            "only a certificate has a type and a jurisdiction".into(),
        ));
    }
    Ok(content)
}

/// The forms are those of accreditations: they must name the same things.
fn certificate(message: &v1::EvidenceAdd) -> Result<Content, Rejection> {
    let kind = &message.r#type;
    let is_type = kind.len() <= TYPE_BYTES_MAX
        && kind.starts_with(|first: char| first.is_ascii_alphabetic())
        && kind.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_type {
        return Err(invalid(format!(
            "a type is a letter, then up to 63 letters and digits, unlike \"{kind}\""
        )));
    }
    let jurisdiction = &message.jurisdiction;
    if jurisdiction.len() != 2 || !jurisdiction.bytes().all(|byte| byte.is_ascii_uppercase()) {
        let detail = format!(
            "a jurisdiction is two capital letters (ISO 3166-1), unlike \"{jurisdiction}\""
        );
        return Err(invalid(detail));
    }
    Ok(Content::Certificate {
        kind: kind.clone(),
        jurisdiction: jurisdiction.clone(),
    })
}

impl Add {
    /// Whether it is a certificate, whose issuer must have a DID on this chain.
    pub fn is_certificate(&self) -> bool {
        matches!(self.content, Content::Certificate { .. })
    }

    /// Stores the evidence as the sender's, and indexes a public one by its digest.
    pub fn apply(self, state: &mut Overlay<'_>, env: &Env) -> Result<(), Rejection> {
        let path = path::evidence(&env.sender, &self.id);
        // Revoking leaves the evidence where it is, so that a revoked id is not used again either.
        if state.get(&path).is_some() {
            let detail = format!("{} has evidence {} already", env.sender, self.id);
            return Err(Rejection::new(code::EVIDENCE_EXISTS, detail));
        }
        if self.content == Content::Public {
            let index = path::digest(self.algorithm, &self.commitment, &env.sender)
                .expect("the algorithm was checked");
            state.put(index, self.id.clone().into_bytes());
        }
        let (kind, r#type, jurisdiction) = match self.content {
            Content::Public => (EvidenceKind::Public, String::new(), String::new()),
            Content::Salted => (EvidenceKind::Salted, String::new(), String::new()),
            Content::Certificate { kind, jurisdiction } => {
                (EvidenceKind::Certificate, kind, jurisdiction)
            }
        };
        let evidence = v1::EvidenceRecord {
            id: self.id.clone(),
            issuer: env.sender.clone(),
            kind: kind.into(),
            algorithm: self.algorithm.into(),
            commitment: self.commitment.to_vec(),
            r#type,
            jurisdiction,
            valid_until_ms: self.valid_until_ms,
            time_ms: env.time_ms(),
            height: env.height,
        };
        state.put_record(path, &evidence);
        state.emit(Event::new(
            "evidence.added",
            vec![("issuer", env.sender.clone()), ("id", self.id)],
        ));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{World, certificate, public, salted};
    use crate::lookup;

    #[test]
    fn evidence_is_its_senders_at_the_blocks_time() {
        let mut world = World::new();
        for message in [public(1), salted(2), certificate(3)] {
            world.add("did:bid:efAlice", message.clone()).unwrap();
            let record = lookup::evidence(&world.state, "did:bid:efAlice", &message.id).unwrap();
            let expected = v1::EvidenceRecord {
                id: message.id,
                issuer: "did:bid:efAlice".into(),
                kind: message.kind,
                algorithm: message.algorithm,
                commitment: message.commitment,
                r#type: message.r#type,
                jurisdiction: message.jurisdiction,
                valid_until_ms: message.valid_until_ms,
                time_ms: 1_000_000,
                height: 5,
            };
            assert_eq!(record, expected);
        }
    }

    #[test]
    fn an_id_is_used_once_by_each_issuer() {
        let mut world = World::new();
        world.add("did:bid:efAlice", certificate(1)).unwrap();
        let again = world.add("did:bid:efAlice", certificate(1)).unwrap_err();
        assert_eq!(again.code, code::EVIDENCE_EXISTS);
        let other_content = v1::EvidenceAdd {
            commitment: vec![9; 32],
            ..certificate(1)
        };
        assert_eq!(
            world
                .add("did:bid:efAlice", other_content)
                .unwrap_err()
                .code,
            code::EVIDENCE_EXISTS
        );
        world.add("did:bid:efBob", certificate(1)).unwrap();
    }

    #[test]
    fn a_public_digest_is_found_by_whoever_has_the_file() {
        let mut world = World::new();
        world.add("did:bid:efAlice", public(1)).unwrap();
        world.add("did:bid:efBob", public(1)).unwrap();
        world.add("did:bid:efBob", public(2)).unwrap();
        let found =
            |algorithm, digest: &[u8]| lookup::by_digest(&world.state, algorithm, digest, None, 10);
        let id = hex::encode([1; 32]);
        let both = [
            ("did:bid:efAlice".to_owned(), id.clone()),
            ("did:bid:efBob".to_owned(), id),
        ];
        assert_eq!(found(DigestAlgorithm::Sha256, &[1; 32]), both);
        assert!(found(DigestAlgorithm::Sm3, &[1; 32]).is_empty());
        assert!(found(DigestAlgorithm::Unspecified, &[1; 32]).is_empty());
        let after = lookup::by_digest(
            &world.state,
            DigestAlgorithm::Sha256,
            &[1; 32],
            Some("did:bid:efAlice"),
            10,
        );
        assert_eq!(after, both[1..]);
    }

    #[test]
    fn only_public_evidence_is_found_by_its_digest() {
        let mut world = World::new();
        world.add("did:bid:efAlice", salted(1)).unwrap();
        world.add("did:bid:efAlice", certificate(2)).unwrap();
        for digest in [[1; 32], [2; 32]] {
            assert!(
                lookup::by_digest(&world.state, DigestAlgorithm::Sha256, &digest, None, 10)
                    .is_empty()
            );
        }
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        let refused = |message: v1::EvidenceAdd| {
            assert_eq!(
                Add::try_from(message.clone()).unwrap_err().code,
                code::EVIDENCE_INVALID,
                "{message:?}"
            );
        };
        let of_another = hex::encode([9; 32]);
        for good in [public(1), salted(1), certificate(1)] {
            for id in [
                "",
                "ab",
                &"AB".repeat(32),
                &"ab".repeat(33),
                &"xy".repeat(32),
                &"文".repeat(22),
            ] {
                refused(v1::EvidenceAdd {
                    id: id.into(),
                    ..good.clone()
                });
            }
            refused(v1::EvidenceAdd {
                commitment: vec![1; 31],
                ..good.clone()
            });
            refused(v1::EvidenceAdd {
                commitment: vec![1; 33],
                ..good.clone()
            });
            refused(v1::EvidenceAdd {
                kind: 0,
                ..good.clone()
            });
            refused(v1::EvidenceAdd {
                kind: 9,
                ..good.clone()
            });
            refused(v1::EvidenceAdd {
                algorithm: 0,
                ..good.clone()
            });
            refused(v1::EvidenceAdd {
                algorithm: 9,
                ..good.clone()
            });
            refused(v1::EvidenceAdd {
                valid_until_ms: -1,
                ..good
            });
        }
        for plain in [public(1), salted(1)] {
            refused(v1::EvidenceAdd {
                id: of_another.clone(),
                ..plain.clone()
            });
            refused(v1::EvidenceAdd {
                r#type: "CertificateOfOrigin".into(),
                ..plain.clone()
            });
            refused(v1::EvidenceAdd {
                jurisdiction: "CN".into(),
                ..plain
            });
        }
        for kind in ["", "1st", "a/b", "a b", "证书", &"a".repeat(65)] {
            refused(v1::EvidenceAdd {
                r#type: kind.into(),
                ..certificate(1)
            });
        }
        for jurisdiction in ["", "C", "cn", "CHN", "C/", "中"] {
            refused(v1::EvidenceAdd {
                jurisdiction: jurisdiction.into(),
                ..certificate(1)
            });
        }
    }
}
