//! The gRPC service `Credentials`: the same calls as over HTTP, answered with records and proofs as they are.

use std::net::IpAddr;

use starfire_did::credential::presentation::PresentationReport;
use starfire_did::credential::report::{Outcome, Report, Step, StepName, Verdict};
use starfire_proto::v1;
use starfire_state::Rejection;
use tonic::{Request, Response, Status};

use super::super::Gateway;
use super::super::error::{self, answer};
use super::super::limits::peer;
use super::check::{self, Shown};
use super::request::{Options, Returned};
use super::{BODY_BYTES_MAX, status_list};
use crate::clock;
use crate::credential::{Answer, Asked, AskedAccreditation};
use crate::grpc::credentials_server::Credentials;

#[tonic::async_trait]
impl Credentials for Gateway {
    async fn verify(
        &self,
        request: Request<v1::VerifyCredentialRequest>,
    ) -> Result<Response<v1::CredentialReport>, Status> {
        let (_, from, message) = request.into_parts();
        let from = peer(&from);
        let v1::VerifyCredentialRequest {
            credential,
            media_type,
            options,
        } = message;
        let judged = self
            .judge_bytes(from, Shown::Credential, credential, media_type, options)
            .await;
        answer(judged.map(|judged| match judged {
            Answer::Credential(judged) => report(&judged),
            Answer::Presentation(judged) => v1::CredentialReport {
                verdict: verdict(judged.verdict).into(),
                steps: judged.steps.iter().map(step).collect(),
            },
        }))
    }

    async fn verify_presentation(
        &self,
        request: Request<v1::VerifyPresentationRequest>,
    ) -> Result<Response<v1::PresentationReport>, Status> {
        let (_, from, message) = request.into_parts();
        let from = peer(&from);
        let v1::VerifyPresentationRequest {
            presentation,
            media_type,
            options,
        } = message;
        let judged = self
            .judge_bytes(from, Shown::Presentation, presentation, media_type, options)
            .await;
        answer(judged.map(|judged| match judged {
            Answer::Presentation(judged) => presentation_report(&judged),
            Answer::Credential(judged) => v1::PresentationReport {
                verdict: verdict(judged.verdict).into(),
                steps: judged.steps.iter().map(step).collect(),
                credentials: Vec::new(),
            },
        }))
    }

    async fn status(
        &self,
        request: Request<v1::CredentialStatusRequest>,
    ) -> Result<Response<v1::CredentialStatusResponse>, Status> {
        let v1::CredentialStatusRequest {
            issuer,
            name,
            index,
        } = request.into_inner();
        let found = async {
            let name = status_list::named(&issuer, &name)?;
            let found = self.status_of(&name, index).await?;
            Ok(v1::CredentialStatusResponse {
                list: Some(found.list),
                index,
                set: found.set,
                known_at_ms: found.known_at_ms,
                proof: Some(found.proved.proof),
                anchor_proof: found.proved.anchor,
            })
        };
        answer(found.await)
    }

    async fn get_schema(
        &self,
        request: Request<v1::GetSchemaRequest>,
    ) -> Result<Response<v1::GetSchemaResponse>, Status> {
        let v1::GetSchemaRequest {
            author,
            name,
            version,
        } = request.into_inner();
        let found = self.schema_by(&author, &name, version).await;
        answer(found.map(|(schema, proved)| v1::GetSchemaResponse {
            schema: Some(schema),
            proof: Some(proved.proof),
            anchor_proof: proved.anchor,
        }))
    }

    async fn get_status_list(
        &self,
        request: Request<v1::GetStatusListRequest>,
    ) -> Result<Response<v1::GetStatusListResponse>, Status> {
        let v1::GetStatusListRequest { issuer, name } = request.into_inner();
        let found = async {
            let found = self
                .status_list(&status_list::named(&issuer, &name)?)
                .await?;
            Ok(v1::GetStatusListResponse {
                list: Some(found.list),
                bits: found.bits,
                known_at_ms: found.known_at_ms,
                proof: Some(found.proved.proof),
            })
        };
        answer(found.await)
    }

    async fn accreditations(
        &self,
        request: Request<v1::AccreditationChainRequest>,
    ) -> Result<Response<v1::AccreditationChainResponse>, Status> {
        let v1::AccreditationChainRequest {
            issuer,
            r#type,
            jurisdiction,
            at_ms,
        } = request.into_inner();
        let at_ms = (at_ms != 0).then_some(at_ms);
        let judged = self
            .accreditation(&issuer, &r#type, &jurisdiction, at_ms)
            .await;
        answer(judged.map(|judged| {
            let (held, code, detail) = match judged.outcome {
                Ok(detail) => (true, "", detail),
                Err((code, detail)) => (false, code, detail),
            };
            v1::AccreditationChainResponse {
                levels: judged.levels,
                held,
                code: code.to_owned(),
                detail,
                at_ms: judged.at_ms,
                proof: Some(judged.proved.proof),
            }
        }))
    }
}

impl Gateway {
    async fn judge_bytes(
        &self,
        from: IpAddr,
        shown: Shown,
        bytes: Vec<u8>,
        media_type: String,
        options: Option<v1::VerifyCredentialOptions>,
    ) -> Result<Answer, Rejection> {
        if bytes.len() > BODY_BYTES_MAX {
            return Err(Rejection::new(
                error::INVALID_PARAMETER,
                format!("a credential has at most {BODY_BYTES_MAX} bytes"),
            ));
        }
        let options = read_options(options.unwrap_or_default())?;
        let judge = self.clone();
        self.work(from, move || {
            check::judge(&judge, shown, &options, |reader| {
                check::secured(reader, &bytes, &media_type)
            })
        })
        .await?
    }
}

fn read_options(options: v1::VerifyCredentialOptions) -> Result<Options, Rejection> {
    let given = |text: String| (!text.is_empty()).then_some(text);
    let invalid = |detail: &str| Err(Rejection::new(error::INVALID_PARAMETER, detail));
    let accreditation = match (
        given(options.jurisdiction),
        given(options.accreditation_type),
    ) {
        (Some(jurisdiction), kind) => Some(AskedAccreditation { kind, jurisdiction }),
        (None, None) => None,
        (None, Some(_)) => return invalid("an accreditation is for a jurisdiction"),
    };
    let status_age_max_ms = match options.status_age_max_ms {
        0 => None,
        age if age > 0 => Some(age),
        _ => return invalid("status_age_max_ms is not below 0"),
    };
    Ok(Options {
        asked: Asked {
            accreditation,
            status_age_max_ms,
            challenge: given(options.challenge),
            domain: given(options.domain),
            holder_is_subject: options.holder_is_subject,
            holder_wanted: options.holder_is_subject,
            ..Asked::at(clock::unix_ms())
        },
        purpose: None,
        checks: None,
        returned: Returned {
            problems: true,
            results: true,
            input: false,
        },
    })
}

fn report(report: &Report) -> v1::CredentialReport {
    v1::CredentialReport {
        verdict: verdict(report.verdict).into(),
        steps: report.steps.iter().map(step).collect(),
    }
}

fn presentation_report(judged: &PresentationReport) -> v1::PresentationReport {
    v1::PresentationReport {
        verdict: verdict(judged.verdict).into(),
        steps: judged.steps.iter().map(step).collect(),
        credentials: judged.credentials.iter().map(report).collect(),
    }
}

fn verdict(verdict: Verdict) -> v1::credential_report::Verdict {
    match verdict {
        Verdict::Valid => v1::credential_report::Verdict::Valid,
        Verdict::Invalid => v1::credential_report::Verdict::Invalid,
        Verdict::Undecided => v1::credential_report::Verdict::Undecided,
    }
}

fn step(step: &Step) -> v1::VerificationStep {
    let name = match step.name {
        StepName::Parsed => "parsed",
        StepName::Signature => "signature",
        StepName::Issuer => "issuer",
        StepName::Accreditation => "accreditation",
        StepName::Schema => "schema",
        StepName::Dates => "dates",
        StepName::Status => "status",
        StepName::Holder => "holder",
    };
    let (outcome, code, why) = match &step.outcome {
        Outcome::Passed => (v1::verification_step::Outcome::Passed, "", ""),
        Outcome::Failed { code } => (v1::verification_step::Outcome::Failed, *code, ""),
        Outcome::Skipped { why } => (v1::verification_step::Outcome::Skipped, "", *why),
    };
    let detail = if step.detail.is_empty() {
        why
    } else {
        &step.detail
    };
    v1::VerificationStep {
        name: name.to_owned(),
        outcome: outcome.into(),
        code: code.to_owned(),
        detail: detail.to_owned(),
        known_at_ms: step.known_at_ms.unwrap_or_default(),
        age_ms: step.age_ms.unwrap_or_default(),
        hint: step.hint.clone(),
    }
}
