//! Our credentials before `spruceid/ssi`, and its before us.
//!
//! The JavaScript libraries are one second opinion (`tests/it/credentials`), this is another, by other people in another language:
//! its JSON-LD, its canonical form of RDF, its JOSE and its status lists share no code with ours. What both sides say is asked here
//! in the same words; the tests hold the answers against each other. Nothing is fetched: `ssi` has contexts built in, and a future
//! of its that would wait is a failure ([`theirs::now`]).

pub mod altered;
pub mod ours;
pub mod person;
pub mod theirs;

/// The first second of 2026, Unix milliseconds: when everything here is issued.
pub const ISSUED_MS: i64 = 1_767_225_600_000;
/// The same, as a text.
pub const ISSUED: &str = "2026-01-01T00:00:00Z";
/// A minute later: when it is judged.
pub const NOW_MS: i64 = ISSUED_MS + 60_000;
/// A year, milliseconds.
pub const YEAR_MS: i64 = 365 * 24 * 60 * 60 * 1000;
