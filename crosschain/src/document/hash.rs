//! The formulas: from content to root, document hash and identifier (DESIGN §8).

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::content::Content;
use super::{DocumentError, FORMAT, Fields, check_text, flatten, tree};
use crate::json;
use crate::text::Hex;

/// In place of a JSON Pointer, for the one leaf of a file. No pointer is spelled so: each is empty or begins with `/`.
pub(super) const FILE_POINTER: &str = "file";

/// What an issuer signs: the format's name, a zero byte, the document's hash.
pub fn signing_bytes(doc_hash: &[u8; 32]) -> Vec<u8> {
    [FORMAT.as_bytes(), &[0], doc_hash].concat()
}

/// SHA-256(0x02 ‖ JCS([schema, issuer, root])).
pub(super) fn doc_hash(fields: &Fields, root: &Hex<32>) -> [u8; 32] {
    tree::tagged(2, &json::canonical(&(&fields.schema, &fields.issuer, root)))
}

/// Hex of SHA-256(JCS([number, blind])).
pub(super) fn evidence_id(number: &str, blind: &Hex<32>) -> String {
    Hex::<32>(Sha256::digest(json::canonical(&(number, blind))).into()).to_string()
}

/// The root over the content's salted leaves and the decoys.
pub(super) fn root(
    content: &Content,
    salts: &BTreeMap<String, Hex<16>>,
    decoys: &[Hex<32>],
) -> Result<Hex<32>, DocumentError> {
    let mut nodes = match content {
        Content::Json(value) => fields_leaves(value, salts)?,
        Content::File(file) => {
            check_text("file.name", &file.name)?;
            let [(FILE_POINTER, salt)] = salts
                .iter()
                .map(|(name, salt)| (name.as_str(), salt))
                .collect::<Vec<_>>()[..]
            else {
                return Err(DocumentError::Salts);
            };
            vec![tree::leaf(salt, FILE_POINTER, file)]
        }
    };
    let expected = tree::decoys(nodes.len());
    if decoys.len() != expected {
        return Err(DocumentError::Decoys(expected));
    }
    nodes.extend(decoys.iter().map(|decoy| decoy.0));
    Ok(Hex(tree::root(nodes)))
}

fn fields_leaves(
    content: &Value,
    salts: &BTreeMap<String, Hex<16>>,
) -> Result<Vec<[u8; 32]>, DocumentError> {
    if !content.is_object() {
        return Err(DocumentError::NotAnObject);
    }
    let leaves = flatten::flatten(content)?;
    if !leaves.keys().eq(salts.keys()) {
        return Err(DocumentError::Salts);
    }
    Ok(leaves
        .iter()
        .zip(salts.values())
        .map(|((pointer, value), salt)| tree::leaf(salt, pointer, value))
        .collect())
}
