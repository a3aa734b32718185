//! The W3C view of a stored record: a DID 1.0 or 1.1 document, its parts alone, and its metadata.
//!
//! A view only: what is hashed and proved is the record, so any rendering can be checked against one proof. What W3C's data model
//! has no word for stands in `extension`, which the document's own context defines as a JSON literal: a JSON-LD processor keeps it
//! as it is and fetches nothing for it.

use serde::Serialize;
use serde_json::{Map, Value, json};
use starfire_proto::v1;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::document::{Document, KeyForm, Method, RESOLVER, Service, SubjectType};
use crate::id::{ChainCode, Did};
pub(crate) use view::View;
use view::{Context, MethodView, ServiceView, members};

mod view;

pub(crate) const DID_1_0: &str = "https://www.w3.org/ns/did/v1";
pub(crate) const DID_1_1: &str = "https://www.w3.org/ns/did/v1.1";
pub(crate) const MULTIKEY: &str = "https://w3id.org/security/multikey/v1";
const JSON_WEB_KEY: &str = "https://w3id.org/security/jwk/v1";
const NO_KEYS: std::iter::Empty<KeyForm> = std::iter::empty();
/// Where BIF describes the term, in its BID specification.
const EXTENSION: &str = "https://github.com/teleinfo-bif/bid#extension";

/// The forms that W3C's clients ask for by their media types.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Representation {
    /// DID 1.0 as JSON-LD.
    #[default]
    JsonLd,
    /// DID 1.0 as JSON, without `@context`.
    Json,
    /// DID 1.1, which has one form.
    V1_1,
}

impl Representation {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::JsonLd, Self::Json, Self::V1_1];

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::JsonLd => "application/did+ld+json",
            Self::Json => "application/did+json",
            Self::V1_1 => "application/did",
        }
    }

    /// The representation of a media type, without parameters.
    pub fn of_media_type(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|form| form.media_type().eq_ignore_ascii_case(text.trim()))
    }

    /// The representation of a document of another's make, by its context.
    // DID Core §6.3.1: the first item is the DID context. §6.2: plain JSON needs none.
    pub fn of_document(document: &Value) -> Self {
        let Some(context) = document.get("@context") else {
            return Self::Json;
        };
        match context.get(0).unwrap_or(context) == DID_1_1 {
            true => Self::V1_1,
            false => Self::JsonLd,
        }
    }

    /// The `@context` of something with these keys, and with an extension or without.
    // DID Core §6.3.1: the first item is the DID context. DID 1.1's includes both key types.
    fn context(
        self,
        forms: impl Iterator<Item = KeyForm> + Clone,
        extended: bool,
    ) -> Option<Vec<Context>> {
        let mut contexts = match self {
            Self::Json => return None,
            Self::V1_1 => vec![Context::Name(DID_1_1)],
            Self::JsonLd => {
                let known = [(KeyForm::Multikey, MULTIKEY), (KeyForm::Jwk, JSON_WEB_KEY)];
                let of_keys = known
                    .into_iter()
                    .filter(|(form, _)| forms.clone().any(|held| held == *form));
                let of_keys = of_keys.map(|(_, context)| Context::Name(context));
                [Context::Name(DID_1_0)]
                    .into_iter()
                    .chain(of_keys)
                    .collect()
            }
        };
        if extended {
            contexts.push(Context::EXTENSION);
        }
        Some(contexts)
    }
}

/// The DID document in DID 1.0 JSON-LD. Empty properties are left out, as DID Core asks of sets.
pub fn document(document: &Document) -> Value {
    document_as(document, Representation::JsonLd)
}

/// The DID document in the form that was asked for.
pub fn document_as(document: &Document, form: Representation) -> Value {
    Value::Object(with_services(document, form, document.services()))
}

/// The DID document with some of its services only, as DID URL dereferencing answers.
pub(crate) fn with_services(
    document: &Document,
    form: Representation,
    services: &[Service],
) -> Map<String, Value> {
    let did = document.id().to_string();
    members(&View::new(document, &did, form, services))
}

fn insert_set<T>(
    properties: &mut Map<String, Value>,
    name: &str,
    items: &[T],
    render: impl Fn(&T) -> Value,
) {
    if !items.is_empty() {
        properties.insert(name.into(), items.iter().map(render).collect());
    }
}

/// The document of a sub-chain as a whole: where it resolves. It is no record of its own: the main chain's record of the sub-chain
/// names the resolvers.
pub fn chain_document(code: ChainCode, resolvers: &[String], form: Representation) -> Value {
    let mut properties = Map::new();
    if let Some(context) = form.context(NO_KEYS, true) {
        properties.insert("@context".into(), json!(context));
    }
    properties.insert("id".into(), json!(Did::of_chain(code).to_string()));
    insert_set(
        &mut properties,
        "service",
        &resolver_services(code, resolvers),
        |entry| Value::Object(service(entry)),
    );
    let kind = SubjectType::ChainCode.number();
    properties.insert("extension".into(), json!({ "type": kind }));
    Value::Object(properties)
}

/// A sub-chain's resolvers as services, in BIF's words.
pub(crate) fn resolver_services(code: ChainCode, resolvers: &[String]) -> Vec<Service> {
    let service = |(endpoint, number): (&String, usize)| Service {
        id: format!("{}#resolver-{number}", Did::of_chain(code)),
        kind: RESOLVER.to_owned(),
        endpoint: endpoint.clone(),
    };
    resolvers.iter().zip(1..).map(service).collect()
}

/// A key alone, with the contexts that it needs.
pub fn method_alone(document: &Document, key: &Method, form: Representation) -> Value {
    let did = document.id().to_string();
    alone(
        form.context([key.form].into_iter(), false),
        method(&did, key),
    )
}

/// A service alone, with the contexts that it needs.
pub fn service_alone(entry: &Service, form: Representation) -> Value {
    alone(form.context(NO_KEYS, false), service(entry))
}

fn alone(context: Option<Vec<Context>>, mut properties: Map<String, Value>) -> Value {
    if let Some(contexts) = context {
        // One context needs no list.
        let context = match contexts.as_slice() {
            [one] => json!(one),
            several => json!(several),
        };
        properties.insert("@context".into(), context);
    }
    Value::Object(properties)
}

/// A key of the document of `did` as a verification method.
pub(crate) fn method(did: &str, method: &Method) -> Map<String, Value> {
    members(&MethodView::new(did, method))
}

fn service(service: &Service) -> Map<String, Value> {
    members(&ServiceView::new(service))
}

/// The `didDocumentMetadata` of a record.
pub fn metadata(record: &v1::DidRecord) -> Value {
    Value::Object(members(&Metadata::<()>::of(record)))
}

/// The `didDocumentMetadata` of a version, its members in the byte order of their names.
// DID Core §7.1.3: "created", "updated" (left out if never updated), "deactivated" (true if so), "versionId".
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metadata<P> {
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deactivated: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_update: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_version_id: Option<String>,
    /// What proves it. Ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) proof: Option<[P; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_id: Option<String>,
}

impl<P> Metadata<P> {
    /// Of a version.
    pub(crate) fn of(record: &v1::DidRecord) -> Self {
        Self {
            created: timestamp(record.created_ms),
            deactivated: record.deactivated.then_some(true),
            updated: timestamp(record.updated_ms).filter(|_| record.version > 1),
            version_id: Some(record.version.to_string()),
            ..Self::nothing()
        }
    }

    /// Of no version.
    pub(crate) fn nothing() -> Self {
        Self {
            created: None,
            deactivated: None,
            next_update: None,
            next_version_id: None,
            proof: None,
            updated: None,
            version_id: None,
        }
    }

    /// The same for a version that is not the latest.
    // DID Resolution §4.3: nextUpdate and nextVersionId, "if the resolved document version is not the latest version".
    pub(crate) fn followed_by(self, next: Option<&v1::DidRecord>) -> Self {
        Self {
            next_update: next.and_then(|next| timestamp(next.updated_ms)),
            next_version_id: next.map(|next| next.version.to_string()),
            ..self
        }
    }
}

/// Without fractions, as DID Core asks. `None` beyond the year 9999.
pub fn timestamp(unix_ms: i64) -> Option<String> {
    OffsetDateTime::from_unix_timestamp(unix_ms.div_euclid(1000))
        .ok()?
        .format(&Rfc3339)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::sample::full;
    use crate::fixture::{World, person};
    use crate::key::PublicKey;

    #[test]
    fn a_document_has_its_w3c_form() {
        let key = PublicKey::parse(
            "b0656667915ea003f9b273f10dd82ffa8c9d80bdc5df0385232da11a472c94c11e9eb6",
        )
        .unwrap();
        let did = Did::parse("did:bid:efvebF7eV9qKxr3sppyHCHKqkPG5RTUn").unwrap();
        let mut record = v1::DidDocument::from(&Document::for_key(&did, &key));
        record.also_known_as = vec!["https://example.org/".into()];
        record.service.push(v1::DidService {
            id: format!("{did}#web"),
            r#type: "LinkedDomains".into(),
            endpoint: "https://example.org/".into(),
        });
        let rendered = document(&Document::try_from(record).unwrap());
        let expected = json!({
            "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
            "id": "did:bid:efvebF7eV9qKxr3sppyHCHKqkPG5RTUn",
            "alsoKnownAs": ["https://example.org/"],
            "verificationMethod": [{
                "id": "did:bid:efvebF7eV9qKxr3sppyHCHKqkPG5RTUn#key-1",
                "type": "Multikey",
                "controller": "did:bid:efvebF7eV9qKxr3sppyHCHKqkPG5RTUn",
                "publicKeyMultibase": "z6MkmRYbz4YPX9vkwDtasNUjre28WBKPfxCHxB2Bc5wvAoUh",
            }],
            "authentication": ["did:bid:efvebF7eV9qKxr3sppyHCHKqkPG5RTUn#key-1"],
            "assertionMethod": ["did:bid:efvebF7eV9qKxr3sppyHCHKqkPG5RTUn#key-1"],
            "service": [{
                "id": "did:bid:efvebF7eV9qKxr3sppyHCHKqkPG5RTUn#web",
                "type": "LinkedDomains",
                "serviceEndpoint": "https://example.org/",
            }],
        });
        assert_eq!(rendered, expected);
    }

    #[test]
    fn keys_of_every_kind_are_shown_in_their_form() {
        let full = Document::try_from(full()).unwrap();
        let rendered = document(&full);
        let did = full.id().to_string();
        let expected = json!({
            "id": format!("{did}#key-3"),
            "type": "JsonWebKey",
            "controller": did,
            "publicKeyJwk": {
                "kty": "EC",
                "crv": "P-256",
                "x": "igrFmi0whuihKnj9R3Om1SoMph72wUGeFaBbzG2vzns",
                "y": "efsX5b10x8yjyrj4ny3pGfLcY7Xby1KzgqOdqnsrJIM",
            },
        });
        assert_eq!(rendered["verificationMethod"][2], expected);
        assert_eq!(rendered["verificationMethod"][3]["type"], json!("Multikey"));
        assert_eq!(rendered["keyAgreement"], json!([format!("{did}#key-4")]));
        assert_eq!(
            rendered["capabilityInvocation"],
            json!([format!("{did}#key-5")])
        );
        assert_eq!(
            rendered["capabilityDelegation"],
            json!([format!("{did}#key-2")])
        );
    }

    #[test]
    fn a_form_has_the_contexts_of_what_it_shows_and_no_others() {
        let full = Document::try_from(full()).unwrap();
        let extension = json!({ "extension": {
            "@id": "https://github.com/teleinfo-bif/bid#extension",
            "@type": "@json",
        } });
        assert_eq!(
            document(&full)["@context"],
            json!([DID_1_0, MULTIKEY, JSON_WEB_KEY, extension])
        );
        assert_eq!(
            document_as(&full, Representation::V1_1)["@context"],
            json!([DID_1_1, extension])
        );
        let plain = document_as(&full, Representation::Json);
        assert_eq!(plain.get("@context"), None);
        assert_eq!(plain["extension"], document(&full)["extension"]);

        let alice = person(1);
        let least = Document::for_key(&alice.did, &alice.key);
        assert_eq!(document(&least)["@context"], json!([DID_1_0, MULTIKEY]));
        assert_eq!(
            document_as(&least, Representation::V1_1)["@context"],
            json!([DID_1_1])
        );
        assert_eq!(document(&least).get("extension"), None);
    }

    #[test]
    fn the_extension_holds_what_w3c_has_no_word_for() {
        let full = Document::try_from(full()).unwrap();
        let extension = &document(&full)["extension"];
        let record = v1::DidDocument::from(&full);
        let recovery = record.recovery.unwrap();
        let guardians: Vec<String> = recovery
            .guardian
            .iter()
            .map(|did| format!("{did}#key-1"))
            .collect();
        let expected = json!({
            "controllerWeight": [1, 2],
            "controllerThreshold": 3,
            "recovery": guardians,
            "recoveryWeight": [1, 1, 2],
            "recoveryThreshold": 2,
            "recoveryDelayMs": 86_400_000,
            "ttl": 3600,
            "type": 102,
            "attributes": [{
                "key": "name", "desc": "名称", "encrypt": 0, "format": "text", "value": "星火链网",
            }],
            "acsns": ["by01"],
            "verifiableCredentials": [{ "id": record.credential[0].id, "type": 203 }],
            "delegateSign": {
                "signer": record.delegate_sign.as_ref().unwrap().signer,
                "signatureValue": "5jFX6UKMVTg73LCWamNdeZACCMftMjSrJvZpL86ULefr",
            },
        });
        assert_eq!(*extension, expected);
    }

    #[test]
    fn a_chain_says_where_it_resolves() {
        let code = ChainCode::parse("by01").unwrap();
        let resolvers = ["https://192.168.1.23:8080/".to_owned()];
        let rendered = chain_document(code, &resolvers, Representation::Json);
        let expected = json!({
            "id": "did:bid:by01",
            "service": [{
                "id": "did:bid:by01#resolver-1",
                "type": "DIDSubResolver",
                "serviceEndpoint": "https://192.168.1.23:8080/",
            }],
            "extension": { "type": 206 },
        });
        assert_eq!(rendered, expected);
        let bid = crate::bid_view::chain_document(code, &resolvers);
        assert_eq!(bid["id"], json!("did:bid:by01"));
        assert_eq!(bid["service"][0]["serviceEndpoint"], json!("192.168.1.23"));
        assert_eq!(bid["extension"]["type"], json!(206));
    }

    #[test]
    fn a_media_type_names_its_form() {
        for form in Representation::ALL {
            assert_eq!(Representation::of_media_type(form.media_type()), Some(form));
        }
        assert_eq!(
            Representation::of_media_type(" Application/DID "),
            Some(Representation::V1_1)
        );
        assert_eq!(Representation::of_media_type("application/json"), None);
    }

    #[test]
    fn a_document_of_anothers_make_is_told_by_its_context() {
        for (document, form) in [
            (
                json!({ "@context": [DID_1_1, MULTIKEY] }),
                Representation::V1_1,
            ),
            (json!({ "@context": DID_1_1 }), Representation::V1_1),
            (json!({ "@context": [DID_1_0] }), Representation::JsonLd),
            (json!({ "@context": DID_1_0 }), Representation::JsonLd),
            (json!({ "@context": [] }), Representation::JsonLd),
            (json!({ "id": "did:web:example.org" }), Representation::Json),
        ] {
            assert_eq!(Representation::of_document(&document), form, "{document}");
        }
    }

    #[test]
    fn metadata_tells_times_version_and_end() {
        let alice = person(1);
        let mut world = World::with(&alice);
        let newest = |world: &World| {
            metadata(&crate::resolve::resolve(&world.state, &alice.did, None).unwrap())
        };
        assert_eq!(
            newest(&world),
            json!({ "created": "1970-01-01T00:16:40Z", "versionId": "1" })
        );
        world.now_ms += 1_999;
        world.deactivate(&alice.did, &alice.did, 1).unwrap();
        let expected = json!({
            "created": "1970-01-01T00:16:40Z",
            "updated": "1970-01-01T00:16:41Z",
            "deactivated": true,
            "versionId": "2",
        });
        assert_eq!(newest(&world), expected);
    }

    #[test]
    fn a_time_that_cannot_be_written_is_left_out() {
        let record = v1::DidRecord {
            created_ms: i64::MAX,
            version: 1,
            ..v1::DidRecord::default()
        };
        assert_eq!(metadata(&record), json!({ "versionId": "1" }));
    }
}
