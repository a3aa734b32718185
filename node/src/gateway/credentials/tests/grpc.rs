//! The same answers by gRPC, with records and proofs as they are.

use tonic::Code;
use v1::credential_report::Verdict;
use v1::verification_step::Outcome;

use super::*;
use crate::gateway::fixture::{check_proof, refusal};
use crate::grpc::credentials_client::CredentialsClient;

fn request(credential: &Value) -> v1::VerifyCredentialRequest {
    v1::VerifyCredentialRequest {
        credential: credential.to_string().into_bytes(),
        media_type: "application/vc".into(),
        options: None,
    }
}

#[tokio::test]
async fn a_report_has_its_steps_and_codes() {
    let node = world().await;
    let mut client = CredentialsClient::new(node.channel());
    let mut valid = request(&signed(claims(), ISSUER));
    valid.options = Some(v1::VerifyCredentialOptions {
        jurisdiction: "CN".into(),
        ..Default::default()
    });
    let report = client.verify(valid).await.unwrap().into_inner();
    assert_eq!(report.verdict(), Verdict::Valid, "{report:?}");
    assert_eq!(report.steps.len(), 8);

    let mut revoked = claims();
    revoked["credentialStatus"] = entry(&did(ISSUER, None), REVOKED_INDEX);
    let revoked = request(&signed(revoked, ISSUER));
    let report = client.verify(revoked).await.unwrap().into_inner();
    assert_eq!(report.verdict(), Verdict::Invalid);
    let step = &report.steps[6];
    assert_eq!(
        (step.name.as_str(), step.outcome(), step.code.as_str()),
        ("status", Outcome::Failed, "REVOKED")
    );
    assert_eq!(step.known_at_ms, 1_795_000_002_000);

    let bytes = v1::VerifyCredentialRequest {
        credential: vec![0xff],
        ..Default::default()
    };
    let report = client.verify(bytes).await.unwrap().into_inner();
    assert_eq!(report.steps[0].code, "JSON_INVALID");
    let presentation = v1::VerifyPresentationRequest {
        presentation: signed(claims(), ISSUER).to_string().into_bytes(),
        ..Default::default()
    };
    let report = client.verify_presentation(presentation).await.unwrap();
    assert_eq!(report.into_inner().steps[0].code, "TYPE_INVALID");
}

#[tokio::test]
async fn what_a_credential_names_is_proved() {
    let node = world().await;
    let issuer = did(ISSUER, None).to_string();
    let mut client = CredentialsClient::new(node.channel());
    let status = v1::CredentialStatusRequest {
        issuer: issuer.clone(),
        name: "revoked".into(),
        index: REVOKED_INDEX,
    };
    let status = client.status(status).await.unwrap().into_inner();
    assert!(status.set);
    assert_eq!(check_proof(&status.proof.unwrap(), &node), 2);

    for version in [0, 1] {
        let schema = v1::GetSchemaRequest {
            author: issuer.clone(),
            name: "origin".into(),
            version,
        };
        let found = client.get_schema(schema).await.unwrap().into_inner();
        assert_eq!(found.schema.unwrap().content, SCHEMA);
        check_proof(&found.proof.unwrap(), &node);
    }
    let list = v1::GetStatusListRequest {
        issuer: issuer.clone(),
        name: "revoked".into(),
    };
    let list = client.get_status_list(list).await.unwrap().into_inner();
    assert_eq!(list.bits, list_bits());
    check_proof(&list.proof.unwrap(), &node);

    let asked = |at_ms| v1::AccreditationChainRequest {
        issuer: issuer.clone(),
        r#type: KIND.into(),
        jurisdiction: "CN".into(),
        at_ms,
    };
    let chain = client.accreditations(asked(0)).await.unwrap().into_inner();
    assert!(chain.held && chain.levels.len() == 1, "{chain:?}");
    check_proof(&chain.proof.unwrap(), &node);
    let chain = client
        .accreditations(asked(999))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(chain.code, "ACCREDITATION_NOT_YET_VALID");
}

#[tokio::test]
async fn a_request_that_makes_no_sense_is_refused() {
    let node = world().await;
    let mut client = CredentialsClient::new(node.channel());
    let credential = signed(claims(), ISSUER);
    let options = |options: v1::VerifyCredentialOptions| v1::VerifyCredentialRequest {
        options: Some(options),
        ..request(&credential)
    };
    for bad in [
        v1::VerifyCredentialRequest {
            media_type: "image/png".into(),
            ..request(&credential)
        },
        options(v1::VerifyCredentialOptions {
            accreditation_type: KIND.into(),
            ..Default::default()
        }),
        options(v1::VerifyCredentialOptions {
            status_age_max_ms: -1,
            ..Default::default()
        }),
        v1::VerifyCredentialRequest {
            credential: vec![b' '; (1 << 20) + 1],
            ..Default::default()
        },
    ] {
        let status = client.verify(bad).await.unwrap_err();
        assert_eq!(
            refusal(&status),
            (Code::InvalidArgument, "INVALID_PARAMETER".into())
        );
    }
    let long = v1::VerifyCredentialRequest {
        credential: vec![b' '; 2 << 20],
        ..Default::default()
    };
    let status = client.verify(long).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange, "{status}");
}
