//! PAY_COIN: moves coins, and activates an address that has no account yet.
//!
//! The `input` of a payment is for contracts; to a plain account it says nothing. A payment to one of BIF's system contracts is a
//! call, which `payload.rs` sends elsewhere.

use starfire_proto::protocol;
use starfire_state::{Account, Env, Event, Overlay, Rejection};

use super::{acting, address};
use crate::code;

/// A payment.
#[derive(Debug, Clone)]
pub struct PayCoin {
    destination: String,
    amount: i64,
}

impl PayCoin {
    /// Who is paid.
    pub(crate) fn destination(&self) -> &str {
        &self.destination
    }
}

impl TryFrom<protocol::OperationPayCoin> for PayCoin {
    type Error = Rejection;

    fn try_from(operation: protocol::OperationPayCoin) -> Result<Self, Rejection> {
        if operation.amount < 0 {
            return Err(Rejection::new(
                code::INVALID_PARAMETER,
                "the amount is negative",
            ));
        }
        Ok(Self {
            destination: operation.dest_address,
            amount: operation.amount,
        })
    }
}

impl PayCoin {
    /// Pays. An amount of 0 moves nothing, but activates.
    pub fn apply(self, state: &mut Overlay<'_>, env: &Env) -> Result<(), Rejection> {
        address(&self.destination, &env.chain)?;
        // An address is its only spelling, so the text names the account.
        let destination = self.destination;
        if destination == env.sender {
            return Err(Rejection::new(
                code::SOURCE_IS_DESTINATION,
                "an account cannot pay itself",
            ));
        }
        let payee = Account::load(state, &destination);
        let activates = payee.is_none();
        if activates && self.amount < env.chain.base_reserve {
            return Err(Rejection::new(
                code::INIT_LOW_RESERVE,
                format!(
                    "the amount {} is below the reserve {} of a new account",
                    self.amount, env.chain.base_reserve
                ),
            ));
        }
        let mut payee = payee.unwrap_or_else(|| Account::create(&destination));
        if self.amount > 0 {
            let mut payer = acting(state, &env.chain, &env.sender)?;
            payer.debit(self.amount, env.chain.base_reserve)?;
            payee.credit(self.amount)?;
            payer.save(state);
        }
        if activates || self.amount > 0 {
            payee.save(state);
        }
        state.emit(Event::new(
            "account.paid",
            vec![
                ("from", env.sender.clone()),
                ("to", destination),
                ("amount", self.amount.to_string()),
            ],
        ));
        Ok(())
    }
}
