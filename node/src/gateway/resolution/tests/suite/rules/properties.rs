//! did-core-properties: rules about what stands in a DID's document and its metadata, over `did-bid.json`.

use serde_json::{Value, json};

use super::document::{all, dids, each_form, full, full_properties, properties};
use super::{Rule, is_ascii, is_did, is_did_url, is_document_metadata, is_metadata, is_uri};
use crate::gateway::resolution::tests::suite::FORMS;

/// RFC 7517 §4, RFC 7518 §6: members that a public key does not have.
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
const KEY_FORMS: [&str; 3] = ["publicKeyBase58", "publicKeyMultibase", "publicKeyJwk"];

/// A list of a document: empty, where there is no such member.
fn list<'a>(properties: &'a Value, name: &str) -> Option<&'a [Value]> {
    match properties.get(name) {
        None => Some(&[]),
        Some(list) => list.as_array().map(Vec::as_slice),
    }
}

/// Some document has such entries, and each is as it should be.
fn each(recording: &Value, name: &str, holds: impl Fn(&Value) -> bool) -> bool {
    let some = |did: &&str| properties(recording, did).get(name).is_some();
    dids(recording).iter().any(some)
        && all(recording, |properties| {
            list(properties, name).is_some_and(|list| list.iter().all(&holds))
        })
}

/// Some key is shown in this form, and each that is, is as it should be.
fn key(recording: &Value, form: &str, holds: impl Fn(&Value) -> bool) -> bool {
    let is_shown = |method: &Value| method.get(form).is_some();
    !each(recording, "verificationMethod", |method| !is_shown(method))
        && each(recording, "verificationMethod", |method| {
            method.get(form).is_none_or(&holds)
        })
}

fn is_endpoint(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => false,
    }
}

fn ids_differ(properties: &Value) -> bool {
    let services = list(properties, "service").unwrap_or_default();
    services.iter().enumerate().all(|(place, one)| {
        services[..place]
            .iter()
            .all(|other| one["id"] != other["id"])
    })
}

pub(in super::super) const PROPERTIES: [Rule; 24] = [
    Rule {
        claim: "id is the DID",
        holds: |recording| {
            dids(recording).iter().all(|did| {
                let id = &properties(recording, did)["id"];
                id == did && is_did(id)
            })
        },
        breaks: |recording| full_properties(recording)["id"] = json!("did:bid:"),
    },
    Rule {
        claim: "controllers are DIDs",
        holds: |recording| each(recording, "controller", is_did),
        breaks: |recording| full_properties(recording)["controller"] = json!(["somebody"]),
    },
    Rule {
        claim: "alsoKnownAs is a list of URIs",
        holds: |recording| each(recording, "alsoKnownAs", is_uri),
        breaks: |recording| {
            full_properties(recording)["alsoKnownAs"] = json!([{ "id": "https://example.org/" }]);
        },
    },
    Rule {
        claim: "verificationMethod is a list of maps",
        holds: |recording| each(recording, "verificationMethod", Value::is_object),
        breaks: |recording| full_properties(recording)["verificationMethod"] = json!({}),
    },
    Rule {
        claim: "a verification method has an id, a type and a controller",
        holds: |recording| {
            each(recording, "verificationMethod", |method| {
                ["id", "type", "controller"]
                    .iter()
                    .all(|name| method.get(*name).is_some())
            })
        },
        breaks: |recording| full_properties(recording)["verificationMethod"][0] = json!({}),
    },
    Rule {
        claim: "a verification method's id is a DID URL",
        holds: |recording| {
            each(recording, "verificationMethod", |one| {
                is_did_url(&one["id"])
            })
        },
        breaks: |recording| full_properties(recording)["verificationMethod"][0]["id"] = json!("k"),
    },
    Rule {
        claim: "a verification method's type is one text",
        holds: |recording| {
            each(recording, "verificationMethod", |one| {
                one["type"].is_string()
            })
        },
        breaks: |recording| full_properties(recording)["verificationMethod"][0]["type"] = json!([]),
    },
    Rule {
        claim: "a verification method's controller is a DID",
        holds: |recording| {
            each(recording, "verificationMethod", |one| {
                is_did(&one["controller"])
            })
        },
        breaks: |recording| {
            full_properties(recording)["verificationMethod"][0]["controller"] = json!("somebody");
        },
    },
    Rule {
        claim: "publicKeyMultibase is multibase in Base58",
        holds: |recording| {
            key(recording, "publicKeyMultibase", |key| {
                let text = key.as_str().and_then(|text| text.strip_prefix('z'));
                text.is_some_and(|text| bs58::decode(text).into_vec().is_ok())
            })
        },
        breaks: |recording| {
            let method = &mut full_properties(recording)["verificationMethod"][0];
            method["publicKeyMultibase"] = json!("b06566");
        },
    },
    Rule {
        claim: "publicKeyJwk is a JSON Web Key",
        holds: |recording| {
            key(recording, "publicKeyJwk", |jwk| {
                jwk["kty"].is_string() && jwk["crv"].is_string()
            })
        },
        breaks: |recording| {
            full_properties(recording)["verificationMethod"][0]["publicKeyJwk"] = json!("key");
        },
    },
    Rule {
        claim: "publicKeyJwk has no private member",
        holds: |recording| {
            key(recording, "publicKeyJwk", |jwk| {
                PRIVATE_MEMBERS.iter().all(|name| jwk.get(*name).is_none())
            })
        },
        breaks: |recording| {
            let jwk = json!({ "kty": "EC", "d": "1" });
            full_properties(recording)["verificationMethod"][0]["publicKeyJwk"] = jwk;
        },
    },
    Rule {
        claim: "a key is shown in one form alone",
        holds: |recording| {
            each(recording, "verificationMethod", |method| {
                let shown = KEY_FORMS.iter().filter(|form| method.get(**form).is_some());
                shown.count() == 1
            })
        },
        breaks: |recording| {
            let method = &mut full_properties(recording)["verificationMethod"][0];
            method["publicKeyJwk"] = json!({});
            method["publicKeyMultibase"] = json!("z6Mk");
        },
    },
    Rule {
        claim: "authentication names keys by DID URLs",
        holds: |recording| each(recording, "authentication", is_did_url),
        breaks: |recording| full_properties(recording)["authentication"] = json!(["key"]),
    },
    Rule {
        claim: "assertionMethod names keys by DID URLs",
        holds: |recording| each(recording, "assertionMethod", is_did_url),
        breaks: |recording| full_properties(recording)["assertionMethod"] = json!(["key"]),
    },
    Rule {
        claim: "keyAgreement names keys by DID URLs",
        holds: |recording| each(recording, "keyAgreement", is_did_url),
        breaks: |recording| full_properties(recording)["keyAgreement"] = json!(["key"]),
    },
    Rule {
        claim: "capabilityInvocation names keys by DID URLs",
        holds: |recording| each(recording, "capabilityInvocation", is_did_url),
        breaks: |recording| full_properties(recording)["capabilityInvocation"] = json!(["key"]),
    },
    Rule {
        claim: "capabilityDelegation names keys by DID URLs",
        holds: |recording| each(recording, "capabilityDelegation", is_did_url),
        breaks: |recording| full_properties(recording)["capabilityDelegation"] = json!(["key"]),
    },
    Rule {
        claim: "service is a list of maps with an id, a type and an endpoint",
        holds: |recording| {
            each(recording, "service", |service| {
                ["id", "type", "serviceEndpoint"]
                    .iter()
                    .all(|name| service.get(*name).is_some())
            })
        },
        breaks: |recording| full_properties(recording)["service"][0] = json!("https://a.org/"),
    },
    Rule {
        claim: "a service's id is a URI",
        holds: |recording| each(recording, "service", |service| is_uri(&service["id"])),
        breaks: |recording| full_properties(recording)["service"][0]["id"] = json!("files"),
    },
    Rule {
        claim: "no two services have one id",
        holds: |recording| all(recording, ids_differ),
        breaks: |recording| {
            let services = full_properties(recording)["service"].as_array_mut();
            let services = services.unwrap();
            services.push(services[0].clone());
        },
    },
    Rule {
        claim: "a service's type is a text, or some",
        holds: |recording| {
            each(recording, "service", |service| {
                let kind = &service["type"];
                match kind.as_array() {
                    Some(types) => types.iter().all(Value::is_string),
                    None => kind.as_str().is_some_and(|text| !text.is_empty()),
                }
            })
        },
        breaks: |recording| full_properties(recording)["service"][0]["type"] = json!(101),
    },
    Rule {
        claim: "a service's endpoint is a text, a map, or some of these",
        holds: |recording| {
            each(recording, "service", |service| {
                let endpoint = &service["serviceEndpoint"];
                match endpoint.as_array() {
                    Some(some) => !some.is_empty() && some.iter().all(is_endpoint),
                    None => is_endpoint(endpoint),
                }
            })
        },
        breaks: |recording| full_properties(recording)["service"][0]["serviceEndpoint"] = json!(80),
    },
    Rule {
        claim: "an endpoint that is a text is a URI",
        holds: |recording| {
            each(recording, "service", |service| {
                let endpoint = &service["serviceEndpoint"];
                !endpoint.is_string() || is_uri(endpoint)
            })
        },
        breaks: |recording| {
            full_properties(recording)["service"][0]["serviceEndpoint"] = json!("192.168.1.23");
        },
    },
    Rule {
        claim: "metadata holds no number at any depth, and its times and versions have their form",
        holds: |recording| {
            FORMS.iter().all(|form| {
                each_form(recording, form, |_, recorded| {
                    let metadata = &recorded["didDocumentMetadata"];
                    is_metadata(metadata)
                        && is_document_metadata(metadata)
                        && is_ascii(&metadata["versionId"])
                })
            })
        },
        breaks: |recording| {
            let proof = &mut full(recording)[FORMS[0]]["didDocumentMetadata"]["proof"];
            proof[0]["height"] = json!(1);
        },
    },
];
