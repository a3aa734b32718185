//! A chain for tests: keys, blocks, signatures. Not part of the crate outside its tests.

use std::sync::Arc;

use ed25519_consensus::SigningKey;
use prost::Message as _;
use starfire_proto::v1;
use tendermint::{
    AppHash, Hash, PublicKey, Signature, Time, account,
    block::{Commit, CommitSig, Header, header::Version},
    chain, validator,
    vote::{Power, Type, ValidatorIndex, Vote},
};
use tendermint_proto::{Protobuf, v0_38::types::Header as RawHeader};

use crate::{
    candidate::Candidate,
    electorate::{Electorate, Parent},
    message::{Proposal, Timeout, Unsigned},
    quorum::{QuorumCertificate, TimeoutCertificate, TimeoutSignature},
    sign_bytes,
};

pub(crate) const TERM_HEIGHTS: u64 = 4;
const GENESIS_SECONDS: i64 = 1_790_000_000;

/// A chain whose validators' keys are known. Validator `i` is the one at place `i` of the set.
#[derive(Clone)]
pub(crate) struct Chain {
    id: chain::Id,
    keys: Vec<SigningKey>,
    validators: validator::Set,
}

impl Chain {
    pub(crate) fn new(count: u8) -> Self {
        Self::named("starfire-test-1", count)
    }

    pub(crate) fn named(id: &str, count: u8) -> Self {
        let mut keys: Vec<_> = (1..=count).map(|seed| SigningKey::from([seed; 32])).collect();
        keys.sort_by_key(|key| account::Id::from(public(key)));
        let infos = keys.iter().map(|key| validator::Info::new(public(key), Power::from(10u32))).collect();
        Self { id: chain::Id::try_from(id).unwrap(), keys, validators: validator::Set::new(infos, None) }
    }

    pub(crate) fn id(&self) -> chain::Id {
        self.id.clone()
    }

    pub(crate) fn validators(&self) -> validator::Set {
        self.validators.clone()
    }

    pub(crate) fn address(&self, index: usize) -> account::Id {
        self.validators.validators()[index].address
    }

    /// The electorate of height 1, or of a later height after an arbitrary block.
    pub(crate) fn electorate(&self, height: u64) -> Electorate {
        let parent = (height > 1).then(|| self.block(height - 1, b"parent"));
        self.electorate_after(parent.as_ref())
    }

    pub(crate) fn electorate_after(&self, parent: Option<&Candidate>) -> Electorate {
        let height = parent.map_or(0, |parent| parent.header().height.value()) + 1;
        let parent = parent.map(|parent| Parent { block_id: parent.id(), proposer: parent.header().proposer_address });
        Electorate::new(self.id(), height, self.validators(), parent, TERM_HEIGHTS).unwrap()
    }

    pub(crate) fn time(&self, seconds: i64) -> Time {
        Time::from_unix_timestamp(GENESIS_SECONDS + seconds, 0).unwrap()
    }

    /// A block by validator 0, with no parent.
    pub(crate) fn block(&self, height: u64, payload: &[u8]) -> Candidate {
        self.block_at(height, None, 0, i64::try_from(height).unwrap(), payload)
    }

    pub(crate) fn block_at(
        &self,
        height: u64,
        parent: Option<&Candidate>,
        proposer: usize,
        seconds: i64,
        payload: &[u8],
    ) -> Candidate {
        let header = Header {
            version: Version { block: 11, app: 1 },
            chain_id: self.id(),
            height: sign_bytes::number(height),
            time: self.time(seconds),
            last_block_id: parent.map(Candidate::id),
            last_commit_hash: None,
            data_hash: Some(Hash::Sha256([1; 32])),
            validators_hash: self.validators.hash(),
            next_validators_hash: self.validators.hash(),
            consensus_hash: Hash::Sha256([2; 32]),
            app_hash: AppHash::try_from(vec![3; 32]).unwrap(),
            last_results_hash: None,
            evidence_hash: None,
            proposer_address: self.address(proposer),
        };
        let block = v1::Block {
            header: <Header as Protobuf<RawHeader>>::encode_vec(header),
            transactions: vec![payload.to_vec()],
            last_commit: Vec::new(),
        };
        Candidate::decode(Arc::from(block.encode_to_vec())).unwrap()
    }

    /// Heights 1 to `count`, each on the one before.
    pub(crate) fn blocks(&self, count: u64) -> Vec<Candidate> {
        let mut blocks: Vec<Candidate> = Vec::new();
        for height in 1..=count {
            blocks.push(self.block_at(height, blocks.last(), 0, i64::try_from(height).unwrap(), b""));
        }
        blocks
    }

    pub(crate) fn sign(&self, index: usize, bytes: &[u8]) -> Signature {
        Signature::try_from(&self.keys[index].sign(bytes).to_bytes()[..]).unwrap()
    }

    pub(crate) fn vote(&self, index: usize, vote_type: Type, block: &Candidate, round: u32) -> Vote {
        let vote = Vote {
            vote_type,
            height: block.header().height,
            round: sign_bytes::turn(round),
            block_id: Some(block.id()),
            timestamp: Some(block.time()),
            validator_address: self.address(index),
            validator_index: ValidatorIndex::try_from(index).unwrap(),
            signature: None,
            extension: Vec::new(),
            extension_signature: None,
        };
        let signature = self.sign(index, &vote.clone().into_signable_vec(self.id()));
        Vote { signature: Some(signature), ..vote }
    }

    pub(crate) fn prevotes(&self, block: &Candidate, round: u32, signers: &[usize]) -> QuorumCertificate {
        let mut signatures = vec![None; self.keys.len()];
        for signer in signers {
            signatures[*signer] = self.vote(*signer, Type::Prevote, block, round).signature;
        }
        let height = block.header().height.value();
        QuorumCertificate { height, round, block_id: block.id(), time: block.time(), signatures }
    }

    pub(crate) fn commit(&self, block: &Candidate, round: u32, signers: &[usize]) -> Commit {
        let mut signatures = vec![CommitSig::BlockIdFlagAbsent; self.keys.len()];
        for signer in signers {
            let vote = self.vote(*signer, Type::Precommit, block, round);
            signatures[*signer] = CommitSig::BlockIdFlagCommit {
                validator_address: vote.validator_address,
                timestamp: block.time(),
                signature: vote.signature,
            };
        }
        Commit { height: block.header().height, round: sign_bytes::turn(round), block_id: block.id(), signatures }
    }

    pub(crate) fn timeout(&self, index: usize, height: u64, round: u32, high: Option<&QuorumCertificate>) -> Timeout {
        let validator = self.address(index);
        let timeout = Timeout { height, round, high_qc: high.cloned(), validator, signature: None };
        let bytes = Unsigned::Timeout(timeout.clone()).sign_bytes(&self.id());
        Timeout { signature: Some(self.sign(index, &bytes)), ..timeout }
    }

    pub(crate) fn timeouts(
        &self,
        height: u64,
        round: u32,
        signers: &[(usize, Option<&QuorumCertificate>)],
    ) -> TimeoutCertificate {
        let timeouts = signers.iter().map(|(index, high)| TimeoutSignature {
            validator: self.address(*index),
            high_qc_round: high.map(|high| high.round),
            signature: self.timeout(*index, height, round, *high).signature.unwrap(),
        });
        let high_qc = signers.iter().filter_map(|(_, high)| *high).max_by_key(|high| high.round).cloned();
        TimeoutCertificate { height, round, timeouts: timeouts.collect(), high_qc }
    }

    /// A proposal by whoever proposes in `round` of height 1.
    pub(crate) fn proposal(
        &self,
        block: &Candidate,
        round: u32,
        justify: Option<QuorumCertificate>,
        timeout_certificate: Option<TimeoutCertificate>,
    ) -> Proposal {
        let index = usize::try_from(round).unwrap() % self.keys.len();
        let proposer = self.address(index);
        let proposal =
            Proposal { round, block: block.clone(), justify, timeout_certificate, proposer, signature: None };
        let bytes = Unsigned::Proposal(proposal.clone()).sign_bytes(&self.id());
        Proposal { signature: Some(self.sign(index, &bytes)), ..proposal }
    }
}

fn public(key: &SigningKey) -> PublicKey {
    PublicKey::from_ed25519_consensus(key.verification_key())
}
