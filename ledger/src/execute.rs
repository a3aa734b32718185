//! Execution: (state, block) → outcome.
//!
//! A pure function, run by every node on the same block over the same state. Each transaction is admitted or refused by the state
//! as the transactions before it left it. An admitted one uses its nonce and pays its fee; then its operations run as one, and
//! either all of them count or none. A refused one leaves no trace but its receipt.

use starfire_proto::v1;
use starfire_state::{Changes, Env, Event, Overlay, Rejection, View, key};
use tendermint::Hash;

use crate::admission::{Admission, Admitted};
use crate::check::{Checked, CheckedBlock};
use crate::quota::Quota;
use crate::{code, presence, read_ahead, receipt, validators};

/// What a block does.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Changes of state, to be applied to the tree as the version of the block's height.
    pub changes: Changes,
    /// One a transaction, in order.
    pub receipts: Vec<v1::Receipt>,
    /// Which transactions used their nonce. Only these can be said to be done; a transaction that was refused may be seen again,
    /// so an index by hash must not let it hide the place where it was executed.
    pub executed: Vec<bool>,
    /// `last_results_hash` of the next header.
    pub results_hash: Hash,
}

/// Executes a block over the state before it.
pub fn execute(view: &dyn View, block: &CheckedBlock) -> Outcome {
    let header = &block.block().header;
    let height = header.height.value();
    let admission = Admission::new(view, height);
    let transactions = block.transactions().iter().map(AsRef::as_ref);
    view.read_ahead(&mut read_ahead::paths(&admission.chain, transactions));
    let mut state = Overlay::new(view);
    // Every later header proves every earlier one.
    if let (Some(last_block_id), Some(last_height)) = (header.last_block_id, height.checked_sub(1))
    {
        state.put(
            key::header(last_height),
            last_block_id.hash.as_bytes().to_vec(),
        );
    }

    validators::advance(&mut state, header, block.block().last_commit.as_ref());
    if let Some(last_commit) = &block.block().last_commit {
        presence::note(&mut state, last_commit);
    }

    let mut quota = Quota::new(&admission.chain);
    let mut env = Env {
        chain: admission.chain.clone(),
        height,
        time: header.time,
        sender: String::new(),
        member: None,
    };
    let mut receipts = Vec::with_capacity(block.transactions().len());
    let mut executed = Vec::with_capacity(block.transactions().len());
    for transaction in block.transactions() {
        let ran = run(&mut state, &admission, &mut quota, &mut env, transaction);
        executed.push(ran.is_ok());
        let (fee, result) = ran.unwrap_or_else(|refusal| (0, Err(refusal)));
        receipts.push(receipt::executed(&transaction.hash, fee, result));
    }
    let (changes, _) = state.into_parts();
    let results_hash = receipt::results_hash(&receipts);
    Outcome {
        changes,
        receipts,
        executed,
        results_hash,
    }
}

/// Admits a transaction, takes its nonce and fee, and runs the operations on their own overlay. `Err`: it is refused, and may come
/// again.
fn run(
    state: &mut Overlay<'_>,
    admission: &Admission,
    quota: &mut Quota,
    env: &mut Env,
    transaction: &Checked,
) -> Result<(i64, Result<Vec<Event>, Rejection>), Rejection> {
    let first = quota.is_unread(&admission.payer(transaction));
    let admitted = admission.admit_within(state, quota, transaction)?;
    let Admitted {
        account: mut source,
        fee,
        payer,
    } = admitted;
    source.step_nonce(transaction.nonce)?;
    quota.take(&payer, transaction.bytes().len())?;

    source
        .debit(fee, 0)
        .expect("admission has compared the balance with the fee limit");
    let mut paid = Overlay::new(state);
    source.save(&mut paid);
    let mut operations = Overlay::new(&paid);
    let may_read = |bytes| quota.may_read(&payer, bytes);
    let result = operate(&mut operations, admission, env, transaction, may_read);
    quota.note_read(&payer, operations.bytes_read());
    let done = match result {
        Ok(()) => Ok(operations.into_parts()),
        // Others of its payer have left it too little. One that comes first has read all by itself, and would for ever.
        Err(rejection) if rejection.code == code::READ_QUOTA && !first => return Err(rejection),
        Err(rejection) => Err(rejection),
    };
    let (nonce_and_fee, _) = paid.into_parts();
    state.absorb(nonce_and_fee);
    let result = done.map(|(changes, events)| {
        state.absorb(changes);
        events
    });
    Ok((fee, result))
}

/// Runs the operations, until one fails or has no leave to read after what those before it have.
fn operate(
    operations: &mut Overlay<'_>,
    admission: &Admission,
    env: &mut Env,
    transaction: &Checked,
    may_read: impl Fn(u64) -> Result<(), Rejection>,
) -> Result<(), Rejection> {
    let signers: Vec<&str> = transaction.signers.iter().map(String::as_str).collect();
    for operation in &transaction.operations {
        may_read(operations.bytes_read())?;
        let payload = operation.payload.clone()?;
        let sender = operation
            .source
            .map_or_else(|| transaction.sender.to_string(), |other| other.to_string());
        env.member = admission.members.get(&sender).cloned();
        env.sender = sender;
        payload.apply(operations, env, &signers)?;
    }
    Ok(())
}
