//! Validators whose keys the simulator holds, the blocks that they decide, and a memory of every signature.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ed25519_consensus::SigningKey;
use prost::Message as _;
use starfire_consensus::candidate::Candidate;
use starfire_consensus::certificate::{self, Options, Trusted};
use starfire_consensus::electorate::{Electorate, Parent};
use starfire_consensus::input::Input;
use starfire_consensus::message::{self, Message, Refusal, Unsigned};
use starfire_proto::v1;
use tendermint::block::header::Version;
use tendermint::block::signed_header::SignedHeader;
use tendermint::block::{Commit, Header, Height, Id};
use tendermint::vote::Power;
use tendermint::{AppHash, Hash, PublicKey, Signature, Time, account, chain, validator};
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::{Commit as RawCommit, Header as RawHeader};

/// Heights that a proposer keeps its turn for.
const TERM_HEIGHTS: u64 = 4;
const GENESIS_SECONDS: i64 = 1_790_000_000;
/// Memories are dropped beyond this many entries.
const MEMORY_ENTRIES_MAX: usize = 1 << 16;

type Digest = [u8; 32];

/// Bytes on the wire, decoded once.
#[derive(Debug)]
pub struct Parcel {
    /// BLAKE3 of the bytes.
    pub digest: Digest,
    /// What they say; none: they do not decode.
    pub message: Option<Message>,
}

/// A chain of validators with equal power. Validator `i` is the one at place `i` of the set.
#[derive(Debug)]
pub struct Chain {
    id: chain::Id,
    keys: Vec<SigningKey>,
    validators: validator::Set,
    signatures: BTreeMap<Digest, Signature>,
    parcels: BTreeMap<Digest, Arc<Parcel>>,
    verdicts: BTreeMap<(Digest, Option<Id>), Result<Input, Refusal>>,
    electorates: BTreeMap<Option<Id>, Arc<Electorate>>,
    certified: BTreeSet<(Digest, Option<Id>)>,
}

impl Chain {
    /// A chain of `count` validators.
    ///
    /// # Panics
    /// When the fixed chain id is not one.
    pub fn new(count: u8) -> Self {
        let mut keys: Vec<_> = (1..=count)
            .map(|seed| SigningKey::from([seed; 32]))
            .collect();
        keys.sort_by_key(|key| account::Id::from(public(key)));
        let infos = keys
            .iter()
            .map(|key| validator::Info::new(public(key), Power::from(10u32)));
        Self {
            id: chain::Id::try_from("starfire-simulation-1").expect("a chain id"),
            validators: validator::Set::new(infos.collect(), None),
            keys,
            signatures: BTreeMap::new(),
            parcels: BTreeMap::new(),
            verdicts: BTreeMap::new(),
            electorates: BTreeMap::new(),
            certified: BTreeSet::new(),
        }
    }

    /// How many validators there are.
    pub fn count(&self) -> usize {
        self.keys.len()
    }

    /// How many of them may lie without harm.
    pub fn faults_max(&self) -> usize {
        (self.count() - 1) / 3
    }

    /// The chain's name.
    pub fn id(&self) -> &chain::Id {
        &self.id
    }

    /// The set.
    pub fn validators(&self) -> &validator::Set {
        &self.validators
    }

    /// The address of a validator.
    pub fn address(&self, validator: usize) -> account::Id {
        self.validators.validators()[validator].address
    }

    /// The key of a validator.
    pub fn key(&self, validator: usize) -> &SigningKey {
        &self.keys[validator]
    }

    /// Drops the memories when they are large. What they held is computed again.
    pub fn forget(&mut self) {
        if self.signatures.len() + self.parcels.len() + self.verdicts.len() > MEMORY_ENTRIES_MAX {
            self.signatures.clear();
            self.parcels.clear();
            self.verdicts.clear();
            self.electorates.clear();
            self.certified.clear();
        }
    }

    /// Who decides the height after `parent`.
    ///
    /// # Panics
    /// When the simulator's own set were impossible.
    pub fn electorate(&mut self, parent: Option<&Candidate>) -> Arc<Electorate> {
        let (id, set) = (&self.id, &self.validators);
        let make = || {
            let height = parent.map_or(0, |parent| parent.header().height.value()) + 1;
            let parent = parent.map(|parent| Parent {
                block_id: parent.id(),
                proposer: parent.header().proposer_address,
            });
            Arc::new(
                Electorate::new(id.clone(), height, set.clone(), parent, TERM_HEIGHTS)
                    .expect("the simulator's set is possible"),
            )
        };
        self.electorates
            .entry(parent.map(Candidate::id))
            .or_insert_with(make)
            .clone()
    }

    /// The `attempt`th block that a validator builds on `parent`.
    ///
    /// # Panics
    /// When numbers of the simulation leave their range.
    pub fn block(&self, parent: Option<&Candidate>, proposer: usize, attempt: u32) -> Candidate {
        let height = parent.map_or(0, |parent| parent.header().height.value()) + 1;
        let seconds = GENESIS_SECONDS + i64::try_from(height).expect("a short chain");
        let payload = attempt.to_be_bytes().to_vec();
        let header = Header {
            height: Height::try_from(height).expect("a short chain"),
            time: Time::from_unix_timestamp(seconds, 0).expect("this century"),
            last_block_id: parent.map(Candidate::id),
            data_hash: Some(data_hash(&payload)),
            proposer_address: self.address(proposer),
            ..self.template()
        };
        encode_block(header, payload)
    }

    /// Whether an honest replica would accept the block's content. What the header says of chain, parent and set is for
    /// [`message::verify`].
    pub fn is_valid(&self, block: &Candidate) -> bool {
        let header = block.header();
        let Ok(decoded) = v1::Block::decode(&block.bytes()[..]) else {
            return false;
        };
        let expected = Header {
            height: header.height,
            time: header.time,
            last_block_id: header.last_block_id,
            data_hash: decoded
                .transactions
                .first()
                .map(|payload| data_hash(payload)),
            proposer_address: header.proposer_address,
            ..self.template()
        };
        let due = i64::try_from(header.height.value())
            .ok()
            .and_then(|height| GENESIS_SECONDS.checked_add(height));
        let timely = due.is_some_and(|due| header.time.unix_timestamp().abs_diff(due) <= 1);
        *header == expected && timely
    }

    fn template(&self) -> Header {
        Header {
            version: Version { block: 11, app: 1 },
            chain_id: self.id.clone(),
            height: Height::from(1u32),
            time: Time::unix_epoch(),
            last_block_id: None,
            last_commit_hash: None,
            data_hash: None,
            validators_hash: self.validators.hash(),
            next_validators_hash: self.validators.hash(),
            consensus_hash: Hash::Sha256([2; 32]),
            app_hash: AppHash::try_from(vec![3; 32]).expect("32 bytes are a hash"),
            last_results_hash: None,
            evidence_hash: None,
            proposer_address: account::Id::new([0; 20]),
        }
    }

    /// Signs with a validator's key.
    ///
    /// # Panics
    /// Never: 64 bytes are a signature.
    pub fn sign(&mut self, validator: usize, message: Unsigned) -> Message {
        let bytes = message.sign_bytes(&self.id);
        let mut hasher = blake3::Hasher::new();
        hasher.update(&validator.to_le_bytes()).update(&bytes);
        let key = &self.keys[validator];
        let signature = self
            .signatures
            .entry(*hasher.finalize().as_bytes())
            .or_insert_with(|| sign(key, &bytes))
            .clone();
        message.signed(signature)
    }

    /// What arrives when these bytes are sent.
    pub fn parcel(&mut self, bytes: &[u8]) -> Arc<Parcel> {
        let digest = *blake3::hash(bytes).as_bytes();
        self.parcels
            .entry(digest)
            .or_insert_with(|| {
                Arc::new(Parcel {
                    digest,
                    message: Message::decode(bytes).ok(),
                })
            })
            .clone()
    }

    /// What [`message::verify`] says of a parcel. None: the bytes are no message.
    pub fn verify(
        &mut self,
        parcel: &Parcel,
        electorate: &Electorate,
    ) -> Option<Result<Input, Refusal>> {
        let message = parcel.message.as_ref()?;
        let parent = electorate.parent().map(|parent| parent.block_id);
        let verdict = self
            .verdicts
            .entry((parcel.digest, parent))
            .or_insert_with(|| message::verify(message.clone(), electorate));
        Some(verdict.clone())
    }

    /// Whether the stock light client follows from `parent` to this block by this commit, and every signature in it is good.
    pub fn certify(
        &mut self,
        parent: Option<&Candidate>,
        block: &Candidate,
        commit: &Commit,
    ) -> Result<(), String> {
        let bytes = RawCommit::from(commit.clone()).encode_to_vec();
        let key = (*blake3::hash(&bytes).as_bytes(), parent.map(Candidate::id));
        if self.certified.contains(&key) {
            return Ok(());
        }
        let signed = SignedHeader::new(block.header().clone(), commit.clone())
            .map_err(|error| error.to_string())?;
        let verdict = if let Some(parent) = parent {
            let options = Options {
                trusting_period: std::time::Duration::from_secs(86_400),
                clock_drift: std::time::Duration::from_secs(10),
            };
            let trusted = Trusted {
                chain_id: &self.id,
                height: parent.header().height.value(),
                time: parent.time(),
                next_validators: &self.validators,
                next_validators_hash: parent.header().next_validators_hash,
            };
            let set = &self.validators;
            certificate::verify_from(&trusted, &signed, set, None, block.time(), &options)
        } else {
            certificate::verify(&signed, &self.validators)
        };
        verdict.map_err(|error| error.to_string())?;
        self.certified.insert(key);
        Ok(())
    }
}

/// Encodes a block of one payload.
pub fn encode_block(header: Header, payload: Vec<u8>) -> Candidate {
    let block = v1::Block {
        header: <Header as Protobuf<RawHeader>>::encode_vec(header),
        transactions: vec![payload],
        last_commit: Vec::new(),
    };
    Candidate::decode(Arc::from(block.encode_to_vec())).expect("the simulator's blocks decode")
}

/// An Ed25519 signature as Tendermint holds it.
pub fn sign(key: &SigningKey, bytes: &[u8]) -> Signature {
    Signature::try_from(&key.sign(bytes).to_bytes()[..]).expect("64 bytes are a signature")
}

fn data_hash(payload: &[u8]) -> Hash {
    Hash::Sha256(*blake3::hash(payload).as_bytes())
}

fn public(key: &SigningKey) -> PublicKey {
    PublicKey::from_raw_ed25519(key.verification_key().as_bytes()).expect("an Ed25519 key")
}
