//! Who may issue which certificates: a tree of accreditations on the main chain.
//!
//! An accreditation is for one type of certificate in one jurisdiction and for a term. It says nothing of other types, and an
//! issuer may hold many. At the root stands one that a motion of the super nodes gave ([`Accredit`]). It may let its holder
//! accredit others ([`Grant`]) for the same type and jurisdiction, so many levels down. Who gave one takes it back ([`Revoke`]),
//! and a motion takes back any ([`Withdraw`]). The issuer's DID may be of a sub-chain: what it issues there is judged by its
//! accreditation here.
//!
//! An accreditation holds at a moment when it and every one above it, up to the root, are in force at that moment ([`judge()`]).
//! So the term of a grant may be longer than its giver's: it ends with it all the same. And whatever ends, at whatever level,
//! ends from then on: what was issued before keeps its standing. That it was given anew since does not take it away either (`past`).
//!
//! **No cycles.** A grant has a smaller depth than its giver's accreditation, and [`judge()`] asks this of every level again. So
//! depths grow on the way up, none stands there twice, and after [`DELEGATION_DEPTH_MAX`] levels there is none left to climb to.
//! Nor are there cycles that are refused only when judged: a grant to one of those above its giver is refused itself, and
//! without such a grant no link leads back down.

mod accredit;
mod answer;
mod chain;
mod grant;
mod judge;
mod past;
mod revoke;
mod scope;
mod withdraw;

pub use accredit::Accredit;
pub use answer::{answer, proof_paths};
pub use chain::{accreditation, chain, nearest};
pub use grant::Grant;
pub use judge::{Asked, Refused, describe, judge};
pub use past::{EARLIER_TERMS_MAX, EARLIER_TERMS_OF_ONE_MAX};
pub use revoke::Revoke;
pub use scope::{TYPE_BYTES_MAX, is_jurisdiction, is_type};
pub use withdraw::Withdraw;

/// How deep the tree may go below a root: so many further levels a root may allow.
pub const DELEGATION_DEPTH_MAX: u32 = 8;

/// Levels of one chain of accreditations, the root's and the issuer's included.
pub const LEVELS_MAX: usize = DELEGATION_DEPTH_MAX as usize + 1;

#[cfg(test)]
mod tests;
