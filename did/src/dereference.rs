//! What a DID URL names in a document that its DID resolved to: the document, a part of it, a service's address, or a resource.
//!
//! Pure: whoever serves it has resolved the DID, in the version that the URL asks for, and keeps the resources. The algorithm is
//! DID Resolution §5.4 ("Dereferencing the Resource", then "Dereferencing the Fragment").

use serde_json::Value;

use crate::did_url::{DidUrl, DidUrlError, Parameters};
use crate::document::{Document, Relationship, Service};
use crate::render::{self, Representation};
use crate::uri::reference;

/// The form that the caller wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accept {
    /// A document or a part of it.
    Document(Representation),
    /// `text/uri-list`: addresses of services.
    UriList,
}

/// What a DID URL names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dereferenced {
    /// The document: whole, or with the services asked for only.
    Document(Value),
    /// A key or service of it, with its own contexts.
    Entry(Value),
    /// Addresses of the services asked for, at least one. Over HTTP, a redirection to the first.
    Urls(Vec<String>),
    /// A linked resource.
    Resource(ResourceName),
}

/// A linked resource of a DID: `/resources/{name}` its newest version, `/resources/{name}/{version}` one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceName {
    /// Its name.
    pub name: String,
    /// Its version; `None`: the newest.
    pub version: Option<u64>,
}

/// Why a DID URL names nothing here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DereferenceError {
    /// It is no DID URL, or one that asks for two things at once.
    #[error(transparent)]
    DidUrl(#[from] DidUrlError),
    /// A DID URL that asks for two things at once.
    #[error("a DID URL asks for a path or for a service, not for both")]
    PathAndService,
    /// The service's address has a fragment already.
    #[error("the address of the service has a fragment of its own")]
    TwoFragments,
    /// There is no such part, service, path or parameter.
    #[error("{0} is not found")]
    NotFound(String),
    /// Addresses are asked for where none is named, or the other way round.
    #[error("{0} has no such representation")]
    Representation(&'static str),
    /// Not a key.
    #[error("{0} is no verification method")]
    NotAMethod(String),
    /// A key that is for other uses.
    #[error("{id} is no key for {relationship}")]
    WrongRelationship {
        /// The key's id.
        id: String,
        /// The use that was asked for.
        relationship: &'static str,
    },
}

impl DereferenceError {
    /// The error's type, as problem details name it.
    // DID Resolution §11 and Controlled Identifiers §3.5.
    pub fn uri(&self) -> &'static str {
        match self {
            Self::DidUrl(_) | Self::PathAndService | Self::TwoFragments => {
                "https://www.w3.org/ns/did#INVALID_DID_URL"
            }
            Self::NotFound(_) => "https://www.w3.org/ns/did#NOT_FOUND",
            Self::Representation(_) => "https://www.w3.org/ns/did#REPRESENTATION_NOT_SUPPORTED",
            Self::NotAMethod(_) => "https://w3id.org/security#INVALID_VERIFICATION_METHOD",
            Self::WrongRelationship { .. } => {
                "https://w3id.org/security#INVALID_RELATIONSHIP_FOR_VERIFICATION_METHOD"
            }
        }
    }
}

/// What `url` names in `document`, the document of its DID. `relationship`: the caller wants a key, for this use.
pub fn dereference(
    document: &Document,
    url: &DidUrl,
    accept: Accept,
    relationship: Option<Relationship>,
) -> Result<Dereferenced, DereferenceError> {
    let parameters = url.parameters();
    let asks_for_services = parameters.service.is_some() || parameters.service_type.is_some();
    match (url.path(), asks_for_services) {
        ([], false) => {
            if let Some((name, _)) = parameters.other.first() {
                return Err(DereferenceError::NotFound(format!("the parameter {name}")));
            }
            whole(document, url, accept, relationship)
        }
        ([], true) => selected(document, url, accept, relationship),
        (_, true) => Err(DereferenceError::PathAndService),
        (path, false) => resource(path).map(Dereferenced::Resource),
    }
}

fn whole(
    document: &Document,
    url: &DidUrl,
    accept: Accept,
    relationship: Option<Relationship>,
) -> Result<Dereferenced, DereferenceError> {
    let Accept::Document(form) = accept else {
        return Err(DereferenceError::Representation("what is no service"));
    };
    match url.fragment() {
        Some(fragment) => entry(document, fragment, form, relationship),
        None => Ok(Dereferenced::Document(render::document_as(document, form))),
    }
}

/// A key or a service by its fragment. They share one space of ids.
fn entry(
    document: &Document,
    fragment: &str,
    form: Representation,
    relationship: Option<Relationship>,
) -> Result<Dereferenced, DereferenceError> {
    let id = format!("{}#{fragment}", document.id());
    if let Some(method) = document.method(&id) {
        if let Some(relationship) =
            relationship.filter(|relationship| !document.key_ids(*relationship).contains(&id))
        {
            return Err(DereferenceError::WrongRelationship {
                id,
                relationship: relationship.name(),
            });
        }
        let rendered = render::method_alone(document, method, form);
        return Ok(Dereferenced::Entry(rendered));
    }
    let Some(service) = document.services().iter().find(|entry| entry.id == id) else {
        return Err(DereferenceError::NotFound(id));
    };
    if relationship.is_some() {
        return Err(DereferenceError::NotAMethod(id));
    }
    Ok(Dereferenced::Entry(render::service_alone(service, form)))
}

fn selected(
    document: &Document,
    url: &DidUrl,
    accept: Accept,
    relationship: Option<Relationship>,
) -> Result<Dereferenced, DereferenceError> {
    let mut services = select(document, url.parameters());
    if services.is_empty() {
        return Err(DereferenceError::NotFound("the service".into()));
    }
    if let Some(relative) = &url.parameters().relative_ref {
        services = services
            .into_iter()
            .filter_map(|service| below(service, relative).transpose())
            .collect::<Result<_, _>>()?;
        if services.is_empty() {
            let detail = "an address below that of the service";
            return Err(DereferenceError::NotFound(detail.into()));
        }
    }
    match (accept, url.fragment()) {
        (Accept::Document(form), Some(fragment)) => entry(document, fragment, form, relationship),
        (Accept::Document(form), None) => Ok(Dereferenced::Document(Value::Object(
            render::with_services(document, form, &services),
        ))),
        (Accept::UriList, fragment) => {
            let urls = services
                .into_iter()
                .map(|service| with_fragment(service.endpoint, fragment))
                .collect::<Result<Vec<_>, _>>()?;
            Ok(Dereferenced::Urls(urls))
        }
    }
}

/// The services that the parameters name, by id, by type, or by both.
fn select(document: &Document, parameters: &Parameters) -> Vec<Service> {
    let is_named = |service: &Service| {
        parameters.service.as_ref().is_none_or(|wanted| {
            let fragment = wanted.strip_prefix('#').unwrap_or(wanted);
            service.id == *wanted || service.id == format!("{}#{fragment}", document.id())
        })
    };
    let is_typed = |service: &Service| {
        let wanted = parameters.service_type.as_ref();
        wanted.is_none_or(|wanted| service.kind == *wanted)
    };
    let all = document.services().iter();
    all.filter(|service| is_named(service) && is_typed(service))
        .cloned()
        .collect()
}

/// The service at the address that a reference means there, if there is anything below the service's own.
// DID Resolution §5.4.1: each "selected DID service endpoint URL" becomes the result of reference resolution, whatever is accepted.
fn below(service: Service, relative: &str) -> Result<Option<Service>, DereferenceError> {
    let Some(endpoint) = reference::resolve(&service.endpoint, relative) else {
        return Ok(None);
    };
    if !reference::stays_below(&service.endpoint, relative) {
        return Err(DidUrlError::RelativeRef(relative.to_owned()).into());
    }
    Ok(Some(Service {
        endpoint,
        ..service
    }))
}

// DID Resolution §5.4.2: the address "inherits" the fragment, unless it has one.
fn with_fragment(address: String, fragment: Option<&str>) -> Result<String, DereferenceError> {
    match fragment {
        None => Ok(address),
        Some(_) if address.contains('#') => Err(DereferenceError::TwoFragments),
        Some(fragment) => Ok(format!("{address}#{}", escape(fragment))),
    }
}

/// A fragment was decoded when it was parsed; what a URL does not have is escaped again.
fn escape(fragment: &str) -> String {
    let mut text = String::with_capacity(fragment.len());
    for byte in fragment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

fn resource(path: &[String]) -> Result<ResourceName, DereferenceError> {
    let (name, version) = match path {
        [root, name] if root == "resources" => (name, None),
        [root, name, version] if root == "resources" => (name, Some(version)),
        _ => return Err(DereferenceError::NotFound(format!("/{}", path.join("/")))),
    };
    let version = match version.map(|text| text.parse::<u64>()) {
        None => None,
        Some(Ok(version)) => Some(version),
        Some(Err(_)) => {
            return Err(DereferenceError::NotFound("this version".into()));
        }
    };
    Ok(ResourceName {
        name: name.clone(),
        version,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::document::sample::{did, full};

    const LD: Accept = Accept::Document(Representation::JsonLd);

    fn document() -> Document {
        let mut record = full();
        for (fragment, kind, endpoint) in [
            (
                "files",
                "Files",
                "https://files.example.org/root/list?page=1",
            ),
            ("mirror", "Files", "https://mirror.example.org"),
            ("own", "Agent", "did:web:example.org"),
            ("top", "Agent", "https://example.org/#top"),
        ] {
            record.service.push(starfire_proto::v1::DidService {
                id: format!("{}#{fragment}", did()),
                r#type: kind.into(),
                endpoint: endpoint.into(),
            });
        }
        Document::try_from(record).unwrap()
    }

    fn get(rest: &str, accept: Accept) -> Result<Dereferenced, DereferenceError> {
        let url = DidUrl::parse(&format!("{}{rest}", did()))?;
        dereference(&document(), &url, accept, None)
    }

    fn urls(rest: &str) -> Vec<String> {
        let Ok(Dereferenced::Urls(urls)) = get(rest, Accept::UriList) else {
            panic!("{rest} names addresses");
        };
        urls
    }

    fn refused(rest: &str, accept: Accept) -> &'static str {
        let uri = get(rest, accept).unwrap_err().uri();
        uri.split_once('#').unwrap().1
    }

    #[test]
    fn a_did_names_its_document() {
        let whole = render::document(&document());
        assert_eq!(get("", LD), Ok(Dereferenced::Document(whole.clone())));
        // The version is the resolver's to find.
        assert_eq!(get("?versionId=1", LD), Ok(Dereferenced::Document(whole)));
        let v1_1 = get("", Accept::Document(Representation::V1_1));
        assert!(
            matches!(v1_1, Ok(Dereferenced::Document(v)) if v["@context"][0] == json!("https://www.w3.org/ns/did/v1.1"))
        );
    }

    #[test]
    fn a_fragment_names_a_key_or_a_service_with_its_own_context() {
        let did = did();
        let key = json!({
            "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
            "id": format!("{did}#key-4"),
            "type": "Multikey",
            "controller": did.to_string(),
            "publicKeyMultibase": "z6LSeu9HkTHSfLLeUs2nnzUSNedgDUevfNQgQjQC23ZCit6F",
        });
        assert_eq!(get("#key-4", LD), Ok(Dereferenced::Entry(key)));
        let service = json!({
            "@context": "https://www.w3.org/ns/did/v1",
            "id": format!("{did}#mirror"),
            "type": "Files",
            "serviceEndpoint": "https://mirror.example.org",
        });
        assert_eq!(get("#mirror", LD), Ok(Dereferenced::Entry(service)));
        let Ok(Dereferenced::Entry(jwk)) = get("#key-3", Accept::Document(Representation::V1_1))
        else {
            panic!("an entry");
        };
        assert_eq!(jwk["@context"], json!("https://www.w3.org/ns/did/v1.1"));
        assert_eq!(jwk["publicKeyJwk"]["crv"], json!("P-256"));
        assert_eq!(refused("#key-9", LD), "NOT_FOUND");
        assert_eq!(
            refused("#key-1", Accept::UriList),
            "REPRESENTATION_NOT_SUPPORTED"
        );
    }

    #[test]
    fn a_key_is_given_for_its_uses_only() {
        let get = |fragment: &str, relationship| {
            let url = DidUrl::parse(&format!("{}#{fragment}", did())).unwrap();
            dereference(&document(), &url, LD, Some(relationship))
        };
        assert!(get("key-4", Relationship::KeyAgreement).is_ok());
        let wrong = get("key-4", Relationship::Authentication).unwrap_err();
        assert!(
            wrong
                .uri()
                .ends_with("#INVALID_RELATIONSHIP_FOR_VERIFICATION_METHOD")
        );
        let service = get("files", Relationship::Authentication).unwrap_err();
        assert!(service.uri().ends_with("#INVALID_VERIFICATION_METHOD"));
    }

    #[test]
    fn a_service_names_its_address() {
        assert_eq!(
            urls("?service=files"),
            ["https://files.example.org/root/list?page=1"]
        );
        let full_id = format!("?service={}%23files", did());
        assert_eq!(urls(&full_id).len(), 1);
        assert_eq!(urls("?service=%23files").len(), 1);
        assert_eq!(
            urls("?service=files&relativeRef=%2Fdoc%3Fversion%3Dlatest#intro"),
            ["https://files.example.org/doc?version=latest#intro"]
        );
        assert_eq!(
            urls("?serviceType=Files&relativeRef=a.pdf"),
            [
                "https://files.example.org/root/a.pdf",
                "https://mirror.example.org/a.pdf"
            ]
        );
        assert_eq!(urls("?service=mirror&serviceType=Files").len(), 1);
        assert_eq!(urls("?service=own"), ["did:web:example.org"]);
        assert_eq!(
            urls("?service=files#%E4%B8%AD"),
            ["https://files.example.org/root/list?page=1#%E4%B8%AD"]
        );
    }

    #[test]
    fn a_document_can_be_asked_for_with_one_service() {
        let Ok(Dereferenced::Document(one)) = get("?service=files", LD) else {
            panic!("a document");
        };
        assert_eq!(one["service"].as_array().unwrap().len(), 1);
        assert_eq!(one["id"], json!(did().to_string()));
    }

    #[test]
    fn a_reference_counts_whatever_form_is_taken() {
        let Ok(Dereferenced::Document(found)) = get("?serviceType=Files&relativeRef=a.pdf", LD)
        else {
            panic!("a document");
        };
        let services = found["service"].as_array().unwrap().iter();
        let endpoints: Vec<_> = services.map(|one| &one["serviceEndpoint"]).collect();
        let expected = [
            "https://files.example.org/root/a.pdf",
            "https://mirror.example.org/a.pdf",
        ];
        assert_eq!(endpoints, expected);
        assert_eq!(refused("?service=own&relativeRef=a", LD), "NOT_FOUND");
    }

    #[test]
    fn a_reference_stays_in_the_directory_of_its_service() {
        for climbs in [
            "..%2F..%2Fadmin",
            "../admin",
            "%252e%252e%252fadmin",
            "a%2F%252E.%2F..%2Fadmin",
        ] {
            let rest = format!("?service=files&relativeRef={climbs}");
            for accept in [LD, Accept::UriList] {
                assert_eq!(refused(&rest, accept), "INVALID_DID_URL", "{rest}");
            }
        }
        assert_eq!(
            urls("?service=files&relativeRef=a%2F..%2Fb"),
            ["https://files.example.org/root/b"]
        );
        assert_eq!(
            urls("?service=files&relativeRef=%2F..%2Fadmin"),
            ["https://files.example.org/admin"]
        );
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        for rest in [
            "?service=none",
            "?service=files&serviceType=Agent",
            "?service=own&relativeRef=a",
            "/other/path",
            "/resources",
            "/resources/a/b",
            "/resources/a/1/2",
            "?transformKey=JsonWebKey",
        ] {
            assert_eq!(refused(rest, Accept::UriList), "NOT_FOUND", "{rest}");
        }
        for rest in [
            "?service=top#a",
            "/resources/a?service=files",
            "?service=a&service=b",
            "?relativeRef=a",
        ] {
            assert_eq!(refused(rest, Accept::UriList), "INVALID_DID_URL", "{rest}");
        }
    }

    #[test]
    fn a_path_names_a_resource() {
        let resource = |rest| get(rest, LD).unwrap();
        let named = |version| {
            Dereferenced::Resource(ResourceName {
                name: "logo".into(),
                version,
            })
        };
        assert_eq!(resource("/resources/logo"), named(None));
        assert_eq!(resource("/resources/logo/7"), named(Some(7)));
    }
}
