//! The cases of the W3C's vc-data-model-2.0-test-suite, and those that its text demands besides.

use serde_json::json;

use super::*;
use crate::verification_key::VerificationKey;

fn minimal() -> Value {
    json!({
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "type": ["VerifiableCredential"],
        "issuer": "did:example:issuer",
        "credentialSubject": { "id": "did:example:subject" },
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut document = minimal();
    document[name] = value;
    document
}

fn without(name: &str) -> Value {
    let mut document = minimal();
    document.as_object_mut().unwrap().remove(name);
    document
}

fn accept(document: Value) -> Parsed {
    let text = document.to_string();
    credential(document).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn refuse(document: Value, code: &str) {
    let text = document.to_string();
    let error = credential(document).map(|_| text.clone()).unwrap_err();
    assert_eq!(error.code, code, "{text}");
}

fn with_context(context: Value, kind: &str) -> Value {
    let mut document = with("type", json!(["VerifiableCredential", kind]));
    document["@context"].as_array_mut().unwrap().push(context);
    document
}

#[test]
fn the_base_context_comes_first() {
    let code = code::CONTEXT_INVALID;
    let base = BASE_CONTEXT;
    accept(minimal());
    accept(with(
        "@context",
        json!([base, "https://www.w3.org/ns/credentials/examples/v2"]),
    ));
    accept(with(
        "@context",
        json!([base, { "Extra": "https://example.org/#Extra" }]),
    ));
    refuse(without("@context"), code);
    for context in [
        json!([]),
        json!(base),
        json!({}),
        json!(null),
        json!(["https://www.w3.org/ns/credentials/examples/v2", base]),
        json!(["https://www.w3.org/2018/credentials/v1"]),
        json!(["https://www.w3.org/ns/credentials/v2/"]),
        json!([{ "Extra": "https://example.org/#Extra" }, base]),
        json!([base, "https ://not-a-url/contexts/example/v1"]),
        json!([base, 123_192_875]),
        json!([base, null]),
        json!([base, [base]]),
    ] {
        refuse(with("@context", context), code);
    }
}

#[test]
fn protected_terms_are_not_redefined() {
    let bad = "https://example.org/#BadVerifiableCredential";
    refuse(
        with(
            "@context",
            json!([BASE_CONTEXT, { "VerifiableCredential": bad }]),
        ),
        code::CONTEXT_INVALID,
    );
    let first = json!({ "@protected": true, "Extra": "https://example.org/#Extra" });
    let second = json!({ "Extra": "https://example.org/#Other" });
    refuse(
        with("@context", json!([BASE_CONTEXT, first, second])),
        code::CONTEXT_INVALID,
    );
    accept(with(
        "@context",
        json!([BASE_CONTEXT, { "Extra": "ex:1" }, { "Extra": "ex:2" }]),
    ));
}

#[test]
fn ids_are_single_urls() {
    accept(with(
        "id",
        json!("urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33"),
    ));
    accept(with("id", json!("did:example:1")));
    for id in [
        json!(null),
        json!(12),
        json!(["did:example:1", "did:example:2"]),
        json!(["did:example:1"]),
        json!({}),
        json!("not-a-url"),
        json!("not a url:"),
        json!(""),
    ] {
        refuse(with("id", id.clone()), code::ID_INVALID);
        refuse(
            with("credentialSubject", json!({ "id": id, "a": 1 })),
            code::ID_INVALID,
        );
        let status = json!({ "id": id, "type": "https://example.org/#Status" });
        refuse(with("credentialStatus", status), code::ID_INVALID);
    }
}

#[test]
fn types_are_urls_or_terms_with_a_meaning() {
    let code = code::TYPE_INVALID;
    refuse(without("type"), code);
    for types in [
        json!([]),
        json!(""),
        json!(null),
        json!([1]),
        json!(["https://example.org/#NotVerifiable"]),
        json!(["VerifiablePresentation"]),
        json!(["VerifiableCredential", "ExampleTestCredential"]),
        json!(["VerifiableCredential", "https ://not-a-url#Example"]),
        json!(["VerifiableCredential", null]),
    ] {
        refuse(with("type", types), code);
    }
    accept(with("type", json!("VerifiableCredential")));
    let url = "https://example.org/#Example";
    accept(with("type", json!(["VerifiableCredential", url])));
    accept(with(
        "type",
        json!([url, "https://example.org/#Other", "VerifiableCredential"]),
    ));
    accept(with_context(json!({ "Example": url }), "Example"));
    accept(with_context(
        json!({ "Example": { "@id": url } }),
        "Example",
    ));
    accept(with_context(
        json!({ "@vocab": "https://example.org/#" }),
        "Example",
    ));
    accept(with_context(
        json!("https://www.w3.org/ns/credentials/examples/v2"),
        "Example",
    ));
    refuse(with_context(json!({ "@vocab": null }), "Example"), code);
    refuse(with_context(json!({ "Example": null }), "Example"), code);
    refuse(
        with_context(json!({ "Example": "https ://not-a-url" }), "Example"),
        code::CONTEXT_INVALID,
    );
}

#[test]
fn other_objects_have_types_too() {
    for (name, code) in [
        ("credentialStatus", code::STATUS_INVALID),
        ("credentialSchema", code::SCHEMA_INVALID),
        ("evidence", code::EVIDENCE_INVALID),
        ("termsOfUse", code::TERMS_INVALID),
        ("refreshService", code::REFRESH_INVALID),
    ] {
        let good = json!({ "id": "https://example.org/1", "type": "https://example.org/#Kind" });
        accept(with(name, good.clone()));
        accept(with(name, json!([good, good])));
        for bad in [
            json!([]),
            json!("https://example.org/1"),
            json!(7),
            json!(null),
            json!({}),
            json!({ "id": "https://example.org/1" }),
            json!({ "id": "https://example.org/1", "type": "Unmapped" }),
            json!({ "id": "https://example.org/1", "type": "https ://not-a-url#Kind" }),
            json!([good, { "id": "https://example.org/1" }]),
            json!([good, "https://example.org/1"]),
        ] {
            refuse(with(name, bad), code);
        }
        refuse(with(name, json!(vec![good; ENTRIES_MAX + 1])), code);
    }
    let anonymous = json!({ "type": "https://example.org/#Kind" });
    for name in [
        "credentialStatus",
        "evidence",
        "termsOfUse",
        "refreshService",
    ] {
        accept(with(name, anonymous.clone()));
    }
    refuse(with("credentialSchema", anonymous), code::SCHEMA_INVALID);
    let numeric = json!({ "id": 1, "type": "JsonSchema" });
    refuse(with("credentialSchema", numeric), code::ID_INVALID);
}

#[test]
fn names_and_descriptions_are_texts_in_languages() {
    for name in ["name", "description"] {
        let in_issuer = |value: Value| json!({ "id": "did:example:issuer", name: value });
        for good in [
            json!("Example"),
            json!({ "@value": "Example", "@language": "en" }),
            json!({ "@value": "Example", "@language": "en", "@direction": "ltr" }),
            json!({ "@value": "Example" }),
            json!([{ "@value": "狗", "@language": "zh-Hans-CN" }, { "@value": "Dog", "@language": "en" }]),
        ] {
            accept(with(name, good.clone()));
            accept(with("issuer", in_issuer(good)));
        }
        for bad in [
            json!(7),
            json!(null),
            json!([]),
            json!({}),
            json!({ "@language": "en" }),
            json!({ "@value": 7 }),
            json!({ "@value": "Example", "@language": "en", "url": "did:example:credential" }),
            json!({ "@value": "Example", "@language": "not a language" }),
            json!({ "@value": "Example", "@language": "en-" }),
            json!({ "@value": "Example", "@direction": "up" }),
            json!([["Example"]]),
        ] {
            refuse(with(name, bad.clone()), code::LANGUAGE_INVALID);
            refuse(with("issuer", in_issuer(bad)), code::LANGUAGE_INVALID);
        }
    }
}

#[test]
fn issuers_are_urls_or_objects_with_one() {
    let code = code::ISSUER_INVALID;
    assert_eq!(accept(minimal()).issuer, "did:example:issuer");
    let object = json!({ "id": "did:example:other", "name": "Other" });
    assert_eq!(accept(with("issuer", object)).issuer, "did:example:other");
    refuse(without("issuer"), code);
    for bad in [
        json!(12_345),
        json!(null),
        json!("issuer"),
        json!({}),
        json!({ "id": 12_345 }),
        json!({ "id": null }),
        json!({ "id": "issuer" }),
        json!(["did:example:issuer"]),
    ] {
        refuse(with("issuer", bad), code);
    }
}

#[test]
fn of_each_subject_something_is_said() {
    let code = code::SUBJECT_INVALID;
    refuse(without("credentialSubject"), code);
    for bad in [
        json!({}),
        json!([]),
        json!([{ "id": "did:example:1" }, {}]),
        json!("did:example:1"),
        json!(["did:example:1"]),
        json!(null),
    ] {
        refuse(with("credentialSubject", bad), code);
    }
    let two = json!([{ "id": "did:example:1" }, { "name": "nobody" }]);
    assert_eq!(
        accept(with("credentialSubject", two)).subjects,
        [Some("did:example:1".to_owned()), None]
    );
}

#[test]
fn dates_have_zones_and_are_in_order() {
    let code = code::DATE_INVALID;
    for name in ["validFrom", "validUntil"] {
        for good in [
            "2023-02-22T21:35:22Z",
            "2023-02-22T21:35:22.123Z",
            "2023-02-22T21:35:22+08:00",
        ] {
            accept(with(name, json!(good)));
        }
        for bad in [
            json!("2023-02-22T21:35:22"),
            json!("2023-02-22"),
            json!("Thu, 22 Feb 2023 21:35:22 GMT"),
            json!(1_677_101_722),
            json!(null),
            json!(["2023-02-22T21:35:22Z"]),
        ] {
            refuse(with(name, bad), code);
        }
    }
    let period = |from: &str, until: &str| {
        let mut document = with("validFrom", json!(from));
        document["validUntil"] = json!(until);
        document
    };
    let parsed = accept(period("2023-01-01T00:00:00Z", "2023-01-01T08:00:00+08:00"));
    assert_eq!(parsed.valid_from_ms, Some(1_672_531_200_000));
    assert_eq!(parsed.valid_until_ms, parsed.valid_from_ms);
    refuse(
        period("2023-01-01T00:00:01Z", "2023-01-01T08:00:00+08:00"),
        code,
    );
}

#[test]
fn related_resources_have_an_id_of_their_own_and_a_digest() {
    let code = code::RELATED_RESOURCE_INVALID;
    let sri = format!("sha384-{}", "A".repeat(64));
    let multibase = "uEiBZlVztZpfWHgPyslVv6-UwirFoQoRvW1htfx963sknNA";
    let resource = |name: &str, digest: Value| json!({ "id": BASE_CONTEXT, name: digest });
    accept(with("relatedResource", resource("digestSRI", json!(sri))));
    accept(with(
        "relatedResource",
        resource("digestSRI", json!([sri, sri])),
    ));
    accept(with(
        "relatedResource",
        resource("digestMultibase", json!(multibase)),
    ));
    let other = json!({ "id": "https://example.org/1", "digestMultibase": multibase });
    let one = resource("digestSRI", json!(sri));
    accept(with("relatedResource", json!([one, other])));
    for bad in [
        json!([]),
        json!(BASE_CONTEXT),
        json!({ "id": BASE_CONTEXT }),
        json!({ "id": BASE_CONTEXT, "mediaType": "application/ld+json" }),
        json!({ "digestSRI": sri }),
        json!({ "id": "not-a-url", "digestSRI": sri }),
        json!([one, one]),
        json!([one, resource("digestMultibase", json!(multibase))]),
        resource("digestSRI", json!("sha1-AAAA")),
        resource("digestSRI", json!("sha384-")),
        resource("digestSRI", json!("sha384-AA===")),
        resource("digestSRI", json!("sha384-A A")),
        resource("digestSRI", json!(7)),
        resource("digestSRI", json!([])),
        resource("digestMultibase", json!("EiBZlVzt")),
        resource("digestMultibase", json!("uEiBZlVzt")),
    ] {
        refuse(with("relatedResource", bad), code);
    }
}

#[test]
fn status_and_schema_are_read() {
    let status = json!([
        {
            "type": "BitstringStatusListEntry",
            "statusPurpose": "revocation",
            "statusListIndex": "94567",
            "statusListCredential": "https://example.com/status/3",
        },
        { "type": "https://example.org/#Other" },
    ]);
    let mut document = with("credentialStatus", status);
    document["credentialSchema"] =
        json!({ "id": "https://example.org/schema", "type": "JsonSchema" });
    let parsed = accept(document);
    assert_eq!(
        parsed.statuses,
        [
            StatusReference::List {
                list: "https://example.com/status/3".into(),
                purpose: "revocation".into(),
                index: 94_567,
            },
            StatusReference::Other {
                kind: "https://example.org/#Other".into(),
            },
        ]
    );
    assert_eq!(parsed.schemas[0].kind, "JsonSchema");
    // An entry of more bits than one is of a kind not known here.
    let messages: Vec<Value> = (0..4)
        .map(|value| json!({ "status": format!("0x{value}"), "message": "m" }))
        .collect();
    let mut longer = json!({
        "type": "BitstringStatusListEntry",
        "statusPurpose": "message",
        "statusListIndex": "1",
        "statusListCredential": "https://example.com/status/3",
        "statusSize": 2,
        "statusMessage": messages,
    });
    let parsed = accept(with("credentialStatus", longer.clone()));
    let kind = "a BitstringStatusListEntry of 2 bits".into();
    assert_eq!(parsed.statuses, [StatusReference::Other { kind }]);
    longer["statusListIndex"] = json!(1);
    refuse(
        with("credentialStatus", longer),
        code::MALFORMED_VALUE_ERROR,
    );
    let bad = json!({ "type": "BitstringStatusListEntry", "statusPurpose": "revocation" });
    refuse(with("credentialStatus", bad), code::MALFORMED_VALUE_ERROR);
}

#[test]
fn a_credential_may_be_bound_to_a_key() {
    let multikey = "z6MkmRYbz4YPX9vkwDtasNUjre28WBKPfxCHxB2Bc5wvAoUh";
    let key = VerificationKey::from_multikey(multikey);
    let cnf = json!({ "publicKeyMultibase": multikey });
    assert_eq!(
        accept(with("cnf", cnf)).holder_key,
        key.map(HolderKey::Known)
    );
    let cnf = json!({ "jwk": key.unwrap().to_jwk() });
    assert_eq!(
        accept(with("cnf", cnf)).holder_key,
        key.map(HolderKey::Known)
    );
    let otherwise = accept(with("cnf", json!({ "kid": "key-1" }))).holder_key;
    assert!(matches!(otherwise, Some(HolderKey::Unknown(_))));
    let mut private = key.unwrap().to_jwk();
    private["d"] = json!("AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM");
    let mut agreement = key.unwrap().to_jwk();
    agreement["use"] = json!("enc");
    for bad in [
        json!({}),
        json!(null),
        json!({ "kid": "" }),
        json!({ "jwk": {} }),
        json!({ "jwk": private }),
        json!({ "jwk": private, "publicKeyMultibase": multikey }),
        json!({ "jwk": agreement }),
    ] {
        refuse(with("cnf", bad), code::HOLDER_INVALID);
    }
}

#[test]
fn what_is_refused_is_repeated_in_part() {
    let long = "a".repeat(1 << 20);
    for (name, value) in [
        ("id", json!(long)),
        ("id", json!([long])),
        ("type", json!(["VerifiableCredential", long])),
        ("type", json!(["VerifiableCredential", [long]])),
        ("validFrom", json!(long)),
        ("credentialSubject", json!(long)),
        ("credentialStatus", json!(["x", long])),
        ("@context", json!([BASE_CONTEXT, long])),
        ("@context", json!([BASE_CONTEXT, { long.as_str(): " " }])),
        (
            "@context",
            json!([BASE_CONTEXT, { "a": format!("{long} ") }]),
        ),
    ] {
        let error = credential(with(name, value)).unwrap_err();
        assert!(error.detail.len() <= 200, "{name}: {}", error.detail);
    }
}

fn presented(change: impl Fn(&mut Value)) -> Result<Shape, Malformed> {
    let mut document = json!({
        "@context": [BASE_CONTEXT],
        "type": ["VerifiablePresentation"],
        "holder": "did:example:holder",
        "verifiableCredential": [minimal()],
    });
    change(&mut document);
    presentation(&document)
}

#[test]
fn presentations_hold_credentials() {
    let shape = presented(|_| ()).unwrap();
    assert_eq!(shape.holder.as_deref(), Some("did:example:holder"));
    assert_eq!(shape.credentials, [Contained::Embedded(minimal())]);
    let shape = presented(|p| p["holder"] = json!({ "id": "did:example:other" })).unwrap();
    assert_eq!(shape.holder.as_deref(), Some("did:example:other"));
    presented(|p| p["id"] = json!("urn:uuid:1")).unwrap();
    presented(|p| p["verifiableCredential"] = minimal()).unwrap();
    for nothing in [
        presented(|p| drop(p.as_object_mut().unwrap().remove("verifiableCredential"))),
        presented(|p| p["verifiableCredential"] = json!([])),
    ] {
        assert_eq!(nothing.unwrap().credentials, []);
    }
    let check = |code: &str, change: &dyn Fn(&mut Value)| {
        assert_eq!(presented(change).unwrap_err().code, code);
    };
    check(code::CONTEXT_INVALID, &|p| {
        drop(p.as_object_mut().unwrap().remove("@context"));
    });
    check(code::CONTEXT_INVALID, &|p| {
        p["@context"] = json!(["https://example.org/"]);
    });
    check(code::TYPE_INVALID, &|p| {
        drop(p.as_object_mut().unwrap().remove("type"));
    });
    check(code::TYPE_INVALID, &|p| {
        p["type"] = json!(["VerifiableCredential"]);
    });
    check(code::ID_INVALID, &|p| p["id"] = json!(["urn:1", "urn:2"]));
    check(code::TERMS_INVALID, &|p| {
        p["termsOfUse"] = json!({ "id": "urn:1" });
    });
    for holder in [
        json!({}),
        json!(1),
        json!("holder"),
        json!(null),
        json!({ "id": 1 }),
    ] {
        check(code::HOLDER_INVALID, &|p| p["holder"] = holder.clone());
    }
    for credentials in [
        json!("https://example.org/1"),
        json!([1]),
        json!([[]]),
        json!(null),
    ] {
        check(code::CREDENTIALS_INVALID, &|p| {
            p["verifiableCredential"] = credentials.clone();
        });
    }
}

#[test]
fn envelopes_are_data_urls_with_the_base_context() {
    let good = json!({
        "@context": BASE_CONTEXT,
        "type": "EnvelopedVerifiableCredential",
        "id": "data:application/vc+jwt,eyJh.eyJi.c2ln",
    });
    let shape = presented(|p| p["verifiableCredential"] = good.clone()).unwrap();
    assert_eq!(
        shape.credentials,
        [Contained::Enveloped {
            media_type: "application/vc+jwt".into(),
            content: "eyJh.eyJi.c2ln".into(),
        }]
    );
    assert!(enveloped(&good, "EnvelopedVerifiableCredential").is_ok());
    assert_eq!(
        enveloped(&good, "EnvelopedVerifiablePresentation")
            .unwrap_err()
            .code,
        code::TYPE_INVALID
    );
    for (name, bad) in [
        ("@context", json!([])),
        (
            "@context",
            json!("https://www.w3.org/ns/credentials/examples/v2"),
        ),
        ("@context", json!([BASE_CONTEXT, 1])),
        ("@context", json!(null)),
        (
            "type",
            json!(["EnvelopedVerifiableCredential", "VerifiableCredential"]),
        ),
        ("id", json!("eyJh.eyJi.c2ln")),
        ("id", json!("data:application/vc+jwt")),
        ("id", json!("data:application/vc+jwt,")),
        ("id", json!("data:text/plain,a")),
        ("id", json!(null)),
    ] {
        let mut envelope = good.clone();
        envelope[name] = bad;
        let error = presented(|p| p["verifiableCredential"] = json!([envelope])).unwrap_err();
        assert_eq!(error.code, code::CREDENTIALS_INVALID);
    }
}
