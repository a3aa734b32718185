//! did-identifier, did-production and did-consumption: rules about a DID and its representations, over `did-bid.json`.

use serde_json::{Value, json};

use super::{Rule, consumed, is_did, is_moment};
use crate::gateway::resolution::tests::suite::FORMS;

pub(super) fn dids(recording: &Value) -> Vec<&str> {
    let dids = recording["dids"].as_array().into_iter().flatten();
    dids.filter_map(Value::as_str).collect()
}

pub(super) fn properties<'a>(recording: &'a Value, did: &str) -> &'a Value {
    &recording[did]["didDocumentDataModel"]["properties"]
}

/// The document that has everything.
pub(super) fn full(recording: &mut Value) -> &mut Value {
    let did = dids(recording).last().unwrap().to_string();
    &mut recording[did]
}

pub(super) fn full_properties(recording: &mut Value) -> &mut Value {
    &mut full(recording)["didDocumentDataModel"]["properties"]
}

pub(super) fn all(recording: &Value, holds: impl Fn(&Value) -> bool) -> bool {
    let dids = dids(recording);
    !dids.is_empty() && dids.iter().all(|did| holds(properties(recording, did)))
}

pub(super) fn each_form(
    recording: &Value,
    form: &str,
    holds: impl Fn(&Value, &Value) -> bool,
) -> bool {
    let dids = dids(recording);
    !dids.is_empty()
        && dids
            .iter()
            .all(|did| holds(properties(recording, did), &recording[*did][form]))
}

/// The data model, and what the representation adds to it, make what was sent.
fn is_whole(properties: &Value, recorded: &Value) -> bool {
    let entries = &recorded["didDocumentDataModel"]["representationSpecificEntries"];
    let (Some(properties), Some(entries)) = (properties.as_object(), entries.as_object()) else {
        return false;
    };
    let mut whole = properties.clone();
    whole.extend(entries.clone());
    consumed(&recorded["representation"]) == Some(Value::Object(whole))
}

/// A parameter of the DID URL that is an example of it.
fn parameter<'a>(recording: &'a Value, name: &str) -> &'a str {
    let url = recording["didParameters"][name].as_str();
    let query = url.and_then(|url| url.split_once('?'));
    let pairs = query.map_or("", |(_, query)| query).split('&');
    pairs
        .filter_map(|pair| pair.split_once('='))
        .find_map(|(found, value)| (found == name).then_some(value))
        .unwrap_or_default()
}

pub(in super::super) const IDENTIFIER: [Rule; 4] = [
    Rule {
        claim: "every DID has the syntax of DID Core",
        holds: |recording| {
            let dids = recording["dids"].as_array();
            dids.is_some_and(|dids| !dids.is_empty() && dids.iter().all(is_did))
        },
        breaks: |recording| recording["dids"][0] = json!("did:bid:efY:"),
    },
    Rule {
        claim: "service and versionId are ASCII",
        holds: |recording| {
            ["service", "versionId"].iter().all(|name| {
                let value = parameter(recording, name);
                !value.is_empty() && value.is_ascii()
            })
        },
        breaks: |recording| recording["didParameters"]["service"] = json!("did:bid:ef1?service=文"),
    },
    Rule {
        claim: "relativeRef escapes its slashes",
        holds: |recording| {
            let value = parameter(recording, "relativeRef");
            value.is_ascii() && value.contains("%2F") && !value.contains('/')
        },
        breaks: |recording| {
            let url = "did:bid:ef1?service=a&relativeRef=/b";
            recording["didParameters"]["relativeRef"] = json!(url);
        },
    },
    Rule {
        claim: "versionTime is a moment in UTC without fractions",
        holds: |recording| is_moment(&json!(parameter(recording, "versionTime"))),
        breaks: |recording| {
            let url = "did:bid:ef1?versionTime=2026-11-18T11:08:40.5Z";
            recording["didParameters"]["versionTime"] = json!(url);
        },
    },
];

pub(in super::super) const PRODUCTION: [Rule; 5] = [
    Rule {
        claim: "every entry of the data model is in the representation, and nothing else",
        holds: |recording| {
            FORMS
                .iter()
                .all(|form| each_form(recording, form, is_whole))
        },
        breaks: |recording| full_properties(recording)["more"] = json!("x"),
    },
    Rule {
        claim: "the media type is that of the representation",
        holds: |recording| {
            FORMS.iter().all(|form| {
                each_form(recording, form, |_, recorded| {
                    recorded["didResolutionMetadata"]["contentType"] == *form
                })
            })
        },
        breaks: |recording| {
            full(recording)[FORMS[0]]["didResolutionMetadata"]["contentType"] = json!("text/plain");
        },
    },
    Rule {
        claim: "JSON has one object at its root",
        holds: |recording| {
            each_form(recording, FORMS[0], |_, recorded| {
                consumed(&recorded["representation"]).is_some()
            })
        },
        breaks: |recording| full(recording)[FORMS[0]]["representation"] = json!("[]"),
    },
    Rule {
        claim: "JSON-LD has a @context",
        holds: |recording| {
            each_form(recording, FORMS[1], |_, recorded| {
                let document = consumed(&recorded["representation"]);
                document.is_some_and(|document| document.get("@context").is_some())
            })
        },
        breaks: |recording| full(recording)[FORMS[1]]["representation"] = json!("{}"),
    },
    Rule {
        claim: "@context begins with that of DID 1.0",
        holds: |recording| {
            each_form(recording, FORMS[1], |_, recorded| {
                let entries = &recorded["didDocumentDataModel"]["representationSpecificEntries"];
                entries["@context"][0] == "https://www.w3.org/ns/did/v1"
            })
        },
        breaks: |recording| {
            let model = &mut full(recording)[FORMS[1]]["didDocumentDataModel"];
            model["representationSpecificEntries"]["@context"] = json!(["https://example.org/"]);
        },
    },
];

pub(in super::super) const CONSUMPTION: [Rule; 3] = [
    Rule {
        claim: "JSON is consumed into the data model",
        holds: |recording| each_form(recording, FORMS[0], is_whole),
        breaks: |recording| full(recording)[FORMS[0]]["representation"] = json!("{\"id\":\"x\"}"),
    },
    Rule {
        claim: "JSON-LD is consumed into the data model and the entry of its own",
        holds: |recording| each_form(recording, FORMS[1], is_whole),
        breaks: |recording| full(recording)[FORMS[1]]["representation"] = json!("{\"id\":\"x\"}"),
    },
    Rule {
        claim: "what belongs to a representation is not in the data model",
        holds: |recording| {
            all(recording, |properties| properties.get("@context").is_none())
                && each_form(recording, FORMS[0], |_, recorded| {
                    let model = &recorded["didDocumentDataModel"];
                    model["representationSpecificEntries"] == json!({})
                })
        },
        breaks: |recording| full_properties(recording)["@context"] = json!([]),
    },
];
