//! The messages that validators exchange, and the checks that stand between the network and the state machine.
//!
//! [`verify`] is a pure function of a message and the electorate of its height: it runs on any thread, and only it makes a
//! [`Verified`]. It checks whatever needs no memory of the height: signatures, quorums, form, and whose turn it was. What
//! needs memory, the voting rules, is in `safety.rs`.

use std::ops::Deref;

use tendermint::{Signature, account, block::Commit, block::CommitSig, chain, vote::Type, vote::Vote};

use crate::{
    candidate::Candidate,
    electorate::Electorate,
    input::Input,
    quorum::{QuorumCertificate, TimeoutCertificate},
    sign_bytes, signature,
};

/// A block put forward in a round, with what justifies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The round.
    pub round: u32,
    /// The block; its header gives the height.
    pub block: Candidate,
    /// A quorum's prevotes for this very block in an earlier round. None: the block is fresh.
    pub justify: Option<QuorumCertificate>,
    /// How the round before was given up. None in round 0 only.
    pub timeout_certificate: Option<TimeoutCertificate>,
    /// Whose turn the round is. The header names the block's first proposer, who may be another.
    pub proposer: account::Id,
    /// None until signed.
    pub signature: Option<Signature>,
}

/// A validator gives up on a round, and says what it knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeout {
    /// The height.
    pub height: u64,
    /// The round. The validator votes in no round up to this one again.
    pub round: u32,
    /// The highest quorum certificate known. Its round is signed; it proves itself.
    pub high_qc: Option<QuorumCertificate>,
    /// Who.
    pub validator: account::Id,
    /// None until signed.
    pub signature: Option<Signature>,
}

impl Proposal {
    /// The height.
    pub fn height(&self) -> u64 {
        self.block.header().height.value()
    }

    /// Whether nobody vouched for the block yet. Timeliness is judged for fresh blocks only.
    pub fn is_fresh(&self) -> bool {
        self.justify.is_none()
    }
}

impl Timeout {
    /// The round of the certificate known.
    pub fn high_qc_round(&self) -> Option<u32> {
        self.high_qc.as_ref().map(|high| high.round)
    }
}

/// A message, as decoded: nothing of it is believed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A block is put forward.
    Proposal(Proposal),
    /// A prevote or a precommit.
    Vote(Vote),
    /// A quorum prevoted.
    QuorumCertificate(QuorumCertificate),
    /// A validator gave up on a round.
    Timeout(Timeout),
    /// A quorum gave up on a round.
    TimeoutCertificate(TimeoutCertificate),
    /// A quorum precommitted: the height is decided.
    Commit(Commit),
}

impl Message {
    /// The height by whose electorate it is to be judged.
    pub fn height(&self) -> u64 {
        match self {
            Self::Proposal(proposal) => proposal.height(),
            Self::Vote(vote) => vote.height.value(),
            Self::QuorumCertificate(certificate) => certificate.height,
            Self::Timeout(timeout) => timeout.height,
            Self::TimeoutCertificate(certificate) => certificate.height,
            Self::Commit(commit) => commit.height.value(),
        }
    }
}

/// A message that this node is to sign: what [`crate::effect::Effect::Sign`] carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unsigned {
    /// A proposal.
    Proposal(Proposal),
    /// A prevote or a precommit.
    Vote(Vote),
    /// A timeout.
    Timeout(Timeout),
}

impl Unsigned {
    /// What to sign with the validator's key.
    pub fn sign_bytes(&self, chain_id: &chain::Id) -> Vec<u8> {
        match self {
            Self::Proposal(proposal) => proposal_bytes(proposal, chain_id),
            Self::Vote(vote) => vote.clone().into_signable_vec(chain_id.clone()),
            Self::Timeout(timeout) => timeout_bytes(timeout, chain_id),
        }
    }

    /// The message with its signature, ready to send.
    pub fn signed(self, signature: Signature) -> Message {
        let signature = Some(signature);
        match self {
            Self::Proposal(proposal) => Message::Proposal(Proposal { signature, ..proposal }),
            Self::Vote(vote) => Message::Vote(Vote { signature, ..vote }),
            Self::Timeout(timeout) => Message::Timeout(Timeout { signature, ..timeout }),
        }
    }
}

/// A message that [`verify`] accepted. There is no other way to make one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// The message.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Why a message is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another electorate must judge it.
    #[error("the message is of height {found}, not {expected}")]
    OtherHeight {
        /// The message's.
        found: u64,
        /// The electorate's.
        expected: u64,
    },
    /// It breaks a rule of form.
    #[error("malformed: {0}")]
    Malformed(&'static str),
    /// The signer has no vote at this height.
    #[error("{0} is not a validator of this height")]
    Stranger(account::Id),
    /// A proposal out of turn.
    #[error("it was not {0}'s turn to propose")]
    Turn(account::Id),
    /// A certificate of too few.
    #[error("the signers are no quorum")]
    NoQuorum,
    /// A signature, or one in a certificate, is bad.
    #[error("a signature is not valid")]
    Signature,
}

/// Judge a message by the electorate of its height. What comes out is an input for the state machine; a proposal must have
/// its block validated before it is fed.
pub fn verify(message: Message, electorate: &Electorate) -> Result<Input, Refusal> {
    let expected = electorate.height();
    if message.height() != expected {
        return Err(Refusal::OtherHeight { found: message.height(), expected });
    }
    match message {
        Message::Proposal(proposal) => {
            check_proposal(&proposal, electorate).map(|()| Input::Proposal(Verified(proposal)))
        }
        Message::Vote(vote) => check_vote(&vote, electorate).map(|()| Input::Vote(Verified(vote))),
        Message::QuorumCertificate(certificate) => {
            certificate.check(electorate).map(|()| Input::QuorumCertificate(Verified(certificate)))
        }
        Message::Timeout(timeout) => check_timeout(&timeout, electorate).map(|()| Input::Timeout(Verified(timeout))),
        Message::TimeoutCertificate(certificate) => {
            certificate.check(electorate).map(|()| Input::TimeoutCertificate(Verified(certificate)))
        }
        Message::Commit(commit) => check_commit(&commit, electorate).map(|()| Input::Commit(Verified(commit))),
    }
}

fn check_proposal(proposal: &Proposal, electorate: &Electorate) -> Result<(), Refusal> {
    let header = proposal.block.header();
    if header.chain_id != *electorate.chain_id() {
        return Err(Refusal::Malformed("the block is of another chain"));
    }
    if header.last_block_id != electorate.parent().map(|parent| parent.block_id) {
        return Err(Refusal::Malformed("the block does not extend the committed one"));
    }
    if header.validators_hash != electorate.validators_hash() {
        return Err(Refusal::Malformed("the block names another validator set"));
    }
    if proposal.proposer != electorate.proposer(proposal.round) {
        return Err(Refusal::Turn(proposal.proposer));
    }
    if proposal.is_fresh() && header.proposer_address != proposal.proposer {
        return Err(Refusal::Malformed("a fresh block names its proposer"));
    }
    if proposal.timeout_certificate.as_ref().map(|certificate| certificate.round) != proposal.round.checked_sub(1) {
        return Err(Refusal::Malformed("a proposal shows how the round before it ended"));
    }
    if let Some(justify) = &proposal.justify
        && (justify.block_id != proposal.block.id() || justify.round >= proposal.round)
    {
        return Err(Refusal::Malformed("a justification is for this block, from an earlier round"));
    }
    let message = proposal_bytes(proposal, electorate.chain_id());
    check_signature(proposal.proposer, &message, proposal.signature.as_ref(), electorate)?;
    if let Some(justify) = &proposal.justify {
        justify.check(electorate)?;
    }
    proposal.timeout_certificate.as_ref().map_or(Ok(()), |certificate| certificate.check(electorate))
}

fn check_vote(vote: &Vote, electorate: &Electorate) -> Result<(), Refusal> {
    if vote.block_id.is_none() || vote.timestamp.is_none() {
        return Err(Refusal::Malformed("a vote is for a block; there are no votes for nil"));
    }
    if !vote.extension.is_empty() || vote.extension_signature.is_some() {
        return Err(Refusal::Malformed("votes carry no extensions"));
    }
    let Some(index) = electorate.index(vote.validator_address) else {
        return Err(Refusal::Stranger(vote.validator_address));
    };
    if usize::from(vote.validator_index) != index {
        return Err(Refusal::Malformed("the validator stands elsewhere in the set"));
    }
    let message = vote.clone().into_signable_vec(electorate.chain_id().clone());
    check_signature(vote.validator_address, &message, vote.signature.as_ref(), electorate)
}

fn check_timeout(timeout: &Timeout, electorate: &Electorate) -> Result<(), Refusal> {
    if timeout.high_qc_round().is_some_and(|round| round > timeout.round) {
        return Err(Refusal::Malformed("who knows a later round's certificate is in that round"));
    }
    let message = timeout_bytes(timeout, electorate.chain_id());
    check_signature(timeout.validator, &message, timeout.signature.as_ref(), electorate)?;
    timeout.high_qc.as_ref().map_or(Ok(()), |high| high.check(electorate))
}

/// A commit as this protocol makes them: every signature over one message, in one batch.
fn check_commit(commit: &Commit, electorate: &Electorate) -> Result<(), Refusal> {
    if commit.signatures.len() != electorate.count() {
        return Err(Refusal::Malformed("a certificate has one place for each validator"));
    }
    let mut power = 0u64;
    let mut message: Option<(tendermint::Time, Vec<u8>)> = None;
    let mut signed = Vec::with_capacity(commit.signatures.len());
    for (index, place) in commit.signatures.iter().enumerate() {
        let (address, time, signature) = match place {
            CommitSig::BlockIdFlagAbsent => continue,
            CommitSig::BlockIdFlagNil { .. } => return Err(Refusal::Malformed("there are no votes for nil")),
            CommitSig::BlockIdFlagCommit { validator_address, timestamp, signature } => {
                (*validator_address, *timestamp, signature)
            }
        };
        if address != electorate.address(index) {
            return Err(Refusal::Malformed("a certificate lists its signers in set order"));
        }
        let Some(signature) = signature else { return Err(Refusal::Signature) };
        let (common, _) = message.get_or_insert_with(|| {
            let (height, round) = (commit.height.value(), commit.round.value());
            (time, sign_bytes::vote(electorate.chain_id(), Type::Precommit, height, round, commit.block_id, time))
        });
        if *common != time {
            return Err(Refusal::Malformed("every vote carries the block's time"));
        }
        power = power.saturating_add(electorate.power(index));
        signed.push((index, signature));
    }
    let Some((_, message)) = message else { return Err(Refusal::NoQuorum) };
    if !electorate.is_quorum(power) {
        return Err(Refusal::NoQuorum);
    }
    let items: Vec<signature::Item<'_>> =
        signed.iter().map(|(index, signature)| (*electorate.key(*index), &message[..], signature.as_bytes())).collect();
    if signature::all_valid(&items) { Ok(()) } else { Err(Refusal::Signature) }
}

fn check_signature(
    signer: account::Id,
    message: &[u8],
    signature: Option<&Signature>,
    electorate: &Electorate,
) -> Result<(), Refusal> {
    let Some(index) = electorate.index(signer) else { return Err(Refusal::Stranger(signer)) };
    let Some(signature) = signature else { return Err(Refusal::Signature) };
    if signature::valid(electorate.key(index), message, signature.as_bytes()) { Ok(()) } else { Err(Refusal::Signature) }
}

fn proposal_bytes(proposal: &Proposal, chain_id: &chain::Id) -> Vec<u8> {
    let pol_round = proposal.justify.as_ref().map(|justify| justify.round);
    sign_bytes::proposal(chain_id, proposal.height(), proposal.round, pol_round, proposal.block.id(), proposal.block.time())
}

fn timeout_bytes(timeout: &Timeout, chain_id: &chain::Id) -> Vec<u8> {
    sign_bytes::timeout(chain_id, timeout.height, timeout.round, timeout.high_qc_round())
}
