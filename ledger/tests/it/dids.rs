//! DIDs where the ledger has its part: batches and their size, consents checked before execution, who may create, and proofs of
//! history.

use starfire_did::create::consent_message;
use starfire_did::create_batch::CREATIONS_MAX;
use starfire_did::history::{Neighbours, check_version_at};
use starfire_did::{Did, Document, KeyAlgorithm, PrivateKey, resolve};
use starfire_ledger::genesis::{DidCreation, Profile};
use starfire_ledger::transaction::{
    BATCH_ENVELOPE_BYTES_MAX, ENVELOPE_BYTES_MAX, EnvelopeError, OPERATIONS_MAX,
};
use starfire_ledger::{Transaction, check};
use starfire_proto::protocol::Operation;
use starfire_proto::protocol::operation::{Native, Type};
use starfire_proto::{protocol, v1};

use crate::world::{World, address, body, checked, file, key, sign_body, sign_with_nonce};

/// So many updates of [`wide_control`] read more than half of what a payer may, and less than all.
const HALF: u64 = 250;
const CHAIN_ID: &str = "starfire-main-1";

fn native(kind: Type, native: Native) -> Operation {
    Operation {
        r#type: kind.into(),
        native: Some(native),
        ..Default::default()
    }
}

pub(crate) fn batch(create: Vec<v1::DidCreate>) -> Operation {
    let batch = v1::DidCreateBatch { create };
    native(Type::DidCreateBatch, Native::DidCreateBatch(batch))
}

pub(crate) fn create(create: v1::DidCreate) -> Operation {
    native(Type::DidCreate, Native::DidCreate(create))
}

pub(crate) fn device_key(number: usize, algorithm: KeyAlgorithm) -> PrivateKey {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&u64::try_from(number).unwrap().to_be_bytes());
    PrivateKey::generate(seed, algorithm)
}

pub(crate) fn least(key: &PrivateKey) -> v1::DidDocument {
    let did = Did::derive(&key.public(), None);
    (&Document::for_key(&did, &key.public())).into()
}

/// The creation of a device's DID with its key's consent.
pub(crate) fn agreed(key: &PrivateKey) -> v1::DidCreate {
    let document = least(key);
    v1::DidCreate {
        consent: key.sign(&consent_message(CHAIN_ID, &document)),
        document: Some(document),
    }
}

pub(crate) fn devices(count: usize) -> Vec<v1::DidCreate> {
    (0..count)
        .map(|number| agreed(&device_key(number, KeyAlgorithm::Ed25519)))
        .collect()
}

fn version(world: &World, did: &Did) -> u64 {
    resolve::resolve(world.state().as_ref(), did, None).map_or(0, |record| record.version)
}

/// A creation with its key's consent, of a document that is changed before.
fn agreed_to(key: &PrivateKey, change: impl FnOnce(&mut v1::DidDocument)) -> v1::DidCreate {
    let mut document = least(key);
    change(&mut document);
    v1::DidCreate {
        consent: key.sign(&consent_message(CHAIN_ID, &document)),
        document: Some(document),
    }
}

/// Registers two DIDs that are each controlled by thirty others with long documents, and alice's, which the two control with her.
/// Returns what sets her controllers in either order, so that everybody's documents are read.
fn wide_control(world: &mut World) -> impl Fn(u64) -> Operation + use<> {
    let device = |number| device_key(number, KeyAlgorithm::Ed25519);
    let did = |key: &PrivateKey| key.public().address(None).to_string();
    let long = |number: usize| {
        agreed_to(&device(number), |document| {
            document.also_known_as = (0..32)
                .map(|name| format!("https://e.example/{name}/{}", "a".repeat(330)))
                .collect();
        })
    };
    let [one, other] = [(100, 0), (101, 30)].map(|(number, first)| {
        let controllers = (first..first + 30).map(|number| did(&device(number)));
        let hub = device(number);
        let own = did(&hub);
        agreed_to(&hub, |document| {
            document.controller = std::iter::once(own).chain(controllers).collect();
        })
    });
    let hubs = [did(&device(100)), did(&device(101))];
    for creations in [(0..60).map(long).collect(), vec![one, other]] {
        let receipt = world.send("north", &["north"], vec![batch(creations)]);
        assert_eq!((receipt.code, receipt.detail.as_str()), (0, ""));
    }
    let alice = address("alice");
    let document = move |order: [usize; 2]| {
        let mut document = least(&key("alice"));
        let hubs = order.map(|hub| hubs[hub].clone());
        document.controller = std::iter::once(alice.clone()).chain(hubs).collect();
        document
    };
    let creation = v1::DidCreate {
        consent: Vec::new(),
        document: Some(document([0, 1])),
    };
    let receipt = world.send("north", &["north", "alice"], vec![create(creation)]);
    assert_eq!((receipt.code, receipt.detail.as_str()), (0, ""));
    move |version| {
        let order = if version % 2 == 1 { [1, 0] } else { [0, 1] };
        let update = v1::DidUpdate {
            did: address("alice"),
            expected_version: version,
            document: Some(document(order)),
        };
        native(Type::DidUpdate, Native::DidUpdate(update))
    }
}

#[test]
fn what_a_member_s_operations_read_in_a_block_is_bounded() {
    let mut world = World::new(Profile::Default);
    let turn = wide_control(&mut world);
    let turns = |versions: std::ops::RangeInclusive<u64>| versions.map(&turn).collect();
    let signers = |member| [member, "alice"];
    let nonce = world.next_nonce("north");
    let thousand = sign_with_nonce("north", nonce, &signers("north"), turns(1..=1000));
    assert!(thousand.len() < ENVELOPE_BYTES_MAX);
    let next = sign_with_nonce("north", nonce + 1, &signers("north"), turns(1..=1));
    let another = world.sign("south", &signers("south"), turns(1..=1));
    let receipts = world.commit(vec![thousand, next, another]);
    let names: Vec<&str> = receipts.iter().map(|one| one.reason.as_str()).collect();
    assert_eq!(names, ["READ_QUOTA", "READ_QUOTA", ""], "{receipts:?}");
    let alice = address("alice").parse().unwrap();
    assert_eq!(version(&world, &alice), 2);

    let receipt = world.send("north", &signers("north"), turns(2..=101));
    assert_eq!((receipt.code, receipt.detail.as_str()), (0, ""));
    assert_eq!(version(&world, &alice), 102);
}

#[test]
fn what_others_of_its_payer_read_costs_a_transaction_no_nonce() {
    let mut world = World::new(Profile::Default);
    let turn = wide_control(&mut world);
    let sign = |world: &World, who: &str, versions: std::ops::RangeInclusive<u64>| {
        world.sign(who, &[who, "alice"], versions.map(&turn).collect())
    };
    let names = |receipts: &[v1::Receipt]| -> Vec<String> {
        receipts.iter().map(|one| one.reason.clone()).collect()
    };
    // Who comes first and reads out the quota of all strangers pays for it, and who comes next does not.
    let greedy = sign(&world, "greedy", 1..=1000);
    let late = sign(&world, "late", 1..=1);
    let receipts = world.commit(vec![greedy, late.clone()]);
    assert_eq!(names(&receipts), ["READ_QUOTA", "READ_QUOTA"]);
    assert_eq!(
        (world.next_nonce("greedy"), world.next_nonce("late")),
        (2, 1)
    );
    assert_eq!(names(&world.commit(vec![late])), [""]);

    // Nor does one pay that fails half-way for what the one before it left.
    let early = sign(&world, "early", 2..=HALF);
    let late = sign(&world, "late", HALF + 1..=2 * HALF);
    let receipts = world.commit(vec![early, late.clone()]);
    assert_eq!(names(&receipts), ["", "READ_QUOTA"], "{receipts:?}");
    assert_eq!(
        (world.next_nonce("early"), world.next_nonce("late")),
        (2, 2)
    );
    assert_eq!(names(&world.commit(vec![late])), [""]);
    let alice = address("alice").parse().unwrap();
    assert_eq!(version(&world, &alice), 2 * HALF + 1);
}

#[test]
fn ten_thousand_dids_are_created_in_one_transaction() {
    let mut world = World::new(Profile::Default);
    let envelope = world.sign("north", &["north"], vec![batch(devices(CREATIONS_MAX))]);
    assert!(envelope.len() > 3 * ENVELOPE_BYTES_MAX);
    let receipt = world.commit(vec![envelope]).remove(0);
    assert_eq!((receipt.code, receipt.detail.as_str()), (0, ""));
    assert_eq!(receipt.events.len(), CREATIONS_MAX);
    for number in [0, 1, CREATIONS_MAX / 2, CREATIONS_MAX - 1] {
        let did = device_key(number, KeyAlgorithm::Ed25519)
            .public()
            .address(None);
        assert_eq!(version(&world, &did), 1);
    }
}

// The limit is chosen by this: the longest least documents, SM2 keys on a sub-chain, with the longest identifiers.
#[test]
fn ten_thousand_of_the_longest_least_documents_fit_into_a_batch() {
    let key = device_key(1, KeyAlgorithm::Sm2);
    let code = starfire_did::ChainCode::parse("byo1").unwrap();
    let did = key.public().address(Some(&code));
    let longest = format!("did:bid:byo1:zf{}", "x".repeat(31));
    let text = renamed_to(
        &did,
        &longest,
        (&Document::for_key(&did, &key.public())).into(),
    );
    let creation = v1::DidCreate {
        document: Some(text),
        consent: vec![1; 64],
    };
    let operation = batch(vec![creation; CREATIONS_MAX]);
    let envelope = sign_body(&body("north", 1, vec![operation]), &["north", "south"]);
    assert!(
        envelope.len() <= BATCH_ENVELOPE_BYTES_MAX,
        "{} bytes",
        envelope.len()
    );
}

/// The document under another identifier, which no key derives.
fn renamed_to(did: &Did, other: &str, document: v1::DidDocument) -> v1::DidDocument {
    let renamed = |text: String| text.replace(&did.to_string(), other);
    let all = |texts: Vec<String>| texts.into_iter().map(renamed).collect();
    v1::DidDocument {
        id: renamed(document.id),
        verification_method: document
            .verification_method
            .into_iter()
            .map(|method| v1::VerificationMethod {
                id: renamed(method.id),
                controller: renamed(method.controller),
                ..method
            })
            .collect(),
        authentication: all(document.authentication),
        assertion_method: all(document.assertion_method),
        ..document
    }
}

#[test]
fn only_a_batch_alone_may_be_long() {
    let long = || batch(devices(4_000));
    let decode = |operations| {
        Transaction::decode(&sign_body(&body("north", 1, operations), &["north"])).map(drop)
    };
    decode(vec![long()]).unwrap();
    let log = Operation {
        r#type: Type::Log.into(),
        log: Some(protocol::OperationLog {
            topic: "x".repeat(ENVELOPE_BYTES_MAX),
            ..Default::default()
        }),
        ..Default::default()
    };
    let single = create(v1::DidCreate {
        consent: vec![0; ENVELOPE_BYTES_MAX],
        ..v1::DidCreate::default()
    });
    for operations in [
        vec![log.clone()],
        vec![single],
        vec![long(), long()],
        vec![long(), log],
    ] {
        assert!(matches!(decode(operations), Err(EnvelopeError::TooLong(_))));
    }
    let mut creations = devices(1);
    creations[0].consent = vec![0; BATCH_ENVELOPE_BYTES_MAX];
    assert!(matches!(
        decode(vec![batch(creations)]),
        Err(EnvelopeError::TooLong(_))
    ));
}

// Each of these takes two bytes on the wire and hundreds in memory: they are counted before anything is decoded.
#[test]
fn what_is_repeated_too_often_is_not_decoded() {
    let decode = |operations| {
        Transaction::decode(&sign_body(&body("north", 1, operations), &["north"])).map(drop)
    };
    let empty = v1::DidCreate::default();
    let many = batch(vec![empty; CREATIONS_MAX + 1]);
    let refused = decode(vec![many]).unwrap_err();
    assert_eq!(refused, EnvelopeError::TooManyCreations(CREATIONS_MAX + 1));
    assert_eq!(refused.code().name, "DID_BATCH_INVALID");
    let halves = || batch(vec![v1::DidCreate::default(); CREATIONS_MAX / 2 + 1]);
    assert_eq!(
        decode(vec![halves(), halves()]).unwrap_err(),
        EnvelopeError::TooManyCreations(CREATIONS_MAX + 2)
    );
    assert_eq!(
        decode(vec![Operation::default(); OPERATIONS_MAX + 1]).unwrap_err(),
        EnvelopeError::TooManyOperations(OPERATIONS_MAX + 1)
    );
}

#[test]
fn a_batch_happens_whole_or_not_at_all() {
    let mut world = World::new(Profile::Default);
    let mut spoilt = devices(20);
    spoilt[13].consent[5] ^= 1;
    let receipt = world.send("north", &["north"], vec![batch(spoilt)]);
    assert_eq!(receipt.reason, "DID_CONSENT_INVALID");
    let first = device_key(0, KeyAlgorithm::Ed25519).public().address(None);
    assert_eq!(version(&world, &first), 0);

    let mut twice = devices(3);
    twice.push(twice[1].clone());
    let receipt = world.send("north", &["north"], vec![batch(twice)]);
    assert_eq!(receipt.reason, "DID_BATCH_INVALID");

    let receipt = world.send("north", &["north"], vec![batch(devices(3)[2..].to_vec())]);
    assert_eq!(receipt.code, 0);
    let receipt = world.send("north", &["north"], vec![batch(devices(3))]);
    assert_eq!(receipt.reason, "DID_EXISTS");
    assert_eq!(version(&world, &first), 0);
}

// Consents are settled with the signatures, one answer each, whatever stands between them.
#[test]
fn every_consent_gets_its_own_answer() {
    let mut world = World::new(Profile::Default);
    let log = || Operation {
        r#type: Type::Log.into(),
        log: Some(protocol::OperationLog {
            topic: "t".to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let sm2 = device_key(99, KeyAlgorithm::Sm2);
    let mut underived = agreed(&device_key(50, KeyAlgorithm::Ed25519));
    underived.document = Some(renamed_to(
        &device_key(50, KeyAlgorithm::Ed25519).public().address(None),
        &address("somebody"),
        underived.document.unwrap(),
    ));
    let mut wrong = agreed(&device_key(4, KeyAlgorithm::Ed25519));
    wrong.consent[0] ^= 1;
    let envelopes: Vec<Vec<u8>> = [
        (
            "north",
            vec![create(agreed(&sm2)), log(), batch(devices(3))],
        ),
        ("south", vec![create(underived)]),
        ("east", vec![log(), create(wrong)]),
        (
            "west",
            vec![create(agreed(&device_key(3, KeyAlgorithm::Ed25519)))],
        ),
    ]
    .into_iter()
    .map(|(name, operations)| world.sign(name, &[name], operations))
    .collect();
    let reasons: Vec<String> = world
        .commit(envelopes)
        .into_iter()
        .map(|receipt| receipt.reason)
        .collect();
    assert_eq!(reasons, ["", "DID_NOT_DERIVED", "DID_CONSENT_INVALID", ""]);
}

#[test]
fn a_wrong_consent_is_known_before_execution_and_spoils_no_block() {
    let world = World::new(Profile::Default);
    let mut wrong = agreed(&device_key(4, KeyAlgorithm::Ed25519));
    wrong.consent[0] ^= 1;
    let envelope = world.sign("north", &["north"], vec![create(wrong)]);
    let transaction = Transaction::decode(&envelope).unwrap();
    assert_eq!(transaction.rejection(), None);
    let checked = check(transaction, &world.rules()).unwrap();
    assert_eq!(
        checked.rejection().unwrap().code.name,
        "DID_CONSENT_INVALID"
    );
}

#[test]
fn a_long_batch_is_a_members_to_send() {
    let world = World::new(Profile::Default);
    let admit = |source: &str, signers: &[&str]| {
        let envelope = world.sign(source, signers, vec![batch(devices(4_000))]);
        let transaction = checked(&envelope, &world.rules());
        world
            .admission()
            .admit(world.state().as_ref(), &transaction)
            .map(drop)
    };
    assert_eq!(
        admit("stranger", &["stranger"]).unwrap_err().code.name,
        "QUOTA"
    );
    admit("stranger", &["stranger", "north"]).unwrap();
    admit("north", &["north"]).unwrap();
}

#[test]
fn a_chain_may_keep_creation_to_members_and_those_they_sign_for() {
    let mut genesis = file(Profile::Default);
    genesis.params.did_creation = DidCreation::Members;
    let mut world = World::begun_by(genesis);
    let own = |name| {
        create(v1::DidCreate {
            document: Some(least(&key(name))),
            ..v1::DidCreate::default()
        })
    };
    let receipt = world.send("alice", &["alice"], vec![own("alice")]);
    assert_eq!(receipt.reason, "DID_CREATION_RESTRICTED");
    let receipt = world.send("alice", &["alice", "bob"], vec![own("alice")]);
    assert_eq!(receipt.reason, "DID_CREATION_RESTRICTED");
    assert_eq!(
        world
            .send("alice", &["alice", "north"], vec![own("alice")])
            .code,
        0
    );
    assert_eq!(world.send("north", &["north"], vec![own("north")]).code, 0);
    assert_eq!(
        world
            .send("south", &["south"], vec![batch(devices(2))])
            .code,
        0
    );
}

#[test]
fn a_thousand_versions_answer_for_any_moment_with_a_proof() {
    const VERSIONS: u64 = 1_000;
    const BLOCK: u64 = 100;
    let mut world = World::new(Profile::Default);
    let alice = Did::derive(&key("alice").public(), None);
    let document = least(&key("alice"));
    let first = v1::DidCreate {
        document: Some(document.clone()),
        ..v1::DidCreate::default()
    };
    assert_eq!(world.send("alice", &["alice"], vec![create(first)]).code, 0);
    for block in 0..VERSIONS / BLOCK {
        let updates = (block * BLOCK..(block + 1) * BLOCK)
            .filter(|version| (1..VERSIONS).contains(version))
            .map(|version| {
                let update = v1::DidUpdate {
                    did: document.id.clone(),
                    expected_version: version,
                    document: Some(v1::DidDocument {
                        also_known_as: vec![format!("urn:version:{}", version + 1)],
                        ..document.clone()
                    }),
                };
                native(Type::DidUpdate, Native::DidUpdate(update))
            })
            .collect();
        assert_eq!(world.send("alice", &["alice"], updates).code, 0);
    }
    assert_eq!(version(&world, &alice), VERSIONS);
    for number in [1, 2, 499, VERSIONS] {
        let [path, _] = resolve::proof_paths(&alice, Some(number))
            .try_into()
            .unwrap();
        let record: v1::DidRecord = world.proved(&path).unwrap();
        let names = record.document.unwrap().also_known_as;
        let expected = (number > 1).then(|| format!("urn:version:{number}"));
        assert_eq!(names, expected.into_iter().collect::<Vec<_>>());
    }
    // Genesis, then a block a second: version 1, then 99, then 100 versions in each.
    let begin = world.genesis.time().unix_timestamp() * 1_000;
    for second in 0..15_i64 {
        let time_ms = begin + second * 1_000 + 500;
        let expected = match u64::try_from(second).unwrap() {
            0 => 0,
            1 => 1,
            second => ((second - 1) * BLOCK).min(VERSIONS),
        };
        let found = resolve::resolve_at(world.state().as_ref(), &alice, time_ms);
        let version = found.map_or(0, |record| record.version);
        assert_eq!(version, expected);
        let paths = resolve::proof_paths_at(world.state().as_ref(), &alice, time_ms);
        let proved = Neighbours {
            version,
            record: world.proved(&paths[0]),
            next: world.proved(&paths[1]),
        };
        let checked = check_version_at(&proved, time_ms).unwrap();
        assert_eq!(checked.map_or(0, |record| record.version), expected);
    }
}

#[test]
fn an_absent_and_an_ended_did_are_proved() {
    let mut world = World::new(Profile::Default);
    let (alice, nobody) = (
        key("alice").public().address(None),
        key("nobody").public().address(None),
    );
    let first = v1::DidCreate {
        document: Some(least(&key("alice"))),
        ..v1::DidCreate::default()
    };
    let end = v1::DidDeactivate {
        did: alice.to_string(),
        expected_version: 1,
        reason: "over".to_owned(),
    };
    let operations = vec![
        create(first),
        native(Type::DidDeactivate, Native::DidDeactivate(end)),
    ];
    assert_eq!(world.send("alice", &["alice"], operations).code, 0);
    let path = |did: &Did| resolve::proof_paths(did, None).remove(0);
    let ended: v1::DidRecord = world.proved(&path(&alice)).unwrap();
    assert!(ended.deactivated && ended.document.is_none());
    assert!(world.proved::<v1::DidRecord>(&path(&nobody)).is_none());
}
