//! `starfire-document/1`: a certificate as its holder keeps it, committed to field by field.
//!
//! The chain sees one hash and an identifier that nobody can guess; the document itself stays with the parties. Every field has a
//! salt of its own, so that later a part can be shown without the rest being guessable. Specified in `docs/proof-file.md`.

mod draft;
mod flatten;
pub(crate) mod tree;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use starfire_did::{Did, KeyAlgorithm, PublicKey};

pub use draft::{Draft, DraftContent, Fields};
pub use flatten::{LEAVES_MAX, POINTER_BYTES_MAX, POINTERS_BYTES_MAX};

use crate::json::{self, JsonError};
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
/// In place of a JSON Pointer, for the one leaf of a file. No pointer is spelled so: each is empty or begins with `/`.
const FILE_POINTER: &str = "file";

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

/// The issuer's signature over a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentSignature {
    /// The verification method: a DID URL of the issuer, e.g. `did:bid:…#key-1`.
    pub method: String,
    /// Its algorithm.
    pub algorithm: SignatureAlgorithm,
    /// 64 bytes: R ‖ s (Ed25519) or r ‖ s (SM2).
    pub value: Hex<64>,
}

/// What signs documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignatureAlgorithm {
    /// Ed25519, verified by ZIP-215.
    Ed25519,
    /// SM2 with SM3 and the user id 1234567812345678.
    Sm2,
}

impl From<KeyAlgorithm> for SignatureAlgorithm {
    fn from(algorithm: KeyAlgorithm) -> Self {
        match algorithm {
            KeyAlgorithm::Ed25519 => Self::Ed25519,
            KeyAlgorithm::Sm2 => Self::Sm2,
        }
    }
}

/// A file that a document commits to by its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileDescriptor {
    /// Its name, for people.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: Hex<32>,
    /// Its size, bytes.
    pub size: u64,
}

impl FileDescriptor {
    /// Describes these bytes.
    pub fn new(name: &str, bytes: &[u8]) -> Self {
        Self {
            name: name.to_owned(),
            sha256: Hex(Sha256::digest(bytes).into()),
            size: bytes.len() as u64,
        }
    }

    /// Are these the bytes?
    pub fn matches(&self, bytes: &[u8]) -> bool {
        *self == Self::new(&self.name, bytes)
    }
}

/// What a document is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Named fields, in the document itself.
    Json(Value),
    /// A file beside it, shown together with it.
    File(FileDescriptor),
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
        if root(&content, &file.salts, &file.decoys)? != file.root {
            return Err(DocumentError::Hash("root"));
        }
        if doc_hash(&fields, &file.root) != file.doc_hash.0 {
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
        doc_hash(&self.fields, &self.root)
    }

    /// The identifier under which the chain holds it: 64 lower-case hex digits.
    pub fn evidence_id(&self) -> String {
        evidence_id(&self.fields.number, &self.blind)
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

/// What an issuer signs: the format's name, a zero byte, the document's hash.
pub fn signing_bytes(doc_hash: &[u8; 32]) -> Vec<u8> {
    [FORMAT.as_bytes(), &[0], doc_hash].concat()
}

/// SHA-256(0x02 ‖ JCS([schema, issuer, root])).
fn doc_hash(fields: &Fields, root: &Hex<32>) -> [u8; 32] {
    tree::tagged(2, &json::canonical(&(&fields.schema, &fields.issuer, root)))
}

/// Hex of SHA-256(JCS([number, blind])).
fn evidence_id(number: &str, blind: &Hex<32>) -> String {
    Hex::<32>(Sha256::digest(json::canonical(&(number, blind))).into()).to_string()
}

/// The root over the content's salted leaves and the decoys.
fn root(
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
