//! The DID resolution result: the document, and what is said of it.

use serde::{Serialize, Serializer};
use serde_json::Value;
use starfire_proto::v1;

use super::error::{Problem, ProblemKind};
use super::question::{Found, Origin, Question};
use crate::document::Document;
use crate::render::{self, Metadata, Representation, View};

/// The document of a record; none, if it is deactivated.
pub fn rendered(
    record: &v1::DidRecord,
    origin: Origin,
    representation: Representation,
) -> Result<Option<Value>, Problem> {
    let document = parsed(record.document.clone(), origin)?;
    Ok(document.map(|document| render::document_as(&document, representation)))
}

/// The same, written out.
pub fn rendered_text(
    record: &v1::DidRecord,
    origin: Origin,
    representation: Representation,
) -> Result<Option<String>, Problem> {
    let document = parsed(record.document.clone(), origin)?;
    Ok(document.map(|document| text(&Shown(&document, representation), TEXT_BYTES_USUAL)))
}

fn parsed(document: Option<v1::DidDocument>, origin: Origin) -> Result<Option<Document>, Problem> {
    let Some(document) = document else {
        return Ok(None);
    };
    let document = match origin {
        Origin::ThisChain => Document::stored(document),
        Origin::AnotherChain => Document::try_from(document),
    };
    document.map(Some).map_err(|error| {
        let rejection = starfire_state::Rejection::from(error);
        Problem::new(ProblemKind::InvalidDidDocument, rejection.detail)
    })
}

/// Room for a small document and its metadata, bytes.
const TEXT_BYTES_USUAL: usize = 1 << 10;
/// Room for a proof beside it.
const PROOF_BYTES_USUAL: usize = 4 << 10;

fn text(json: &impl Serialize, room: usize) -> String {
    let mut text = Vec::with_capacity(room);
    serde_json::to_writer(&mut text, json).expect("texts and lists of texts are JSON");
    String::from_utf8(text).expect("JSON is text")
}

/// A document in a form.
struct Shown<'a>(&'a Document, Representation);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(document, form) = *self;
        let did = document.id().to_string();
        View::new(document, &did, form, document.services()).serialize(serializer)
    }
}

/// The result of resolving, before it is written out.
#[derive(Debug)]
pub struct Resolved<'a> {
    question: Question,
    found: &'a Found,
    form: Representation,
    outcome: Result<Option<Document>, Problem>,
}

impl<'a> Resolved<'a> {
    /// The result for what was found. The document is taken out of it.
    pub fn new(question: &Question, found: &'a mut Found, form: Representation) -> Self {
        let outcome = match &mut found.record {
            None => Err(question.absence(found)),
            Some(record) => parsed(record.document.take(), found.origin),
        };
        Self {
            question: *question,
            found,
            form,
            outcome,
        }
    }

    /// Why there is no document, unless it is deactivated.
    pub fn problem(&self) -> Option<&Problem> {
        self.outcome.as_ref().err()
    }

    /// Whether the version is the end of the DID.
    pub fn is_deactivated(&self) -> bool {
        let record = self.found.record.as_ref().filter(|_| self.outcome.is_ok());
        record.is_some_and(|record| record.deactivated)
    }

    /// The document alone, written out; `null` if there is none.
    pub fn document_text(&self) -> String {
        text(&self.document(), TEXT_BYTES_USUAL)
    }

    /// The whole result, written out. `proof` is what `resolved.rs` of the proof files makes of a state proof.
    pub fn text(&self, proof: Option<impl Serialize>) -> String {
        let room = proof.as_ref().map_or(0, |_| PROOF_BYTES_USUAL);
        text(&self.whole(proof), TEXT_BYTES_USUAL + room)
    }

    fn document(&self) -> Option<Shown<'_>> {
        let document = self.outcome.as_ref().ok()?.as_ref()?;
        Some(Shown(document, self.form))
    }

    // DID Resolution §4.4: of an answer that there is nothing, didDocumentMetadata is empty; all that is told is about the resolution.
    fn whole<P: Serialize>(&self, proof: Option<P>) -> Whole<'_, P> {
        let proof = proof.map(|proof| [proof]);
        let (of_resolution, of_document) = match self.outcome {
            Ok(_) => (None, proof),
            Err(_) => (proof, None),
        };
        let record = self.found.record.as_ref().filter(|_| self.outcome.is_ok());
        let mut document_metadata = record.map_or_else(Metadata::nothing, |record| {
            Metadata::of(record).followed_by(self.found.next.as_ref())
        });
        document_metadata.proof = of_document;
        let document = self.document();
        Whole {
            resolution_metadata: ResolutionMetadata {
                content_type: document.as_ref().map(|_| self.form.media_type()),
                did_url: self.question.to_url(),
                error: self.problem().map(Problem::to_json),
                proof: of_resolution,
            },
            document_metadata,
            document,
        }
    }
}

/// The members of a result, in the byte order of their names.
#[derive(Serialize)]
struct Whole<'a, P> {
    #[serde(rename = "didDocument")]
    document: Option<Shown<'a>>,
    #[serde(rename = "didDocumentMetadata")]
    document_metadata: Metadata<P>,
    #[serde(rename = "didResolutionMetadata")]
    resolution_metadata: ResolutionMetadata<P>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResolutionMetadata<P> {
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'static str>,
    did_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<[P; 1]>,
}

/// The whole result, but for its proof.
///
/// Beside what the standard asks for, `didResolutionMetadata.didUrl` repeats the question, so that a saved answer says to what.
pub fn result(question: &Question, found: &Found, representation: Representation) -> Value {
    let mut found = found.clone();
    let resolved = Resolved::new(question, &mut found, representation);
    serde_json::to_value(resolved.whole(None::<()>)).expect("texts and lists of texts are JSON")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::document::sample::full;
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

    #[test]
    fn what_is_written_at_once_is_what_the_tree_of_values_is_written_as() {
        let alice = person(1);
        let mut world = World::with(&alice);
        world.now_ms += 1_000;
        world
            .update(&alice.did, 1, &world.document(&alice.did))
            .unwrap();
        world.now_ms += 1_000;
        world.deactivate(&alice.did, &alice.did, 2).unwrap();
        let everything = Found {
            record: Some(v1::DidRecord {
                document: Some(full()),
                version: 1,
                ..v1::DidRecord::default()
            }),
            newest: Some(1),
            origin: Origin::ThisChain,
            ..Found::default()
        };
        let questions = [At::Newest, At::Version(1), At::Version(2), At::Version(9)];
        let questions = questions.map(|at| Question { did: alice.did, at });
        let founds = questions
            .map(|question| (question, question.found_in(&world.state)))
            .into_iter()
            .chain([(questions[1], everything)]);
        for (question, found) in founds {
            for form in Representation::ALL {
                let mut tree = result(&question, &found, form);
                let mut found = found.clone();
                let resolved = Resolved::new(&question, &mut found, form);
                assert_eq!(resolved.text(None::<()>), tree.to_string());
                assert_eq!(resolved.document_text(), tree["didDocument"].to_string());
                let failed = tree["didResolutionMetadata"].get("error").is_some();
                assert_eq!(resolved.problem().is_some(), failed);
                let deactivated = tree["didDocumentMetadata"]["deactivated"] == json!(true);
                assert_eq!(resolved.is_deactivated(), deactivated);
                let holder = match failed {
                    true => "didResolutionMetadata",
                    false => "didDocumentMetadata",
                };
                tree[holder]["proof"] = json!([{ "type": "P" }]);
                let proof = std::collections::BTreeMap::from([("type", "P")]);
                assert_eq!(resolved.text(Some(proof)), tree.to_string());
            }
        }
    }
}
