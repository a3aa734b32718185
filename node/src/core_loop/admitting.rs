//! Admissions on their way through the replica, so much in one step that agreement never waits for long.

use std::collections::VecDeque;
use std::sync::Arc;
use std::vec;

use starfire_ledger::Checked;
use starfire_state::Rejection;

use crate::verify_pool::{Admission, Origin, Verdicts};

/// Accounts that admission may have to read in one step, and those of one transaction more. A batch of transactions of one account each
/// is one step.
const STEP_ACCOUNTS_MAX: usize = 256;

/// A transaction whose signatures hold, or why it can never be executed here.
type Judged = Result<Arc<Checked>, Rejection>;

/// Admissions that are not decided yet, in order.
#[derive(Debug, Default)]
pub(super) struct Admitting(VecDeque<Begun>);

/// An admission of which some transactions are decided.
#[derive(Debug)]
pub(super) struct Begun {
    left: vec::IntoIter<Judged>,
    pub(super) verdicts: Verdicts,
    pub(super) origin: Origin,
}

impl Admitting {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn extend(&mut self, admissions: Vec<Admission>) {
        let begun = admissions.into_iter().map(|admission| Begun {
            left: admission.transactions.into_iter(),
            verdicts: Verdicts::new(),
            origin: admission.origin,
        });
        self.0.extend(begun);
    }

    /// What the next step takes of each admission, in order. Each is given back to [`Self::settle`].
    pub(super) fn next_step(&mut self) -> Vec<(Begun, Vec<Judged>)> {
        let mut parts = Vec::new();
        let mut accounts = 0;
        while accounts < STEP_ACCOUNTS_MAX
            && let Some(mut begun) = self.0.pop_front()
        {
            let mut part = Vec::new();
            while accounts < STEP_ACCOUNTS_MAX
                && let Some(judged) = begun.left.next()
            {
                accounts += judged
                    .as_ref()
                    .map_or(0, |transaction| 1 + transaction.operation_sources);
                part.push(judged);
            }
            parts.push((begun, part));
        }
        parts
    }

    /// Answers an admission that is decided. Another goes on first in the next step: only the last one of a step has something left.
    pub(super) fn settle(&mut self, begun: Begun) {
        if begun.left.len() == 0 {
            begun.origin.decided(begun.verdicts);
        } else {
            self.0.push_front(begun);
        }
    }
}
