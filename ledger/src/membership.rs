//! Members: the organisations that run the chain, each with one role, and what must hold of each by itself.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;
use starfire_did::{ChainCode, Did, KeyAlgorithm, PublicKey, signature};
use starfire_proto::v1;
use starfire_state::View;

use crate::path;

/// The most members of a chain.
pub const MEMBERS_MAX: usize = 4096;
/// The most nodes of a member.
pub const PEERS_MAX: usize = 16;
/// The longest name or peer id, bytes.
pub(crate) const TEXT_BYTES_MAX: usize = 256;
/// What precedes the member's address in what its validator key signs.
const POSSESSION_PREFIX: &[u8] = b"starfire-validator-key\0";

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

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// Whether the member decides on motions: a super node on the main chain; on a sub-chain, which has none, whoever has a vote.
pub fn governs(chain: &v1::ChainRecord, member: &v1::MemberRecord) -> bool {
    if chain.chain_code.is_empty() {
        member.role() == v1::Role::Super
    } else {
        member.voting_power > 0
    }
}

/// The voting power of those among these members who decide on motions, together.
pub(crate) fn governing_power<'a>(
    chain: &v1::ChainRecord,
    members: impl Iterator<Item = &'a v1::MemberRecord>,
) -> u64 {
    // Genesis and motions bound the sum to 2^53.
    members
        .filter(|member| governs(chain, member))
        .map(|member| member.voting_power)
        .sum()
}

/// What a validator key signs to show that whoever has it wants it to vote for the member at `address`. The address is derived
/// from the member's account key, so the signature serves no other member.
pub fn possession_message(address: &str) -> Vec<u8> {
    [POSSESSION_PREFIX, address.as_bytes()].concat()
}

/// Whether the validator key has signed for the member.
pub(crate) fn is_possessed(address: &str, validator_key: &[u8], possession: &[u8]) -> bool {
    PublicKey::from_raw(KeyAlgorithm::Ed25519, validator_key)
        .is_ok_and(|key| signature::verify(&key, &possession_message(address), possession))
}

/// Whether this can be a validator's key. One of small order would let everybody sign.
pub(crate) fn is_validator_key(bytes: &[u8]) -> bool {
    PublicKey::from_raw(KeyAlgorithm::Ed25519, bytes).is_ok_and(|key| key.is_sound())
}

/// What cannot be in a member's record, whoever else is a member: the field, and what is wrong with it.
pub(crate) fn problem(
    member: &v1::MemberRecord,
    chain_code: &str,
) -> Option<(&'static str, String)> {
    let found = |field, problem: Option<String>| problem.map(|problem| (field, problem));
    found("address", address_problem(&member.address, chain_code))
        .or_else(|| found("organisation", text_problem(&member.organisation)))
        .or_else(|| found("peers", peers_problem(&member.peers)))
        .or_else(|| found("validator_key", vote_problem(member, chain_code)))
}

/// An address that is no account of the chain.
pub(crate) fn address_problem(text: &str, chain_code: &str) -> Option<String> {
    let Ok(did) = Did::parse(text) else {
        return Some(format!("{text:?} is not a did:bid address"));
    };
    let code = ChainCode::parse_optional(chain_code).expect("a chain has a checked code");
    (!did.is_account() || did.chain_code() != code)
        .then(|| format!("{text} is not an address of this chain"))
}

/// A text that is empty or too long.
pub(crate) fn text_problem(text: &str) -> Option<String> {
    (text.is_empty() || text.len() > TEXT_BYTES_MAX)
        .then(|| format!("must have 1 to {TEXT_BYTES_MAX} bytes"))
}

/// Too many peer ids, one that is none, or one listed twice.
pub(crate) fn peers_problem(peers: &[String]) -> Option<String> {
    if peers.len() > PEERS_MAX {
        return Some(format!("must be at most {PEERS_MAX}"));
    }
    let mut seen = BTreeSet::new();
    for peer in peers {
        if !peer.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Some(format!("{peer:?} is not a libp2p peer id"));
        }
        if let Some(problem) = text_problem(peer) {
            return Some(problem);
        }
        if !seen.insert(peer) {
            return Some(format!("{peer} is listed twice"));
        }
    }
    None
}

/// Power without a key, or a vote that the role does not have, or a key that is none.
fn vote_problem(member: &v1::MemberRecord, chain_code: &str) -> Option<String> {
    if member.validator_key.is_empty() {
        return (member.voting_power != 0)
            .then(|| "is missing, although the member has voting power".to_owned());
    }
    if chain_code.is_empty() && member.role() != v1::Role::Super {
        return Some("on the main chain only super nodes vote".to_owned());
    }
    let sound = is_validator_key(&member.validator_key);
    (!sound || member.voting_power > crate::genesis::INTEGER_MAX)
        .then(|| "is not an Ed25519 key with a voting power up to 2^53".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_a_sub_chain_whoever_votes_governs() {
        let member = |role: v1::Role, voting_power| v1::MemberRecord {
            role: role.into(),
            voting_power,
            ..Default::default()
        };
        let chain = |code: &str| v1::ChainRecord {
            chain_code: code.to_owned(),
            ..Default::default()
        };
        assert!(governs(&chain(""), &member(v1::Role::Super, 0)));
        assert!(!governs(&chain(""), &member(v1::Role::Business, 10)));
        assert!(governs(&chain("by01"), &member(v1::Role::Business, 10)));
        assert!(!governs(&chain("by01"), &member(v1::Role::Backbone, 0)));
    }
}
