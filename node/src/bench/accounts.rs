//! The accounts that pay each other: derived from their numbers, so that every process knows them without being told.

use std::ops::Range;

use starfire_did::{KeyAlgorithm, PrivateKey};
use starfire_ledger::transaction::{OPERATIONS_MAX, Transaction};
use starfire_proto::protocol::operation::Type;
use starfire_proto::{protocol, v1};

use super::figures::number;
use crate::client::{Client, RECEIPT_WAIT, transaction};
use crate::failure::Failure;

/// What an account begins with.
const BALANCE: i64 = 1_000_000;
/// Funding transactions that are on their way at one time.
const FUNDING_AHEAD: usize = 8;

/// The key of the account with this number. These keys are public knowledge: they are good for a benchmark's chain only.
pub(crate) fn key(number: u64) -> PrivateKey {
    let mut hasher = blake3::Hasher::new_derive_key("starfire 2026 bench account");
    hasher.update(&number.to_be_bytes());
    PrivateKey::generate(*hasher.finalize().as_bytes(), KeyAlgorithm::Ed25519)
}

/// Who funds the others.
pub(crate) fn funder() -> PrivateKey {
    key(u64::MAX)
}

/// What the funder needs for so many accounts.
pub(crate) fn funds(accounts: usize) -> i64 {
    i64::try_from(accounts)
        .unwrap_or(i64::MAX)
        .saturating_mul(BALANCE)
}

/// The address of a key on the chain.
pub(crate) fn address(key: &PrivateKey) -> String {
    key.public().address(None).to_string()
}

/// An operation that pays.
pub(crate) fn payment(destination: String, amount: i64) -> protocol::Operation {
    protocol::Operation {
        r#type: Type::PayCoin.into(),
        pay_coin: Some(protocol::OperationPayCoin {
            dest_address: destination,
            amount,
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// Creates accounts 0 to `count`, a thousand with each transaction, and waits until all are there.
pub(crate) async fn fund(
    client: &Client,
    count: usize,
    progress: &dyn Fn(&str),
) -> Result<(), Failure> {
    progress(&format!("deriving {count} accounts"));
    let addresses = addresses(0..number(count));
    let chain = client.chain().await?;
    let funder = funder();
    let transactions: Vec<Vec<u8>> = (1..)
        .zip(addresses.chunks(OPERATIONS_MAX))
        .map(|(nonce, part)| funding(chain, &funder, nonce, part))
        .collect();
    let mut done = 0;
    for part in transactions.chunks(FUNDING_AHEAD) {
        let mut last = None;
        for envelope in part {
            last = Some(client.submit(envelope.clone()).await?);
        }
        let Some(last) = last else { break };
        let receipt = client.wait(last, RECEIPT_WAIT).await?.receipt;
        if receipt.code != 0 {
            return Err(Failure::new(
                "FUNDING",
                format!("accounts were not created: {}", receipt.detail),
                "",
            ));
        }
        done += part.len();
        progress(&format!(
            "{done} of {} funding transactions",
            transactions.len()
        ));
    }
    Ok(())
}

/// An envelope in which this key gives all of these accounts their first coins.
pub(crate) fn funding(
    chain: &v1::ChainRecord,
    funder: &PrivateKey,
    nonce: i64,
    addresses: &[String],
) -> Vec<u8> {
    let operations = addresses
        .iter()
        .map(|address| payment(address.clone(), BALANCE))
        .collect();
    Transaction::sign(
        &transaction(chain, address(funder), nonce, operations),
        &[funder],
    )
}

/// The addresses of the accounts with these numbers. Deriving one takes tens of microseconds, so all cores do it.
pub(crate) fn addresses(numbers: Range<u64>) -> Vec<String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let numbers: Vec<u64> = numbers.collect();
    std::thread::scope(|scope| {
        let threads: Vec<_> = numbers
            .chunks(numbers.len().div_ceil(cores).max(1))
            .map(|part| {
                scope.spawn(|| {
                    part.iter()
                        .map(|number| address(&key(*number)))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("deriving an address does not panic"))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_the_same_in_every_process_and_all_differ() {
        let all = addresses(0..5);
        assert_eq!(all, addresses(0..5));
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), 5);
        assert_eq!(all[3], address(&key(3)));
    }
}
