//! Whether an issuer may issue a type in a jurisdiction: every accreditation up to the root, proved, and the judgement on them.

use axum::extract::State;
use axum::response::Response;
use serde_json::Value;
use starfire_did::credential::timestamp;
use starfire_did::issuer::{self, is_jurisdiction, is_type};
use starfire_proto::v1;
use starfire_state::Rejection;

use super::super::accounts::parse_did;
use super::super::dids::value;
use super::super::fields::{Fields, Pairs};
use super::super::{Gateway, error};
use super::proved::Proved;
use super::reply;
use crate::clock;

struct Asked {
    issuer: String,
    r#type: String,
    jurisdiction: String,
    /// The moment that is judged; without it, now.
    at: Option<String>,
}

impl Asked {
    fn parse(query: Pairs) -> Result<Self, Rejection> {
        let mut query = Fields::of_query(query)?;
        let asked = Self {
            issuer: query.required("issuer", "a DID")?,
            r#type: query.required("type", "a credential's type")?,
            jurisdiction: query.required("jurisdiction", "two capital letters")?,
            at: query.text("at")?,
        };
        query.nothing_else()?;
        Ok(asked)
    }
}

/// What became of a question.
#[derive(Debug)]
pub(super) struct Judged {
    /// The issuer's own first, the root's last.
    pub(super) levels: Vec<v1::AccreditationRecord>,
    /// By whom it is accredited; or the code, and what is wrong.
    pub(super) outcome: Result<String, (&'static str, String)>,
    pub(super) at_ms: i64,
    pub(super) proved: Proved,
}

/// `GET /accreditations?issuer=…&type=…&jurisdiction=…`
pub(super) async fn get(State(gateway): State<Gateway>, query: Pairs) -> Response {
    let found = async {
        let invalid = |detail: String| Rejection::new(error::INVALID_PARAMETER, detail);
        let asked = Asked::parse(query)?;
        let at_ms = match &asked.at {
            None => None,
            Some(at) => {
                let at = timestamp::parse(at);
                Some(at.ok_or_else(|| invalid("at is a time like 2026-01-02T03:04:05Z".into()))?)
            }
        };
        let judged = gateway
            .accreditation(&asked.issuer, &asked.r#type, &asked.jurisdiction, at_ms)
            .await?;
        judged.to_json(&asked)
    };
    reply::record(found.await, |found| found)
}

impl Gateway {
    /// The chain of accreditations, judged at a moment; `None` is now.
    pub(super) async fn accreditation(
        &self,
        issuer: &str,
        kind: &str,
        jurisdiction: &str,
        at_ms: Option<i64>,
    ) -> Result<Judged, Rejection> {
        let issuer = parse_did(issuer)?;
        if !is_type(kind) || !is_jurisdiction(jurisdiction) {
            return Err(Rejection::new(
                error::INVALID_PARAMETER,
                "a type is a letter, then up to 63 letters and digits; a jurisdiction two capital letters",
            ));
        }
        if let Some(here) = self.chain_code().await? {
            return Err(Rejection::new(
                error::DID_OTHER_CHAIN,
                format!(
                    "accreditations stand on the main chain; this node serves the sub-chain {here}"
                ),
            ));
        }
        let (of, place) = (kind.to_owned(), jurisdiction.to_owned());
        let proof = self
            .prove_newest(move |state| {
                let asked = issuer::Asked {
                    issuer: &issuer,
                    kind: &of,
                    jurisdiction: &place,
                };
                issuer::proof_paths(asked, &issuer::nearest(state, &issuer, &of, &place))
            })
            .await?;
        let mut levels: Vec<v1::AccreditationRecord> = Vec::new();
        for position in 0..proof.values.len() {
            levels.extend(value::<v1::AccreditationRecord>(&proof, position)?);
        }
        let at_ms = at_ms.unwrap_or_else(clock::unix_ms);
        let asked = issuer::Asked {
            issuer: &issuer,
            kind,
            jurisdiction,
        };
        let outcome = match issuer::judge(&levels, asked, at_ms) {
            Ok(()) => Ok(issuer::describe(&levels)),
            Err(refused) => Err((refused.code.name, refused.detail)),
        };
        Ok(Judged {
            levels,
            outcome,
            at_ms,
            proved: Proved {
                proof,
                anchor: None,
            },
        })
    }
}

impl Judged {
    fn to_json(&self, asked: &Asked) -> Result<Value, Rejection> {
        let issuer = parse_did(&asked.issuer)?;
        let question = issuer::Asked {
            issuer: &issuer,
            kind: &asked.r#type,
            jurisdiction: &asked.jurisdiction,
        };
        let mut answer = issuer::answer(question, &self.levels, self.at_ms);
        answer["proof"] = self.proved.to_json()?;
        Ok(answer)
    }
}
