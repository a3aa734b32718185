//! The DID resolution result: the document, and what is said of it.

use serde_json::{Map, Value, json};
use starfire_proto::v1;

use super::error::{Problem, ProblemKind};
use super::question::{Found, Origin, Question};
use crate::document::Document;
use crate::render::{self, Representation};

/// The document of a record; none, if it is deactivated.
pub fn rendered(
    record: &v1::DidRecord,
    origin: Origin,
    representation: Representation,
) -> Result<Option<Value>, Problem> {
    let Some(document) = &record.document else {
        return Ok(None);
    };
    let document = match origin {
        Origin::ThisChain => Document::stored(document.clone()),
        Origin::AnotherChain => Document::try_from(document.clone()),
    };
    document
        .map(|document| Some(render::document_as(&document, representation)))
        .map_err(|error| {
            let problem = rejection_detail(error.into());
            Problem::new(ProblemKind::InvalidDidDocument, problem)
        })
}

fn rejection_detail(rejection: starfire_state::Rejection) -> String {
    rejection.detail
}

/// The metadata of the version that was found.
// DID Resolution §4.3: nextUpdate and nextVersionId, "if the resolved document version is not the latest version".
pub fn document_metadata(found: &Found) -> Value {
    let Some(record) = &found.record else {
        return json!({});
    };
    let mut metadata = render::metadata(record);
    if let (Some(next), Value::Object(members)) = (&found.next, &mut metadata) {
        members.insert("nextVersionId".into(), json!(next.version.to_string()));
        if let Some(time) = render::timestamp(next.updated_ms) {
            members.insert("nextUpdate".into(), json!(time));
        }
    }
    metadata
}

/// The whole result, but for its proof.
///
/// Beside what the standard asks for, `didResolutionMetadata.didUrl` repeats the question, so that a saved answer says to what.
pub fn result(question: &Question, found: &Found, representation: Representation) -> Value {
    let outcome = match &found.record {
        None => Err(question.absence(found)),
        Some(record) => rendered(record, found.origin, representation),
    };
    let mut resolution = Map::new();
    resolution.insert("didUrl".into(), json!(question.to_url()));
    let (document, metadata) = match outcome {
        Ok(document) => {
            if document.is_some() {
                resolution.insert("contentType".into(), json!(representation.media_type()));
            }
            (document, document_metadata(found))
        }
        Err(problem) => {
            resolution.insert("error".into(), problem.to_json());
            (None, json!({}))
        }
    };
    json!({
        "didDocument": document,
        "didResolutionMetadata": resolution,
        "didDocumentMetadata": metadata,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{World, person};
    use crate::resolution::At;

    fn answer(world: &World, at: At) -> Value {
        let did = person(1).did;
        let question = Question { did, at };
        result(
            &question,
            &question.found_in(&world.state),
            Representation::V1_1,
        )
    }

    #[test]
    fn a_result_has_document_and_metadata_of_its_version() {
        let alice = person(1);
        let mut world = World::with(&alice);
        world.now_ms += 1_000;
        world
            .update(&alice.did, 1, &world.document(&alice.did))
            .unwrap();
        world.now_ms += 1_000;
        world.deactivate(&alice.did, &alice.did, 2).unwrap();

        let first = answer(&world, At::Version(1));
        assert_eq!(first["didDocument"]["id"], json!(alice.did.to_string()));
        assert_eq!(
            first["didDocumentMetadata"],
            json!({
                "created": "1970-01-01T00:16:40Z",
                "versionId": "1",
                "nextVersionId": "2",
                "nextUpdate": "1970-01-01T00:16:41Z",
            })
        );
        assert_eq!(
            first["didResolutionMetadata"],
            json!({
                "contentType": "application/did",
                "didUrl": format!("{}?versionId=1", alice.did),
            })
        );
        let last = answer(&world, At::Newest);
        assert_eq!(last["didDocument"], Value::Null);
        assert_eq!(last["didDocumentMetadata"]["deactivated"], json!(true));
        assert_eq!(last["didDocumentMetadata"]["versionId"], json!("3"));
    }

    #[test]
    fn what_is_not_there_is_an_error_with_its_type() {
        let world = World::with(&person(1));
        for (at, detail) in [
            (At::Version(2), "has no version 2; its newest is 1"),
            (At::Time(0), "was not yet registered at that time"),
        ] {
            let answer = answer(&world, at);
            let error = &answer["didResolutionMetadata"]["error"];
            assert_eq!(error["type"], "https://www.w3.org/ns/did#NOT_FOUND");
            assert!(
                error["detail"].as_str().unwrap().ends_with(detail),
                "{error}"
            );
            assert_eq!(answer["didDocumentMetadata"], json!({}));
        }
    }
}
