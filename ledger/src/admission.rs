//! What state says about a transaction before any of it runs: may it run at all, and on whose account.
//!
//! The mempool, the proposer and execution ask the same questions here. A transaction that is refused here changes nothing, so it
//! may be sent again; one that is admitted uses its nonce even if its operations fail, so that nobody can replay it later.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use starfire_did::Did;
use starfire_proto::v1;
use starfire_state::{Account, Rejection, View, chain};

use crate::account;
use crate::block::transactions_bytes_max;
use crate::check::Checked;
use crate::membership::Members;
use crate::quota::{Payer, Quota};
use crate::transaction::{ENVELOPE_BYTES_MAX, Operation, Transaction};
use crate::{code, fee};

/// Tag and length of an envelope in a block, at most.
const TRANSACTION_FRAME_BYTES: usize = 5;

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
        self.authorise(view, transaction, &account)?;
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

    /// The sender if it is a member, otherwise the first signer that is one.
    fn payer(&self, transaction: &Transaction) -> Payer {
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

/// What a proposer makes of the transactions that wait.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// For the block, in order.
    pub taken: Vec<Arc<Checked>>,
    /// Not admitted as state is now, or too much for any block: whoever keeps them waits for nothing.
    pub refused: Vec<Arc<Checked>>,
}

/// Of `candidates`, in their order, at most `places` that a proposer puts into the block at `admission.height`: admitted, each source's
/// nonces without a gap, within the quotas, and no more than fit beside the commit of so many validators.
pub fn select<'a>(
    view: &dyn View,
    admission: &Admission,
    validators: usize,
    places: u32,
    candidates: impl IntoIterator<Item = &'a Arc<Checked>>,
) -> Selection {
    let mut room = transactions_bytes_max(validators);
    let mut places = admission.chain.block_transactions_max.min(places);
    let mut quota = Quota::new(&admission.chain);
    let empty = quota.clone();
    let mut nonces: BTreeMap<Did, i64> = BTreeMap::new();
    // Theirs come after one that was passed over.
    let mut passed: BTreeSet<Did> = BTreeSet::new();
    let mut selection = Selection::default();
    for transaction in candidates {
        if places == 0 {
            break;
        }
        let source = transaction.source;
        if passed.contains(&source) {
            continue;
        }
        let (payer, bytes) = (admission.payer(transaction), transaction.bytes().len());
        if bytes + TRANSACTION_FRAME_BYTES > room || quota.has_room(&payer, bytes).is_err() {
            passed.insert(source);
            if empty.has_room(&payer, bytes).is_err() {
                selection.refused.push(transaction.clone());
            }
            continue;
        }
        let Ok(admitted) = admission.admit(view, transaction) else {
            passed.insert(source);
            selection.refused.push(transaction.clone());
            continue;
        };
        let last = nonces.get(&source).copied();
        let last = last.unwrap_or(admitted.account.record.nonce);
        if last.checked_add(1) != Some(transaction.nonce)
            || quota.take(&admitted.payer, bytes).is_err()
        {
            passed.insert(source);
            continue;
        }
        room -= bytes + TRANSACTION_FRAME_BYTES;
        places -= 1;
        nonces.insert(source, transaction.nonce);
        selection.taken.push(transaction.clone());
    }
    selection
}
