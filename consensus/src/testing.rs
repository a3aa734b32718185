//! A chain for tests: keys, blocks, signatures. Not part of the crate outside its tests.

use std::{sync::Arc, time::Duration};

use ed25519_consensus::SigningKey;
use prost::Message as _;
use starfire_proto::v1;
use tendermint::{
    AppHash, Hash, PublicKey, Signature, Time, account,
    block::{self, Commit, CommitSig, Header, header::Version},
    chain, validator,
    vote::{Power, Type, ValidatorIndex, Vote},
};
use tendermint_proto::{Protobuf, v0_38::types::Header as RawHeader};

use crate::{
    candidate::Candidate,
    effect::{Effect, Recipient, Timer, TimerKind},
    electorate::{Electorate, Parent},
    input::Input,
    machine::{Config, Consensus, Routing},
    message::{Message, Proposal, Timeout, Unsigned, verify},
    misbehaviour::{Misbehaviour, SignedProposal, SignedTimeout},
    quorum::{QuorumCertificate, TimeoutCertificate, TimeoutSignature},
    safety::{BlockDigest, SafetyRecord},
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
        let mut keys: Vec<_> = (1..=count)
            .map(|seed| SigningKey::from([seed; 32]))
            .collect();
        keys.sort_by_key(|key| account::Id::from(public(key)));
        let infos = keys
            .iter()
            .map(|key| validator::Info::new(public(key), Power::from(10u32)))
            .collect();
        Self {
            id: chain::Id::try_from(id).unwrap(),
            keys,
            validators: validator::Set::new(infos, None),
        }
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
        let parent = parent.map(|parent| Parent {
            block_id: parent.id(),
            proposer: parent.header().proposer_address,
        });
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
            blocks.push(self.block_at(
                height,
                blocks.last(),
                0,
                i64::try_from(height).unwrap(),
                b"",
            ));
        }
        blocks
    }

    pub(crate) fn sign(&self, index: usize, bytes: &[u8]) -> Signature {
        Signature::try_from(&self.keys[index].sign(bytes).to_bytes()[..]).unwrap()
    }

    pub(crate) fn vote(
        &self,
        index: usize,
        vote_type: Type,
        block: &Candidate,
        round: u32,
    ) -> Vote {
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
        Vote {
            signature: Some(signature),
            ..vote
        }
    }

    pub(crate) fn prevotes(
        &self,
        block: &Candidate,
        round: u32,
        signers: &[usize],
    ) -> QuorumCertificate {
        let mut signatures = vec![None; self.keys.len()];
        for signer in signers {
            signatures[*signer] = self.vote(*signer, Type::Prevote, block, round).signature;
        }
        let height = block.header().height.value();
        QuorumCertificate {
            height,
            round,
            block_id: block.id(),
            time: block.time(),
            signatures,
        }
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
        Commit {
            height: block.header().height,
            round: sign_bytes::turn(round),
            block_id: block.id(),
            signatures,
        }
    }

    pub(crate) fn timeout(
        &self,
        index: usize,
        height: u64,
        round: u32,
        high: Option<&QuorumCertificate>,
    ) -> Timeout {
        let validator = self.address(index);
        let timeout = Timeout {
            height,
            round,
            high_qc: high.cloned(),
            validator,
            signature: None,
        };
        let bytes = Unsigned::Timeout(timeout.clone()).sign_bytes(&self.id());
        Timeout {
            signature: Some(self.sign(index, &bytes)),
            ..timeout
        }
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
            signature: self
                .timeout(*index, height, round, *high)
                .signature
                .unwrap(),
        });
        let high_qc = signers
            .iter()
            .filter_map(|(_, high)| *high)
            .max_by_key(|high| high.round)
            .cloned();
        TimeoutCertificate {
            height,
            round,
            timeouts: timeouts.collect(),
            high_qc,
        }
    }

    /// A proof of each kind against validator 0, or in the case of proposals against whoever proposes in `round`.
    pub(crate) fn misbehaviour(&self, kind: usize, block: &Candidate, round: u32) -> Misbehaviour {
        let other = self.block(1, b"another payload");
        let vote = |kind, block| self.vote(0, kind, block, round);
        match kind {
            0 => {
                Misbehaviour::DuplicateVote(vote(Type::Prevote, block), vote(Type::Prevote, &other))
            }
            1 => {
                let signed =
                    |block| SignedProposal::of(&self.proposal(block, round, None, None)).unwrap();
                Misbehaviour::DuplicateProposal(signed(block), signed(&other))
            }
            _ => Misbehaviour::Amnesia(
                vote(Type::Precommit, block),
                SignedTimeout::of(&self.timeout(0, 1, round, None)).unwrap(),
            ),
        }
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
        let proposal = Proposal {
            round,
            block: block.clone(),
            justify: justify.map(Box::new),
            timeout_certificate: timeout_certificate.map(Box::new),
            proposer,
            signature: None,
        };
        let bytes = Unsigned::Proposal(proposal.clone()).sign_bytes(&self.id());
        Proposal {
            signature: Some(self.sign(index, &bytes)),
            ..proposal
        }
    }
}

fn public(key: &SigningKey) -> PublicKey {
    PublicKey::from_ed25519_consensus(key.verification_key())
}

/// One replica at height 1, among validators whose keys the test holds.
#[derive(Clone)]
pub(crate) struct Solo {
    pub(crate) chain: Chain,
    pub(crate) index: usize,
    pub(crate) machine: Consensus,
}

impl Solo {
    pub(crate) fn new(index: usize) -> Self {
        Self::with(index, Routing::Collector, SafetyRecord::default()).0
    }

    /// A replica that starts with `record`, and what it does at the start.
    pub(crate) fn with(
        index: usize,
        routing: Routing,
        record: SafetyRecord,
    ) -> (Self, Vec<Effect>) {
        let chain = Chain::new(4);
        let mut machine = Consensus::new(config(chain.address(index), routing), record);
        let electorate = Arc::new(chain.electorate(1));
        let effects = machine.step(Input::StartHeight {
            electorate,
            last_commit: None,
        });
        (
            Self {
                chain,
                index,
                machine,
            },
            effects,
        )
    }

    /// What it does when killed and started again with the record that its last step left on disk.
    pub(crate) fn restart(&self) -> (Self, Vec<Effect>) {
        Self::with(
            self.index,
            Routing::Collector,
            reread(self.machine.record()),
        )
    }

    /// A message arrives, is verified and fed.
    pub(crate) fn receive(&mut self, message: Message) -> Vec<Effect> {
        let electorate = Arc::clone(self.machine.electorate().unwrap());
        let input = verify(message, &electorate).expect("the test sends what verifies");
        self.machine.step(input)
    }

    pub(crate) fn proposal(&mut self, proposal: Proposal) -> Vec<Effect> {
        self.receive(Message::Proposal(proposal))
    }

    /// The round timer of `round` runs out.
    pub(crate) fn time_out(&mut self, round: u32) -> Vec<Effect> {
        self.machine.step(Input::Timer(Timer {
            height: 1,
            round,
            kind: TimerKind::Round,
        }))
    }

    pub(crate) fn rebroadcast(&mut self) -> Vec<Effect> {
        self.machine.step(Input::Timer(Timer {
            height: 1,
            round: 0,
            kind: TimerKind::Rebroadcast,
        }))
    }
}

pub(crate) fn config(address: account::Id, routing: Routing) -> Config {
    let milliseconds = Duration::from_millis;
    Config {
        address,
        routing,
        timeout_base: milliseconds(500),
        timeout_max: milliseconds(4_000),
        rebroadcast: milliseconds(400),
    }
}

/// A record after its way to the disk and back.
pub(crate) fn reread(record: &SafetyRecord) -> SafetyRecord {
    let blocks = record.block_bytes();
    let stored = |digest: &BlockDigest| blocks.get(digest).map(|bytes| bytes.to_vec());
    SafetyRecord::decode(&record.encode(), stored).unwrap()
}

/// What the effects sign, with recipients.
pub(crate) fn signs(effects: &[Effect]) -> Vec<(Unsigned, Recipient)> {
    let signs = effects.iter().filter_map(|effect| {
        let Effect::Sign { message, to } = effect else {
            return None;
        };
        Some((message.clone(), *to))
    });
    signs.collect()
}

/// The certificates that the effects send.
pub(crate) fn sends(effects: &[Effect]) -> Vec<Message> {
    let sends = effects.iter().filter_map(|effect| {
        let Effect::Send { message, .. } = effect else {
            return None;
        };
        Some(message.clone())
    });
    sends.collect()
}

/// The votes of a kind that the effects sign: round and block.
pub(crate) fn votes(effects: &[Effect], vote_type: Type) -> Vec<(u32, block::Id)> {
    let votes = signs(effects)
        .into_iter()
        .filter_map(|(message, _)| match message {
            Unsigned::Vote(vote) if vote.vote_type == vote_type => {
                Some((vote.round.value(), vote.block_id.unwrap()))
            }
            Unsigned::Vote(_) | Unsigned::Proposal(_) | Unsigned::Timeout(_) => None,
        });
    votes.collect()
}

/// The rounds that the effects time out, with the certificate round that they report.
pub(crate) fn timeouts(effects: &[Effect]) -> Vec<(u32, Option<u32>)> {
    let timeouts = signs(effects).into_iter().filter_map(|(message, _)| {
        let Unsigned::Timeout(timeout) = message else {
            return None;
        };
        Some((timeout.round, timeout.high_qc_round()))
    });
    timeouts.collect()
}

/// The proposals that the effects sign.
pub(crate) fn proposals(effects: &[Effect]) -> Vec<Proposal> {
    let proposals = signs(effects).into_iter().filter_map(|(message, _)| {
        let Unsigned::Proposal(proposal) = message else {
            return None;
        };
        Some(proposal)
    });
    proposals.collect()
}

/// The rounds for which the effects ask for a block.
pub(crate) fn builds(effects: &[Effect]) -> Vec<u32> {
    let builds = effects.iter().filter_map(|effect| {
        let Effect::Build { round, .. } = effect else {
            return None;
        };
        Some(*round)
    });
    builds.collect()
}

/// Who is reported.
pub(crate) fn accused(effects: &[Effect]) -> Vec<account::Id> {
    let accused = effects.iter().filter_map(|effect| {
        let Effect::Misbehaviour(misbehaviour) = effect else {
            return None;
        };
        Some(misbehaviour.offender())
    });
    accused.collect()
}

/// A signature never stands before the record that covers it.
pub(crate) fn assert_recorded(effects: &[Effect]) {
    let record = effects
        .iter()
        .position(|effect| matches!(effect, Effect::Persist(_)));
    let signed = effects
        .iter()
        .position(|effect| matches!(effect, Effect::Sign { .. }));
    assert!(record.is_some() && record < signed, "{effects:?}");
}
