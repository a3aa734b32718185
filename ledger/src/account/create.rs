//! CREATE_ACCOUNT: opens an account for an address, with a balance.
//!
//! BIF lets whoever comes first choose the keys of a new account. Here an address is also the root of a DID, so the keys that act
//! for it are its own key's choice alone: an account that begins with other signers, or with metadata, needs that key's signature
//! too.

use starfire_proto::protocol;
use starfire_state::{Account, Env, Event, Overlay, Rejection};

use super::metadata::SetMetadata;
use super::privilege::Privilege;
use super::{acting, address};
use crate::code;

/// An account to open.
#[derive(Debug, Clone)]
pub struct CreateAccount {
    destination: String,
    balance: i64,
    privilege: Option<Privilege>,
    metadata: Vec<SetMetadata>,
}

impl TryFrom<protocol::OperationCreateAccount> for CreateAccount {
    type Error = Rejection;

    fn try_from(operation: protocol::OperationCreateAccount) -> Result<Self, Rejection> {
        if operation
            .contract
            .is_some_and(|contract| !contract.payload.is_empty())
        {
            return Err(Rejection::new(
                code::CONTRACTS_NOT_SUPPORTED,
                "this chain runs no contracts",
            ));
        }
        if operation.init_balance < 0 {
            return Err(Rejection::new(
                code::INVALID_PARAMETER,
                "the initial balance is negative",
            ));
        }
        let metadata = operation
            .metadatas
            .into_iter()
            .map(SetMetadata::initial)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            destination: operation.dest_address,
            balance: operation.init_balance,
            privilege: operation.r#priv.map(Privilege::try_from).transpose()?,
            metadata,
        })
    }
}

impl CreateAccount {
    /// Opens the account. `signers` are the addresses whose keys signed the transaction, sorted.
    pub fn apply(
        self,
        state: &mut Overlay<'_>,
        env: &Env,
        signers: &[&str],
    ) -> Result<(), Rejection> {
        let destination = address(&self.destination, &env.chain)?.to_string();
        if destination == env.sender {
            return Err(Rejection::new(
                code::SOURCE_IS_DESTINATION,
                "an account cannot create itself",
            ));
        }
        if Account::load(state, &destination).is_some() {
            return Err(Rejection::new(
                code::DESTINATION_EXISTS,
                format!("the account {destination} exists"),
            ));
        }
        if self.balance < env.chain.base_reserve {
            return Err(Rejection::new(
                code::INIT_LOW_RESERVE,
                format!(
                    "the initial balance {} is below the reserve {}",
                    self.balance, env.chain.base_reserve
                ),
            ));
        }

        let mut account = Account::create(&destination);
        if let Some(privilege) = self.privilege {
            privilege.apply(&mut account.record, &env.chain)?;
        }
        if !(is_sole(&account) && self.metadata.is_empty())
            && signers.binary_search(&destination.as_str()).is_err()
        {
            return Err(Rejection::new(
                code::ACCESS_DENIED,
                format!(
                    "the keys and metadata of {destination} are its own to choose: its key must sign too"
                ),
            ));
        }
        if self.balance > 0 {
            let mut source = acting(state, &env.chain, &env.sender)?;
            source.debit(self.balance, env.chain.base_reserve)?;
            source.save(state);
        }
        account.credit(self.balance)?;
        account.save(state);
        for entry in self.metadata {
            entry.write(state, &destination)?;
        }
        state.emit(Event::new(
            "account.created",
            vec![
                ("address", destination),
                ("by", env.sender.clone()),
                ("balance", self.balance.to_string()),
            ],
        ));
        Ok(())
    }
}

/// Whether the account's own key, and no other, does everything.
fn is_sole(account: &Account) -> bool {
    let record = &account.record;
    record.signers.is_empty()
        && record.type_thresholds.is_empty()
        && record.master_weight >= record.tx_threshold.max(1)
}

/// What a new account's privilege sets, as BIF's clients send it.
impl TryFrom<protocol::AccountPrivilege> for Privilege {
    type Error = Rejection;

    fn try_from(privilege: protocol::AccountPrivilege) -> Result<Self, Rejection> {
        let thresholds = privilege.thresholds.unwrap_or_default();
        Self::new(
            Some(privilege.master_weight),
            privilege.signers,
            Some(thresholds.tx_threshold),
            thresholds.type_thresholds,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contract_is_refused_by_its_own_code() {
        let operation = protocol::OperationCreateAccount {
            contract: Some(protocol::Contract {
                payload: "\"use strict\";".to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        };
        assert_eq!(
            CreateAccount::try_from(operation).unwrap_err().code,
            code::CONTRACTS_NOT_SUPPORTED
        );
    }

    #[test]
    fn a_negative_balance_is_refused() {
        let operation = protocol::OperationCreateAccount {
            init_balance: -1,
            ..Default::default()
        };
        assert_eq!(
            CreateAccount::try_from(operation).unwrap_err().code,
            code::INVALID_PARAMETER
        );
    }
}
