//! Reads DID records, and names the state paths that prove an answer.

use starfire_proto::v1;
use starfire_state::{View, record};

use crate::history::last_at;
use crate::id::Did;
use crate::path;

/// The newest record of `did`, or one version of it. `None`: never registered here, or no such version.
///
/// A record without a document is a tombstone.
pub fn resolve(view: &dyn View, did: &Did, version: Option<u64>) -> Option<v1::DidRecord> {
    match version {
        None => record(view, &path::record(did)),
        Some(version) => record(view, &path::version(did, version)),
    }
}

/// The latest version at or before a moment.
// DID Resolution §4.1, versionTime: "the DID document … that was valid for the DID at the given time".
pub fn resolve_at(view: &dyn View, did: &Did, time_ms: i64) -> Option<v1::DidRecord> {
    let newest = resolve(view, did, None)?;
    let updated = |version| {
        if version == newest.version {
            return newest.updated_ms;
        }
        expect_version(view, did, version).updated_ms
    };
    // Versions are numbered from 1 without gaps, and their times never fall.
    let version = last_at(newest.version, time_ms, updated)?;
    Some(expect_version(view, did, version))
}

/// Versions after `after` (0: from the first), oldest first, at most `limit`.
pub fn versions(view: &dyn View, did: &Did, after: u64, limit: usize) -> Vec<v1::DidRecord> {
    let newest = resolve(view, did, None).map_or(0, |record| record.version);
    (after.saturating_add(1)..=newest)
        .take(limit)
        .map(|version| expect_version(view, did, version))
        .collect()
}

/// The state paths that prove what [`resolve`] answers, absence too. For an old version the newest one comes along: it tells
/// whether the DID has been deactivated since.
pub fn proof_paths(did: &Did, version: Option<u64>) -> Vec<Vec<u8>> {
    match version {
        None => vec![path::record(did)],
        Some(version) => vec![path::version(did, version), path::record(did)],
    }
}

/// The state paths that prove what [`resolve_at`] answers: the version in force at that moment, and the one after it or its absence
/// ([`crate::history::check_version_at`]); for a moment before the first version, version 0, which nobody has, and the first. The
/// newest record comes along, as in [`proof_paths`].
pub fn proof_paths_at(view: &dyn View, did: &Did, time_ms: i64) -> Vec<Vec<u8>> {
    let version = resolve_at(view, did, time_ms).map_or(0, |record| record.version);
    vec![
        path::version(did, version),
        path::version(did, version + 1),
        path::record(did),
    ]
}

fn expect_version(view: &dyn View, did: &Did, version: u64) -> v1::DidRecord {
    resolve(view, did, Some(version)).expect("every version up to the newest is stored")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{World, person};

    /// Versions 1 to 4, one every ten seconds from 1 000 000 on.
    fn four_versions() -> World {
        let alice = person(1);
        let mut world = World::with(&alice);
        for version in 1..4 {
            world.now_ms += 10_000;
            world
                .update(&alice.did, version, &world.document(&alice.did))
                .unwrap();
        }
        world
    }

    #[test]
    fn a_moment_finds_the_version_of_its_time() {
        let world = four_versions();
        let at = |time_ms| {
            resolve_at(&world.state, &person(1).did, time_ms).map(|record| record.version)
        };
        assert_eq!(at(999_999), None);
        assert_eq!(at(1_000_000), Some(1));
        assert_eq!(at(1_009_999), Some(1));
        assert_eq!(at(1_010_000), Some(2));
        assert_eq!(at(1_029_999), Some(3));
        assert_eq!(at(1_030_000), Some(4));
        assert_eq!(at(i64::MAX), Some(4));
        assert_eq!(resolve_at(&world.state, &person(2).did, i64::MAX), None);
    }

    #[test]
    fn versions_come_in_pages() {
        let world = four_versions();
        let page = |after, limit| -> Vec<u64> {
            versions(&world.state, &person(1).did, after, limit)
                .into_iter()
                .map(|record| record.version)
                .collect()
        };
        assert_eq!(page(0, 3), [1, 2, 3]);
        assert_eq!(page(3, 3), [4]);
        assert!(page(u64::MAX, 3).is_empty());
        assert!(versions(&world.state, &person(2).did, 0, 3).is_empty());
    }

    #[test]
    fn an_answer_is_proved_by_its_paths() {
        let world = four_versions();
        let did = person(1).did;
        for version in [None, Some(2), Some(9)] {
            let paths = proof_paths(&did, version);
            let value: Option<v1::DidRecord> = record(&world.state, &paths[0]);
            assert_eq!(value, resolve(&world.state, &did, version));
        }
        assert_eq!(proof_paths(&did, Some(2))[1], path::record(&did));
        assert_eq!(
            path::version(&did, 2),
            format!("did/{did}/version/0000000002").into_bytes()
        );
    }
}
