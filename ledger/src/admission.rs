//! What state says about a transaction before any of it runs: may it run at all, and on whose account.
//!
//! The mempool, the proposer and execution ask the same questions here. A transaction that is refused here changes nothing, so it
//! may be sent again; one that is admitted uses its nonce even if its operations fail, so that nobody can replay it later.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use starfire_did::Did;
use starfire_proto::v1;
use starfire_state::{Account, Overlay, Rejection, View, chain};

use crate::account;
use crate::check::Checked;
use crate::membership::Members;
use crate::quota::{Payer, Quota};
use crate::signature_work::Room;
use crate::transaction::{ENVELOPE_BYTES_MAX, Operation, Transaction};
use crate::{code, fee};

/// The chain's rules for the block at one height.
#[derive(Debug, Clone)]
pub struct Admission {
    /// The chain's parameters.
    pub chain: v1::ChainRecord,
    /// Its members.
    pub members: Members,
    /// Height of the block that the transaction would be in.
    pub height: u64,
}

/// An admitted transaction's way into a block.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// The source's account before the transaction; a fresh one if there is none yet.
    pub account: Account,
    /// What it will be charged.
    pub fee: i64,
    /// Whose quota it takes.
    pub payer: Payer,
}

impl Admission {
    /// The rules for the block at `height`, from the state before it.
    ///
    /// # Panics
    /// When the state has no chain record: genesis writes one.
    pub fn new(view: &dyn View, height: u64) -> Self {
        Self {
            chain: chain(view),
            members: Members::load(view),
            height,
        }
    }

    /// Judges all but the nonce's upper end: a nonce beyond the next one waits in a mempool, and is refused in execution.
    pub fn admit(&self, view: &dyn View, transaction: &Checked) -> Result<Admitted, Rejection> {
        self.judge(view, view, transaction)
    }

    /// The same within what its payer may read in a block, on which what was read counts. A transaction whose payer may read no more is
    /// refused with [`code::READ_QUOTA`].
    pub(crate) fn admit_within(
        &self,
        view: &dyn View,
        quota: &mut Quota,
        transaction: &Checked,
    ) -> Result<Admitted, Rejection> {
        let payer = self.payer(transaction);
        quota.may_read(&payer, 0)?;
        let others = Overlay::new(view);
        let admitted = self.judge(view, &others, transaction);
        quota.note_read(&payer, others.bytes_read());
        let admitted = admitted?;
        quota.may_read(&payer, 0)?;
        Ok(admitted)
    }

    /// On whose account it may wait for a block. A stranger's that asks for more signature work than their share of a block is refused:
    /// no proposer takes it. That is the proposers' policy, so execution does not ask.
    pub fn may_wait(&self, transaction: &Transaction) -> Result<Payer, Rejection> {
        let payer = self.payer(transaction);
        let empty = Room::new(self.chain.open_share_percent);
        // Where strangers have no share, it is not for its work that theirs is refused.
        if empty.has(transaction.signature_work, &payer) || self.chain.open_share_percent == 0 {
            return Ok(payer);
        }
        let detail = "its signatures and consents are more work to check than strangers have in a block: send it in smaller parts, or \
                      find a sponsor";
        Err(Rejection::new(code::QUOTA, detail))
    }

    /// The source is read in `view`, and the others that act in `others`: until the source is known to have signed, nothing may count on
    /// its payer, or anybody could use up a member's share.
    fn judge(
        &self,
        view: &dyn View,
        others: &dyn View,
        transaction: &Checked,
    ) -> Result<Admitted, Rejection> {
        let source = &transaction.sender;
        let account = account::acting(view, &self.chain, source)?;
        if transaction.nonce <= account.record.nonce {
            return Err(Rejection::new(
                code::BAD_SEQUENCE,
                format!(
                    "Transaction nonce({}) too small, the account({source}) nonce is ({})",
                    transaction.nonce, account.record.nonce
                ),
            ));
        }
        self.expiry(transaction)?;
        self.authorise(others, transaction, &account)?;
        let fee = fee::charge(&self.chain, &account, transaction)?;
        let payer = self.payer(transaction);
        // The open share of a block has room for one of these at most: strangers would wait for it for ever, or fill it.
        if payer == Payer::Open && transaction.bytes().len() > ENVELOPE_BYTES_MAX {
            return Err(Rejection::new(
                code::QUOTA,
                format!(
                    "a batch of more than {ENVELOPE_BYTES_MAX} bytes is a member's to send or to sponsor"
                ),
            ));
        }
        let empty = Quota::new(&self.chain);
        if empty.has_room(&payer, transaction.bytes().len()).is_err() {
            let detail = "no block of this chain has room for it: find a sponsor";
            return Err(Rejection::new(code::QUOTA, detail));
        }
        Ok(Admitted {
            account,
            fee,
            payer,
        })
    }

    fn expiry(&self, transaction: &Transaction) -> Result<(), Rejection> {
        let ceiling = u64::try_from(transaction.ceil_ledger_seq)
            .expect("a checked transaction has no negative ceiling");
        if ceiling != 0 && ceiling < self.height {
            return Err(Rejection::new(
                code::TX_EXPIRED,
                format!(
                    "it was meant for heights up to {ceiling}, the next one is {}",
                    self.height
                ),
            ));
        }
        Ok(())
    }

    /// The transaction needs its source's threshold; each operation the threshold for its type, of the account that acts in it.
    fn authorise(
        &self,
        view: &dyn View,
        transaction: &Transaction,
        account: &Account,
    ) -> Result<(), Rejection> {
        let signers: Vec<&str> = transaction.signers.iter().map(String::as_str).collect();
        let weight = account::weight(account, &signers);
        require(account, weight, None)?;
        // An account that acts in many operations is read and weighed once.
        let mut others: BTreeMap<Did, (Account, i64)> = BTreeMap::new();
        for operation in &transaction.operations {
            let Some(source) = acting_source(transaction, operation) else {
                require(account, weight, Some(operation.kind))?;
                continue;
            };
            let (other, weight) = match others.entry(source) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => {
                    let other = account::acting(view, &self.chain, &source.to_string())?;
                    let weight = account::weight(&other, &signers);
                    entry.insert((other, weight))
                }
            };
            require(other, *weight, Some(operation.kind))?;
        }
        Ok(())
    }

    /// On whose account it is: the sender if it is a member, otherwise the first signer that is one.
    pub fn payer(&self, transaction: &Transaction) -> Payer {
        if self.members.get(&transaction.sender).is_some() {
            return Payer::Member(transaction.sender.to_string());
        }
        let sponsor = transaction
            .signatures
            .iter()
            .filter(|signature| signature.signer != transaction.source)
            .map(|signature| signature.signer.to_string())
            .find(|address| self.members.get(address).is_some());
        sponsor.map_or(Payer::Open, Payer::Member)
    }
}

/// The account that acts in `operation`, if it is not the transaction's source.
fn acting_source(transaction: &Transaction, operation: &Operation) -> Option<Did> {
    operation
        .source
        .filter(|source| *source != transaction.source)
}

fn require(account: &Account, weight: i64, kind: Option<i32>) -> Result<(), Rejection> {
    let threshold = account::threshold(account, kind);
    if weight < threshold {
        return Err(Rejection::new(
            code::INVALID_SIGNATURE,
            format!(
                "signature weight is not enough: the keys that signed weigh {weight} of {threshold} for {}",
                account.record.address
            ),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use starfire_did::{KeyAlgorithm, PrivateKey};
    use starfire_proto::protocol;
    use starfire_state::{Archive, Memory};

    use super::*;
    use crate::check::{ChainRules, check};
    use crate::quota::READ_BYTES_MAX;

    fn key(seed: u8) -> PrivateKey {
        PrivateKey::generate([seed; 32], KeyAlgorithm::Ed25519)
    }

    fn address(seed: u8) -> String {
        Did::derive(&key(seed).public(), None).to_string()
    }

    /// A transaction of the account 1 in which the accounts `acting` act.
    fn transaction(acting: &[u8], signers: &[u8]) -> Checked {
        let operation = |seed: &u8| protocol::Operation {
            source_address: address(*seed),
            r#type: protocol::operation::Type::Log.into(),
            log: Some(protocol::OperationLog::default()),
            ..Default::default()
        };
        let body = protocol::Transaction {
            source_address: address(1),
            nonce: 1,
            operations: acting.iter().map(operation).collect(),
            ..Default::default()
        };
        let keys: Vec<PrivateKey> = signers.iter().map(|seed| key(*seed)).collect();
        let envelope = Transaction::sign(&body, &keys.iter().collect::<Vec<_>>());
        let rules = ChainRules::of(&v1::ChainRecord::default());
        check(Transaction::decode(&envelope).unwrap(), &rules).unwrap()
    }

    #[test]
    fn what_admission_reads_of_others_counts_once_the_source_has_signed() {
        let admission = Admission {
            chain: v1::ChainRecord {
                block_transactions_max: 10,
                open_share_percent: 100,
                ..Default::default()
            },
            members: Members::default(),
            height: 1,
        };
        let quota = Quota::new(&admission.chain);
        let store = Memory::new();
        let view = store.state_at(0);
        let admit = |left: u64, acting: &[u8], signers: &[u8]| {
            let mut quota = quota.clone();
            quota.note_read(&Payer::Open, READ_BYTES_MAX - left);
            let transaction = transaction(acting, signers);
            let admitted = admission.admit_within(&*view, &mut quota, &transaction);
            let code = admitted.err().map(|rejection| rejection.code);
            (code, quota.may_read(&Payer::Open, 0).is_err())
        };
        let (out, unsigned) = (Some(code::READ_QUOTA), Some(code::INVALID_SIGNATURE));
        assert_eq!(admit(1, &[1], &[1]), (None, false));
        assert_eq!(admit(0, &[1], &[1]), (out, true));
        assert_eq!(admit(1, &[1, 2], &[1, 2]), (out, true));
        assert_eq!(admit(1, &[1, 2], &[1]), (unsigned, true));
        assert_eq!(admit(1, &[1, 2], &[2]), (unsigned, false));
        assert_eq!(admit(1 << 20, &[1, 2, 3, 2], &[1, 2, 3]), (None, false));
    }
}
