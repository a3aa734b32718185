//! Schemas of credentials: JSON Schema 2020-12, registered under their authors' names.
//!
//! A version never changes, so that who once checked a credential against it can do so again. An author adds versions, having
//! seen the newest, and says of a version that it is not for new credentials any more. A schema stands alone: it refers to
//! nothing outside itself, so that checking by it asks nobody.

mod answer;
mod content;

use sha2::{Digest, Sha256};
use starfire_proto::v1;
use starfire_state::{Env, Event, Overlay, Rejection, View, record};

pub use answer::answer;
pub use content::{DEPTH_MAX, DIALECT, SCHEMA_BYTES_MAX};

use crate::authority;
use crate::code;
use crate::id::Did;
use crate::name::{NAME_BYTES_MAX, is_name};
use crate::path;

/// Adds a version of a schema under the sender's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    name: String,
    expected_version: u64,
    content: Vec<u8>,
}

/// Says that a version is no longer for new credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retire {
    name: String,
    version: u64,
}

impl TryFrom<v1::SchemaRegister> for Register {
    type Error = Rejection;

    fn try_from(message: v1::SchemaRegister) -> Result<Self, Rejection> {
        named(&message.name)?;
        content::check(&message.content)
            .map_err(|error| Rejection::new(code::SCHEMA_INVALID, error.to_string()))?;
        Ok(Self {
            name: message.name,
            expected_version: message.expected_version,
            content: message.content,
        })
    }
}

impl Register {
    /// Stores the version: as the newest, and as itself.
    pub fn apply(self, state: &mut Overlay<'_>, env: &Env) -> Result<(), Rejection> {
        let author = authority::sender(state, env)?;
        let newest = find(state, &author, &self.name, None);
        let seen = newest.map_or(0, |newest| newest.version);
        if seen != self.expected_version {
            let detail = format!(
                "schema {} of {author} has version {seen}, not {}: read it and try again",
                self.name, self.expected_version
            );
            return Err(Rejection::new(code::SCHEMA_VERSION_CONFLICT, detail));
        }
        let schema = v1::SchemaRecord {
            author: author.to_string(),
            name: self.name,
            version: seen
                .checked_add(1)
                .expect("fewer than 2^64 transactions add a version"),
            checksum: Sha256::digest(&self.content).to_vec(),
            content: self.content,
            created_ms: env.time_ms(),
            retired_ms: 0,
        };
        put(state, &author, &schema, true);
        state.emit(event("schema.registered", &schema));
        Ok(())
    }
}

impl TryFrom<v1::SchemaRetire> for Retire {
    type Error = Rejection;

    fn try_from(message: v1::SchemaRetire) -> Result<Self, Rejection> {
        named(&message.name)?;
        Ok(Self {
            name: message.name,
            version: message.version,
        })
    }
}

impl Retire {
    /// Marks the version as retired from this block's time on. It stays, for the credentials that name it.
    pub fn apply(self, state: &mut Overlay<'_>, env: &Env) -> Result<(), Rejection> {
        let author = authority::sender(state, env)?;
        let (name, version) = (&self.name, self.version);
        let Some(old) = find(state, &author, name, Some(version)) else {
            let detail = format!("{author} has no version {version} of a schema {name}");
            return Err(Rejection::new(code::SCHEMA_NOT_FOUND, detail));
        };
        if old.retired_ms != 0 {
            let detail = format!("version {version} of schema {name} is retired already");
            return Err(Rejection::new(code::SCHEMA_RETIRED, detail));
        }
        let newest = find(state, &author, name, None);
        let is_newest = newest.is_some_and(|newest| newest.version == version);
        let retired = v1::SchemaRecord {
            retired_ms: env.time_ms(),
            ..old
        };
        put(state, &author, &retired, is_newest);
        state.emit(event("schema.retired", &retired));
        Ok(())
    }
}

/// A version of a schema; `None` for the newest.
pub fn find(
    view: &dyn View,
    author: &Did,
    name: &str,
    version: Option<u64>,
) -> Option<v1::SchemaRecord> {
    let path = match version {
        None => path::schema(author, name),
        Some(version) => path::schema_version(author, name, version),
    };
    record(view, &path)
}

fn put(state: &mut Overlay<'_>, author: &Did, schema: &v1::SchemaRecord, newest: bool) {
    let path = path::schema_version(author, &schema.name, schema.version);
    state.put_record(path, schema);
    if newest {
        state.put_record(path::schema(author, &schema.name), schema);
    }
}

fn event(kind: &'static str, schema: &v1::SchemaRecord) -> Event {
    let attributes = vec![
        ("author", schema.author.clone()),
        ("name", schema.name.clone()),
        ("version", schema.version.to_string()),
    ];
    Event::new(kind, attributes)
}

fn named(name: &str) -> Result<(), Rejection> {
    if is_name(name) {
        return Ok(());
    }
    let detail = format!(
        "a schema's name is a letter or digit, then up to {} letters, digits, '-' and '_', unlike {name:?}",
        NAME_BYTES_MAX - 1
    );
    Err(Rejection::new(code::SCHEMA_INVALID, detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{World, person};

    const SCHEMA: &[u8] = br#"{"type":"object","required":["cooId"]}"#;

    fn register(world: &mut World, version: u64, content: &[u8]) -> Result<(), Rejection> {
        let env = world.env(person(1).did);
        let message = v1::SchemaRegister {
            name: "origin".into(),
            expected_version: version,
            content: content.to_vec(),
        };
        Register::try_from(message)?.apply(&mut world.state, &env)
    }

    fn retire(world: &mut World, version: u64) -> Result<(), Rejection> {
        let env = world.env(person(1).did);
        let message = v1::SchemaRetire {
            name: "origin".into(),
            version,
        };
        Retire::try_from(message)?.apply(&mut world.state, &env)
    }

    fn found(world: &World, version: Option<u64>) -> Option<v1::SchemaRecord> {
        find(&world.state, &person(1).did, "origin", version)
    }

    #[test]
    fn a_version_stays_as_it_was_registered() {
        let mut world = World::main();
        register(&mut world, 0, SCHEMA).unwrap();
        let first = found(&world, Some(1)).unwrap();
        assert_eq!(first.content, SCHEMA);
        assert_eq!(first.checksum, Sha256::digest(SCHEMA).to_vec());
        assert_eq!(found(&world, None), Some(first.clone()));
        world.now_ms += 1_000;
        register(&mut world, 1, b"{}").unwrap();
        assert_eq!(found(&world, Some(1)), Some(first));
        assert_eq!(found(&world, None), found(&world, Some(2)));
        assert_eq!(found(&world, Some(3)), None);
        assert_eq!(found(&world, Some(0)), None);
    }

    #[test]
    fn who_has_not_seen_the_newest_version_adds_none() {
        let mut world = World::main();
        let conflict = |result: Result<(), Rejection>| {
            assert_eq!(result.unwrap_err().code, code::SCHEMA_VERSION_CONFLICT);
        };
        conflict(register(&mut world, 1, SCHEMA));
        register(&mut world, 0, SCHEMA).unwrap();
        conflict(register(&mut world, 0, SCHEMA));
        conflict(register(&mut world, 2, SCHEMA));
    }

    #[test]
    fn a_retired_version_stays_and_says_so() {
        let mut world = World::main();
        let code = |result: Result<(), Rejection>| result.unwrap_err().code;
        assert_eq!(code(retire(&mut world, 1)), code::SCHEMA_NOT_FOUND);
        register(&mut world, 0, SCHEMA).unwrap();
        register(&mut world, 1, b"{}").unwrap();
        assert_eq!(code(retire(&mut world, 3)), code::SCHEMA_NOT_FOUND);
        retire(&mut world, 1).unwrap();
        assert_eq!(found(&world, Some(1)).unwrap().retired_ms, world.now_ms);
        assert_eq!(found(&world, None).unwrap().retired_ms, 0);
        assert_eq!(code(retire(&mut world, 1)), code::SCHEMA_RETIRED);
        retire(&mut world, 2).unwrap();
        assert_eq!(found(&world, None).unwrap().retired_ms, world.now_ms);
        register(&mut world, 2, SCHEMA).unwrap();
        assert_eq!(found(&world, None).unwrap().retired_ms, 0);
    }

    #[test]
    fn a_name_must_be_one() {
        let register = v1::SchemaRegister {
            name: "a/b".into(),
            expected_version: 0,
            content: SCHEMA.to_vec(),
        };
        let retire = v1::SchemaRetire {
            name: String::new(),
            version: 1,
        };
        let codes = [
            Register::try_from(register).unwrap_err().code,
            Retire::try_from(retire).unwrap_err().code,
        ];
        assert_eq!(codes, [code::SCHEMA_INVALID; 2]);
    }
}
