//! What the state machine asks for.

use std::time::Duration;

use tendermint::{account, block::Commit};

use crate::{
    candidate::Candidate,
    message::{Message, Unsigned},
    misbehaviour::Misbehaviour,
    safety::{OwnSignature, SafetyRecord},
};

/// Whom a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipient {
    /// Every validator of the height, this node among them.
    All,
    /// One validator; it may be this node.
    One(account::Id),
}

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimerKind {
    /// The round has lasted long enough.
    Round,
    /// Say again what others may have missed.
    Rebroadcast,
}

/// Names a timer. A timer of a height or round that is over means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timer {
    /// Height.
    pub height: u64,
    /// Round.
    pub round: u32,
    /// Purpose.
    pub kind: TimerKind,
}

/// One thing to do. To be done in the order given, each finished before the next is begun.
///
/// If `Persist` fails, none of the effects after it may be carried out. Then the machine remembers votes that nobody saw:
/// drop it and make another from the record on disk.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Make the record durable, in place of the one before it. It covers every `Sign` that follows.
    Persist(Box<SafetyRecord>),
    /// Sign with the validator's key, send, and if this node is a recipient feed the message back, verified. Feeding back a
    /// proposal is allowed and means nothing.
    Sign {
        /// What to sign.
        message: Unsigned,
        /// Whom it is for.
        to: Recipient,
    },
    /// Send a certificate. It needs no signature, and this node needs no copy.
    Send {
        /// A certificate.
        message: Message,
        /// Whom it is for.
        to: Recipient,
    },
    /// It is this node's turn: build a fresh block and answer with [`crate::input::Input::Built`]. May be left unanswered.
    Build {
        /// The height.
        height: u64,
        /// The round. Not part of the block.
        round: u32,
        /// What the block is to carry as `last_commit`: the commit of the height before, with every precommit that came late.
        last_commit: Option<Box<Commit>>,
    },
    /// Feed [`crate::input::Input::Timer`] after this long.
    Arm {
        /// Which.
        timer: Timer,
        /// How long.
        duration: Duration,
    },
    /// The block is decided: execute it, store it with its commit, then start the next height.
    Commit {
        /// The block.
        block: Candidate,
        /// Its certificate.
        commit: Box<Commit>,
    },
    /// A block is decided that this node does not hold: get it from a peer, apply it, then start the next height. Should the
    /// proposal arrive after all, `Commit` follows.
    Missing {
        /// The certificate names the block.
        commit: Box<Commit>,
    },
    /// This node's own key signed what its record does not know: another node has the key, or the record is an old one. Sign
    /// nothing more, the effects after this one among it.
    Foreign(OwnSignature),
    /// A validator broke the rules and signed the proof.
    Misbehaviour(Box<Misbehaviour>),
}
