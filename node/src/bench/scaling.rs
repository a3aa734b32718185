//! How messages, bytes and processor time of a height grow with the number of validators, by either routing.

use serde::{Deserialize, Serialize};
use starfire_ledger::genesis::Routing;

use super::idle;
use crate::failure::Failure;

/// What to measure.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Sizes of the network.
    pub(crate) validators: Vec<usize>,
    /// By which routings.
    pub(crate) routings: Vec<Routing>,
    /// For so long nothing is measured.
    pub(crate) warm_up_s: u32,
    /// Then for so long everything is.
    pub(crate) seconds: u32,
}

/// The result: one row for each network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// In the order in which they were measured.
    pub(crate) networks: Vec<idle::Record>,
}

/// Measures one network after the other.
pub(crate) async fn measure(plan: &Plan, progress: &dyn Fn(&str)) -> Result<Record, Failure> {
    let mut networks = Vec::new();
    for validators in &plan.validators {
        for routing in &plan.routings {
            progress(&format!("{validators} validators, {routing:?}"));
            let plan = idle::Plan {
                directory: None,
                validators: *validators,
                routing: *routing,
                warm_up_s: plan.warm_up_s,
                seconds: plan.seconds,
            };
            networks.push(idle::measure(&plan, progress).await?);
        }
    }
    Ok(Record { networks })
}
