//! `did:key` and `did:jwk`: the same document for the same key.

use proptest::prelude::*;
use serde_json::{Value, json};
use ssi::dids::resolution::Options;
use ssi::dids::{DID, DIDJWK, DIDKey, DIDResolver as _};
use starfire_did::{VerificationKey, foreign};
use starfire_oracle::person::{Curve, Person};
use starfire_oracle::theirs::{now, said};

fn resolved_by_ssi(did: &str, kind: Option<&str>) -> Result<Value, String> {
    let mut options = Options::default();
    options.parameters.public_key_format = kind.map(str::to_owned);
    let did = DID::new(did).map_err(|_| "no DID")?;
    let output = if did.method_name() == "key" {
        now(DIDKey.resolve_representation(did, options))
    } else {
        now(DIDJWK.resolve_representation(did, options))
    };
    let output = output.map_err(said)?;
    serde_json::from_slice(&output.document).map_err(said)
}

fn public_jwk(person: &Person) -> ssi::JWK {
    serde_json::from_value(person.public().to_jwk()).expect("a key")
}

fn curve() -> impl Strategy<Value = Curve> {
    prop::sample::select(Curve::ALL.to_vec())
}

/// Secrets that are scalars of P-256: the order begins with ff.
fn secret() -> impl Strategy<Value = [u8; 32]> {
    any::<[u8; 32]>().prop_map(|mut secret| {
        secret[0] &= 0x7f;
        secret[31] |= 1;
        secret
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn a_key_has_one_did_key_and_one_document(curve in curve(), secret in secret()) {
        let person = Person::of_key(curve, secret);
        let did = DIDKey::generate(&public_jwk(&person)).unwrap();
        prop_assert_eq!(did.as_str(), &person.did);
        let ours = foreign::document(&person.did).unwrap();
        let theirs = resolved_by_ssi(&person.did, None).unwrap();
        for member in ["@context", "id", "verificationMethod", "authentication", "assertionMethod"] {
            prop_assert_eq!(&ours[member], &theirs[member], "{}", member);
        }
        // did:key, Document Creation Algorithm: a key that signs serves these two as well. ssi leaves them out.
        for member in ["capabilityInvocation", "capabilityDelegation"] {
            prop_assert_eq!(&ours[member], &json!([person.method]));
            prop_assert!(theirs.get(member).is_none());
        }
    }

    #[test]
    fn a_key_has_one_did_jwk_and_the_same_key_in_it(curve in curve(), secret in secret()) {
        let person = Person::of_key(curve, secret);
        let did = DIDJWK::generate(&public_jwk(&person));
        let ours = foreign::document(did.as_str()).unwrap();
        let mut theirs = resolved_by_ssi(did.as_str(), Some("JsonWebKey2020")).unwrap();
        let (our_key, their_key) = (&ours["verificationMethod"][0], &theirs["verificationMethod"][0]);
        prop_assert_eq!(our_key, their_key);
        prop_assert_eq!(VerificationKey::from_jwk(&our_key["publicKeyJwk"]), Some(person.public()));
        // ssi writes "#0" for the same.
        let id = format!("{did}#0");
        for member in ["authentication", "assertionMethod", "capabilityInvocation", "capabilityDelegation"] {
            prop_assert_eq!(&ours[member], &json!([&id]));
            prop_assert_eq!(theirs[member].take(), json!(["#0"]));
        }
    }

    #[test]
    fn one_letter_less_is_no_key(curve in curve(), secret in secret()) {
        let person = Person::of_key(curve, secret);
        let cut = &person.did[..person.did.len() - 1];
        prop_assert!(foreign::document(cut).is_err());
        // As a JSON Web Key ssi must look at it; as a Multikey it passes the letters on.
        prop_assert!(resolved_by_ssi(cut, Some("JsonWebKey2020")).is_err());
    }
}

#[test]
fn a_key_of_another_curve_has_the_same_document_too() {
    let did = "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme";
    let ours = foreign::document(did).unwrap();
    let theirs = resolved_by_ssi(did, None).unwrap();
    assert_eq!(ours["verificationMethod"], theirs["verificationMethod"]);
}

// did:key, Document Creation Algorithm: what only agrees on keys is listed under keyAgreement alone. ssi takes it for a key that signs.
#[test]
fn a_key_for_agreement_is_not_one_for_signatures() {
    let did = "did:key:z6LSeu9HkTHSfLLeUs2nnzUSNedgDUevfNQgQjQC23ZCit6F";
    let ours = foreign::document(did).unwrap();
    let theirs = resolved_by_ssi(did, None).unwrap();
    assert_eq!(ours["verificationMethod"], theirs["verificationMethod"]);
    assert!(ours.get("authentication").is_none() && ours.get("keyAgreement").is_some());
    assert!(theirs.get("authentication").is_some() && theirs.get("keyAgreement").is_none());
}

// did:jwk §Create: with a use of "sig", keyAgreement is left out. ssi lists all relationships of every key.
#[test]
fn the_use_of_a_json_web_key_limits_it_with_us_alone() {
    use base64::Engine as _;
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let identifier = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(jwk.to_string());
    let did = format!("did:jwk:{identifier}");
    let ours = foreign::document(&did).unwrap();
    let theirs = resolved_by_ssi(&did, Some("JsonWebKey2020")).unwrap();
    assert!(ours.get("keyAgreement").is_none());
    assert!(theirs.get("keyAgreement").is_some());
}
