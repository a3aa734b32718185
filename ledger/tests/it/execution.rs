//! What execution promises whatever the operation: nonces, weights, quotas, fees, atomicity, determinism.

use proptest::prelude::*;
use starfire_ledger::genesis::Profile;
use starfire_ledger::{Payer, select};
use starfire_proto::protocol::Operation;
use starfire_proto::protocol::operation::Type;
use starfire_proto::{protocol, v1};

use crate::world::{BANK_BALANCE, World, address, body, checked, pay, sign_body, sign_with_nonce};

fn log() -> Operation {
    Operation {
        r#type: Type::Log.into(),
        log: Some(protocol::OperationLog {
            topic: "topic".to_owned(),
            datas: vec!["data".to_owned()],
        }),
        ..Default::default()
    }
}

fn set_metadata(key: &str, value: &str) -> Operation {
    let set = protocol::OperationSetMetadata {
        key: key.to_owned(),
        value: value.to_owned(),
        ..Default::default()
    };
    Operation {
        r#type: Type::SetMetadata.into(),
        set_metadata: Some(set),
        ..Default::default()
    }
}

fn signer(name: &str, weight: i64) -> protocol::Signer {
    protocol::Signer {
        address: address(name),
        weight,
    }
}

fn privilege(set: protocol::OperationSetPrivilege) -> Operation {
    Operation {
        r#type: Type::SetPrivilege.into(),
        set_privilege: Some(set),
        ..Default::default()
    }
}

fn acted_by(name: &str, operation: Operation) -> Operation {
    Operation {
        source_address: address(name),
        ..operation
    }
}

fn balance(world: &World, name: &str) -> i64 {
    world.account(name).map_or(0, |account| account.balance)
}

fn codes(receipts: &[v1::Receipt]) -> Vec<u32> {
    receipts.iter().map(|receipt| receipt.code).collect()
}

#[test]
fn an_unknown_key_begins_with_its_first_transaction() {
    let mut world = World::new(Profile::Default);
    assert_eq!(world.account("alice"), None);
    assert_eq!(world.send("alice", &["alice"], vec![log()]).code, 0);
    assert_eq!(world.account("alice").unwrap().nonce, 1);
}

#[test]
fn a_transaction_is_executed_once() {
    let mut world = World::new(Profile::Default);
    let envelope = world.sign("bank", &["bank"], vec![pay("alice", 5)]);
    assert_eq!(
        codes(&world.commit(vec![envelope.clone(), envelope.clone()])),
        [0, 99]
    );
    assert_eq!(codes(&world.commit(vec![envelope])), [99]);
    assert_eq!((balance(&world, "alice"), world.next_nonce("bank")), (5, 2));
}

#[test]
fn a_nonce_ahead_waits_without_a_trace() {
    let mut world = World::new(Profile::Default);
    let envelope = sign_with_nonce("bank", 2, &["bank"], vec![pay("alice", 5)]);
    assert_eq!(codes(&world.commit(vec![envelope.clone()])), [99]);
    assert_eq!(world.next_nonce("bank"), 1);
    world.send("bank", &["bank"], vec![log()]);
    assert_eq!(codes(&world.commit(vec![envelope])), [0]);
}

#[test]
fn a_failed_transaction_changes_nothing_but_its_nonce() {
    let mut world = World::new(Profile::Default);
    let operations = vec![
        pay("alice", 5),
        set_metadata("k", "v"),
        pay("alice", BANK_BALANCE),
    ];
    let envelope = world.sign("bank", &["bank"], operations);
    let receipts = world.commit(vec![envelope.clone()]);
    assert_eq!(
        (receipts[0].code, receipts[0].reason.as_str()),
        (100, "ACCOUNT_LOW_RESERVE")
    );
    assert!(receipts[0].events.is_empty());
    assert_eq!(balance(&world, "bank"), BANK_BALANCE);
    assert_eq!(world.account("alice"), None);
    assert_eq!(
        codes(&world.commit(vec![envelope])),
        [99],
        "a failed transaction cannot be tried again by somebody else"
    );
}

#[test]
fn a_stranger_signs_for_nobody() {
    let mut world = World::new(Profile::Default);
    let receipt = world.send("bank", &["mallory"], vec![pay("mallory", 5)]);
    assert_eq!((receipt.code, world.next_nonce("bank")), (93, 1));
    // Not even for an account that does not exist yet.
    assert_eq!(world.send("alice", &["mallory"], vec![log()]).code, 93);
    assert_eq!(world.account("alice"), None);
}

#[test]
fn weights_add_up_to_the_threshold_of_the_operation() {
    let mut world = World::new(Profile::Default);
    let shared = protocol::OperationSetPrivilege {
        master_weight: "1".to_owned(),
        signers: vec![signer("alice", 2), signer("bob", 2)],
        tx_threshold: "2".to_owned(),
        type_thresholds: vec![protocol::OperationTypeThreshold {
            r#type: Type::PayCoin.into(),
            threshold: 4,
        }],
    };
    assert_eq!(
        world.send("bank", &["bank"], vec![privilege(shared)]).code,
        0
    );
    assert_eq!(world.send("bank", &["bank"], vec![log()]).code, 93);
    assert_eq!(world.send("bank", &["alice"], vec![log()]).code, 0);
    assert_eq!(
        world
            .send("bank", &["alice", "bank"], vec![pay("carol", 1)])
            .code,
        93
    );
    assert_eq!(
        world
            .send("bank", &["alice", "alice", "alice"], vec![pay("carol", 1)])
            .code,
        93,
        "a key counts once"
    );
    assert_eq!(
        world
            .send("bank", &["alice", "bob"], vec![pay("carol", 1)])
            .code,
        0
    );
}

#[test]
fn an_operation_of_another_account_needs_that_accounts_keys_too() {
    let mut world = World::new(Profile::Default);
    let operations = vec![acted_by("bank", pay("alice", 7))];
    assert_eq!(world.send("alice", &["alice"], operations.clone()).code, 93);
    assert_eq!(world.send("alice", &["alice", "bank"], operations).code, 0);
    assert_eq!(
        (balance(&world, "alice"), balance(&world, "bank")),
        (7, BANK_BALANCE - 7)
    );
    assert_eq!(
        world.next_nonce("bank"),
        1,
        "the nonce is the sender's alone"
    );
}

#[test]
fn an_expired_transaction_is_refused() {
    let mut world = World::new(Profile::Default);
    let with_ceiling = |ceiling| {
        sign_body(
            &protocol::Transaction {
                ceil_ledger_seq: ceiling,
                ..body("alice", 1, vec![log()])
            },
            &["alice"],
        )
    };
    let envelope = with_ceiling(1);
    world.commit(Vec::new());
    assert_eq!(codes(&world.commit(vec![envelope])), [5]);
    assert_eq!(codes(&world.commit(vec![with_ceiling(3)])), [0]);
}

#[test]
fn strangers_share_a_tenth_of_a_block_and_a_sponsor_lifts_them_out_of_it() {
    let mut world = World::new(Profile::Default);
    let stranger = |index: usize| format!("stranger {index}");
    let alone = |index| sign_with_nonce(&stranger(index), 1, &[&stranger(index)], vec![log()]);
    let sponsored = |index| {
        sign_with_nonce(
            &stranger(index),
            1,
            &[&stranger(index), "north"],
            vec![log()],
        )
    };

    let receipts = world.commit((0..12).map(alone).collect());
    assert_eq!(codes(&receipts), [&[0; 10][..], &[114; 2]].concat());
    assert_eq!(
        world.account(&stranger(11)),
        None,
        "who found no room may come again"
    );

    let receipts = world.commit((20..42).map(sponsored).collect());
    assert_eq!(codes(&receipts), [&[0; 20][..], &[114; 2]].concat());

    // A member's own transactions count as those that it sponsors.
    let own = (1..=21)
        .map(|nonce| sign_with_nonce("north", nonce, &["north"], vec![log()]))
        .collect();
    assert_eq!(
        codes(&world.commit(own)),
        [&[0; 20][..], &[114; 1]].concat()
    );
}

#[test]
fn naming_a_member_as_source_does_not_use_up_its_quota() {
    let mut world = World::new(Profile::Default);
    let forged = |nonce| sign_with_nonce("north", nonce, &["mallory"], vec![log()]);
    let mut transactions: Vec<_> = (1..=30).map(forged).collect();
    transactions.push(sign_with_nonce("north", 1, &["north"], vec![log()]));
    assert_eq!(codes(&world.commit(transactions)).last(), Some(&0));
}

#[test]
fn a_proposer_selects_what_will_find_room() {
    let mut world = World::new(Profile::Default);
    let rules = world.rules();
    let stranger = |index: usize| format!("stranger {index}");
    let mut envelopes: Vec<_> = (0..15)
        .map(|index| sign_with_nonce(&stranger(index), 1, &[&stranger(index)], vec![log()]))
        .collect();
    envelopes.push(sign_with_nonce("bank", 2, &["bank"], vec![log()]));
    envelopes.push(sign_with_nonce("south", 1, &["south"], vec![log()]));
    envelopes.push(sign_with_nonce("south", 2, &["south"], vec![log()]));
    envelopes.push(sign_with_nonce(
        "south",
        2,
        &["south"],
        vec![set_metadata("k", "v")],
    ));
    envelopes.push(sign_with_nonce("west", 1, &["mallory"], vec![log()]));
    let candidates: Vec<_> = envelopes
        .iter()
        .map(|envelope| checked(envelope, &rules))
        .collect();
    let selection = select(
        world.state().as_ref(),
        &world.admission(),
        4,
        100,
        &candidates,
    );
    let selected: Vec<_> = selection
        .taken
        .iter()
        .map(|transaction| transaction.bytes().to_vec())
        .collect();
    assert_eq!(selected, [&envelopes[..10], &envelopes[16..18]].concat());
    // What found no room waits; what nobody with a right to it signed does so in vain.
    let refused = selection.refused.iter();
    let refused: Vec<_> = refused.map(|transaction| transaction.bytes()).collect();
    assert_eq!(refused, [envelopes.last().unwrap()]);
    assert!(codes(&world.commit(selected)).iter().all(|code| *code == 0));
}

#[test]
fn admission_names_who_pays_with_room() {
    let world = World::new(Profile::Default);
    let payer = |source: &str, signers: &[&str]| {
        let transaction = checked(
            &sign_with_nonce(source, 1, signers, vec![log()]),
            &world.rules(),
        );
        world
            .admission()
            .admit(world.state().as_ref(), &transaction)
            .unwrap()
            .payer
    };
    assert_eq!(payer("alice", &["alice"]), Payer::Open);
    assert_eq!(payer("alice", &["alice", "bob"]), Payer::Open);
    assert_eq!(
        payer("alice", &["alice", "east"]),
        Payer::Member(address("east"))
    );
    assert_eq!(
        payer("west", &["west", "east"]),
        Payer::Member(address("west"))
    );
}

#[test]
fn under_bifs_rules_a_transaction_pays_for_its_bytes_even_if_it_fails() {
    let mut world = World::new(Profile::Bif);
    let envelope = world.sign("bank", &["bank"], vec![pay("alice", BANK_BALANCE)]);
    let fee = i64::try_from(envelope.len()).unwrap() * 100;
    let receipt = world.commit(vec![envelope]).remove(0);
    assert_eq!((receipt.code, receipt.fee), (100, fee));
    assert_eq!(
        (balance(&world, "bank"), world.next_nonce("bank")),
        (BANK_BALANCE - fee, 2)
    );
}

#[test]
fn under_bifs_rules_accounts_must_exist_and_keep_a_reserve() {
    let mut world = World::new(Profile::Bif);
    assert_eq!(world.send("alice", &["alice"], vec![log()]).code, 103);
    assert_eq!(
        world.send("bank", &["bank"], vec![pay("alice", 999)]).code,
        106
    );
    assert_eq!(
        world.send("bank", &["bank"], vec![pay("alice", 1000)]).code,
        0
    );
    // Alice has her reserve and nothing to pay a fee with.
    assert_eq!(world.send("alice", &["alice"], vec![log()]).code, 100);
    let low = |fee_limit, gas_price| {
        sign_body(
            &protocol::Transaction {
                fee_limit,
                gas_price,
                ..body("bank", 3, vec![log()])
            },
            &["bank"],
        )
    };
    assert_eq!(
        codes(&world.commit(vec![low(100, 100), low(1_000_000, 99)])),
        [111, 111]
    );
    assert_eq!(world.next_nonce("bank"), 3);
}

#[test]
fn an_operation_without_sense_fails_with_its_own_code() {
    let mut world = World::new(Profile::Default);
    let no_field = Operation {
        r#type: Type::PayCoin.into(),
        ..Default::default()
    };
    let two_fields = Operation {
        log: log().log,
        ..pay("alice", 1)
    };
    let unknown = Operation {
        r#type: 99,
        ..pay("alice", 1)
    };
    let contract = Operation {
        r#type: Type::UpgradeContract.into(),
        upgrade_contract: Some(protocol::OperationUpgradeContract::default()),
        ..Default::default()
    };
    for (operation, reason) in [
        (no_field, "OPERATION_MISMATCH"),
        (two_fields, "OPERATION_MISMATCH"),
        (unknown, "UNKNOWN_OPERATION"),
        (contract, "CONTRACTS_NOT_SUPPORTED"),
    ] {
        assert_eq!(
            world.send("bank", &["bank"], vec![operation]).reason,
            reason
        );
    }
}

#[test]
fn the_longest_metadata_can_be_written() {
    let mut world = World::new(Profile::Default);
    let operation = set_metadata(&"钥".repeat(341), &"v".repeat(262_144));
    assert_eq!(world.send("bank", &["bank"], vec![operation]).code, 0);
}

#[test]
fn headers_prove_the_headers_before_them() {
    let mut world = World::new(Profile::Default);
    let mut hashes = Vec::new();
    for _ in 0..3 {
        hashes.push(world.block(Vec::new()).header.hash());
        world.commit(Vec::new());
    }
    let state = world.state();
    let kept = |height| starfire_state::chain::header_hash(state.as_ref(), height);
    assert_eq!(kept(1).unwrap(), hashes[0].as_bytes());
    assert_eq!(kept(2).unwrap(), hashes[1].as_bytes());
    assert_eq!(
        kept(3),
        None,
        "a block's own hash is written by the next one"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Coins are neither made nor lost, whatever is paid to whom and whoever signs.
    #[test]
    fn payments_keep_the_sum(
        payments in proptest::collection::vec((0_usize..4, 0_usize..4, 0_usize..4, 0_i64..BANK_BALANCE), 1..20),
    ) {
        const NAMES: [&str; 4] = ["bank", "alice", "bob", "north"];
        let mut world = World::new(Profile::Default);
        for chunk in payments.chunks(5) {
            let sign = |(from, to, signer, amount): &(usize, usize, usize, i64)| {
                world.sign(NAMES[*from], &[NAMES[*signer]], vec![pay(NAMES[*to], *amount)])
            };
            let transactions = chunk.iter().map(sign).collect();
            world.commit(transactions);
        }
        prop_assert_eq!(NAMES.iter().map(|name| balance(&world, name)).sum::<i64>(), BANK_BALANCE);
    }
}
