//! What this resolver can do, for those who list resolvers.

use axum::extract::State;
use axum::response::Response;
use serde_json::json;
use starfire_did::resolution::Representation;

use super::super::Gateway;
use super::media::{DEREFERENCING, LEGACY_RESOLUTION, RESOLUTION, URI_LIST};
use super::options;
use super::reply::json_reply;

const JSON: &str = "application/json";
/// The methods that every node resolves.
const METHODS: [&str; 3] = ["bid", "jwk", "key"];
/// The method whose documents are fetched where that is configured.
const WEB: &str = "web";

/// `GET /1.0/properties`: by method, as the universal resolver asks its drivers.
pub(super) async fn properties(State(gateway): State<Gateway>) -> Response {
    let own = json!({
        "software": concat!("starfire/", env!("CARGO_PKG_VERSION")),
        "didUrlParameters": ["service", "serviceType", "relativeRef", "versionId", "versionTime"],
        "didUrlPaths": ["/resources/{name}"],
        "resolutionOptions": options::KNOWN,
        "extensionOptions": {
            "proof": "true (default) or false: whether didDocumentMetadata.proof (didResolutionMetadata.proof, where there is no document) holds a StarfireStateProof2026",
            "aggregate": "true or false (default): documents of the same account on the sub-chains that the document names",
        },
        "mediaTypes": Representation::ALL.map(Representation::media_type),
        "resultMediaTypes": [RESOLUTION, LEGACY_RESOLUTION, DEREFERENCING, URI_LIST],
        "proofTypes": ["StarfireStateProof2026"],
    });
    let pure = json!({ "software": concat!("starfire/", env!("CARGO_PKG_VERSION")) });
    let mut properties = json!({ "bid": own, "jwk": pure, "key": pure });
    if gateway.backend.web_dids.is_some() {
        properties[WEB] = pure;
    }
    json_reply(200, JSON, &properties)
}

/// `GET /1.0/methods`
pub(super) async fn methods(State(gateway): State<Gateway>) -> Response {
    let web = gateway.backend.web_dids.is_some().then_some(WEB);
    let methods: Vec<&str> = METHODS.into_iter().chain(web).collect();
    json_reply(200, JSON, &json!(methods))
}

/// `GET /1.0/traits`: by method, in the universal resolver's words.
pub(super) async fn traits(State(gateway): State<Gateway>) -> Response {
    let pure = json!({
        "updatable": false,
        "deactivatable": false,
        "enumerable": false,
        "historyAvailable": false,
        "humanReadable": false,
    });
    let mut traits = json!({
        "bid": {
            "updatable": true,
            "deactivatable": true,
            "enumerable": true,
            "historyAvailable": true,
            "humanReadable": false,
        },
        "jwk": pure,
        "key": pure,
    });
    if gateway.backend.web_dids.is_some() {
        traits[WEB] = json!({
            "updatable": true,
            "deactivatable": true,
            "enumerable": false,
            "historyAvailable": false,
            "humanReadable": true,
        });
    }
    json_reply(200, JSON, &traits)
}
