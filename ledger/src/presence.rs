//! Which validators were seen lately, as committed blocks show it.
//!
//! A block carries the commit of the block before it, and the commit names its signers. Execution notes who they were, so that
//! every node, restarted or state-synced, passes over the same absent validators when it is their turn to propose. A signer is
//! noted once an *epoch* of some heights: a note each height would be a change of state for nothing.
//!
//! A slow validator whose precommits always come too late for the next block looks absent too. It loses its turn to propose, not
//! its vote, and is back in turn as soon as one of its signatures is in time.

use starfire_proto::v1;
use starfire_state::{Overlay, View, chain};
use tendermint::block::{Commit, CommitSig};
use tendermint::{account, validator};
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::ValidatorSet as RawValidatorSet;

use crate::path;

/// Heights of an epoch.
pub const EPOCH_HEIGHTS: u64 = 8;
/// Who was not seen in the epoch before the present one either is absent.
const ABSENT_EPOCHS: u64 = 2;

/// Notes the signers of the commit that a block carries.
pub(crate) fn note(state: &mut Overlay<'_>, last_commit: &Commit) {
    let epoch = last_commit.height.value() / EPOCH_HEIGHTS;
    let mut record = load(state);
    let signers: Vec<account::Id> = last_commit.signatures.iter().filter_map(signer).collect();
    let noted = |signer: &account::Id| {
        record
            .validators
            .iter()
            .any(|seen| seen.validator == signer.as_bytes() && seen.epoch == epoch)
    };
    if signers.iter().all(noted) {
        return;
    }
    // One entry for each validator of the set. Who is new in it begins as present.
    record.validators = validators(state)
        .iter()
        .map(|address| {
            let before = record
                .validators
                .iter()
                .find(|seen| seen.validator == address.as_bytes())
                .map_or(epoch, |seen| seen.epoch);
            let signed = signers.contains(address);
            v1::ValidatorSeen {
                validator: address.as_bytes().to_vec(),
                epoch: if signed { epoch } else { before },
            }
        })
        .collect();
    state.put_record(path::PRESENCE.to_vec(), &record);
}

/// Validators of `set` that are absent at `height`, longest first.
pub fn absent(view: &dyn View, set: &validator::Set, height: u64) -> Vec<account::Id> {
    let epoch = height.saturating_sub(1) / EPOCH_HEIGHTS;
    let record = load(view);
    let last_seen = |info: &validator::Info| {
        let entry = record
            .validators
            .iter()
            .find(|seen| seen.validator == info.address.as_bytes())?;
        Some((entry.epoch, info.address))
    };
    let mut absent: Vec<(u64, account::Id)> = set
        .validators()
        .iter()
        .filter_map(last_seen)
        .filter(|(seen, _)| seen.saturating_add(ABSENT_EPOCHS) <= epoch)
        .collect();
    // Stable, so that of those absent equally long the first in the set is the first here.
    absent.sort_by_key(|(seen, _)| *seen);
    absent.into_iter().map(|(_, address)| address).collect()
}

fn load(view: &dyn View) -> v1::PresenceRecord {
    view.get(path::PRESENCE)
        .map(|bytes| {
            prost::Message::decode(bytes.as_slice())
                .expect("a record in state decodes as the message that wrote it")
        })
        .unwrap_or_default()
}

fn validators(view: &dyn View) -> Vec<account::Id> {
    let Some(bytes) = chain::validators(view) else {
        return Vec::new();
    };
    let set = <validator::Set as Protobuf<RawValidatorSet>>::decode(bytes.as_slice())
        .expect("the validators in state decode as they were written");
    set.validators().iter().map(|info| info.address).collect()
}

fn signer(place: &CommitSig) -> Option<account::Id> {
    match place {
        CommitSig::BlockIdFlagCommit {
            validator_address, ..
        } => Some(*validator_address),
        CommitSig::BlockIdFlagAbsent | CommitSig::BlockIdFlagNil { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use starfire_did::{KeyAlgorithm, PrivateKey};
    use starfire_state::{Archive, Memory, key};
    use tendermint::block::{Height, Id, Round, parts};
    use tendermint::{Hash, PublicKey, Time, vote};

    use super::*;

    fn set() -> validator::Set {
        let info = |seed: u8| {
            let key = PrivateKey::generate([seed; 32], KeyAlgorithm::Ed25519);
            let raw = hex::decode(&key.public().to_string()[6..]).unwrap();
            let key = PublicKey::from_raw_ed25519(&raw).unwrap();
            validator::Info::new(key, vote::Power::from(1u32))
        };
        validator::Set::new((1..=4).map(info).collect(), None)
    }

    fn commit(height: u64, signers: &[usize]) -> Commit {
        let set = set();
        let place = |(index, info): (usize, &validator::Info)| {
            if signers.contains(&index) {
                CommitSig::BlockIdFlagCommit {
                    validator_address: info.address,
                    timestamp: Time::unix_epoch(),
                    signature: None,
                }
            } else {
                CommitSig::BlockIdFlagAbsent
            }
        };
        Commit {
            height: Height::try_from(height).unwrap(),
            round: Round::default(),
            block_id: Id {
                hash: Hash::Sha256([0; 32]),
                part_set_header: parts::Header::default(),
            },
            signatures: set.validators().iter().enumerate().map(place).collect(),
        }
    }

    /// Who is absent at `height` if each of the earlier heights was signed by `signers`.
    fn absent_at(height: u64, signers: impl Fn(u64) -> Vec<usize>) -> (Vec<usize>, u64) {
        let memory = Memory::new();
        let view = memory.state_at(0);
        let mut state = Overlay::new(&*view);
        state.put(
            key::VALIDATORS.to_vec(),
            Protobuf::<RawValidatorSet>::encode_vec(set()),
        );
        let mut writes = 0;
        for signed in 1..height {
            let before = state.get(path::PRESENCE);
            note(&mut state, &commit(signed, &signers(signed)));
            writes += u64::from(state.get(path::PRESENCE) != before);
        }
        let places = absent(&state, &set(), height).into_iter().map(|address| {
            let mut infos = set().validators().clone().into_iter();
            infos.position(|info| info.address == address).unwrap()
        });
        (places.collect(), writes)
    }

    #[test]
    fn who_did_not_sign_for_an_epoch_is_absent_and_back_when_it_signs() {
        let dies_at_5 = |height| {
            if height < 5 {
                vec![0, 1, 2, 3]
            } else {
                vec![0, 1, 3]
            }
        };
        assert!(absent_at(16, dies_at_5).0.is_empty());
        assert_eq!(absent_at(17, dies_at_5).0, [2]);
        let back_at_30 = |height| {
            if height < 30 {
                dies_at_5(height)
            } else {
                vec![0, 1, 2, 3]
            }
        };
        assert_eq!(absent_at(30, back_at_30).0, [2]);
        assert!(absent_at(31, back_at_30).0.is_empty());
    }

    #[test]
    fn who_never_signed_is_absent_after_a_while() {
        assert_eq!(absent_at(17, |_| vec![1, 2, 3]).0, [0]);
    }

    #[test]
    fn the_longest_absent_comes_first() {
        let two_die = |height| match height {
            0..10 => vec![0, 1, 2, 3],
            10..20 => vec![0, 1, 2],
            _ => vec![1, 2],
        };
        assert_eq!(absent_at(60, two_die).0, [3, 0]);
    }

    #[test]
    fn a_steady_chain_writes_once_an_epoch() {
        let (absent, writes) = absent_at(80, |_| vec![0, 1, 2, 3]);
        assert!(absent.is_empty());
        assert_eq!(writes, 10);
    }
}
