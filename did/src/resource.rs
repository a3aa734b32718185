//! Reads the resources of DIDs, and names the state paths that prove an answer: see [`crate::add_resource`] for what they are.

use prost::Message;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use starfire_proto::v1;
use starfire_state::{View, record};

use crate::history::last_at;
use crate::id::Did;
use crate::{path, render};

/// SHA-256 of a record as it is stored: what the next version's `previous_hash` is.
pub fn record_hash(record: &v1::DidResourceRecord) -> [u8; 32] {
    Sha256::digest(record.encode_to_vec()).into()
}

/// The newest version of a resource, or one of its versions.
pub fn find(
    view: &dyn View,
    did: &Did,
    name: &str,
    version: Option<u64>,
) -> Option<v1::DidResourceRecord> {
    match version {
        None => record(view, &path::resource(did, name)),
        Some(version) => record(view, &path::resource_version(did, name, version)),
    }
}

/// The latest version at or before a moment.
pub fn find_at(
    view: &dyn View,
    did: &Did,
    name: &str,
    time_ms: i64,
) -> Option<v1::DidResourceRecord> {
    let newest = find(view, did, name, None)?;
    let created = |version| {
        if version == newest.version {
            return newest.created_ms;
        }
        expect_version(view, did, name, version).created_ms
    };
    let version = last_at(newest.version, time_ms, created)?;
    Some(expect_version(view, did, name, version))
}

/// The bytes of a version.
pub fn content(view: &dyn View, record: &v1::DidResourceRecord) -> Option<Vec<u8>> {
    let did = Did::parse(&record.did).ok()?;
    view.get(&path::resource_content(&did, &record.name, record.version))
}

/// Versions after `after` (0: from the first), oldest first, at most `limit`.
pub fn versions(
    view: &dyn View,
    did: &Did,
    name: &str,
    after: u64,
    limit: usize,
) -> Vec<v1::DidResourceRecord> {
    let newest = find(view, did, name, None).map_or(0, |record| record.version);
    (after.saturating_add(1)..=newest)
        .take(limit)
        .map(|version| expect_version(view, did, name, version))
        .collect()
}

/// The newest versions of a DID's resources after the name `after` (none: from the first), in byte order of their state paths, at
/// most `limit`.
pub fn list(
    view: &dyn View,
    did: &Did,
    after: Option<&str>,
    limit: usize,
) -> Vec<v1::DidResourceRecord> {
    let prefix = path::resources(did);
    let mut from = after.map(|name| path::resource(did, name));
    let mut found = Vec::new();
    while found.len() < limit {
        let Some((key, value)) = view.scan(&prefix, from.as_deref(), 1).pop() else {
            break;
        };
        let is_version = key[prefix.len()..].contains(&b'/');
        if is_version {
            // A name's versions stand together, its other neighbours before them: '-' and '.' are less than '/'.
            let end = key.iter().rposition(|byte| *byte == b'/');
            let name = &key[..end.expect("a version's path has a slash")];
            from = Some([name, b"/~"].concat());
        } else {
            let record = v1::DidResourceRecord::decode(value.as_slice())
                .expect("a record in state decodes as the message that wrote it");
            found.push(record);
            from = Some(key);
        }
    }
    found
}

/// The state paths that prove what [`find`] answers, absence too. For an old version the newest one comes along, and the DID's own
/// record in either case: it tells whether the DID has ended. The bytes are proved by the record's checksum.
pub fn proof_paths(did: &Did, name: &str, version: Option<u64>) -> Vec<Vec<u8>> {
    let newest = [path::resource(did, name), path::record(did)];
    version
        .map(|version| path::resource_version(did, name, version))
        .into_iter()
        .chain(newest)
        .collect()
}

/// The state paths that prove what [`find_at`] answers: the version, the one after it or its absence, and the DID's own record.
pub fn proof_paths_at(view: &dyn View, did: &Did, name: &str, time_ms: i64) -> Vec<Vec<u8>> {
    let version = find_at(view, did, name, time_ms).map_or(0, |record| record.version);
    vec![
        path::resource_version(did, name, version),
        path::resource_version(did, name, version + 1),
        path::record(did),
    ]
}

/// What is told of a version beside its bytes.
pub fn metadata(record: &v1::DidResourceRecord) -> Map<String, Value> {
    let mut metadata = Map::new();
    metadata.insert("did".into(), json!(record.did));
    metadata.insert("name".into(), json!(record.name));
    metadata.insert("versionId".into(), json!(record.version.to_string()));
    // DID Core §7.3: metadata has no numbers.
    metadata.insert("size".into(), json!(record.size.to_string()));
    metadata.insert("checksum".into(), json!(hex::encode(&record.checksum)));
    if let Some(created) = render::timestamp(record.created_ms) {
        metadata.insert("created".into(), json!(created));
    }
    metadata
}

fn expect_version(view: &dyn View, did: &Did, name: &str, version: u64) -> v1::DidResourceRecord {
    find(view, did, name, Some(version)).expect("every version up to the newest is stored")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{World, person};

    /// Two versions of each, one a second.
    fn world(names: &[&str]) -> World {
        let alice = person(1).did;
        let mut world = World::with(&person(1));
        for version in 0..2 {
            for name in names {
                let message = v1::DidAddResource {
                    did: alice.to_string(),
                    name: (*name).into(),
                    expected_version: version,
                    media_type: "text/plain".into(),
                    content: format!("{name} {version}").into_bytes(),
                };
                world.add_resource(&alice, message).unwrap();
            }
            world.now_ms += 1_000;
        }
        world
    }

    #[test]
    fn resources_come_in_pages_without_their_versions() {
        let names = ["a", "a-b", "a.b", "a0", "a_b", "b"];
        let world = world(&names);
        let alice = person(1).did;
        let page = |after, limit| -> Vec<String> {
            list(&world.state, &alice, after, limit)
                .into_iter()
                .map(|record| {
                    assert_eq!(record.version, 2);
                    record.name
                })
                .collect()
        };
        assert_eq!(page(None, 9), names);
        for (index, name) in names.iter().enumerate() {
            assert_eq!(
                page(Some(name), 2),
                names[index + 1..]
                    .iter()
                    .take(2)
                    .copied()
                    .collect::<Vec<_>>()
            );
        }
        assert!(list(&world.state, &person(2).did, None, 9).is_empty());
    }

    #[test]
    fn a_moment_finds_the_version_of_its_time() {
        let world = world(&["a"]);
        let alice = person(1).did;
        let at = |time_ms| find_at(&world.state, &alice, "a", time_ms).map(|record| record.version);
        assert_eq!(
            [999_999, 1_000_000, 1_000_999, 1_001_000, i64::MAX].map(at),
            [None, Some(1), Some(1), Some(2), Some(2)]
        );
        assert_eq!(find_at(&world.state, &alice, "b", i64::MAX), None);
        let paths = proof_paths_at(&world.state, &alice, "a", 1_000_500);
        assert_eq!(
            record(&world.state, &paths[0]),
            find(&world.state, &alice, "a", Some(1))
        );
        assert_eq!(
            record(&world.state, &paths[1]),
            find(&world.state, &alice, "a", Some(2))
        );
        let before = proof_paths_at(&world.state, &alice, "a", 0);
        assert_eq!(world.state.get(&before[0]), None);
        assert_eq!(before[1], path::resource_version(&alice, "a", 1));
    }

    #[test]
    fn versions_are_read_one_by_one_and_proved() {
        let world = world(&["a"]);
        let alice = person(1).did;
        let numbers = |after, limit| -> Vec<u64> {
            versions(&world.state, &alice, "a", after, limit)
                .into_iter()
                .map(|record| record.version)
                .collect()
        };
        assert_eq!(
            (numbers(0, 9), numbers(1, 9), numbers(0, 1)),
            (vec![1, 2], vec![2], vec![1])
        );
        for version in [None, Some(1), Some(7)] {
            let paths = proof_paths(&alice, "a", version);
            assert_eq!(
                record(&world.state, &paths[0]),
                find(&world.state, &alice, "a", version)
            );
            assert_eq!(paths.last(), Some(&path::record(&alice)));
        }
    }
}
