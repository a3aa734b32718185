//! How many Ed25519 signatures this machine checks: the ceiling under which a chain of signed transactions lives.

use serde::{Deserialize, Serialize};
use starfire_did::{KeyAlgorithm, PublicKey, signature};

use super::figures::{number, per_second};
use crate::failure::Failure;
use crate::{clock, keystore};

/// Signatures that are checked at a time, as a busy block would.
const BATCH: usize = 1_024;
const BATCHES: usize = 8;

/// Signatures that all cores together check each second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SignatureLimits {
    /// One at a time.
    pub(crate) single_per_second: u64,
    /// In batches of 1024.
    pub(crate) batch_per_second: u64,
}

type Signed = (PublicKey, Vec<u8>, Vec<u8>);

/// Measures both. Takes about a second on a quiet machine.
pub(crate) fn limits() -> Result<SignatureLimits, Failure> {
    // A key of its own for each: signatures by one key are cheaper to check together, and no chain has them.
    let signed: Vec<Signed> = (0..BATCH)
        .map(|index| {
            let key = keystore::generate(KeyAlgorithm::Ed25519)?;
            let message = format!("message {index}").into_bytes();
            let signature = key.sign(&message);
            Ok((key.public(), message, signature))
        })
        .collect::<Result<_, Failure>>()?;
    let batch: Vec<(&PublicKey, &[u8], &[u8])> = signed
        .iter()
        .map(|(public, message, signature)| (public, message.as_slice(), signature.as_slice()))
        .collect();
    Ok(SignatureLimits {
        single_per_second: on_all_cores(|| {
            batch
                .iter()
                .all(|(public, message, signed)| signature::verify(public, message, signed))
        }),
        batch_per_second: on_all_cores(|| {
            signature::verify_batch(&batch)
                .into_iter()
                .all(|valid| valid)
        }),
    })
}

/// The rate of a check of [`BATCH`] signatures that every core repeats.
fn on_all_cores(check: impl Fn() -> bool + Sync) -> u64 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let start = clock::monotonic();
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                for _ in 0..BATCHES {
                    assert!(check(), "what was just signed is valid");
                }
            });
        }
    });
    per_second(number(cores * BATCHES * BATCH), clock::elapsed(start))
}
