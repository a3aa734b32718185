//! A document before its issuer signs it: salts, blind and decoys drawn, hashes fixed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use starfire_did::{Did, PrivateKey};

use super::content::{Content, DocumentSignature, FileDescriptor, SignatureAlgorithm};
use super::hash::{FILE_POINTER, doc_hash, evidence_id, root, signing_bytes};
use super::{
    CONTENT_BYTES_MAX, CONTENT_DEPTH_MAX, DOCUMENT_BYTES_MAX, Document, DocumentError,
    check_method, check_text, flatten, tree,
};
use crate::json::{self, JsonError};
use crate::text::Hex;

/// Who issues what, under which number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fields {
    /// What the content's fields mean, e.g. the URL of a JSON Schema.
    pub schema: String,
    /// The issuer's DID, which also sends the evidence transaction.
    pub issuer: Did,
    /// The credential type, e.g. `CertificateOfOrigin`: what an accreditation is for.
    #[serde(rename = "type")]
    pub kind: String,
    /// The jurisdiction, ISO 3166-1 alpha-2, e.g. `CN`.
    pub jurisdiction: String,
    /// The issuer's own number for it. Only its blinded hash reaches a chain.
    pub number: String,
}

impl Fields {
    pub(super) fn check(&self) -> Result<(), DocumentError> {
        check_text("schema", &self.schema)?;
        check_text("type", &self.kind)?;
        check_text("jurisdiction", &self.jurisdiction)?;
        check_text("number", &self.number)
    }
}

/// What to commit to.
#[derive(Debug, Clone, Copy)]
pub enum DraftContent<'a> {
    /// A JSON object, as text: numbers must be integers up to 2^53, names unique.
    Json(&'a [u8]),
    /// Any file.
    File {
        /// Its name, for people.
        name: &'a str,
        /// Its bytes, which stay outside the document.
        bytes: &'a [u8],
    },
}

/// A document that only lacks its signature.
#[derive(Debug, Clone)]
pub struct Draft {
    fields: Fields,
    content: Content,
    blind: Hex<32>,
    salts: BTreeMap<String, Hex<16>>,
    decoys: Vec<Hex<32>>,
    root: Hex<32>,
}

impl Draft {
    /// Draws a salt for each value, a blind, and decoys. `random` fills a buffer from a cryptographic source.
    pub fn new(
        fields: Fields,
        content: DraftContent<'_>,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> Result<Self, DocumentError> {
        fields.check()?;
        let content = match content {
            DraftContent::Json(text) => {
                Content::Json(json::parse(text, CONTENT_BYTES_MAX, CONTENT_DEPTH_MAX)?)
            }
            DraftContent::File { name, bytes } => Content::File(FileDescriptor::new(name, bytes)),
        };
        let salts: BTreeMap<String, Hex<16>> = match &content {
            Content::Json(value) => flatten::flatten(value)?
                .into_keys()
                .map(|pointer| (pointer, draw(random)))
                .collect(),
            Content::File(_) => BTreeMap::from([(FILE_POINTER.to_owned(), draw(random))]),
        };
        let blind = draw(random);
        let decoys: Vec<Hex<32>> = (0..tree::decoys(salts.len()))
            .map(|_| draw(random))
            .collect();
        let root = root(&content, &salts, &decoys)?;
        Ok(Self {
            fields,
            content,
            blind,
            salts,
            decoys,
            root,
        })
    }

    /// The commitment for the chain.
    pub fn doc_hash(&self) -> [u8; 32] {
        doc_hash(&self.fields, &self.root)
    }

    /// The identifier for the chain: 64 lower-case hex digits.
    pub fn evidence_id(&self) -> String {
        evidence_id(&self.fields.number, &self.blind)
    }

    /// Who issues what, under which number.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Signs with the issuer's key, which its DID document lists as `method`.
    pub fn sign(self, method: &str, key: &PrivateKey) -> Result<Document, DocumentError> {
        check_method(&self.fields.issuer, method)?;
        let algorithm = SignatureAlgorithm::from(key.algorithm());
        let value = key.sign(&signing_bytes(&self.doc_hash()));
        let value = Hex(value.try_into().expect("both algorithms sign in 64 bytes"));
        let document = Document {
            fields: self.fields,
            content: self.content,
            blind: self.blind,
            salts: self.salts,
            decoys: self.decoys,
            root: self.root,
            signature: DocumentSignature {
                method: method.to_owned(),
                algorithm,
                value,
            },
        };
        // Salts repeat the fields' names, so the file may be too large where the content was not.
        let bytes = document.encode().len();
        if bytes > DOCUMENT_BYTES_MAX {
            return Err(DocumentError::Content(JsonError::TooLarge {
                bytes,
                max: DOCUMENT_BYTES_MAX,
            }));
        }
        Ok(document)
    }
}

fn draw<const N: usize>(random: &mut dyn FnMut(&mut [u8])) -> Hex<N> {
    let mut bytes = [0; N];
    random(&mut bytes);
    Hex(bytes)
}
