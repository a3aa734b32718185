//! Accounts: who may act for an address, with what weight, and what it holds.
//!
//! An account follows BIF's rules: its own key has the master weight, other keys may be given weights of their own, and an
//! operation needs the weight of the threshold for its type. One rule is stricter than BIF's: a threshold of 0 counts as 1, so
//! that no account is open to everybody.

pub mod create;
pub mod log;
pub mod metadata;
pub mod pay;
pub mod privilege;

use starfire_did::Did;
use starfire_proto::v1;
use starfire_state::{Account, Rejection, View};

use crate::code;

/// The most keys that an account gives a weight, besides its own.
pub const SIGNERS_MAX: usize = 100;
/// The greatest weight and threshold.
pub const WEIGHT_MAX: i64 = 4_294_967_295;

/// The account that acts. Where fees are BIF's it must exist; otherwise an unknown one begins with its first transaction.
pub(crate) fn acting(
    view: &dyn View,
    chain: &v1::ChainRecord,
    address: &str,
) -> Result<Account, Rejection> {
    match Account::load(view, address) {
        Some(account) => Ok(account),
        None if chain.bif_profile => Err(Rejection::new(
            code::ACCOUNT_NOT_EXIST,
            format!("Source account({address}) does not exist"),
        )),
        None => Ok(Account::create(address)),
    }
}

/// What the keys that derive `signers` (sorted, each once) weigh for this account. A transaction may have a hundred of each and
/// ask this for a thousand accounts, so no pair is compared.
pub(crate) fn weight(account: &Account, signers: &[&str]) -> i64 {
    let account = &account.record;
    let signed = |address: &str| signers.binary_search(&address).is_ok();
    let own = if signed(&account.address) {
        account.master_weight
    } else {
        0
    };
    // Weights are below 2^32, signers at most 100: the sum is far from overflowing.
    own + account
        .signers
        .iter()
        .filter(|signer| signed(&signer.address))
        .map(|signer| signer.weight)
        .sum::<i64>()
}

/// The weight that an operation of this type needs; `None`: the transaction itself.
pub(crate) fn threshold(account: &Account, kind: Option<i32>) -> i64 {
    kind.map_or(account.record.tx_threshold, |kind| {
        account.threshold_for(kind)
    })
    .max(1)
}

/// An address in an operation: a did:bid address of this chain.
pub(crate) fn address(text: &str, chain: &v1::ChainRecord) -> Result<Did, Rejection> {
    let invalid = |what: &str| {
        Rejection::new(
            code::INVALID_ADDRESS,
            format!("{what}: {:?}", text.chars().take(80).collect::<String>()),
        )
    };
    let did: Did = text.parse().map_err(|_| invalid("not a did:bid address"))?;
    if !did.is_account()
        || did
            .chain_code()
            .as_ref()
            .map_or("", |chain_code| chain_code.as_str())
            != chain.chain_code
    {
        return Err(invalid("an address of another chain"));
    }
    Ok(did)
}

/// A weight in an operation.
pub(crate) fn checked_weight(weight: i64) -> Result<i64, Rejection> {
    if (0..=WEIGHT_MAX).contains(&weight) {
        return Ok(weight);
    }
    Err(Rejection::new(
        code::WEIGHT_NOT_VALID,
        format!("the weight {weight} is not 0 to {WEIGHT_MAX}"),
    ))
}

/// A threshold in an operation.
pub(crate) fn checked_threshold(threshold: i64) -> Result<i64, Rejection> {
    if (0..=WEIGHT_MAX).contains(&threshold) {
        return Ok(threshold);
    }
    Err(Rejection::new(
        code::THRESHOLD_NOT_VALID,
        format!("the threshold {threshold} is not 0 to {WEIGHT_MAX}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared() -> Account {
        let mut account = Account::create("a");
        account.record.master_weight = 2;
        account.record.signers = vec![
            v1::SignerWeight {
                address: "b".to_owned(),
                weight: 3,
            },
            v1::SignerWeight {
                address: "c".to_owned(),
                weight: 5,
            },
        ];
        account.record.tx_threshold = 0;
        account.record.type_thresholds = vec![v1::TypeThreshold {
            r#type: 7,
            threshold: 10,
        }];
        account
    }

    #[test]
    fn weights_add_up_over_the_keys_that_signed() {
        assert_eq!(weight(&shared(), &["a", "c"]), 7);
        assert_eq!(weight(&shared(), &["a", "b", "c"]), 10);
        assert_eq!(weight(&shared(), &["stranger"]), 0);
    }

    #[test]
    fn a_threshold_of_zero_still_needs_a_key() {
        assert_eq!(threshold(&shared(), None), 1);
        assert_eq!(threshold(&shared(), Some(4)), 1);
        assert_eq!(threshold(&shared(), Some(7)), 10);
    }
}
