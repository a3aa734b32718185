//! Data Integrity 1.0: proofs that build on one another, that answer a verifier, and that hold for a time.

use serde_json::json;
use starfire_did::credential::code;
use starfire_did::credential::integrity::{self, Options};
use starfire_did::credential::presentation;
use starfire_did::credential::report::Verdict;
use starfire_did::credential::verify::verify;

use super::proofs::{issued, signed_with};
use super::{NOW_MS, Signer, evidence};

// Data Integrity 1.0 §4.3 and §4.4: a proof that names another covers it, and all must hold.
#[test]
fn a_chain_of_proofs_holds_as_a_whole_or_not_at_all() {
    const FIRST: &str = "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33";
    for signer in Signer::all() {
        let of = |id: Option<&str>, previous: Vec<String>| Options {
            id: id.map(str::to_owned),
            previous,
            ..Options::assertion(signer.suite, signer.method(), NOW_MS - 1000)
        };
        let first =
            integrity::issue(signer.claims(), &of(Some(FIRST), vec![]), &signer.key, None).unwrap();
        let chain = integrity::create(
            first.clone(),
            &of(None, vec![FIRST.into()]),
            &signer.key,
            None,
        )
        .unwrap();
        assert_eq!(signer.judge(chain.clone()).verdict, Verdict::Valid);
        let set = integrity::create(first.clone(), &of(None, vec![]), &signer.key, None).unwrap();
        assert_eq!(signer.judge(set).verdict, Verdict::Valid, "a set of proofs");

        let mut broken = chain.clone();
        broken["proof"][0]["proofValue"] = json!("invalidProofValue");
        assert_eq!(signer.judge(broken).code(), Some(code::PROOF_INVALID));
        let mut alone = chain.clone();
        alone["proof"] = chain["proof"][1].clone();
        assert_eq!(
            signer.judge(alone).code(),
            Some(code::PROOF_INVALID),
            "the first is gone"
        );
        let missing = of(None, vec!["urn:uuid:missing".into()]);
        let refused = integrity::create(first, &missing, &signer.key, None);
        assert_eq!(refused.unwrap_err().code, code::PROOF_INVALID);
    }
}

// Data Integrity 1.0 §4.3: domain and challenge are those that the verifier gave.
#[test]
fn a_holder_s_proof_is_for_one_verifier_and_one_challenge() {
    for signer in Signer::all() {
        let unsigned = presentation::unsigned(&signer.did(), &[issued(&signer)]);
        let options = Options::authentication(
            signer.suite,
            signer.method(),
            NOW_MS - 1000,
            "1235abcd6789",
            "domain.example",
        );
        let signed = presentation::create(unsigned, &options, &signer.key, None).unwrap();
        let shown = presentation::read(signed, None).unwrap();
        let holder = signer.party();
        let judge = |challenge, domain| {
            let evidence = presentation::Evidence {
                now_ms: NOW_MS,
                clock_skew_ms: 0,
                holder: &holder,
                challenge: Some(challenge),
                domain: Some(domain),
                proof_wanted: true,
            };
            let (steps, _) = presentation::check(&shown, &evidence);
            steps.iter().find_map(|step| step.code())
        };
        assert_eq!(judge("1235abcd6789", "domain.example"), None);
        assert_eq!(
            judge("invalid-challenge", "domain.example"),
            Some(code::CHALLENGE_MISMATCH)
        );
        assert_eq!(
            judge("1235abcd6789", "invalid-vc-domain.example.com"),
            Some(code::DOMAIN_MISMATCH)
        );
    }
}

#[test]
fn a_proof_holds_from_when_it_was_made_until_it_expires() {
    for signer in Signer::all() {
        for (name, value, expected) in [
            ("created", "2025-11-22T00:00:00Z", None),
            (
                "created",
                "2027-11-22T00:00:00Z",
                Some(code::PROOF_FROM_THE_FUTURE),
            ),
            ("expires", "2027-11-22T00:00:00+08:00", None),
            ("expires", "2026-11-21T23:59:59Z", Some(code::PROOF_EXPIRED)),
        ] {
            let secured = signed_with(&signer, |proof| {
                proof.insert(name.into(), json!(value));
            });
            let parsed = integrity::credential(secured, None).unwrap();
            let report = verify(&parsed, &evidence(&signer.party()));
            assert_eq!(report.code(), expected, "{name} {value}");
        }
    }
}
