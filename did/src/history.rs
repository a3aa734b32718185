//! A DID's record, version by version.
//!
//! Every version is stored whole and names the hash of the one before, so that a reader of any version can be shown that the
//! history behind it is the one that the chain holds. The version that was in force at a moment is proved by two records: the
//! version itself, and the one after it, or that there is none ([`check_version_at`]).

use prost::Message;
use sha2::{Digest, Sha256};
use starfire_proto::v1;
use starfire_state::{Env, Overlay};

use crate::document::Document;
use crate::id::Did;
use crate::path;

/// SHA-256 of a record as it is stored: what the next version's `previous_hash` is.
pub fn record_hash(record: &v1::DidRecord) -> [u8; 32] {
    Sha256::digest(record.encode_to_vec()).into()
}

/// The first version of a record.
pub(crate) fn first(document: &Document, env: &Env) -> v1::DidRecord {
    v1::DidRecord {
        document: Some(document.into()),
        version: 1,
        created_ms: env.time_ms(),
        updated_ms: env.time_ms(),
        deactivated: false,
        deactivation_reason: String::new(),
        previous_hash: Vec::new(),
    }
}

/// The version after `previous`, holding this document; or none, when the DID is deactivated.
pub(crate) fn next(
    previous: &v1::DidRecord,
    document: Option<&Document>,
    env: &Env,
) -> v1::DidRecord {
    v1::DidRecord {
        document: document.map(Into::into),
        version: previous
            .version
            .checked_add(1)
            .expect("fewer than 2^64 transactions change a document"),
        created_ms: previous.created_ms,
        updated_ms: env.time_ms(),
        deactivated: document.is_none(),
        deactivation_reason: String::new(),
        previous_hash: record_hash(previous).to_vec(),
    }
}

/// Writes a version: as the newest, and as itself.
pub(crate) fn append(state: &mut Overlay<'_>, did: &Did, record: &v1::DidRecord) {
    assert_eq!(
        record.version == 1,
        record.previous_hash.is_empty(),
        "only the first version has none before it"
    );
    state.put_record(path::record(did), record);
    state.put_record(path::version(did, record.version), record);
}

/// The number of the last version at or before a moment, of `newest` versions whose times never fall.
pub(crate) fn last_at(newest: u64, time_ms: i64, time_of: impl Fn(u64) -> i64) -> Option<u64> {
    if newest == 0 || time_of(newest) <= time_ms {
        return (newest > 0).then_some(newest);
    }
    let (mut before, mut after) = (0, newest);
    while before + 1 < after {
        let middle = before + (after - before) / 2;
        if time_of(middle) <= time_ms {
            before = middle;
        } else {
            after = middle;
        }
    }
    (before > 0).then_some(before)
}

/// What was proved of two successive versions' paths: see [`crate::resolve::proof_paths_at`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Neighbours {
    /// The number of the first path's version; 0: the moment is before the first version.
    pub version: u64,
    /// What stands at its path.
    pub record: Option<v1::DidRecord>,
    /// What stands at the next version's path.
    pub next: Option<v1::DidRecord>,
}

/// Why two records do not show which version was in force at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MomentError {
    /// The version's record is missing, or is another version's, or stands where there is no version.
    #[error("the version's own record is not what stands at its path")]
    Record,
    /// The next version's record is another version's, or does not name the hash of this one.
    #[error("the next version's record does not follow this one")]
    Next,
    /// The version came after the moment.
    #[error("the version is later than the moment")]
    TooLate,
    /// A later version was in force at the moment already.
    #[error("a later version was in force at the moment")]
    Superseded,
}

/// The version that was in force at a moment, by nothing but records whose paths were proved. `None`: there was none yet.
pub fn check_version_at(
    proved: &Neighbours,
    time_ms: i64,
) -> Result<Option<&v1::DidRecord>, MomentError> {
    let record = proved.record.as_ref();
    if record.map_or(0, |record| record.version) != proved.version
        || record.is_some() != (proved.version > 0)
    {
        return Err(MomentError::Record);
    }
    if record.is_some_and(|record| record.updated_ms > time_ms) {
        return Err(MomentError::TooLate);
    }
    if let Some(next) = &proved.next {
        let hash = record.map(|record| record_hash(record).to_vec());
        if proved.version.checked_add(1) != Some(next.version)
            || next.previous_hash != hash.unwrap_or_default()
        {
            return Err(MomentError::Next);
        }
        if next.updated_ms <= time_ms {
            return Err(MomentError::Superseded);
        }
    }
    Ok(record)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use starfire_state::record;

    use super::*;
    use crate::fixture::{World, person};
    use crate::resolve::{proof_paths_at, resolve, resolve_at};

    const VERSIONS: u64 = 1_000;

    /// Alice's document in a thousand versions: pairs of them at the same time, ten seconds apart.
    fn a_thousand() -> World {
        let alice = person(1).did;
        let mut world = World::with(&person(1));
        for version in 1..VERSIONS {
            if version % 2 == 0 {
                world.now_ms += 10_000;
            }
            let mut document = world.document(&alice);
            document.also_known_as = vec![format!("urn:version:{}", version + 1)];
            world.update(&alice, version, &document).unwrap();
        }
        world
    }

    /// What a verifier is left with once the two paths are proved.
    fn proved(world: &World, did: &Did, time_ms: i64) -> Neighbours {
        let version = resolve_at(&world.state, did, time_ms).map_or(0, |record| record.version);
        let paths = proof_paths_at(&world.state, did, time_ms);
        assert_eq!(paths[0], path::version(did, version));
        Neighbours {
            version,
            record: record(&world.state, &paths[0]),
            next: record(&world.state, &paths[1]),
        }
    }

    #[test]
    fn any_of_a_thousand_versions_and_any_time_answers_exactly() {
        let world = a_thousand();
        let alice = person(1).did;
        let mut hash = Vec::new();
        for version in 1..=VERSIONS {
            let record = resolve(&world.state, &alice, Some(version)).unwrap();
            assert_eq!((record.version, &record.previous_hash), (version, &hash));
            hash = record_hash(&record).to_vec();
            if version > 1 {
                let names = record.document.unwrap().also_known_as;
                assert_eq!(names, [format!("urn:version:{version}")]);
            }
        }
        assert_eq!(resolve(&world.state, &alice, Some(VERSIONS + 1)), None);
        for pair in 0..=VERSIONS / 2 {
            let from = 1_000_000 + 10_000 * i64::try_from(pair).unwrap();
            for (time_ms, expected) in [
                (from - 1, 2 * pair),
                (from, 2 * pair + 2),
                (from + 1, 2 * pair + 2),
            ] {
                let expected = expected.min(VERSIONS);
                let proved = proved(&world, &alice, time_ms);
                let found = check_version_at(&proved, time_ms).unwrap();
                assert_eq!(
                    found.map_or(0, |record| record.version),
                    expected,
                    "{time_ms}"
                );
            }
        }
    }

    #[test]
    fn a_moment_of_an_unknown_did_has_no_version() {
        let world = World::main();
        let proved = proved(&world, &person(2).did, 5);
        assert_eq!(check_version_at(&proved, 5), Ok(None));
    }

    #[test]
    fn other_records_prove_no_moment() {
        let world = a_thousand();
        let alice = person(1).did;
        let at = 1_050_000;
        let good = proved(&world, &alice, at);
        assert_eq!(good.version, 12);
        let of = |version| resolve(&world.state, &alice, Some(version));
        let check = |change: &dyn Fn(&mut Neighbours)| {
            let mut proved = good.clone();
            change(&mut proved);
            check_version_at(&proved, at).unwrap_err()
        };
        assert_eq!(check(&|p| p.record = None), MomentError::Record);
        assert_eq!(check(&|p| p.record = of(11)), MomentError::Record);
        assert_eq!(check(&|p| p.version = 0), MomentError::Record);
        assert_eq!(check(&|p| p.next = of(14)), MomentError::Next);
        assert_eq!(
            check(&|p| p.next.as_mut().unwrap().previous_hash[0] ^= 1),
            MomentError::Next
        );
        let moved = |version: u64| Neighbours {
            version,
            record: of(version),
            next: of(version + 1),
        };
        assert_eq!(check(&|p| *p = moved(11)), MomentError::Superseded);
        assert_eq!(check(&|p| *p = moved(13)), MomentError::TooLate);
        let before_all = Neighbours {
            next: of(1),
            ..Neighbours::default()
        };
        assert_eq!(check(&|p| *p = before_all.clone()), MomentError::Superseded);
    }

    proptest! {
        #[test]
        fn the_last_version_is_found_whatever_the_times(
            gaps in proptest::collection::vec(0i64..3, 0..40),
            time_ms in -1i64..60,
        ) {
            let times: Vec<i64> = gaps.iter().scan(0, |time, gap| { *time += gap; Some(*time) }).collect();
            let newest = u64::try_from(times.len()).unwrap();
            let found = last_at(newest, time_ms, |version| times[usize::try_from(version).unwrap() - 1]);
            let expected = times.iter().filter(|time| **time <= time_ms).count();
            prop_assert_eq!(found.unwrap_or(0), u64::try_from(expected).unwrap());
        }
    }
}
