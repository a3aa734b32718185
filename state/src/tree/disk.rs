//! How the tree lies in the store.
//!
//! ```text
//! 'n' ‖ version, 8 bytes ‖ number of nibbles ‖ path, two nibbles a byte   →  the node, in Borsh
//! 'v' ‖ SHA-256 of the key ‖ version, 8 bytes                             →  length of the key, 2 bytes ‖ key ‖ value
//! ```
//! Numbers are big-endian: new nodes come after old ones, so that a block appends, and a value's versions lie side by side. The
//! key beside the value is there because absence is proved by naming a neighbour, and the tree knows its leaves by hash only. A
//! deleted value is an empty one.

use anyhow::Result;
use jmt::storage::{HasPreimage, LeafNode, NibblePath, Node, NodeKey, TreeReader};
use jmt::{KeyHash, OwnedValue, Version};

use crate::store::Archive;

const NODE: u8 = b'n';
const VALUE: u8 = b'v';

/// The tree's view of the archive.
pub(super) struct Disk<'a>(pub(super) &'a dyn Archive);

pub(super) fn node_key(key: &NodeKey) -> Vec<u8> {
    let path = key.nibble_path();
    let nibbles: Vec<u8> = path.nibbles().map(u8::from).collect();
    let mut bytes = vec![NODE];
    bytes.extend(key.version().to_be_bytes());
    bytes.push(u8::try_from(nibbles.len()).expect("a path has at most 64 nibbles"));
    bytes.extend(
        nibbles
            .chunks(2)
            .map(|pair| (pair[0] << 4) | pair.get(1).unwrap_or(&0)),
    );
    bytes
}

pub(super) fn encode_node(node: &Node) -> Vec<u8> {
    borsh::to_vec(node).expect("writing to memory does not fail")
}

pub(super) fn value_key(key: KeyHash, version: Version) -> Vec<u8> {
    let mut bytes = value_prefix(key);
    bytes.extend(version.to_be_bytes());
    bytes
}

pub(super) fn encode_value(key: &[u8], value: Option<&[u8]>) -> Vec<u8> {
    let length = u16::try_from(key.len()).expect("a state path is short");
    [&length.to_be_bytes(), key, value.unwrap_or_default()].concat()
}

fn value_prefix(key: KeyHash) -> Vec<u8> {
    let mut bytes = vec![VALUE];
    bytes.extend(key.0);
    bytes
}

/// The key, and the value unless it was deleted.
fn decode_value(bytes: &[u8]) -> (&[u8], Option<&[u8]>) {
    let (length, rest) = bytes
        .split_first_chunk::<2>()
        .expect("a stored value begins with its key's length");
    let (key, value) = rest
        .split_at_checked(usize::from(u16::from_be_bytes(*length)))
        .expect("a stored value holds its key");
    (key, (!value.is_empty()).then_some(value))
}

impl Disk<'_> {
    pub(super) fn has_version(&self, version: Version) -> bool {
        let root = NodeKey::new(version, NibblePath::from_iter([]));
        self.0.tree(&node_key(&root)).is_some()
    }

    fn newest(&self, key: KeyHash, max_version: Version) -> Option<Vec<u8>> {
        let (_, bytes) = self
            .0
            .tree_last(&value_prefix(key), &value_key(key, max_version))?;
        Some(bytes)
    }
}

impl TreeReader for Disk<'_> {
    fn get_node_option(&self, key: &NodeKey) -> Result<Option<Node>> {
        Ok(match self.0.tree(&node_key(key)) {
            Some(bytes) => Some(borsh::from_slice(&bytes)?),
            None => None,
        })
    }

    fn get_value_option(&self, max_version: Version, key: KeyHash) -> Result<Option<OwnedValue>> {
        let Some(bytes) = self.newest(key, max_version) else {
            return Ok(None);
        };
        Ok(decode_value(&bytes).1.map(<[u8]>::to_vec))
    }

    fn get_rightmost_leaf(&self) -> Result<Option<(NodeKey, LeafNode)>> {
        anyhow::bail!("only a tree in restoration is asked for its rightmost leaf")
    }
}

impl HasPreimage for Disk<'_> {
    fn preimage(&self, key: KeyHash) -> Result<Option<Vec<u8>>> {
        let Some(bytes) = self.newest(key, Version::MAX) else {
            return Ok(None);
        };
        Ok(Some(decode_value(&bytes).0.to_vec()))
    }
}
