//! A question: which DID, and as of when. It knows the state paths that answer it and reads the answer from what stands there.

use std::collections::BTreeMap;

use starfire_proto::v1;
use starfire_state::View;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use super::error::{Problem, ProblemKind};
use crate::id::Did;
use crate::path;
use crate::resolve;

/// How `versionTime` is written, for messages.
pub const VERSION_TIME_FORM: &str = "YYYY-MM-DDThh:mm:ssZ, in UTC and without fractions";
/// The longest `versionId`, digits. No DID has more versions.
const VERSION_DIGITS_MAX: usize = 10;

/// As of when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum At {
    /// The newest version.
    Newest,
    /// A version, from 1.
    Version(u64),
    /// The latest version at or before a moment, Unix milliseconds.
    Time(i64),
}

impl At {
    /// Reads `versionId` and `versionTime`, of which one may be given.
    pub fn parse(id: Option<&str>, time: Option<&str>) -> Result<Self, String> {
        match (id, time) {
            (None, None) => Ok(Self::Newest),
            (Some(id), None) => Self::parse_version(id),
            (None, Some(time)) => Self::parse_time(time),
            (Some(_), Some(_)) => Err("versionId and versionTime exclude one another".to_owned()),
        }
    }

    fn parse_version(text: &str) -> Result<Self, String> {
        let digits = text.bytes().all(|digit| digit.is_ascii_digit()) && !text.starts_with('0');
        text.parse()
            .ok()
            .filter(|_| digits && text.len() <= VERSION_DIGITS_MAX)
            .map(Self::Version)
            .ok_or_else(|| "versionId is a whole number from 1 on".to_owned())
    }

    // A block's time has milliseconds, a version's time is told without: so a second means all of it, and the time that the
    // metadata of a version tells finds this version.
    fn parse_time(text: &str) -> Result<Self, String> {
        unix_seconds(text)
            .map(|seconds| Self::Time(seconds.saturating_mul(1000).saturating_add(999)))
            .ok_or_else(|| format!("versionTime is {VERSION_TIME_FORM}"))
    }
}

/// A moment as XML and DID Core have it, in its only spelling; Unix seconds.
// DID Core §7.1.3: "normalized to UTC 00:00:00 and without sub-second decimal precision".
pub fn unix_seconds(text: &str) -> Option<i64> {
    let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let plain = text.ends_with('Z') && text.len() == "2026-01-01T00:00:00Z".len();
    (plain && moment.offset() == UtcOffset::UTC && text.as_bytes()[10] == b'T')
        .then(|| moment.unix_timestamp())
}

/// Which DID, and as of when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    /// Of whom.
    pub did: Did,
    /// As of when.
    pub at: At,
}

/// Who keeps the records of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Origin {
    /// Another chain, which may keep what it likes: it is checked as if it came from a stranger.
    #[default]
    AnotherChain,
    /// This node's chain, whose state holds nothing that was not checked.
    ThisChain,
}

/// What a chain holds about a question.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// The version asked for; none: no such DID, or no such version.
    pub record: Option<v1::DidRecord>,
    /// The version after it.
    pub next: Option<v1::DidRecord>,
    /// The number of the newest version; none: no such DID.
    pub newest: Option<u64>,
    /// Who keeps them.
    pub origin: Origin,
}

impl Found {
    /// What this chain's newest record of a DID, or its absence, says of [`At::Newest`]: what is asked most.
    pub fn newest_here(record: Option<v1::DidRecord>) -> Self {
        Self {
            newest: record.as_ref().map(|record| record.version),
            record,
            next: None,
            origin: Origin::ThisChain,
        }
    }
}

impl Question {
    /// As a DID URL.
    pub fn to_url(self) -> String {
        match self.at {
            At::Newest => self.did.to_string(),
            At::Version(version) => format!("{}?versionId={version}", self.did),
            At::Time(unix_ms) => {
                let moment =
                    crate::render::timestamp(unix_ms).unwrap_or_else(|| unix_ms.to_string());
                format!("{}?versionTime={moment}", self.did)
            }
        }
    }

    /// Reads what [`Question::to_url`] writes, and nothing else.
    pub fn parse_url(text: &str) -> Option<Self> {
        let (did, query) = match text.split_once('?') {
            Some((did, query)) => (did, Some(query)),
            None => (text, None),
        };
        let at = match query.map(|query| query.split_once('=')) {
            None => At::Newest,
            Some(Some(("versionId", id))) => At::parse(Some(id), None).ok()?,
            Some(Some(("versionTime", time))) => At::parse(None, Some(time)).ok()?,
            Some(_) => return None,
        };
        let did = Did::parse(did).ok()?;
        Some(Self { did, at })
    }

    /// The version that a state answers with, 0 for none.
    pub fn version(&self, view: &dyn View) -> u64 {
        match self.at {
            At::Newest => newest(view, &self.did),
            At::Version(version) => version,
            At::Time(unix_ms) => {
                resolve::resolve_at(view, &self.did, unix_ms).map_or(0, |record| record.version)
            }
        }
    }

    /// The state paths that prove the answer, the first of which is that of the answer itself or of its absence.
    /// `version` is that of the answer, `newest` the newest one, each 0 if there is none.
    pub fn paths(&self, version: u64, newest: u64) -> Vec<Vec<u8>> {
        let record = path::record(&self.did);
        let of = |version| path::version(&self.did, version);
        match self.at {
            At::Newest => vec![record],
            At::Time(_) if version == newest => vec![record],
            At::Time(_) if version == 0 => vec![of(1), record],
            // The newest stands at its own path, too.
            At::Version(_) | At::Time(_) if version.saturating_add(1) >= newest => {
                vec![of(version), record]
            }
            At::Version(_) | At::Time(_) => vec![of(version), record, of(version + 1)],
        }
    }

    /// The paths for what a state holds.
    pub fn paths_in(&self, view: &dyn View) -> Vec<Vec<u8>> {
        match self.at {
            // The same whatever the state holds.
            At::Newest => self.paths(0, 0),
            At::Version(_) | At::Time(_) => self.paths(self.version(view), newest(view, &self.did)),
        }
    }

    /// Reads the answer from records that were shown, by path; `None` at a path: nothing stands there.
    ///
    /// `None`: what was shown does not answer the question.
    pub fn found(&self, mut shown: BTreeMap<Vec<u8>, Option<v1::DidRecord>>) -> Option<Found> {
        let Some(newest) = shown.remove(&path::record(&self.did))? else {
            return Some(Found::default());
        };
        let newest_version = newest.version;
        let version = match self.at {
            At::Newest => newest.version,
            At::Version(version) => version,
            At::Time(time) => {
                let records = shown.values().flatten().chain([&newest]);
                let before = records.filter(|record| record.updated_ms <= time);
                before.map(|record| record.version).max().unwrap_or(0)
            }
        };
        let mut newest = Some(newest);
        // Each is taken once: no two of those below have the same version.
        let mut of = |version: u64| -> Option<v1::DidRecord> {
            if version == newest_version {
                return newest.take();
            }
            let record = shown.remove(&path::version(&self.did, version))??;
            (record.version == version).then_some(record)
        };
        let absent = || Found {
            newest: Some(newest_version),
            ..Found::default()
        };
        match self.at {
            At::Version(version) if version == 0 || version > newest_version => {
                return Some(absent());
            }
            At::Time(time) if version == 0 => {
                return (of(1)?.updated_ms > time).then(absent);
            }
            At::Newest | At::Version(_) | At::Time(_) => {}
        }
        let record = of(version)?;
        let next = match version < newest_version {
            true => Some(of(version + 1)?),
            false => None,
        };
        if let (At::Time(time), Some(next)) = (self.at, &next)
            && next.updated_ms <= time
        {
            return None;
        }
        Some(Found {
            record: Some(record),
            next,
            newest: Some(newest_version),
            origin: Origin::default(),
        })
    }

    /// Reads the answer from this chain's state.
    pub fn found_in(&self, view: &dyn View) -> Found {
        if self.at == At::Newest {
            return Found::newest_here(resolve::resolve(view, &self.did, None));
        }
        let paths = self.paths_in(view).into_iter();
        let shown = paths.map(|path| (path.clone(), starfire_state::record(view, &path)));
        let found = self
            .found(shown.collect())
            .expect("a state shows every version up to the newest");
        Found {
            origin: Origin::ThisChain,
            ..found
        }
    }

    /// The refusal when there is no such DID or version.
    pub fn absence(&self, found: &Found) -> Problem {
        let did = self.did;
        let detail = match (self.at, found.newest) {
            (_, None) | (At::Newest, _) => format!("{did} is not registered"),
            (At::Version(version), Some(newest)) => {
                format!("{did} has no version {version}; its newest is {newest}")
            }
            (At::Time(_), Some(_)) => format!("{did} was not yet registered at that time"),
        };
        Problem::new(ProblemKind::NotFound, detail)
    }
}

fn newest(view: &dyn View, did: &Did) -> u64 {
    resolve::resolve(view, did, None).map_or(0, |record| record.version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{World, person};

    fn five_versions() -> World {
        let alice = person(1);
        let mut world = World::with(&alice);
        for version in 1..5 {
            world.now_ms += 10_500;
            world
                .update(&alice.did, version, &world.document(&alice.did))
                .unwrap();
        }
        world
    }

    fn question(at: At) -> Question {
        let did = person(1).did;
        Question { did, at }
    }

    fn shown(world: &World, paths: &[Vec<u8>]) -> BTreeMap<Vec<u8>, Option<v1::DidRecord>> {
        let records = paths.iter().map(|path| {
            let record = starfire_state::record(&world.state, path);
            (path.clone(), record)
        });
        records.collect()
    }

    /// Every version's path, and the newest's.
    fn all(world: &World) -> BTreeMap<Vec<u8>, Option<v1::DidRecord>> {
        let did = person(1).did;
        let mut paths: Vec<_> = (1..=5)
            .map(|version| path::version(&did, version))
            .collect();
        paths.push(path::record(&did));
        shown(world, &paths)
    }

    #[test]
    fn the_paths_of_an_answer_hold_all_that_it_says() {
        let world = five_versions();
        let versions: Vec<_> = [0, 0, 1, 2, 3, 4, 5, 5]
            .into_iter()
            .zip([
                0,
                999_999,
                1_000_000,
                1_010_500,
                1_031_499,
                1_031_500,
                1_042_000,
                i64::MAX,
            ])
            .map(|(version, time)| (version, At::Time(time)))
            .chain([(5, At::Newest)])
            .chain([1, 2, 4, 5].map(|version| (version, At::Version(version))))
            .chain([6, 99].map(|version| (0, At::Version(version))))
            .collect();
        for (version, at) in versions {
            let question = question(at);
            let paths = question.paths_in(&world.state);
            let only_those = shown(&world, &paths);
            let found = question.found(only_those.clone()).unwrap();
            assert_eq!(found, question.found(all(&world)).unwrap(), "{at:?}");
            let here = question.found_in(&world.state);
            let origin = Origin::ThisChain;
            assert_eq!(
                here,
                Found {
                    origin,
                    ..found.clone()
                },
                "{at:?}"
            );
            let of =
                |record: &Option<v1::DidRecord>| record.as_ref().map_or(0, |record| record.version);
            assert_eq!(of(&found.record), version, "{at:?}");
            assert_eq!(found.newest, Some(5));
            let next = if (1..5).contains(&version) {
                version + 1
            } else {
                0
            };
            assert_eq!(of(&found.next), next);
            if version > 0 {
                assert_eq!(found.record, only_those[&paths[0]], "{at:?}");
            }
        }
    }

    #[test]
    fn what_is_not_shown_is_not_answered() {
        let world = five_versions();
        for at in [
            At::Version(2),
            At::Version(4),
            At::Time(1_021_000),
            At::Time(0),
            At::Newest,
        ] {
            let question = question(at);
            let paths = question.paths_in(&world.state);
            for hidden in &paths {
                let mut some = shown(&world, &paths);
                some.remove(hidden);
                let found = question.found(some);
                // Without its own path a question about a time may still be answered by the newest version, but by no other.
                assert_eq!(
                    found,
                    None,
                    "{at:?} without {}",
                    String::from_utf8_lossy(hidden)
                );
            }
        }
    }

    #[test]
    fn a_version_of_another_time_does_not_answer() {
        let world = five_versions();
        let did = person(1).did;
        let question = question(At::Time(1_021_000));
        assert_eq!(question.version(&world.state), 3);
        for pair in [[1, 2], [2, 3], [4, 5]] {
            let mut paths = pair.map(|version| path::version(&did, version)).to_vec();
            paths.push(path::record(&did));
            assert_eq!(question.found(shown(&world, &paths)), None, "{pair:?}");
        }
    }

    #[test]
    fn a_question_is_a_did_url() {
        let did = person(1).did;
        for text in [
            did.to_string(),
            format!("{did}?versionId=12"),
            format!("{did}?versionTime=2026-11-21T08:30:00Z"),
        ] {
            assert_eq!(Question::parse_url(&text).unwrap().to_url(), text);
        }
        for text in [
            "did:web:example.org".to_owned(),
            format!("{did}?versionId=0"),
            format!("{did}?versionId=01"),
            format!("{did}?versionId=+1"),
            format!("{did}?versionId=10000000000"),
            format!("{did}?versionTime=2026-11-21T08:30:00.5Z"),
            format!("{did}?versionTime=2026-11-21T08:30:00+00:00"),
            format!("{did}?versionTime=2026-11-21 08:30:00Z"),
            format!("{did}?versionTime=2026-13-21T08:30:00Z"),
            format!("{did}?service=x"),
            format!("{did}?"),
        ] {
            assert_eq!(Question::parse_url(&text), None, "{text}");
        }
    }

    #[test]
    fn the_time_that_a_version_tells_finds_it() {
        let world = five_versions();
        for version in 1..=5 {
            let record = question(At::Version(version))
                .found_in(&world.state)
                .record
                .unwrap();
            let told = crate::render::timestamp(record.updated_ms).unwrap();
            let at = At::parse(None, Some(&told)).unwrap();
            assert_eq!(question(at).version(&world.state), version);
        }
    }
}
