//! DIDs of other methods. Of `did:key` and `did:jwk` nothing but the identifier is needed; of `did:web` it says where to look.
//!
//! Credentials of others name such DIDs as their issuers or holders. Documents of the first two say nothing that the identifier does
//! not; [`web`] tells where a third one's document stands, and whoever may open connections fetches it.

use serde_json::{Value, json};

use crate::VerificationKey;
use crate::resolution::{Problem, ProblemKind, Representation};

pub(crate) mod jwk;
mod key;
pub mod web;

/// The longest identifier that is looked at, bytes.
pub const IDENTIFIER_BYTES_MAX: usize = 4096;

/// Methods whose documents follow from the identifier.
#[derive(Debug, Clone, Copy)]
enum Method {
    Key,
    Jwk,
}

/// Refuses what is no DID, and what is one of a method that is not resolved here. `did:bid` and `did:web` are not asked about.
pub fn require_method(did: &str) -> Result<(), Problem> {
    read(did).map(drop)
}

/// The document that a DID of another method stands for, in DID 1.0's JSON-LD. `did:bid` is not one of them.
pub fn document(did: &str) -> Result<Value, Problem> {
    document_as(did, Representation::JsonLd)
}

/// The same in the form that was asked for.
pub fn document_as(did: &str, form: Representation) -> Result<Value, Problem> {
    let (method, identifier) = read(did)?;
    let (found, name) = match method {
        Method::Key => (key::document(did, identifier, form), "key"),
        Method::Jwk => (jwk::document(did, identifier, form), "jwk"),
    };
    if let Some(document) = found {
        return Ok(document);
    }
    let of_another_kind = match method {
        Method::Key => key::is_of_another_kind(identifier),
        Method::Jwk => jwk::is_of_another_kind(identifier),
    };
    Err(match of_another_kind {
        true => {
            let detail = "its key is of a kind that is not known here";
            Problem::new(ProblemKind::FeatureNotSupported, detail)
        }
        false => {
            let detail = format!("it holds no key that did:{name} has");
            Problem::new(ProblemKind::InvalidDid, detail)
        }
    })
}

fn read(did: &str) -> Result<(Method, &str), Problem> {
    let syntax = || {
        Problem::new(
            ProblemKind::InvalidDid,
            "a DID is \"did:\", a method, ':' and an identifier",
        )
    };
    if did.len() > IDENTIFIER_BYTES_MAX {
        let detail = format!("an identifier has at most {IDENTIFIER_BYTES_MAX} bytes");
        return Err(Problem::new(ProblemKind::InvalidDid, detail));
    }
    let (method, identifier) = did
        .strip_prefix("did:")
        .and_then(|rest| rest.split_once(':'))
        .filter(|(method, identifier)| is_method(method) && is_identifier(identifier))
        .ok_or_else(syntax)?;
    match method {
        "key" => Ok((Method::Key, identifier)),
        "jwk" => Ok((Method::Jwk, identifier)),
        _ => {
            let detail = format!("did:{method} is not resolved here");
            Err(Problem::new(ProblemKind::MethodNotSupported, detail))
        }
    }
}

// DID Core §3.1: method-name = 1*method-char; method-char = %x61-7A / DIGIT
fn is_method(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

// DID Core §3.1: idchar = ALPHA / DIGIT / "." / "-" / "_" / pct-encoded; the last part is not empty
fn is_identifier(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:%".contains(&byte);
    !text.is_empty() && !text.ends_with(':') && text.bytes().all(known)
}

/// The document with one key, under the relationships that it can serve.
fn with_method(
    did: &str,
    contexts: &[&str],
    method: &Value,
    key: &VerificationKey,
    agrees: bool,
) -> Value {
    let id = &method["id"];
    let mut document = json!({ "id": did, "verificationMethod": [method] });
    if !contexts.is_empty() {
        document["@context"] = json!(contexts);
    }
    if key.signs() {
        for use_of_it in [
            "authentication",
            "assertionMethod",
            "capabilityInvocation",
            "capabilityDelegation",
        ] {
            document[use_of_it] = json!([id]);
        }
    }
    if agrees {
        document["keyAgreement"] = json!([id]);
    }
    document
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    #[test]
    fn a_document_has_the_contexts_of_its_form() {
        let key = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
        let jwk = "did:jwk:eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6ImFjYklRaXVNczNpOF91c3pFakoydHBUdFJNNEVVM3l6OTFQSDZDZEgyVjAiLCJ5IjoiX0tjeUxqOXZXTXB0bm1LdG00NkdxRHo4d2Y3NEk1TEtncmwyR3pIM25TRSJ9";
        let (did_1_0, did_1_1) = (
            "https://www.w3.org/ns/did/v1",
            "https://www.w3.org/ns/did/v1.1",
        );
        let suite = "https://w3id.org/security/suites/jws-2020/v1";
        for (did, form, contexts) in [
            (
                key,
                Representation::JsonLd,
                json!([did_1_0, "https://w3id.org/security/multikey/v1"]),
            ),
            (key, Representation::V1_1, json!([did_1_1])),
            (key, Representation::Json, Value::Null),
            (jwk, Representation::JsonLd, json!([did_1_0, suite])),
            (jwk, Representation::V1_1, json!([did_1_1, suite])),
            (jwk, Representation::Json, Value::Null),
        ] {
            let document = document_as(did, form).unwrap();
            assert_eq!(document["@context"], contexts, "{did} {form:?}");
            assert_eq!(Representation::of_document(&document), form);
        }
    }

    #[test]
    fn a_key_of_another_kind_is_not_supported_and_what_is_no_key_is_no_did() {
        let multikey = |prefix: [u8; 2], length: usize| {
            let raw = [&prefix[..], &vec![7; length]].concat();
            format!("did:key:z{}", bs58::encode(raw).into_string())
        };
        let jwk = |jwk: Value| format!("did:jwk:{}", URL_SAFE_NO_PAD.encode(jwk.to_string()));
        let p384 = json!({
            "kty": "EC", "crv": "P-384",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEUf83OJ3D2xF1Bg8vub9tLe",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0x_FEzRu9m36HLN_tue659",
        });
        let with = |name: &str, value: Value| {
            let mut changed = p384.clone();
            changed[name] = value;
            changed
        };
        for did in [
            // The did:key specification's example of P-384.
            "did:key:z82Lm1MpAkeJcix9K8TMiLd5NMAhnwkjjCBeWHXyu3U4oT2MVJJKXkcVBgjGhnLBn2Kaau9"
                .to_owned(),
            multikey([0x82, 0x24], 67),
            multikey([0x85, 0x24], 270),
            jwk(p384.clone()),
            jwk(json!({ "kty": "OKP", "crv": "Ed448", "x": "AQID" })),
            jwk(json!({ "kty": "RSA", "n": "AQID", "e": "AQAB" })),
        ] {
            let problem = document(&did).unwrap_err();
            assert_eq!(problem.kind, ProblemKind::FeatureNotSupported, "{did}");
        }
        for did in [
            multikey([0x81, 0x24], 48),
            // A kind that is known, of another length.
            multikey([0xed, 0x01], 31),
            // No public key: sha2-256.
            multikey([0x12, 0x20], 32),
            jwk(with("d", json!("AQID"))),
            jwk(with("crv", json!("P-256"))),
            jwk(with("x", json!(7))),
            jwk(with("x", json!("a b"))),
            jwk(with("kty", json!("oct"))),
            jwk(json!({ "kty": "EC", "x": "AQID", "y": "AQID" })),
            jwk(json!([])),
        ] {
            let problem = document(&did).unwrap_err();
            assert_eq!(problem.kind, ProblemKind::InvalidDid, "{did}");
        }
    }

    #[test]
    fn what_is_no_did_or_of_another_method_is_told_apart() {
        for (did, kind) in [
            ("did", ProblemKind::InvalidDid),
            ("did:", ProblemKind::InvalidDid),
            ("did:key", ProblemKind::InvalidDid),
            ("did:key:", ProblemKind::InvalidDid),
            ("did:Key:z6Mk", ProblemKind::InvalidDid),
            ("did:web:a b", ProblemKind::InvalidDid),
            ("did:example:1:", ProblemKind::InvalidDid),
            ("did:web:example.org", ProblemKind::MethodNotSupported),
            ("did:example:1", ProblemKind::MethodNotSupported),
        ] {
            assert_eq!(document(did).unwrap_err().kind, kind, "{did}");
            assert_eq!(require_method(did).unwrap_err().kind, kind, "{did}");
        }
        let long = format!("did:key:z{}", "6".repeat(IDENTIFIER_BYTES_MAX));
        assert_eq!(document(&long).unwrap_err().kind, ProblemKind::InvalidDid);
    }
}
