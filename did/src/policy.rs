//! Weighted policies: whether those who signed a transaction may change a document.
//!
//! A document names two: its controllers, who change it, and its guardians, who give it new keys when its own are lost. Each is a
//! list of DIDs with weights and a threshold. A DID counts where the keys that signed could send a transaction as it, so there is
//! one answer to "who may act as this DID", the account's: an account follows its document's authentication keys (`handover.rs`),
//! and what its owner asked for on top of that (two of three keys, say) is not got round by signing beside somebody else. One that
//! is not registered is its address's own key. A deactivated one counts nothing, even as the sender: nobody stands behind it any
//! more.

use starfire_proto::protocol::operation::Type;
use starfire_proto::v1;
use starfire_state::account::Account;
use starfire_state::{Env, View, record};

use crate::document::Policy;
use crate::id::Did;
use crate::path;

/// Whether the sender and the keys that signed (addresses, sorted) meet the policy.
pub fn met(view: &dyn View, policy: &Policy, env: &Env, signers: &[&str]) -> bool {
    policy.is_met_by(|did| stands(view, did, env, signers))
}

/// The members of the policy that stand behind the transaction, in its order.
pub(crate) fn standing(view: &dyn View, policy: &Policy, env: &Env, signers: &[&str]) -> Vec<Did> {
    policy
        .members()
        .iter()
        .filter(|did| stands(view, did, env, signers))
        .copied()
        .collect()
}

/// What those of `standing` weigh together.
pub(crate) fn weight(policy: &Policy, standing: &[Did]) -> u64 {
    policy
        .weighted()
        .filter(|(did, _)| standing.contains(did))
        .map(|(_, weight)| u64::from(weight))
        .sum()
}

/// Whether the sender is `did`, or the keys that signed could send as it.
pub fn stands(view: &dyn View, did: &Did, env: &Env, signers: &[&str]) -> bool {
    let ended =
        record::<v1::DidRecord>(view, &path::record(did)).is_some_and(|record| record.deactivated);
    let address = did.to_string();
    !ended && (address == env.sender || keys_weigh_enough(view, &address, signers))
}

/// Whether the keys behind `signers` (sorted) reach the account's threshold: the greatest of those that a DID operation may ask for.
/// A transaction may have a hundred signers and ask this of many accounts with a hundred keys each, so no pair is compared.
pub(crate) fn keys_weigh_enough(view: &dyn View, address: &str, signers: &[&str]) -> bool {
    let account = Account::load(view, address).unwrap_or_else(|| Account::create(address));
    let signed = |address: &str| signers.binary_search(&address).is_ok();
    let account = &account.record;
    let own = if signed(address) {
        account.master_weight
    } else {
        0
    };
    let weight = account
        .signers
        .iter()
        .filter(|signer| signed(&signer.address))
        .map(|signer| signer.weight)
        .fold(own, i64::saturating_add);
    let threshold = account
        .type_thresholds
        .iter()
        .filter(|threshold| threshold.r#type >= i32::from(Type::DidCreate))
        .map(|threshold| threshold.threshold)
        .fold(account.tx_threshold, i64::max);
    weight >= threshold.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;
    use crate::fixture::{Person, World, person, unregistered};

    /// Persons 1, 2 and 3, of whom the third is not registered.
    fn three() -> (World, [Person; 3]) {
        let people = [person(1), person(2), person(3)];
        let mut world = World::with(&people[0]);
        world.create(&people[1].did, &unregistered(2)).unwrap();
        (world, people)
    }

    /// The first so many of them, with these weights.
    fn policy(weights: &[u32], threshold: u32) -> Policy {
        let mut document = unregistered(1);
        document.controller = (1..)
            .take(weights.len())
            .map(|number| person(number).did.to_string())
            .collect();
        document.controller_weight = weights.to_vec();
        document.controller_threshold = threshold;
        Document::try_from(document).unwrap().control()
    }

    fn met_by(world: &World, policy: &Policy, sender: &Did, signers: &[&Did]) -> bool {
        let mut signers: Vec<String> = signers.iter().map(|did| did.to_string()).collect();
        signers.sort_unstable();
        let signers: Vec<&str> = signers.iter().map(String::as_str).collect();
        met(&world.state, policy, &world.env(sender), &signers)
    }

    #[test]
    fn weights_count_for_whoever_signed() {
        let (world, [one, two, three]) = three();
        let stranger = person(9).did;
        let two_of_three = policy(&[1, 1, 1], 2);
        assert!(!met_by(&world, &two_of_three, &one.did, &[&one.did]));
        assert!(met_by(
            &world,
            &two_of_three,
            &one.did,
            &[&one.did, &two.did]
        ));
        assert!(
            met_by(&world, &two_of_three, &stranger, &[&one.did, &three.did]),
            "the third is registered nowhere: its address's key speaks for it"
        );
        assert!(!met_by(&world, &two_of_three, &stranger, &[&stranger]));
        let heavy = policy(&[2, 1, 1], 2);
        assert!(met_by(&world, &heavy, &one.did, &[&one.did]));
        assert!(!met_by(&world, &heavy, &two.did, &[&two.did]));
    }

    #[test]
    fn a_threshold_of_nothing_still_needs_somebody() {
        let (world, _) = three();
        let stranger = person(9).did;
        assert!(!met_by(&world, &policy(&[1], 0), &stranger, &[&stranger]));
    }

    #[test]
    fn who_rotated_signs_with_the_new_key_only() {
        let (mut world, [one, ..]) = three();
        let (new, stranger) = (person(8), person(9).did);
        world.rotate(&one.did, &one.did, 1, &[new.key]).unwrap();
        let policy = policy(&[1, 1, 1], 1);
        assert!(met_by(&world, &policy, &stranger, &[&new.did]));
        assert!(!met_by(&world, &policy, &stranger, &[&one.did]));
    }

    #[test]
    fn a_deactivated_member_counts_nothing() {
        let (mut world, [one, two, _]) = three();
        world.deactivate(&one.did, &one.did, 1).unwrap();
        let policy = policy(&[1, 1, 1], 1);
        assert!(!met_by(&world, &policy, &one.did, &[&one.did]));
        assert!(met_by(&world, &policy, &two.did, &[&two.did]));
    }

    // A key that alone cannot send as Alice must not speak for her beside somebody else's signature.
    #[test]
    fn a_co_signature_weighs_no_more_than_a_transaction() {
        let (mut world, [one, two, _]) = three();
        let (alone, stranger) = (policy(&[1], 1), person(9).did);
        let mut account = Account::load(&world.state, &one.did.to_string()).unwrap();
        account.record.signers = vec![v1::SignerWeight {
            address: two.did.to_string(),
            weight: 1,
        }];
        account.record.tx_threshold = 2;
        account.save(&mut world.state);
        assert!(!met_by(&world, &alone, &stranger, &[&one.did]));
        assert!(met_by(&world, &alone, &stranger, &[&one.did, &two.did]));
        account.record.tx_threshold = 1;
        account.record.type_thresholds = vec![v1::TypeThreshold {
            r#type: Type::DidRotate.into(),
            threshold: 2,
        }];
        account.save(&mut world.state);
        assert!(!met_by(&world, &alone, &stranger, &[&one.did]));
    }
}
