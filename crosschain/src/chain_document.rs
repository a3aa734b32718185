//! The document of a sub-chain as a whole, `did:bid:<code>`: where its DIDs are resolved.
//!
//! Nobody registers it. It is a view of the record that the main chain keeps of the sub-chain, and is proved with it. Of that record
//! only the newest version is kept, so nobody can say what it was before.

use serde_json::{Map, Value, json};
use starfire_did::render;
use starfire_did::resolution::{At, Found, Problem, ProblemKind, Question, Representation, result};
use starfire_proto::v1;

/// The refusal of a question about a version.
// DID Resolution §4.4: an option that is not supported is FEATURE_NOT_SUPPORTED.
pub fn require_newest(at: At) -> Result<(), Problem> {
    match at {
        At::Newest => Ok(()),
        At::Version(_) | At::Time(_) => {
            let detail =
                "the document of a chain has no versions: ask without versionId and versionTime";
            Err(Problem::new(ProblemKind::FeatureNotSupported, detail))
        }
    }
}

/// The DID resolution result, but for its proof. `record`: what the main chain knows; none: no such sub-chain.
pub fn resolution_result(
    question: &Question,
    record: Option<&v1::SubChainRecord>,
    representation: Representation,
) -> Value {
    // What answers that there is nothing is the same for every DID.
    let mut answer = result(question, &Found::default(), representation);
    if let Err(problem) = require_newest(question.at) {
        answer["didResolutionMetadata"]["error"] = problem.to_json();
        return answer;
    }
    if let Some(record) = record {
        let mut resolution = Map::new();
        resolution.insert("didUrl".into(), json!(question.to_url()));
        resolution.insert("contentType".into(), json!(representation.media_type()));
        answer["didResolutionMetadata"] = Value::Object(resolution);
        answer["didDocument"] = document(question, record, representation);
    }
    answer
}

fn document(
    question: &Question,
    record: &v1::SubChainRecord,
    representation: Representation,
) -> Value {
    let code = question.did.chain_code();
    let code = code.expect("a DID that is no account names a chain");
    render::chain_document(code, &record.resolvers, representation)
}
