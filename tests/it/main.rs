//! Tests that need the whole: simulated chains, real processes, tidiness.

mod e2e;
mod sim;
mod tidy;
