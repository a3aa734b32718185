//! Adds a version of a resource to a DID.
//!
//! A resource is a small file under a name of its own: a schema, a logo's description, a policy text. Its versions are numbered from 1, are never
//! changed or removed, and each record names the SHA-256 and the size of its bytes and the hash of the record before it, as a
//! document's versions do. The bytes stand beside the record, so that a proof of the record is short and proves the bytes by their
//! checksum.

use sha2::{Digest, Sha256};
use starfire_proto::v1;
use starfire_state::{Env, Event, Overlay, Rejection};

use crate::id::Did;
use crate::{authority, code, path, resource};

/// The longest name, bytes.
pub const NAME_BYTES_MAX: usize = 64;
/// The longest media type, bytes.
pub const MEDIA_TYPE_BYTES_MAX: usize = 128;
/// The longest content, bytes.
pub const CONTENT_BYTES_MAX: usize = 64 * 1024;

/// Adds a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddResource {
    did: Did,
    name: String,
    expected_version: u64,
    media_type: String,
    content: Vec<u8>,
}

impl TryFrom<v1::DidAddResource> for AddResource {
    type Error = Rejection;

    fn try_from(message: v1::DidAddResource) -> Result<Self, Rejection> {
        let did = authority::parse(&message.did)?;
        let invalid = |detail: String| Err(Rejection::new(code::DID_RESOURCE_INVALID, detail));
        if !is_name(&message.name) {
            return invalid(format!(
                "a resource's name has 1 to {NAME_BYTES_MAX} letters, digits, '.', '_' and '-', a letter or digit first"
            ));
        }
        if !is_media_type(&message.media_type) {
            return invalid(format!(
                "a media type is like \"application/json\", without parameters and of at most {MEDIA_TYPE_BYTES_MAX} bytes"
            ));
        }
        if !(1..=CONTENT_BYTES_MAX).contains(&message.content.len()) {
            return invalid(format!(
                "a resource has 1 to {CONTENT_BYTES_MAX} bytes, not {}",
                message.content.len()
            ));
        }
        Ok(Self {
            did,
            name: message.name,
            expected_version: message.expected_version,
            media_type: message.media_type,
            content: message.content,
        })
    }
}

impl AddResource {
    /// Stores the next version of the resource.
    pub fn apply(
        self,
        state: &mut Overlay<'_>,
        env: &Env,
        signers: &[&str],
    ) -> Result<(), Rejection> {
        authority::controllers_of(state, &self.did, env, signers)?;
        let before = resource::find(state, &self.did, &self.name, None);
        let version = before.as_ref().map_or(0, |record| record.version);
        if version != self.expected_version {
            let detail = format!(
                "resource {} of {} has version {version}, not {}: read it and try again",
                self.name, self.did, self.expected_version
            );
            return Err(Rejection::new(code::DID_VERSION_CONFLICT, detail));
        }
        let record = v1::DidResourceRecord {
            did: self.did.to_string(),
            name: self.name.clone(),
            version: version
                .checked_add(1)
                .expect("fewer than 2^64 transactions add a version"),
            media_type: self.media_type,
            checksum: Sha256::digest(&self.content).to_vec(),
            size: u64::try_from(self.content.len()).expect("a length fits in 64 bits"),
            created_ms: env.time_ms(),
            previous_hash: before
                .as_ref()
                .map(|before| resource::record_hash(before).to_vec())
                .unwrap_or_default(),
        };
        let (did, name) = (&self.did, &self.name);
        state.put(
            path::resource_content(did, name, record.version),
            self.content,
        );
        state.put_record(path::resource_version(did, name, record.version), &record);
        state.put_record(path::resource(did, name), &record);
        state.emit(Event::new(
            "did.resource_added",
            vec![
                ("did", did.to_string()),
                ("name", self.name),
                ("version", record.version.to_string()),
            ],
        ));
        Ok(())
    }
}

/// Whether a resource may have this name: it stands in state paths and URLs as it is.
pub fn is_name(text: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len())
        && text.as_bytes()[0].is_ascii_alphanumeric()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

// RFC 6838 §4.2: restricted-name, on both sides of the slash.
fn is_media_type(text: &str) -> bool {
    let restricted = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphanumeric())
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    text.len() <= MEDIA_TYPE_BYTES_MAX
        && text
            .split_once('/')
            .is_some_and(|(kind, subtype)| restricted(kind) && restricted(subtype))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{World, person};

    fn resource(name: &str, version: u64, media_type: &str, content: &[u8]) -> v1::DidAddResource {
        v1::DidAddResource {
            did: person(1).did.to_string(),
            name: name.into(),
            expected_version: version,
            media_type: media_type.into(),
            content: content.to_vec(),
        }
    }

    #[test]
    fn a_version_says_what_its_bytes_are_and_follows_the_one_before() {
        let alice = person(1);
        let mut world = World::with(&alice);
        let add = |version, content: &[u8]| resource("logo", version, "text/plain", content);
        world.add_resource(&alice.did, add(0, b"one")).unwrap();
        world.now_ms += 1_000;
        world.add_resource(&alice.did, add(1, b"two")).unwrap();
        for unseen in [0, 1, 3] {
            let refused = world
                .add_resource(&alice.did, add(unseen, b"x"))
                .unwrap_err();
            assert_eq!(refused.code, code::DID_VERSION_CONFLICT);
        }
        let find = |version| resource::find(&world.state, &alice.did, "logo", version).unwrap();
        let [first, second] = [Some(1), Some(2)].map(find);
        assert_eq!(find(None), second);
        assert_eq!((second.size, second.created_ms), (3, 1_001_000));
        assert_eq!(second.checksum, Sha256::digest(b"two").to_vec());
        assert_eq!(second.previous_hash, resource::record_hash(&first));
        assert!(first.previous_hash.is_empty());
        assert_eq!(
            resource::content(&world.state, &first),
            Some(b"one".to_vec())
        );
    }

    #[test]
    fn only_controllers_add_and_only_while_the_did_lives() {
        let (alice, mallory) = (person(1), person(2));
        let mut world = World::with(&alice);
        let add = || resource("logo", 0, "text/plain", b"one");
        let refused = |result: Result<(), Rejection>| result.unwrap_err().code;
        assert_eq!(
            refused(world.add_resource(&mallory.did, add())),
            code::DID_NOT_CONTROLLER
        );
        let mut unknown = add();
        unknown.did = mallory.did.to_string();
        assert_eq!(
            refused(world.add_resource(&mallory.did, unknown)),
            code::DID_NOT_FOUND
        );
        world.deactivate(&alice.did, &alice.did, 1).unwrap();
        assert_eq!(
            refused(world.add_resource(&alice.did, add())),
            code::DID_DEACTIVATED
        );
    }

    #[test]
    fn names_types_and_sizes_are_bounded() {
        let long_name = "x".repeat(NAME_BYTES_MAX + 1);
        for name in ["", ".", "..", "-a", "a/b", "a b", "标", long_name.as_str()] {
            let refused = AddResource::try_from(resource(name, 0, "text/plain", b"x"));
            assert_eq!(
                refused.unwrap_err().code,
                code::DID_RESOURCE_INVALID,
                "{name}"
            );
        }
        let long_type = format!("a/{}", "b".repeat(MEDIA_TYPE_BYTES_MAX));
        for kind in [
            "",
            "text",
            "/",
            "text/",
            "text/plain; charset=utf-8",
            "a/b/c",
            long_type.as_str(),
        ] {
            let refused = AddResource::try_from(resource("x", 0, kind, b"x"));
            assert_eq!(
                refused.unwrap_err().code,
                code::DID_RESOURCE_INVALID,
                "{kind}"
            );
        }
        for content in [&[][..], &[0; CONTENT_BYTES_MAX + 1]] {
            let refused = AddResource::try_from(resource("x", 0, "text/plain", content));
            assert_eq!(refused.unwrap_err().code, code::DID_RESOURCE_INVALID);
        }
        let most = resource(
            &"x".repeat(NAME_BYTES_MAX),
            0,
            "application/vnd.example.a-b+json",
            &[0; CONTENT_BYTES_MAX],
        );
        AddResource::try_from(most).unwrap();
    }
}
