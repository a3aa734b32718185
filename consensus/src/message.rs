//! The messages that validators exchange, and the checks that stand between the network and the state machine.
//!
//! [`verify`] is a pure function of a message and the electorate of its height: it runs on any thread, and only it makes a
//! [`Verified`]. It checks whatever needs no memory of the height: signatures, quorums, form, and whose turn it was. What
//! needs memory, the voting rules, is in `safety.rs`.

mod checks;
mod known;

pub(crate) use checks::{vote_bytes, vote_form as check_vote_form};
pub use known::Known;

use std::ops::Deref;

use tendermint::{Signature, account, block::Commit, chain, vote::Vote};

use crate::{
    candidate::Candidate,
    electorate::Electorate,
    input::Input,
    misbehaviour::Misbehaviour,
    quorum::{QuorumCertificate, TimeoutCertificate},
    sign_bytes,
};

/// A block put forward in a round, with what justifies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The round.
    pub round: u32,
    /// The block; its header gives the height.
    pub block: Candidate,
    /// A quorum's prevotes for this very block in an earlier round. None: the block is fresh.
    pub justify: Option<Box<QuorumCertificate>>,
    /// How the round before was given up. None in round 0 only.
    pub timeout_certificate: Option<Box<TimeoutCertificate>>,
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
    /// A validator broke the rules, and this proves it.
    Misbehaviour(Box<Misbehaviour>),
}

impl Message {
    /// Who signed it, if it is one validator's word. Such a message comes from its signer directly and is passed on by nobody;
    /// certificates and proofs stand for themselves, whoever sends them.
    pub fn signer(&self) -> Option<account::Id> {
        match self {
            Self::Proposal(proposal) => Some(proposal.proposer),
            Self::Vote(vote) => Some(vote.validator_address),
            Self::Timeout(timeout) => Some(timeout.validator),
            Self::QuorumCertificate(_)
            | Self::TimeoutCertificate(_)
            | Self::Commit(_)
            | Self::Misbehaviour(_) => None,
        }
    }

    /// The height by whose electorate it is to be judged.
    pub fn height(&self) -> u64 {
        match self {
            Self::Proposal(proposal) => proposal.height(),
            Self::Vote(vote) => vote.height.value(),
            Self::QuorumCertificate(certificate) => certificate.height,
            Self::Timeout(timeout) => timeout.height,
            Self::TimeoutCertificate(certificate) => certificate.height,
            Self::Commit(commit) => commit.height.value(),
            Self::Misbehaviour(misbehaviour) => misbehaviour.height(),
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

    /// The message with its signature, ready to send, and what this node feeds itself if it is a recipient: its own signature
    /// needs no check. Its own proposal it knows already.
    pub fn signed_here(self, signature: Signature) -> (Message, Option<Input>) {
        let message = self.signed(signature);
        let input = match &message {
            Message::Vote(vote) => Some(Input::Vote(Verified(vote.clone()))),
            Message::Timeout(timeout) => Some(Input::Timeout(Verified(timeout.clone()))),
            Message::Proposal(_)
            | Message::QuorumCertificate(_)
            | Message::TimeoutCertificate(_)
            | Message::Commit(_)
            | Message::Misbehaviour(_) => None,
        };
        (message, input)
    }

    /// The message with its signature, ready to send.
    pub fn signed(self, signature: Signature) -> Message {
        let signature = Some(signature);
        match self {
            Self::Proposal(proposal) => Message::Proposal(Proposal {
                signature,
                ..proposal
            }),
            Self::Vote(vote) => Message::Vote(Vote { signature, ..vote }),
            Self::Timeout(timeout) => Message::Timeout(Timeout {
                signature,
                ..timeout
            }),
        }
    }
}

/// A message that [`verify`] accepted, or [`crate::ballots`] with others in one batch, or that this node signed itself. There is
/// no other way to make one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// For checks elsewhere in this crate.
    pub(crate) fn new(checked: T) -> Self {
        Self(checked)
    }

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
    /// A proof of misbehaviour that proves none.
    #[error("what is said of {0} is not proved")]
    Unproved(account::Id),
    /// A signature, or one in a certificate, is bad.
    #[error("a signature is not valid")]
    Signature,
}

/// Judge a message by the electorate of its height. What comes out is an input for the state machine; a proposal must have
/// its block validated before it is fed.
pub fn verify(message: Message, electorate: &Electorate) -> Result<Input, Refusal> {
    verify_knowing(message, electorate, &mut Known::default())
}

/// As [`verify`], without checking again the signatures in certificates of this height that are known to be good.
pub fn verify_knowing(
    message: Message,
    electorate: &Electorate,
    known: &mut Known,
) -> Result<Input, Refusal> {
    let expected = electorate.height();
    if message.height() != expected {
        return Err(Refusal::OtherHeight {
            found: message.height(),
            expected,
        });
    }
    match message {
        Message::Proposal(proposal) => checks::proposal(&proposal, electorate, known)
            .map(|()| Input::Proposal(Verified(proposal))),
        Message::Vote(vote) => {
            checks::vote(&vote, electorate).map(|()| Input::Vote(Verified(vote)))
        }
        Message::QuorumCertificate(certificate) => known
            .quorum_certificate(&certificate, electorate)
            .map(|()| Input::QuorumCertificate(Verified(certificate))),
        Message::Timeout(timeout) => {
            checks::timeout(&timeout, electorate, known).map(|()| Input::Timeout(Verified(timeout)))
        }
        Message::TimeoutCertificate(certificate) => known
            .timeout_certificate(&certificate, electorate)
            .map(|()| Input::TimeoutCertificate(Verified(certificate))),
        Message::Commit(commit) => {
            checks::commit(&commit, electorate).map(|()| Input::Commit(Verified(commit)))
        }
        Message::Misbehaviour(misbehaviour) => {
            if misbehaviour.convicts(electorate) {
                Ok(Input::Misbehaviour(Verified(misbehaviour)))
            } else {
                Err(Refusal::Unproved(misbehaviour.offender()))
            }
        }
    }
}

/// What a proposal signs.
fn proposal_bytes(proposal: &Proposal, chain_id: &chain::Id) -> Vec<u8> {
    let pol_round = proposal.justify.as_ref().map(|justify| justify.round);
    sign_bytes::proposal(
        chain_id,
        proposal.height(),
        proposal.round,
        pol_round,
        proposal.block.id(),
        proposal.block.time(),
    )
}

/// What a timeout signs.
fn timeout_bytes(timeout: &Timeout, chain_id: &chain::Id) -> Vec<u8> {
    sign_bytes::timeout(
        chain_id,
        timeout.height,
        timeout.round,
        timeout.high_qc_round(),
    )
}
