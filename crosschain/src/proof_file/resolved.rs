//! A saved DID resolution result: the check that it says exactly what the records say that it proves.
//!
//! The result names its question and carries a state proof. The verifier proves the values, computes the answer to the question from
//! them by [`starfire_did::resolution`], and compares: so no byte of the result counts that is not proved. In aggregate mode the
//! results of sub-chains stand in its metadata, each with a proof of its own.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use starfire_did::resolution::{self, At, Found, Problem, ProblemKind, Question, Representation};
use starfire_did::{ChainCode, Did};
use starfire_proto::v1;

use super::content::Values;
use super::headers::Believed;
use super::proven::{Proven, Verifier};
use super::report::{Ended, Reason, Report, Stop, Summary, stop};
use super::state_proof::StateProof;
use crate::unix_ms::rfc3339;
use crate::{chain_document, path};

/// Where the results of sub-chains stand in the metadata.
const SUB_CHAINS: &str = "subChains";

/// Puts a proof where the result of its question has it.
pub fn attach(result: &mut Value, proof: Value) {
    let holder = holder(result);
    result[holder]["proof"] = Value::Array(vec![proof]);
}

// DID Resolution §4.4: of an answer that there is nothing, didDocumentMetadata is empty; all that is told is about the resolution.
fn holder(result: &Value) -> &'static str {
    match result["didResolutionMetadata"].get("error") {
        Some(_) => "didResolutionMetadata",
        None => "didDocumentMetadata",
    }
}

/// A result, taken apart.
struct Saved {
    question: Question,
    proof: StateProof,
    /// The result without its proof.
    bare: Value,
    /// What was asked of sub-chains beside, by chain code.
    beside: Option<Map<String, Value>>,
}

/// Checks a result, and in aggregate mode those beside it.
pub(super) fn check(
    report: &mut Report,
    result: Value,
    verifier: &Verifier<'_>,
) -> Result<Vec<Proven>, Ended> {
    let Saved {
        question,
        proof,
        bare,
        beside,
    } = report.step("resolution result", take_apart(result))?;
    report.subject = Some(Summary {
        kind: "resolution",
        did: question.did.to_string(),
        sub_chain: question.did.chain_code().map(|code| code.to_string()),
        ..Summary::default()
    });
    let main = proof.main_header(report, verifier)?;
    let Recorded {
        answer,
        found,
        header,
        proven,
    } = report.step(
        "records",
        recorded(&question, &proof, &bare, &main, verifier.now_ms),
    )?;
    report.revocation_as_of = Some(rfc3339(header.time_ms));
    if let (Some(record), Some(subject)) = (&found.record, &mut report.subject) {
        subject.issued_at = Some(rfc3339(record.created_ms));
    }
    report.step("answer", equal(answer.as_ref(), &bare))?;
    // What was so then stays so; only an answer about the newest version can be out of date.
    let as_of_ms = header.time_ms.min(main.time_ms);
    if found.next.is_none() {
        report.step("freshness", verifier.fresh(as_of_ms))?;
    }
    let current = verifier.fresh(as_of_ms).is_ok();
    let mut proved = vec![Proven { current, ..proven }];
    if let Some(beside) = beside {
        proved.extend(check_beside(report, &found, beside, verifier)?);
    }
    Ok(proved)
}

fn take_apart(mut bare: Value) -> Result<(Saved, String), Stop> {
    let question = bare["didResolutionMetadata"]["didUrl"]
        .as_str()
        .and_then(Question::parse_url)
        .ok_or_else(|| {
            stop(
                Reason::ProofMalformed,
                "didResolutionMetadata.didUrl does not say what was asked",
            )
        })?;
    let beside = bare["didDocumentMetadata"]
        .as_object_mut()
        .and_then(|members| members.remove(SUB_CHAINS));
    let beside = match beside {
        None => None,
        Some(Value::Object(results)) => Some(results),
        Some(_) => {
            let why = "didDocumentMetadata.subChains holds no results by chain code";
            return Err(stop(Reason::ProofMalformed, why));
        }
    };
    let holder = holder(&bare);
    let proofs = bare
        .get_mut(holder)
        .and_then(Value::as_object_mut)
        .and_then(|members| members.remove("proof"))
        .ok_or_else(unproved)?;
    let proof = StateProof::of_set(proofs)?;
    let detail = match &beside {
        None => format!("about {}", question.to_url()),
        Some(results) => format!(
            "about {}, and {} sub-chains beside",
            question.to_url(),
            results.len()
        ),
    };
    Ok((
        Saved {
            question,
            proof,
            bare,
            beside,
        },
        detail,
    ))
}

/// The refusal of what is the node's word alone.
pub(super) fn unproved() -> Stop {
    stop(
        Reason::AnswerUnproved,
        "it holds no proof, so it is the word of whoever gave it: ask again, with proof",
    )
}

/// What records say to a question.
pub(super) struct Recorded {
    /// The result that they give; `None`: not in the form that is claimed.
    pub(super) answer: Option<Value>,
    pub(super) found: Found,
    /// The header of their chain.
    pub(super) header: Believed,
    pub(super) proven: Proven,
}

/// Proves the values and computes the answer from them, in the form that `bare` claims to have.
pub(super) fn recorded(
    question: &Question,
    proof: &StateProof,
    bare: &Value,
    main: &Believed,
    now_ms: i64,
) -> Result<(Recorded, String), Stop> {
    let form = representation(bare);
    let (found, values, header, chain, detail) = if question.did.is_account() {
        of_account(question, proof, main, now_ms)?
    } else {
        return of_chain(question, proof, form, main);
    };
    Ok((
        Recorded {
            answer: form.map(|form| resolution::result(question, &found, form)),
            found,
            proven: Proven {
                chain,
                time_ms: header.time_ms,
                current: false,
                values: values.into_map(),
            },
            header,
        },
        detail,
    ))
}

type OfAccount = (Found, Values, Believed, Option<ChainCode>, String);

fn of_account(
    question: &Question,
    proof: &StateProof,
    main: &Believed,
    now_ms: i64,
) -> Result<OfAccount, Stop> {
    let chain = question.did.chain_code();
    if let (Some(code), None) = (chain, &proof.anchored_by) {
        return no_such_chain(code, proof, main);
    }
    let header = proof.header_of(chain, main, now_ms)?;
    let keys = proof.keys();
    let (values, _) = Values::prove(&header.app_hash, &proof.values, &keys)?;
    let mut records = BTreeMap::new();
    for key in &keys {
        records.insert(key.clone(), values.record::<v1::DidRecord>(key)?);
    }
    let unexpected = || {
        stop(
            Reason::ValuesUnexpected,
            "the values proved do not answer the question as the result does",
        )
    };
    let found = question.found(records).ok_or_else(unexpected)?;
    let newest = found.newest.unwrap_or(0);
    let asked = match question.at {
        At::Version(version) => version,
        At::Newest | At::Time(_) => found.record.as_ref().map_or(0, |record| record.version),
    };
    if keys != question.paths(asked, newest) || is_of_another(&question.did, &found) {
        return Err(unexpected());
    }
    let detail = standing(&found);
    Ok((found, values, header, chain, detail))
}

/// What was found, for people.
pub(super) fn standing(found: &Found) -> String {
    match (&found.record, found.newest) {
        (Some(record), _) if record.deactivated => "deactivated".to_owned(),
        (Some(record), _) => format!("version {}", record.version),
        (None, Some(_)) => "no such version".to_owned(),
        (None, None) => "not registered".to_owned(),
    }
}

fn is_of_another(did: &Did, found: &Found) -> bool {
    let document = found
        .record
        .as_ref()
        .and_then(|record| record.document.as_ref());
    document.is_some_and(|document| document.id != did.to_string())
}

/// A DID of a chain that the main chain does not know is not registered.
fn no_such_chain(code: ChainCode, proof: &StateProof, main: &Believed) -> Result<OfAccount, Stop> {
    let name = code.as_str();
    let expected = [path::sub_chain(name), path::anchor(name, 0)];
    let (values, _) = Values::prove(&main.app_hash, &proof.values, &expected)?;
    match values.record::<v1::SubChainRecord>(&path::sub_chain(name))? {
        None => Ok((
            Found::default(),
            values,
            Believed { ..*main },
            None,
            format!("there is no chain {code}"),
        )),
        Some(_) => Err(stop(
            Reason::WrongChain,
            format!("the main chain knows {code}, but nothing of {code} is proved"),
        )),
    }
}

/// What the record of a sub-chain says of its own DID.
fn of_chain(
    question: &Question,
    proof: &StateProof,
    form: Option<Representation>,
    main: &Believed,
) -> Result<(Recorded, String), Stop> {
    let code = question.did.chain_code();
    let code = code.as_ref().map_or("", |code| code.as_str());
    let path = path::sub_chain(code);
    let (values, _) = Values::prove(&main.app_hash, &proof.values, std::slice::from_ref(&path))?;
    let record = values.record::<v1::SubChainRecord>(&path)?;
    let answer =
        form.map(|form| chain_document::resolution_result(question, record.as_ref(), form));
    let detail = match record {
        Some(record) => record.chain_id,
        None => format!("there is no chain {code}"),
    };
    let proven = Proven {
        chain: None,
        time_ms: main.time_ms,
        current: false,
        values: values.into_map(),
    };
    let recorded = Recorded {
        answer,
        found: Found::default(),
        header: Believed { ..*main },
        proven,
    };
    Ok((recorded, detail))
}

/// The form of the document that the result claims to hold.
pub(super) fn representation(bare: &Value) -> Option<Representation> {
    match bare["didResolutionMetadata"]["contentType"].as_str() {
        None => Some(Representation::V1_1),
        Some(media_type) => Representation::of_media_type(media_type),
    }
}

pub(super) fn equal(expected: Option<&Value>, bare: &Value) -> Result<((), String), Stop> {
    if expected == Some(bare) {
        Ok(((), "it says what the records say".to_owned()))
    } else {
        Err(stop(
            Reason::AnswerMismatch,
            "it says something else than the proved records",
        ))
    }
}

/// The results of the sub-chains that the document names: all of them, and no others.
fn check_beside(
    report: &mut Report,
    found: &Found,
    mut beside: Map<String, Value>,
    verifier: &Verifier<'_>,
) -> Result<Vec<Proven>, Ended> {
    let (mut proved, mut seen) = (Vec::new(), BTreeSet::new());
    let document = found
        .record
        .as_ref()
        .and_then(|record| record.document.as_ref());
    let (codes, id) = match document {
        Some(document) => (document.acsn.as_slice(), document.id.as_str()),
        None => (&[][..], ""),
    };
    let suffix = id.strip_prefix("did:bid:").unwrap_or_default();
    for code in codes {
        let Ok(did) = Did::parse(&format!("did:bid:{code}:{suffix}")) else {
            continue;
        };
        if !seen.insert(code) {
            continue;
        }
        let Some(result) = beside.remove(code) else {
            let detail = format!("it says nothing of {code}, which the document names");
            return report.step("sub-chain", Err(stop(Reason::AnswerMismatch, detail)));
        };
        proved.extend(part(
            report,
            "sub-chain",
            code,
            result,
            Some(did),
            verifier,
        )?);
    }
    if let Some(code) = beside.keys().next() {
        let detail = format!("it tells of {code}, which the document does not name");
        return report.step("sub-chain", Err(stop(Reason::AnswerMismatch, detail)));
    }
    Ok(proved)
}

/// Checks one result among others, in one step. `did`: whose it must be.
///
/// That a question was not answered is nobody's claim about a chain, and passes, said to be so; that there is nothing, must be proved.
pub(super) fn part(
    report: &mut Report,
    name: &'static str,
    label: &str,
    result: Value,
    did: Option<Did>,
    verifier: &Verifier<'_>,
) -> Result<Vec<Proven>, Ended> {
    if let Some(kind) = unanswered(&result) {
        let detail = format!("{label}: not answered, which says nothing ({kind})");
        return report.step(name, Ok((Vec::new(), detail)));
    }
    let asked = result["didResolutionMetadata"]["didUrl"].clone();
    if let Some(did) = did.filter(|did| asked != did.to_string()) {
        let detail = format!("{label}: it is about {asked}, not about {did}");
        return report.step(name, Err(stop(Reason::AnswerMismatch, detail)));
    }
    let mut own = Report::begin();
    let checked = check(&mut own, result, verifier);
    let told = |step: &str| own.steps.iter().find(|one| one.name == step);
    let outcome = match (checked, own.code) {
        (Ok(proved), _) => {
            let standing = told("records").map_or("", |step| step.detail.as_str());
            Ok((proved, format!("{label}: {standing}")))
        }
        (Err(Ended), code) => {
            let last = own.steps.last();
            let why = last.map_or_else(String::new, |step| {
                format!("{}: {}", step.name, step.detail)
            });
            let reason = code.expect("a verification that ends early says why");
            Err(stop(reason, format!("{label}: {why}")))
        }
    };
    report.step(name, outcome)
}

/// The error of a result that claims nothing about any chain: it names no question, and does not say that there is nothing.
pub(super) fn unanswered(result: &Value) -> Option<String> {
    let metadata = result["didResolutionMetadata"].as_object()?;
    let empty = result["didDocument"].is_null()
        && result["didDocumentMetadata"] == Value::Object(Map::new())
        && result.as_object().is_some_and(|result| result.len() == 3)
        && metadata.len() == 1;
    let told = &metadata.get("error")?["type"];
    let kind = ProblemKind::ALL
        .into_iter()
        .find(|kind| *told == Problem::new(*kind, "").to_json()["type"])?;
    (empty && kind != ProblemKind::NotFound).then(|| kind.name().to_owned())
}
