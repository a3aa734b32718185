//! A whole status list: its bits, and the record that commits to them, proved.
//!
//! It is what the chain says, and nobody's credential: a `BitstringStatusListCredential` is signed by its issuer, not by a node. An
//! issuer that has signed one publishes it as a resource of its DID, under the list's name; who asks for a credential gets that one,
//! or nothing.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::Value;
use starfire_did::credential::bitstring;
use starfire_did::{path, resource, status_list};
use starfire_proto::v1;
use starfire_state::{Code, Rejection};

use super::super::dids::{other_chain, value};
use super::super::fields::read_path;
use super::super::limits::peer;
use super::super::{Gateway, error};
use super::proved::Proved;
use super::{reply, status};
use crate::credential::names::ListName;

/// Its issuer has published no credential of the list.
const STATUS_LIST_UNSIGNED: Code = Code::new("STATUS_LIST_UNSIGNED", 4);
/// Media types of credentials, those of lists among them.
const CREDENTIALS: [&str; 2] = ["application/vc", "application/vc+jwt"];

/// A list with what proves it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) list: v1::StatusListRecord,
    pub(super) bits: Vec<u8>,
    pub(super) known_at_ms: i64,
    pub(super) proved: Proved,
}

/// `GET /status-lists/{issuer}/{name}`
pub(super) async fn get(
    State(gateway): State<Gateway>,
    path: Result<Path<(String, String)>, PathRejection>,
    from: Extensions,
    headers: HeaderMap,
) -> Response {
    let name = read_path(path).and_then(|(issuer, name)| named(&issuer, &name));
    let name = match name {
        Ok(name) => name,
        Err(rejection) => return reply::refusal(&rejection),
    };
    if wants_credential(&headers) {
        return match gateway.list_credential(name).await {
            Ok((media_type, content)) => {
                let mut response = reply::reply(StatusCode::OK, media_type, content);
                let vary = HeaderValue::from_static("accept");
                response.headers_mut().insert(header::VARY, vary);
                response
            }
            Err(rejection) => reply::refusal(&rejection),
        };
    }
    let found = async {
        let found = gateway.status_list(&name).await?;
        // Packing a list takes a while.
        gateway.work(peer(&from), move || found.to_json()).await?
    };
    reply::record(found.await, |found| found)
}

/// Whether a caller takes a credential and nothing of ours.
fn wants_credential(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT);
    let kinds = accepted
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|range| range.split(';').next().unwrap_or_default().trim());
    let known = |kind: &str| CREDENTIALS.iter().any(|one| one.eq_ignore_ascii_case(kind));
    kinds.into_iter().any(known)
}

/// The list of an issuer by its name.
pub(super) fn named(issuer: &str, name: &str) -> Result<ListName, Rejection> {
    ListName::parse(&format!("{issuer}/status-lists/{name}")).ok_or_else(|| {
        Rejection::new(
            error::INVALID_PARAMETER,
            "a status list has an issuer, a DID, and a name of letters, digits, '-' and '_'",
        )
    })
}

impl Gateway {
    /// A list of this chain.
    pub(super) async fn status_list(&self, name: &ListName) -> Result<Found, Rejection> {
        let ListName { issuer, name } = name.clone();
        let here = self.chain_code().await?;
        if issuer.chain_code() != here {
            // A list is long, and its issuer's gateway has it.
            return Err(other_chain(&issuer, here));
        }
        let proved = self
            .proved_of(&issuer, vec![path::status_list(&issuer, &name)])
            .await?;
        let list: v1::StatusListRecord =
            value(&proved.proof, 0)?.ok_or_else(|| status::not_found(&issuer, &name))?;
        let (height, known_at_ms) = proved.header()?;
        // The header of a height proves the state before it.
        let bits = self.read(move |view| {
            let state = view.archive().state_at(height.saturating_sub(1));
            let bits = status_list::bytes(state.as_ref(), &issuer, &name);
            Ok(bits.expect("the list's record stands in the same state"))
        });
        Ok(Found {
            bits: bits.await?,
            list,
            known_at_ms,
            proved,
        })
    }
}

impl Gateway {
    /// The credential that the issuer published of its list, as it stands, with its media type.
    async fn list_credential(&self, name: ListName) -> Result<(&'static str, Vec<u8>), Rejection> {
        let ListName { issuer, name } = name;
        let here = self.chain_code().await?;
        if issuer.chain_code() != here {
            return Err(other_chain(&issuer, here));
        }
        self.read(move |view| {
            let state = view.state();
            let published = resource::find(state.as_ref(), &issuer, &name, None);
            let found = published.and_then(|published| {
                let kind = CREDENTIALS
                    .into_iter()
                    .find(|kind| *kind == published.media_type)?;
                Some((kind, resource::content(state.as_ref(), &published)?))
            });
            found.ok_or_else(|| {
                let detail = format!(
                    "{issuer} has published no credential of a list {name}; the list itself is had as application/json"
                );
                Rejection::new(STATUS_LIST_UNSIGNED, detail)
            })
        })
        .await
    }
}

impl Found {
    fn to_json(&self) -> Result<Value, Rejection> {
        let mut shown = status_list::answer::record(&self.list);
        shown["encodedList"] = bitstring::encode(&self.bits).into();
        shown["known_at_ms"] = self.known_at_ms.into();
        shown["proof"] = self.proved.to_json()?;
        Ok(shown)
    }
}
