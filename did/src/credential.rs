//! Credentials: what an issuer says of a subject, secured so that anyone can check it without asking the issuer.
//!
//! Everything here is pure: a credential is judged from its bytes and from what the caller has learned elsewhere ([`evidence::Evidence`]),
//! and issued with keys, times and salts that the caller gives. Formats differ only in how they are read: each makes a
//! [`parsed::Parsed`], and one function judges them all, step by step ([`verify::verify`]). What is not known is never assumed.

pub mod bitstring;
pub mod code;
pub(crate) mod confirmation;
pub mod evidence;
pub mod integrity;
pub mod json;
pub mod jwk;
pub mod malformed;
pub mod model;
pub mod parsed;
pub mod presentation;
pub mod report;
pub mod timestamp;
pub mod verify;
