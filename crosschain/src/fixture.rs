//! Two small chains for tests: keys, blocks over a real tree, signed headers, and the proofs that gateways would give.

use starfire_did::{KeyAlgorithm, PrivateKey, PublicKey};
use starfire_proto::v1;
use starfire_state::{Archive, Batch, Changes, Env, Memory, Store, View, tree};
use tendermint::block::header::Version;
use tendermint::block::parts::Header as PartsHeader;
use tendermint::block::signed_header::SignedHeader;
use tendermint::block::{Commit, CommitSig, Header, Height, Id, Round};
use tendermint::vote::{Power, Type, ValidatorIndex, Vote};
use tendermint::{AppHash, Hash, Signature, Time, account, chain, validator};
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::{
    Commit as RawCommit, Header as RawHeader, SignedHeader as RawSignedHeader,
    ValidatorSet as RawValidatorSet,
};

use crate::chain::{Registration, Validator};
use crate::succession::Change;
use crate::unix_ms;

/// The test chains' first moment: 2026-11-21T08:30:00Z.
pub(crate) const GENESIS_MS: i64 = 1_795_249_800_000;

/// A state without anything in it.
pub(crate) struct Nothing;

impl View for Nothing {
    fn get(&self, _key: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn scan(
        &self,
        _prefix: &[u8],
        _after: Option<&[u8]>,
        _limit: usize,
    ) -> Vec<(Vec<u8>, Vec<u8>)> {
        Vec::new()
    }
}

/// A key made of one number.
pub(crate) fn key(seed: u8) -> PrivateKey {
    PrivateKey::generate([seed; 32], KeyAlgorithm::Ed25519)
}

/// Validators whose keys are known, in set order.
#[derive(Clone)]
pub(crate) struct Validators {
    keys: Vec<PrivateKey>,
    set: validator::Set,
}

impl Validators {
    /// `count` validators of equal power, from `seed` on.
    pub(crate) fn new(seed: u8, count: u8, power: u64) -> Self {
        let mut keys: Vec<_> = (seed..seed + count).map(key).collect();
        keys.sort_by_key(|key| account::Id::from(raw_key(key)));
        let info =
            |key: &PrivateKey| validator::Info::new(raw_key(key), Power::try_from(power).unwrap());
        let set = validator::Set::without_proposer(keys.iter().map(info).collect());
        Self { keys, set }
    }

    pub(crate) fn set(&self) -> validator::Set {
        self.set.clone()
    }

    pub(crate) fn encoded(&self) -> Vec<u8> {
        Protobuf::<RawValidatorSet>::encode_vec(self.set())
    }

    pub(crate) fn public_keys(&self) -> Vec<[u8; 32]> {
        self.keys
            .iter()
            .map(|key| key.public().raw().try_into().unwrap())
            .collect()
    }

    /// The header signed by the validators at `signers`; the others are absent.
    pub(crate) fn sign(&self, header: &Header, signers: &[usize]) -> SignedHeader {
        let parts = PartsHeader::new(1, Hash::Sha256([7; 32])).unwrap();
        let block_id = Id {
            hash: header.hash(),
            part_set_header: parts,
        };
        let mut signatures = vec![CommitSig::BlockIdFlagAbsent; self.keys.len()];
        for signer in signers {
            let validator_address = self.set.validators()[*signer].address;
            let vote = Vote {
                vote_type: Type::Precommit,
                height: header.height,
                round: Round::from(0_u8),
                block_id: Some(block_id),
                timestamp: Some(header.time),
                validator_address,
                validator_index: ValidatorIndex::try_from(*signer).unwrap(),
                signature: None,
                extension: Vec::new(),
                extension_signature: None,
            };
            let bytes = vote.into_signable_vec(header.chain_id.clone());
            let signature = Signature::try_from(self.keys[*signer].sign(&bytes)).unwrap();
            let timestamp = header.time;
            signatures[*signer] = CommitSig::BlockIdFlagCommit {
                validator_address,
                timestamp,
                signature: Some(signature),
            };
        }
        let commit = Commit {
            height: header.height,
            round: Round::from(0_u8),
            block_id,
            signatures,
        };
        SignedHeader::new(header.clone(), commit).unwrap()
    }
}

fn raw_key(key: &PrivateKey) -> tendermint::PublicKey {
    let PublicKey::Ed25519(raw) = key.public() else {
        unreachable!("test keys are Ed25519")
    };
    tendermint::PublicKey::from_raw_ed25519(&raw).unwrap()
}

/// A chain over a store in memory. Block H is made at `GENESIS_MS` + H seconds.
pub(crate) struct Chain {
    id: chain::Id,
    pub(crate) validators: Validators,
    store: Memory,
}

impl Chain {
    pub(crate) fn new(id: &str, validators: Validators, genesis: Changes) -> Self {
        let mut chain = Self {
            id: id.parse().unwrap(),
            validators,
            store: Memory::new(),
        };
        chain.commit(0, genesis);
        chain
    }

    fn commit(&mut self, height: u64, changes: Changes) {
        let update = tree::apply(&self.store, height, &changes);
        let block = if height == 0 { Vec::new() } else { vec![1] };
        let batch = Batch {
            height,
            changes,
            tree: update.writes,
            block: block.clone(),
            commit: block,
            ..Batch::default()
        };
        self.store.commit(batch).unwrap();
    }

    /// Executes a block that makes these changes; its height.
    pub(crate) fn block(&mut self, changes: Changes) -> u64 {
        let height = self.height() + 1;
        self.commit(height, changes);
        height
    }

    /// A block whose header names other validators for the heights after it; the change.
    pub(crate) fn hand_over(&mut self, next: Validators) -> Change {
        let height = self.height() + 1;
        let header = Header {
            next_validators_hash: next.set.hash(),
            ..self.header(height)
        };
        let signed = self.validators.sign(&header, &[0, 1, 3]);
        let change = change(&signed, &next);
        self.block(Changes::new());
        self.validators = next;
        change
    }

    pub(crate) fn height(&self) -> u64 {
        self.store.height().unwrap()
    }

    pub(crate) fn state(&self) -> Box<dyn View + '_> {
        self.store.state_at(self.height())
    }

    /// The header of a height: it proves the state before it.
    pub(crate) fn header(&self, height: u64) -> Header {
        Header {
            version: Version { block: 11, app: 1 },
            chain_id: self.id.clone(),
            height: Height::try_from(height).unwrap(),
            time: time(height),
            last_block_id: None,
            last_commit_hash: Some(Hash::Sha256([1; 32])),
            data_hash: Some(Hash::Sha256([2; 32])),
            validators_hash: self.validators.set.hash(),
            next_validators_hash: self.validators.set.hash(),
            consensus_hash: Hash::Sha256([3; 32]),
            app_hash: AppHash::try_from(tree::root(&self.store, height - 1).to_vec()).unwrap(),
            last_results_hash: None,
            evidence_hash: None,
            proposer_address: self.validators.set.validators()[0].address,
        }
    }

    /// The header of the next height, which proves the newest state, signed by three of four.
    pub(crate) fn signed(&self) -> SignedHeader {
        self.validators
            .sign(&self.header(self.height() + 1), &[0, 2, 3])
    }

    /// What a gateway answers about these paths, under the next header.
    pub(crate) fn prove(&self, paths: &[Vec<u8>]) -> v1::StateProof {
        let value = |path: &Vec<u8>| {
            let proved = tree::prove(&self.store, self.height(), path);
            v1::ProvedValue {
                key: path.clone(),
                present: proved.value.is_some(),
                value: proved.value.unwrap_or_default(),
                proof: proved.proof,
            }
        };
        v1::StateProof {
            chain_id: self.id.to_string(),
            signed_header: encode(self.signed()),
            validators: self.validators.encoded(),
            values: paths.iter().map(value).collect(),
        }
    }
}

/// A change as state keeps it.
pub(crate) fn change(signed: &SignedHeader, next: &Validators) -> Change {
    let record = v1::ValidatorChange {
        header: Protobuf::<RawHeader>::encode_vec(signed.header.clone()),
        commit: prost::Message::encode_to_vec(&RawCommit::from(signed.commit.clone())),
        next_validators: next.encoded(),
    };
    Change::of(&record).unwrap()
}

pub(crate) fn encode(header: SignedHeader) -> Vec<u8> {
    Protobuf::<RawSignedHeader>::encode_vec(header)
}

/// The time of a height.
pub(crate) fn time(height: u64) -> Time {
    unix_ms::to_time(time_ms(height)).unwrap()
}

/// The time of a height, Unix milliseconds.
pub(crate) fn time_ms(height: u64) -> i64 {
    GENESIS_MS + i64::try_from(height).unwrap() * 1000
}

/// The validators of the test sub-chain.
pub(crate) fn sub_validators() -> Validators {
    Validators::new(20, 4, 10)
}

/// The account that may anchor the test sub-chain.
pub(crate) fn gateway() -> String {
    key(90).public().address(None).to_string()
}

/// The test sub-chain, `by01`.
pub(crate) fn registration() -> Registration {
    let validator = |public_key| Validator {
        public_key,
        power: 10,
        owner: "Example Customs".to_owned(),
    };
    Registration {
        chain_code: "by01".to_owned(),
        chain_id: "starfire-by01-1".to_owned(),
        name: "Example sub-chain".to_owned(),
        genesis_hash: [4; 32],
        genesis_time_ms: GENESIS_MS,
        validators: sub_validators()
            .public_keys()
            .into_iter()
            .map(validator)
            .collect(),
        gateways: vec![gateway()],
        resolvers: vec!["http://127.0.0.1:1".to_owned()],
    }
}

/// What surrounds an operation by `sender` in the main chain's block `height`.
pub(crate) fn env(height: u64, sender: &str) -> Env {
    Env {
        chain: v1::ChainRecord {
            chain_id: "starfire-main-1".to_owned(),
            ..v1::ChainRecord::default()
        },
        height,
        time: time(height),
        sender: sender.to_owned(),
        member: None,
    }
}
