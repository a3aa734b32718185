//! Reads evidence: by issuer and id, by issuer, and by the digest of a file.

use starfire_proto::v1;
use starfire_state::{View, record};

use crate::path;

/// A piece of evidence.
pub fn evidence(view: &dyn View, issuer: &str, id: &str) -> Option<v1::EvidenceRecord> {
    record(view, &path::evidence(issuer, id))
}

/// The revocation of a piece of evidence, if its issuer has revoked it.
pub fn revocation(view: &dyn View, issuer: &str, id: &str) -> Option<v1::RevocationRecord> {
    record(view, &path::revocation(issuer, id))
}

/// An issuer's evidence in order of ids, after `after`, at most `limit`.
pub fn by_issuer(
    view: &dyn View,
    issuer: &str,
    after: Option<&str>,
    limit: usize,
) -> Vec<v1::EvidenceRecord> {
    let after = after.map(|id| path::evidence(issuer, id));
    let entries = view.scan(&path::evidence_of(issuer), after.as_deref(), limit);
    entries.iter().map(|(_, value)| decode(value)).collect()
}

fn decode(value: &[u8]) -> v1::EvidenceRecord {
    prost::Message::decode(value).expect("a record in state decodes as the message that wrote it")
}

/// Who has public evidence of a digest: issuers and ids, in order of issuers, after `after`, at most `limit`.
pub fn by_digest(
    view: &dyn View,
    algorithm: v1::DigestAlgorithm,
    digest: &[u8],
    after: Option<&str>,
    limit: usize,
) -> Vec<(String, String)> {
    let Some(prefix) = path::digests(algorithm, digest) else {
        return Vec::new();
    };
    let after = after.and_then(|issuer| path::digest(algorithm, digest, issuer));
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("issuers and ids are ASCII");
    let entries = view.scan(&prefix, after.as_deref(), limit);
    entries
        .iter()
        .map(|(key, id)| (text(&key[prefix.len()..]), text(id)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{World, public};

    #[test]
    fn an_issuers_evidence_comes_in_pages() {
        let mut world = World::new();
        for number in 1..=3 {
            world.add("did:bid:efAlice", public(number)).unwrap();
        }
        world.add("did:bid:efAlicia", public(9)).unwrap();
        let ids = |after: Option<&str>, limit| -> Vec<String> {
            by_issuer(&world.state, "did:bid:efAlice", after, limit)
                .into_iter()
                .map(|record| record.id)
                .collect()
        };
        let [one, two, three] = [public(1).id, public(2).id, public(3).id];
        assert_eq!(ids(None, 2), [one, two.clone()]);
        assert_eq!(ids(Some(&two), 2), [three]);
    }
}
