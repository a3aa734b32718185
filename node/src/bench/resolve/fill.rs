//! Filling the chain: DIDs with their documents, by transactions that a validator checks, executes, proves and syncs as always.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use starfire_did::create::consent_message;
use starfire_did::{Did, Document};
use starfire_ledger::transaction::Transaction;
use starfire_proto::protocol::operation::Native;
use starfire_proto::v1;

use crate::bench::accounts::{address, funder, key};
use crate::bench::figures::{number, per_second, ratio};
use crate::client::{Client, operation, transaction};
use crate::clock;
use crate::failure::Failure;

/// Creations in a transaction: with more it would be longer than an account may send that is no member's.
const CREATIONS: u64 = 2_500;
/// Batches that are on their way at one time: a block holds about as many.
const AHEAD: usize = 4;
/// How long one may take: a slow disk syncs megabytes.
const PATIENCE: Duration = Duration::from_secs(180);

/// How the chain was filled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fill {
    /// Transactions.
    pub(crate) transactions: u64,
    /// DIDs each second, from the first submission to the last receipt: keys and consents are made meanwhile.
    pub(crate) dids_per_second: u64,
    /// What a DID takes of its transaction: the block store holds these too.
    pub(crate) envelope_bytes_per_did: f64,
}

/// A batch of creations.
#[derive(Debug)]
struct Made {
    envelope: Vec<u8>,
    /// One a line.
    dids: String,
}

/// Registers the DIDs of accounts 0 to `count` and writes them into a file, one a line.
pub(super) async fn fill(
    client: &Client,
    count: u64,
    path: &Path,
    progress: &dyn Fn(&str),
) -> Result<Fill, Failure> {
    let fault = |error: std::io::Error| Failure::file("write", path, &error);
    let mut file = BufWriter::new(File::create(path).map_err(fault)?);
    let chain = client.chain().await?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let step = CREATIONS;
    let ranges = (0..count.div_ceil(step)).map(|at| at * step..count.min((at + 1) * step));
    let mut made = stream::iter((1..).zip(ranges))
        .map(|(nonce, range)| {
            let chain = chain.clone();
            tokio::task::spawn_blocking(move || make(&chain, nonce, range))
        })
        .buffered(cores);
    let start = clock::monotonic();
    let (mut bytes, mut transactions) = (0, 0);
    let mut waiting = VecDeque::new();
    while let Some(made) = made.next().await {
        let Made { envelope, dids } = made.map_err(|error| Failure::caused("BENCH", &error, ""))?;
        file.write_all(dids.as_bytes()).map_err(fault)?;
        bytes += number(envelope.len());
        transactions += 1;
        waiting.push_back(client.submit(envelope).await?);
        if waiting.len() >= AHEAD
            && let Some(hash) = waiting.pop_front()
        {
            committed(client, hash).await?;
        }
        progress(&format!(
            "{} of {count} DIDs",
            count.min(transactions * step)
        ));
    }
    for hash in waiting {
        committed(client, hash).await?;
    }
    file.flush().map_err(fault)?;
    Ok(Fill {
        transactions,
        dids_per_second: per_second(count, clock::elapsed(start)),
        envelope_bytes_per_did: ratio(bytes, count),
    })
}

async fn committed(client: &Client, hash: [u8; 32]) -> Result<(), Failure> {
    let receipt = client.wait(hash, PATIENCE).await?.receipt;
    if receipt.code == 0 {
        return Ok(());
    }
    Err(Failure::new(
        "BENCH",
        format!("DIDs were not created: {}", receipt.detail),
        "",
    ))
}

/// The funder registers the least documents of these accounts, each with its key's consent.
fn make(chain: &v1::ChainRecord, nonce: i64, accounts: Range<u64>) -> Made {
    let mut dids = String::new();
    let create = accounts
        .map(|account| {
            let key = key(account);
            let did = Did::derive(&key.public(), None);
            let document = (&Document::for_key(&did, &key.public())).into();
            dids.push_str(&format!("{did}\n"));
            v1::DidCreate {
                consent: key.sign(&consent_message(&chain.chain_id, &document)),
                document: Some(document),
            }
        })
        .collect();
    let batch = operation(Native::DidCreateBatch(v1::DidCreateBatch { create }));
    let funder = funder();
    let body = transaction(chain, address(&funder), nonce, vec![batch]);
    Made {
        envelope: Transaction::sign(&body, &[&funder]),
        dids,
    }
}

#[cfg(test)]
mod tests {
    use starfire_ledger::transaction::ENVELOPE_BYTES_MAX;

    use super::*;

    #[test]
    fn a_whole_batch_fits_in_a_transaction() {
        let made = make(&v1::ChainRecord::default(), 1, 0..CREATIONS);
        assert_eq!(number(made.dids.lines().count()), CREATIONS);
        assert!(made.envelope.len() < ENVELOPE_BYTES_MAX);
    }
}
