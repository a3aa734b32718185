//! Fees: BIF's rules, where the chain's genesis asks for them; otherwise none.
//!
//! Under BIF's rules a transaction pays for its bytes, at its own gas price, whether or not its operations succeed. What is paid
//! is burnt: nobody gains by filling blocks.

use starfire_proto::v1;
use starfire_state::{Account, Rejection};

use crate::code;
use crate::transaction::Transaction;

/// What `transaction` costs its source, or why the source cannot pay for it.
pub(crate) fn charge(
    chain: &v1::ChainRecord,
    account: &Account,
    transaction: &Transaction,
) -> Result<i64, Rejection> {
    if !chain.bif_profile {
        return Ok(0);
    }
    if transaction.gas_price < chain.gas_price {
        return Err(Rejection::new(
            code::FEE_NOT_ENOUGH,
            format!(
                "the gas price {} is below the chain's {}",
                transaction.gas_price, chain.gas_price
            ),
        ));
    }
    // BIF's size of a transaction is that of blob and signatures as protobuf, which is just the envelope. No operation has a
    // fixed price, since there are no contracts.
    let bytes = i64::try_from(transaction.bytes().len()).expect("an envelope is at most 1 MiB");
    let fee = bytes.checked_mul(transaction.gas_price).ok_or_else(|| {
        Rejection::new(
            code::MATH_OVERFLOW,
            "bytes times gas price does not fit in 63 bits",
        )
    })?;
    if transaction.fee_limit < fee {
        return Err(Rejection::new(
            code::FEE_NOT_ENOUGH,
            format!(
                "the fee limit {} is below the fee {fee}",
                transaction.fee_limit
            ),
        ));
    }
    if account.record.balance.saturating_sub(chain.base_reserve) < transaction.fee_limit {
        return Err(Rejection::new(
            code::LOW_RESERVE,
            format!(
                "Account({})'s balance({}) - transaction fee limit({}) < base reserve({})",
                account.record.address,
                account.record.balance,
                transaction.fee_limit,
                chain.base_reserve
            ),
        ));
    }
    Ok(fee)
}
