//! Which header is shown next, and between which validators it stands.
//!
//! The main chain takes a header when more than two thirds of the validators after the last anchor signed it. The newest one is shown
//! where that holds. Otherwise a header is shown that announced a change of the validators on the way: the last one for which it
//! holds, and it does for the first one at least, which the validators after the anchor decided. So a chain whose validators were all
//! replaced since is anchored by steps.
//!
//! All that is needed stands in the newest state, which has every change with the commit of its header: also where the blocks are
//! pruned, or were never fetched.

use prost::Message as _;
use starfire_consensus::certificate;
use starfire_ledger::Block;
use starfire_proto::v1;
use starfire_state::{Archive, View, key};
use tendermint::block::Commit;
use tendermint::validator;
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types as raw;

/// Changes after an anchor that are looked at for one step.
const CHANGES_MAX: usize = 64;

/// A header to show, and the sets about it: `tendermint.types`, encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) height: u64,
    pub(super) signed_header: Vec<u8>,
    /// Who decided it.
    pub(super) validators: Vec<u8>,
    /// Who decides the height after it.
    pub(super) next_validators: Vec<u8>,
    /// Who decides the height after the anchor that it is judged from.
    pub(super) trusted_next_validators: Vec<u8>,
}

/// The step from the anchored height to the newest, or as far towards it as the anchor's validators vouch. An anchored height of 0
/// is genesis.
pub(super) fn towards(archive: &dyn Archive, genesis: &[u8], anchored: u64, newest: u64) -> Step {
    assert!(anchored < newest, "what is shown is later than the anchor");
    let state = archive.state_at(newest);
    let trusted_set = validators_after(&*state, genesis, anchored);
    let trusted = decode_set(&trusted_set);
    let (block, commit) = archive
        .block(newest)
        .expect("the newest published block is stored");
    let decoded = Block::decode(&block).expect("a stored block decodes");
    let commit = raw::Commit::decode(commit.as_slice()).expect("a stored commit decodes");
    let mut farthest = Step {
        height: newest,
        signed_header: signed_header(decoded.header.into(), commit.clone()),
        validators: validators(&*state, key::VALIDATORS_LAST),
        next_validators: validators(&*state, key::VALIDATORS),
        trusted_next_validators: trusted_set.clone(),
    };
    if vouches(&trusted, commit) {
        return farthest;
    }
    let mut deciding = trusted_set.clone();
    for change in changes(&*state, anchored, CHANGES_MAX) {
        // The commit of the newest header stands in the block after it.
        if change.commit.is_empty() {
            break;
        }
        let header = header(&change);
        let commit = raw::Commit::decode(change.commit.as_slice());
        let commit = commit.expect("a change's commit decodes");
        let validators = std::mem::replace(&mut deciding, change.next_validators.clone());
        if vouches(&trusted, commit.clone()) {
            farthest = Step {
                height: height(&header),
                signed_header: signed_header(header, commit),
                validators,
                next_validators: change.next_validators,
                trusted_next_validators: trusted_set.clone(),
            };
        }
    }
    farthest
}

/// Who decides the height after this one.
fn validators_after(state: &dyn View, genesis: &[u8], anchored: u64) -> Vec<u8> {
    if changes(state, anchored, 1).is_empty() {
        return validators(state, key::VALIDATORS);
    }
    let (mut deciding, mut from) = (genesis.to_vec(), 0);
    // It ends: there is a change after `anchored`.
    loop {
        for change in changes(state, from, CHANGES_MAX) {
            from = height(&header(&change));
            if from > anchored {
                return deciding;
            }
            deciding = change.next_validators;
        }
    }
}

/// The changes that headers after this height announced, oldest first.
fn changes(state: &dyn View, height: u64, limit: usize) -> Vec<v1::ValidatorChange> {
    let after = key::validator_change(height);
    let found = state.scan(key::VALIDATOR_CHANGES, Some(&after), limit);
    let decode = |(_, bytes): (Vec<u8>, Vec<u8>)| {
        v1::ValidatorChange::decode(bytes.as_slice())
            .expect("a record in state decodes as the message that wrote it")
    };
    found.into_iter().map(decode).collect()
}

fn validators(state: &dyn View, path: &[u8]) -> Vec<u8> {
    state.get(path).expect("genesis wrote the validators")
}

fn header(change: &v1::ValidatorChange) -> raw::Header {
    raw::Header::decode(change.header.as_slice()).expect("a change's header decodes")
}

fn height(header: &raw::Header) -> u64 {
    u64::try_from(header.height).expect("a header's height is not negative")
}

fn signed_header(header: raw::Header, commit: raw::Commit) -> Vec<u8> {
    let signed = raw::SignedHeader {
        header: Some(header),
        commit: Some(commit),
    };
    signed.encode_to_vec()
}

fn vouches(trusted: &validator::Set, commit: raw::Commit) -> bool {
    let commit = Commit::try_from(commit).expect("a stored commit is one");
    certificate::has_trust_of(trusted, &commit)
}

fn decode_set(bytes: &[u8]) -> validator::Set {
    <validator::Set as Protobuf<raw::ValidatorSet>>::decode_vec(bytes)
        .expect("the validators in state decode as what wrote them")
}

#[cfg(test)]
mod tests;
