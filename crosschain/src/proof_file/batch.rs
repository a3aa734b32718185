//! A saved batch: results of many DIDs, those of the main chain under one proof, those of sub-chains each with its own.

use serde_json::Value;
use starfire_did::resolution::{self, At, Found, Origin, Question};
use starfire_proto::v1;

use super::proven::{Held, Proven, Verifier};
use super::report::{Ended, Reason, Report, Stop, stop};
use super::resolved::{equal, part, representation, standing, unanswered, unproved};
use super::state_proof::StateProof;

/// Checks every result of a batch.
pub(super) fn check(
    report: &mut Report,
    batch: Value,
    verifier: &Verifier<'_>,
) -> Result<Vec<Proven>, Ended> {
    let (results, proof) = report.step("batch", take_apart(batch))?;
    let shared = match proof {
        None => None,
        Some(proof) => {
            let keys = proof.keys();
            Some(proof.hold(report, verifier, None, &keys)?)
        }
    };
    let mut proved = Vec::new();
    for (number, result) in (1..).zip(results) {
        let label = format!("result {number}");
        if has_proof(&result) || unanswered(&result).is_some() {
            proved.extend(part(report, "result", &label, result, None, verifier)?);
        } else {
            report.step("result", under_shared(shared.as_ref(), &label, &result))?;
        }
    }
    if let Some(held) = shared {
        held.fresh(report, verifier)?;
        proved.push(held.proven(None, true));
    }
    match proved.is_empty() {
        true => report.step("batch", Err(unproved())),
        false => Ok(proved),
    }
}

/// Results, and the proof that those of the main chain share.
type Parts = (Vec<Value>, Option<StateProof>);

fn take_apart(mut batch: Value) -> Result<(Parts, String), Stop> {
    let malformed = |why: &str| stop(Reason::ProofMalformed, why);
    let members = batch
        .as_object_mut()
        .ok_or_else(|| malformed("a batch is an object"))?;
    let Some(Value::Array(results)) = members.remove("results") else {
        return Err(malformed("results is no list"));
    };
    let proof = members.remove("proof").map(StateProof::parse).transpose()?;
    if let Some(other) = members.keys().next() {
        return Err(malformed(&format!("a batch has no member {other:?}")));
    }
    let detail = format!("{} results", results.len());
    Ok(((results, proof), detail))
}

fn has_proof(result: &Value) -> bool {
    ["didResolutionMetadata", "didDocumentMetadata"]
        .iter()
        .any(|holder| result[*holder].get("proof").is_some())
}

/// A DID of the main chain, as the shared proof has its newest record.
fn under_shared(shared: Option<&Held>, label: &str, result: &Value) -> Result<((), String), Stop> {
    let held = shared.ok_or_else(unproved)?;
    let of_result = |why: &str| stop(Reason::ProofMalformed, format!("{label}: {why}"));
    let question = result["didResolutionMetadata"]["didUrl"]
        .as_str()
        .and_then(Question::parse_url)
        .filter(|question| question.at == At::Newest && question.did.chain_code().is_none())
        .ok_or_else(|| of_result("it names no DID of the main chain"))?;
    let path = starfire_did::path::record(&question.did);
    let record: Option<v1::DidRecord> = held.values.record(&path)?;
    let found = Found {
        newest: record.as_ref().map(|record| record.version),
        record,
        next: None,
        origin: Origin::default(),
    };
    let expected = representation(result).map(|form| resolution::result(&question, &found, form));
    equal(expected.as_ref(), result).map_err(|stop| stop.about(label))?;
    Ok((
        (),
        format!("{label}: {}, {}", question.did, standing(&found)),
    ))
}
