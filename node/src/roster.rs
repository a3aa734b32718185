//! Who belongs to the chain at its newest height: whose nodes may connect, and which of them speak for which validator.
//!
//! All of it is read from state, so that a motion takes effect on every node with the block that executes it. A validator that
//! a motion takes out, or whose key or peers it replaces, decides one more height. Until then what the state before said of it
//! counts as well: nobody loses the connections that this height may need.

use std::collections::{BTreeMap, BTreeSet};

use libp2p::PeerId;
use starfire_ledger::membership::{MEMBERS_MAX, Members};
use starfire_ledger::path::MEMBERS_REMOVED;
use starfire_ledger::validators::Sets;
use starfire_proto::v1;
use starfire_state::{Archive, View};
use tendermint::{account, validator};

use crate::network::Admission;

/// Whose word it is that a peer gives. A member may have many nodes, and has one voice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Voice {
    /// That of a member, by its address.
    Member(String),
    /// The peer's own: only this node's configuration names it.
    Peer(PeerId),
}

/// The members' nodes and validators.
#[derive(Debug, Clone, Default)]
pub struct Roster {
    /// The address and the voting power of the member whose node a peer is.
    members: BTreeMap<PeerId, (String, u64)>,
    /// Which peers speak for which validator.
    peers: BTreeMap<account::Id, BTreeSet<PeerId>>,
    organisations: BTreeMap<account::Id, String>,
    roles: BTreeMap<PeerId, v1::Role>,
    allowed: BTreeSet<PeerId>,
    denied: BTreeSet<PeerId>,
}

impl Roster {
    /// As the newest state has it.
    pub fn load(archive: &dyn Archive) -> Self {
        let height = archive.height().expect("genesis is stored");
        let state = archive.state_at(height);
        let mut roster = Self::default();
        for member in Members::load(&*state).iter() {
            roster.enter(member);
        }
        let deciding = Sets::load(&*state).current;
        let before = height.checked_sub(1).map(|height| archive.state_at(height));
        let before = before.map(|state| Members::load(&*state));
        for member in before.iter().flat_map(Members::iter) {
            if validator_of(member).is_some_and(|address| has(&deciding, address)) {
                roster.enter(member);
            }
        }
        roster.denied = removed(&*state)
            .filter(|peer| !roster.allowed.contains(peer))
            .collect();
        roster
    }

    /// As genesis has it, for a store that holds no height yet.
    pub fn founding(state: &dyn View) -> Self {
        let mut roster = Self::default();
        for member in Members::load(state).iter() {
            roster.enter(member);
        }
        roster
    }

    fn enter(&mut self, member: &v1::MemberRecord) {
        let validator = validator_of(member);
        if let Some(validator) = validator {
            self.organisations
                .insert(validator, member.organisation.clone());
        }
        for peer in peers(member) {
            self.members
                .insert(peer, (member.address.clone(), member.voting_power));
            self.allowed.insert(peer);
            self.roles.insert(peer, member.role());
            if let Some(validator) = validator {
                self.peers.entry(validator).or_default().insert(peer);
            }
        }
    }

    /// The nodes of a validator.
    pub fn of(&self, validator: &account::Id) -> impl Iterator<Item = PeerId> + '_ {
        self.peers.get(validator).into_iter().flatten().copied()
    }

    /// The validator that a peer is a node of.
    pub fn validator(&self, peer: &PeerId) -> Option<account::Id> {
        self.validators(peer).next()
    }

    /// All of them: two, while the member's key is being replaced.
    pub fn validators(&self, peer: &PeerId) -> impl Iterator<Item = account::Id> {
        let of = self.peers.iter().filter(|(_, peers)| peers.contains(peer));
        of.map(|(validator, _)| *validator)
    }

    /// Who runs a validator.
    pub fn organisation(&self, validator: &account::Id) -> &str {
        self.organisations
            .get(validator)
            .map(String::as_str)
            .unwrap_or_default()
    }

    /// Whose word it is that a peer gives.
    pub fn voice(&self, peer: &PeerId) -> Voice {
        match self.members.get(peer) {
            Some((address, _)) => Voice::Member(address.clone()),
            None => Voice::Peer(*peer),
        }
    }

    /// The voting power of the member whose node a peer is.
    pub fn power(&self, peer: &PeerId) -> u64 {
        self.members.get(peer).map_or(0, |(_, power)| *power)
    }

    /// The role of the member whose node a peer is.
    pub fn role(&self, peer: &PeerId) -> Option<v1::Role> {
        self.roles.get(peer).copied()
    }

    /// All of it that the network has to know.
    pub fn admission(&self) -> Admission {
        Admission {
            allowed: self.allowed.clone(),
            validators: self.peers.values().flatten().copied().collect(),
            members: self
                .members
                .iter()
                .map(|(peer, (address, _))| (*peer, address.clone()))
                .collect(),
            denied: self.denied.clone(),
        }
    }

    /// The nodes that may connect.
    pub fn allowed(&self) -> &BTreeSet<PeerId> {
        &self.allowed
    }

    /// The nodes of members that were removed: they may not connect, even where a configuration names them.
    pub fn denied(&self) -> &BTreeSet<PeerId> {
        &self.denied
    }
}

fn removed(state: &dyn View) -> impl Iterator<Item = PeerId> + use<> {
    let entries = state.scan(MEMBERS_REMOVED, None, MEMBERS_MAX);
    entries.into_iter().flat_map(|(_, bytes)| {
        let removed = <v1::RemovedMember as prost::Message>::decode(bytes.as_slice())
            .expect("a record in state decodes as the message that wrote it");
        let member = removed.member.unwrap_or_default();
        peers(&member).collect::<Vec<_>>()
    })
}

#[cfg(test)]
impl Roster {
    /// One validator and its nodes.
    pub(crate) fn of_validator(validator: account::Id, nodes: &[PeerId]) -> Self {
        let mut roster = Self::default();
        let nodes = nodes.iter().copied();
        roster.peers.insert(validator, nodes.collect());
        roster
    }

    /// Members by their addresses, each with its nodes and its voting power.
    pub(crate) fn of_members(members: &[(&str, &[PeerId], u64)]) -> Self {
        let mut roster = Self::default();
        for (address, peers, voting_power) in members {
            roster.enter(&v1::MemberRecord {
                address: (*address).to_owned(),
                peers: peers.iter().map(ToString::to_string).collect(),
                voting_power: *voting_power,
                ..v1::MemberRecord::default()
            });
        }
        roster
    }
}

/// A member may name a peer that libp2p cannot read; it is nobody's then.
fn peers(member: &v1::MemberRecord) -> impl Iterator<Item = PeerId> + '_ {
    member.peers.iter().filter_map(|peer| peer.parse().ok())
}

fn validator_of(member: &v1::MemberRecord) -> Option<account::Id> {
    tendermint::PublicKey::from_raw_ed25519(&member.validator_key).map(account::Id::from)
}

fn has(set: &validator::Set, address: account::Id) -> bool {
    set.validator(address).is_some()
}
