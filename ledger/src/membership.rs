//! Members: the organisations that run the chain, each with one role.

use std::collections::BTreeMap;

use prost::Message;
use starfire_proto::v1;
use starfire_state::View;

use crate::path;

/// The most members of a chain.
pub const MEMBERS_MAX: usize = 4096;

/// The chain's members by address. They are few, so a block reads them once.
#[derive(Debug, Clone, Default)]
pub struct Members(BTreeMap<String, v1::MemberRecord>);

impl Members {
    /// All members.
    pub fn load(view: &dyn View) -> Self {
        let entries = view.scan(path::MEMBERS, None, MEMBERS_MAX);
        let members = entries.into_iter().map(|(_, bytes)| {
            let member = v1::MemberRecord::decode(bytes.as_slice())
                .expect("a record in state decodes as the message that wrote it");
            (member.address.clone(), member)
        });
        Self(members.collect())
    }

    /// The member with this address.
    pub fn get(&self, address: &str) -> Option<&v1::MemberRecord> {
        self.0.get(address)
    }

    /// All of them, in order of their addresses.
    pub fn iter(&self) -> impl Iterator<Item = &v1::MemberRecord> {
        self.0.values()
    }
}

/// The voting power of the super nodes among these members, together.
pub(crate) fn super_power<'a>(members: impl Iterator<Item = &'a v1::MemberRecord>) -> u64 {
    // Genesis bounds the sum to 2^60.
    members
        .filter(|member| member.role() == v1::Role::Super)
        .map(|member| member.voting_power)
        .sum()
}
