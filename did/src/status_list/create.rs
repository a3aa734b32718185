//! Opens a status list, with every bit zero.

use starfire_proto::v1;
use starfire_state::{Env, Event, Overlay, Rejection};

use super::tree::{Hash, leaf, root_of};
use super::{CHUNK_BITS, CHUNK_BYTES};
use crate::authority;
use crate::code;
use crate::id::Did;
use crate::name::{NAME_BYTES_MAX, is_name};
use crate::path;

/// The shortest list, bits. Bitstring Status List 1.0 §6.1: 131,072, so that a look-up says little of whom it is about.
pub const LENGTH_MIN: u64 = 131_072;
/// The longest list, bits. Who needs more opens another list.
pub const LENGTH_MAX: u64 = 1 << 20;
/// The longest that a verifier may be told to keep a list: a year.
pub const TTL_MAX_SECONDS: u32 = 365 * 24 * 60 * 60;

/// What a bit that is set says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The credential is revoked, for ever.
    Revocation,
    /// The credential is suspended, until the bit is cleared.
    Suspension,
    /// Whatever the issuer says that it means.
    Message,
}

impl Purpose {
    /// The purpose of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "revocation" => Self::Revocation,
            "suspension" => Self::Suspension,
            "message" => Self::Message,
            _ => return None,
        })
    }

    /// Its name in the standard.
    pub fn name(self) -> &'static str {
        match self {
            Self::Revocation => "revocation",
            Self::Suspension => "suspension",
            Self::Message => "message",
        }
    }
}

/// Opens a status list of the sender's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Create {
    name: String,
    purpose: Purpose,
    length: u64,
    ttl: u32,
}

impl TryFrom<v1::StatusListCreate> for Create {
    type Error = Rejection;

    fn try_from(message: v1::StatusListCreate) -> Result<Self, Rejection> {
        let v1::StatusListCreate {
            name,
            purpose,
            length,
            ttl,
        } = message;
        named(&name)?;
        let Some(purpose) = Purpose::parse(&purpose) else {
            return Err(invalid(format!(
                "a purpose is revocation, suspension or message, unlike {purpose:?}"
            )));
        };
        if !(LENGTH_MIN..=LENGTH_MAX).contains(&length) || length % CHUNK_BITS != 0 {
            return Err(invalid(format!(
                "a list has {LENGTH_MIN} to {LENGTH_MAX} bits, a multiple of {CHUNK_BITS}, not {length}"
            )));
        }
        if ttl > TTL_MAX_SECONDS {
            return Err(invalid(format!(
                "a verifier keeps a list at most {TTL_MAX_SECONDS} seconds, not {ttl}"
            )));
        }
        Ok(Self {
            name,
            purpose,
            length,
            ttl,
        })
    }
}

impl Create {
    /// Stores the list's record and the hashes of its chunks. The chunks are zeros, and do not stand in state.
    pub fn apply(self, state: &mut Overlay<'_>, env: &Env) -> Result<(), Rejection> {
        let issuer = authority::sender(state, env)?;
        if super::list(state, &issuer, &self.name).is_some() {
            let detail = format!("{issuer} has a status list {}", self.name);
            return Err(Rejection::new(code::STATUS_LIST_EXISTS, detail));
        }
        let chunks = usize::try_from(self.length / CHUNK_BITS).expect("a list is bounded");
        let leaves = vec![leaf(&[0; CHUNK_BYTES]); chunks];
        let list = v1::StatusListRecord {
            issuer: issuer.to_string(),
            name: self.name,
            purpose: self.purpose.name().to_owned(),
            length: self.length,
            version: 1,
            created_ms: env.time_ms(),
            updated_ms: env.time_ms(),
            root: root_of(&leaves).to_vec(),
            ttl: self.ttl,
        };
        put(state, &issuer, &list, &leaves);
        let attributes = vec![
            ("issuer", list.issuer),
            ("name", list.name),
            ("purpose", list.purpose),
            ("length", list.length.to_string()),
        ];
        state.emit(Event::new("status_list.created", attributes));
        Ok(())
    }
}

/// Writes the record, and the hashes that its root follows from.
pub(super) fn put(
    state: &mut Overlay<'_>,
    issuer: &Did,
    list: &v1::StatusListRecord,
    leaves: &[Hash],
) {
    state.put_record(path::status_list(issuer, &list.name), list);
    let hashes = v1::StatusListLeaves {
        hashes: leaves.concat(),
    };
    state.put_record(path::status_list_leaves(issuer, &list.name), &hashes);
}

pub(super) fn named(name: &str) -> Result<(), Rejection> {
    if is_name(name) {
        return Ok(());
    }
    Err(invalid(format!(
        "a list's name is a letter or digit, then up to {} letters, digits, '-' and '_', unlike {name:?}",
        NAME_BYTES_MAX - 1
    )))
}

pub(super) fn invalid(detail: String) -> Rejection {
    Rejection::new(code::STATUS_LIST_INVALID, detail)
}
