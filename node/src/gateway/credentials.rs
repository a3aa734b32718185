//! Credentials over HTTP and gRPC: judging them, and showing what stands on the chain about them.
//!
//! A check decides nothing here: [`crate::credential`] judges, from what this node's own chain says. HTTP speaks the VC API of
//! W3C's VCALM 1.0: [`request`] reads a body, [`check`] has it judged beside the network's threads, [`answer`] renders the report.
//! Schemas, status lists and accreditations are read with a state proof, so that nobody has to believe this node. Only a node for
//! tests signs anything ([`issue`]). Routes, options and bounds: `docs/credentials.md`.

mod accreditations;
mod answer;
mod check;
mod grpc;
mod issue;
mod proved;
mod reply;
mod request;
mod schema;
mod status;
mod status_list;

use axum::Router;
use axum::routing::{get, post};

use super::Gateway;

/// The longest body of a request, bytes: a credential is not longer either.
const BODY_BYTES_MAX: usize = starfire_did::credential::json::JSON_BYTES_MAX;
/// The longest gRPC request: a credential, and its options.
pub(super) const GRPC_BYTES_MAX: usize = BODY_BYTES_MAX + (64 << 10);

/// All routes.
pub(super) fn router(gateway: Gateway) -> Router {
    let preflight = async || reply::preflight();
    Router::new()
        .route(
            "/credentials/verify",
            post(check::credential).options(preflight),
        )
        .route(
            "/presentations/verify",
            post(check::presentation).options(preflight),
        )
        .route(
            "/credentials/status",
            get(status::by_query)
                .post(status::by_body)
                .options(preflight),
        )
        .route("/credentials/issue", post(issue::issue))
        .route("/schemas/{author}/{name}/{version}", get(schema::get))
        .route("/status-lists/{issuer}/{name}", get(status_list::get))
        .route("/accreditations", get(accreditations::get))
        .with_state(gateway)
}

/// Whether a request to this path may be as long as a credential, or is as much work as one.
pub(super) fn carries_much(path: &str) -> bool {
    [
        "/credentials/verify",
        "/credentials/issue",
        "/credentials/status",
        "/presentations/verify",
        "/starfire.v1.Credentials/Verify",
        "/starfire.v1.Credentials/VerifyPresentation",
        "/starfire.v1.Credentials/GetStatusList",
    ]
    .contains(&path)
        || path.starts_with("/status-lists/")
}

#[cfg(test)]
mod tests;
