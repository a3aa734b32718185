//! One entry of a status list, proved: what a credential's `credentialStatus` asks for.

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use starfire_did::credential::bitstring::Entry;
use starfire_did::credential::malformed::Malformed;
use starfire_did::credential::{code as credential_code, json as strict};
use starfire_did::status_list::answer::entry;
use starfire_did::status_list::{proof_paths, proved_bit};
use starfire_did::{Did, code};
use starfire_proto::v1;
use starfire_state::{Code, Rejection};

use super::super::dids::value;
use super::super::fields::{Fields, Pairs};
use super::super::{Gateway, error};
use super::proved::Proved;
use super::reply::{self, Problem};
use super::request;
use crate::credential::names::ListName;

/// Entries of one request.
const ENTRIES_MAX: usize = 16;
/// Nobody but a list's issuer changes it.
const STATUS_BY_ISSUER: Code = Code::new("STATUS_BY_ISSUER", 6);

/// An entry, with what proves it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) list: v1::StatusListRecord,
    pub(super) index: u64,
    pub(super) set: bool,
    pub(super) known_at_ms: i64,
    pub(super) proved: Proved,
}

/// `GET /credentials/status?list=…&index=…`
pub(super) async fn by_query(State(gateway): State<Gateway>, query: Pairs) -> Response {
    let found = async {
        let mut query = Fields::of_query(query)?;
        let list = query.required("list", "DID/status-lists/NAME")?;
        let index = query.number("index")?.ok_or_else(|| {
            Rejection::new(
                error::INVALID_PARAMETER,
                "index is missing: the entry's number, from 0 on",
            )
        })?;
        query.nothing_else()?;
        let name = ListName::parse(&list).ok_or_else(|| unnamed(&list))?;
        gateway.status_of(&name, index).await?.to_json()
    };
    reply::record(found.await, |found| found)
}

/// `POST /credentials/status`: the entries of a credential as they stand in it.
pub(super) async fn by_body(
    State(gateway): State<Gateway>,
    body: Body,
) -> Result<Response, Problem> {
    let mut body = request::Body::parse(&reply::body(body).await?)?;
    if body.has("status") {
        // VCALM 1.0 has a status set here. This node holds nobody's key.
        return Err(Problem::Refused(Rejection::new(
            STATUS_BY_ISSUER,
            "a status is set by its issuer, who signs a StatusListUpdate: see starfire vc revoke",
        )));
    }
    let asked = body.take("credentialStatus")?;
    let entries = strict::one_or_some(&asked);
    if entries.len() > ENTRIES_MAX {
        let detail = format!("at most {ENTRIES_MAX} entries are looked up at once");
        return Err(Malformed::new(request::REQUEST_MALFORMED, detail).into());
    }
    let mut statuses = Vec::new();
    for entry in entries {
        statuses.push(entry_of(&gateway, entry).await?);
    }
    let answer = json!({ "statuses": statuses });
    Ok(reply::json_reply(StatusCode::OK, &answer))
}

async fn entry_of(gateway: &Gateway, entry: &Value) -> Result<Value, Problem> {
    strict::check(entry)?;
    let Some(entry) = entry.as_object() else {
        let detail = "an entry of credentialStatus is an object";
        return Err(Malformed::new(credential_code::STATUS_INVALID, detail).into());
    };
    let entry = Entry::parse(entry)?;
    let name = ListName::parse(&entry.list).ok_or_else(|| unnamed(&entry.list))?;
    let found = gateway.status_of(&name, entry.index).await?;
    if found.list.purpose != entry.purpose {
        let detail = format!(
            "the list is for {}, not for {}",
            found.list.purpose, entry.purpose
        );
        return Err(Malformed::new(credential_code::STATUS_VERIFICATION_ERROR, detail).into());
    }
    Ok(found.to_json()?)
}

fn unnamed(list: &str) -> Rejection {
    Rejection::new(
        error::INVALID_PARAMETER,
        format!("\"{list}\" names no list on a chain, as DID/status-lists/NAME does"),
    )
}

impl Gateway {
    /// An entry of a list on this chain, or on a sub-chain.
    pub(super) async fn status_of(&self, name: &ListName, index: u64) -> Result<Found, Rejection> {
        let ListName { issuer, name } = name;
        let keys = proof_paths(issuer, name, index).to_vec();
        let proved = self.proved_of(issuer, keys).await?;
        let list: v1::StatusListRecord =
            value(&proved.proof, 0)?.ok_or_else(|| not_found(issuer, name))?;
        let chunk: Option<v1::StatusListChunk> = value(&proved.proof, 1)?;
        let set = proved_bit(issuer, name, index, &list, chunk.as_ref()).ok_or_else(|| {
            Rejection::new(
                code::STATUS_LIST_OUT_OF_RANGE,
                format!("the list has {} entries, from 0 on", list.length),
            )
        })?;
        let (_, known_at_ms) = proved.header()?;
        Ok(Found {
            list,
            index,
            set,
            known_at_ms,
            proved,
        })
    }
}

/// There is no such list.
pub(super) fn not_found(issuer: &Did, name: &str) -> Rejection {
    Rejection::new(
        code::STATUS_LIST_NOT_FOUND,
        format!("{issuer} has no status list {name}"),
    )
}

impl Found {
    fn to_json(&self) -> Result<Value, Rejection> {
        let mut shown = entry(&self.list, self.index, self.set, self.known_at_ms);
        shown["proof"] = self.proved.to_json()?;
        Ok(shown)
    }
}
