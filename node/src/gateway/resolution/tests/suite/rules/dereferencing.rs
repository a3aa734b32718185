//! did-url-dereferencing: rules about what a DID URL leads to, over `dereferencer.json`.

use serde_json::{Value, json};

use super::{
    Rule, consumed, executions, first, is_ascii, is_did_url, is_document_metadata, is_media_type,
    is_metadata, is_word, outcome,
};

/// The outcomes that are errors, and the word that DID 1.0 has for each.
const ERRORS: [(&str, &str); 2] = [
    ("notFoundErrorOutcome", "notFound"),
    ("invalidDidUrlErrorOutcome", "invalidDidUrl"),
];
const DEFAULT: &str = "defaultOutcome";

/// Whether what was put in and what came out are as they should be, every time.
fn all(recording: &Value, holds: impl Fn(&Value, &Value) -> bool) -> bool {
    let executions = executions(recording);
    !executions.is_empty()
        && executions
            .iter()
            .all(|execution| holds(&execution["input"], &execution["output"]))
}

/// The same, of what is expected to succeed.
fn each(recording: &Value, holds: impl Fn(&Value) -> bool) -> bool {
    let found = outcome(recording, DEFAULT);
    !found.is_empty() && found.iter().all(|execution| holds(&execution["output"]))
}

fn error(output: &Value) -> Option<&Value> {
    output["dereferencingMetadata"].get("error")
}

fn output<'a>(recording: &'a mut Value, outcome: &str) -> &'a mut Value {
    let place = first(recording, outcome);
    &mut recording["executions"][place]["output"]
}

/// What a DID URL led to.
fn content<'a>(recording: &'a Value, url: &str) -> Option<&'a Value> {
    let mut found = executions(recording)
        .iter()
        .filter(|execution| execution["input"]["didUrl"] == url);
    found
        .next()
        .map(|execution| &execution["output"]["contentStream"])
}

pub(in super::super) const DEREFERENCING: [Rule; 10] = [
    Rule {
        claim: "what is asked about is a DID URL, unless the answer is that it is none",
        holds: |recording| {
            all(recording, |input, output| {
                is_did_url(&input["didUrl"]) != (error(output) == Some(&json!("invalidDidUrl")))
            })
        },
        breaks: |recording| {
            recording["executions"][0]["input"]["didUrl"] = json!("did:bid:ef1#a#b");
        },
    },
    Rule {
        claim: "a fragment leads elsewhere than the DID URL without it",
        holds: |recording| {
            all(recording, |input, output| {
                let url = input["didUrl"].as_str().unwrap_or_default();
                let whole = url
                    .split_once('#')
                    .map(|(whole, _)| content(recording, whole));
                whole.is_none_or(|whole| {
                    whole.is_some_and(|content| *content != output["contentStream"])
                })
            })
        },
        breaks: |recording| {
            let whole = recording["executions"][0]["output"]["contentStream"].clone();
            recording["executions"][1]["output"]["contentStream"] = whole;
        },
    },
    Rule {
        claim: "options and metadata are metadata structures",
        holds: |recording| {
            all(recording, |input, output| {
                is_metadata(&input["dereferenceOptions"])
                    && is_metadata(&output["dereferencingMetadata"])
                    && is_metadata(&output["contentMetadata"])
            })
        },
        breaks: |recording| output(recording, DEFAULT)["contentMetadata"]["size"] = json!(5),
    },
    Rule {
        claim: "what is expected to succeed has content and no error",
        holds: |recording| {
            each(recording, |output| {
                let content = output["contentStream"].as_str();
                error(output).is_none() && content.is_some_and(|content| !content.is_empty())
            })
        },
        breaks: |recording| output(recording, DEFAULT)["contentStream"] = json!(""),
    },
    Rule {
        claim: "what is found in a document is JSON",
        holds: |recording| {
            each(recording, |output| {
                consumed(&output["contentStream"]).is_some()
            })
        },
        breaks: |recording| output(recording, DEFAULT)["contentStream"] = json!("<html>"),
    },
    Rule {
        claim: "with an error there is no content, and nothing is said of it",
        holds: |recording| {
            all(recording, |_, output| {
                error(output).is_none()
                    || (output["contentStream"] == "" && output["contentMetadata"] == json!({}))
            })
        },
        breaks: |recording| output(recording, ERRORS[0].0)["contentStream"] = json!("{}"),
    },
    Rule {
        claim: "what is said of a document has the form of its metadata",
        holds: |recording| {
            all(recording, |_, output| {
                is_document_metadata(&output["contentMetadata"])
            })
        },
        breaks: |recording| {
            output(recording, DEFAULT)["contentMetadata"]["created"] = json!("yesterday");
        },
    },
    Rule {
        claim: "contentType is a media type in ASCII",
        holds: |recording| {
            each(recording, |output| {
                let kind = &output["dereferencingMetadata"]["contentType"];
                is_media_type(kind) && is_ascii(kind)
            })
        },
        breaks: |recording| {
            output(recording, DEFAULT)["dereferencingMetadata"]["contentType"] = json!("document");
        },
    },
    Rule {
        claim: "an error is one word in ASCII",
        holds: |recording| all(recording, |_, output| error(output).is_none_or(is_word)),
        breaks: |recording| {
            output(recording, ERRORS[0].0)["dereferencingMetadata"]["error"] = json!("not found");
        },
    },
    Rule {
        claim: "what is not there and what is no DID URL each have their word",
        holds: |recording| {
            ERRORS.iter().all(|(name, word)| {
                let found = outcome(recording, name);
                let mut words = found.iter().map(|execution| error(&execution["output"]));
                !found.is_empty() && words.all(|found| found == Some(&json!(word)))
            })
        },
        breaks: |recording| {
            output(recording, ERRORS[1].0)["dereferencingMetadata"]["error"] = json!("notFound");
        },
    },
];
