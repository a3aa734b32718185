//! A version of a schema, as it was registered.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use starfire_did::name::is_name;
use starfire_did::{Did, code, path};
use starfire_proto::v1;
use starfire_state::Rejection;

use super::super::accounts::parse_did;
use super::super::dids::value;
use super::super::fields::read_path;
use super::super::{Gateway, error};
use super::proved::Proved;
use super::reply;
use crate::credential::names::SchemaName;

// JSON Schema 2020-12, Core §14
const SCHEMA: &str = "application/schema+json";
/// A version never changes: it may be kept for a year, the longest that anyone keeps anything.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// `GET /schemas/{author}/{name}/{version}`: the very bytes.
pub(super) async fn get(
    State(gateway): State<Gateway>,
    path: Result<Path<(String, String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    let found = async {
        let (author, name, version) = read_path(path)?;
        let url = format!("{author}/schemas/{name}/{version}");
        let name = SchemaName::parse(&url).ok_or_else(|| {
            Rejection::new(
                error::INVALID_PARAMETER,
                "a schema has an author, a DID, a name of letters, digits, '-' and '_', and a version from 1 on",
            )
        })?;
        let found = gateway.schema(name.author, name.name, name.version).await?;
        Ok(found.0)
    };
    match found.await {
        Ok(schema) => shown(schema, &headers),
        Err(rejection) => reply::refusal(&rejection),
    }
}

fn shown(schema: v1::SchemaRecord, headers: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", hex::encode(&schema.checksum));
    let mut response = reply::reply(StatusCode::OK, SCHEMA, schema.content);
    // RFC 9110 §13.1.2
    let has_it = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|one| one.trim() == "*" || one.trim().trim_start_matches("W/") == tag);
    if has_it {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
        response.headers_mut().remove(header::CONTENT_TYPE);
    }
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, FOR_EVER);
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

impl Gateway {
    /// A version of a schema by name; 0 is the newest.
    pub(super) async fn schema_by(
        &self,
        author: &str,
        name: &str,
        version: u64,
    ) -> Result<(v1::SchemaRecord, Proved), Rejection> {
        let author = parse_did(author)?;
        if !is_name(name) {
            return Err(Rejection::new(
                error::INVALID_PARAMETER,
                "a schema's name is letters, digits, '-' and '_'",
            ));
        }
        self.schema(author, name.to_owned(), version).await
    }

    async fn schema(
        &self,
        author: Did,
        name: String,
        version: u64,
    ) -> Result<(v1::SchemaRecord, Proved), Rejection> {
        let key = match version {
            0 => path::schema(&author, &name),
            version => path::schema_version(&author, &name, version),
        };
        let proved = self.proved_of(&author, vec![key]).await?;
        let schema: Option<v1::SchemaRecord> = value(&proved.proof, 0)?;
        let schema = schema.ok_or_else(|| {
            let what = match version {
                0 => format!("{author} has no schema {name}"),
                version => format!("{author} has no version {version} of a schema {name}"),
            };
            Rejection::new(code::SCHEMA_NOT_FOUND, what)
        })?;
        Ok((schema, proved))
    }
}
