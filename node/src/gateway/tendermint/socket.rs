//! `/websocket`: the same calls over one connection, and subscriptions to what is committed.
//!
//! A session holds a place in the chain, not a backlog: a block is read when it is its turn, and a client that does not take what it
//! is sent is let go. Sessions are driven where feeds are, so that they end with the gateway.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::Extensions;
use axum::response::Response;
use serde_json::{Value, json};
use starfire_state::Rejection;
use tokio::time::{Instant, interval, timeout};

use super::call::{Answer, Call, Failure, json_of};
use super::params::Params;
use super::stored::{self, Stored};
use super::{REQUEST_BYTES_MAX, render};
use crate::gateway::{Gateway, ReadView, error, limits};
use crate::seats::Seat;

/// Subscriptions of one connection, as in CometBFT.
const SUBSCRIPTIONS_MAX: usize = 5;
/// How long a client may leave what it is sent untouched.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a client is asked whether it is there. Far below the time after which a silent connection is closed.
const PING_EVERY: Duration = Duration::from_secs(25);
/// How long a client may say nothing, an answer to being asked included.
const SILENCE_MAX: Duration = Duration::from_secs(80);

/// Makes a connection a session, if there is a seat for one.
pub(super) async fn upgrade(
    State(gateway): State<Gateway>,
    from: Extensions,
    upgrade: WebSocketUpgrade,
) -> Response {
    let Some(seat) = gateway.sockets.take(limits::peer(&from)) else {
        let detail = "too many websocket connections at once; try again shortly";
        return error::response(&Rejection::new(error::BUSY, detail));
    };
    upgrade
        .max_message_size(REQUEST_BYTES_MAX)
        .max_frame_size(REQUEST_BYTES_MAX)
        .on_upgrade(async move |socket| {
            let session = Session::new(gateway.clone(), socket, seat);
            // Refused when the gateway goes down, or takes on much at once: the connection ends, and the client comes back.
            gateway.feeds.take_on(session.run()).ok();
        })
}

/// What is committed, in CometBFT's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Topic {
    NewBlock,
    NewBlockHeader,
    Tx,
}

const TOPICS: [(&str, Topic); 3] = [
    ("NewBlock", Topic::NewBlock),
    ("NewBlockHeader", Topic::NewBlockHeader),
    ("Tx", Topic::Tx),
];

impl Topic {
    /// What `tm.event='…'` asks for, with spaces or without.
    fn of(query: &str) -> Result<Self, Failure> {
        let event = query
            .split_once('=')
            .filter(|(key, _)| key.trim() == "tm.event")
            .map(|(_, event)| event.trim().trim_matches('\''));
        let topic = TOPICS.into_iter().find(|(name, _)| event == Some(*name));
        topic.map(|(_, topic)| topic).ok_or_else(|| {
            Failure::internal(format!(
                "failed to parse query {query:?}: tm.event='NewBlock', 'NewBlockHeader' or 'Tx' can be subscribed to"
            ))
        })
    }
}

/// A subscription: under which id its events are sent.
#[derive(Debug, Clone)]
struct Subscription {
    id: Value,
    topic: Topic,
}

struct Session {
    gateway: Gateway,
    socket: WebSocket,
    /// By the query's own text.
    subscriptions: BTreeMap<String, Subscription>,
    /// The next height whose events are to be sent.
    next: u64,
    _seat: Seat,
}

/// The client is gone, or as good as.
struct Gone;

impl Session {
    fn new(gateway: Gateway, socket: WebSocket, seat: Seat) -> Self {
        Self {
            gateway,
            socket,
            subscriptions: BTreeMap::new(),
            next: 0,
            _seat: seat,
        }
    }

    async fn run(mut self) {
        let mut published = self.gateway.backend.published.clone();
        let mut ping = interval(PING_EVERY);
        let mut heard = Instant::now();
        loop {
            let next = self.next;
            let subscribed = !self.subscriptions.is_empty();
            let went_on = tokio::select! {
                message = self.socket.recv() => {
                    heard = Instant::now();
                    match message {
                        Some(Ok(message)) => self.take(message).await,
                        Some(Err(_)) | None => Err(Gone),
                    }
                }
                reached = async { published.wait_for(|published| published.height >= next).await.is_ok() }, if subscribed => {
                    if reached { self.send_events().await } else { Err(Gone) }
                }
                _ = ping.tick() => {
                    if heard.elapsed() > SILENCE_MAX { Err(Gone) } else { self.send(Message::Ping(Vec::new().into())).await }
                }
            };
            if went_on.is_err() {
                return;
            }
        }
    }

    async fn take(&mut self, message: Message) -> Result<(), Gone> {
        let bytes = match message {
            Message::Text(text) => text.into(),
            Message::Binary(bytes) => bytes,
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Close(_) => return Err(Gone),
        };
        let call = json_of(&bytes).and_then(Call::of_json);
        let call = match call {
            Ok(call) => call,
            Err(failure) => return self.answer(Answer::failed(Value::Null, failure)).await,
        };
        let Some(id) = call.id.clone() else {
            return Ok(());
        };
        let outcome = match call.method.as_str() {
            "subscribe" => self.subscribe(&id, call.params),
            "unsubscribe" => self.unsubscribe(call.params),
            "unsubscribe_all" => {
                self.subscriptions.clear();
                Ok(json!({}))
            }
            _ => call.run(&self.gateway).await,
        };
        self.answer(Answer::new(id, outcome)).await
    }

    fn subscribe(&mut self, id: &Value, params: Value) -> Result<Value, Failure> {
        let query = Params::of_json(params, &["query"])?.text("query")?;
        let topic = Topic::of(&query)?;
        if self.subscriptions.contains_key(&query) {
            return Err(Failure::internal("already subscribed"));
        }
        if self.subscriptions.len() >= SUBSCRIPTIONS_MAX {
            return Err(Failure::internal(format!(
                "max_subscriptions_per_client {SUBSCRIPTIONS_MAX} reached"
            )));
        }
        if self.subscriptions.is_empty() {
            self.next = self.gateway.height() + 1;
        }
        let id = id.clone();
        self.subscriptions.insert(query, Subscription { id, topic });
        Ok(json!({}))
    }

    fn unsubscribe(&mut self, params: Value) -> Result<Value, Failure> {
        let query = Params::of_json(params, &["query"])?.text("query")?;
        match self.subscriptions.remove(&query) {
            Some(_) => Ok(json!({})),
            None => Err(Failure::internal("subscription not found")),
        }
    }

    /// Sends what the next block has for each subscription.
    async fn send_events(&mut self) -> Result<(), Gone> {
        let height = self.next;
        let subscriptions = self.subscriptions.clone();
        let read = self.gateway.read(move |view| {
            Ok(subscriptions
                .into_iter()
                .map(|(query, subscription)| events(view, height, &query, subscription))
                .collect::<Result<Vec<_>, _>>())
        });
        let Ok(Ok(events)) = read.await else {
            return Err(Gone);
        };
        self.next += 1;
        for event in events.into_iter().flatten() {
            self.answer(event).await?;
        }
        Ok(())
    }

    async fn answer(&mut self, answer: Answer) -> Result<(), Gone> {
        let text = answer.render().to_string();
        self.send(Message::Text(text.into())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), Gone> {
        match timeout(PATIENCE, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }
}

/// The events of the block of `height` for a subscription.
fn events(
    view: &ReadView,
    height: u64,
    query: &str,
    subscription: Subscription,
) -> Result<Vec<Answer>, Failure> {
    let stored = stored::block(view, height)?;
    let event = |kind: &str, value: Value, tags: Value| {
        let result = json!({
            "query": query,
            "data": { "type": format!("tendermint/event/{kind}"), "value": value },
            "events": tags,
        });
        Answer::new(subscription.id.clone(), Ok(result))
    };
    Ok(match subscription.topic {
        Topic::NewBlock => {
            let tags = json!({ "tm.event": ["NewBlock"], "block.height": [height.to_string()] });
            vec![event("NewBlock", new_block(view, &stored)?, tags)]
        }
        Topic::NewBlockHeader => {
            let value = json!({ "header": render::header(&stored.header) });
            vec![event(
                "NewBlockHeader",
                value,
                json!({ "tm.event": ["NewBlockHeader"] }),
            )]
        }
        Topic::Tx => {
            let receipts = stored::receipts(view, height)?;
            let transactions = stored.transactions.iter().zip(&receipts).enumerate();
            transactions
                .map(|(index, (envelope, receipt))| {
                    let value = json!({ "TxResult": {
                        "height": height.to_string(),
                        "index": index,
                        "tx": render::base64(envelope),
                        "result": render::result(receipt),
                    } });
                    let tags = json!({
                        "tm.event": ["Tx"],
                        "tx.hash": [render::hex(&receipt.hash)],
                        "tx.height": [height.to_string()],
                    });
                    event("Tx", value, tags)
                })
                .collect()
        }
    })
}

fn new_block(view: &ReadView, stored: &Stored) -> Result<Value, Failure> {
    let receipts = stored::receipts(view, stored.header.height.value())?;
    let mut value = render::identified_block(stored);
    value["result_finalize_block"] = json!({
        "events": [],
        "tx_results": receipts.iter().map(render::result).collect::<Vec<_>>(),
        "validator_updates": [],
        "consensus_param_updates": null,
        "app_hash": null,
    });
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_told_by_their_event() {
        assert_eq!(Topic::of("tm.event='NewBlock'"), Ok(Topic::NewBlock));
        assert_eq!(
            Topic::of("tm.event = 'NewBlockHeader'"),
            Ok(Topic::NewBlockHeader)
        );
        assert_eq!(Topic::of("tm.event='Tx'"), Ok(Topic::Tx));
        for query in [
            "",
            "tm.event='Vote'",
            "tx.height=5",
            "tm.event='Tx' AND a='b'",
        ] {
            assert_eq!(Topic::of(query).unwrap_err().code, -32_603, "{query}");
        }
    }
}
