//! What one chain may believe of another, and what a person may believe of a chain.
//!
//! A sub-chain shows the main chain its headers with the signatures that prove them ([`anchor`]); the main chain checks those as a
//! light client does, and freezes a sub-chain ([`misbehaviour`]) that signed two headers for one height. So a value of a sub-chain
//! hangs on a path: its proof under the sub-chain's header, that header's anchor under a main header, and the main header's
//! signatures under the validators that a verifier has pinned ([`trust`]), or those who [follow them](succession). A [`proof_file`] holds that path in one file, and a
//! [`document`] the thing that it proves. Nothing here is believed because of who says it.

pub mod anchor;
pub mod attack;
pub mod chain;
pub mod chain_document;
pub mod code;
pub mod commitment;
pub mod document;
pub mod json;
pub mod misbehaviour;
pub mod path;
pub mod proof_file;
pub mod registered;
pub mod sealed;
pub mod succession;
pub mod text;
pub mod trust;
pub mod unix_ms;
pub mod validators;

#[cfg(test)]
mod fixture;
