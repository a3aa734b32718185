//! Public registries besides DIDs: evidence.
//!
//! A piece of evidence is a commitment to a document or file, under its issuer's name and a block's time. The chain holds no
//! content. [`add`] writes it, [`revoke`] takes its word back, and nothing removes either. [`lookup`] reads them.

pub mod add;
pub mod code;
#[cfg(test)]
mod fixture;
pub mod lookup;
pub mod path;
pub mod revoke;
