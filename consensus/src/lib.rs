//! under writing
pub mod candidate;
pub mod certificate;
pub mod effect;
pub mod electorate;
pub mod input;
pub mod machine;
pub mod message;
pub mod misbehaviour;
pub mod proposer;
mod propose;
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
