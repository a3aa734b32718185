//! Presentations: the holder's proof, and a report on each credential.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use starfire_did::credential::presentation;
use starfire_did::jose::envelope::{self, Format};
use starfire_did::jose::{vc_jwt, vp_jwt};
use starfire_did::sd_jwt::{self, Conceal};

use super::*;
use crate::credential::CREDENTIALS_MAX;

async fn present(node: &Node, shown: &Value, options: &Value) -> Value {
    let body = json!({ "verifiablePresentation": shown, "options": options });
    post(node, "/presentations/verify", &body).await.json()
}

/// Shown by the holder, in answer to a challenge.
fn shown(credentials: &[Value], challenge: &str) -> Value {
    let unsigned = presentation::unsigned(&did(HOLDER, None).to_string(), credentials);
    let options = Options::authentication(
        Suite::EddsaJcs2022,
        method(HOLDER),
        clock::unix_ms(),
        challenge,
        "verifier.example",
    );
    presentation::create(unsigned, &options, &key(HOLDER), None).unwrap()
}

#[tokio::test]
async fn the_holder_answers_the_challenge_and_shows_what_is_about_it() {
    let node = world().await;
    let shown = shown(&[signed(claims(), ISSUER)], "n-1");
    let mut options =
        json!({ "challenge": "n-1", "domain": "verifier.example", "holderIsSubject": true });
    let answer = present(&node, &shown, &options).await;
    assert_eq!(answer["verified"], json!(true), "{answer}");
    assert_eq!(answer["results"]["credentials"][0]["verified"], json!(true));

    options["challenge"] = json!("n-2");
    let answer = present(&node, &shown, &options).await;
    assert_eq!(failed(&answer), [("signature", "CHALLENGE_MISMATCH")]);
    assert_eq!(
        answer["problemDetails"][0]["type"],
        json!("https://w3id.org/security#INVALID_CHALLENGE_ERROR")
    );
    let elsewhere = json!({ "challenge": "n-1", "domain": "other.example" });
    let answer = present(&node, &shown, &elsewhere).await;
    assert_eq!(failed(&answer), [("signature", "DOMAIN_MISMATCH")]);
}

#[tokio::test]
async fn a_presenter_who_is_not_the_subject_is_refused_however_little_else_is_checked() {
    let node = world().await;
    let mut of_another = claims();
    of_another["credentialSubject"]["id"] = json!(did(STRANGER, None).to_string());
    let shown = shown(&[signed(of_another, ISSUER)], "n-1");
    for (options, refused) in [
        (json!({ "checks": ["proof"] }), false),
        (
            json!({ "checks": ["proof"], "holderIsSubject": true }),
            true,
        ),
    ] {
        let answer = present(&node, &shown, &options).await;
        assert_eq!(answer["verified"], json!(!refused), "{answer}");
        let expected = if refused {
            vec![("holder", "HOLDER_MISMATCH")]
        } else {
            vec![]
        };
        assert_eq!(failed(&answer["results"]["credentials"][0]), expected);
    }
}

/// An SD-JWT of the issuer's that hides these claims.
fn hiding(claims: &Value, hidden: &[&str]) -> String {
    let conceal = Conceal {
        hidden,
        decoys: &[],
    };
    let claims = claims.as_object().unwrap();
    sd_jwt::vc::issue(claims, &method(ISSUER), conceal, &key(ISSUER), &mut || {
        [7; 16]
    })
    .unwrap()
}

#[tokio::test]
async fn a_presenter_who_hides_whom_a_credential_is_about_is_not_taken_for_it() {
    let node = world().await;
    let of_another = hiding(
        &json!({
            "iss": did(ISSUER, None).to_string(),
            "vct": "urn:example:licence",
            "sub": did(STRANGER, None).to_string(),
        }),
        &["/sub"],
    );
    let held = sd_jwt::decode(&of_another).unwrap();
    let asked =
        json!({ "challenge": "n-1", "domain": "verifier.example", "holderIsSubject": true });
    for (disclosed, code) in [(&[][..], "HOLDER_UNPROVEN"), (&["/sub"], "HOLDER_MISMATCH")] {
        let text = held.present(disclosed).unwrap();
        let sealed = envelope::seal(Format::SdJwtVc, &text).unwrap();
        let answer = present(&node, &shown(&[sealed], "n-1"), &asked).await;
        assert_eq!(failed(&answer), []);
        assert_eq!(
            failed(&answer["results"]["credentials"][0]),
            [("holder", code)]
        );
        assert_eq!(answer["verified"], json!(false));
    }
}

#[tokio::test]
async fn who_asks_for_the_holder_of_a_credential_that_nobody_shows_is_refused() {
    let node = world().await;
    let bound = hiding(
        &json!({
            "iss": did(ISSUER, None).to_string(),
            "vct": "urn:example:licence",
            "cnf": { "jwk": key(HOLDER).verification_key().to_jwk() },
        }),
        &[],
    );
    for (asked, expected) in [
        (json!({}), vec![]),
        (json!({ "expectedProofPurpose": "assertionMethod" }), vec![]),
        (
            json!({ "holderIsSubject": true }),
            vec![("holder", "HOLDER_UNPROVEN")],
        ),
        (
            json!({ "holderIsSubject": true, "checks": ["holder"] }),
            vec![("holder", "HOLDER_UNPROVEN")],
        ),
        (
            json!({ "checks": ["holder"] }),
            vec![("holder", "HOLDER_UNPROVEN")],
        ),
    ] {
        for credential in [json!(bound), signed(claims(), ISSUER)] {
            let answer = verify(&node, &credential, &asked).await.json();
            assert_eq!(failed(&answer), expected, "{asked}");
            assert_eq!(answer["verified"], json!(expected.is_empty()), "{asked}");
        }
    }
}

#[tokio::test]
async fn one_bad_credential_spoils_the_presentation_and_is_named() {
    let node = world().await;
    let mut altered = signed(claims(), ISSUER);
    altered["credentialSubject"]["country"] = json!("MY");
    let shown = shown(&[signed(claims(), ISSUER), altered], "n-1");
    let answer = present(&node, &shown, &json!({ "challenge": "n-1" })).await;
    assert_eq!(
        (&answer["verified"], failed(&answer)),
        (&json!(false), vec![])
    );
    let credentials = &answer["results"]["credentials"];
    assert_eq!(credentials[0]["verified"], json!(true));
    assert_eq!(failed(&credentials[1]), [("signature", "SIGNATURE_WRONG")]);
}

#[tokio::test]
async fn a_presentation_without_a_proof_is_enough_only_where_none_is_asked_for() {
    let node = world().await;
    let holder = did(HOLDER, None).to_string();
    let unsigned = presentation::unsigned(&holder, &[signed(claims(), ISSUER)]);
    let body = json!({ "presentation": unsigned });
    let answer = post(&node, "/presentations/verify", &body).await.json();
    assert_eq!(answer["verified"], json!(true), "{answer}");
    let holder = &answer["steps"][2];
    assert_eq!(holder["outcome"], json!("skipped"), "{answer}");
    for asked in [
        json!({ "challenge": "n-1" }),
        json!({ "domain": "verifier.example" }),
        json!({ "holderIsSubject": true }),
        json!({ "expectedProofPurpose": "authentication" }),
        json!({ "checks": ["holder"] }),
        json!({ "holderIsSubject": true, "expectedProofPurpose": "authentication", "checks": ["holder"] }),
    ] {
        let answer = present(&node, &unsigned, &asked).await;
        assert_eq!(failed(&answer), [("signature", "PROOF_MISSING")], "{asked}");
        assert_eq!(answer["verified"], json!(false), "{asked}");
    }
}

#[tokio::test]
async fn what_is_made_to_keep_a_node_busy_is_refused_by_its_size() {
    let node = world().await;
    let vocabulary = json!({ "@vocab": "https://example.org/#" });
    let proof = json!({
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-rdfc-2022",
        "verificationMethod": method(ISSUER),
        "proofPurpose": "assertionMethod",
        "proofValue": format!("z{}", "1".repeat(64)),
    });
    let busy = |nodes: usize| {
        let mut busy = claims();
        busy["@context"] = json!(["https://www.w3.org/ns/credentials/v2", vocabulary]);
        busy["credentialSubject"]["a"] = json!(vec![json!({}); nodes]);
        busy["proof"] = json!(vec![proof.clone(); 16]);
        busy
    };
    // More than one may have; and as many as each may, in more than all may have.
    for credentials in [vec![busy(20_000); 4], vec![busy(3_500); 6]] {
        let unsigned = presentation::unsigned(&did(HOLDER, None).to_string(), &credentials);
        let answer = present(&node, &unsigned, &json!({})).await;
        let reports = answer["results"]["credentials"].as_array().unwrap();
        assert_eq!(reports.len(), credentials.len());
        let last = reports.last().unwrap();
        // The bounds are this node's: nothing is wrong with what is beyond them.
        assert_eq!(failed(last), [("signature", "SUITE_UNSUPPORTED")]);
        assert_eq!(last["verdict"], json!("UNDECIDED"));
        let detail = &last["problemDetails"][0]["detail"];
        let detail = detail.as_str().unwrap();
        assert!(
            detail.contains("RDFC_TOO_LARGE") || detail.contains("RDFC_POISON"),
            "{detail}"
        );
    }
}

#[tokio::test]
async fn credentials_beyond_those_that_are_judged_leave_the_verdict_open() {
    let node = world().await;
    let good = signed(claims(), ISSUER);
    let holder = did(HOLDER, None).to_string();
    let mut many = vec![good; CREDENTIALS_MAX + 1];
    let present_all = async |credentials: &[Value]| {
        let unsigned = presentation::unsigned(&holder, credentials);
        present(&node, &unsigned, &json!({})).await
    };
    let answer = present_all(&many).await;
    let reports = answer["results"]["credentials"].as_array().unwrap();
    let (last, judged) = reports.split_last().unwrap();
    assert!(judged.iter().all(|one| one["verified"] == json!(true)));
    assert_eq!(failed(last), [("parsed", "CREDENTIALS_TOO_MANY")]);
    assert_eq!(answer["verdict"], json!("UNDECIDED"));
    // What is wrong with one that is judged is certain all the same.
    many[3]["credentialSubject"]["country"] = json!("MY");
    let answer = present_all(&many).await;
    assert_eq!(answer["verdict"], json!("INVALID"));
}

/// A `vc+jwt` that the issuer made for one verifier.
fn made_for(audience: &str) -> String {
    let mut claims = claims();
    claims["aud"] = json!(audience);
    let times = vc_jwt::Times::default();
    vc_jwt::issue(
        claims.as_object().unwrap(),
        &method(ISSUER),
        times,
        &key(ISSUER),
    )
    .unwrap()
}

#[tokio::test]
async fn a_credential_is_for_the_verifier_that_its_issuer_made_it_for() {
    let node = world().await;
    let mismatch = [("holder", "DOMAIN_MISMATCH")];
    let here = "verifier.example";
    let asked = json!({ "challenge": "n-1", "domain": here });
    for (audience, expected) in [(here, &[][..]), ("other.example", &mismatch)] {
        let token = made_for(audience);
        // Shown by its holder, signed as a token or as a document.
        let sealed = envelope::seal(Format::VcJwt, &token).unwrap();
        let unsigned = presentation::unsigned(
            &did(HOLDER, None).to_string(),
            std::slice::from_ref(&sealed),
        );
        let answered = vp_jwt::Answer {
            nonce: Some("n-1"),
            audience: Some(here),
            times: vc_jwt::Times::default(),
        };
        let signed = vp_jwt::present(
            unsigned.as_object().unwrap(),
            &method(HOLDER),
            answered,
            &key(HOLDER),
        )
        .unwrap();
        for shown in [json!(signed), shown(&[sealed], "n-1")] {
            let answer = present(&node, &shown, &asked).await;
            assert_eq!(failed(&answer), [], "{answer}");
            assert_eq!(failed(&answer["results"]["credentials"][0]), expected);
            assert_eq!(answer["verified"], json!(expected.is_empty()), "{answer}");
        }
        // Alone, for the verifier that names itself and asks for nobody else.
        let alone = json!({ "domain": here });
        let answer = verify(&node, &json!(token), &alone).await.json();
        assert_eq!(failed(&answer), expected);
        assert_eq!(answer["verified"], json!(expected.is_empty()), "{answer}");
        let answer = verify(&node, &json!(token), &json!({})).await.json();
        assert_eq!(failed(&answer), mismatch);
    }
    let answer = verify(&node, &json!(made_for(here)), &asked).await.json();
    assert_eq!(failed(&answer), [("holder", "HOLDER_UNPROVEN")]);
}

#[tokio::test]
async fn an_envelope_is_read_as_data_urls_are_written() {
    let node = world().await;
    let base_context = "https://www.w3.org/ns/credentials/v2";
    let times = vc_jwt::Times::default();
    let claims = claims();
    let token = vc_jwt::issue(
        claims.as_object().unwrap(),
        &method(ISSUER),
        times,
        &key(ISSUER),
    )
    .unwrap();
    let encoded = STANDARD.encode(&token);
    for (url, verdict) in [
        (
            format!("data:application/vc+jwt;charset=utf-8,{token}"),
            "VALID",
        ),
        (format!("data:application/vc+jwt;base64,{encoded}"), "VALID"),
        (
            "data:application/vc+cose;base64,0oRD".to_owned(),
            "UNDECIDED",
        ),
        (format!("data:application/vc+cwt,{token}"), "INVALID"),
    ] {
        let envelope = json!({
            "@context": base_context, "type": "EnvelopedVerifiableCredential", "id": url,
        });
        let answer = verify(&node, &envelope, &json!({})).await.json();
        assert_eq!(answer["verdict"], json!(verdict), "{url}");
        let answer = present(&node, &shown(&[envelope], "n-1"), &json!({})).await;
        assert_eq!(answer["verdict"], json!(verdict), "{url}");
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_signed_is_not_valid_by_calling_itself_a_presentation() {
    let node = world().await;
    let accredited = json!({ "accreditation": { "jurisdiction": "CN", "type": KIND } });
    let mut forged = claims();
    forged["type"] = json!(["VerifiableCredential", KIND, "VerifiablePresentation"]);
    for options in [&json!({}), &accredited] {
        let answer = present(&node, &forged, options).await;
        assert_eq!(answer["verified"], json!(false), "{answer}");
        assert_eq!(failed(&answer), [("parsed", "TYPE_INVALID")]);
    }
    let text = forged.to_string();
    assert_eq!(
        crate::credential::Reader::new()
            .read(&text)
            .unwrap_err()
            .code,
        "TYPE_INVALID"
    );

    let empty = presentation::unsigned(&did(HOLDER, None).to_string(), &[]);
    let answer = present(&node, &empty, &json!({})).await;
    assert_eq!(failed(&answer), [("signature", "PROOF_MISSING")]);
    let missing = ("accreditation", "CREDENTIAL_MISSING");
    let answer = present(&node, &empty, &accredited).await;
    assert_eq!(failed(&answer), [("signature", "PROOF_MISSING"), missing]);
    // Nor does a holder that proves who it is have what is asked of an issuer.
    let answer = present(&node, &shown(&[], "n-1"), &accredited).await;
    assert_eq!(failed(&answer), [missing]);
    let answer = present(&node, &shown(&[], "n-1"), &json!({})).await;
    assert_eq!(answer["verified"], json!(true), "{answer}");
}

#[tokio::test]
async fn what_is_shown_in_the_wrong_place_is_no_presentation() {
    let node = world().await;
    let credential = signed(claims(), ISSUER);
    let answer = present(&node, &credential, &json!({})).await;
    assert_eq!(failed(&answer), [("parsed", "TYPE_INVALID")]);
    let shown = shown(&[credential], "n-1");
    let answer = verify(&node, &shown, &json!({})).await.json();
    assert_eq!(failed(&answer), [("parsed", "TYPE_INVALID")]);
}
