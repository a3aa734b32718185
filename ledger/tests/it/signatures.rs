//! What signatures may cost: each key signs once, an envelope and a block ask for so much work, and a proposer counts as those who
//! check its block.

use std::cell::Cell;
use std::sync::Arc;

use prost::Message;
use starfire_did::{KeyAlgorithm, PrivateKey};
use starfire_ledger::genesis::Profile;
use starfire_ledger::signature_work::{
    BLOCK_SIGNATURE_WORK_MAX, ENVELOPE_SIGNATURE_WORK_MAX, SELECTED_SIGNATURE_WORK_MAX, foreseen,
};
use starfire_ledger::{
    Checked, CheckedBlock, EnvelopeError, InvalidBlock, Payer, Transaction, check, select,
};
use starfire_proto::protocol::Operation;
use starfire_proto::{protocol, v1};

use crate::dids::{agreed, batch, create, device_key, least};
use crate::world::{
    SUPER_NODES, World, address, body, checked, file, key, pay, sign_body, sign_with_nonce,
};

/// Creations with consents of SM2 keys that do not hold: to ask for the work costs nothing.
fn unfounded(count: usize) -> Vec<v1::DidCreate> {
    let creation = |number| v1::DidCreate {
        document: Some(least(&device_key(number, KeyAlgorithm::Sm2))),
        consent: vec![1; 64],
    };
    (0..count).map(creation).collect()
}

#[test]
fn a_key_signs_an_envelope_once() {
    let body = body("alice", 1, vec![pay("bob", 1)]);
    let once = Transaction::sign(&body, &[&key("alice"), &key("bob"), &key("alice")]);
    assert_eq!(Transaction::decode(&once).unwrap().signatures.len(), 2);

    let mut envelope = v1::Envelope::decode(once.as_slice()).unwrap();
    let mut again = envelope.signatures[0].clone();
    again.public_key = again.public_key.to_uppercase();
    envelope.signatures.push(again);
    let refused = Transaction::decode(&envelope.encode_to_vec()).unwrap_err();
    assert_eq!(refused, EnvelopeError::SignedTwice(key("alice").public()));
    assert_eq!(refused.code().name, "SIGNED_TWICE");
}

#[test]
fn work_is_foreseen_as_it_is_counted() {
    let sm2 = device_key(1, KeyAlgorithm::Sm2);
    let ed25519 = device_key(2, KeyAlgorithm::Ed25519);
    let by_itself = v1::DidCreate {
        document: Some(least(&device_key(3, KeyAlgorithm::Sm2))),
        ..v1::DidCreate::default()
    };
    let operations = vec![
        pay("bob", 1),
        create(agreed(&sm2)),
        batch(vec![
            agreed(&ed25519),
            agreed(&device_key(4, KeyAlgorithm::Sm2)),
            by_itself,
        ]),
    ];
    let body = body("alice", 1, operations);
    let keys: [&[&PrivateKey]; 3] = [&[&key("alice")], &[&sm2], &[&key("alice"), &sm2, &ed25519]];
    let works = keys.map(|keys| {
        let envelope = Transaction::sign(&body, keys);
        let work = Transaction::decode(&envelope).unwrap().signature_work;
        assert_eq!(foreseen(&envelope), work);
        work
    });
    assert!(works[0] > 2 * 250_000 && works[0] < works[1] && works[1] < works[2]);
    assert_eq!(foreseen(&[0xff; 100]), 0);
}

#[test]
fn no_envelope_asks_for_more_work_than_a_block_may() {
    let signers: Vec<PrivateKey> = (0..50)
        .map(|number| device_key(20_000 + number, KeyAlgorithm::Sm2))
        .collect();
    let signers: Vec<&PrivateKey> = signers.iter().collect();
    let mut body = body("north", 1, vec![batch(unfounded(10_000))]);
    let decode = |body| Transaction::decode(&Transaction::sign(body, &signers));
    let Err(refused) = decode(&body) else {
        panic!("ten thousand consents and fifty signatures over four million bytes");
    };
    assert!(
        matches!(refused, EnvelopeError::TooMuchSignatureWork(work) if work > ENVELOPE_SIGNATURE_WORK_MAX)
    );
    assert_eq!(refused.code().name, "TOO_MUCH_SIGNATURE_WORK");

    let many: Vec<String> = (0..100).map(|number| format!("signer {number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    Transaction::decode(&sign_body(&body, &many[..16])).unwrap();
    body.operations = vec![pay("bob", 1)];
    Transaction::decode(&sign_body(&body, &many)).unwrap();
}

#[test]
fn a_block_asks_for_so_much_work_whatever_of_it_is_known() {
    let world = World::new(Profile::Default);
    let operations: Vec<Operation> = vec![batch(unfounded(2_000))];
    let envelopes: Vec<Vec<u8>> = (1..=6)
        .map(|nonce| sign_with_nonce("north", nonce, &["north"], operations.clone()))
        .collect();
    let candidates: Vec<_> = envelopes
        .iter()
        .map(|envelope| checked(envelope, &world.rules()))
        .collect();
    let work: u64 = candidates.iter().map(|one| one.signature_work).sum();
    assert!(work > BLOCK_SIGNATURE_WORK_MAX);

    let block_of = |envelopes: &[Vec<u8>], known: usize| {
        let known = |id: &[u8; 32]| {
            candidates[..known]
                .iter()
                .find(|one| one.id == *id)
                .cloned()
        };
        CheckedBlock::new(world.block(envelopes.to_vec()), &world.rules(), known)
    };
    for known in [0, 1, 6] {
        let refused = block_of(&envelopes, known).unwrap_err();
        assert_eq!(refused, InvalidBlock::TooMuchSignatureWork(work));
    }
    block_of(&envelopes[..5], 5).unwrap();

    // A proposer takes one that is much, and what is little of others.
    let other = sign_with_nonce("south", 1, &["south"], vec![pay("bob", 0)]);
    let other = checked(&other, &world.rules());
    let waiting: Vec<_> = candidates.iter().chain([&other]).cloned().collect();
    let selection = select(world.state().as_ref(), &world.admission(), 4, 100, &waiting);
    let taken: Vec<[u8; 32]> = selection.taken.iter().map(|one| one.id).collect();
    assert_eq!(taken, [candidates[0].id, other.id]);
    assert!(selection.refused.is_empty());
}

/// A batch that asks for so many consents of SM2 keys.
fn asking(source: &str, nonce: i64, signers: &[&str], consents: usize) -> Vec<u8> {
    sign_with_nonce(source, nonce, signers, vec![batch(unfounded(consents))])
}

#[test]
fn a_stranger_takes_no_more_of_a_block_than_strangers_have_though_it_comes_first() {
    let world = World::new(Profile::Default);
    let (admission, rules) = (world.admission(), world.rules());
    let large = checked(&asking("alice", 1, &["alice"], 1_900), &rules);
    assert!(large.signature_work < SELECTED_SIGNATURE_WORK_MAX);
    assert!(large.signature_work > SELECTED_SIGNATURE_WORK_MAX / 10);
    let refused = admission.may_wait(&large).unwrap_err();
    assert_eq!(refused.code.name, "QUOTA");

    // Members have what they had without it, and strangers their share.
    let mut waiting = vec![large.clone()];
    waiting.push(checked(&asking("bob", 1, &["bob"], 190), &rules));
    for (nonce, member) in (1..=2).flat_map(|nonce| SUPER_NODES.map(|member| (nonce, member))) {
        waiting.push(checked(&asking(member, nonce, &[member], 200), &rules));
    }
    let selection = select(world.state().as_ref(), &admission, 4, 100, &waiting);
    let taken: Vec<[u8; 32]> = selection.taken.iter().map(|one| one.id).collect();
    let expected: Vec<[u8; 32]> = waiting[1..].iter().map(|one| one.id).collect();
    assert_eq!(taken, expected);
    let refused: Vec<[u8; 32]> = selection.refused.iter().map(|one| one.id).collect();
    assert_eq!(refused, [large.id], "it waits for nothing");

    // A sponsor's is another matter.
    let sponsored = checked(&asking("alice", 1, &["alice", "north"], 1_900), &rules);
    let payer = admission.may_wait(&sponsored).unwrap();
    assert_eq!(payer, Payer::Member(address("north")));
    let selection = select(
        world.state().as_ref(),
        &admission,
        4,
        100,
        [&sponsored, &waiting[2]],
    );
    assert_eq!(selection.taken.len(), 2);
}

#[test]
fn ten_transactions_of_one_member_leave_others_their_part_and_it_alone_has_all() {
    let world = World::new(Profile::Default);
    let rules = world.rules();
    let mut waiting: Vec<_> = (1..=10)
        .map(|nonce| checked(&asking("north", nonce, &["north"], 195), &rules))
        .collect();
    // What it sponsors counts as its own.
    waiting[9] = checked(&asking("alice", 1, &["alice", "north"], 195), &rules);
    let selected = |waiting: &[Arc<Checked>]| -> Vec<(String, i64)> {
        let selection = select(world.state().as_ref(), &world.admission(), 4, 100, waiting);
        assert!(selection.refused.is_empty());
        let taken = selection.taken.iter();
        taken
            .map(|one| (one.sender.to_string(), one.nonce))
            .collect()
    };
    let of = |name: &str, nonces: std::ops::RangeInclusive<i64>| {
        let name = address(name);
        nonces.map(move |nonce| (name.clone(), nonce))
    };
    let alone: Vec<_> = of("north", 1..=9).chain(of("alice", 1..=1)).collect();
    assert_eq!(selected(&waiting), alone);

    waiting.push(checked(&asking("south", 1, &["south"], 195), &rules));
    let together: Vec<_> = of("north", 1..=1)
        .chain(of("south", 1..=1))
        .chain(of("north", 2..=9))
        .collect();
    assert_eq!(selected(&waiting), together);
}

#[test]
fn however_much_of_one_member_stands_before_it_what_others_have_within_their_parts_comes_first() {
    let mut file = file(Profile::Default);
    file.params.block_transactions_max = 20_000;
    file.params.member_transactions_max = 20_000;
    let world = World::begun_by(file);
    let rules = world.rules();
    let small = |source: &str, nonce: i64| {
        let envelope = sign_with_nonce(source, nonce, &[source], vec![pay("bob", 0)]);
        checked(&envelope, &rules)
    };
    let part = SELECTED_SIGNATURE_WORK_MAX / 8 / small("north", 1).signature_work;
    let part = usize::try_from(part).unwrap();
    // More than is set aside.
    let all = part + 5_000;
    let nonces = 1..=i64::try_from(all).unwrap();
    let mut waiting: Vec<_> = nonces.map(|nonce| small("north", nonce)).collect();
    waiting.push(small("south", 1));
    let state = world.state();
    for places in [part + 10, all + 1] {
        let most = u32::try_from(places).unwrap();
        let selection = select(state.as_ref(), &world.admission(), 4, most, &waiting);
        assert!(selection.refused.is_empty());
        // What is not taken in the turn of the shares comes after it, in its order.
        let mut expected = waiting[..places - 1].to_vec();
        expected.insert(part, waiting[all].clone());
        let ids = |all: &[Arc<Checked>]| all.iter().map(|one| one.id).collect::<Vec<_>>();
        assert!(ids(&selection.taken) == ids(&expected), "{places}");
    }
}

#[test]
fn nothing_is_looked_at_when_there_is_no_room_for_a_signature() {
    let mut file = file(Profile::Default);
    file.params.open_share_percent = 20;
    let world = World::begun_by(file);
    let rules = world.rules();
    // The first takes half, and the others are within their parts.
    let mut waiting = vec![checked(&asking("north", 1, &["north"], 1_000), &rules)];
    assert!(waiting[0].signature_work > SELECTED_SIGNATURE_WORK_MAX / 2);
    let left = |waiting: &[Arc<Checked>]| {
        let others = waiting[1..].iter();
        let work: u64 = others.map(|one| one.signature_work).sum();
        SELECTED_SIGNATURE_WORK_MAX / 2 - work
    };
    for member in &SUPER_NODES[1..] {
        waiting.push(checked(&asking(member, 1, &[member], 247), &rules));
    }
    let consents = usize::try_from(left(&waiting) / 252_000).unwrap();
    waiting.push(checked(&asking("carol", 1, &["carol"], consents), &rules));
    let note = |source: &str, bytes: usize| {
        let log = protocol::OperationLog {
            topic: "topic".to_owned(),
            datas: vec!["x".repeat(bytes)],
        };
        let operation = Operation {
            r#type: protocol::operation::Type::Log.into(),
            log: Some(log),
            ..Operation::default()
        };
        checked(
            &sign_with_nonce(source, 1, &[source], vec![operation]),
            &rules,
        )
    };
    let short = note("alice", 1);
    // A byte is two units; lengths before it take a few.
    let bytes = (left(&waiting) - short.signature_work) / 2 - 100;
    waiting.push(note("alice", usize::try_from(bytes).unwrap()));
    assert!(left(&waiting) < 20_000);

    let beyond = note("bob", 1);
    let looked_at = Cell::new(0);
    let candidates = waiting.iter().chain(std::iter::repeat_n(&beyond, 1_000));
    let candidates = candidates.inspect(|_| looked_at.set(looked_at.get() + 1));
    let (state, admission) = (world.state(), world.admission());
    let selection = select(state.as_ref(), &admission, 4, 100, candidates);
    assert_eq!(selection.taken.len(), waiting.len());
    assert_eq!(looked_at.get(), waiting.len());
}

// What stands behind a wrong consent is not checked, and never executed: the receipt is the same as if it were.
#[test]
fn a_transaction_ends_at_its_first_wrong_consent() {
    let mut world = World::new(Profile::Default);
    let device = |number| agreed(&device_key(number, KeyAlgorithm::Sm2));
    let mut wrong = [device(2), device(3)];
    for creation in &mut wrong {
        creation.consent[9] ^= 1;
    }
    let second = wrong[0].document.as_ref().unwrap().id.clone();
    let [two, three] = wrong;
    let operations = vec![
        create(device(1)),
        batch(vec![two, three]),
        create(device(4)),
    ];
    let envelope = world.sign("north", &["north"], operations);
    let transaction = check(Transaction::decode(&envelope).unwrap(), &world.rules()).unwrap();
    let rejection = transaction.rejection().unwrap();
    assert_eq!(rejection.code.name, "DID_CONSENT_INVALID");
    assert!(rejection.detail.contains(&second));
    let receipt = world.commit(vec![envelope]).remove(0);
    assert_eq!(
        (receipt.reason.as_str(), receipt.detail.as_str()),
        ("DID_CONSENT_INVALID", rejection.detail.as_str())
    );

    // Nor are the consents of what is not well signed.
    let mut forged = sign_with_nonce("north", 2, &["north"], vec![create(device(5))]);
    *forged.last_mut().unwrap() ^= 1;
    let refused = check(Transaction::decode(&forged).unwrap(), &world.rules()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!("the signature by {} is wrong", address("north"))
    );
}
