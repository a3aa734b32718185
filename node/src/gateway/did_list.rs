//! Which DIDs there are: all of this chain, or those of a controller, with a key, of a type.
//!
//! A list walks an index that the chain goes on writing. It is ordered by the DIDs themselves and its cursor names the last one, so a
//! DID that belongs to the answer all the while is listed once, whatever is added or taken away meanwhile. No proof covers a list:
//! each DID on it can be resolved with one.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use starfire_crosschain::chain;
use starfire_did::{ChainCode, Did, PublicKey, VerificationKey, render, resolve};
use starfire_proto::v1;
use starfire_state::Rejection;

use super::Gateway;
use super::accounts::parse_did;
use super::backend::ReadView;
use super::did_changes::Cursor;
use super::error::{self, CURSOR_INVALID, DID_OTHER_CHAIN, INVALID_PARAMETER};
use super::fields::{Fields, Pairs};
use crate::did_index::{By, DidIndex};

/// DIDs in one answer, and if the client does not say how many.
const LIMIT_MAX: usize = 1_000;
const LIMIT_DEFAULT: usize = 100;
/// DIDs looked at for one answer, where a second filter passes over most of them.
const EXAMINED_MAX: usize = 4_000;
/// DIDs taken out of the index at once.
const SLICE: usize = 256;
/// Bytes of a cursor that say which question it goes with.
const MARK_BYTES: usize = 8;

pub(super) fn router(gateway: Gateway) -> Router {
    Router::new()
        .route("/1.0/identifiers", get(list))
        .with_state(gateway)
}

async fn list(State(gateway): State<Gateway>, query: Pairs) -> Response {
    let found = async { gateway.list_dids(request(query)?).await };
    match found.await {
        Ok(found) => Json(rendered(&found)).into_response(),
        Err(rejection) => error::response(&rejection),
    }
}

/// A filter with a slip in it would list everything, so what is not known is refused, and what names nothing.
fn request(query: Pairs) -> Result<v1::ListDidsRequest, Rejection> {
    let mut query = Fields::of_query(query)?;
    let request = v1::ListDidsRequest {
        controller: query.filter("controller", "a DID")?.unwrap_or_default(),
        key: query.filter("key", "a public key")?.unwrap_or_default(),
        r#type: query.number_filter("type")?.unwrap_or_default(),
        chain: query.filter("chain", "a chain's code")?.unwrap_or_default(),
        cursor: query.text("cursor")?.unwrap_or_default(),
        limit: query.number("limit")?.unwrap_or_default(),
    };
    query.nothing_else()?;
    Ok(request)
}

fn rendered(found: &v1::ListDidsResponse) -> Value {
    let identifiers = found.dids.iter().map(|listed| {
        json!({
            "did": listed.did,
            "versionId": listed.version.to_string(),
            "updated": render::timestamp(listed.updated_ms),
            "deactivated": listed.deactivated,
        })
    });
    json!({
        "height": found.height,
        "identifiers": identifiers.collect::<Vec<_>>(),
        "cursor": (!found.cursor.is_empty()).then_some(&found.cursor),
        "changes": found.changes,
    })
}

/// What is asked for: the look-up that finds least, and what else must hold.
struct Question {
    by: By,
    also: Vec<By>,
    mark: [u8; MARK_BYTES],
}

impl Question {
    fn parse(request: &v1::ListDidsRequest) -> Result<Self, Rejection> {
        let mut filters = Vec::new();
        if !request.key.is_empty() {
            filters.push(By::Key(parse_key(&request.key)?));
        }
        if !request.controller.is_empty() {
            filters.push(By::Controller(parse_did(&request.controller)?));
        }
        if request.r#type != 0 {
            filters.push(By::Type(request.r#type));
        }
        let digest = filters
            .iter()
            .fold(Sha256::new(), |digest, filter| {
                digest.chain_update(filter.prefix())
            })
            .finalize();
        let mark = *digest
            .first_chunk()
            .expect("a digest is longer than its mark");
        let mut filters = filters.into_iter();
        Ok(Self {
            by: filters.next().unwrap_or(By::All),
            also: filters.collect(),
            mark,
        })
    }

    /// The DID after which the list goes on.
    fn after(&self, cursor: &str) -> Result<Option<String>, Rejection> {
        if cursor.is_empty() {
            return Ok(None);
        }
        let refused = || {
            Rejection::new(
                CURSOR_INVALID,
                "the cursor is not of such a list: begin without one",
            )
        };
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| refused())?;
        let did = bytes.strip_prefix(&self.mark).ok_or_else(refused)?;
        let did = std::str::from_utf8(did).map_err(|_| refused())?;
        Did::parse(did).map_err(|_| refused())?;
        Ok(Some(did.to_owned()))
    }

    fn cursor(&self, did: &str) -> String {
        URL_SAFE_NO_PAD.encode([&self.mark[..], did.as_bytes()].concat())
    }
}

impl Gateway {
    pub(super) async fn list_dids(
        &self,
        request: v1::ListDidsRequest,
    ) -> Result<v1::ListDidsResponse, Rejection> {
        let question = Question::parse(&request)?;
        let after = question.after(&request.cursor)?;
        let limit = match usize::try_from(request.limit).unwrap_or(LIMIT_MAX) {
            0 => LIMIT_DEFAULT,
            limit => limit.min(LIMIT_MAX),
        };
        let index = std::sync::Arc::clone(&self.backend.dids);
        self.read(move |view| {
            check_chain(view, &request.chain)?;
            Ok(found(view, index.as_ref(), &question, after, limit))
        })
        .await
    }
}

fn found(
    view: &ReadView,
    index: &dyn DidIndex,
    question: &Question,
    mut after: Option<String>,
    limit: usize,
) -> v1::ListDidsResponse {
    let state = view.state();
    let mut dids = Vec::new();
    let mut examined = 0;
    let mut more = true;
    while more && dids.len() < limit && examined < EXAMINED_MAX {
        let page = index.dids(&question.by, after.as_deref(), SLICE);
        more = page.len() == SLICE;
        let mut rest = page.into_iter();
        for did in rest.by_ref() {
            examined += 1;
            after = Some(did.clone());
            let parsed = Did::parse(&did).expect("the state has records of DIDs alone");
            // The index may be a block ahead of what is read: such a DID is new, and after the height that is named.
            if let Some(record) = resolve::resolve(state.as_ref(), &parsed, None)
                && question.also.iter().all(|filter| filter.holds_for(&record))
            {
                dids.push(v1::ListedDid {
                    did,
                    version: record.version,
                    updated_ms: record.updated_ms,
                    deactivated: record.deactivated,
                });
                if dids.len() == limit {
                    break;
                }
            }
        }
        more |= rest.next().is_some();
    }
    let last = after.filter(|_| more);
    v1::ListDidsResponse {
        dids,
        cursor: last.map(|did| question.cursor(&did)).unwrap_or_default(),
        height: view.height(),
        changes: Cursor::end_of(view.height()).to_string(),
    }
}

/// Refuses the list of another chain: its gateways have it, and no anchor here proves such a list.
fn check_chain(view: &ReadView, asked: &str) -> Result<(), Rejection> {
    let state = view.state();
    let here = starfire_state::chain(state.as_ref()).chain_code;
    if asked.is_empty() || asked == here {
        return Ok(());
    }
    let code = ChainCode::parse(asked)
        .map_err(|error| Rejection::new(INVALID_PARAMETER, error.to_string()))?;
    let detail = match chain::load(state.as_ref(), code.as_str()) {
        Some(record) if !record.resolvers.is_empty() => {
            let gateways = record.resolvers.join(", ");
            format!("the DIDs of {code} are listed by its own gateways: {gateways}")
        }
        Some(_) => format!("the DIDs of {code} are listed by its own gateways; none is registered"),
        None => format!("this node serves another chain than {code}, and knows no gateway of it"),
    };
    Err(Rejection::new(DID_OTHER_CHAIN, detail))
}

/// A public key in any of its texts.
pub(super) fn parse_key(text: &str) -> Result<VerificationKey, Rejection> {
    let key = match text.as_bytes().first() {
        Some(b'{') => serde_json::from_str(text)
            .ok()
            .and_then(|jwk| VerificationKey::from_jwk(&jwk)),
        Some(b'z') => VerificationKey::from_multikey(text),
        Some(_) | None => PublicKey::parse(text).ok().map(VerificationKey::from),
    };
    key.ok_or_else(|| {
        Rejection::new(
            INVALID_PARAMETER,
            "key is a public key: a Multikey (\"z…\"), BIF's hex (\"b065…\", \"b07a…\") or a JSON Web Key",
        )
    })
}

#[cfg(test)]
mod tests;
