//! What the binary issues verifies with published JavaScript libraries, what they issue verifies with the binary, and what was
//! altered on the way is refused on both sides.

use serde_json::{Value, json};

use super::desk::{
    CHALLENGE, Curve, DOMAIN, Desk, HOLDER, ISSUER, NAME, claims, did_key, registered,
};
use crate::e2e::devnet::starfire;

/// Who issues: the DID and the key's id, and what each side must be handed to know it.
struct Issuer {
    did: String,
    method: String,
    ours: Vec<String>,
    theirs: String,
}

fn by_did_key(desk: &Desk, curve: Curve) -> Issuer {
    let (did, method) = did_key(curve, ISSUER);
    Issuer {
        did,
        method,
        ours: Vec::new(),
        theirs: desk.json("nothing.json", &json!({})),
    }
}

fn by_did_bid(desk: &Desk) -> Issuer {
    let (did, document) = registered(ISSUER);
    let theirs = desk.json("documents.json", &json!({did.as_str(): document}));
    let ours = vec![
        "--documents".to_owned(),
        desk.json("document.json", &document),
    ];
    Issuer {
        method: format!("{did}#key-1"),
        did,
        ours,
        theirs,
    }
}

fn slices(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

/// What a command of the binary made: JSON, or a token.
#[track_caller]
fn made(arguments: &[&str]) -> String {
    let made = starfire(arguments).json();
    made.as_str()
        .map_or_else(|| made.to_string(), str::to_owned)
}

fn by_suite(suite: &str, curve: Curve, issuer: impl FnOnce(&Desk) -> Issuer) {
    let desk = Desk::new();
    let issuer = issuer(&desk);
    let unsigned = claims(&issuer.did, "did:example:alice");
    let claims = desk.json("claims.json", &unsigned);
    let key = desk.key(curve, ISSUER);
    let Issuer { did, method, .. } = &issuer;
    let ours = made(&[
        "vc", "issue", &claims, "--key", &key, "--issuer", did, "--method", method, "--suite",
        suite,
    ]);
    desk.verified_there("ours", &ours, "verify.mjs", &[&issuer.theirs]);
    let known = slices(&issuer.ours);
    desk.judged("ours-here", &ours, &known, "SIGNATURE_WRONG");

    let seed = desk.seed(ISSUER);
    let theirs = desk.script("issue.mjs", &[&seed, suite, &claims, method]);
    desk.judged("theirs", &theirs, &known, "SIGNATURE_WRONG");
}

#[test]
fn eddsa_jcs_2022_is_understood_both_ways() {
    by_suite("eddsa-jcs-2022", Curve::Ed25519, |desk| {
        by_did_key(desk, Curve::Ed25519)
    });
    by_suite("eddsa-jcs-2022", Curve::Ed25519, by_did_bid);
}

#[test]
fn eddsa_rdfc_2022_is_understood_both_ways() {
    by_suite("eddsa-rdfc-2022", Curve::Ed25519, |desk| {
        by_did_key(desk, Curve::Ed25519)
    });
    by_suite("eddsa-rdfc-2022", Curve::Ed25519, by_did_bid);
}

#[test]
fn ecdsa_suites_are_understood_both_ways() {
    for suite in ["ecdsa-jcs-2019", "ecdsa-rdfc-2019"] {
        by_suite(suite, Curve::P256, |desk| by_did_key(desk, Curve::P256));
    }
}

#[test]
fn presentations_are_understood_both_ways() {
    let desk = Desk::new();
    let (issuer, _) = did_key(Curve::Ed25519, ISSUER);
    let (holder, method) = did_key(Curve::Ed25519, HOLDER);
    let claims = desk.json("claims.json", &claims(&issuer, &holder));
    let key = desk.key(Curve::Ed25519, ISSUER);
    let credential = made(&["vc", "issue", &claims, "--key", &key, "--did-method", "key"]);
    let asked = ["--challenge", CHALLENGE, "--domain", DOMAIN];

    let held = desk.write("credential.json", &credential);
    let key = desk.key(Curve::Ed25519, HOLDER);
    let line = ["vc", "present", &held, "--key", &key, "--did-method", "key"];
    let ours = made(&[&line[..], &asked[..]].concat());
    let nothing = desk.json("nothing.json", &json!({}));
    let more = [nothing.as_str(), CHALLENGE, DOMAIN];
    desk.verified_there("ours", &ours, "verify.mjs", &more);
    desk.judged("ours-here", &ours, &asked, "SIGNATURE_WRONG");

    let credential: Value = serde_json::from_str(&credential).expect("it is JSON");
    let unsigned = json!({
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "type": ["VerifiablePresentation"],
        "verifiableCredential": [credential],
    });
    let unsigned = desk.json("presentation.json", &unsigned);
    let seed = desk.seed(HOLDER);
    let theirs = desk.script(
        "issue.mjs",
        &[
            &seed,
            "eddsa-rdfc-2022",
            &unsigned,
            &method,
            CHALLENGE,
            DOMAIN,
        ],
    );
    desk.judged("theirs", &theirs, &asked, "SIGNATURE_WRONG");

    // What was shown to one verifier is nothing to another, and nobody else shows it.
    let other = ["--challenge", "another", "--domain", DOMAIN];
    let report = desk.judge("replayed", &theirs, &other).object();
    assert!(
        report.to_string().contains("CHALLENGE_MISMATCH"),
        "{report}"
    );
}

fn by_jwt(curve: Curve) {
    let desk = Desk::new();
    let (did, method) = did_key(curve, ISSUER);
    let claims = desk.json("claims.json", &claims(&did, "did:example:alice"));
    let key = desk.key(curve, ISSUER);
    let ours = made(&[
        "vc",
        "issue",
        &claims,
        "--key",
        &key,
        "--did-method",
        "key",
        "--format",
        "jwt",
    ]);
    let jwk = desk.jwk(curve, ISSUER);
    desk.verified_there("ours", &ours, "jwt.mjs", &[&jwk]);
    desk.judged("ours-here", &ours, &[], "SIGNATURE_WRONG");

    let seed = desk.seed(ISSUER);
    let theirs = desk.script("jwt.mjs", &["issue", &seed, curve.alg(), &claims, &method]);
    desk.judged("theirs", theirs.trim(), &[], "SIGNATURE_WRONG");
}

#[test]
fn vc_jwt_is_understood_both_ways_with_eddsa() {
    by_jwt(Curve::Ed25519);
}

#[test]
fn vc_jwt_is_understood_both_ways_with_es256() {
    by_jwt(Curve::P256);
}

fn by_sd_jwt(curve: Curve) {
    let desk = Desk::new();
    let (did, method) = did_key(curve, ISSUER);
    let holder = curve.key(HOLDER).verification_key();
    let claims = json!({
        "iss": did,
        "vct": "https://credentials.example/identity",
        "iat": 1_767_225_600,
        "cnf": {"jwk": holder.to_jwk()},
        "name": NAME,
        "email": "alice@example.org",
    });
    let key = desk.key(curve, ISSUER);
    let line = [
        "vc",
        "issue",
        "--key",
        &key,
        "--did-method",
        "key",
        "--format",
        "sd-jwt",
        "--sd",
        "/name",
        "--sd",
        "/email",
    ];
    let file = desk.json("claims.json", &claims);
    let issued = made(&[&line[..], &[file.as_str()]].concat());
    let held = desk.write("held.txt", &issued);
    let key = desk.key(curve, HOLDER);
    let asked = ["--challenge", CHALLENGE, "--domain", DOMAIN];
    let line = [
        "vc",
        "present",
        &held,
        "--key",
        &key,
        "--did-method",
        "key",
        "--disclose",
        "/name",
    ];
    let ours = made(&[&line[..], &asked[..]].concat());
    assert!(!ours.is_empty() && ours.matches('~').count() == 2, "{ours}");
    let jwk = desk.jwk(curve, ISSUER);
    desk.verified_there("ours", &ours, "sd-jwt.mjs", &[&jwk, CHALLENGE]);
    desk.judged("ours-here", &ours, &asked, "SD_JWT_");

    let frame = json!({"claims": claims, "disclosable": {"_sd": ["name", "email"]}});
    let frame = desk.json("frame.json", &frame);
    let issuer = desk.seed(ISSUER);
    let theirs = desk.script(
        "sd-jwt.mjs",
        &["issue", &issuer, curve.alg(), &frame, &method],
    );
    let held = desk.write("theirs.txt", theirs.trim());
    let holder = desk.seed(HOLDER);
    let shown = json!({"name": true}).to_string();
    let theirs = desk.script(
        "sd-jwt.mjs",
        &[
            "present",
            &holder,
            curve.alg(),
            &held,
            &shown,
            DOMAIN,
            CHALLENGE,
        ],
    );
    desk.judged("theirs", theirs.trim(), &asked, "SD_JWT_");

    // Without the holder's key, what was copied is worth nothing.
    let copied = theirs.trim().rsplit_once('~').expect("it has a proof").0;
    let report = desk.judge("copied", &format!("{copied}~"), &asked).object();
    assert!(report.to_string().contains("HOLDER_UNPROVEN"), "{report}");
}

#[test]
fn sd_jwt_vc_with_key_binding_is_understood_both_ways_with_eddsa() {
    by_sd_jwt(Curve::Ed25519);
}

#[test]
fn sd_jwt_vc_with_key_binding_is_understood_both_ways_with_es256() {
    by_sd_jwt(Curve::P256);
}
