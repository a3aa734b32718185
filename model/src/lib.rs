//! What the models stand on: the simulator's chain of validators, and how far to explore.
//!
//! `STATES=5000000 cargo test --manifest-path model/Cargo.toml -- --nocapture` explores that many states in each run, and prints
//! what it explored. `tests/rules.rs` asks the voting predicates alone; `tests/step.rs` drives the machine of a node.

#[path = "../../tests/src/protocol/chain.rs"]
pub mod chain;

/// States that a run may generate: `ordinary`, or what the environment says.
///
/// # Panics
/// When the environment's number is none.
pub fn states(ordinary: usize) -> usize {
    std::env::var("STATES").map_or(ordinary, |text| text.parse().expect("STATES is a number"))
}
