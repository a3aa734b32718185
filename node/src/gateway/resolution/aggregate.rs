//! Aggregate mode: the documents that the same account has on the sub-chains which its main-chain document names.
// RFC-005 §6.2: "acsns" of the main chain's document, and the same suffix on each of those chains.

use serde_json::{Map, Value};
use starfire_did::Did;
use starfire_did::resolution::{At, Problem, ProblemKind, Question, Representation};

use super::super::Gateway;
use super::lookup::Answer;
use super::reply::unresolved;
use super::{Wanted, result};

/// Adds `didDocumentMetadata.subChains`: by chain code, the whole result of that chain, or the error.
///
/// A chain that does not answer leaves its error there and takes nothing from the others.
pub(super) async fn add(
    gateway: &Gateway,
    question: &Question,
    answer: &Answer,
    form: Representation,
    wanted: Wanted,
    whole: &mut Value,
) -> Result<(), Problem> {
    if question.did.chain_code().is_some() {
        let detail = "only a DID of the main chain has its like on others";
        return Err(Problem::new(ProblemKind::InvalidOptions, detail));
    }
    let record = answer.found.record.as_ref();
    let Some(document) = record.and_then(|record| record.document.as_ref()) else {
        return Ok(());
    };
    let suffix = document.id.strip_prefix("did:bid:").unwrap_or_default();
    let mut chains = Map::new();
    for code in &document.acsn {
        let Ok(did) = Did::parse(&format!("did:bid:{code}:{suffix}")) else {
            continue;
        };
        let at = At::Newest;
        let question = Question { did, at };
        let one = match gateway.look_up(question, wanted).await {
            Ok(answer) => result(&question, &answer, form)?,
            Err(rejection) => unresolved(&super::problem(rejection)),
        };
        chains.insert(code.clone(), one);
    }
    whole["didDocumentMetadata"]["subChains"] = Value::Object(chains);
    Ok(())
}
