//! The document of a sub-chain as a whole, `did:bid:<code>`: where its DIDs are resolved.
//!
//! Nobody registers it. It is a view of the record that the main chain keeps of the sub-chain, and is proved with it.

use serde_json::{Map, Value, json};
use starfire_did::resolution::{Found, Question, Representation, result};
use starfire_proto::v1;

/// The service of a gateway that resolves the sub-chain's DIDs, as BIF names it.
const SERVICE: &str = "DIDSubResolver";

/// The DID resolution result, but for its proof. `record`: what the main chain knows; none: no such sub-chain.
pub fn resolution_result(
    question: &Question,
    record: Option<&v1::SubChainRecord>,
    representation: Representation,
) -> Value {
    // What answers that there is nothing is the same for every DID.
    let mut answer = result(question, &Found::default(), representation);
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
    let did = question.did.to_string();
    let context = match representation {
        Representation::V1_1 => "https://www.w3.org/ns/did/v1.1",
        Representation::Json | Representation::JsonLd => "https://www.w3.org/ns/did/v1",
    };
    let service = |(number, url): (usize, &String)| {
        json!({
            "id": format!("{did}#resolver-{number}"),
            "type": SERVICE,
            "serviceEndpoint": url,
        })
    };
    let services: Vec<_> = (1..).zip(&record.resolvers).map(service).collect();
    let mut document = json!({ "@context": [context], "id": did });
    if !services.is_empty() {
        document["service"] = Value::Array(services);
    }
    document
}
