//! Documents made to have the canonical form of another that says less, or more: none is read.

use serde_json::{Map, Value, json};
use starfire_rdfc::canonical_form;

const V2: &str = "https://www.w3.org/ns/credentials/v2";
const EXAMPLES: &str = "https://www.w3.org/ns/credentials/examples/v2";
const JWT: &str = "https://www.iana.org/assignments/jwt#";
const RDF_JSON: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON";
/// More values than any forgery below has to make up for.
const PADDING_MAX: usize = 24;

/// A credential that has expired, may be revoked and is bound to a key.
fn credential() -> Value {
    json!({
        "@context": [V2, EXAMPLES],
        "id": "urn:uuid:11111111-2222-4333-8444-555555555555",
        "type": ["VerifiableCredential"],
        "issuer": "did:example:issuer",
        "validFrom": "2019-01-01T00:00:00Z",
        "validUntil": "2020-01-01T00:00:00Z",
        "credentialStatus": {
            "type": "BitstringStatusListEntry",
            "statusPurpose": "revocation",
            "statusListIndex": "7",
            "statusListCredential": "did:example:issuer/status-lists/revoked",
        },
        "credentialSubject": {
            "id": "did:example:holder",
            "jwk": { "title": "Bachelor" },
            "partOf": "urn:uuid:11111111-2222-4333-8444-555555555555",
        },
        "cnf": { "jwk": { "crv": "Ed25519", "kty": "OKP", "x": "6o8Zjho7" } },
    })
}

/// The credential with what is judged taken out of it, and that.
fn split() -> (Value, Map<String, Value>) {
    let mut rest = credential();
    let members = rest.as_object_mut().expect("an object");
    let mut judged = Map::new();
    for name in ["validFrom", "validUntil", "credentialStatus"] {
        judged.insert(name.to_owned(), members.remove(name).expect("a member"));
    }
    (rest, judged)
}

/// Refused with as many undefined terms beside it as may be needed to make the numbers equal.
fn refused(name: &str, forged: &Value) {
    for padding in 0..PADDING_MAX {
        let mut forged = forged.clone();
        if padding > 0 {
            forged["unsigned"] = json!(vec!["Doctor"; padding]);
        }
        if let Ok(form) = canonical_form(&forged) {
            panic!("{name}, {padding}: {form}");
        }
    }
}

/// The credential's description within a value that is taken for JSON and is none.
fn included(key: &str) -> Value {
    let (mut rest, judged) = split();
    let mut again = judged;
    again.insert("id".to_owned(), rest["id"].clone());
    again.insert("type".to_owned(), json!("VerifiableCredential"));
    let subject = rest["credentialSubject"].as_object_mut().expect("one");
    subject.remove("jwk");
    subject.insert(
        key.to_owned(),
        json!({ "title": "Bachelor", "@included": [again] }),
    );
    rest
}

/// The holder's key in a literal that says that it is JSON.
fn key_in_a_literal(mut document: Value, datatype: &str) -> Value {
    let members = document.as_object_mut().expect("an object");
    let key = members.remove("cnf").expect("a key")["jwk"].to_string();
    let key = json!({ "@value": key, "@type": datatype });
    members.insert(format!("{JWT}cnf"), json!({ format!("{JWT}jwk"): key }));
    document
}

#[test]
fn what_is_judged_cannot_be_moved_into_what_looks_like_json() {
    // An inline context makes the name an ordinary one.
    let context =
        json!([V2, { "jwk": "https://example.org/jwk", "title": "https://example.org/title" }]);
    let mut inline = key_in_a_literal(included("jwk"), RDF_JSON);
    inline["@context"] = context.clone();
    refused("inline, literal", &inline);
    let mut inline = included("jwk");
    inline["@context"] = context;
    refused("inline", &inline);
    // A vocabulary does, with no inline context at all.
    for key in ["jwk", "jsonSchema"] {
        refused(key, &included(key));
        refused(key, &key_in_a_literal(included(key), RDF_JSON));
        let mut vocabulary = included(key);
        vocabulary["@context"] = json!([V2, { "@vocab": "https://example.org/#" }]);
        refused(key, &vocabulary);
    }
    // The real key stands within what is not looked into.
    let mut nested = included("jwk");
    let members = nested.as_object_mut().expect("an object");
    let key = members.remove("cnf").expect("a key");
    members["credentialSubject"]["jwk"]["@included"][0]["cnf"] = key;
    refused("nested", &nested);
}

#[test]
fn json_comes_from_where_it_stands_alone() {
    for datatype in [RDF_JSON, "r:22-rdf-syntax-ns#JSON", "@json", "J"] {
        refused(datatype, &key_in_a_literal(credential(), datatype));
        let mut plain = credential();
        plain["credentialSubject"]["a"] = json!({ "@value": "{}", "@type": datatype });
        refused(datatype, &plain);
    }
    let mut typed = credential();
    typed["@context"] = json!([V2, { "a": { "@id": "https://example.org/a", "@type": RDF_JSON } }]);
    refused("a term", &typed);
    let mut prefix = key_in_a_literal(credential(), "r:22-rdf-syntax-ns#JSON");
    prefix["@context"] = json!([V2, EXAMPLES, { "r": "http://www.w3.org/1999/02/" }]);
    refused("a prefix", &prefix);
}

#[test]
fn an_identifier_is_written_in_one_way() {
    // The node again, under an identifier that a prefix completes.
    let (mut rest, judged) = split();
    let mut again = judged;
    again.insert("type".to_owned(), json!("VerifiableCredential"));
    again.insert(
        "id".to_owned(),
        json!("u:11111111-2222-4333-8444-555555555555"),
    );
    rest["credentialSubject"]["partOf"] = Value::Object(again);
    rest["credentialSubject"]
        .as_object_mut()
        .expect("one")
        .remove("jwk");
    rest["@context"] = json!([V2, EXAMPLES, { "u": "urn:uuid:" }]);
    refused("a prefix", &rest);

    // A built-in prefix, in a context that has some.
    let v1 = json!({
        "@context": "https://www.w3.org/2018/credentials/v1",
        "id": "cred:1",
        "type": ["VerifiableCredential"],
        "issuer": "did:example:issuer",
    });
    refused("a built-in prefix", &v1);
}

#[test]
fn no_claim_gets_another_name() {
    let claims = |terms: Value, claims: Value| {
        let mut document = credential();
        document["@context"] = json!([V2, terms]);
        document["credentialSubject"] = claims;
        canonical_form(&document).map_err(|error| error.code())
    };
    let honest = claims(
        json!({ "debt": "https://example.org/#debt", "income": "https://example.org/#income" }),
        json!({ "debt": 100, "income": 1 }),
    );
    assert!(honest.is_ok(), "{honest:?}");
    for (terms, forged) in [
        (
            json!({ "debt": "https://example.org/#income", "income": "https://example.org/#debt" }),
            json!({ "debt": 1, "income": 100 }),
        ),
        (
            json!({ "@vocab": "https://example.org/#in" }),
            json!({ "come": 1 }),
        ),
        (
            json!({ "e": "https://example.org/#" }),
            json!({ "e:debt": 100, "e:income": 1 }),
        ),
        (
            json!({ "Diploma": "https://example.org/#Draft" }),
            json!({ "type": "Diploma" }),
        ),
    ] {
        let refused = claims(terms.clone(), forged).expect_err("another name");
        assert_eq!(refused, "RDFC_CONTEXT_INLINE", "{terms}");
    }
    let longer = claims(
        json!({ "@vocab": "https://example.org/" }),
        json!({ "a/debt": 100 }),
    );
    assert_eq!(longer, Err("RDFC_NAME"));
}

#[test]
fn a_credential_that_is_claimed_is_not_one_that_is_shown() {
    // Where a vocabulary gives the name a meaning, its value is no graph of its own.
    let (mut rest, mut again) = split();
    again.insert("@context".to_owned(), json!([V2, EXAMPLES]));
    again.insert("id".to_owned(), rest["id"].clone());
    again.insert("type".to_owned(), json!("VerifiableCredential"));
    rest["credentialSubject"]["verifiableCredential"] = Value::Object(again);
    rest["credentialSubject"]
        .as_object_mut()
        .expect("one")
        .remove("jwk");
    refused("verifiableCredential", &rest);
}

#[test]
fn a_number_is_no_text() {
    for datatype in ["integer", "double", "boolean", "string"] {
        let mut document = credential();
        let datatype = format!("http://www.w3.org/2001/XMLSchema#{datatype}");
        document["credentialSubject"] = json!({ "mass": { "@value": "5", "@type": datatype } });
        refused("a text", &document);
    }
}

#[test]
fn what_stands_where_it_belongs_is_read() {
    let mut honest = credential();
    honest["credentialSubject"]
        .as_object_mut()
        .expect("one")
        .remove("jwk");
    let form = canonical_form(&honest).expect("it is well formed");
    assert_eq!(form.matches(RDF_JSON).count(), 1);
    // JSON of the same content has the same form, however it is written.
    let numbers = |number: Value| {
        let mut document = honest.clone();
        document["cnf"]["jwk"]["n"] = number;
        canonical_form(&document)
    };
    assert_eq!(numbers(json!(1)), numbers(json!(1.0)));
    assert_ne!(numbers(json!(1)), numbers(json!(2)));
}
