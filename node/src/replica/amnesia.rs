//! A validator that lost its safety record does not know what it has signed, so it waits until that no longer matters.
//!
//! Let T be a height that the node has caught up to and that is not below what a quorum of the other validators report. As
//! collector the node may have known of one commit that nobody else reports yet (T+1) and have voted at the height after it (T+2).
//! From T+3 on it cannot have signed anything, so there it votes again.

use std::collections::BTreeMap;

use starfire_consensus::machine::Consensus;
use starfire_consensus::safety::SafetyRecord;
use tendermint::{Time, account};

use super::{Output, Replica, config};

/// Who reported which height.
#[derive(Debug, Default)]
pub(super) struct Reports(BTreeMap<account::Id, u64>);

impl Replica {
    pub(super) fn height_reported(
        &mut self,
        now: Time,
        validator: account::Id,
        height: u64,
        outputs: &mut Vec<Output>,
    ) {
        let Some(reports) = &mut self.amnesia else {
            return;
        };
        let me = self.signer.as_ref().map(crate::signer::Signer::address);
        if self.electorate.index(validator).is_none() || Some(validator) == me {
            return;
        }
        let known = reports.0.entry(validator).or_insert(0);
        *known = height.max(*known);
        self.end_amnesia(now, outputs);
    }

    /// Ends the silence once a quorum's reports are all reached here, by blocks that were checked. A validator that claims a height
    /// which nobody can show is thereby not counted, and cannot put the end off for ever.
    pub(super) fn end_amnesia(&mut self, now: Time, outputs: &mut Vec<Output>) {
        let Some(reports) = &self.amnesia else { return };
        let reached = |info: &&tendermint::validator::Info| {
            reports
                .0
                .get(&info.address)
                .is_some_and(|at| *at <= self.height())
        };
        let power: u64 = self
            .electorate
            .validators()
            .validators()
            .iter()
            .filter(reached)
            .map(tendermint::validator::Info::power)
            .sum();
        let total = self.electorate.validators().total_voting_power().value();
        if u128::from(power) * 3 <= u128::from(total) * 2 {
            return;
        }
        let record = SafetyRecord::wiped(self.height());
        if let Err(error) = self.store.save_safety(&record.encode()) {
            self.stall(None, &error, outputs);
            return;
        }
        tracing::warn!(
            from = record.votes_from,
            "the safety record was missing: this validator votes again from this height on"
        );
        self.amnesia = None;
        self.consensus = Consensus::new(config(&self.genesis, self.signer.as_ref()), record);
        self.start_height(now, outputs);
    }
}
