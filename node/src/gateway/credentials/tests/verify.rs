//! Credentials, each with the step at which it fails.

use starfire_did::jose::{self, Algorithm, Header};

use super::*;
use crate::credential::Reader;

#[tokio::test]
async fn a_valid_credential_passes_every_step() {
    let node = world().await;
    let options = json!({ "accreditation": { "jurisdiction": "CN", "type": KIND } });
    let reply = verify(&node, &signed(claims(), ISSUER), &options).await;
    let answer = reply.json();
    assert_eq!(reply.status, 200);
    assert_eq!(answer["verified"], json!(true), "{answer}");
    assert_eq!(answer["problemDetails"], json!([]));
    let steps: Vec<_> = answer["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| {
            (
                step["name"].as_str().unwrap(),
                step["outcome"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        steps,
        [
            ("parsed", "passed"),
            ("signature", "passed"),
            ("issuer", "passed"),
            ("accreditation", "passed"),
            ("schema", "passed"),
            ("dates", "passed"),
            ("status", "passed"),
            ("holder", "skipped"),
        ]
    );
    let known = answer["steps"][6]["known_at_ms"].as_i64();
    assert_eq!(known, Some(1_795_000_002_000), "the newest block's time");
    assert_eq!(answer.get("credential"), None);
}

/// Claims with one member replaced.
fn with(member: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[member] = value;
    claims
}

#[tokio::test]
async fn what_is_wrong_fails_its_step_with_its_code() {
    let node = world().await;
    let mut altered = signed(claims(), ISSUER);
    altered["credentialSubject"]["country"] = json!("MY");
    let stranger = did(STRANGER, None).to_string();
    let mut contextless = claims();
    contextless["@context"] = json!([]);
    let subject = json!({ "id": stranger, "country": 7 });
    let foreign_entry = json!({
        "type": "BitstringStatusListEntry",
        "statusPurpose": "revocation",
        "statusListIndex": "1",
        "statusListCredential": "https://example.org/lists/1",
    });
    let mut unsigned = claims();
    unsigned.as_object_mut().unwrap().remove("credentialStatus");
    let issuer = did(ISSUER, None);
    let anywhere = json!({});
    let in_my = json!({ "accreditation": { "jurisdiction": "MY", "type": KIND } });
    for (credential, options, expected) in [
        (altered, &anywhere, vec![("signature", "SIGNATURE_WRONG")]),
        (unsigned, &anywhere, vec![("signature", "PROOF_MISSING")]),
        (
            signed(with("validUntil", json!("2021-01-01T00:00:00Z")), ISSUER),
            &anywhere,
            vec![("dates", "EXPIRED")],
        ),
        (
            signed(
                with("credentialStatus", entry(&issuer, REVOKED_INDEX)),
                ISSUER,
            ),
            &anywhere,
            vec![("status", "REVOKED")],
        ),
        (
            signed(with("credentialStatus", entry(&issuer, LIST_BITS)), ISSUER),
            &anywhere,
            vec![("status", "RANGE_ERROR")],
        ),
        (
            signed(with("credentialStatus", foreign_entry), ISSUER),
            &anywhere,
            vec![("status", "STATUS_UNKNOWN")],
        ),
        (
            signed(claims(), ISSUER),
            &in_my,
            vec![("accreditation", "ACCREDITATION_NOT_FOUND")],
        ),
        (
            signed(with("credentialSubject", subject), ISSUER),
            &anywhere,
            vec![("schema", "SCHEMA_VIOLATED")],
        ),
        (
            signed(with("issuer", json!(stranger)), STRANGER),
            &anywhere,
            vec![
                ("signature", "METHOD_UNKNOWN"),
                ("issuer", "ISSUER_NOT_FOUND"),
            ],
        ),
        (
            signed(claims(), HOLDER),
            &anywhere,
            vec![("signature", "PROOF_NOT_BY_ISSUER")],
        ),
        (contextless, &anywhere, vec![("parsed", "CONTEXT_INVALID")]),
    ] {
        let reply = verify(&node, &credential, options).await;
        let answer = reply.json();
        assert_eq!(reply.status, 200, "a completed check is an answer");
        assert_eq!(failed(&answer), expected, "{answer}");
        assert_eq!(answer["verified"], json!(false));
        let problems: Vec<_> = answer["problemDetails"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (one["step"].as_str().unwrap(), one["code"].as_str().unwrap()))
            .collect();
        assert_eq!(problems, expected);
    }
}

/// Signed by the issuer over what the claims say in RDF.
fn signed_over_rdf(claims: Value) -> Value {
    let options = Options::assertion(Suite::EddsaRdfc2022, method(ISSUER), clock::unix_ms());
    let reader = Reader::new();
    let hash = |value: &Value| reader.rdf_hash(value);
    integrity::issue(claims, &options, &key(ISSUER), Some(&hash)).unwrap()
}

#[tokio::test]
async fn a_form_that_is_not_signed_satisfies_no_schema() {
    let node = world().await;
    let good = signed_over_rdf(claims());
    let answer = verify(&node, &good, &json!({})).await.json();
    assert_eq!(answer["verified"], json!(true), "{answer}");
    let undecided = |answer: &Value| {
        assert_eq!(failed(answer), [("schema", "SCHEMA_UNKNOWN")], "{answer}");
        assert_eq!(answer["verdict"], json!("UNDECIDED"));
    };
    let changes: [fn(&mut Value); 3] = [
        |altered| altered["credentialSubject"] = json!([altered["credentialSubject"]]),
        |altered| altered["credentialSubject"]["more"] = json!(null),
        |altered| altered["credentialSubject"]["more"] = json!([]),
    ];
    for change in changes {
        let mut altered = good.clone();
        change(&mut altered);
        undecided(&verify(&node, &altered, &json!({})).await.json());
        // Whoever signs the form that he chose is not the issuer.
        let options = Options::assertion(Suite::EddsaJcs2022, method(HOLDER), clock::unix_ms());
        let cosigned = integrity::create(altered, &options, &key(HOLDER), None).unwrap();
        undecided(&verify(&node, &cosigned, &json!({})).await.json());
    }
    let mut violated = claims();
    violated["credentialSubject"]["country"] = json!(["CN"]);
    let violated = verify(&node, &signed_over_rdf(violated), &json!({}))
        .await
        .json();
    assert_eq!(failed(&violated), [("schema", "SCHEMA_VIOLATED")]);
    // Over JCS the form is signed, and the issuer's own.
    let listed = with("credentialSubject", json!([claims()["credentialSubject"]]));
    let answer = verify(&node, &signed(listed, ISSUER), &json!({}))
        .await
        .json();
    assert_eq!(answer["verified"], json!(true), "{answer}");
}

#[tokio::test]
async fn a_proof_in_a_context_that_is_not_known_here_leaves_the_verdict_to_the_others() {
    let node = world().await;
    let mut claims = claims();
    let contexts = claims["@context"].as_array_mut().unwrap();
    contexts.push(json!(
        "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"
    ));
    let good = signed(claims, ISSUER);
    let mut over_rdf = good["proof"].clone();
    over_rdf["cryptosuite"] = json!("eddsa-rdfc-2022");
    over_rdf.as_object_mut().unwrap().remove("@context");
    let with_proof = |proof: Value| {
        let mut credential = good.clone();
        credential["proof"] = proof;
        credential
    };
    let both = with_proof(json!([over_rdf, good["proof"]]));
    let answer = verify(&node, &both, &json!({})).await.json();
    assert_eq!(answer["verified"], json!(true), "{answer}");
    let answer = verify(&node, &with_proof(over_rdf), &json!({}))
        .await
        .json();
    assert_eq!(failed(&answer), [("signature", "SUITE_UNSUPPORTED")]);
    assert_eq!(answer["verdict"], json!("UNDECIDED"));
}

#[tokio::test]
async fn a_status_that_nobody_here_knows_leaves_the_verdict_open() {
    let node = world().await;
    let entry = json!({
        "type": "BitstringStatusListEntry",
        "statusPurpose": "revocation",
        "statusListIndex": "1",
        "statusListCredential": "https://example.org/lists/1",
    });
    let credential = signed(with("credentialStatus", entry), ISSUER);
    let answer = verify(&node, &credential, &json!({})).await.json();
    assert_eq!(
        (&answer["verified"], &answer["verdict"]),
        (&json!(false), &json!("UNDECIDED"))
    );
    // W3C's suites ask for the proof alone.
    let proof_alone = json!({ "checks": ["proof"], "returnCredential": true });
    let answer = verify(&node, &credential, &proof_alone).await.json();
    assert_eq!(answer["verified"], json!(true), "{answer}");
    assert_eq!(answer["credential"], credential);
    let status = json!({ "checks": ["proof", "credentialStatus"] });
    let answer = verify(&node, &credential, &status).await.json();
    assert_eq!(failed(&answer), [("status", "STATUS_UNKNOWN")]);
}

/// A token of the issuer's key with these claims and no disclosures.
fn sd_jwt(kid: Option<&str>, claims: &Value) -> Value {
    let key = key(ISSUER);
    let algorithm = Algorithm::of(&key.verification_key()).unwrap();
    let header = Header::new(algorithm, kid, starfire_did::sd_jwt::vc::TYP);
    let token = jose::sign(&header, claims.as_object().unwrap(), &key).unwrap();
    json!(format!("{token}~"))
}

#[tokio::test]
async fn what_a_token_has_that_nobody_here_knows_leaves_the_verdict_open() {
    let node = world().await;
    let issuer = did(ISSUER, None);
    let (own, iss) = (method(ISSUER), issuer.to_string());
    let at = |index: u64| json!({ "iss": iss, "vct": "v", "status": { "bitstring_status_list_entry": entry(&issuer, index) } });
    let unknown_issuer = [
        ("signature", "ISSUER_UNKNOWN"),
        ("issuer", "ISSUER_UNKNOWN"),
    ];
    let thumbprint = "urn:ietf:params:oauth:jwk-thumbprint:sha-256:NzbLs";
    let website = json!({ "iss": "https://issuer.example", "vct": "v" });
    let list = json!({ "status_list": { "idx": 8, "uri": list_url(&issuer) } });
    for (kid, claims, verdict, codes) in [
        (
            Some(thumbprint),
            website.clone(),
            "UNDECIDED",
            &unknown_issuer[..],
        ),
        (Some(own.as_str()), website, "UNDECIDED", &unknown_issuer),
        (None, json!({ "vct": "v" }), "UNDECIDED", &unknown_issuer),
        (
            Some(&own),
            json!({ "iss": iss, "vct": "v", "_sd_alg": "sha-512" }),
            "UNDECIDED",
            &[("parsed", "SUITE_UNSUPPORTED")],
        ),
        (
            Some(&own),
            json!({ "iss": iss, "vct": "v", "status": list }),
            "UNDECIDED",
            &[("status", "STATUS_UNKNOWN")],
        ),
        (Some(&own), at(8), "VALID", &[]),
        (
            Some(&own),
            at(REVOKED_INDEX),
            "INVALID",
            &[("status", "REVOKED")],
        ),
    ] {
        let answer = verify(&node, &sd_jwt(kid, &claims), &json!({}))
            .await
            .json();
        assert_eq!(failed(&answer), codes, "{claims}");
        assert_eq!(answer["verdict"], json!(verdict), "{claims}");
    }
    // Whose key it is bound to matters to who asks.
    let bound = sd_jwt(
        Some(&own),
        &json!({ "iss": iss, "vct": "v", "cnf": { "kid": "key-1" } }),
    );
    let answer = verify(&node, &bound, &json!({})).await.json();
    assert_eq!(answer["verified"], json!(true), "{answer}");
    let asked = json!({ "challenge": "c", "domain": "d" });
    let answer = verify(&node, &bound, &asked).await.json();
    assert_eq!(failed(&answer), [("holder", "HOLDER_UNPROVEN")]);
}

/// A `vc+jwt` of the issuer's, with more claims.
fn vc_jwt(claims: &Value, more: &Value) -> Value {
    let key = key(ISSUER);
    let algorithm = Algorithm::of(&key.verification_key()).unwrap();
    let method = method(ISSUER);
    let header = Header::new(algorithm, Some(&method), jose::vc_jwt::TYP);
    let mut claims = claims.as_object().unwrap().clone();
    claims.extend(more.as_object().unwrap().clone());
    json!(jose::sign(&header, &claims, &key).unwrap())
}

#[tokio::test]
async fn the_proof_alone_has_a_term_and_an_audience() {
    let node = world().await;
    let (own, iss) = (method(ISSUER), did(ISSUER, None).to_string());
    let ended = with("validUntil", json!("2021-01-01T00:00:00Z"));
    let token = |more: Value| vc_jwt(&claims(), &more);
    let sd = |more: Value| {
        let mut claims = json!({ "iss": iss, "vct": "v" });
        let members = claims.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        sd_jwt(Some(&own), &claims)
    };
    let (past, future) = (1_600_000_000, 4_000_000_000_i64);
    let fine: &[(&str, &str)] = &[];
    let expired = &[("dates", "PROOF_EXPIRED")][..];
    let early = &[("dates", "NOT_YET_VALID")][..];
    let other = &[("holder", "DOMAIN_MISMATCH")][..];
    let options = Options::assertion(Suite::EddsaJcs2022, own.clone(), future * 1_000);
    let from_the_future = integrity::issue(claims(), &options, &key(ISSUER), None).unwrap();
    for (credential, failures) in [
        (signed(ended.clone(), ISSUER), fine),
        (vc_jwt(&ended, &json!({})), fine),
        (token(json!({ "exp": future })), fine),
        (token(json!({ "exp": past })), expired),
        (sd(json!({ "exp": past })), expired),
        (token(json!({ "nbf": future })), early),
        (sd(json!({ "nbf": future })), early),
        (token(json!({ "aud": "https://other.example" })), other),
        (sd(json!({ "aud": "https://other.example" })), other),
        (from_the_future, &[("dates", "PROOF_FROM_THE_FUTURE")]),
    ] {
        let proof_alone = json!({ "checks": ["proof"] });
        let answer = verify(&node, &credential, &proof_alone).await.json();
        assert_eq!(failed(&answer), failures, "{answer}");
        assert_eq!(answer["verified"], json!(failures.is_empty()), "{answer}");
    }
    let all = verify(&node, &sd(json!({ "exp": past })), &json!({})).await;
    assert_eq!(failed(&all.json()), [("dates", "EXPIRED")]);
    let made_for_it = json!({ "checks": ["proof"], "domain": "https://other.example" });
    let credential = token(json!({ "aud": "https://other.example" }));
    let answer = verify(&node, &credential, &made_for_it).await.json();
    assert_eq!(answer["verified"], json!(true), "{answer}");
}

#[tokio::test]
async fn a_refused_credential_has_the_status_that_is_configured() {
    let node = world_with(CredentialPolicy {
        refused_status: 422,
        issuer: None,
    })
    .await;
    let mut credential = signed(claims(), ISSUER);
    assert_eq!(verify(&node, &credential, &json!({})).await.status, 200);
    credential["credentialSubject"]["country"] = json!("MY");
    let reply = verify(&node, &credential, &json!({})).await;
    assert_eq!(reply.status, 422);
    assert_eq!(failed(&reply.json()), [("signature", "SIGNATURE_WRONG")]);
}

#[tokio::test]
async fn tokens_and_envelopes_are_judged_like_all_others() {
    let node = world().await;
    let claims = claims();
    let token = jose::vc_jwt::issue(
        claims.as_object().unwrap(),
        &method(ISSUER),
        jose::vc_jwt::Times::default(),
        &key(ISSUER),
    )
    .unwrap();
    let envelope = json!({
        "@context": "https://www.w3.org/ns/credentials/v2",
        "type": "EnvelopedVerifiableCredential",
        "id": format!("data:application/vc+jwt,{token}"),
    });
    for credential in [json!(token), envelope] {
        let answer = verify(&node, &credential, &json!({})).await.json();
        assert_eq!(answer["verified"], json!(true), "{answer}");
    }
    let (head, signature) = token.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    let forged = json!(format!("{head}.{other}{}", &signature[1..]));
    let answer = verify(&node, &forged, &json!({})).await.json();
    assert_eq!(failed(&answer), [("signature", "SIGNATURE_WRONG")]);
    let answer = verify(&node, &json!("a.b"), &json!({})).await.json();
    assert_eq!(failed(&answer), [("parsed", "JOSE_MALFORMED")]);
}

#[tokio::test]
async fn a_proof_that_does_not_say_which_key_of_the_issuer_made_it_is_refused() {
    let node = world().await;
    let issuer = did(ISSUER, None).to_string();
    let options = Options::assertion(Suite::EddsaJcs2022, issuer, clock::unix_ms());
    let credential = integrity::issue(claims(), &options, &key(ISSUER), None).unwrap();
    let answer = verify(&node, &credential, &json!({})).await.json();
    assert_eq!(failed(&answer), [("signature", "METHOD_UNKNOWN")]);
    assert_eq!(
        answer["problemDetails"][0]["type"],
        json!("https://w3id.org/security#INVALID_VERIFICATION_METHOD")
    );
}

#[tokio::test]
async fn a_proof_for_another_purpose_than_the_caller_expects_is_refused() {
    let node = world().await;
    let credential = signed(claims(), ISSUER);
    for (purpose, code) in [
        ("assertionMethod", None),
        ("authentication", Some("METHOD_PURPOSE")),
        ("anything", Some("METHOD_PURPOSE")),
    ] {
        let options = json!({ "expectedProofPurpose": purpose, "checks": ["proof"] });
        let answer = verify(&node, &credential, &options).await.json();
        assert_eq!(answer["verified"], json!(code.is_none()), "{purpose}");
        let found = answer["problemDetails"][0]["code"].as_str();
        assert_eq!(found, code, "{purpose}");
    }
}
