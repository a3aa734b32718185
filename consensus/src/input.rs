//! What the state machine is told.

use std::sync::Arc;

use tendermint::{block::Commit, vote::Vote};

use crate::{
    candidate::Candidate,
    effect::Timer,
    electorate::Electorate,
    message::{Proposal, Timeout, Verified},
    misbehaviour::Misbehaviour,
    quorum::{QuorumCertificate, TimeoutCertificate},
};

/// One thing that happened.
///
/// Messages of other heights are ignored, except late precommits of the height before. A replica keeps messages of the next
/// height until it starts that height, and answers those of earlier heights with the commit that it stored.
#[derive(Debug, Clone)]
pub enum Input {
    /// The block before is executed and durable: decide the next height. Also the first input after a start.
    StartHeight {
        /// Who decides.
        electorate: Arc<Electorate>,
        /// The commit of the block before; none at the first height.
        last_commit: Option<Commit>,
    },
    /// There is something to decide at this height: transactions, a proof block, the heartbeat. Until somebody says so, an
    /// idle height has no timers and no proposal.
    Work {
        /// The height meant.
        height: u64,
    },
    /// Sign nothing from now on, until told to [speak](Self::Speak).
    Hush {
        /// The height in progress.
        height: u64,
    },
    /// A machine that was made [silent](crate::machine::Consensus::silent) may sign from now on.
    Speak {
        /// The height in progress.
        height: u64,
    },
    /// The block that [`crate::effect::Effect::Build`] asked for. Valid, since this node built it.
    Built {
        /// The round that it was asked for.
        round: u32,
        /// The block, naming this node as its proposer.
        block: Candidate,
    },
    /// A proposal **whose block the replica has validated**: its contents, its app hash, and if fresh its time.
    Proposal(Verified<Proposal>),
    /// A prevote or a precommit, of another validator or of this one.
    Vote(Verified<Vote>),
    /// A quorum prevoted.
    QuorumCertificate(Verified<QuorumCertificate>),
    /// A validator gave up on a round.
    Timeout(Verified<Timeout>),
    /// A quorum gave up on a round.
    TimeoutCertificate(Verified<TimeoutCertificate>),
    /// A quorum precommitted.
    Commit(Verified<Commit>),
    /// Another node found a validator out.
    Misbehaviour(Verified<Box<Misbehaviour>>),
    /// A timer that [`crate::effect::Effect::Arm`] set has run out. Stale ones are ignored: nothing needs disarming.
    Timer(Timer),
}

impl Input {
    /// The height that it is about.
    pub fn height(&self) -> u64 {
        match self {
            Self::StartHeight { electorate, .. } => electorate.height(),
            Self::Work { height } | Self::Hush { height } | Self::Speak { height } => *height,
            Self::Built { block, .. } => block.header().height.value(),
            Self::Proposal(proposal) => proposal.height(),
            Self::Vote(vote) => vote.height.value(),
            Self::QuorumCertificate(certificate) => certificate.height,
            Self::Timeout(timeout) => timeout.height,
            Self::TimeoutCertificate(certificate) => certificate.height,
            Self::Commit(commit) => commit.height.value(),
            Self::Misbehaviour(misbehaviour) => misbehaviour.height(),
            Self::Timer(timer) => timer.height,
        }
    }
}
