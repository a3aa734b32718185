//! Model checking: every interleaving of a small chain, or as many as there is time for.
//!
//! [`rules`] asks the voting predicates alone, and finds what goes wrong when one of them is read loosely. [`step`] drives the
//! very machine that a node runs. `STATES=5000000` explores that many states; each run prints what it explored.

mod rules;
mod step;

use crate::sim::number;

/// States that a run may generate.
fn states(ordinary: usize) -> usize {
    number("STATES").map_or(ordinary, |states| usize::try_from(states).unwrap())
}
