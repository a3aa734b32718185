//! Who is who: `did:bid` identifiers, the keys behind them, and the documents that a chain keeps of them.
//!
//! An identifier is derived from a public key, so nobody can register another's. A document is stored whole, one record a
//! version, each linked to the one before by its hash. [`resolve`] reads them; one file a transaction writes them:
//! [`create`], [`create_batch`], [`update`], [`rotate`], [`recover`], [`deactivate`], [`add_resource`]; [`policy`] says for whom
//! those who signed may speak. [`issuer`] says who may issue which certificates, [`schema`] what they look like, [`status_list`]
//! which of them are revoked. [`contract`] answers the calls of BIF's SDKs by all of these.

pub mod add_resource;
mod authority;
pub mod base58;
pub mod bid_view;
pub mod code;
pub mod contract;
pub mod create;
pub mod create_batch;
pub mod credential;
pub mod deactivate;
pub mod delegation;
pub mod dereference;
pub mod did_url;
pub mod document;
mod extension;
#[cfg(test)]
mod fixture;
pub mod foreign;
mod handover;
pub mod history;
pub mod id;
pub mod issuer;
pub mod jose;
pub mod key;
mod known;
#[cfg(test)]
mod model;
pub mod name;
pub mod path;
pub mod policy;
pub mod recover;
pub mod render;
pub mod resolution;
pub mod resolve;
pub mod resource;
pub mod rotate;
pub mod schema;
pub mod sd_jwt;
mod shown;
pub mod signature;
pub mod signing_key;
pub mod status_list;
pub mod update;
mod uri;
pub mod verification_key;

pub use document::Document;
pub use id::{ChainCode, Did, DidError};
pub use key::{KeyAlgorithm, KeyError, PrivateKey, PublicKey};
pub use signing_key::SigningKey;
pub use verification_key::VerificationKey;
