//! Selective disclosure, RFC 9901: which values are shown, and the proof of the holder's key.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use ssi::claims::jws::Jws;
use ssi::claims::jwt::JWTClaims;
use ssi::claims::sd_jwt::{
    JsonPointerBuf, KbJwtPayload, SdAlg, SdHash, SdJwt, SdJwtBuf, SdJwtPayload,
};
use starfire_did::sd_jwt::{self, Conceal, SALT_BYTES, key_binding};
use starfire_oracle::person::{Curve, Person};
use starfire_oracle::theirs::{Typed, now, said};
use starfire_oracle::{ISSUED_MS, NOW_MS, YEAR_MS, altered, ours, theirs};

use crate::people;

/// Claims of SD-JWT VC. No fractions: ssi has serde_json keep numbers as texts (arbitrary_precision), and in such a build neither
/// side's reader of tokens knows a fraction for a number.
fn claims(issuer: &Person, holder: &Person) -> Value {
    json!({
        "iss": issuer.did,
        "vct": "https://example.org/certificate-of-origin",
        "nbf": ISSUED_MS / 1000,
        "exp": (ISSUED_MS + YEAR_MS) / 1000,
        "cnf": {"jwk": holder.public().to_jwk()},
        "exporter": {"name": "厦门示例贸易有限公司", "city": "Xiamen"},
        "weight": 1250,
        "goods": ["tea", "porcelain", {"box": 3}],
    })
}

const HIDDEN: [&str; 4] = ["/exporter", "/exporter/name", "/weight", "/goods/1"];

fn salts() -> impl FnMut() -> [u8; SALT_BYTES] {
    let mut next = 0_u8;
    move || {
        next += 1;
        [next; SALT_BYTES]
    }
}

fn by_us(claims: &Value, hidden: &[&str], issuer: &Person) -> String {
    let conceal = Conceal {
        hidden,
        decoys: &[],
    };
    let claims = ours::object(claims);
    sd_jwt::vc::issue(&claims, &issuer.method, conceal, &issuer.key, &mut salts()).unwrap()
}

fn pointers(hidden: &[&str]) -> Vec<JsonPointerBuf> {
    hidden
        .iter()
        .map(|at| at.parse().expect("a pointer"))
        .collect()
}

/// What ssi issues, with the type of SD-JWT VC, which it does not write itself.
fn by_ssi(claims: &Value, hidden: &[&str], issuer: &Person) -> String {
    let (payload, disclosures) =
        SdJwtPayload::conceal(claims, SdAlg::Sha256, &pointers(hidden)).unwrap();
    let claims = serde_json::to_value(&payload).unwrap();
    let typed = Typed {
        typ: sd_jwt::vc::TYP,
        claims: &claims,
    };
    let mut text = format!("{}~", theirs::sign(typed, issuer));
    for disclosure in disclosures {
        text.push_str(disclosure.encoded.as_str());
        text.push('~');
    }
    text
}

/// The claims that ssi reads, if it takes the token.
fn read_by_ssi(text: &str, issuer: &Person, now_ms: i64) -> Result<Value, String> {
    let token = SdJwt::new(text).map_err(|_| "no SD-JWT")?;
    let parameters = theirs::parameters(&[issuer], now_ms);
    let (revealed, verdict) = now(token.decode_reveal_verify_any(parameters)).map_err(said)?;
    verdict.map_err(said)?;
    Ok(serde_json::to_value(revealed.claims()).expect("JSON"))
}

/// The claims that we read, if we take the token. No date of theirs is looked at.
fn read_by_us(text: &str, issuer: &Person) -> Result<Value, String> {
    let token = sd_jwt::decode(text).map_err(|error| error.code().to_owned())?;
    if token.holds(&issuer.public()) {
        return Ok(Value::Object(token.claims().clone()));
    }
    Err("the signature does not hold".to_owned())
}

fn judged_by_us(text: &str, issuer: &Person, now_ms: i64) -> Result<(), String> {
    let parsed = sd_jwt::vc::parse(text).map_err(|error| error.code().to_owned())?;
    ours::judge(&parsed, issuer, now_ms)
}

#[test]
fn tokens_of_both_sides_hold_on_both_and_fail_when_altered() {
    let holder = Person::of_key(Curve::P256, [5; 32]);
    for issuer in people() {
        let claims = claims(&issuer, &holder);
        for text in [
            by_us(&claims, &HIDDEN, &issuer),
            by_ssi(&claims, &HIDDEN, &issuer),
        ] {
            assert_eq!(judged_by_us(&text, &issuer, NOW_MS), Ok(()), "{text}");
            assert_eq!(
                read_by_ssi(&text, &issuer, NOW_MS).as_ref(),
                Ok(&claims),
                "{text}"
            );
            assert_eq!(read_by_us(&text, &issuer).as_ref(), Ok(&claims));
            let refused = |text: &str, now_ms: i64| {
                assert!(judged_by_us(text, &issuer, now_ms).is_err(), "{text}");
                assert!(read_by_ssi(text, &issuer, now_ms).is_err(), "{text}");
            };
            let (token, disclosures) = text.split_once('~').unwrap();
            for part in 0..3 {
                refused(
                    &format!("{}~{disclosures}", altered::token(token, part)),
                    NOW_MS,
                );
            }
            let later = altered::claim(token, "/vct", 10);
            refused(&format!("{later}~{disclosures}"), NOW_MS);
            let disclosure = altered::token(disclosures.split('~').next().unwrap(), 0);
            refused(&format!("{token}~{disclosure}~"), NOW_MS);
            refused(&text, ISSUED_MS - 1000);
            refused(&text, ISSUED_MS + YEAR_MS + 1000);
        }
    }
}

#[test]
fn what_the_holder_leaves_out_is_read_by_neither() {
    let holder = Person::of_key(Curve::P256, [5; 32]);
    let issuer = Person::of_key(Curve::Ed25519, [7; 32]);
    let claims = claims(&issuer, &holder);
    let mut expected = claims.clone();
    expected["exporter"] = json!({"city": "Xiamen"});
    expected["goods"] = json!(["tea", {"box": 3}]);
    expected.as_object_mut().unwrap().remove("weight");
    for text in [
        by_us(&claims, &HIDDEN, &issuer),
        by_ssi(&claims, &HIDDEN, &issuer),
    ] {
        let shown = sd_jwt::decode(&text)
            .unwrap()
            .present(&["/exporter"])
            .unwrap();
        assert_eq!(read_by_us(&shown, &issuer).as_ref(), Ok(&expected));
        assert_eq!(read_by_ssi(&shown, &issuer, NOW_MS).as_ref(), Ok(&expected));
    }
}

/// Whether the proof of the holder's key is good: with us, with ssi.
fn bound(text: &str, holder: &Person) -> (bool, bool) {
    let expected = key_binding::Expected {
        nonce: "c-1",
        audience: "verifier.example",
        now_ms: NOW_MS,
        clock_skew_ms: 0,
    };
    let ours =
        sd_jwt::decode(text).is_ok_and(|token| key_binding::check(&token, &expected).is_ok());
    let theirs = SdJwt::new(text).is_ok_and(|token| {
        let Ok(Some(proof)) = token.decode_kb() else {
            return false;
        };
        let said = &proof.signing_bytes.payload;
        let expected = said.aud == "verifier.example" && said.nonce.0 == "c-1";
        let key: ssi::JWK = serde_json::from_value(holder.public().to_jwk()).expect("a key");
        let parameters = ssi::claims::VerificationParameters::from_resolver(key)
            .with_date_time(theirs::time(NOW_MS));
        expected
            && said.sd_hash.verify(SdAlg::Sha256, token)
            && now(proof.verify(parameters)).is_ok_and(|verdict| verdict.is_ok())
    });
    (ours, theirs)
}

#[test]
fn the_holder_s_proof_holds_on_both_sides_for_this_presentation_alone() {
    for curve in Curve::ALL {
        let holder = Person::of_key(curve, [5; 32]);
        let issuer = Person::of_key(Curve::Ed25519, [7; 32]);
        let text = by_us(&claims(&issuer, &holder), &HIDDEN, &issuer);
        let by_us =
            key_binding::bind(&text, "c-1", "verifier.example", ISSUED_MS, &holder.key).unwrap();
        let token = SdJwt::new(&text).unwrap();
        let proof = json!({
            "nonce": "c-1",
            "aud": "verifier.example",
            "iat": ISSUED_MS / 1000,
            "sd_hash": SdHash::new(SdAlg::Sha256, token).0,
        });
        let typed = Typed {
            typ: key_binding::TYP,
            claims: &proof,
        };
        let by_ssi = format!("{text}{}", theirs::sign(typed, &holder));
        for bound_text in [by_us, by_ssi] {
            assert_eq!(bound(&bound_text, &holder), (true, true));
            let (shown, proof) = bound_text.rsplit_once('~').unwrap();
            for part in 0..3 {
                let text = format!("{shown}~{}", altered::token(proof, part));
                assert_eq!(bound(&text, &holder), (false, false), "{text}");
            }
            // One disclosure less.
            let (fewer, _) = shown.rsplit_once('~').unwrap();
            assert_eq!(bound(&format!("{fewer}~{proof}"), &holder), (false, false));
        }
    }
}

// RFC 7519 §4.1.4 and §4.1.5: exp and nbf are numbers. ssi writes null where it has none, and reads its own.
#[test]
fn ssi_writes_null_for_the_dates_of_a_holder_s_proof() {
    let holder = Person::of_key(Curve::P256, [5; 32]);
    let issuer = Person::of_key(Curve::Ed25519, [7; 32]);
    let text = by_us(&claims(&issuer, &holder), &HIDDEN, &issuer);
    let mut token = SdJwtBuf::new(text).unwrap();
    let mut payload = KbJwtPayload::new(
        "verifier.example".into(),
        "c-1".into(),
        SdAlg::Sha256,
        &token,
    );
    payload.iat = serde_json::from_value(json!(ISSUED_MS / 1000)).unwrap();
    let proof = theirs::sign(payload, &holder);
    token.set_kb(Jws::new(&proof).unwrap());
    assert_eq!(bound(token.as_str(), &holder), (false, true));
}

// RFC 9901 §4.1.1: without _sd_alg, the hash function is sha-256. ssi does not read such a token.
#[test]
fn ssi_does_not_read_a_token_without_the_name_of_its_hash_function() {
    let holder = Person::of_key(Curve::P256, [5; 32]);
    let issuer = Person::of_key(Curve::Ed25519, [7; 32]);
    let claims = claims(&issuer, &holder);
    let text = by_us(&claims, &[], &issuer);
    assert_eq!(read_by_us(&text, &issuer).as_ref(), Ok(&claims));
    assert!(read_by_ssi(&text, &issuer, NOW_MS).is_err());
    assert_eq!(
        read_by_ssi(&by_ssi(&claims, &[], &issuer), &issuer, NOW_MS),
        Ok(claims)
    );
}

// SD-JWT VC: typ is dc+sd-jwt. ssi's own tokens have none, which makes them SD-JWTs of another kind.
#[test]
fn an_sd_jwt_without_a_type_is_read_but_is_no_credential_here() {
    let holder = Person::of_key(Curve::P256, [5; 32]);
    let issuer = Person::of_key(Curve::Ed25519, [7; 32]);
    let claims = claims(&issuer, &holder);
    let typed: JWTClaims = serde_json::from_value(claims.clone()).unwrap();
    let hidden = pointers(&HIDDEN);
    let signing = SdJwtBuf::conceal_and_sign(&typed, SdAlg::Sha256, &hidden, issuer.jwk());
    let text = now(signing).unwrap().into_string();
    assert_eq!(read_by_us(&text, &issuer), Ok(claims));
    let refused = sd_jwt::vc::parse(&text).unwrap_err();
    assert_eq!(refused.code(), "JOSE_TYPE_WRONG");
}

/// Claims of two levels, and pointers to all that can be hidden.
fn tree() -> impl Strategy<Value = (Value, Vec<String>)> {
    let leaf = prop_oneof![
        any::<i32>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    let inner = prop_oneof![
        leaf.clone(),
        prop::collection::btree_map("[a-z~/é]{1,4}", leaf.clone(), 1..4)
            .prop_map(|members| Value::Object(members.into_iter().collect())),
        prop::collection::vec(leaf, 1..4).prop_map(Value::Array),
    ];
    prop::collection::btree_map("x[a-z~/é]{1,4}", inner, 1..6).prop_map(|members| {
        let escaped = |name: &str| name.replace('~', "~0").replace('/', "~1");
        let mut pointers = Vec::new();
        for (name, value) in &members {
            let at = format!("/{}", escaped(name));
            match value {
                Value::Object(inner) => {
                    pointers.extend(inner.keys().map(|name| format!("{at}/{}", escaped(name))));
                }
                Value::Array(inner) => {
                    pointers.extend((0..inner.len()).map(|i| format!("{at}/{i}")))
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
            pointers.push(at);
        }
        (
            Value::Object(members.into_iter().collect::<Map<_, _>>()),
            pointers,
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn whatever_is_hidden_both_sides_read_the_same(
        (claims, all) in tree(),
        chosen in any::<[bool; 32]>(),
    ) {
        let issuer = Person::of_key(Curve::Ed25519, [7; 32]);
        let mut claims = claims;
        claims["vct"] = json!("https://example.org/anything");
        let hidden: Vec<&str> = all
            .iter()
            .zip(chosen)
            .filter(|(_, chosen)| *chosen)
            .map(|(at, _)| at.as_str())
            .collect();
        prop_assume!(!hidden.is_empty());
        for text in [by_us(&claims, &hidden, &issuer), by_ssi(&claims, &hidden, &issuer)] {
            prop_assert_eq!(read_by_us(&text, &issuer), Ok(claims.clone()));
            prop_assert_eq!(read_by_ssi(&text, &issuer, NOW_MS), Ok(claims.clone()));
            // Without any disclosure, what remains is the same too.
            let (token, _) = text.split_once('~').unwrap();
            let nothing = format!("{token}~");
            prop_assert_eq!(read_by_us(&nothing, &issuer), read_by_ssi(&nothing, &issuer, NOW_MS));
        }
    }
}
