//! What signatures may cost: each key signs once, an envelope and a block ask for so much work, and a proposer counts as those who
//! check its block.

use prost::Message;
use starfire_did::{KeyAlgorithm, PrivateKey};
use starfire_ledger::genesis::Profile;
use starfire_ledger::signature_work::{
    BLOCK_SIGNATURE_WORK_MAX, ENVELOPE_SIGNATURE_WORK_MAX, foreseen,
};
use starfire_ledger::{CheckedBlock, EnvelopeError, InvalidBlock, Transaction, check, select};
use starfire_proto::protocol::Operation;
use starfire_proto::v1;

use crate::dids::{agreed, batch, create, device_key, least};
use crate::world::{World, address, body, checked, key, pay, sign_body, sign_with_nonce};

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
