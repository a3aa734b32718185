//! SET_PRIVILEGE, SET_SIGNER_WEIGHT, SET_THRESHOLD: which keys act for an account, and what each operation needs.
//!
//! A change lists what changes: a signer with weight 0 leaves, a type threshold of 0 leaves. When a signer or type is listed
//! twice, the last entry counts: a published BIF client fills such a list with copies of its last entry, and its users expect
//! that to work.

use starfire_proto::{protocol, v1};
use starfire_state::{Env, Event, Overlay, Rejection};

use super::{SIGNERS_MAX, acting, address, checked_threshold, checked_weight};
use crate::code;

/// A change of keys and thresholds. `None` leaves a value as it is.
#[derive(Debug, Clone)]
pub struct Privilege {
    master_weight: Option<i64>,
    signers: Vec<protocol::Signer>,
    tx_threshold: Option<i64>,
    type_thresholds: Vec<protocol::OperationTypeThreshold>,
}

impl Privilege {
    /// A change whose numbers are in range.
    pub(crate) fn new(
        master_weight: Option<i64>,
        signers: Vec<protocol::Signer>,
        tx_threshold: Option<i64>,
        type_thresholds: Vec<protocol::OperationTypeThreshold>,
    ) -> Result<Self, Rejection> {
        if signers.len() > SIGNERS_MAX {
            return Err(Rejection::new(
                code::INVALID_PARAMETER,
                format!(
                    "{} signers are listed, more than {SIGNERS_MAX}",
                    signers.len()
                ),
            ));
        }
        for signer in &signers {
            checked_weight(signer.weight)?;
        }
        for threshold in &type_thresholds {
            if protocol::operation::Type::try_from(threshold.r#type).is_err()
                || threshold.r#type == 0
            {
                return Err(Rejection::new(
                    code::THRESHOLD_NOT_VALID,
                    format!("there is no operation type {}", threshold.r#type),
                ));
            }
            checked_threshold(threshold.threshold)?;
        }
        Ok(Self {
            master_weight: master_weight.map(checked_weight).transpose()?,
            signers,
            tx_threshold: tx_threshold.map(checked_threshold).transpose()?,
            type_thresholds,
        })
    }

    /// Changes the sender's account.
    pub fn apply_to_sender(self, state: &mut Overlay<'_>, env: &Env) -> Result<(), Rejection> {
        let mut account = acting(state, &env.chain, &env.sender)?;
        self.apply(&mut account.record, &env.chain)?;
        account.save(state);
        state.emit(Event::new(
            "account.privilege",
            vec![("address", env.sender.clone())],
        ));
        Ok(())
    }

    /// Changes an account record.
    pub(crate) fn apply(
        self,
        account: &mut v1::AccountRecord,
        chain: &v1::ChainRecord,
    ) -> Result<(), Rejection> {
        if let Some(weight) = self.master_weight {
            account.master_weight = weight;
        }
        if let Some(threshold) = self.tx_threshold {
            account.tx_threshold = threshold;
        }
        for signer in self.signers {
            let signer_address = address(&signer.address, chain)?.to_string();
            if signer_address == account.address {
                return Err(Rejection::new(
                    code::INVALID_PARAMETER,
                    "an account's own key has the master weight: it is no signer",
                ));
            }
            account
                .signers
                .retain(|known| known.address != signer_address);
            if signer.weight > 0 {
                account.signers.push(v1::SignerWeight {
                    address: signer_address,
                    weight: signer.weight,
                });
            }
        }
        if account.signers.len() > SIGNERS_MAX {
            return Err(Rejection::new(
                code::INVALID_PARAMETER,
                format!("the account would have more than {SIGNERS_MAX} signers"),
            ));
        }
        for threshold in self.type_thresholds {
            account
                .type_thresholds
                .retain(|known| known.r#type != threshold.r#type);
            if threshold.threshold > 0 {
                account.type_thresholds.push(v1::TypeThreshold {
                    r#type: threshold.r#type,
                    threshold: threshold.threshold,
                });
            }
        }
        Ok(())
    }
}

impl TryFrom<protocol::OperationSetPrivilege> for Privilege {
    type Error = Rejection;

    fn try_from(operation: protocol::OperationSetPrivilege) -> Result<Self, Rejection> {
        let number = |text: &str, invalid| match text {
            "" => Ok(None),
            text => text
                .parse()
                .map(Some)
                .map_err(|_| Rejection::new(invalid, "not a decimal number")),
        };
        Self::new(
            number(&operation.master_weight, code::WEIGHT_NOT_VALID)?,
            operation.signers,
            number(&operation.tx_threshold, code::THRESHOLD_NOT_VALID)?,
            operation.type_thresholds,
        )
    }
}

impl TryFrom<protocol::OperationSetSignerWeight> for Privilege {
    type Error = Rejection;

    fn try_from(operation: protocol::OperationSetSignerWeight) -> Result<Self, Rejection> {
        Self::new(
            unless_unset(operation.master_weight),
            operation.signers,
            None,
            Vec::new(),
        )
    }
}

impl TryFrom<protocol::OperationSetThreshold> for Privilege {
    type Error = Rejection;

    fn try_from(operation: protocol::OperationSetThreshold) -> Result<Self, Rejection> {
        Self::new(
            None,
            Vec::new(),
            unless_unset(operation.tx_threshold),
            operation.type_thresholds,
        )
    }
}

/// In the two older operations -1 stands for "unchanged".
fn unless_unset(value: i64) -> Option<i64> {
    (value != -1).then_some(value)
}

#[cfg(test)]
mod tests {
    use starfire_state::Account;

    use super::*;

    const OTHER: &str = "did:bid:efyJLYwWd7SmKV44QXxRAd7NLCfjKxHB";

    fn signer(weight: i64) -> protocol::Signer {
        protocol::Signer {
            address: OTHER.to_owned(),
            weight,
        }
    }

    fn applied(operation: protocol::OperationSetPrivilege) -> Result<v1::AccountRecord, Rejection> {
        let mut account = Account::create("did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2").record;
        Privilege::try_from(operation)?.apply(&mut account, &v1::ChainRecord::default())?;
        Ok(account)
    }

    #[test]
    fn empty_text_leaves_a_value_as_it_is() {
        let account = applied(protocol::OperationSetPrivilege::default()).unwrap();
        assert_eq!((account.master_weight, account.tx_threshold), (1, 1));
    }

    #[test]
    fn of_a_signer_listed_twice_the_last_entry_counts() {
        let operation = protocol::OperationSetPrivilege {
            signers: vec![signer(3), signer(7)],
            ..Default::default()
        };
        assert_eq!(
            applied(operation).unwrap().signers,
            [v1::SignerWeight {
                address: OTHER.to_owned(),
                weight: 7
            }]
        );
    }

    #[test]
    fn a_signer_of_weight_zero_leaves() {
        let operation = protocol::OperationSetPrivilege {
            signers: vec![signer(3), signer(0)],
            ..Default::default()
        };
        assert_eq!(applied(operation).unwrap().signers, []);
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        let weight = |text: &str| protocol::OperationSetPrivilege {
            master_weight: text.to_owned(),
            ..Default::default()
        };
        for text in ["-1", "4294967296", "1.0", "one"] {
            assert_eq!(
                applied(weight(text)).unwrap_err().code,
                code::WEIGHT_NOT_VALID,
                "{text}"
            );
        }
        let many = protocol::OperationSetPrivilege {
            signers: vec![signer(1); 101],
            ..Default::default()
        };
        assert_eq!(applied(many).unwrap_err().code, code::INVALID_PARAMETER);
        let unknown = protocol::OperationTypeThreshold {
            r#type: 99,
            threshold: 1,
        };
        let unknown = protocol::OperationSetPrivilege {
            type_thresholds: vec![unknown],
            ..Default::default()
        };
        assert_eq!(
            applied(unknown).unwrap_err().code,
            code::THRESHOLD_NOT_VALID
        );
    }

    #[test]
    fn the_older_operations_know_minus_one_as_unchanged() {
        let mut account = Account::create("did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2").record;
        let chain = v1::ChainRecord::default();
        let weights = protocol::OperationSetSignerWeight {
            master_weight: -1,
            signers: vec![signer(4)],
        };
        Privilege::try_from(weights)
            .unwrap()
            .apply(&mut account, &chain)
            .unwrap();
        let thresholds = protocol::OperationSetThreshold {
            tx_threshold: 4,
            type_thresholds: Vec::new(),
        };
        Privilege::try_from(thresholds)
            .unwrap()
            .apply(&mut account, &chain)
            .unwrap();
        assert_eq!(
            (
                account.master_weight,
                account.tx_threshold,
                account.signers.len()
            ),
            (1, 4, 1)
        );
    }
}
