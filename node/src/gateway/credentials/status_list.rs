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
use starfire_did::code::DID_DEACTIVATED;
use starfire_did::credential::bitstring;
use starfire_did::{path, resolve, resource, status_list};
use starfire_proto::v1;
use starfire_state::{Code, Rejection};

use super::super::dids::{other_chain, value};
use super::super::fields::read_path;
use super::super::limits::peer;
use super::super::{Gateway, accept, error};
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
    if let Some(kinds) = wanted_credentials(&headers) {
        return match gateway.list_credential(name, kinds).await {
            Ok((media_type, content)) => vary(reply::reply(StatusCode::OK, media_type, content)),
            // As of every resource of a DID that has ended.
            Err(rejection) if rejection.code == DID_DEACTIVATED => vary(reply::gone(&rejection)),
            Err(rejection) => vary(reply::refusal(&rejection)),
        };
    }
    let found = async {
        let found = gateway.status_list(&name).await?;
        // Packing a list takes a while.
        gateway.work(peer(&from), move || found.to_json()).await?
    };
    vary(reply::record(found.await, |found| found))
}

/// The kinds of credentials that may be sent to a caller which names one, and likes none of ours better.
fn wanted_credentials(headers: &HeaderMap) -> Option<Vec<&'static str>> {
    let weight = |wanted: &str| {
        let ranges = accept::ranges(headers);
        let same = ranges.filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        same.map(|(_, weight)| weight).max()
    };
    // RFC 9110 §12.5.1: the most specific range counts.
    let ours = ["application/json", "application/*", "*/*"];
    let ours = ours.into_iter().find_map(weight).unwrap_or(0);
    let best = CREDENTIALS.into_iter().filter_map(weight).max();
    best.filter(|best| *best > 0 && *best >= ours)?;
    let taken = |kind: &&str| weight(kind) != Some(0);
    Some(CREDENTIALS.into_iter().filter(taken).collect())
}

/// What is sent depends on what the caller takes.
fn vary(mut response: Response) -> Response {
    let by = HeaderValue::from_static("accept");
    response.headers_mut().insert(header::VARY, by);
    response
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
    async fn list_credential(
        &self,
        name: ListName,
        kinds: Vec<&'static str>,
    ) -> Result<(&'static str, Vec<u8>), Rejection> {
        let ListName { issuer, name } = name;
        let here = self.chain_code().await?;
        if issuer.chain_code() != here {
            return Err(other_chain(&issuer, here));
        }
        self.read(move |view| {
            let state = view.state();
            let ended = resolve::resolve(state.as_ref(), &issuer, None)
                .is_some_and(|record| record.deactivated);
            if ended {
                let detail = format!("{issuer} was deactivated, and its resources with it");
                return Err(Rejection::new(DID_DEACTIVATED, detail));
            }
            let published = resource::find(state.as_ref(), &issuer, &name, None);
            let found = published.and_then(|published| {
                let kind = kinds
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_for_who_likes_it_no_less_than_the_record() {
        let wanted = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            wanted_credentials(&headers)
        };
        for ours in [
            "application/json",
            "*/*",
            "application/vc;q=0",
            "application/json, application/vc;q=0",
            "application/json, application/vc;q=0.1",
            "*/*, application/vc;q=0.1",
            "application/vc;q=2",
        ] {
            assert_eq!(wanted(ours), None, "{ours}");
        }
        for credential in [
            "application/vc",
            "application/vc, application/json",
            "application/VC;q=0.9, */*;q=0.8",
            "application/vc;q=0.1, application/json;q=0, */*;q=0.1",
        ] {
            assert_eq!(
                wanted(credential),
                Some(CREDENTIALS.to_vec()),
                "{credential}"
            );
        }
        let jwt = wanted("application/vc+jwt, application/vc;q=0");
        assert_eq!(jwt, Some(vec!["application/vc+jwt"]));
    }
}
