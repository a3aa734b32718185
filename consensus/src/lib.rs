//! Decide the next block: a pure protocol, and the checks of what it leaves behind.
//!
//! [`machine::Consensus::step`] takes one [`input::Input`] and returns [`effect::Effect`]s. There is no clock, socket, disk,
//! randomness or private key in here. A replica that carries out the effects in order is a validator; the simulator carries
//! them out against a bad network and a bad disk.
//!
//! # The protocol
//!
//! A height is decided in rounds; each round has one proposer. In the good case, a round goes like this:
//!
//! 1. The proposer sends a **proposal**: a block.
//! 2. Each validator that may, sends the proposer a **prevote** for it.
//! 3. More than two thirds of the power make a **quorum certificate**, which the proposer sends to all.
//! 4. Each validator that may, takes the certificate as its lock and sends a **precommit** to this proposer and to the one of
//!    the next height.
//! 5. More than two thirds make a **commit**. The proposer sends it to all, and the next block carries it.
//!
//! When a round takes too long, validators send each other **timeouts**, naming the highest certificate that they know. A
//! quorum of timeouts is a **timeout certificate**. It opens the next round, whose proposal carries it, and it says what may be
//! proposed there: any block if no signer knew a certificate, else the block of a certificate at least as high as the highest
//! that a signer knew. The rules, each with the reason for it, are the predicates of [`safety`].
//!
//! Whatever a validator may not contradict later stands in the [`safety::SafetyRecord`], which is durable before the signature
//! leaves, together with the blocks it refers to. After a crash a validator says again what it said last, and nothing else.
//! Nothing is ever voted for but blocks: there are no votes for nil. Every vote carries the block's own time, so that the votes
//! for a block in a round are the same bytes whoever casts them, and a certificate is checked in one batch.
//!
//! An idle chain is silent: no timer runs until there is [work](input::Input::Work) or a proposal.
//!
//! # Where it comes from, and where it differs
//!
//! *From HotStuff-2*: two phases, votes collected by the proposer, certificates passed on. *Different*: where HotStuff-2's
//! proposer waits for the network's maximal delay when it lacks the last certificate, ours shows a timeout certificate, so it
//! never waits and nobody's hidden lock can stop the chain. Phases are not pipelined over heights: block `h` carries the commit
//! of `h - 1`, not a mere prepare certificate, because other programs read it as Tendermint's `last_commit`.
//!
//! *From Jolteon*: timeouts with the highest certificate's round in the signature, and the rule for proposals after them.
//! *Different*: a timeout closes its round **and every earlier one** to its signer. Amplified timeouts name rounds that their
//! signer never entered; a signer that checked the one round only could still precommit in an earlier round after it had
//! reported a low certificate, and two blocks could be committed. The proposer is stable for a term of heights, and skips to
//! its successor on failure, as committed headers show ([`proposer`]).
//!
//! *From Tendermint*: the objects. Prevotes and precommits are its canonical votes, and the commit is its `Commit` byte for
//! byte, so its light clients follow this chain unchanged ([`certificate`]). *Different*: certificates of prevotes travel
//! explicitly; there are no votes for nil; a round changes by proof, not by waiting; a timestamp in a vote is the header's and
//! not the voter's clock (headers are timed by their proposer, and judged by the replica before the core hears of them).
//! A precommit together with a timeout that denies it convicts its signer of amnesia, which Tendermint cannot prove offline
//! ([`misbehaviour`]).

pub mod ballots;
pub mod candidate;
pub mod certificate;
#[cfg(test)]
mod cluster;
pub mod effect;
pub mod electorate;
pub mod input;
pub mod machine;
pub mod message;
pub mod misbehaviour;
mod propose;
pub mod proposer;
pub mod quorum;
mod round;
pub mod safety;
pub mod sign_bytes;
mod signature;
mod tally;
#[cfg(test)]
mod testing;
mod vote;
pub mod wire;
