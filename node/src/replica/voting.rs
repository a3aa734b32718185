//! With which of its keys this node votes at a height, and who else is concerned.
//!
//! A node may hold several validator keys: while one is being rotated, the old and the new. The set of each height names at most
//! one that is to be used. So a follower whose key enters the set begins to vote without a restart, and a validator whose key
//! leaves it goes on as a follower.

use super::*;

impl Replica {
    /// The validator as which this node decides the height in progress; none: it follows.
    pub fn validator(&self) -> Option<account::Id> {
        self.signer().map(Signer::address)
    }

    /// Whether this node votes: it has a key of the set, its store writes, and it knows what it may have signed.
    pub fn votes(&self) -> bool {
        self.stalled.is_none()
            && self.silence.is_none()
            && self.consensus.record().may_sign()
            && self.signer().is_some()
    }

    /// The validators of the height to decide.
    pub fn validators(&self) -> &validator::Set {
        self.electorate.validators()
    }

    /// Who proposes in the round that is being decided.
    pub fn proposer(&self) -> account::Id {
        self.electorate.proposer(self.round())
    }

    /// A chain where nothing happens decides a block this often; zero: as often as it can.
    pub fn heartbeat(&self) -> Duration {
        Duration::from_millis(self.genesis.file().consensus.heartbeat_ms)
    }

    /// Whom messages to all are for: who decides this height, and who decides the next one and so wants the block at once.
    pub fn audience(&self) -> BTreeSet<account::Id> {
        let sets = [
            self.electorate.validators(),
            self.electorate.next_validators(),
        ];
        sets.into_iter()
            .flat_map(|set| set.validators())
            .map(|info| info.address)
            .collect()
    }

    pub(super) fn signer(&self) -> Option<&Signer> {
        // In the order of the set, so that it is the same one after a restart.
        let set = self.electorate.validators().validators();
        set.iter().find_map(|info| self.key_of(info.address))
    }

    /// This node's key of that validator.
    pub(super) fn key_of(&self, validator: account::Id) -> Option<&Signer> {
        self.signers
            .iter()
            .find(|signer| signer.address() == validator)
    }
}
