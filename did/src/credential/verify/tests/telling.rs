//! What a report says beside its codes: why, what to do, how old, of when.

use super::*;

fn told(case: &Case, name: StepName) -> Step {
    let report = case.report();
    assert_eq!(report.verdict, Verdict::Undecided);
    let step = report.step(name).unwrap().clone();
    assert!(!step.detail.is_empty() && !step.hint.is_empty(), "{step:?}");
    step
}

#[test]
fn what_is_not_known_says_why_and_what_to_do() {
    let offline = || Unknown::new("no node is asked", "name a node");
    let of_status = |change: &dyn Fn(&mut Case)| told(&changed(change), StepName::Status);
    let step = of_status(&|case| case.statuses[0].outcome = Err(offline()));
    assert!(step.detail.ends_with("is not known: no node is asked"));
    assert_eq!((step.hint.as_str(), step.age_ms), ("name a node", None));
    let step = of_status(&|case| case.statuses.clear());
    assert!(
        step.detail
            .ends_with("nothing was learned of the status list")
    );
    let step = of_status(&|case| {
        let kind = "https://example.org/#Other".into();
        case.parsed.statuses = vec![StatusReference::Other { kind }];
    });
    assert!(
        step.detail
            .starts_with("https://example.org/#Other is not known")
    );
    let step = of_status(&|case| case.statuses = vec![status(Ok(0), NOW_MS - 7_260_000)]);
    assert_eq!(
        step.detail,
        "what is known of it is 2 h 1 min old, and 1 h is the most that the verifier accepts"
    );
    assert_eq!(step.age_ms, Some(7_260_000));

    let of_schema = |change: &dyn Fn(&mut Case)| told(&changed(change), StepName::Schema);
    let step = of_schema(&|case| case.schemas[0].outcome = SchemaOutcome::Unknown(offline()));
    assert!(
        step.detail
            .ends_with("(JsonSchema) could not be checked: no node is asked")
    );
    let step = of_schema(&|case| case.schemas.clear());
    assert!(step.detail.ends_with("nothing was learned of the schema"));

    let unknown = changed(|case| case.issuer = Lookup::Unknown(offline()));
    for name in [StepName::Issuer, StepName::Signature] {
        assert!(told(&unknown, name).detail.ends_with("no node is asked"));
    }
    let unknown = changed(|case| case.accreditation = Accreditation::Unknown(offline()));
    told(&unknown, StepName::Accreditation);
}

#[test]
fn what_is_known_says_how_old_it_is() {
    let report = Case::good().report();
    assert_eq!(report.step(StepName::Status).unwrap().age_ms, Some(60_000));
    assert_eq!(report.step(StepName::Issuer).unwrap().age_ms, Some(5));
    assert_eq!(report.step(StepName::Schema).unwrap().age_ms, None);
}

#[test]
fn the_signature_step_says_of_when_the_key_is() {
    let mut case = Case::good();
    let detail = |case: &Case| {
        let report = case.report();
        assert_eq!(report.verdict, Verdict::Valid);
        report.step(StepName::Signature).unwrap().detail.clone()
    };
    let then = |retired: Vec<String>| KeyState::Then {
        version: 1,
        newest: 2,
        at_ms: 1_000,
        retired,
    };
    let id = "did:example:issuer#key-1".to_owned();
    for (state, said) in [
        (KeyState::Fixed, ""),
        (KeyState::Now, " (as its document is now)"),
        (
            KeyState::HandedIn,
            " (as the document that was handed in has it)",
        ),
        (
            then(vec!["did:example:issuer#other".to_owned()]),
            " (in force at 1970-01-01T00:00:01Z, in version 1 of 2)",
        ),
        (
            then(vec![id.clone()]),
            " (in force at 1970-01-01T00:00:01Z, in version 1 of 2, and no longer: that time is the signer's word, so whoever has the old key could have written it)",
        ),
    ] {
        let Lookup::Found(party) = &mut case.issuer else {
            unreachable!("the issuer is known");
        };
        party.state = state;
        assert_eq!(detail(&case), format!("eddsa-jcs-2022 by {id}{said}"));
    }
}
