//! Transactions that BIF's published clients made, and bytes that nobody made.

use proptest::prelude::*;
use prost::Message;
use starfire_did::signature;
use starfire_ledger::check::ChainRules;
use starfire_ledger::transaction::OPERATION_SOURCES_MAX;
use starfire_ledger::{
    Block, EnvelopeError, InvalidTransaction, Payload, Transaction, check, check_all, code,
};
use starfire_proto::protocol::Operation;
use starfire_proto::{protocol, v1};

use crate::world::{address, body, key, pay, sign_body};

struct Vector {
    name: String,
    hash: String,
    envelope: v1::Envelope,
}

/// The key that signed: `signer` is its address, and the keys are published beside.
fn vectors() -> Vec<Vector> {
    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let keys = read(include_str!("../../../tests/vectors/keys.json"));
    let transactions = read(include_str!("../../../tests/vectors/transactions.json"));
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let vector = |transaction: &serde_json::Value| {
        let blob = hex::decode(text(&transaction["blob"])).unwrap();
        let source = protocol::Transaction::decode(blob.as_slice())
            .unwrap()
            .source_address;
        let key = keys["keys"]
            .as_array()
            .unwrap()
            .iter()
            .find(|key| key["did"] == source.as_str())
            .unwrap();
        let signature = protocol::Signature {
            public_key: text(&key["public_key"]),
            sign_data: hex::decode(text(&transaction["signature"])).unwrap(),
        };
        Vector {
            name: text(&transaction["name"]),
            hash: text(&transaction["hash"]),
            envelope: v1::Envelope {
                transaction: blob,
                signatures: vec![signature],
            },
        }
    };
    transactions["transactions"]
        .as_array()
        .unwrap()
        .iter()
        .map(vector)
        .collect()
}

fn rules() -> ChainRules {
    ChainRules {
        chain_id: "starfire-main-1".to_owned(),
        chain_code: None,
        bif_chain_id: 0,
    }
}

fn checked(envelope: &v1::Envelope) -> Result<(), InvalidTransaction> {
    check(Transaction::decode(&envelope.encode_to_vec())?, &rules()).map(|_| ())
}

#[test]
fn transactions_of_published_clients_have_their_hash_and_verify_over_the_bytes_as_received() {
    assert_eq!(vectors().len(), 7);
    for vector in vectors() {
        let bytes = vector.envelope.encode_to_vec();
        let transaction = Transaction::decode(&bytes).unwrap();
        assert_eq!(
            hex::encode(transaction.hash),
            vector.hash,
            "{}",
            vector.name
        );
        assert_eq!(
            transaction.blob(),
            vector.envelope.transaction,
            "{}",
            vector.name
        );
        assert_eq!(transaction.bytes(), bytes, "{}", vector.name);
        let signed = &transaction.signatures[0];
        assert_eq!(signed.signer, transaction.source, "{}", vector.name);
        assert!(
            signature::verify(&signed.key, transaction.blob(), &signed.signature),
            "{}",
            vector.name
        );
    }
}

#[test]
fn they_are_valid_here_but_for_the_one_of_another_business_domain() {
    for vector in vectors() {
        let expected = if vector.name == "create_account" {
            Err(InvalidTransaction::Domain(20))
        } else {
            Ok(())
        };
        assert_eq!(checked(&vector.envelope), expected, "{}", vector.name);
    }
}

#[test]
fn a_blob_that_writes_defaults_out_would_not_survive_encoding_again() {
    let vectors = vectors();
    let vector = vectors
        .iter()
        .find(|vector| vector.name == "create_contract js")
        .unwrap();
    let body = protocol::Transaction::decode(vector.envelope.transaction.as_slice()).unwrap();
    assert_ne!(body.encode_to_vec(), vector.envelope.transaction);
    let transaction = Transaction::decode(&vector.envelope.encode_to_vec()).unwrap();
    let payload: &Result<Payload, _> = &transaction.operations[0].payload;
    assert_eq!(
        payload.as_ref().unwrap_err().code,
        code::CONTRACTS_NOT_SUPPORTED
    );
}

#[test]
fn any_changed_byte_of_blob_or_signature_is_noticed() {
    for vector in vectors() {
        for index in 0..vector.envelope.transaction.len() {
            let mut changed = vector.envelope.clone();
            changed.transaction[index] ^= 1;
            assert!(
                checked(&changed).is_err(),
                "{} blob byte {index}",
                vector.name
            );
        }
        for index in 0..64 {
            let mut changed = vector.envelope.clone();
            changed.signatures[0].sign_data[index] ^= 1;
            let wrong = matches!(
                checked(&changed),
                Err(InvalidTransaction::Signature(_) | InvalidTransaction::Domain(_))
            );
            assert!(wrong, "{} signature byte {index}", vector.name);
        }
    }
}

#[test]
fn the_envelope_has_one_form_and_limits() {
    let envelope = &vectors()[0].envelope;
    let bytes = envelope.encode_to_vec();
    let decode = |bytes: &[u8]| Transaction::decode(bytes).err();

    // An unknown field 15 would ride along unsigned.
    assert_eq!(
        decode(&[&bytes[..], &[0x7a, 0x01, 0x00]].concat()),
        Some(EnvelopeError::Envelope)
    );
    // The blob given twice: protobuf takes the last.
    let twice = [
        &v1::Envelope {
            transaction: envelope.transaction.clone(),
            signatures: vec![],
        }
        .encode_to_vec(),
        &bytes[..],
    ];
    assert_eq!(decode(&twice.concat()), Some(EnvelopeError::Envelope));
    assert_eq!(
        decode(&vec![0; (4 << 20) + 1]),
        Some(EnvelopeError::TooLong((4 << 20) + 1))
    );
    assert_eq!(decode(&[]), Some(EnvelopeError::Signatures(0)));

    let with_signatures = |count: usize| {
        let signature = |number| protocol::Signature {
            public_key: key(&format!("signer {number}")).public().to_string(),
            ..envelope.signatures[0].clone()
        };
        let signatures = (0..count).map(signature).collect();
        decode(
            &v1::Envelope {
                transaction: envelope.transaction.clone(),
                signatures,
            }
            .encode_to_vec(),
        )
    };
    assert_eq!(with_signatures(100), None);
    assert_eq!(with_signatures(101), Some(EnvelopeError::Signatures(101)));

    let with_operations = |count| {
        let mut body = protocol::Transaction::decode(envelope.transaction.as_slice()).unwrap();
        body.operations = vec![body.operations[0].clone(); count];
        decode(
            &v1::Envelope {
                transaction: body.encode_to_vec(),
                signatures: envelope.signatures.clone(),
            }
            .encode_to_vec(),
        )
    };
    assert_eq!(with_operations(0), Some(EnvelopeError::NoOperations));
    assert_eq!(with_operations(1000), None);
    assert_eq!(
        with_operations(1001),
        Some(EnvelopeError::TooManyOperations(1001))
    );
}

#[test]
fn few_accounts_act_in_a_transaction_however_often() {
    let decode = |sources: Vec<String>| {
        let operations = sources.into_iter().map(|source_address| Operation {
            source_address,
            ..pay("bob", 1)
        });
        let body = body("alice", 1, operations.collect());
        Transaction::decode(&sign_body(&body, &["alice"]))
    };
    let others = |count: usize| -> Vec<String> {
        (0..count)
            .map(|number| address(&format!("other {number}")))
            .collect()
    };
    let own = vec![address("alice"), String::new()];
    assert_eq!(decode(own.clone()).unwrap().operation_sources, 0);
    let most = [own, others(OPERATION_SOURCES_MAX), others(1), others(7)].concat();
    let decoded = decode(most).unwrap();
    assert_eq!(decoded.operation_sources, OPERATION_SOURCES_MAX);
    let refused = decode(others(OPERATION_SOURCES_MAX + 1)).unwrap_err();
    assert_eq!(
        refused,
        EnvelopeError::TooManySources(OPERATION_SOURCES_MAX + 1)
    );
    assert_eq!(refused.code().name, "TOO_MANY_SOURCES");
}

#[test]
fn a_transaction_for_another_chain_is_invalid() {
    let of = |change: &dyn Fn(&mut protocol::Transaction)| {
        let mut body = body("alice", 1, vec![pay("bob", 1)]);
        change(&mut body);
        check(
            Transaction::decode(&sign_body(&body, &["alice"])).unwrap(),
            &rules(),
        )
        .err()
    };
    let elsewhere = address("alice").replace("did:bid:", "did:bid:by01:");
    assert_eq!(of(&|_| {}), None);
    assert_eq!(
        of(&|body| body.chain_id = 7),
        Some(InvalidTransaction::ChainId {
            expected: 0,
            found: 7
        })
    );
    let other_chain = Some(InvalidTransaction::ChainCode(elsewhere.clone()));
    assert_eq!(
        of(&|body| body.source_address = elsewhere.clone()),
        other_chain
    );
    assert_eq!(
        of(&|body| body.operations[0].source_address = elsewhere.clone()),
        other_chain
    );
    assert_eq!(
        of(&|body| body.nonce = 0),
        Some(InvalidTransaction::Nonce(0))
    );
    assert_eq!(
        of(&|body| body.expr_condition = "1 > 2".to_owned()),
        Some(InvalidTransaction::Condition)
    );
    assert_eq!(
        of(&|body| body.fee_limit = -1),
        Some(InvalidTransaction::Fee)
    );
    assert_eq!(
        of(&|body| body.ceil_ledger_seq = -1),
        Some(InvalidTransaction::Ceiling)
    );
}

#[test]
fn an_address_that_is_none_does_not_decode() {
    let of = |change: &dyn Fn(&mut protocol::Transaction)| {
        let mut body = body("alice", 1, vec![pay("bob", 1)]);
        change(&mut body);
        Transaction::decode(&sign_body(&body, &["alice"])).err()
    };
    for text in ["", "alice", "did:bid:by01", "did:bid:ef0"] {
        let refused = Some(EnvelopeError::Source(text.to_owned()));
        assert_eq!(of(&|body| body.source_address = text.to_owned()), refused);
    }
    let refused = Some(EnvelopeError::Source("alice".to_owned()));
    assert_eq!(
        of(&|body| body.operations[0].source_address = "alice".to_owned()),
        refused
    );
}

#[test]
fn in_a_batch_each_transaction_has_its_own_answer() {
    let good = |name: &str| {
        Transaction::decode(&sign_body(
            &body(name, 1, vec![pay("bob", 1)]),
            &[name, "carol"],
        ))
        .unwrap()
    };
    let forged = {
        let mut bytes = good("mallory").bytes().to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        Transaction::decode(&bytes).unwrap()
    };
    let foreign = Transaction::decode(&sign_body(
        &protocol::Transaction {
            chain_id: 7,
            ..body("dora", 1, vec![pay("bob", 1)])
        },
        &["dora"],
    ));
    let answers = check_all(
        vec![good("alice"), forged, foreign.unwrap(), good("eve")],
        &rules(),
    );
    let answers: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.map(|checked| checked.nonce))
        .collect();
    let wrong = InvalidTransaction::Signature(address("carol"));
    let elsewhere = InvalidTransaction::ChainId {
        expected: 0,
        found: 7,
    };
    assert_eq!(answers, [Ok(1), Err(wrong), Err(elsewhere), Ok(1)]);
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoders_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        drop(Transaction::decode(&bytes));
        drop(Block::decode(&bytes));
        let envelope = v1::Envelope { transaction: bytes.clone(), signatures: vectors()[0].envelope.signatures.clone() };
        drop(Transaction::decode(&envelope.encode_to_vec()));
        let block = v1::Block { header: bytes.clone(), transactions: vec![bytes.clone()], last_commit: bytes };
        drop(Block::decode(&block.encode_to_vec()));
    }

    #[test]
    fn no_damage_to_a_real_transaction_makes_the_decoder_panic(
        which in 0_usize..7,
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut envelope = vectors().remove(which).envelope;
        let at = at.index(envelope.transaction.len());
        envelope.transaction[at] = byte;
        drop(checked(&envelope));
        envelope.transaction.truncate(cut.index(envelope.transaction.len()));
        drop(checked(&envelope));
    }
}
