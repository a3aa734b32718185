//! This node as it sees itself: what `Node.Status` answers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use starfire_consensus::misbehaviour::Misbehaviour;
use starfire_proto::v1;
use tendermint::account;

use crate::clock;
use crate::network::Network;
use crate::replica::{Committed, Replica};
use crate::roster::Roster;

/// A validator that was not heard for this long while a height drags on counts as missing.
const SILENCE: Duration = Duration::from_secs(4);

/// A block that comes so long after too few validators were left was decided without this node's connections.
const APART: Duration = Duration::from_secs(3);

/// So long nothing is decided before it is told of in the log: connections come one after the other.
const HALT_TOLD_AFTER: Duration = Duration::from_secs(5);

/// Proofs against validators that the status shows; the store keeps more.
const MISBEHAVIOURS_SHOWN_MAX: usize = 32;

/// What stays the same while the node runs.
#[derive(Debug, Clone)]
pub struct NodeFacts {
    /// The node's name, from its configuration.
    pub name: String,
    /// Its role, lower case.
    pub role: String,
    /// The chain.
    pub chain_id: String,
    /// Its code; empty on the main chain.
    pub chain_code: String,
    /// BIF's number of the chain.
    pub bif_chain_id: i64,
}

/// What changes.
#[derive(Debug)]
pub struct Situation {
    /// Why this node cannot go on by itself.
    pub trouble: Option<String>,
    time_ms: i64,
    header_hash: Vec<u8>,
    app_hash: Vec<u8>,
    signers: BTreeSet<account::Id>,
    committed_at: Instant,
    dragging_since: Option<Instant>,
    /// Since when too few validators are connected.
    apart_since: Option<Instant>,
    /// The log says that nothing is decided.
    halt_told: bool,
    heard_at: BTreeMap<account::Id, Instant>,
    /// The newest proofs against validators.
    misbehaviours: VecDeque<(u64, account::Id, &'static str)>,
}

impl Situation {
    /// As read from the store at the start.
    pub fn at(replica: &Replica, now: Instant) -> Self {
        let archive = replica.archive();
        let height = replica.height();
        let app_hash = starfire_state::tree::root(archive, height).to_vec();
        let mut situation = Self {
            trouble: None,
            time_ms: 0,
            header_hash: Vec::new(),
            app_hash,
            signers: BTreeSet::new(),
            committed_at: now,
            dragging_since: None,
            apart_since: None,
            halt_told: false,
            heard_at: BTreeMap::new(),
            misbehaviours: VecDeque::new(),
        };
        for proof in archive.misbehaviours() {
            match Misbehaviour::decode(&proof) {
                Ok(misbehaviour) => situation.misbehaved(&misbehaviour),
                Err(error) => tracing::error!(%error, "a stored proof does not decode"),
            }
        }
        if height > 0
            && let Some((block, _)) = archive.block(height)
            && let Ok(block) = starfire_ledger::Block::decode(&block)
        {
            situation.time_ms = unix_ms(block.header.time);
            situation.header_hash = block.header.hash().as_bytes().to_vec();
        }
        situation
    }

    /// Takes note of a commit.
    pub fn commit(&mut self, committed: &Committed, now: Instant) {
        self.time_ms = unix_ms(committed.time);
        self.header_hash = committed.header_hash.as_bytes().to_vec();
        self.app_hash = committed.app_hash.to_vec();
        self.signers = committed
            .signers
            .iter()
            .filter(|(_, signed)| *signed)
            .map(|(address, _)| *address)
            .collect();
        self.committed_at = now;
        self.dragging_since = None;
    }

    /// Takes note that the height drags on.
    pub fn drag(&mut self, now: Instant) {
        self.dragging_since.get_or_insert(now);
    }

    /// Takes note of a proof against a validator.
    pub fn misbehaved(&mut self, misbehaviour: &Misbehaviour) {
        if self.misbehaviours.len() >= MISBEHAVIOURS_SHOWN_MAX {
            self.misbehaviours.pop_front();
        }
        self.misbehaviours.push_back((
            misbehaviour.height(),
            misbehaviour.offender(),
            misbehaviour.kind(),
        ));
    }

    /// Takes note that a validator's node is alive.
    pub fn heard(&mut self, validator: account::Id, now: Instant) {
        self.heard_at.insert(validator, now);
    }

    /// Connected, and while a height drags on, heard of lately: a frozen process keeps its connections. Only then does everybody
    /// who lives keep talking, so silence counts from there.
    fn is_there(&self, validator: &account::Id, connected: &BTreeSet<account::Id>) -> bool {
        let is_over = |since: &Instant| clock::elapsed(*since) > SILENCE;
        let silent = || self.heard_at.get(validator).is_none_or(is_over);
        connected.contains(validator)
            && !(self.dragging_since.as_ref().is_some_and(is_over) && silent())
    }

    /// The whole answer.
    pub fn status(
        &mut self,
        facts: &NodeFacts,
        roster: &Roster,
        replica: &Replica,
        connected: &BTreeSet<account::Id>,
        network: &Network,
    ) -> v1::StatusResponse {
        let validators: Vec<v1::ValidatorStatus> = replica
            .validators()
            .validators()
            .iter()
            .map(|info| v1::ValidatorStatus {
                address: hex::encode(info.address.as_bytes()),
                organisation: roster.organisation(&info.address).to_owned(),
                power: info.power(),
                signed: self.signers.contains(&info.address),
                connected: replica.validator() == Some(info.address)
                    || self.is_there(&info.address, connected),
            })
            .collect();
        let stalled = self.trouble.clone().or_else(|| replica.silence());
        let stalled = stalled
            .unwrap_or_else(|| self.halted(&validators, replica.heartbeat(), clock::monotonic()));
        v1::StatusResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            name: facts.name.clone(),
            role: facts.role.clone(),
            chain_id: facts.chain_id.clone(),
            chain_code: facts.chain_code.clone(),
            bif_chain_id: facts.bif_chain_id,
            height: replica.height(),
            time_ms: self.time_ms,
            header_hash: self.header_hash.clone(),
            app_hash: self.app_hash.clone(),
            round: replica.round(),
            validator: replica
                .validator()
                .map(|address| hex::encode(address.as_bytes()))
                .unwrap_or_default(),
            voting: replica.votes(),
            syncing: false,
            peers: u32::try_from(network.connected().len()).unwrap_or(u32::MAX),
            stalled,
            validators,
            mempool_transactions: u64::try_from(replica.mempool().len()).unwrap_or(u64::MAX),
            mempool_bytes: u64::try_from(replica.mempool().bytes()).unwrap_or(u64::MAX),
            since_commit_ms: i64::try_from(clock::elapsed_ms(self.committed_at))
                .unwrap_or(i64::MAX),
            anchoring: None,
            network: Some(traffic(network)),
            misbehaviours: self
                .misbehaviours
                .iter()
                .map(|(height, validator, kind)| v1::MisbehaviourStatus {
                    height: *height,
                    validator: hex::encode(validator.as_bytes()),
                    organisation: roster.organisation(validator).to_owned(),
                    kind: (*kind).to_owned(),
                })
                .collect(),
            sync: None,
            base: replica.archive().base(),
        }
    }
}

impl Situation {
    /// Why no block can follow, if too few validators are connected and none comes all the same: others may be connected to more.
    fn halted(
        &mut self,
        validators: &[v1::ValidatorStatus],
        heartbeat: Duration,
        now: Instant,
    ) -> String {
        let mut reason = no_quorum(validators);
        if reason.is_empty() {
            self.apart_since = None;
        } else {
            let since = *self.apart_since.get_or_insert(now);
            let is_new = now <= self.committed_at + heartbeat + SILENCE;
            if is_new && self.committed_at > since + APART {
                reason.clear();
            } else if !self.halt_told && now > since + HALT_TOLD_AFTER {
                self.halt_told = true;
                tracing::warn!(reason, "nothing is decided");
            }
        }
        if reason.is_empty() && self.halt_told {
            self.halt_told = false;
            tracing::info!("enough validators are there again");
        }
        reason
    }
}

fn traffic(network: &Network) -> v1::NetworkStatus {
    let gauges = network.gauges();
    v1::NetworkStatus {
        bytes_sent: gauges.bytes_sent,
        bytes_received: gauges.bytes_received,
        messages_sent: gauges.consensus_sent,
        messages_received: gauges.consensus_received,
    }
}

/// Why no block can follow, if too few validators are there.
fn no_quorum(validators: &[v1::ValidatorStatus]) -> String {
    let total: u64 = validators.iter().map(|validator| validator.power).sum();
    let there: u64 = validators
        .iter()
        .filter(|validator| validator.connected)
        .map(|validator| validator.power)
        .sum();
    if u128::from(there) * 3 > u128::from(total) * 2 {
        return String::new();
    }
    let missing: Vec<String> = validators
        .iter()
        .filter(|validator| !validator.connected)
        .map(|validator| {
            format!(
                "{} ({})",
                validator.organisation,
                &validator.address[..8.min(validator.address.len())]
            )
        })
        .collect();
    format!(
        "NO_QUORUM: validators with {there} of {total} voting power are connected, more than two thirds are needed; missing: {}",
        missing.join(", ")
    )
}

fn unix_ms(time: tendermint::Time) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validators(connected: usize) -> Vec<v1::ValidatorStatus> {
        let validator = |number| v1::ValidatorStatus {
            address: format!("{number:040}"),
            organisation: format!("Organisation {number}"),
            power: 10,
            connected: number < connected,
            ..v1::ValidatorStatus::default()
        };
        (0..4).map(validator).collect()
    }

    #[test]
    fn a_chain_whose_blocks_come_is_not_halted_by_this_nodes_connections() {
        let start = clock::monotonic();
        let heartbeat = Duration::from_secs(10);
        let mut situation = Situation {
            trouble: None,
            time_ms: 0,
            header_hash: Vec::new(),
            app_hash: Vec::new(),
            signers: BTreeSet::new(),
            committed_at: start,
            dragging_since: None,
            apart_since: None,
            halt_told: false,
            heard_at: BTreeMap::new(),
            misbehaviours: VecDeque::new(),
        };
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(situation.halted(&validators(3), heartbeat, start), "");
        let halted = situation.halted(&validators(2), heartbeat, after(1));
        assert!(
            halted.starts_with("NO_QUORUM: validators with 20 of 40"),
            "{halted}"
        );
        // On its way when they left.
        situation.committed_at = after(2);
        assert_ne!(situation.halted(&validators(2), heartbeat, after(7)), "");
        assert!(situation.halt_told);
        situation.committed_at = after(12);
        assert_eq!(situation.halted(&validators(2), heartbeat, after(13)), "");
        assert!(!situation.halt_told);
        assert_eq!(situation.halted(&validators(2), heartbeat, after(26)), "");
        assert_ne!(situation.halted(&validators(2), heartbeat, after(27)), "");
        assert_eq!(situation.halted(&validators(3), heartbeat, after(28)), "");
    }
}
