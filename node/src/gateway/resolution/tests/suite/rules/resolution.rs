//! did-resolution: rules about resolving a DID, over `resolver.json`, and about one that has ended, over `deactivated.json`.

use serde_json::{Value, json};

use super::{
    Rule, consumed, executions, first, is_ascii, is_did, is_document_metadata, is_media_type,
    is_metadata, is_word, outcome,
};

/// The outcomes that are errors, and the word that DID 1.0 has for each.
const ERRORS: [(&str, &str); 3] = [
    ("invalidDidErrorOutcome", "invalidDid"),
    ("notFoundErrorOutcome", "notFound"),
    (
        "representationNotSupportedErrorOutcome",
        "representationNotSupported",
    ),
];
const DEFAULT: &str = "defaultOutcome";
const ENDED: &str = "deactivatedOutcome";

/// Whether what was put in and what came out are as they should be, every time.
fn all(recording: &Value, holds: impl Fn(&Value, &Value) -> bool) -> bool {
    let executions = executions(recording);
    !executions.is_empty()
        && executions
            .iter()
            .all(|execution| holds(&execution["input"], &execution["output"]))
}

/// The same, of one function; there must be such executions.
fn of(recording: &Value, function: &str, holds: impl Fn(&Value, &Value) -> bool) -> bool {
    let mut of_it = executions(recording)
        .iter()
        .filter(|execution| execution["function"] == function)
        .peekable();
    of_it.peek().is_some()
        && of_it.all(|execution| holds(&execution["input"], &execution["output"]))
}

fn error(output: &Value) -> Option<&Value> {
    output["didResolutionMetadata"].get("error")
}

fn output<'a>(recording: &'a mut Value, outcome: &str) -> &'a mut Value {
    let place = first(recording, outcome);
    &mut recording["executions"][place]["output"]
}

/// What came out of the first execution of a function.
fn output_of<'a>(recording: &'a mut Value, function: &str) -> &'a mut Value {
    let executions = recording["executions"].as_array_mut().unwrap();
    let mut found = executions
        .iter_mut()
        .filter(|execution| execution["function"] == function);
    &mut found.next().unwrap()["output"]
}

pub(in super::super) const RESOLUTION: [Rule; 14] = [
    Rule {
        claim: "a document is returned in a representation",
        holds: |recording| {
            of(recording, "resolveRepresentation", |_, output| {
                output["didDocumentStream"].is_string()
            })
        },
        breaks: |recording| {
            output_of(recording, "resolveRepresentation")["didDocumentStream"] = Value::Null;
        },
    },
    Rule {
        claim: "what is asked about is a DID, unless the answer is that it is none",
        holds: |recording| {
            all(recording, |input, output| {
                is_did(&input["did"]) != (error(output) == Some(&json!("invalidDid")))
            })
        },
        breaks: |recording| recording["executions"][0]["input"]["did"] = json!("did:bid:ef1:"),
    },
    Rule {
        claim: "options and metadata are metadata structures",
        holds: |recording| {
            all(recording, |input, output| {
                is_metadata(&input["resolutionOptions"])
                    && is_metadata(&output["didResolutionMetadata"])
                    && is_metadata(&output["didDocumentMetadata"])
            })
        },
        breaks: |recording| output(recording, DEFAULT)["didDocumentMetadata"]["proof"] = json!([1]),
    },
    Rule {
        claim: "a document that is resolved is a map whose id is the DID",
        holds: |recording| {
            of(recording, "resolve", |input, output| {
                error(output).is_some() || output["didDocument"]["id"] == input["did"]
            })
        },
        breaks: |recording| output(recording, DEFAULT)["didDocument"]["id"] = json!("did:bid:ef1"),
    },
    Rule {
        claim: "a stream is a document of the media type that is told, which is the one asked for",
        holds: |recording| {
            of(recording, "resolveRepresentation", |input, output| {
                let kind = &output["didResolutionMetadata"]["contentType"];
                let document = consumed(&output["didDocumentStream"]);
                is_media_type(kind)
                    && *kind == input["resolutionOptions"]["accept"]
                    && document.is_some_and(|document| document["id"] == input["did"])
            })
        },
        breaks: |recording| {
            let output = output_of(recording, "resolveRepresentation");
            output["didResolutionMetadata"]["contentType"] = json!("image/jpeg");
        },
    },
    Rule {
        claim: "a stream of JSON-LD has a @context",
        holds: |recording| {
            of(recording, "resolveRepresentation", |_, output| {
                let document = consumed(&output["didDocumentStream"]);
                output["didResolutionMetadata"]["contentType"] != "application/did+ld+json"
                    || document.is_some_and(|document| document.get("@context").is_some())
            })
        },
        breaks: |recording| {
            for execution in recording["executions"].as_array_mut().unwrap() {
                execution["output"]["didDocumentStream"] = json!("{}");
            }
        },
    },
    Rule {
        claim: "contentType is not told of a document that is no stream",
        holds: |recording| {
            of(recording, "resolve", |_, output| {
                output["didResolutionMetadata"].get("contentType").is_none()
            })
        },
        breaks: |recording| {
            let output = output_of(recording, "resolve");
            output["didResolutionMetadata"]["contentType"] = json!("application/did");
        },
    },
    Rule {
        claim: "accept is asked of representations alone, and is a media type in ASCII",
        holds: |recording| {
            of(recording, "resolve", |input, _| {
                input["resolutionOptions"].get("accept").is_none()
            }) && of(recording, "resolveRepresentation", |input, _| {
                let accept = &input["resolutionOptions"]["accept"];
                is_ascii(accept) && is_media_type(accept)
            })
        },
        breaks: |recording| {
            recording["executions"][0]["input"]["resolutionOptions"]["accept"] = json!("a/b");
        },
    },
    Rule {
        claim: "an error is one word in ASCII",
        holds: |recording| all(recording, |_, output| error(output).is_none_or(is_word)),
        breaks: |recording| {
            output(recording, ERRORS[1].0)["didResolutionMetadata"]["error"] = json!("not found");
        },
    },
    Rule {
        claim: "with an error there is no document, and nothing is said of one",
        holds: |recording| {
            all(recording, |_, output| {
                error(output).is_none()
                    || (output["didDocument"].is_null()
                        && output["didDocumentMetadata"] == json!({}))
            })
        },
        breaks: |recording| output(recording, ERRORS[1].0)["didDocument"] = json!({ "id": "x" }),
    },
    Rule {
        claim: "what is no DID, what is not there, and what is not to be had in a form, each have their word",
        holds: |recording| {
            ERRORS.iter().all(|(name, word)| {
                let found = outcome(recording, name);
                let mut words = found.iter().map(|execution| error(&execution["output"]));
                !found.is_empty() && words.all(|found| found == Some(&json!(word)))
            })
        },
        breaks: |recording| {
            output(recording, ERRORS[2].0)["didResolutionMetadata"]["error"] = json!("notFound");
        },
    },
    Rule {
        claim: "what is expected to succeed has no error",
        holds: |recording| {
            let found = outcome(recording, DEFAULT);
            !found.is_empty()
                && found
                    .iter()
                    .all(|execution| error(&execution["output"]).is_none())
        },
        breaks: |recording| {
            output(recording, DEFAULT)["didResolutionMetadata"]["error"] = json!("notFound");
        },
    },
    Rule {
        claim: "times are moments, versions are texts, also those of the version after an older one",
        holds: |recording| {
            let is_older = |execution: &Value| {
                let metadata = &execution["output"]["didDocumentMetadata"];
                metadata.get("nextUpdate").is_some() && metadata.get("nextVersionId").is_some()
            };
            executions(recording).iter().any(is_older)
                && all(recording, |_, output| {
                    is_document_metadata(&output["didDocumentMetadata"])
                })
        },
        breaks: |recording| {
            let metadata = &mut output(recording, DEFAULT)["didDocumentMetadata"];
            metadata["updated"] = json!("2026-11-18T11:09:40.250Z");
        },
    },
    Rule {
        claim: "nothing that is in force is said to be deactivated",
        holds: |recording| {
            all(recording, |_, output| {
                let ended = output["didDocumentMetadata"].get("deactivated");
                matches!(ended, None | Some(Value::Bool(false)))
            })
        },
        breaks: |recording| {
            output(recording, DEFAULT)["didDocumentMetadata"]["deactivated"] = json!(true);
        },
    },
];

pub(in super::super) const DEACTIVATED: [Rule; 2] = [
    Rule {
        claim: "a DID that has ended is said to be deactivated, by the boolean",
        holds: |recording| {
            let found = outcome(recording, ENDED);
            !found.is_empty()
                && found.iter().all(|execution| {
                    execution["output"]["didDocumentMetadata"]["deactivated"] == json!(true)
                })
        },
        breaks: |recording| {
            output(recording, ENDED)["didDocumentMetadata"]["deactivated"] = json!("true");
        },
    },
    // DID Resolution §4.2: a deactivated DID has no document. The suite, of DID 1.0, asks for one in every answer without an error.
    Rule {
        claim: "it has no document, and that is no error",
        holds: |recording| {
            all(recording, |_, output| {
                error(output).is_none() && output["didDocument"].is_null()
            })
        },
        breaks: |recording| output(recording, ENDED)["didDocument"] = json!({ "id": "x" }),
    },
];
