//! Records of documents for tests: one with every field, and any that keeps the rules.

use proptest::prelude::*;
use proptest::sample::{Index, subsequence};
use starfire_proto::v1;

use crate::id::Did;
use crate::key::{KeyAlgorithm, PrivateKey, PublicKey};
use crate::verification_key::VerificationKey;

pub(crate) fn did() -> Did {
    key(1, KeyAlgorithm::Ed25519).address(None)
}

pub(crate) fn key(seed: u8, algorithm: KeyAlgorithm) -> PublicKey {
    PrivateKey::generate([seed; 32], algorithm).public()
}

/// A key that cannot be an account's.
pub(crate) fn foreign(multikey: &str) -> VerificationKey {
    VerificationKey::from_multikey(multikey).unwrap()
}

pub(crate) fn full() -> v1::DidDocument {
    let id = did().to_string();
    let method = |fragment: &str, key: VerificationKey| v1::VerificationMethod {
        id: format!("{id}#{fragment}"),
        controller: id.clone(),
        ..super::record_key(&key)
    };
    let p256 = foreign("zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv");
    let x25519 = foreign("z6LSeu9HkTHSfLLeUs2nnzUSNedgDUevfNQgQjQC23ZCit6F");
    let secp256k1 = foreign("zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme");
    let guardian = |seed| key(seed, KeyAlgorithm::Ed25519).address(None).to_string();
    v1::DidDocument {
        id: id.clone(),
        controller: vec![
            id.clone(),
            key(9, KeyAlgorithm::Sm2).address(None).to_string(),
        ],
        controller_weight: vec![1, 2],
        controller_threshold: 3,
        verification_method: vec![
            method("key-1", key(1, KeyAlgorithm::Ed25519).into()),
            method("key-2", key(2, KeyAlgorithm::Sm2).into()),
            v1::VerificationMethod {
                form: v1::KeyForm::Jwk.into(),
                ..method("key-3", p256)
            },
            method("key-4", x25519),
            method("key-5", secp256k1),
        ],
        authentication: vec![format!("{id}#key-3"), format!("{id}#key-1")],
        assertion_method: vec![format!("{id}#key-2"), format!("{id}#key-1")],
        key_agreement: vec![format!("{id}#key-4")],
        capability_invocation: vec![format!("{id}#key-5")],
        capability_delegation: vec![format!("{id}#key-2")],
        service: vec![v1::DidService {
            id: format!("{id}#web"),
            r#type: "LinkedDomains".into(),
            endpoint: "https://example.org/".into(),
        }],
        also_known_as: vec!["urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6".into()],
        recovery: Some(v1::DidRecovery {
            guardian: vec![guardian(4), guardian(5), guardian(6)],
            weight: vec![1, 1, 2],
            threshold: 2,
            delay_ms: 86_400_000,
        }),
        ttl: 3600,
        subject_type: 102,
        attribute: vec![v1::DidAttribute {
            key: "name".into(),
            description: "名称".into(),
            encrypted: false,
            format: "text".into(),
            value: "星火链网".into(),
        }],
        acsn: vec!["by01".into()],
        credential: vec![v1::DidCredential {
            id: guardian(8),
            r#type: 203,
        }],
        delegate_sign: Some(v1::DidDelegateSign {
            signer: format!("{}#key-1", guardian(7)),
            signature_value: "5jFX6UKMVTg73LCWamNdeZACCMftMjSrJvZpL86ULefr".into(),
        }),
    }
}

/// Keys of every kind.
fn keys() -> Vec<VerificationKey> {
    let mut keys: Vec<VerificationKey> = full()
        .verification_method
        .iter()
        .map(|method| {
            VerificationKey::from_multikey(
                &super::parse::verification_key(method)
                    .unwrap()
                    .to_multikey(),
            )
            .unwrap()
        })
        .collect();
    keys.push(key(20, KeyAlgorithm::Ed25519).into());
    keys.push(key(21, KeyAlgorithm::Sm2).into());
    keys
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        "https://[a-z]{1,9}\\.cn(/[a-z]{0,4})?(/)?(\\?q)?",
        "did:web:[a-z]{1,9}(:[a-z]{1,3})?",
        "urn:(zid:)?(urn:)?[a-z0-9]{1,5}:[a-z0-9]{1,8}",
        "hdl:86\\.[0-9]{1,4}/[a-z/]{1,6}",
        any::<u8>().prop_map(|seed| key(seed, KeyAlgorithm::Ed25519).address(None).to_string()),
    ]
}

fn any_service() -> impl Strategy<Value = (String, String)> {
    let endpoint = prop_oneof![
        "https://[a-z]{1,9}\\.cn(:[1-9][0-9]{1,3})?/([a-z]{0,4})",
        "(http|https|tcp|udp)://[1-9][0-9]\\.0\\.0\\.[1-9]:[1-9][0-9]{1,3}/?",
        "did:web:[a-z]{1,9}",
        "[a-z]{1,4}:[a-z/]{1,9}",
    ];
    let kind = prop_oneof![
        Just("DIDSubResolver".to_owned()),
        Just("LinkedDomains".to_owned()),
        "[A-Za-z._-]{1,9}",
    ];
    (kind, endpoint)
}

/// Any record that keeps the rules.
pub(crate) fn any_record() -> impl Strategy<Value = v1::DidDocument> {
    let keys = keys();
    let count = keys.len();
    let people: Vec<String> = (30..36)
        .map(|seed| key(seed, KeyAlgorithm::Sm2).address(None).to_string())
        .collect();
    let policy = || {
        (
            subsequence(people.clone(), 0..=people.len()),
            proptest::option::of(proptest::collection::vec(1..=9u32, 6)),
            any::<Index>(),
        )
    };
    let text = "[\\PC]{0,9}";
    (
        (subsequence(keys, 1..=count).prop_shuffle(), any::<u8>()),
        proptest::collection::vec(any::<u8>(), 5),
        (policy(), policy(), 0..=super::RECOVERY_DELAY_MS_MAX),
        proptest::collection::btree_set(any_name(), 0..4),
        proptest::collection::vec(any_service(), 0..4),
        (0..1_000_000u32, any::<Index>()),
        proptest::collection::btree_map("[a-z]{1,9}", (text, any::<bool>(), text), 0..4),
        (
            proptest::collection::btree_set("[a-z0-9]{4}", 0..3),
            proptest::collection::btree_map(0..9u8, 201..=204u32, 0..3),
            any::<bool>(),
        ),
    )
        .prop_map(
            |(
                (keys, forms),
                uses,
                (control, guard, delay_ms),
                names,
                services,
                (ttl, kind),
                facts,
                bif,
            )| {
                let id = did().to_string();
                let mut record = v1::DidDocument {
                    id: id.clone(),
                    ..v1::DidDocument::default()
                };
                record.verification_method = keys
                    .iter()
                    .zip(0u8..)
                    .map(|(key, at)| v1::VerificationMethod {
                        id: format!("{id}#k{at}"),
                        controller: id.clone(),
                        form: i32::from(forms >> at & 1),
                        ..super::record_key(key)
                    })
                    .collect();
                let own = key(1, KeyAlgorithm::Ed25519);
                if !keys.iter().any(|key| key.account_key().is_some()) {
                    record.verification_method.push(v1::VerificationMethod {
                        id: format!("{id}#own"),
                        controller: id.clone(),
                        ..super::record_key(&own.into())
                    });
                }
                let used = |mask: u8, agrees: bool| -> Vec<String> {
                    let of = record.verification_method.iter().zip(0u8..);
                    of.filter(|(method, at)| {
                        (method.algorithm == i32::from(v1::KeyAlgorithm::X25519)) == agrees
                            && mask >> (at % 8) & 1 == 1
                    })
                    .map(|(method, _)| method.id.clone())
                    .collect()
                };
                record.authentication = used(0xff, false);
                if uses[0] & 1 == 1 {
                    record.authentication.reverse();
                }
                record.assertion_method = used(uses[1], false);
                record.capability_invocation = used(uses[2], false);
                record.capability_delegation = used(uses[3], false);
                record.key_agreement = used(uses[4], true);
                let threshold = |weights: &[u32], members: usize, at: Index| {
                    let sum = if weights.is_empty() {
                        members.max(1)
                    } else {
                        weights.iter().sum::<u32>() as usize
                    };
                    u32::try_from(at.index(sum + 1)).unwrap()
                };
                let (members, weights, at) = control;
                record.controller_weight =
                    weights.map_or_else(Vec::new, |w| w[..members.len()].to_vec());
                record.controller_threshold =
                    threshold(&record.controller_weight, members.len(), at);
                record.controller = members;
                let (members, weights, at) = guard;
                if !members.is_empty() {
                    let weight = weights.map_or_else(Vec::new, |w| w[..members.len()].to_vec());
                    let threshold = threshold(&weight, members.len(), at);
                    record.recovery = Some(v1::DidRecovery {
                        guardian: members,
                        weight,
                        threshold,
                        delay_ms,
                    });
                }
                record.also_known_as = names.into_iter().collect();
                record.service = services
                    .into_iter()
                    .zip(0..)
                    .map(|((kind, endpoint), at)| v1::DidService {
                        id: format!("{id}#s{at}"),
                        r#type: kind,
                        endpoint,
                    })
                    .collect();
                record.ttl = if ttl == super::TTL_SECONDS_DEFAULT {
                    0
                } else {
                    ttl
                };
                record.subject_type = kind.get(&super::SubjectType::ALL).record_number();
                record.attribute = facts
                    .into_iter()
                    .map(|(key, (description, encrypted, value))| v1::DidAttribute {
                        key,
                        description,
                        encrypted,
                        format: if encrypted {
                            "mixture".into()
                        } else {
                            String::new()
                        },
                        value,
                    })
                    .collect();
                let (chains, credentials, delegated) = bif;
                let is_credential = record.subject_type == 205;
                record.acsn = chains.into_iter().filter(|_| !is_credential).collect();
                record.credential = credentials
                    .into_iter()
                    .filter(|_| !is_credential)
                    .map(|(seed, number)| v1::DidCredential {
                        id: key(seed, KeyAlgorithm::Ed25519).address(None).to_string(),
                        r#type: number,
                    })
                    .collect();
                record.delegate_sign = full().delegate_sign.filter(|_| delegated);
                record
            },
        )
}
