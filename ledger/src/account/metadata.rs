//! SET_METADATA: named values that an account keeps.
//!
//! A version makes it compare-and-set: the next version to write, the current one to delete; 0 asks for no check.

use starfire_proto::{protocol, v1};
use starfire_state::{Env, Event, Overlay, Rejection, record};

use crate::{code, path};

/// The longest key.
pub const KEY_BYTES_MAX: usize = 1024;
/// The longest value.
pub const VALUE_BYTES_MAX: usize = 262_144;

/// A value to write or delete.
#[derive(Debug, Clone)]
pub struct SetMetadata {
    key: String,
    value: String,
    version: i64,
    delete: bool,
}

impl TryFrom<protocol::OperationSetMetadata> for SetMetadata {
    type Error = Rejection;

    fn try_from(operation: protocol::OperationSetMetadata) -> Result<Self, Rejection> {
        Self::new(
            operation.key,
            operation.value,
            operation.version,
            operation.delete_flag,
        )
    }
}

impl SetMetadata {
    fn new(key: String, value: String, version: i64, delete: bool) -> Result<Self, Rejection> {
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return Err(Rejection::new(
                code::INVALID_PARAMETER,
                format!(
                    "a metadata key has 1 to {KEY_BYTES_MAX} bytes, not {}",
                    key.len()
                ),
            ));
        }
        if value.len() > VALUE_BYTES_MAX {
            return Err(Rejection::new(
                code::INVALID_PARAMETER,
                format!(
                    "a metadata value has at most {VALUE_BYTES_MAX} bytes, not {}",
                    value.len()
                ),
            ));
        }
        if version < 0 {
            return Err(Rejection::new(
                code::INVALID_DATAVERSION,
                "the version is negative",
            ));
        }
        Ok(Self {
            key,
            value,
            version,
            delete,
        })
    }

    /// An entry of an account to be created.
    pub(crate) fn initial(pair: protocol::KeyPair) -> Result<Self, Rejection> {
        Self::new(pair.key, pair.value, 0, false)
    }

    /// Writes or deletes the sender's value.
    pub fn apply(self, state: &mut Overlay<'_>, env: &Env) -> Result<(), Rejection> {
        let event = Event::new(
            "account.metadata",
            vec![("address", env.sender.clone()), ("key", self.key.clone())],
        );
        self.write(state, &env.sender)?;
        state.emit(event);
        Ok(())
    }

    /// Writes or deletes a value of `address`.
    pub(crate) fn write(self, state: &mut Overlay<'_>, address: &str) -> Result<(), Rejection> {
        let at = path::metadata(address, &self.key);
        let current = record::<v1::MetadataRecord>(state, &at).map_or(0, |current| current.version);
        if self.delete && current == 0 {
            return Err(Rejection::new(
                code::NOT_EXIST,
                "there is no metadata under this key",
            ));
        }
        let next = if self.delete {
            current
        } else {
            current.saturating_add(1)
        };
        if self.version != 0 && self.version != next {
            return Err(Rejection::new(
                code::INVALID_DATAVERSION,
                format!(
                    "the version {} is not {next}: somebody wrote in between",
                    self.version
                ),
            ));
        }
        if self.delete {
            state.delete(at);
        } else {
            state.put_record(
                at,
                &v1::MetadataRecord {
                    key: self.key,
                    value: self.value,
                    version: next,
                },
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(key: &str, value: &str, version: i64) -> Option<u32> {
        SetMetadata::new(key.to_owned(), value.to_owned(), version, false)
            .err()
            .map(|rejection| rejection.code.number)
    }

    #[test]
    fn keys_and_values_have_limits() {
        assert_eq!(refused(&"k".repeat(1024), &"v".repeat(262_144), 0), None);
        assert_eq!(refused("", "v", 0), Some(2));
        assert_eq!(refused(&"k".repeat(1025), "v", 0), Some(2));
        assert_eq!(refused("k", &"v".repeat(262_145), 0), Some(2));
        assert_eq!(refused("k", "v", -1), Some(144));
    }

    #[test]
    fn the_longest_key_still_has_a_short_path() {
        let at = path::metadata(
            "did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2",
            &"k".repeat(1024),
        );
        assert!(at.len() <= starfire_state::view::KEY_BYTES_MAX);
        assert_ne!(
            at,
            path::metadata(
                "did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2",
                &"k".repeat(1023)
            )
        );
    }
}
