//! Tests that need the whole: simulated chains, real processes, tidiness.

mod sim;
mod tidy;
