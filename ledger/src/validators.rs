//! Validator sets: who decides which height, as state alone tells it.
//!
//! The state after block `h` holds three sets: who decided `h`, who decides `h + 1`, and who decides `h + 2`. A motion that block
//! `h` executes changes the last of them; header `h + 1` names the new set as the next one, and it votes from `h + 2` on. So a node
//! that has a state needs nothing else to judge the blocks that follow, and whoever checks header `h + 1` learns from the old
//! set which one comes next.
//!
//! The change from one height to the next is bounded: less than a third of the old power may leave, and less than a third of it
//! may come. Then more than a third of the old power is behind every commit of the new set, even a bare quorum's: of the old
//! power `t`, let `r` leave and `a` come; a quorum of `t - r + a` has more than `2(t - r + a)/3`, of which at most `a` is new, and
//! `2(t - r + a)/3 - a > t/3` for `r, a < t/3`. So light clients that skip a height can follow, and no motion can empty the set.

use starfire_proto::v1;
use starfire_state::{Event, Overlay, Rejection, View, key, record};
use tendermint::block::{Commit, Header};
use tendermint::{PublicKey, validator, vote};
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::{Header as RawHeader, ValidatorSet as RawValidatorSet};

use crate::block::encode_commit;
use crate::code;
use crate::genesis::{INTEGER_MAX, VALIDATORS_MAX};
use crate::membership::Members;

/// The sets that a state tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sets {
    /// Who decided the height of the state.
    pub last: validator::Set,
    /// Who decides the next height.
    pub current: validator::Set,
    /// Who decides the height after that.
    pub next: validator::Set,
}

impl Sets {
    /// The sets of a state. After genesis, all three are its validators.
    pub fn load(view: &dyn View) -> Self {
        Self {
            last: set(view, key::VALIDATORS_LAST),
            current: set(view, key::VALIDATORS),
            next: set(view, key::VALIDATORS_NEXT),
        }
    }
}

/// Writes the sets of a chain that begins.
pub(crate) fn found(state: &mut Overlay<'_>, validators: &validator::Set) {
    for path in [key::VALIDATORS_LAST, key::VALIDATORS, key::VALIDATORS_NEXT] {
        state.put(path.to_vec(), encode(validators));
    }
}

/// Moves one height on, before the block's transactions run: who decides the next height was known, who decides the one after
/// is the same unless a motion says otherwise. Keeps the evidence of a change for those who follow the chain by its headers.
pub(crate) fn advance(state: &mut Overlay<'_>, header: &Header, last_commit: Option<&Commit>) {
    let height = header.height.value();
    let [last, current, next] = [key::VALIDATORS_LAST, key::VALIDATORS, key::VALIDATORS_NEXT]
        .map(|path| state.get(path).expect("genesis wrote the validators"));
    if last != current {
        complete_change(state, height, last_commit);
        state.put(key::VALIDATORS_LAST.to_vec(), current.clone());
    }
    if current != next {
        let change = v1::ValidatorChange {
            header: Protobuf::<RawHeader>::encode_vec(header.clone()),
            commit: Vec::new(),
            next_validators: next.clone(),
        };
        state.put_record(key::validator_change(height), &change);
        state.put(key::VALIDATORS.to_vec(), next);
    }
}

/// The block after a change brings the commit of the header that announced it.
fn complete_change(state: &mut Overlay<'_>, height: u64, last_commit: Option<&Commit>) {
    let path = key::validator_change(height.saturating_sub(1));
    let (Some(change), Some(commit)) = (record::<v1::ValidatorChange>(state, &path), last_commit)
    else {
        return;
    };
    let complete = v1::ValidatorChange {
        commit: encode_commit(commit),
        ..change
    };
    state.put_record(path, &complete);
}

/// Makes the members' votes the set after next, if the change is one that the chain can follow.
pub(crate) fn elect(state: &mut Overlay<'_>, height: u64) -> Result<(), Rejection> {
    let voting: Vec<(Vec<u8>, u64)> = Members::load(state)
        .iter()
        .filter(|member| member.voting_power > 0)
        .map(|member| (member.validator_key.clone(), member.voting_power))
        .collect();
    let total = voting
        .iter()
        .try_fold(0_u64, |sum, (_, power)| sum.checked_add(*power));
    if voting.len() > VALIDATORS_MAX || total.is_none_or(|total| total > INTEGER_MAX) {
        let detail =
            format!("a chain has at most {VALIDATORS_MAX} validators, and 2^53 of voting power");
        return Err(Rejection::new(code::VALIDATORS_LIMIT, detail));
    }
    let elected = validator::Set::without_proposer(
        voting
            .iter()
            .map(|(key, power)| info(key, *power))
            .collect(),
    );
    check_change(&set(state, key::VALIDATORS), &elected)?;
    let encoded = encode(&elected);
    if state.get(key::VALIDATORS_NEXT).as_ref() != Some(&encoded) {
        state.put(key::VALIDATORS_NEXT.to_vec(), encoded);
        let votes_from = height.saturating_add(2);
        state.emit(Event::new(
            "validators.changed",
            vec![
                ("from", votes_from.to_string()),
                ("validators", elected.validators().len().to_string()),
                ("power", elected.total_voting_power().value().to_string()),
            ],
        ));
    }
    Ok(())
}

/// Less than a third of the old power leaves, and less than a third of it comes: the module says why.
fn check_change(old: &validator::Set, new: &validator::Set) -> Result<(), Rejection> {
    let total = old.total_voting_power().value();
    let (left, came) = (surplus(old, new), surplus(new, old));
    let is_small = |power: u64| u128::from(power) * 3 < u128::from(total);
    if is_small(left) && is_small(came) {
        return Ok(());
    }
    let detail = format!(
        "of a voting power of {total}, {left} would leave and {came} would come: each must be less than a third at one height, so go in smaller steps"
    );
    Err(Rejection::new(code::VALIDATOR_CHANGE_TOO_LARGE, detail))
}

/// The power that `set` has beyond what its validators have in `other`.
fn surplus(set: &validator::Set, other: &validator::Set) -> u64 {
    set.validators()
        .iter()
        .map(|info| {
            let there = other.validator(info.address).map_or(0, |info| info.power());
            info.power().saturating_sub(there)
        })
        .sum()
}

fn info(key: &[u8], power: u64) -> validator::Info {
    let key = PublicKey::from_raw_ed25519(key).expect("a member's validator key was checked");
    let power = vote::Power::try_from(power).expect("a member's voting power is at most 2^53");
    validator::Info::new(key, power)
}

fn set(view: &dyn View, path: &[u8]) -> validator::Set {
    let bytes = view.get(path).expect("genesis wrote the validators");
    <validator::Set as Protobuf<RawValidatorSet>>::decode_vec(&bytes)
        .expect("the validators in state decode as what wrote them")
}

fn encode(validators: &validator::Set) -> Vec<u8> {
    Protobuf::<RawValidatorSet>::encode_vec(validators.clone())
}

#[cfg(test)]
mod tests {
    use starfire_did::{KeyAlgorithm, PrivateKey};

    use super::*;

    fn of(powers: &[(u8, u64)]) -> validator::Set {
        let infos = powers.iter().map(|(seed, power)| {
            let key = PrivateKey::generate([*seed; 32], KeyAlgorithm::Ed25519);
            info(key.public().raw(), *power)
        });
        validator::Set::without_proposer(infos.collect())
    }

    #[test]
    fn a_third_of_the_power_is_too_much_and_less_is_not() {
        let four = [(1, 10), (2, 10), (3, 10), (4, 10)];
        let fits = |old: &[(u8, u64)], new: &[(u8, u64)]| check_change(&of(old), &of(new)).is_ok();
        assert!(fits(&four, &four));
        assert!(fits(&four, &four[..3]), "one of four leaves");
        assert!(!fits(&four, &four[..2]), "two of four leave");
        assert!(!fits(&four[..3], &four[..2]), "a third exactly leaves");
        assert!(!fits(&four[..3], &four), "a third exactly comes");
        assert!(
            fits(&four, &[(1, 10), (2, 10), (3, 10), (5, 10)]),
            "a key is rotated"
        );
        assert!(fits(&four, &[(1, 10), (2, 10), (3, 10), (4, 10), (5, 13)]));
        assert!(!fits(&four, &[(1, 10), (2, 10), (3, 10), (4, 10), (5, 14)]));
        assert!(fits(&four, &[(1, 23), (2, 10), (3, 10), (4, 10)]));
        assert!(!fits(&[(1, 10)], &[]), "nobody would be left");
    }

    #[test]
    fn a_bare_quorum_of_the_new_set_has_more_than_a_third_of_the_old_power() {
        let old = 30_u64;
        for (left, came) in (0..=old).flat_map(|left| (0..=old).map(move |came| (left, came))) {
            if left * 3 >= old || came * 3 >= old {
                continue;
            }
            let new = old - left + came;
            let quorum = new * 2 / 3 + 1;
            assert!(
                quorum.saturating_sub(came) * 3 > old,
                "{left} left, {came} came"
            );
        }
    }
}
