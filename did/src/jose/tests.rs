//! Published tokens, each refusal with its code, and what one changed bit does.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::key::{KeyAlgorithm, PrivateKey};

fn keys() -> [SigningKey; 3] {
    [
        PrivateKey::generate([1; 32], KeyAlgorithm::Ed25519).into(),
        SigningKey::p256(&[2; 32]).unwrap(),
        PrivateKey::generate([3; 32], KeyAlgorithm::Sm2).into(),
    ]
}

fn claims() -> Map<String, Value> {
    json!({ "b": 1.5, "a": "王", "iss": "did:bid:ef1" })
        .as_object()
        .unwrap()
        .clone()
}

fn header(key: &SigningKey) -> Header {
    let algorithm = Algorithm::of(&key.verification_key()).unwrap();
    Header::new(algorithm, Some("did:bid:ef1#key-1"), "vc+jwt").of("vc")
}

fn refused(text: &str, code: &str) {
    let error = decode(text).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
}

/// A token with this header, unsigned.
fn with_header(header: &str) -> String {
    format!(
        "{}.e30.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode([1; 64])
    )
}

// RFC 7515 appendix A.3: ES256. The payload has line breaks and spaces.
#[test]
fn a_published_es256_token_holds() {
    let jwk = json!({
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    });
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let read = decode(token).unwrap();
    assert!(read.holds(&VerificationKey::from_jwk(&jwk).unwrap()));
    assert_eq!(read.claims()["exp"], 1_300_819_380);
}

// RFC 8037 appendix A.4: Ed25519. Its payload is a text, which no token here may have, so only the signature is looked at.
#[test]
fn a_published_ed25519_signature_is_made_again() {
    let seed = URL_SAFE_NO_PAD
        .decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
        .unwrap();
    let key: SigningKey = PrivateKey::from_raw(KeyAlgorithm::Ed25519, &seed)
        .unwrap()
        .into();
    let input = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature =
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert_eq!(
        URL_SAFE_NO_PAD.encode(key.sign(input.as_bytes())),
        signature
    );
    refused(&format!("{input}.{signature}"), "JSON_INVALID");
}

#[test]
fn what_is_signed_is_read_and_holds_with_its_key_alone() {
    for key in keys() {
        let token = sign(&header(&key), &claims(), &key).unwrap();
        let read = decode(&token).unwrap();
        assert_eq!(read.claims(), &claims());
        assert_eq!(read.header(), &header(&key));
        for other in keys() {
            let public = other.verification_key();
            assert_eq!(read.holds(&public), public == key.verification_key());
            if public != key.verification_key() {
                let error = sign(&header(&key), &claims(), &other).unwrap_err();
                assert_eq!(error.code(), "JOSE_ALGORITHM_REFUSED");
            }
        }
    }
}

#[test]
fn the_algorithm_is_that_of_the_key_whatever_the_header_says() {
    let [ed25519, p256, sm2] = keys();
    for (key, said) in [(&ed25519, &p256), (&p256, &sm2), (&sm2, &ed25519)] {
        let unsigned = Unsigned::new(&header(said), &claims());
        let signature = key.sign(unsigned.message());
        let read = decode(&unsigned.with(&signature)).unwrap();
        assert!(!read.holds(&key.verification_key()));
    }
}

#[test]
fn a_key_that_everybody_can_sign_for_holds_nothing() {
    // The neutral element and a signature of zero: ZIP-215 takes it for any message.
    let mut point = [0; 32];
    point[0] = 1;
    let weak = VerificationKey::Account(crate::key::PublicKey::Ed25519(point));
    let mut signature = [0; 64];
    signature[0] = 1;
    let unsigned = Unsigned::new(&Header::new(Algorithm::EdDsa, None, "vc+jwt"), &claims());
    assert!(weak.verify(unsigned.message(), &signature));
    assert!(!decode(&unsigned.with(&signature)).unwrap().holds(&weak));
}

#[test]
fn ed25519_has_two_names_and_is_written_as_eddsa() {
    for name in ["EdDSA", "Ed25519"] {
        let read = decode(&with_header(&json!({ "alg": name }).to_string())).unwrap();
        assert_eq!(read.header().algorithm, Algorithm::EdDsa);
        assert_eq!(read.header().to_members()["alg"], "EdDSA");
    }
}

#[test]
fn headers_are_read_strictly() {
    for name in [
        "none", "None", "NONE", "HS256", "HS384", "HS512", "es384", "eddsa", "ED25519", "sm2", "",
    ] {
        refused(
            &with_header(&json!({ "alg": name }).to_string()),
            "JOSE_ALGORITHM_REFUSED",
        );
    }
    // What another program may find good.
    for name in ["RS256", "PS512", "ES256K", "ES384", "Ed448", "ML-DSA-65"] {
        refused(
            &with_header(&json!({ "alg": name }).to_string()),
            "SUITE_UNSUPPORTED",
        );
    }
    for (header, code) in [
        ("{}", "JOSE_HEADER_INVALID"),
        (r#"{"alg":["ES256"]}"#, "JOSE_HEADER_INVALID"),
        (r#"{"alg":"ES256","kid":1}"#, "JOSE_HEADER_INVALID"),
        (r#"{"alg":"ES256","typ":null}"#, "JOSE_HEADER_INVALID"),
        (r#"{"alg":"ES256","cty":{}}"#, "JOSE_HEADER_INVALID"),
        (r#"{"alg":"ES256","crit":[]}"#, "JOSE_EXTENSION_UNKNOWN"),
        (
            r#"{"alg":"ES256","crit":["exp"],"exp":1}"#,
            "JOSE_EXTENSION_UNKNOWN",
        ),
        (
            r#"{"alg":"ES256","crit":["b64"],"b64":false}"#,
            "JOSE_EXTENSION_UNKNOWN",
        ),
        (r#"{"alg":"ES256","b64":false}"#, "JOSE_EXTENSION_UNKNOWN"),
        (r#"{"alg":"ES256","b64":"true"}"#, "JOSE_EXTENSION_UNKNOWN"),
        (r#"{"alg":"ES256","alg":"ES256"}"#, "JSON_INVALID"),
        (r#"{"alg":"ES256","x":9007199254740993}"#, "JSON_INVALID"),
        (r#"{"alg":"ES256"} {}"#, "JSON_INVALID"),
        ("\"ES256\"", "JOSE_MALFORMED"),
        ("[]", "JOSE_MALFORMED"),
    ] {
        refused(&with_header(header), code);
    }
    let long = json!({ "alg": "ES256", "x": "x".repeat(HEADER_BYTES_MAX) }).to_string();
    refused(&with_header(&long), "JSON_INVALID");
    let deep = format!(
        r#"{{"alg":"ES256","x":{}{}}}"#,
        "[".repeat(DEPTH_MAX),
        "]".repeat(DEPTH_MAX)
    );
    refused(&with_header(&deep), "JSON_INVALID");
    // A key of the token's own is nobody's.
    assert!(
        decode(&with_header(
            r#"{"alg":"ES256","jwk":{"kty":"EC"},"x5u":"https://x"}"#
        ))
        .is_ok()
    );
}

#[test]
fn the_compact_form_has_one_text() {
    let [key, ..] = keys();
    let good = sign(&header(&key), &claims(), &key).unwrap();
    let [head, payload, signature]: [&str; 3] =
        good.split('.').collect::<Vec<_>>().try_into().unwrap();
    // 86 characters are four bits more than 64 bytes.
    let stray = URL_SAFE_NO_PAD.encode([1; 64]);
    let stray = format!("{}R", stray.strip_suffix('Q').unwrap());
    for bad in [
        String::new(),
        "a".to_owned(),
        format!("{head}.{payload}"),
        format!("{good}."),
        format!("{good}.{signature}"),
        format!(".{good}"),
        format!("{good}=="),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{head}.{payload}.{}", &signature[..85]),
        format!("{head}.{payload}."),
        format!("{head}.{payload}.{stray}"),
        format!("{head}.{payload}.{}", "+".repeat(86)),
        format!("{head}.W10.{signature}"),
    ] {
        refused(&bad, "JOSE_MALFORMED");
    }
    refused("..", "JSON_INVALID");
    refused(
        &format!(
            "{head}.{}.{signature}",
            URL_SAFE_NO_PAD.encode("{\"a\":1,\"a\":1}")
        ),
        "JSON_INVALID",
    );
    refused(&"a".repeat(TOKEN_BYTES_MAX + 1), "JOSE_TOO_LARGE");
}

#[test]
fn media_types_are_compared_as_such() {
    for found in [
        "vc+jwt",
        "VC+JWT",
        "application/vc+jwt",
        "Application/VC+jwt",
    ] {
        assert!(header::names_type(found, "vc+jwt"), "{found}");
    }
    for found in [
        "",
        "jwt",
        "vp+jwt",
        "vc+jwt ",
        "text/vc+jwt",
        "application/application/vc+jwt",
        "äpplication/vc+jwt",
    ] {
        assert!(!header::names_type(found, "vc+jwt"), "{found}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_token_with_one_bit_changed_is_refused(which in 0..3_usize, at in any::<prop::sample::Index>(), bit in 0..7_u8) {
        let key = &keys()[which];
        let mut token = sign(&header(key), &claims(), key).unwrap().into_bytes();
        let at = at.index(token.len());
        token[at] ^= 1 << bit;
        if let Ok(read) = decode(&String::from_utf8(token).unwrap()) {
            prop_assert!(!read.holds(&key.verification_key()), "byte {at} bit {bit}");
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,80}", json in "\\PC{0,80}") {
        drop(decode(&text));
        drop(decode(&with_header(&json)));
        let payload = URL_SAFE_NO_PAD.encode(&json);
        drop(decode(&format!("eyJhbGciOiJFUzI1NiJ9.{payload}.{text}")));
        drop(key_id::method(Some(&text), Some(&json)));
    }
}
