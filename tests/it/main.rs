//! Tests that need the whole: simulated chains, real processes, tidiness.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "all of this is tests: a failed unwrap is a failed test, and what a run explored is worth a line"
)]

mod certificates;
mod codes;
mod credentials;
mod decoders;
mod e2e;
mod liveness;
mod protocol;
mod sim;
mod switches;
mod tidy;
