//! What a client process is told, and what it tells: JSON lines on its standard input and output.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How payments are paced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Pace {
    /// An open loop: each payment is due at its time, whatever became of the others.
    Open {
        /// Payments of all clients together each second.
        rate: u32,
        /// How many clients take turns.
        clients: u32,
        /// Whose turn is this client's.
        client: u32,
    },
    /// As many as the chain takes: so many are always on their way.
    Saturate {
        /// Payments of this client that may be on their way.
        in_flight: u32,
    },
}

impl Pace {
    /// When a payment is due, from the beginning; `None`: when there is room for it.
    pub(crate) fn due(&self, payment: u64) -> Option<Duration> {
        match *self {
            Self::Open {
                rate,
                clients,
                client,
            } => {
                let turn = payment
                    .saturating_mul(u64::from(clients))
                    .saturating_add(u64::from(client));
                let nanos = u128::from(turn) * 1_000_000_000 / u128::from(rate.max(1));
                Some(Duration::from_nanos(
                    u64::try_from(nanos).unwrap_or(u64::MAX),
                ))
            }
            Self::Saturate { .. } => None,
        }
    }
}

/// A client's job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Job {
    /// The gateway that it talks to.
    pub(crate) node: String,
    /// Its first account.
    pub(crate) first_account: u64,
    /// How many it has.
    pub(crate) accounts: u64,
    /// Payments to sign beforehand.
    pub(crate) payments: u64,
    /// When to send them.
    pub(crate) pace: Pace,
    /// For so long nothing is measured.
    pub(crate) warm_up_ms: u64,
    /// Then for so long everything is.
    pub(crate) measured_ms: u64,
}

/// The payments are signed; the client waits for [`Start`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ready {
    /// How many.
    pub(crate) signed: u64,
}

/// When to begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Start {
    /// Unix time, milliseconds.
    pub(crate) at_ms: i64,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Payments that a node has admitted.
    pub(crate) submitted: u64,
    /// How often a node refused one for now, by code. They were sent again.
    pub(crate) put_off: BTreeMap<String, u64>,
    /// How often a node refused one for good, by code.
    pub(crate) refused: BTreeMap<String, u64>,
    /// Committed with a receipt that says otherwise.
    pub(crate) failed: u64,
    /// Seen committed within the measured time.
    pub(crate) committed: u64,
    /// Of those due within the measured time: from due to committed, microseconds.
    pub(crate) latencies_us: Vec<u64>,
    /// Due within the measured time and never seen committed.
    pub(crate) missing: u64,
    /// How late payments were sent: what this client was too slow for, microseconds.
    pub(crate) lags_us: Vec<u64>,
    /// Processor time of this client within the measured time.
    pub(crate) cpu_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_take_turns_at_even_distances() {
        let due = |client, payment| {
            let pace = Pace::Open {
                rate: 1_000,
                clients: 2,
                client,
            };
            pace.due(payment).unwrap().as_micros()
        };
        assert_eq!(
            [due(0, 0), due(1, 0), due(0, 1), due(1, 1)],
            [0, 1_000, 2_000, 3_000]
        );
        assert_eq!(due(0, 500_000), 1_000_000_000);
    }

    #[test]
    fn a_saturating_client_has_no_timetable() {
        assert_eq!(Pace::Saturate { in_flight: 5 }.due(7), None);
    }
}
