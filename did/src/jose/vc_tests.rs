//! Credentials and presentations as tokens: what agrees, what is refused, what an envelope carries.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::envelope::{self, Format};
use super::vc_jwt::{self, Times};
use super::{Header, JoseError, vp_jwt};
use crate::credential::code;
use crate::credential::model::Contained;
use crate::credential::parsed::Relationship;
use crate::credential::presentation::HolderProof;
use crate::credential::verify::check_times;
use crate::key::{KeyAlgorithm, PrivateKey};
use crate::sd_jwt;
use crate::signing_key::SigningKey;

const ISSUER: &str = "did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2";
const KEY: &str = "did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2#key-1";
const SUBJECT: &str = "did:bid:efyJLYwWd7SmKV44QXxRAd7NLCfjKxHB";

fn keys() -> [SigningKey; 3] {
    [
        PrivateKey::generate([1; 32], KeyAlgorithm::Ed25519).into(),
        SigningKey::p256(&[2; 32]).unwrap(),
        PrivateKey::generate([3; 32], KeyAlgorithm::Sm2).into(),
    ]
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn credential() -> Map<String, Value> {
    object(json!({
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "id": "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "type": ["VerifiableCredential"],
        "issuer": { "id": ISSUER, "name": "Ministry" },
        "validFrom": "2026-01-01T00:00:00Z",
        "credentialSubject": { "id": SUBJECT, "mass": 1.5, "姓名": "王" },
    }))
}

fn presentation(credentials: &[Value]) -> Map<String, Value> {
    object(json!({
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "type": ["VerifiablePresentation"],
        "holder": ISSUER,
        "verifiableCredential": credentials,
    }))
}

/// A token of a credential with one change to its header and its claims.
fn token(change: impl Fn(&mut Header, &mut Map<String, Value>)) -> String {
    let [key, ..] = keys();
    let mut header =
        Header::new(vc_jwt::algorithm(&key).unwrap(), Some(KEY), vc_jwt::TYP).of(vc_jwt::CTY);
    let mut claims = credential();
    change(&mut header, &mut claims);
    super::sign(&header, &claims, &key).unwrap()
}

fn refused(change: impl Fn(&mut Header, &mut Map<String, Value>), code: &str) {
    let error = vc_jwt::parse(&token(change)).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
}

#[test]
fn a_credential_is_the_payload_and_is_judged_as_other_formats_are() {
    for key in keys() {
        let times = Times {
            issued_at_ms: Some(1_767_225_600_999),
            expires_ms: Some(1_900_000_000_000),
        };
        let text = vc_jwt::issue(&credential(), KEY, times, &key).unwrap();
        assert_eq!(Format::of(&text), Format::VcJwt);
        let header = super::decode(&text).unwrap().header().clone();
        assert_eq!(
            (header.typ.as_deref(), header.cty.as_deref()),
            (Some("vc+jwt"), Some("vc"))
        );
        let parsed = envelope::parse(Format::VcJwt, &text).unwrap();
        assert_eq!(parsed.issuer, ISSUER);
        assert_eq!(parsed.subjects, [Some(SUBJECT.to_owned())]);
        assert_eq!(
            parsed.claims["credentialSubject"],
            credential()["credentialSubject"]
        );
        assert_eq!(parsed.signed_ms(), Some(1_767_225_600_000));
        let [signed] = parsed.signatures.as_slice() else {
            panic!("one signature")
        };
        assert_eq!(
            (signed.method.as_str(), signed.relationship),
            (KEY, Relationship::AssertionMethod)
        );
        assert_eq!(signed.expires_ms, Some(1_899_999_999_999));
        for other in keys() {
            assert_eq!(
                signed.holds(&other.verification_key()),
                other.curve() == key.curve()
            );
        }
    }
}

#[test]
fn claims_that_repeat_a_member_must_agree_with_it() {
    let good = token(|header, claims| {
        header.repeated.insert("iss".to_owned(), ISSUER.into());
        claims.insert("iss".to_owned(), ISSUER.into());
        claims.insert("sub".to_owned(), SUBJECT.into());
        claims.insert("jti".to_owned(), claims["id"].clone());
        claims.insert("nbf".to_owned(), 1_800_000_000.into());
    });
    assert_eq!(
        vc_jwt::parse(&good).unwrap().valid_from_ms,
        Some(1_800_000_000_000)
    );
    for claim in ["iss", "sub", "jti"] {
        for value in [json!("did:bid:ef2"), json!(1), json!(null)] {
            refused(
                |_, claims| drop(claims.insert(claim.to_owned(), value.clone())),
                "JOSE_CLAIM_CONFLICT",
            );
        }
    }
    // A token has a name of its own where the credential has none, and only a text is one.
    let named = token(|_, claims| {
        claims.insert("jti".to_owned(), claims["id"].clone());
        claims.remove("id");
    });
    assert!(vc_jwt::parse(&named).is_ok());
    refused(
        |_, claims| {
            claims.insert("jti".to_owned(), json!(1));
            claims.remove("id");
        },
        "JOSE_CLAIM_INVALID",
    );
    // What else repeats nothing says more than the credential.
    let subjects = json!([{ "id": SUBJECT }, { "id": ISSUER }]);
    refused(
        |_, claims| {
            claims.insert("sub".to_owned(), SUBJECT.into());
            claims.insert("credentialSubject".to_owned(), subjects.clone());
        },
        "JOSE_CLAIM_CONFLICT",
    );
    refused(
        |header, _| drop(header.repeated.insert("iss".to_owned(), ISSUER.into())),
        "JOSE_CLAIM_CONFLICT",
    );
}

#[test]
fn other_tokens_are_no_credentials() {
    for typ in [
        None,
        Some("JWT"),
        Some("vp+jwt"),
        Some("kb+jwt"),
        Some("vc+ld+json+jwt"),
    ] {
        refused(
            |header, _| header.typ = typ.map(str::to_owned),
            "JOSE_TYPE_WRONG",
        );
    }
    refused(
        |header, _| header.cty = Some("vp".to_owned()),
        "JOSE_TYPE_WRONG",
    );
    assert!(vc_jwt::parse(&token(|header, _| header.cty = None)).is_ok());
    for name in ["vc", "vp"] {
        refused(
            |_, claims| drop(claims.insert(name.to_owned(), json!({}))),
            "JOSE_CLAIM_WRAPPER",
        );
    }
    for kid in ["did:bid:ef2#key-1", "key 1", ""] {
        refused(
            |header, _| header.key_id = Some(kid.to_owned()),
            "JOSE_KEY_ID_INVALID",
        );
    }
    for name in ["iat", "exp", "nbf"] {
        refused(
            |_, claims| drop(claims.insert(name.to_owned(), "now".into())),
            "JOSE_CLAIM_INVALID",
        );
    }
    // Limits in the words of other formats, which nobody here would judge.
    for (name, value) in [
        (
            "status",
            json!({ "status_list": { "idx": 7, "uri": "https://example.org/1" } }),
        ),
        ("expirationDate", json!("2020-01-01T00:00:00Z")),
        ("validBefore", json!("2020-01-01T00:00:00Z")),
        ("revocationId", json!("1")),
    ] {
        refused(
            |_, claims| drop(claims.insert(name.to_owned(), value.clone())),
            "JOSE_CLAIM_INVALID",
        );
    }
    refused(|_, claims| drop(claims.remove("issuer")), "ISSUER_INVALID");
    let relative = vc_jwt::parse(&token(|header, _| {
        header.key_id = Some("#key-1".to_owned());
    }))
    .unwrap();
    assert_eq!(relative.signatures[0].method, KEY);
    let unnamed = vc_jwt::parse(&token(|header, _| header.key_id = None)).unwrap();
    assert_eq!(unnamed.signatures[0].method, ISSUER);
}

#[test]
fn a_presentation_carries_credentials_of_every_format() {
    let [ed25519, p256, _] = keys();
    let jwt = vc_jwt::issue(&credential(), KEY, Times::default(), &ed25519).unwrap();
    let claims = object(json!({ "iss": ISSUER, "vct": "v", "name": "x" }));
    let conceal = sd_jwt::Conceal {
        hidden: &["/name"],
        decoys: &[],
    };
    let sd = sd_jwt::vc::issue(&claims, KEY, conceal, &p256, &mut || [9; 16]).unwrap();
    assert_eq!(Format::of(&sd), Format::SdJwtVc);
    let enveloped = [
        envelope::seal(Format::VcJwt, &jwt).unwrap(),
        envelope::seal(Format::SdJwtVc, &sd).unwrap(),
        Value::Object(credential()),
    ];
    let answer = vp_jwt::Answer {
        nonce: Some("n"),
        audience: Some("did:bid:ef2"),
        times: Times::default(),
    };
    let text = vp_jwt::present(&presentation(&enveloped), KEY, answer, &ed25519).unwrap();
    let read = vp_jwt::parse(&text).unwrap();
    assert_eq!(read.presenter(), Some(ISSUER));
    let [proof] = read.proofs.as_slice() else {
        panic!("one proof")
    };
    assert_eq!(
        (proof.challenge.as_deref(), proof.domain.as_slice()),
        (Some("n"), &["did:bid:ef2".to_owned()][..])
    );
    assert_eq!(proof.signed.relationship, Relationship::Authentication);
    assert!(proof.signed.holds(&ed25519.verification_key()));
    let issuers: Vec<Option<String>> = read
        .credentials
        .iter()
        .map(|one| match one {
            Contained::Enveloped {
                media_type,
                content,
            } => Some(envelope::open(media_type, content).unwrap().issuer),
            Contained::Embedded(_) => None,
        })
        .collect();
    assert_eq!(
        issuers,
        [Some(ISSUER.to_owned()), Some(ISSUER.to_owned()), None]
    );
    assert_eq!(vc_jwt::parse(&text).unwrap_err().code(), "JOSE_TYPE_WRONG");
    assert_eq!(vp_jwt::parse(&jwt).unwrap_err().code(), "JOSE_TYPE_WRONG");
}

#[test]
fn a_presentation_is_signed_by_its_holder() {
    let [key, ..] = keys();
    let parse = |kid: Option<&str>, change: fn(&mut Map<String, Value>)| -> Result<_, JoseError> {
        let mut claims = presentation(&[Value::Object(credential())]);
        change(&mut claims);
        let header = Header::new(vc_jwt::algorithm(&key).unwrap(), kid, vp_jwt::TYP);
        vp_jwt::parse(&super::sign(&header, &claims, &key).unwrap())
    };
    let holder = |read: crate::credential::presentation::Presentation| read.holder.unwrap();
    assert_eq!(holder(parse(Some("#key-1"), |_| ()).unwrap()), ISSUER);
    assert_eq!(
        holder(parse(Some("did:bid:ef9#key-1"), |c| drop(c.remove("holder"))).unwrap()),
        "did:bid:ef9"
    );
    for (kid, change, code) in [
        (
            Some("did:bid:ef9#key-1"),
            (|_| ()) as fn(&mut Map<String, Value>),
            "JOSE_KEY_ID_INVALID",
        ),
        (None, |c| drop(c.remove("holder")), "JOSE_KEY_ID_INVALID"),
        (
            Some(KEY),
            |c| drop(c.insert("iss".to_owned(), SUBJECT.into())),
            "JOSE_CLAIM_CONFLICT",
        ),
        (
            Some(KEY),
            |c| drop(c.insert("nonce".to_owned(), 1.into())),
            "JOSE_CLAIM_INVALID",
        ),
        (
            Some(KEY),
            |c| drop(c.insert("aud".to_owned(), json!([]))),
            "JOSE_CLAIM_INVALID",
        ),
        (
            Some(KEY),
            |c| drop(c.insert("aud".to_owned(), json!(["a", 1]))),
            "JOSE_CLAIM_INVALID",
        ),
        (
            Some(KEY),
            |c| drop(c.insert("vp".to_owned(), json!({}))),
            "JOSE_CLAIM_WRAPPER",
        ),
    ] {
        assert_eq!(parse(kid, change).unwrap_err().code(), code);
    }
}

/// What a signature of a presentation with these claims is judged by.
fn shown_with(claims: &[(&str, Value)]) -> Result<HolderProof, JoseError> {
    let [key, ..] = keys();
    let mut members = presentation(&[Value::Object(credential())]);
    members.extend(
        claims
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone())),
    );
    let header = Header::new(vc_jwt::algorithm(&key).unwrap(), Some(KEY), vp_jwt::TYP);
    let mut read = vp_jwt::parse(&super::sign(&header, &members, &key).unwrap())?;
    Ok(read.proofs.remove(0))
}

#[test]
fn a_presentation_holds_from_its_nbf_on() {
    let claims = [("iat", 1_767_225_600.into()), ("nbf", json!(1_800_000_000))];
    let proof = shown_with(&claims).unwrap();
    assert_eq!(proof.signed.not_before_ms, Some(1_800_000_000_000));
    let at = |now_ms| check_times(&proof.signed, now_ms, 0).map_err(|(code, _)| code);
    assert_eq!(at(1_799_999_999_999), Err(code::NOT_YET_VALID));
    assert_eq!(at(1_800_000_000_000), Ok(()));
    let error = shown_with(&[("nbf", json!("soon"))]).unwrap_err();
    assert_eq!(error.code(), "JOSE_CLAIM_INVALID");
}

#[test]
fn a_credential_says_for_which_verifiers_it_is() {
    for (aud, audience) in [
        (json!("a"), vec!["a"]),
        (
            json!(["a", "https://b.example"]),
            vec!["a", "https://b.example"],
        ),
    ] {
        let text = token(|_, claims| drop(claims.insert("aud".to_owned(), aud.clone())));
        assert_eq!(vc_jwt::parse(&text).unwrap().audience, audience);
    }
    assert!(
        vc_jwt::parse(&token(|_, _| ()))
            .unwrap()
            .audience
            .is_empty()
    );
    for aud in [json!([]), json!(1), json!(["a", null]), Value::Null] {
        refused(
            |_, claims| drop(claims.insert("aud".to_owned(), aud.clone())),
            "JOSE_CLAIM_INVALID",
        );
    }
}

#[test]
fn an_envelope_says_its_format() {
    for (media_type, format) in [
        ("application/vc+jwt", Some(Format::VcJwt)),
        ("application/VC+JWT", Some(Format::VcJwt)),
        ("application/dc+sd-jwt", Some(Format::SdJwtVc)),
        ("application/vc+sd-jwt", Some(Format::SdJwtVc)),
        ("application/vc+cose", None),
        ("application/vc+jwt;charset=utf-8", Some(Format::VcJwt)),
        (
            "application/vc+jwt ; charset=utf-8;base64",
            Some(Format::VcJwt),
        ),
        ("text/plain;application/vc+jwt", None),
        ("", None),
    ] {
        assert_eq!(Format::of_media_type(media_type), format, "{media_type}");
    }
    let bif: Value =
        serde_json::from_str(include_str!("../../../tests/vectors/bif_credentials.json")).unwrap();
    let bif = bif["vectors"][0]["hex_text"].as_str().unwrap();
    assert_eq!(Format::of(bif), Format::Bif);
    assert_eq!(
        envelope::parse(Format::of(bif), bif).unwrap().types.len(),
        2
    );
    assert_eq!(
        envelope::seal(Format::Bif, bif).unwrap_err().code(),
        "ENVELOPE_INVALID"
    );
    assert_eq!(
        envelope::open("application/vc+cwt", bif)
            .unwrap_err()
            .code(),
        "ENVELOPE_INVALID"
    );
}

#[test]
fn an_envelope_is_opened_as_data_urls_are_written() {
    let text = token(|_, _| ());
    let read = vc_jwt::parse(&text).unwrap();
    let open = |media_type: &str, content: &str| {
        envelope::open(media_type, content).map_err(|error| error.code())
    };
    let padded = STANDARD.encode(&text);
    let bare = padded.trim_end_matches('=');
    let escaped = text.replacen('.', "%2E", 1);
    for (media_type, content) in [
        ("application/vc+jwt", text.as_str()),
        ("application/vc+jwt", escaped.as_str()),
        ("application/vc+jwt;charset=utf-8", text.as_str()),
        ("application/VC+JWT;base64", padded.as_str()),
        ("application/vc+jwt;charset=utf-8;BASE64", bare),
        (
            "application/vc+jwt;base64",
            padded.replace('=', "%3D").as_str(),
        ),
    ] {
        assert_eq!(open(media_type, content).as_ref(), Ok(&read), "{content}");
    }
    for content in ["%", "%zz", "%ff", "a!", "/w=="] {
        let opened = open("application/vc+jwt;base64", content);
        assert_eq!(opened, Err("ENVELOPE_INVALID"), "{content}");
    }
    // What another program may have secured well, whatever its bytes are.
    for content in ["0oRD", "%ff"] {
        let opened = open("application/vc+cose;base64", content);
        assert_eq!(opened, Err("SUITE_UNSUPPORTED"), "{content}");
    }
    let presented = |media_type: &str| {
        let opened = envelope::open_presentation(media_type, "a.b.c");
        opened.map_err(|error| error.code())
    };
    let text = Ok("a.b.c".to_owned());
    assert_eq!(presented("application/vp+jwt"), text);
    assert_eq!(presented("application/vp+jwt;charset=utf-8"), text);
    assert_eq!(presented("application/vp+cose"), Err("SUITE_UNSUPPORTED"));
    assert_eq!(presented("application/vc+jwt"), Err("ENVELOPE_INVALID"));
}
