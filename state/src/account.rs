//! Accounts: coins, a nonce, and who may sign for how much.
//!
//! Plain state rather than a domain of its own, since everything that pays or is paid needs them. The rules are BIF's: keys have
//! weights, operations have thresholds, and a nonce is the number of transactions that the account has sent.

use starfire_proto::v1;

use crate::env::{Code, Rejection};
use crate::key;
use crate::overlay::Overlay;
use crate::view::{View, record};

/// An amount is negative, or a sum does not fit in 63 bits.
pub const MATH_OVERFLOW: Code = Code::new("MATH_OVERFLOW", 7);
/// The transaction's nonce is not the account's next one.
pub const BAD_SEQUENCE: Code = Code::new("BAD_SEQUENCE", 99);
/// The balance, less the reserve, does not cover the amount.
pub const ACCOUNT_LOW_RESERVE: Code = Code::new("ACCOUNT_LOW_RESERVE", 100);
/// There is no such account.
pub const ACCOUNT_NOT_EXIST: Code = Code::new("ACCOUNT_NOT_EXIST", 103);

/// An account, taken out of state to be changed and saved.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// The record as it stands in state. Its address never changes.
    pub record: v1::AccountRecord,
}

impl Account {
    /// A new account: no coins, nothing sent, ruled by the key that its address derives from.
    pub fn create(address: &str) -> Self {
        let record = v1::AccountRecord {
            address: address.to_owned(),
            master_weight: 1,
            tx_threshold: 1,
            ..v1::AccountRecord::default()
        };
        Self { record }
    }

    /// The account at `address`, if there is one.
    pub fn load(view: &dyn View, address: &str) -> Option<Self> {
        let record: v1::AccountRecord = record(view, &key::account(address))?;
        assert_eq!(
            record.address, address,
            "an account stands at its own address"
        );
        Some(Self { record })
    }

    /// The account at `address`, or why there is none.
    pub fn expect(view: &dyn View, address: &str) -> Result<Self, Rejection> {
        Self::load(view, address).ok_or_else(|| {
            Rejection::new(
                ACCOUNT_NOT_EXIST,
                format!("account {address} does not exist"),
            )
        })
    }

    /// Writes the account.
    pub fn save(&self, state: &mut Overlay<'_>) {
        state.put_record(key::account(&self.record.address), &self.record);
    }

    /// Adds coins.
    pub fn credit(&mut self, amount: i64) -> Result<(), Rejection> {
        not_negative(amount)?;
        self.record.balance = self.record.balance.checked_add(amount).ok_or_else(|| {
            let detail = format!(
                "balance({}) of account({}) + {amount} is too large",
                self.record.balance, self.record.address
            );
            Rejection::new(MATH_OVERFLOW, detail)
        })?;
        Ok(())
    }

    /// Takes coins, of which `reserve` must remain.
    pub fn debit(&mut self, amount: i64, reserve: i64) -> Result<(), Rejection> {
        not_negative(amount)?;
        match self.record.balance.checked_sub(amount) {
            Some(rest) if rest >= reserve.max(0) => {
                self.record.balance = rest;
                Ok(())
            }
            Some(_) | None => Err(Rejection::new(
                ACCOUNT_LOW_RESERVE,
                format!(
                    "Account({})'s balance({}) - base_reserve({reserve}) is not enough for payment ({amount})",
                    self.record.address, self.record.balance
                ),
            )),
        }
    }

    /// Uses up the account's next nonce, which `nonce` must be.
    pub fn step_nonce(&mut self, nonce: i64) -> Result<(), Rejection> {
        let next = self.record.nonce.checked_add(1);
        if next == Some(nonce) {
            self.record.nonce = nonce;
            return Ok(());
        }
        let size = if nonce <= self.record.nonce {
            "small"
        } else {
            "large"
        };
        let detail = format!(
            "Transaction nonce({nonce}) too {size}, the account({}) nonce is ({})",
            self.record.address, self.record.nonce
        );
        Err(Rejection::new(BAD_SEQUENCE, detail))
    }

    /// What the signatures of these addresses weigh together. An address counts once, however often it signed.
    pub fn weight_of(&self, signers: &[String]) -> i64 {
        let mut distinct: Vec<&String> = signers.iter().collect();
        distinct.sort_unstable();
        distinct.dedup();
        distinct
            .into_iter()
            .map(|signer| self.weight(signer))
            .fold(0, i64::saturating_add)
    }

    /// The weight that an operation of this type needs: its own threshold if it has one, else the account's.
    pub fn threshold_for(&self, operation_type: i32) -> i64 {
        let own = self
            .record
            .type_thresholds
            .iter()
            .find(|threshold| threshold.r#type == operation_type);
        own.map_or(self.record.tx_threshold, |own| own.threshold)
    }

    fn weight(&self, signer: &str) -> i64 {
        if signer == self.record.address {
            return self.record.master_weight;
        }
        self.record
            .signers
            .iter()
            .find(|known| known.address == signer)
            .map_or(0, |known| known.weight)
    }
}

fn not_negative(amount: i64) -> Result<(), Rejection> {
    if amount >= 0 {
        Ok(())
    } else {
        Err(Rejection::new(
            MATH_OVERFLOW,
            format!("an amount is not negative, as {amount} is"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Memory;
    use crate::store::Archive;

    const ALICE: &str = "did:bid:efAlice";

    fn account(balance: i64) -> Account {
        let mut account = Account::create(ALICE);
        account.record.balance = balance;
        account
    }

    #[test]
    fn an_account_is_read_as_it_was_saved() {
        let memory = Memory::new();
        let base = memory.state_at(0);
        let mut state = Overlay::new(base.as_ref());
        assert_eq!(Account::load(&state, ALICE), None);
        assert_eq!(
            Account::expect(&state, ALICE).unwrap_err().code,
            ACCOUNT_NOT_EXIST
        );

        let mut alice = account(5);
        alice.step_nonce(1).unwrap();
        alice.save(&mut state);
        assert_eq!(Account::load(&state, ALICE), Some(alice));
    }

    #[test]
    fn coins_are_neither_made_nor_owed() {
        let mut alice = account(10);
        assert_eq!(alice.debit(9, 2).unwrap_err().code, ACCOUNT_LOW_RESERVE);
        assert_eq!(alice.debit(11, 0).unwrap_err().code, ACCOUNT_LOW_RESERVE);
        assert_eq!(alice.debit(11, -5).unwrap_err().code, ACCOUNT_LOW_RESERVE);
        assert_eq!(
            alice.debit(i64::MAX, i64::MAX).unwrap_err().code,
            ACCOUNT_LOW_RESERVE
        );
        assert_eq!(alice.debit(-1, 0).unwrap_err().code, MATH_OVERFLOW);
        assert_eq!(alice.credit(-1).unwrap_err().code, MATH_OVERFLOW);
        assert_eq!(alice.credit(i64::MAX).unwrap_err().code, MATH_OVERFLOW);
        assert_eq!(alice, account(10), "a refusal changes nothing");

        alice.debit(8, 2).unwrap();
        alice.credit(1).unwrap();
        assert_eq!(alice, account(3));
    }

    #[test]
    fn nonces_follow_one_another() {
        let mut alice = account(0);
        for refused in [i64::MIN, -1, 0, 2, i64::MAX] {
            assert_eq!(alice.step_nonce(refused).unwrap_err().code, BAD_SEQUENCE);
        }
        alice.step_nonce(1).unwrap();
        alice.step_nonce(2).unwrap();
        assert_eq!(alice.step_nonce(2).unwrap_err().code, BAD_SEQUENCE);
        alice.record.nonce = i64::MAX;
        assert_eq!(alice.step_nonce(i64::MIN).unwrap_err().code, BAD_SEQUENCE);
    }

    #[test]
    fn a_signature_given_twice_weighs_once() {
        let mut alice = account(0);
        alice.record.master_weight = 3;
        alice.record.signers = vec![
            v1::SignerWeight {
                address: "bob".into(),
                weight: 4,
            },
            v1::SignerWeight {
                address: "carol".into(),
                weight: i64::MAX,
            },
        ];
        let weight = |signers: &[&str]| {
            alice.weight_of(
                &signers
                    .iter()
                    .map(|&signer| signer.to_owned())
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(weight(&[]), 0);
        assert_eq!(weight(&["mallory"]), 0);
        assert_eq!(weight(&[ALICE]), 3);
        assert_eq!(weight(&["bob", ALICE, "bob"]), 7);
        assert_eq!(weight(&["bob", "carol"]), i64::MAX);
    }

    #[test]
    fn an_operation_may_have_its_own_threshold() {
        let mut alice = account(0);
        alice.record.tx_threshold = 5;
        alice.record.type_thresholds = vec![v1::TypeThreshold {
            r#type: 7,
            threshold: 60,
        }];
        assert_eq!(alice.threshold_for(7), 60);
        assert_eq!(alice.threshold_for(8), 5);
    }
}
