//! What reads credentials, presentations and status lists that strangers hand over.

use serde_json::{Value, json};
use starfire_did::credential::integrity::{self, Options, Suite, Uncanonical};
use starfire_did::credential::{bitstring, json as strict, presentation};
use starfire_did::jose::envelope::{self, Format};
use starfire_did::jose::{bif, vc_jwt, vp_jwt};
use starfire_did::sd_jwt::{self, Conceal, key_binding};
use starfire_did::{Did, KeyAlgorithm, PrivateKey, SigningKey};

/// When the samples were made, Unix milliseconds.
const NOW_MS: i64 = 1_795_249_800_000;

/// Reads JSON with proofs, as a credential and as a presentation, with the suites over RDF.
pub(super) fn read_json(bytes: &[u8]) {
    let Ok(value) = strict::parse(bytes) else {
        return;
    };
    let canonical = strict::canonical(&value).expect("what is read can be written");
    assert_eq!(strict::parse(&canonical).as_ref(), Ok(&value));
    // As a node reads, what belongs to one verification shares its bounds.
    let work = std::cell::RefCell::new(starfire_rdfc::Work::new());
    let rdfc = |value: &Value| {
        starfire_rdfc::hash(value, &mut work.borrow_mut())
            .map_err(|error| Uncanonical::Refused(error.to_string()))
    };
    if let Ok(parsed) = integrity::credential(value.clone(), Some(&rdfc)) {
        let key = key().verification_key();
        for signed in &parsed.signatures {
            signed.holds(&key);
        }
        drop(bitstring::StatusList::parse(&parsed));
    }
    drop(presentation::read(value, Some(&rdfc)));
}

pub(super) fn json_samples() -> Vec<Vec<u8>> {
    let method = format!("{}#key-1", did());
    let secure = |suite: Suite, rdfc| {
        let options = Options::assertion(suite, method.clone(), NOW_MS);
        integrity::issue(claims(), &options, &key(), rdfc).expect("a sample is valid")
    };
    let rdfc = |value: &Value| {
        starfire_rdfc::hash(value, &mut starfire_rdfc::Work::new())
            .map_err(|error| Uncanonical::Refused(error.to_string()))
    };
    let jcs = secure(Suite::EddsaJcs2022, None);
    let options = Options::authentication(Suite::EddsaJcs2022, method.clone(), NOW_MS, "c", "d");
    let shown = presentation::unsigned(&did(), std::slice::from_ref(&jcs));
    let shown = presentation::create(shown, &options, &key(), None).expect("a sample is valid");
    [jcs, secure(Suite::EddsaRdfc2022, Some(&rdfc)), shown]
        .iter()
        .map(|value| value.to_string().into_bytes())
        .collect()
}

/// Reads tokens of every format.
pub(super) fn read_token(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    drop(envelope::parse(Format::of(text), text));
    drop(vp_jwt::parse(text));
    drop(sd_jwt::vc::parse(text));
    if let Ok(token) = sd_jwt::decode(text) {
        drop(token.present(&["/a", "/list/0"]));
        drop(key_binding::confirmed(token.claims()));
    }
    if let Ok(credential) = bif::decode(text) {
        drop(credential.parse());
        drop(credential.present(&["a"]));
    }
}

pub(super) fn token_samples() -> Vec<Vec<u8>> {
    let (key, kid) = (key(), format!("{}#key-1", did()));
    let Value::Object(credential) = claims() else {
        unreachable!("claims are an object")
    };
    let times = vc_jwt::Times {
        issued_at_ms: Some(NOW_MS),
        expires_ms: Some(NOW_MS + 1_000),
    };
    let jwt = vc_jwt::issue(&credential, &kid, times, &key).expect("a sample is valid");
    let claims = json!({
        "iss": did(), "vct": "https://example.com/type", "a": {"b": 1}, "list": ["x", "y"],
        "cnf": {"jwk": key.verification_key().to_jwk()},
    });
    let Value::Object(claims) = claims else {
        unreachable!("claims are an object")
    };
    let conceal = Conceal {
        hidden: &["/a", "/list/0"],
        decoys: &[("", 2)],
    };
    let mut salts = 0..u8::MAX;
    let mut salt = || [salts.next().unwrap_or_default(); sd_jwt::SALT_BYTES];
    let issued =
        sd_jwt::vc::issue(&claims, &kid, conceal, &key, &mut salt).expect("a sample is valid");
    let bound =
        key_binding::bind(&issued, "nonce", "aud", NOW_MS, &key).expect("a sample is valid");
    [jwt, issued, bound].map(String::into_bytes).to_vec()
}

/// Opens the bits of a list, which come compressed.
pub(super) fn read_status_list(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(bits) = bitstring::decode(text) {
        assert!(bits.len() <= bitstring::LIST_BYTES_MAX, "a list is bounded");
        let again = bitstring::decode(&bitstring::encode(&bits));
        assert_eq!(again.as_ref(), Ok(&bits), "what is read can be written");
    }
}

pub(super) fn status_list_samples() -> Vec<Vec<u8>> {
    let bits: Vec<u8> = (0..16_384_u32).map(|at| u8::from(at % 97 == 0)).collect();
    vec![bitstring::encode(&bits).into_bytes()]
}

fn private_key() -> PrivateKey {
    PrivateKey::generate([7; 32], KeyAlgorithm::Ed25519)
}

fn key() -> SigningKey {
    SigningKey::from(private_key())
}

fn did() -> String {
    Did::derive(&private_key().public(), None).to_string()
}

fn claims() -> Value {
    json!({
        "@context": ["https://www.w3.org/ns/credentials/v2", {"town": "https://example.com/terms#town"}],
        "id": "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33",
        "type": ["VerifiableCredential"],
        "issuer": did(),
        "validFrom": "2026-01-01T00:00:00Z",
        "validUntil": "2027-01-01T00:00:00Z",
        "credentialSubject": {"id": "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp", "name": "A. Name", "town": "Tianjin"},
        "credentialStatus": {
            "type": "BitstringStatusListEntry", "statusPurpose": "revocation",
            "statusListIndex": "7", "statusListCredential": "https://example.com/list",
        },
    })
}
