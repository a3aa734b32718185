//! How a node lives: it starts on what its disk holds, dies between two effects or in the middle of a write, and is silent
//! while it does not know what it signed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use starfire_consensus::effect::Effect;
use starfire_consensus::input::Input;
use starfire_consensus::machine::{Config, Consensus};
use starfire_consensus::safety::SafetyRecord;

use super::super::checks::Checks;
use super::super::disk::{Reading, Tear};
use super::super::network::Node;
use super::Cluster;
use crate::violation::Violation;

impl Cluster<'_> {
    /// The process starts on what its disk holds.
    pub(super) fn start(&mut self, node: Node) -> Result<(), Violation> {
        let member = &mut self.members[node];
        member.life += 1;
        member.doom = None;
        member.early.clear();
        let record = match member.disk.read() {
            Reading::Record(record) => *record,
            Reading::Refused | Reading::Lost => {
                // It signs nothing until it knows that it cannot contradict itself.
                member.reports = Some(BTreeMap::new());
                SafetyRecord::silent()
            }
            Reading::Misread => {
                return Err(Violation(format!(
                    "storage: node {node} took a damaged record for a good one, or a good one for damaged"
                )));
            }
        };
        self.boot(node, record)?;
        for other in 0..self.members.len() {
            self.tell_height(other);
        }
        Ok(())
    }

    pub(super) fn boot(&mut self, node: Node, record: SafetyRecord) -> Result<(), Violation> {
        let milliseconds = Duration::from_millis;
        let config = Config {
            address: self.chain.address(self.members[node].validator),
            routing: self.pace.routing,
            timeout_base: milliseconds(self.pace.timeout_base_ms),
            timeout_max: milliseconds(self.pace.timeout_max_ms),
            rebroadcast: milliseconds(self.pace.rebroadcast_ms),
        };
        self.members[node].machine = Some(Consensus::new(config, record));
        self.begin_height(node);
        self.drain(node)
    }

    /// The process is gone; its disk stays.
    pub(super) fn kill(&mut self, node: Node) {
        self.counts.crashes += 1;
        let member = &mut self.members[node];
        member.machine = None;
        member.doom = None;
        member.reports = None;
        member.inputs.clear();
        member.early.clear();
        let before = member.disk.blocks.len();
        if self.random.u32(0..3) == 0 {
            member.disk.power_cut();
        }
        // Twins and liars lose what they like.
        if self.losses_left > 0 && self.random.u32(0..6) == 0 {
            self.losses_left -= 1;
            if self.random.bool() {
                self.counts.records_lost += 1;
                member.disk.lose_record();
            } else {
                member.disk.lose_blocks(self.random.usize(0..=before));
            }
        }
        let lost = before - member.disk.blocks.len();
        self.counts.blocks_lost += u32::try_from(lost).expect("a short chain");
    }

    pub(super) fn begin_height(&mut self, node: Node) {
        let member = &self.members[node];
        let last = member.disk.blocks.last().cloned();
        let electorate = self.chain.electorate(last.as_ref().map(|(block, _)| block));
        let height = electorate.height();
        let member = &mut self.members[node];
        member.inputs.clear();
        member.inputs.push_back(Input::StartHeight {
            electorate: Arc::clone(&electorate),
            last_commit: last.map(|(_, commit)| commit),
        });
        if height <= self.work {
            member.inputs.push_back(Input::Work { height });
        }
        for (from, parcel) in std::mem::take(&mut member.early) {
            let Some(message) = &parcel.message else {
                continue;
            };
            match message.height().cmp(&height) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Equal => {
                    if let Some(Ok(input)) = self.chain.verify(&parcel, &electorate)
                        && self.accepts(&input)
                    {
                        self.members[node].inputs.push_back(input);
                    }
                }
                std::cmp::Ordering::Greater => self.members[node].early.push((from, parcel)),
            }
        }
    }

    pub(super) fn accepts(&self, input: &Input) -> bool {
        if let Input::Proposal(proposal) = input {
            return self.chain.is_valid(&proposal.block);
        }
        true
    }

    /// Whether the node dies instead of carrying out `effect`, or while it does.
    pub(super) fn dies_at(&mut self, node: Node, effect: &Effect) -> Result<bool, Violation> {
        match &mut self.members[node].doom {
            None => return Ok(false),
            Some(0) => {}
            Some(effects) => {
                *effects -= 1;
                return Ok(false);
            }
        }
        if let Effect::Persist(record) = effect {
            let tear = match self.random.u32(0..8) {
                0 if self.losses_left > 0 => Tear::Torn,
                1 if self.losses_left > 0 => Tear::Flipped,
                2..=4 => Tear::Whole,
                _ => Tear::Nothing,
            };
            if matches!(tear, Tear::Torn | Tear::Flipped) {
                self.losses_left -= 1;
                self.counts.records_refused += 1;
            }
            if tear == Tear::Whole {
                Checks::recorded(self.members[node].disk.record(), record)?;
            }
            let member = &mut self.members[node];
            member.disk.tear(record, tear, &mut self.random);
        }
        self.kill(node);
        Ok(true)
    }

    /// A node without a record votes again from three heights above what a quorum of the others reported and it has reached.
    pub(super) fn end_amnesia(&mut self, node: Node) -> Result<(), Violation> {
        let member = &self.members[node];
        let Some(reports) = &member.reports else {
            return Ok(());
        };
        let height = member.disk.blocks.len() as u64;
        let validators: BTreeSet<usize> = reports
            .iter()
            .filter(|(_, reported)| **reported <= height)
            .map(|(other, _)| self.members[*other].validator)
            .filter(|validator| *validator != member.validator)
            .collect();
        if validators.len() * 3 <= self.chain.count() * 2 || member.machine.is_none() {
            return Ok(());
        }
        let record = SafetyRecord::wiped(height);
        let member = &mut self.members[node];
        member.reports = None;
        member.disk.save(&record);
        member.life += 1;
        member.inputs.clear();
        self.boot(node, record)
    }
}
