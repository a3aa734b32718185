//! A client's payments, signed before the load begins.

use std::collections::BTreeMap;

use starfire_did::PrivateKey;
use starfire_ledger::transaction::Transaction;
use starfire_proto::v1;

use super::accounts::{address, key, payment};
use super::job::Job;
use crate::client::transaction;
use crate::failure::Failure;

/// What each payment moves.
const AMOUNT: i64 = 1;
/// Signed payments are all in memory.
pub(crate) const PAYMENTS_MAX: u64 = 5_000_000;

/// Signed payments, in the order in which they are sent.
#[derive(Debug)]
pub(crate) struct Payments {
    /// Encoded envelopes.
    pub(crate) envelopes: Vec<Vec<u8>>,
    /// Their places by their hashes.
    pub(crate) places: BTreeMap<[u8; 32], usize>,
}

/// Signs a job's payments. Its accounts pay in turn, each to the one half a circle away, so that a block touches two accounts
/// with every payment, and no payment waits for another.
pub(crate) fn sign(job: &Job, chain: &v1::ChainRecord) -> Result<Payments, Failure> {
    if job.accounts < 2 || job.payments > PAYMENTS_MAX {
        return Err(Failure::usage(
            format!(
                "{} accounts and {} payments a client: it needs at least 2 and can hold {PAYMENTS_MAX}",
                job.accounts, job.payments
            ),
            "change --accounts, --clients, --rate or --seconds",
        ));
    }
    let keys: Vec<PrivateKey> = (0..job.accounts)
        .map(|index| key(job.first_account + index))
        .collect();
    let addresses: Vec<String> = keys.iter().map(address).collect();
    let mut payments = Payments {
        envelopes: Vec::new(),
        places: BTreeMap::new(),
    };
    let count = usize::try_from(job.payments).unwrap_or(usize::MAX);
    for place in 0..count {
        let payer = place % keys.len();
        let payee = (payer + keys.len() / 2) % keys.len();
        let nonce = i64::try_from(1 + place / keys.len()).unwrap_or(i64::MAX);
        let body = transaction(
            chain,
            addresses[payer].clone(),
            nonce,
            vec![payment(addresses[payee].clone(), AMOUNT)],
        );
        let envelope = Transaction::sign(&body, &[&keys[payer]]);
        let hash = Transaction::decode(&envelope)
            .map_err(|error| Failure::caused("BENCH", &error, ""))?
            .hash;
        payments.places.insert(hash, place);
        payments.envelopes.push(envelope);
    }
    Ok(payments)
}

#[cfg(test)]
mod tests {
    use super::super::job::Pace;
    use super::*;

    fn job(accounts: u64, payments: u64) -> Job {
        Job {
            node: String::new(),
            first_account: 100,
            accounts,
            payments,
            pace: Pace::Saturate { in_flight: 1 },
            warm_up_ms: 0,
            measured_ms: 1,
        }
    }

    #[test]
    fn accounts_pay_in_turn_and_nobody_pays_itself() {
        let signed = sign(&job(3, 7), &v1::ChainRecord::default()).unwrap();
        assert_eq!(signed.places.len(), 7);
        let nonces: Vec<i64> = signed
            .envelopes
            .iter()
            .map(|envelope| Transaction::decode(envelope).unwrap().nonce)
            .collect();
        assert_eq!(nonces, [1, 1, 1, 2, 2, 2, 3]);
        let second = Transaction::decode(&signed.envelopes[1]).unwrap();
        assert_eq!(second.source.to_string(), address(&key(101)));
        assert_eq!(signed.places[&second.hash], 1);
    }

    #[test]
    fn a_lonely_account_has_nobody_to_pay() {
        assert_eq!(
            sign(&job(1, 1), &v1::ChainRecord::default())
                .unwrap_err()
                .code,
            "USAGE"
        );
    }
}
