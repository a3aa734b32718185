//! To whom a credential is bound: `cnf` of RFC 7800, as SD-JWT VC and profiles of the data model 2.0 use it.
//!
//! A way to name the holder's key that is not known here is no fault of the credential's. It is told from one that is known and broken:
//! who asks for no proof of the holder need not read it, and who asks learns that nothing can be said.

use serde_json::Value;

use super::jwk;
use super::parsed::HolderKey;
use crate::jose::Algorithm;
use crate::verification_key::VerificationKey;

/// Ways that others have to name a key, each a text: RFC 7800 §3.3 to §3.5, RFC 8705 §3.1, RFC 9449 §6.1.
const OTHER_WAYS: [&str; 5] = ["jkt", "jku", "jwe", "kid", "x5t#S256"];

/// The holder's key. `None`: it is named in a way that is known, and wrongly.
pub(crate) fn read(confirmation: &Value) -> Option<HolderKey> {
    let confirmation = confirmation.as_object()?;
    // RFC 7800 §3.2: whoever finds a private key in there cannot tell who holds it.
    if let Some(jwk) = confirmation.get("jwk") {
        return match jwk::verifying(jwk) {
            Some(key) => usable(key),
            None => jwk::of_another_kind(jwk).map(HolderKey::Unknown),
        };
    }
    if let Some(multikey) = confirmation.get("publicKeyMultibase") {
        return usable(VerificationKey::from_multikey(multikey.as_str()?)?);
    }
    let is_text = |way: &&str| {
        let said = confirmation.get(*way);
        said.is_none_or(|said| said.as_str().is_some_and(|said| !said.is_empty()))
    };
    let named = !confirmation.is_empty() && OTHER_WAYS.iter().all(is_text);
    named.then(|| HolderKey::Unknown("cnf names its holder's key by no jwk".to_owned()))
}

/// A key that can prove its holder. Those that agree on keys cannot; those of algorithms that are not known here, elsewhere.
fn usable(key: VerificationKey) -> Option<HolderKey> {
    if !key.signs() || !key.is_sound() {
        return None;
    }
    Some(match Algorithm::of(&key) {
        Some(_) => HolderKey::Known(key),
        None => HolderKey::Unknown(format!("its holder's key is one of {}", key.curve())),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::key::{KeyAlgorithm, PrivateKey};

    fn key() -> VerificationKey {
        let key = PrivateKey::generate([3; 32], KeyAlgorithm::Ed25519);
        key.public().into()
    }

    #[test]
    fn a_key_is_named_by_itself() {
        for cnf in [
            json!({ "jwk": key().to_jwk() }),
            json!({ "jwk": key().to_jwk(), "kid": "a" }),
            json!({ "publicKeyMultibase": key().to_multikey() }),
        ] {
            assert_eq!(read(&cnf), Some(HolderKey::Known(key())), "{cnf}");
        }
    }

    #[test]
    fn a_way_to_name_a_key_that_is_not_known_here_is_no_fault() {
        let number = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
        for cnf in [
            json!({ "kid": "key-1" }),
            json!({ "jkt": number }),
            json!({ "x5t#S256": number }),
            json!({ "jku": "https://a.example/keys", "kid": "a" }),
            json!({ "jwe": "a.b.c.d.e" }),
            json!({ "https://a.example/way": {} }),
            json!({ "jwk": { "kty": "EC", "crv": "P-384", "x": number, "y": number } }),
            json!({ "jwk": { "kty": "RSA", "n": number, "e": "AQAB" } }),
            json!({ "jwk": { "kty": "OKP", "crv": "Ed448", "x": number, "use": "sig" } }),
        ] {
            let read = read(&cnf);
            assert!(matches!(read, Some(HolderKey::Unknown(_))), "{cnf}");
        }
    }

    #[test]
    fn a_way_that_is_known_and_wrong_is_refused() {
        let number = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
        let with = |name: &str, value: Value| {
            let mut jwk = key().to_jwk();
            jwk[name] = value;
            json!({ "jwk": jwk })
        };
        for cnf in [
            json!(null),
            json!("key-1"),
            json!({}),
            json!({ "kid": "" }),
            json!({ "kid": 1 }),
            json!({ "jkt": [] }),
            json!({ "jwk": {}, "kid": "a" }),
            json!({ "publicKeyMultibase": "z" }),
            with("d", json!(number)),
            with("use", json!("enc")),
            with("key_ops", json!(["encrypt"])),
            with("alg", json!("ES256")),
            with("x", json!("AAAA")),
            json!({ "jwk": { "kty": "OKP", "crv": "X25519", "x": number } }),
            json!({ "jwk": { "kty": "OKP", "crv": "X448", "x": number } }),
            json!({ "jwk": { "kty": "EC", "crv": "P-256", "x": number, "y": number } }),
            json!({ "jwk": { "kty": "EC", "crv": "P-384", "x": number } }),
            json!({ "jwk": { "kty": "EC", "crv": "P-384", "x": number, "y": number, "d": number } }),
            json!({ "jwk": { "kty": "RSA", "n": number, "e": "AQAB", "use": "enc" } }),
            json!({ "jwk": { "kty": "oct", "k": number } }),
        ] {
            assert_eq!(read(&cnf), None, "{cnf}");
        }
    }
}
