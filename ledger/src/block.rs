//! The block: a tendermint header, whole envelopes, and the commit of the block before.
//!
//! A block's id names its header *and* its bytes, so the bytes are kept as received. Everything in the header but the proposer,
//! the time and the hashes of the block's own content is already known to every validator that holds the block before:
//! [`Expected`] is that knowledge, and it serves to build a block and to check one. The signatures of `last_commit` are judged
//! where all commits are, in `consensus::certificate`.

use std::sync::Arc;

use prost::Message;
use prost::encoding::{DecodeContext, decode_key, skip_field};
use starfire_proto::v1;
use tendermint::block::{self, Commit, Header, Height, parts};
use tendermint::{AppHash, Hash, Time, account, chain, validator};
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::{
    Commit as RawCommit, CommitSig as RawCommitSig, Header as RawHeader,
};

use crate::check::InvalidTransaction;
use crate::genesis::VALIDATORS_MAX;
use crate::hash::{merkle_root, sha256};
use crate::signature_work::BLOCK_SIGNATURE_WORK_MAX;

/// The longest encoded block.
pub const BLOCK_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The most transactions of a block on any chain: genesis may not set its own bound higher.
pub const BLOCK_TRANSACTIONS_MAX: u32 = 100_000;
/// Tendermint's block protocol, and ours.
pub const VERSION: block::header::Version = block::header::Version { block: 11, app: 1 };
/// What a header and the framing of a block may take, at most.
const HEADER_BYTES_MAX: usize = 1024;
/// What a validator's entry in a commit may take, at most.
const COMMIT_SIG_BYTES_MAX: usize = 128;
/// The longest encoded commit.
const COMMIT_BYTES_MAX: usize = HEADER_BYTES_MAX + VALIDATORS_MAX * COMMIT_SIG_BYTES_MAX;
// The number of `starfire.v1.Block.transactions`.
const TRANSACTIONS_FIELD: u32 = 2;

/// The field of `starfire.v1.Block` that decides the height before.
#[derive(Clone, PartialEq, prost::Message)]
struct Tail {
    #[prost(bytes = "vec", tag = "3")]
    last_commit: Vec<u8>,
}

/// A decoded block with the bytes that it came in.
#[derive(Debug, Clone)]
pub struct Block {
    /// The header, which the certificate signs.
    pub header: Header,
    /// Encoded envelopes.
    pub transactions: Vec<Vec<u8>>,
    /// The commit of the height before; `None` at height 1.
    pub last_commit: Option<Commit>,
    bytes: Arc<[u8]>,
    id: block::Id,
    ids: Vec<[u8; 32]>,
}

/// What the block of a height must agree with: all that follows from the blocks before it.
#[derive(Debug, Clone)]
pub struct Expected {
    /// The chain.
    pub chain_id: chain::Id,
    /// The height to decide.
    pub height: u64,
    /// The block before and its time; at height 1 `None` and the genesis time.
    pub last_block_id: Option<block::Id>,
    /// Time of the block before, or of genesis.
    pub last_time: Time,
    /// Root of the state after the block before.
    pub app_hash: [u8; 32],
    /// [`crate::Outcome::results_hash`] of the block before; [`crate::receipt::results_hash`] of none at height 1.
    pub last_results_hash: Hash,
    /// Who decides this height.
    pub validators: validator::Set,
    /// Hash of the set that decides the next height.
    pub next_validators_hash: Hash,
    /// Validators of the height before, whose signatures `last_commit` lists.
    pub last_validators: validator::Set,
    /// [`crate::Genesis::consensus_hash`].
    pub consensus_hash: Hash,
    /// The chain's parameter `block_transactions_max`.
    pub transactions_max: u32,
}

/// Why a block cannot be decided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBlock {
    /// It is longer than [`BLOCK_BYTES_MAX`].
    #[error("the block has {0} bytes, more than {BLOCK_BYTES_MAX}")]
    TooLong(usize),
    /// Its bytes are not a block in its one encoding.
    #[error("the {0} is not encoded as it should be")]
    Encoding(&'static str),
    /// A field of the header is not what follows from the blocks before.
    #[error("the header's {0} is not the expected one")]
    Header(&'static str),
    /// A hash in the header is not that of the block's content.
    #[error("the header's {0} is not that of the block's content")]
    Content(&'static str),
    /// The commit of the height before is for another block, or has not one entry a validator.
    #[error("the last commit does not fit: {0}")]
    LastCommit(&'static str),
    /// It has more transactions than the chain allows.
    #[error("the block has {0} transactions, more than the chain allows")]
    TooManyTransactions(usize),
    /// Its transactions' signatures and consents cost more than [`BLOCK_SIGNATURE_WORK_MAX`] to check.
    #[error(
        "the block's signatures are {0} of work to check, more than {BLOCK_SIGNATURE_WORK_MAX}"
    )]
    TooMuchSignatureWork(u64),
    /// One of its transactions can never be executed.
    #[error("transaction {index} of the block is invalid")]
    Transaction {
        /// Its place in the block.
        index: usize,
        /// What is wrong with it.
        #[source]
        error: InvalidTransaction,
    },
}

impl Block {
    /// Decodes a block and keeps its bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidBlock> {
        if bytes.len() > BLOCK_BYTES_MAX {
            return Err(InvalidBlock::TooLong(bytes.len()));
        }
        // An empty transaction has two bytes here, and costs an allocation and a hash.
        let count = count_transactions(bytes)?;
        if count > usize::try_from(BLOCK_TRANSACTIONS_MAX).expect("32 bits fit in a usize") {
            return Err(InvalidBlock::TooManyTransactions(count));
        }
        let raw = v1::Block::decode(bytes).map_err(|_| InvalidBlock::Encoding("block"))?;
        // Equal length is enough: the fields are few, and what prost skips or merges would make it shorter.
        if raw.encoded_len() != bytes.len() {
            return Err(InvalidBlock::Encoding("block"));
        }
        let header = decode_header(&raw.header)?;
        let last_commit = decode_commit(&raw.last_commit)?;
        Ok(Self::assemble(
            header,
            raw.transactions,
            last_commit,
            bytes.into(),
        ))
    }

    /// Builds the block that follows from `expected`.
    ///
    /// # Panics
    /// When the content does not fit into a block: the proposer selects what fits, see [`transactions_bytes_max`].
    pub fn build(
        expected: &Expected,
        proposer: account::Id,
        time: Time,
        last_commit: Option<Commit>,
        transactions: Vec<Vec<u8>>,
    ) -> Self {
        let header = Header {
            version: VERSION,
            chain_id: expected.chain_id.clone(),
            height: Height::try_from(expected.height).expect("a height fits in 63 bits"),
            time,
            last_block_id: expected.last_block_id,
            last_commit_hash: Some(last_commit_hash(last_commit.as_ref())),
            data_hash: Some(merkle_root(&ids(&transactions))),
            validators_hash: expected.validators.hash(),
            next_validators_hash: expected.next_validators_hash,
            consensus_hash: expected.consensus_hash,
            app_hash: AppHash::try_from(expected.app_hash.to_vec())
                .expect("an app hash is any bytes"),
            last_results_hash: Some(expected.last_results_hash),
            evidence_hash: Some(no_evidence_hash()),
            proposer_address: proposer,
        };
        let raw = v1::Block {
            header: Protobuf::<RawHeader>::encode_vec(header.clone()),
            transactions,
            last_commit: last_commit.as_ref().map(encode_commit).unwrap_or_default(),
        };
        let bytes = raw.encode_to_vec();
        assert!(
            bytes.len() <= BLOCK_BYTES_MAX,
            "a proposer selects only what fits into a block"
        );
        let block = Self::assemble(header, raw.transactions, last_commit, bytes.into());
        debug_assert_eq!(
            block.check(expected),
            Ok(()),
            "what is built from the expectation meets it"
        );
        block
    }

    fn assemble(
        header: Header,
        transactions: Vec<Vec<u8>>,
        last_commit: Option<Commit>,
        bytes: Arc<[u8]>,
    ) -> Self {
        let parts = parts::Header::new(1, Hash::Sha256(*blake3::hash(&bytes).as_bytes()))
            .expect("one part with a hash");
        let id = block::Id {
            hash: header.hash(),
            part_set_header: parts,
        };
        let ids = ids(&transactions);
        Self {
            header,
            transactions,
            last_commit,
            bytes,
            id,
            ids,
        }
    }

    /// The bytes as received: what is sent, stored and named by the id.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// The header's hash, and BLAKE3 of the bytes as the one part.
    pub fn id(&self) -> block::Id {
        self.id
    }

    /// The height.
    pub fn height(&self) -> u64 {
        self.header.height.value()
    }

    /// SHA-256 of each envelope, in order.
    pub fn ids(&self) -> &[[u8; 32]] {
        &self.ids
    }

    /// Whether this block may follow the blocks before. The transactions themselves: [`crate::CheckedBlock`].
    pub fn check(&self, expected: &Expected) -> Result<(), InvalidBlock> {
        self.check_header(expected)?;
        self.check_last_commit(expected)?;
        if self.transactions.len()
            > usize::try_from(expected.transactions_max).expect("32 bits fit in a usize")
        {
            return Err(InvalidBlock::TooManyTransactions(self.transactions.len()));
        }
        if self.header.data_hash != Some(merkle_root(&self.ids)) {
            return Err(InvalidBlock::Content("data hash"));
        }
        Ok(())
    }

    fn check_header(&self, expected: &Expected) -> Result<(), InvalidBlock> {
        let header = &self.header;
        let wrong = |field| Err(InvalidBlock::Header(field));
        if header.version != VERSION {
            return wrong("version");
        }
        if header.chain_id != expected.chain_id {
            return wrong("chain id");
        }
        if header.height.value() != expected.height {
            return wrong("height");
        }
        if header.last_block_id != expected.last_block_id {
            return wrong("last block id");
        }
        if header.time <= expected.last_time {
            return wrong("time");
        }
        // Records keep milliseconds: a header's time is one of them exactly.
        if header.time.unix_timestamp_nanos() % 1_000_000 != 0 {
            return wrong("time");
        }
        if header.validators_hash != expected.validators.hash() {
            return wrong("validators hash");
        }
        if header.next_validators_hash != expected.next_validators_hash {
            return wrong("next validators hash");
        }
        if header.consensus_hash != expected.consensus_hash {
            return wrong("consensus hash");
        }
        if header.app_hash.as_bytes() != expected.app_hash {
            return wrong("app hash");
        }
        if header.last_results_hash != Some(expected.last_results_hash) {
            return wrong("last results hash");
        }
        if header.evidence_hash != Some(no_evidence_hash()) {
            return wrong("evidence hash");
        }
        if expected
            .validators
            .validator(header.proposer_address)
            .is_none()
        {
            return wrong("proposer address");
        }
        Ok(())
    }

    fn check_last_commit(&self, expected: &Expected) -> Result<(), InvalidBlock> {
        match (&self.last_commit, expected.last_block_id) {
            (None, None) => {}
            (Some(commit), Some(last_block_id)) => {
                if commit.height.value().checked_add(1) != Some(expected.height) {
                    return Err(InvalidBlock::LastCommit("another height"));
                }
                if commit.block_id != last_block_id {
                    return Err(InvalidBlock::LastCommit("another block"));
                }
                if commit.signatures.len() != expected.last_validators.validators().len() {
                    return Err(InvalidBlock::LastCommit("not one entry a validator"));
                }
            }
            (Some(_), None) => {
                return Err(InvalidBlock::LastCommit(
                    "there is no block before the first",
                ));
            }
            (None, Some(_)) => return Err(InvalidBlock::LastCommit("it is missing")),
        }
        if self.header.last_commit_hash != Some(last_commit_hash(self.last_commit.as_ref())) {
            return Err(InvalidBlock::Content("last commit hash"));
        }
        Ok(())
    }
}

/// How many bytes of transactions surely fit into a block beside the commit of that many validators.
pub fn transactions_bytes_max(validators: usize) -> usize {
    BLOCK_BYTES_MAX
        .saturating_sub(HEADER_BYTES_MAX)
        .saturating_sub(validators.saturating_mul(COMMIT_SIG_BYTES_MAX))
}

/// The commit of the height before that an encoded block carries. Nothing else of the block is looked at.
pub fn last_commit(bytes: &[u8]) -> Result<Option<Commit>, InvalidBlock> {
    if bytes.len() > BLOCK_BYTES_MAX {
        return Err(InvalidBlock::TooLong(bytes.len()));
    }
    let tail = Tail::decode(bytes).map_err(|_| InvalidBlock::Encoding("block"))?;
    decode_commit(&tail.last_commit)
}

/// How many transactions an encoded block has, none of which is read.
fn count_transactions(block: &[u8]) -> Result<usize, InvalidBlock> {
    let mut count = 0;
    let mut rest = block;
    while !rest.is_empty() {
        let (field, wire) = decode_key(&mut rest).map_err(|_| InvalidBlock::Encoding("block"))?;
        skip_field(wire, field, &mut rest, DecodeContext::default())
            .map_err(|_| InvalidBlock::Encoding("block"))?;
        count += usize::from(field == TRANSACTIONS_FIELD);
    }
    Ok(count)
}

/// Encodes a commit as stored and sent.
pub fn encode_commit(commit: &Commit) -> Vec<u8> {
    RawCommit::from(commit.clone()).encode_to_vec()
}

fn ids(transactions: &[Vec<u8>]) -> Vec<[u8; 32]> {
    transactions.iter().map(|bytes| sha256(bytes)).collect()
}

/// As Tendermint: the Merkle root over the encoded signatures; of none at height 1.
fn last_commit_hash(commit: Option<&Commit>) -> Hash {
    let signatures = commit
        .map(|commit| commit.signatures.as_slice())
        .unwrap_or_default();
    let leaves: Vec<Vec<u8>> = signatures
        .iter()
        .map(|signature| RawCommitSig::from(signature.clone()).encode_to_vec())
        .collect();
    merkle_root(&leaves)
}

fn no_evidence_hash() -> Hash {
    let none: [&[u8]; 0] = [];
    merkle_root(&none)
}

fn decode_header(bytes: &[u8]) -> Result<Header, InvalidBlock> {
    let header = <Header as Protobuf<RawHeader>>::decode(bytes)
        .map_err(|_| InvalidBlock::Encoding("header"))?;
    if Protobuf::<RawHeader>::encode_vec(header.clone()) != bytes {
        return Err(InvalidBlock::Encoding("header"));
    }
    Ok(header)
}

fn decode_commit(bytes: &[u8]) -> Result<Option<Commit>, InvalidBlock> {
    if bytes.is_empty() {
        return Ok(None);
    }
    if bytes.len() > COMMIT_BYTES_MAX {
        return Err(InvalidBlock::Encoding("last commit"));
    }
    let raw = RawCommit::decode(bytes).map_err(|_| InvalidBlock::Encoding("last commit"))?;
    let commit = Commit::try_from(raw).map_err(|_| InvalidBlock::Encoding("last commit"))?;
    if encode_commit(&commit) != bytes {
        return Err(InvalidBlock::Encoding("last commit"));
    }
    Ok(Some(commit))
}
