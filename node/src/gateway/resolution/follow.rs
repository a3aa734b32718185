//! Following the changes of a sub-chain's DIDs, as one of its gateways tells them, for as long as it does and somebody asks.

use std::sync::Arc;
use std::time::Duration;

use starfire_did::{ChainCode, Did};
use starfire_proto::v1;
use tokio::time::{Instant, timeout};
use tonic::Streaming;

use super::cache::Answers;
use crate::client::endpoint::endpoint;
use crate::gateway::Gateway;
use crate::gateway::did_changes::Cursor;
use crate::gateway::resolver::{ANSWER_TIME_MAX, ATTEMPTS_MAX};
use crate::grpc::dids_client::DidsClient;

/// The longest message.
const MESSAGE_BYTES_MAX: usize = 4 << 10;
/// How long a stream may say nothing. A gateway says every 15 seconds that nothing happened.
const SILENCE_MAX: Duration = Duration::from_secs(40);

impl Gateway {
    /// Sees to it that a sub-chain which was asked is followed from its anchor of this height on, if there is room.
    pub(super) fn follow_chain(
        &self,
        code: ChainCode,
        chain: &v1::SubChainRecord,
        anchor_height: u64,
    ) {
        if !self.answers.follow(code, anchor_height, Instant::now()) {
            return;
        }
        let resolvers = chain.resolvers.iter().take(ATTEMPTS_MAX);
        let urls: Vec<String> = resolvers.cloned().collect();
        let answers = Arc::clone(&self.answers);
        let work = async move {
            listen(&answers, code, &urls, anchor_height).await;
            answers.lose(code, Instant::now());
        };
        if self.feeds.take_on(work).is_err() {
            self.answers.lose(code, Instant::now());
        }
    }
}

/// Until the stream of the first gateway that has one ends, or nobody asks about the chain any more.
async fn listen(answers: &Answers, code: ChainCode, urls: &[String], anchor_height: u64) {
    for url in urls {
        let Some(mut changes) = open(url, anchor_height).await else {
            continue;
        };
        tracing::debug!(%code, %url, "following a sub-chain");
        while let Ok(Ok(Some(change))) = timeout(SILENCE_MAX, changes.message()).await {
            if !answers.hear(code, url, changed(code, &change), Instant::now()) {
                return;
            }
        }
        tracing::debug!(%code, %url, "a sub-chain's stream of changes has ended");
        return;
    }
}

/// A stream of all changes from the block of this height on.
async fn open(url: &str, height: u64) -> Option<Streaming<v1::DidChange>> {
    let mut client = DidsClient::new(endpoint(url).ok()?.connect_lazy())
        .max_decoding_message_size(MESSAGE_BYTES_MAX);
    let request = v1::DidChangesRequest {
        cursor: Cursor::end_of(height.saturating_sub(1)).to_string(),
        ..v1::DidChangesRequest::default()
    };
    let answer = timeout(ANSWER_TIME_MAX, client.changes(request)).await;
    Some(answer.ok()?.ok()?.into_inner())
}

/// The DID of the chain that changed, and in which block. A resource's change is none of its document.
fn changed(code: ChainCode, change: &v1::DidChange) -> Option<(Did, u64)> {
    let is_one = !change.kind.is_empty() && change.resource.is_empty();
    let did = Did::parse(&change.did).ok().filter(|_| is_one)?;
    (did.chain_code() == Some(code)).then_some((did, change.height))
}
