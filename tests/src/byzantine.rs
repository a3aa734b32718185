//! Validators that lie: a library of misbehaviour, one file each.
//!
//! A Byzantine validator has its key, hears everything that is sent to it, and runs an honest machine to have something to
//! depart from. A [`Behaviour`] stands between that machine and the network. Both simulators take them, so whatever is said
//! here is said with real signatures over real bytes.

use std::fmt;

use starfire_consensus::candidate::Candidate;
use starfire_consensus::effect::Recipient;
use starfire_consensus::message::{Message, Proposal, Timeout, Unsigned};
use starfire_consensus::quorum::QuorumCertificate;
use tendermint::block::{Height, Id, Round};
use tendermint::vote::{Type, ValidatorIndex, Vote};
use tendermint::{Signature, Time, account, chain, validator};

mod amnesia;
mod delayed_block;
mod double_timeout;
mod double_voter;
mod equivocating_proposer;
mod forged_high_round;
pub mod invalid_block;
mod oversize;
mod replayer;
mod selective_send;
mod stale_timeout_certificate;
mod withheld_certificate;

/// What a liar does with what it would honestly say, and with what it hears.
pub trait Behaviour: fmt::Debug {
    /// What leaves in place of a message that the honest machine sends.
    fn send(&mut self, hand: &Hand<'_>, message: Message, to: Recipient) -> Vec<Letter>;

    /// What leaves on hearing another validator's message of the current height.
    fn hear(&mut self, _hand: &Hand<'_>, _message: &Message) -> Vec<Letter> {
        Vec::new()
    }
}

/// Bytes on their way out.
#[derive(Debug, Clone)]
pub struct Letter {
    /// For whom.
    pub to: Recipient,
    /// What, encoded or not.
    pub bytes: Vec<u8>,
}

impl Letter {
    /// A well-formed letter.
    pub fn new(to: Recipient, message: &Message) -> Self {
        Self {
            to,
            bytes: message.encode(),
        }
    }

    /// A letter to everyone.
    pub fn to_all(message: &Message) -> Self {
        Self::new(Recipient::All, message)
    }
}

/// A liar's hand: where it stands, and a pen.
pub struct Hand<'a> {
    /// Who it is.
    pub address: account::Id,
    /// The chain.
    pub chain_id: &'a chain::Id,
    /// The height that its machine decides.
    pub height: u64,
    /// Who decides it.
    pub validators: &'a validator::Set,
    /// Its key.
    pub pen: &'a dyn Fn(&[u8]) -> Signature,
}

impl fmt::Debug for Hand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hand")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Hand<'_> {
    /// Signs anything.
    pub fn sign(&self, message: Unsigned) -> Message {
        let signature = (self.pen)(&message.sign_bytes(self.chain_id));
        message.signed(signature)
    }

    /// A vote for any block in any round.
    ///
    /// # Panics
    /// When the liar is not in the set that it votes in.
    pub fn vote(&self, vote_type: Type, id: Id, time: Time, round: u32) -> Message {
        let index = self
            .everyone()
            .iter()
            .position(|address| *address == self.address)
            .expect("a liar has a vote");
        self.sign(Unsigned::Vote(Vote {
            vote_type,
            height: Height::try_from(self.height).expect("a height"),
            round: Round::try_from(round).expect("a round"),
            block_id: Some(id),
            timestamp: Some(time),
            validator_address: self.address,
            validator_index: ValidatorIndex::try_from(index).expect("a set is small"),
            signature: None,
            extension: Vec::new(),
            extension_signature: None,
        }))
    }

    /// A timeout of any round, with any certificate.
    pub fn timeout(&self, round: u32, high_qc: Option<QuorumCertificate>) -> Message {
        self.sign(Unsigned::Timeout(Timeout {
            height: self.height,
            round,
            high_qc,
            validator: self.address,
            signature: None,
        }))
    }

    /// A proposal of another block in place of `proposal`'s.
    pub fn propose(&self, proposal: &Proposal, block: Candidate) -> Message {
        self.sign(Unsigned::Proposal(Proposal {
            block,
            signature: None,
            ..proposal.clone()
        }))
    }

    /// The validators, in set order.
    pub fn everyone(&self) -> Vec<account::Id> {
        self.validators
            .validators()
            .iter()
            .map(|validator| validator.address)
            .collect()
    }
}

/// One entry of the library.
#[derive(Debug, Clone, Copy)]
pub struct Lie {
    /// Its name.
    pub name: &'static str,
    /// Whether it signs statements that contradict each other, so that it must be caught.
    pub convicts: bool,
    /// A liar of this kind; the number varies it.
    pub make: fn(u64) -> Box<dyn Behaviour>,
}

/// The whole library.
pub const LIES: [Lie; 12] = [
    equivocating_proposer::LIE,
    withheld_certificate::LIE,
    stale_timeout_certificate::LIE,
    forged_high_round::LIE,
    double_timeout::LIE,
    amnesia::LIE,
    selective_send::LIE,
    delayed_block::LIE,
    oversize::LIE,
    invalid_block::LIE,
    replayer::LIE,
    double_voter::LIE,
];
