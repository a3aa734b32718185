//! The state paths that the ledger owns. Accounts, members and headers: [`starfire_state::key`].

/// The number of the last motion.
pub const MOTION_COUNT: &[u8] = b"motion-count";
/// When each validator was last seen to sign, a `PresenceRecord`.
pub const PRESENCE: &[u8] = b"presence";
/// What all members' paths begin with.
pub const MEMBERS: &[u8] = b"member/";
/// What the paths of all members that were excluded begin with.
pub const MEMBERS_REMOVED: &[u8] = b"member-removed/";

/// A metadata key up to this length stands in its path as hex; a longer one by its SHA-256, as paths are short.
const METADATA_KEY_BYTES_PLAIN: usize = 160;

/// An entry of an account's metadata.
pub fn metadata(address: &str, key: &str) -> Vec<u8> {
    let mut path = metadata_prefix(address);
    if key.len() <= METADATA_KEY_BYTES_PLAIN {
        path.extend(hex::encode(key).into_bytes());
    } else {
        // ':' is no hex digit, so that the two forms never meet.
        path.extend(
            format!(
                "sha256:{}",
                hex::encode(crate::hash::sha256(key.as_bytes()))
            )
            .into_bytes(),
        );
    }
    path
}

/// What all of an account's metadata begins with.
pub fn metadata_prefix(address: &str) -> Vec<u8> {
    format!("metadata/{address}/").into_bytes()
}

/// A motion.
pub fn motion(id: u64) -> Vec<u8> {
    format!("motion/{id:020}").into_bytes()
}

/// A member that was excluded.
pub fn removed_member(address: &str) -> Vec<u8> {
    format!("member-removed/{address}").into_bytes()
}
