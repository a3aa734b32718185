//! Who is who: `did:bid` identifiers, the keys behind them, and the documents that a chain keeps of them.
//!
//! An identifier is derived from a public key, so nobody can register another's. A document is stored whole, one record a
//! version, each linked to the one before by its hash. [`resolve`] reads them; one file a transaction writes them:
//! [`create`], [`update`], [`rotate`], [`deactivate`]. [`issuer`] says who may issue which certificates, [`schema`] what they look
//! like, [`status_list`] which of them are revoked.

mod authority;
pub mod base58;
pub mod bid_view;
pub mod code;
pub mod create;
pub mod credential;
pub mod deactivate;
pub mod dereference;
pub mod did_url;
pub mod document;
mod extension;
#[cfg(test)]
mod fixture;
pub mod foreign;
pub mod history;
pub mod id;
pub mod issuer;
pub mod jose;
pub mod key;
pub mod name;
pub mod path;
pub mod render;
pub mod resolution;
pub mod resolve;
pub mod rotate;
pub mod schema;
pub mod sd_jwt;
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
