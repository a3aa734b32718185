//! `did:jwk`: the identifier is a JSON Web Key in base64url.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::with_method;
use crate::VerificationKey;
use crate::render::{DID_1_0, DID_1_1, Representation};

/// The context of `JsonWebKey2020`.
const SUITE: &str = "https://w3id.org/security/suites/jws-2020/v1";
/// What only a private key has.
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "k"];

fn contexts(form: Representation) -> &'static [&'static str] {
    match form {
        Representation::JsonLd => &[DID_1_0, SUITE],
        Representation::V1_1 => &[DID_1_1, SUITE],
        Representation::Json => &[],
    }
}

/// The document, if the identifier is a public key of a kind that is known.
// did:jwk §Read: without `use` all relationships, with "sig" all but keyAgreement, with "enc" keyAgreement alone.
pub(super) fn document(did: &str, identifier: &str, form: Representation) -> Option<Value> {
    let jwk = public(identifier)?;
    let key = VerificationKey::from_jwk(&jwk)?;
    let (signs, agrees) = match jwk.get("use").map(Value::as_str) {
        None => (true, !matches!(key.curve(), "Ed25519" | "SM2")),
        Some(Some("sig")) => (true, false),
        Some(Some("enc")) => (false, true),
        Some(_) => return None,
    };
    let method = json!({
        "id": format!("{did}#0"),
        "type": "JsonWebKey2020",
        "controller": did,
        "publicKeyJwk": jwk,
    });
    let mut document = with_method(did, contexts(form), &method, &key, agrees);
    if let (false, Some(members)) = (signs, document.as_object_mut()) {
        members.retain(|name, _| {
            !matches!(
                name.as_str(),
                "authentication"
                    | "assertionMethod"
                    | "capabilityInvocation"
                    | "capabilityDelegation"
            )
        });
    }
    Some(document)
}

/// Whether it is a public key all the same, of a kind that is not known here.
pub(super) fn is_of_another_kind(identifier: &str) -> bool {
    public(identifier).is_some_and(|jwk| is_public_of_another_kind(&jwk))
}

/// Whether it is a public key of a kind that is not known here.
// RFC 7518 §6, RFC 8037 §2: the members of a public key of each type.
pub(crate) fn is_public_of_another_kind(jwk: &Value) -> bool {
    if is_private(jwk) {
        return false;
    }
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let is_number = |name: &str| {
        let number = text(name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        number.is_some_and(|bytes| !bytes.is_empty())
    };
    let is_other = |known: &[&str]| text("crv").is_some_and(|curve| !known.contains(&curve));
    match text("kty") {
        Some("RSA") => is_number("n") && is_number("e"),
        Some("EC") => is_other(&["P-256", "secp256k1", "SM2"]) && is_number("x") && is_number("y"),
        Some("OKP") => is_other(&["Ed25519", "X25519"]) && is_number("x"),
        Some(_) | None => false,
    }
}

/// A JSON Web Key without a private part.
fn public(identifier: &str) -> Option<Value> {
    let jwk: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(identifier).ok()?).ok()?;
    (!is_private(&jwk)).then_some(jwk)
}

fn is_private(jwk: &Value) -> bool {
    PRIVATE.iter().any(|member| jwk.get(member).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::foreign;

    fn did(jwk: &Value) -> String {
        format!("did:jwk:{}", URL_SAFE_NO_PAD.encode(jwk.to_string()))
    }

    // The did:jwk specification's first example.
    #[test]
    fn a_jwk_has_its_document() {
        let did = "did:jwk:eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6ImFjYklRaXVNczNpOF91c3pFakoydHBUdFJNNEVVM3l6OTFQSDZDZEgyVjAiLCJ5IjoiX0tjeUxqOXZXTXB0bm1LdG00NkdxRHo4d2Y3NEk1TEtncmwyR3pIM25TRSJ9";
        let document = foreign::document(did).unwrap();
        assert_eq!(document["id"], did);
        let method = &document["verificationMethod"][0];
        assert_eq!(method["id"], format!("{did}#0"));
        assert_eq!(
            method["publicKeyJwk"]["x"],
            "acbIQiuMs3i8_uszEjJ2tpTtRM4EU3yz91PH6CdH2V0"
        );
        for relationship in [
            "authentication",
            "assertionMethod",
            "capabilityInvocation",
            "capabilityDelegation",
            "keyAgreement",
        ] {
            assert_eq!(document[relationship], json!([format!("{did}#0")]));
        }
    }

    #[test]
    fn the_use_of_a_key_limits_it() {
        let jwk = json!({"kty": "OKP", "crv": "X25519", "use": "enc", "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"});
        let document = foreign::document(&did(&jwk)).unwrap();
        assert!(document.get("authentication").is_none());
        assert!(document.get("keyAgreement").is_some());
        let mut odd = jwk;
        odd["use"] = json!("both");
        assert!(foreign::document(&did(&odd)).is_err());
    }

    #[test]
    fn a_private_key_is_refused() {
        let jwk = json!({
            "kty": "EC", "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
        });
        assert!(foreign::document(&did(&jwk)).is_err());
    }
}
