//! The same changes as Server-Sent Events, which every browser reads and resumes by itself.
//!
//! The id of an event is its cursor. A browser that lost its connection names the last one in `Last-Event-ID`; anybody else does so in
//! the query. A heartbeat is a comment with an id and no data: it moves a browser's place without waking its page.

use std::convert::Infallible;

use axum::Router;
use axum::extract::State;
use axum::http::{Extensions, HeaderMap};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::StreamExt;
use serde_json::json;
use starfire_did::render;
use starfire_proto::v1;
use starfire_state::Rejection;
use tonic::Status;

use super::ended;
use crate::gateway::error::{self, CURSOR_INVALID};
use crate::gateway::fields::{Fields, Pairs};
use crate::gateway::{Gateway, limits};

const LAST_EVENT_ID: &str = "last-event-id";

pub(in crate::gateway) fn router(gateway: Gateway) -> Router {
    Router::new()
        .route("/1.0/changes", get(changes))
        .with_state(gateway)
}

async fn changes(
    State(gateway): State<Gateway>,
    from: Extensions,
    headers: HeaderMap,
    query: Pairs,
) -> Response {
    let subscribed = async {
        let request = request(&headers, query)?;
        gateway
            .subscribe_changes(request, limits::peer(&from))
            .await
    };
    match subscribed.await {
        Ok(changes) => Sse::new(changes.map(event)).into_response(),
        Err(rejection) => error::response(&rejection),
    }
}

/// A browser that comes back asks the same URL again, so what it saw last goes before the URL's cursor.
fn request(headers: &HeaderMap, query: Pairs) -> Result<v1::DidChangesRequest, Rejection> {
    let mut query = Fields::of_query(query)?;
    let seen = headers.get(LAST_EVENT_ID).map(|seen| {
        seen.to_str()
            .map_err(|_| Rejection::new(CURSOR_INVALID, "Last-Event-ID is no cursor"))
    });
    let asked = query.text("cursor")?.unwrap_or_default();
    let cursor = match seen.transpose()? {
        Some(seen) if !seen.is_empty() => seen.to_owned(),
        Some(_) | None => asked,
    };
    // Several with commas between them. What stands between two commas is a DID, or refused as none.
    let dids = query.filter("did", "a DID, or several with commas")?;
    let dids = dids.iter().flat_map(|dids| dids.split(','));
    let request = v1::DidChangesRequest {
        cursor,
        dids: dids.map(str::to_owned).collect(),
        controller: query.filter("controller", "a DID")?.unwrap_or_default(),
        r#type: query.number_filter("type")?.unwrap_or_default(),
    };
    query.nothing_else()?;
    Ok(request)
}

fn event(change: Result<v1::DidChange, Status>) -> Result<Event, Infallible> {
    Ok(match change {
        Ok(change) if change.kind.is_empty() => Event::default()
            .comment("nothing else up to here")
            .id(change.cursor),
        Ok(change) => {
            let resource = Some(change.resource).filter(|name| !name.is_empty());
            let data = json!({
                "did": change.did,
                "resource": resource,
                "versionId": (change.version > 0).then(|| change.version.to_string()),
                "height": change.height,
                "time": render::timestamp(change.time_ms),
                "transaction": hex::encode(&change.transaction),
            });
            Event::default()
                .id(change.cursor)
                .event(change.kind)
                .data(data.to_string())
        }
        Err(_) => {
            let ended = ended();
            let data = json!({ "code": ended.code.name, "message": ended.detail });
            Event::default().event("end").data(data.to_string())
        }
    })
}
