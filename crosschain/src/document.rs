//! `starfire-document/1`: a certificate as its holder keeps it, committed to field by field.
//!
//! The chain sees one hash and an identifier that nobody can guess; the document itself stays with the parties. Every field has a
//! salt of its own, so that later a part can be shown without the rest being guessable. Specified in `docs/proof-file.md`.

mod content;
mod draft;
mod flatten;
mod hash;
pub(crate) mod tree;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use starfire_did::{Did, PublicKey};

pub use content::{Content, DocumentSignature, FileDescriptor, SignatureAlgorithm};
pub use draft::{Draft, DraftContent, Fields};
pub use flatten::{LEAVES_MAX, POINTER_BYTES_MAX, POINTERS_BYTES_MAX};
pub use hash::signing_bytes;

use crate::json::JsonError;
use crate::sealed::{self, SealError};
use crate::text::Hex;

/// The format of document files.
pub const FORMAT: &str = "starfire-document/1";
/// The largest content, bytes of JSON.
pub const CONTENT_BYTES_MAX: usize = 4 << 20;
/// The deepest nesting of content.
pub const CONTENT_DEPTH_MAX: usize = 64;
/// The largest document file, bytes.
pub const DOCUMENT_BYTES_MAX: usize = 24 << 20;
/// The longest schema name, document number, file name and so on, bytes.
pub const TEXT_BYTES_MAX: usize = 256;

/// Why bytes are not a document.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Not a sealed file of this format.
    #[error(transparent)]
    Sealed(#[from] SealError),
    /// The content is not strict JSON.
    #[error("the content is refused: {}", explain(.0))]
    Content(#[from] JsonError),
    /// The content is not a JSON object.
    #[error("the content must be a JSON object")]
    NotAnObject,
    /// Neither content nor file, or both.
    #[error("a document has either content or a file")]
    NotOneContent,
    /// More than [`LEAVES_MAX`] values.
    #[error("more than {LEAVES_MAX} values")]
    TooManyLeaves,
    /// Names too long: [`POINTER_BYTES_MAX`], [`POINTERS_BYTES_MAX`].
    #[error("the names of fields are too long")]
    PointersTooLong,
    /// A text is empty or longer than [`TEXT_BYTES_MAX`].
    #[error("{0} must have 1 to {TEXT_BYTES_MAX} bytes")]
    Text(&'static str),
    /// A leaf without a salt, or a salt without a leaf.
    #[error("the salts are not one for each value")]
    Salts,
    /// Not as many decoys as fill the leaves up to a power of two.
    #[error("expected {0} decoys")]
    Decoys(usize),
    /// `root` or `doc_hash` is not that of the content.
    #[error("the content does not hash to the document's {0}")]
    Hash(&'static str),
    /// The signing key is not one of the issuer.
    #[error("the signing method {0} is not one of the issuer")]
    Method(String),
}

fn explain(error: &JsonError) -> String {
    match error {
        JsonError::TooLarge { .. } => error.to_string(),
        JsonError::Malformed(source) => format!("{error}: {source}"),
    }
}

/// The fields of the file, in its own spelling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DocumentFile {
    format: String,
    schema: String,
    issuer: Did,
    #[serde(rename = "type")]
    kind: String,
    jurisdiction: String,
    number: String,
    blind: Hex<32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<FileDescriptor>,
    salts: BTreeMap<String, Hex<16>>,
    decoys: Vec<Hex<32>>,
    root: Hex<32>,
    doc_hash: Hex<32>,
    signature: DocumentSignature,
}

/// A document whose hashes are right. Whether its issuer signed it, and whether a chain knows it, is another question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    fields: Fields,
    content: Content,
    blind: Hex<32>,
    salts: BTreeMap<String, Hex<16>>,
    decoys: Vec<Hex<32>>,
    root: Hex<32>,
    signature: DocumentSignature,
}

impl Document {
    /// Reads a document file and checks all its hashes.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        let file: DocumentFile = sealed::open(bytes, DOCUMENT_BYTES_MAX, FORMAT)?;
        let content = match (file.content, file.file) {
            (Some(content), None) => Content::Json(content),
            (None, Some(file)) => Content::File(file),
            (None, None) | (Some(_), Some(_)) => return Err(DocumentError::NotOneContent),
        };
        let fields = Fields {
            schema: file.schema,
            issuer: file.issuer,
            kind: file.kind,
            jurisdiction: file.jurisdiction,
            number: file.number,
        };
        fields.check()?;
        check_method(&fields.issuer, &file.signature.method)?;
        if hash::root(&content, &file.salts, &file.decoys)? != file.root {
            return Err(DocumentError::Hash("root"));
        }
        if hash::doc_hash(&fields, &file.root) != file.doc_hash.0 {
            return Err(DocumentError::Hash("doc_hash"));
        }
        Ok(Self {
            fields,
            content,
            blind: file.blind,
            salts: file.salts,
            decoys: file.decoys,
            root: file.root,
            signature: file.signature,
        })
    }

    /// The file's bytes, which [`Document::parse`] reads.
    pub fn encode(&self) -> Vec<u8> {
        let Fields {
            schema,
            issuer,
            kind,
            jurisdiction,
            number,
        } = self.fields.clone();
        let (content, file) = match self.content.clone() {
            Content::Json(content) => (Some(content), None),
            Content::File(file) => (None, Some(file)),
        };
        sealed::seal(&DocumentFile {
            format: FORMAT.to_owned(),
            schema,
            issuer,
            kind,
            jurisdiction,
            number,
            blind: self.blind,
            content,
            file,
            salts: self.salts.clone(),
            decoys: self.decoys.clone(),
            root: self.root,
            doc_hash: Hex(self.doc_hash()),
            signature: self.signature.clone(),
        })
    }

    /// Who issued what, under which number.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// What it is about.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// The issuer's signature, not yet verified.
    pub fn signature(&self) -> &DocumentSignature {
        &self.signature
    }

    /// The commitment that the chain holds.
    pub fn doc_hash(&self) -> [u8; 32] {
        hash::doc_hash(&self.fields, &self.root)
    }

    /// The identifier under which the chain holds it: 64 lower-case hex digits.
    pub fn evidence_id(&self) -> String {
        hash::evidence_id(&self.fields.number, &self.blind)
    }

    /// Did this key sign it?
    pub fn verify_signature(&self, key: &PublicKey) -> bool {
        SignatureAlgorithm::from(key.algorithm()) == self.signature.algorithm
            && starfire_did::signature::verify(
                key,
                &signing_bytes(&self.doc_hash()),
                &self.signature.value.0,
            )
    }
}

/// The signing method must be a fragment of the issuer's own DID.
fn check_method(issuer: &Did, method: &str) -> Result<(), DocumentError> {
    match method.split_once('#') {
        Some((did, fragment))
            if did == issuer.to_string()
                && !fragment.is_empty()
                && method.len() <= TEXT_BYTES_MAX =>
        {
            Ok(())
        }
        Some(_) | None => Err(DocumentError::Method(
            method.chars().take(TEXT_BYTES_MAX).collect(),
        )),
    }
}

fn check_text(name: &'static str, text: &str) -> Result<(), DocumentError> {
    if text.is_empty() || text.len() > TEXT_BYTES_MAX {
        Err(DocumentError::Text(name))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
