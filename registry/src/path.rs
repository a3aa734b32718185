//! Where the records of this crate stand in state.
//!
//! A revocation's path is its evidence's with another first word. So whoever has proof of the evidence knows which path proves
//! that it was not revoked.

use starfire_proto::v1::DigestAlgorithm;

/// A piece of evidence.
pub fn evidence(issuer: &str, id: &str) -> Vec<u8> {
    format!("evidence/{issuer}/{id}").into_bytes()
}

/// What the paths of all evidence of an issuer begin with.
pub fn evidence_of(issuer: &str) -> Vec<u8> {
    format!("evidence/{issuer}/").into_bytes()
}

/// The revocation of a piece of evidence.
pub fn revocation(issuer: &str, id: &str) -> Vec<u8> {
    format!("revocation/{issuer}/{id}").into_bytes()
}

/// An issuer's public evidence of a digest; the value is the evidence's id. `None` for an algorithm without a name.
pub fn digest(algorithm: DigestAlgorithm, digest: &[u8], issuer: &str) -> Option<Vec<u8>> {
    let mut path = digests(algorithm, digest)?;
    path.extend_from_slice(issuer.as_bytes());
    Some(path)
}

/// What the paths of all public evidence of a digest begin with. `None` for an algorithm without a name.
pub fn digests(algorithm: DigestAlgorithm, digest: &[u8]) -> Option<Vec<u8>> {
    let name = match algorithm {
        DigestAlgorithm::Unspecified => return None,
        DigestAlgorithm::Sha256 => "sha256",
        DigestAlgorithm::Sm3 => "sm3",
        DigestAlgorithm::Blake3 => "blake3",
    };
    Some(format!("digest/{name}/{}/", hex::encode(digest)).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_as_published() {
        assert_eq!(
            evidence("did:bid:efA", "00ff"),
            b"evidence/did:bid:efA/00ff"
        );
        assert_eq!(
            revocation("did:bid:efA", "00ff"),
            b"revocation/did:bid:efA/00ff"
        );
        assert_eq!(
            digest(DigestAlgorithm::Sm3, &[0, 255], "did:bid:efA").unwrap(),
            b"digest/sm3/00ff/did:bid:efA"
        );
        assert_eq!(
            digest(DigestAlgorithm::Unspecified, &[0], "did:bid:efA"),
            None
        );
    }
}
