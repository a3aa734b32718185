//! JSON Web Keys of others: which of them are for verifying.

use serde_json::Value;

use super::json::one_or_some;
use crate::foreign::jwk::is_public_of_another_kind;
use crate::shown::shown;
use crate::verification_key::VerificationKey;

/// The key, if it is public, of a kind that is known here, and for verifying as far as it says what it is for.
// RFC 7517 §4.2 to §4.4: "use", "key_ops" and "alg" say what a key is for.
pub fn verifying(jwk: &Value) -> Option<VerificationKey> {
    let key = VerificationKey::from_jwk(jwk)?;
    let is_public = jwk.get("d").is_none();
    let algorithms: &[&str] = match key.curve() {
        "Ed25519" => &["EdDSA", "Ed25519"],
        "P-256" => &["ES256"],
        "secp256k1" => &["ES256K"],
        "SM2" => &["SM2"],
        _ => &[],
    };
    let fits = jwk.get("alg").is_none_or(|name| {
        let known = |algorithm: &&str| name == *algorithm;
        algorithms.iter().any(known)
    });
    (is_public && is_for_verifying(jwk) && fits).then_some(key)
}

/// Whether it is a public key for verifying, of a kind that is not known here.
pub fn is_of_another_kind(jwk: &Value) -> bool {
    // RFC 8037 §2: keys of X448 agree on keys.
    let agrees = jwk.get("crv").is_some_and(|curve| curve == "X448");
    !agrees && is_for_verifying(jwk) && is_public_of_another_kind(jwk)
}

/// What keeps a public key for verifying from being used: that its kind is not known here. `None`: it is no such key.
pub(crate) fn of_another_kind(jwk: &Value) -> Option<String> {
    if !is_of_another_kind(jwk) {
        return None;
    }
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let kind = text("crv").or_else(|| text("kty"));
    Some(format!(
        "its holder's key is one of {}",
        shown(kind.unwrap_or_default())
    ))
}

fn is_for_verifying(jwk: &Value) -> bool {
    let for_signatures = jwk.get("use").is_none_or(|use_| use_ == "sig");
    let for_verifying = jwk.get("key_ops").is_none_or(|operations| {
        operations.is_array() && one_or_some(operations).iter().any(|one| one == "verify")
    });
    for_signatures && for_verifying
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::key::{KeyAlgorithm, PrivateKey};

    #[test]
    fn a_key_is_for_what_it_says() {
        let key = PrivateKey::generate([3; 32], KeyAlgorithm::Ed25519).public();
        let key = VerificationKey::from(key);
        let with = |name: &str, value: Value| {
            let mut jwk = key.to_jwk();
            jwk[name] = value;
            verifying(&jwk)
        };
        for (name, value) in [
            ("kid", json!("a")),
            ("use", json!("sig")),
            ("key_ops", json!(["verify"])),
            ("alg", json!("EdDSA")),
            ("alg", json!("Ed25519")),
        ] {
            assert_eq!(with(name, value.clone()), Some(key), "{name}: {value}");
        }
        for (name, value) in [
            ("d", json!("AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM")),
            ("use", json!("enc")),
            ("key_ops", json!(["encrypt"])),
            ("key_ops", json!([])),
            ("key_ops", json!("verify")),
            ("alg", json!("ES256")),
            ("alg", json!("ECDH-ES")),
            ("alg", json!(1)),
        ] {
            assert_eq!(with(name, value.clone()), None, "{name}: {value}");
        }
    }
}
