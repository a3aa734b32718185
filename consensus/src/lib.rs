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
//! # Time and turns
//!
//! Round 0 lasts a base time, each later round half as long again, up to a maximum; a commit begins anew. The base follows the
//! pace of the chain within the bounds of genesis, and is the replica's to tell
//! ([`machine::Consensus::set_timeout_base`]). More than a third of the power timing out brings along the others, so no
//! validator is left in an old round; a quorum of timeouts opens the next. While a height drags on every validator repeats its
//! last word and its best certificates. Who proposes follows from committed data alone, and the long absent are passed over
//! ([`proposer`]).
//!
//! # What could go wrong
//!
//! *A vote without a durable record*: one effect writes the record, and it precedes every signature of its step. *A vote in a round
//! after its timeout*: [`safety::SafetyRecord::open`], which looks at every later round too. *A certificate judged by the wrong
//! set*: every message is judged by the electorate of its own height, and the state machine ignores other heights. *Unbounded
//! future rounds*: votes count for a window of rounds, one place for each validator, kind and round; a validator's timeouts have
//! one place; far rounds are entered by certificate only. *A block that changes when it is proposed again*: its header holds
//! neither round nor justification, and a justification names the very block. *The time window on such a block*: timeliness is
//! judged of fresh ones only. *Certificates checked again and again*: each signature once ([`message::Known`]). *A collector that
//! withholds a certificate from some*: they learn it from the timeouts of the others. *One that withholds it from all, for many
//! rounds or over restarts*: the block of every prevote since the highest certificate known is kept, in the record too, so that
//! whoever is bound to it can propose it. *Large proposals out of turn*: refused by turn, before their content is read.
//! *Validators dead by turns*: the turn moves on by one each round, and stays with whoever succeeded. *The same key twice, or an
//! old record*: any input that shows a signature of the node's own key which the record does not account for is told before
//! anything else ([`safety::OwnSignature`]).
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
//! reported a low certificate, and two blocks could be committed. The proposer is stable for a term of heights, skips to its
//! successor on failure, and passes over the absent, as committed data shows. The timeout of a round names no more than a round
//! and is not aggregated: with Ed25519 a certificate is a list of signatures, so bytes and checks a height are quadratic although
//! messages are linear.
//!
//! *From Tendermint*: the objects. Prevotes and precommits are its canonical votes, and the commit is its `Commit` byte for
//! byte, so its light clients follow this chain unchanged ([`certificate`]). *Different*: certificates of prevotes travel
//! explicitly; there are no votes for nil; a round changes by proof, not by waiting; a timestamp in a vote is the header's and
//! not the voter's clock (headers are timed by their proposer, and judged by the replica before the core hears of them).
//! A precommit together with a timeout that denies it convicts its signer of amnesia, which Tendermint cannot prove offline
//! ([`misbehaviour`]). There is no write-ahead log to replay: the record is the whole of what must be remembered. Precommits go
//! to the proposer of the next height as well, and those that come late are gathered into the commit that its block carries.

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
