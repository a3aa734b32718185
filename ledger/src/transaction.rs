//! The envelope: a BIF-Core 1.x transaction and its signatures.
//!
//! The received bytes are the transaction. Clients encode the same content in different ways (some write default values out),
//! so whatever is hashed, verified, gossiped and stored is those bytes: nothing here is ever encoded again. Decoding happens
//! once; what it yields is carried from admission to execution.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use prost::Message;
use starfire_did::create::Create;
use starfire_did::create_batch::CREATIONS_MAX;
use starfire_did::{Did, PrivateKey, PublicKey};
use starfire_proto::protocol::operation::Native;
use starfire_proto::{protocol, v1};
use starfire_state::{Code, Rejection};

use crate::code;
use crate::hash::sha256;
use crate::payload::Payload;
use crate::signature_work::{self, ENVELOPE_SIGNATURE_WORK_MAX};

pub(crate) mod shape;

use shape::Shape;

/// The longest envelope, unless it is a batch's.
pub const ENVELOPE_BYTES_MAX: usize = 1024 * 1024;
/// The longest envelope of which the one operation is a batch of DID creations: ten thousand of the least documents with their
/// consents have about 3.6 MB, and of SM2 keys 3.9 MB.
pub const BATCH_ENVELOPE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The most operations of a transaction.
pub const OPERATIONS_MAX: usize = 1000;
/// The most accounts that act in a transaction's operations, besides its source: admission reads each of them.
pub const OPERATION_SOURCES_MAX: usize = 64;
/// The most signatures of a transaction.
pub const SIGNATURES_MAX: usize = 100;

/// A decoded transaction. Its structure is right; nothing is said yet about its signatures, its chain or its operations.
#[derive(Debug, Clone)]
pub struct Transaction {
    bytes: Vec<u8>,
    blob: Range<usize>,
    /// SHA-256 of the blob: the name by which clients know the transaction.
    pub hash: [u8; 32],
    /// SHA-256 of the whole envelope, signatures included: the name by which a node remembers having checked it.
    pub id: [u8; 32],
    /// The account that sends it.
    pub source: Did,
    /// The same as text, which names it in state.
    pub sender: Arc<str>,
    /// The addresses whose keys signed, sorted, each once. Written out here since Base58 is slow and they are asked for often.
    pub(crate) signers: Vec<String>,
    /// The source's nonce: 1 for its first transaction.
    pub nonce: i64,
    /// The most that the source will pay, under BIF's fee rules.
    pub fee_limit: i64,
    /// What the source pays a byte, under BIF's fee rules.
    pub gas_price: i64,
    /// The last height at which it may be executed; 0: any.
    pub ceil_ledger_seq: i64,
    /// BIF's number of the chain.
    pub chain_id: i64,
    /// BIF's business domain.
    pub domain_id: i32,
    /// BIF's condition for execution; not offered here, so it must be empty.
    pub expr_condition: String,
    /// What it does, in order.
    pub operations: Vec<Operation>,
    /// How many accounts act in it besides its source: what admission reads.
    pub operation_sources: usize,
    /// Who signed it, each key once.
    pub signatures: Vec<Signature>,
    /// What it costs to check these and its consents, as [`crate::signature_work`] counts.
    pub signature_work: u64,
}

/// A signature over the blob.
#[derive(Debug, Clone)]
pub struct Signature {
    /// The key that is said to have signed.
    pub key: PublicKey,
    /// The address that this key derives, on the chain of the transaction's source.
    pub signer: Did,
    /// 64 bytes.
    pub signature: Vec<u8>,
}

/// One step of a transaction.
#[derive(Debug, Clone)]
pub struct Operation {
    /// The account that acts, where it is not the transaction's source.
    pub source: Option<Did>,
    /// BIF's number of the operation's type.
    pub kind: i32,
    /// What it does. An operation that makes no sense is kept as the rejection that its execution ends in.
    pub payload: Result<Payload, Rejection>,
}

/// Why some bytes are not a transaction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// It is longer than [`ENVELOPE_BYTES_MAX`], or [`BATCH_ENVELOPE_BYTES_MAX`].
    #[error(
        "the envelope has {0} bytes, more than {ENVELOPE_BYTES_MAX}, or {BATCH_ENVELOPE_BYTES_MAX} of a batch of DIDs"
    )]
    TooLong(usize),
    /// The envelope is not the protobuf message, or not in its canonical form.
    #[error("the envelope is not an encoded starfire.v1.Envelope")]
    Envelope,
    /// The blob is not the protobuf message.
    #[error("the blob is not an encoded protocol.Transaction")]
    Blob,
    /// It has no operation.
    #[error("the transaction has no operation")]
    NoOperations,
    /// It has more than [`OPERATIONS_MAX`] operations.
    #[error("the transaction has {0} operations, more than {OPERATIONS_MAX}")]
    TooManyOperations(usize),
    /// More than [`OPERATION_SOURCES_MAX`] accounts act in it.
    #[error(
        "{0} accounts act in the transaction besides its source, more than {OPERATION_SOURCES_MAX}"
    )]
    TooManySources(usize),
    /// It has more than [`CREATIONS_MAX`] creations of DIDs in batches.
    #[error("the transaction has {0} creations in batches, more than {CREATIONS_MAX}")]
    TooManyCreations(usize),
    /// It has no signature, or more than [`SIGNATURES_MAX`].
    #[error("the transaction has {0} signatures, not 1 to {SIGNATURES_MAX}")]
    Signatures(usize),
    /// A key has signed it more than once.
    #[error("the key {0} has signed the transaction more than once")]
    SignedTwice(PublicKey),
    /// Its signatures and consents cost more than [`ENVELOPE_SIGNATURE_WORK_MAX`] to check.
    #[error(
        "its signatures and consents are {0} of work to check, more than {ENVELOPE_SIGNATURE_WORK_MAX}"
    )]
    TooMuchSignatureWork(u64),
    /// The address of the transaction, or of an operation, is not a did:bid address.
    #[error("the source address {0:?} is not a did:bid address")]
    Source(String),
    /// A public key is not in BIF's encoding.
    #[error("the public key {0:?} is not a BIF public key")]
    PublicKey(String),
}

impl EnvelopeError {
    /// The code that a BIF client knows.
    pub fn code(&self) -> Code {
        match self {
            Self::TooLong(_) => code::TX_SIZE_TOO_BIG,
            Self::Envelope | Self::Blob => code::INVALID_PARAMETER,
            Self::NoOperations => code::MISSING_OPERATIONS,
            Self::TooManyOperations(_) => code::TOO_MANY_OPERATIONS,
            Self::TooManySources(_) => code::TOO_MANY_SOURCES,
            Self::TooManyCreations(_) => starfire_did::code::DID_BATCH_INVALID,
            Self::Signatures(_) => code::INVALID_SIGNATURE,
            Self::SignedTwice(_) => code::SIGNED_TWICE,
            Self::TooMuchSignatureWork(_) => code::TOO_MUCH_SIGNATURE_WORK,
            Self::Source(_) => code::INVALID_ADDRESS,
            Self::PublicKey(_) => code::INVALID_PUBKEY,
        }
    }
}

impl Transaction {
    /// A form of earlier SDKs in one of its calls, for people.
    pub fn legacy(&self) -> Option<&'static str> {
        let payloads = self
            .operations
            .iter()
            .flat_map(|operation| &operation.payload);
        payloads.into_iter().find_map(Payload::legacy)
    }

    /// Decodes an envelope. `raw_*` fields and the address prefix are ignored, as every BIF client leaves them empty.
    pub fn decode(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        if bytes.len() > BATCH_ENVELOPE_BYTES_MAX {
            return Err(EnvelopeError::TooLong(bytes.len()));
        }
        let signatures = shape::signatures(bytes).ok_or(EnvelopeError::Envelope)?;
        if !(1..=SIGNATURES_MAX).contains(&signatures) {
            return Err(EnvelopeError::Signatures(signatures));
        }
        let envelope = v1::Envelope::decode(bytes).map_err(|_| EnvelopeError::Envelope)?;
        // The envelope is ours, not the client's, so it has one form: nothing unsigned can hide in it.
        if envelope.encode_to_vec() != bytes {
            return Err(EnvelopeError::Envelope);
        }
        let blob = envelope.transaction;
        let body = decode_body(&blob)?;
        if bytes.len() > ENVELOPE_BYTES_MAX && !is_batch(&body) {
            return Err(EnvelopeError::TooLong(bytes.len()));
        }

        let source = address(&body.source_address)?;
        let operations = body
            .operations
            .into_iter()
            .map(Operation::parse)
            .collect::<Result<Vec<_>, _>>()?;
        let operation_sources = operation_sources(&operations, &source)?;
        let signatures = envelope
            .signatures
            .into_iter()
            .map(|signature| Signature::parse(signature, &source))
            .collect::<Result<Vec<_>, _>>()?;
        let mut seen = BTreeSet::new();
        if let Some(again) = signatures.iter().find(|one| !seen.insert(one.key)) {
            return Err(EnvelopeError::SignedTwice(again.key));
        }
        let signature_work = signature_work::of(blob.len(), &signatures, &operations);
        if signature_work > ENVELOPE_SIGNATURE_WORK_MAX {
            return Err(EnvelopeError::TooMuchSignatureWork(signature_work));
        }
        let signers = signers(&signatures, &source, &body.source_address);
        // Canonical form: the tag of field 1, the blob's length, the blob.
        let start = 1 + prost::length_delimiter_len(blob.len());
        Ok(Self {
            bytes: bytes.to_vec(),
            blob: start..start + blob.len(),
            hash: sha256(&blob),
            id: sha256(bytes),
            source,
            sender: body.source_address.into(),
            signers,
            nonce: body.nonce,
            fee_limit: body.fee_limit,
            gas_price: body.gas_price,
            ceil_ledger_seq: body.ceil_ledger_seq,
            chain_id: body.chain_id,
            domain_id: body.domain_id,
            expr_condition: body.expr_condition,
            operations,
            operation_sources,
            signatures,
            signature_work,
        })
    }

    /// The envelope as received.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The blob as received: what is hashed and signed.
    pub fn blob(&self) -> &[u8] {
        &self.bytes[self.blob.clone()]
    }

    /// The first operation that makes no sense whatever the state: it would fail, so there is no use in sending it.
    pub fn rejection(&self) -> Option<&Rejection> {
        self.operations
            .iter()
            .find_map(|operation| operation.payload.as_ref().err())
    }

    /// The creations of DIDs in its operations.
    pub(crate) fn creations(&self) -> impl Iterator<Item = &Create> {
        self.operations
            .iter()
            .filter_map(|operation| operation.payload.as_ref().ok())
            .flat_map(Payload::creations)
    }

    /// Settles its consents: all hold up to the one at `wrong`, counted in order, and behind that none was checked. The operation with
    /// that one is kept as the rejection that the execution ends in.
    pub(crate) fn settle(&mut self, wrong: Option<usize>) {
        let mut place = 0;
        for operation in &mut self.operations {
            let Ok(payload) = &mut operation.payload else {
                continue;
            };
            let claims = payload.creations_mut().iter_mut();
            let mut claims = claims.filter(|create| create.has_claim());
            let settled = claims.try_for_each(|create| {
                let holds = wrong != Some(place);
                place += 1;
                create.settle(holds)
            });
            if let Err(rejection) = settled {
                operation.payload = Err(rejection);
                return;
            }
        }
    }

    /// Encodes and signs a transaction, as a client does. The first key is usually the source's, a second one the sponsor's. A key that
    /// is named twice signs once.
    pub fn sign(body: &protocol::Transaction, keys: &[&PrivateKey]) -> Vec<u8> {
        let blob = body.encode_to_vec();
        let mut seen = BTreeSet::new();
        let signatures = keys
            .iter()
            .filter(|key| seen.insert(key.public()))
            .map(|key| protocol::Signature {
                public_key: key.public().to_string(),
                sign_data: key.sign(&blob),
            })
            .collect();
        v1::Envelope {
            transaction: blob,
            signatures,
        }
        .encode_to_vec()
    }
}

impl Operation {
    fn parse(operation: protocol::Operation) -> Result<Self, EnvelopeError> {
        let source = match operation.source_address.as_str() {
            "" => None,
            text => Some(address(text)?),
        };
        Ok(Self {
            source,
            kind: operation.r#type,
            payload: Payload::parse(operation),
        })
    }
}

impl Signature {
    fn parse(signature: protocol::Signature, source: &Did) -> Result<Self, EnvelopeError> {
        let key = PublicKey::parse(&signature.public_key)
            .map_err(|_| EnvelopeError::PublicKey(excerpt(&signature.public_key)))?;
        let signer = Did::derive(&key, source.chain_code().as_ref());
        Ok(Self {
            key,
            signer,
            signature: signature.sign_data,
        })
    }
}

/// Decodes the blob, once it is known to ask for no more than it may.
fn decode_body(blob: &[u8]) -> Result<protocol::Transaction, EnvelopeError> {
    let shape = Shape::of(blob).ok_or(EnvelopeError::Blob)?;
    match shape.operations {
        0 => return Err(EnvelopeError::NoOperations),
        1..=OPERATIONS_MAX => {}
        count => return Err(EnvelopeError::TooManyOperations(count)),
    }
    if shape.creations > CREATIONS_MAX {
        return Err(EnvelopeError::TooManyCreations(shape.creations));
    }
    protocol::Transaction::decode(blob).map_err(|_| EnvelopeError::Blob)
}

/// How many accounts act besides `source`.
fn operation_sources(operations: &[Operation], source: &Did) -> Result<usize, EnvelopeError> {
    let others: BTreeSet<Did> = operations
        .iter()
        .filter_map(|operation| operation.source)
        .filter(|other| other != source)
        .collect();
    match others.len() {
        count @ 0..=OPERATION_SOURCES_MAX => Ok(count),
        count => Err(EnvelopeError::TooManySources(count)),
    }
}

/// Whether the one operation is a batch of DID creations.
fn is_batch(body: &protocol::Transaction) -> bool {
    let [operation] = body.operations.as_slice() else {
        return false;
    };
    matches!(operation.native, Some(Native::DidCreateBatch(_)))
}

fn signers(signatures: &[Signature], source: &Did, sender: &str) -> Vec<String> {
    let mut signers: Vec<String> = signatures
        .iter()
        .map(|signature| {
            if signature.signer == *source {
                sender.to_owned()
            } else {
                signature.signer.to_string()
            }
        })
        .collect();
    signers.sort_unstable();
    signers.dedup();
    signers
}

fn address(text: &str) -> Result<Did, EnvelopeError> {
    let did = Did::parse(text).map_err(|_| EnvelopeError::Source(excerpt(text)))?;
    if did.is_account() {
        Ok(did)
    } else {
        Err(EnvelopeError::Source(excerpt(text)))
    }
}

/// So much of a text as a message may carry.
fn excerpt(text: &str) -> String {
    text.chars().take(80).collect()
}
