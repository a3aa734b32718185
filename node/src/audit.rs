//! An audit of a store: what it holds is what the validators signed.
//!
//! Every block that is kept must follow from the one before, carry a commit of its validators, and name the state and the receipts
//! that are stored; and every entry of the newest state must be proved by the newest root. Whoever changes a row, or a disk that does,
//! is found.

use prost::Message;
use starfire_consensus::certificate;
use starfire_ledger::{Block, receipt};
use starfire_proto::v1;
use starfire_state::{Archive, key, tree};
use tendermint::block::Commit;
use tendermint::block::signed_header::SignedHeader;
use tendermint::validator;
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::{Commit as RawCommit, ValidatorSet as RawValidatorSet};

/// Entries of state read at once: few, since each may have megabytes.
const SCAN_ENTRIES: usize = 64;

/// What was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Audited {
    /// Blocks, with commit, receipts and the root before them.
    pub blocks: u64,
    /// Transactions in them.
    pub transactions: u64,
    /// Entries of the newest state.
    pub entries: u64,
}

/// The first thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct Finding {
    /// Which block, or which path of state.
    pub place: String,
    /// What is wrong with it.
    pub problem: String,
}

/// Walks through a store that nobody writes; `told` hears of each height.
pub fn audit(archive: &dyn Archive, mut told: impl FnMut(u64)) -> Result<Audited, Finding> {
    let mut audited = Audited::default();
    let newest = archive.height().unwrap_or(0);
    let mut before: Option<Before> = None;
    for height in 1..=newest {
        if !archive.keeps(height) {
            before = None;
            continue;
        }
        told(height);
        let block = block(archive, height, before.as_ref()).map_err(|problem| Finding {
            place: format!("block {height}"),
            problem,
        })?;
        audited.blocks += 1;
        audited.transactions += block.transactions;
        before = Some(block);
    }
    if archive.height().is_some() {
        audited.entries = state(archive, newest)?;
    }
    Ok(audited)
}

/// What the next header must name.
struct Before {
    id: tendermint::block::Id,
    results_hash: tendermint::Hash,
    transactions: u64,
}

fn block(archive: &dyn Archive, height: u64, before: Option<&Before>) -> Result<Before, String> {
    let (bytes, commit) = archive.block(height).ok_or("it is missing")?;
    let block = Block::decode(&bytes).map_err(|error| error.to_string())?;
    if block.height() != height {
        return Err(format!("it is the block of height {}", block.height()));
    }
    let commit: Commit = RawCommit::decode(commit.as_slice())
        .ok()
        .and_then(|raw| raw.try_into().ok())
        .ok_or("its commit does not decode")?;
    if commit.block_id != block.id() {
        return Err("its commit is for another block".to_owned());
    }
    let validators = archive.state_at(height - 1).get(key::VALIDATORS);
    let validators = validators
        .and_then(|bytes| <validator::Set as Protobuf<RawValidatorSet>>::decode_vec(&bytes).ok())
        .ok_or("the state before it has no validators")?;
    let signed =
        SignedHeader::new(block.header.clone(), commit).map_err(|error| error.to_string())?;
    certificate::verify(&signed, &validators).map_err(|error| error.to_string())?;
    if !tree::is_kept(archive, height - 1) {
        return Err("the tree before it is missing".to_owned());
    }
    if block.header.app_hash.as_bytes() != tree::root(archive, height - 1) {
        return Err("the state before it has another root than it names".to_owned());
    }
    if let Some(before) = before
        && (block.header.last_block_id != Some(before.id)
            || block.header.last_results_hash != Some(before.results_hash))
    {
        return Err("it names another block, or other receipts, before it".to_owned());
    }
    let receipts = archive.receipts(height).ok_or("its receipts are missing")?;
    let receipts: Vec<v1::Receipt> = receipts
        .iter()
        .map(|bytes| v1::Receipt::decode(bytes.as_slice()))
        .collect::<Result<_, _>>()
        .map_err(|_| "a receipt does not decode")?;
    if receipts.len() != block.transactions.len() {
        return Err("it has not one receipt a transaction".to_owned());
    }
    Ok(Before {
        id: block.id(),
        results_hash: receipt::results_hash(&receipts),
        transactions: u64::try_from(receipts.len()).unwrap_or(u64::MAX),
    })
}

/// Each entry of the newest state, proved by its root.
fn state(archive: &dyn Archive, height: u64) -> Result<u64, Finding> {
    let finding = |path: &[u8], problem: &str| Finding {
        place: format!("state {}", String::from_utf8_lossy(path)),
        problem: problem.to_owned(),
    };
    if !tree::is_kept(archive, height) {
        return Err(finding(b"root", "the newest tree is missing"));
    }
    let (root, view) = (tree::root(archive, height), archive.state_at(height));
    let (mut entries, mut after) = (0, None::<Vec<u8>>);
    loop {
        let page = view.scan(b"", after.as_deref(), SCAN_ENTRIES);
        let Some((last, _)) = page.last() else {
            return Ok(entries);
        };
        after = Some(last.clone());
        for (path, value) in &page {
            let proof = tree::prove(archive, height, path).proof;
            if tree::verify(&root, path, Some(value), &proof).is_err() {
                return Err(finding(path, "the tree holds another value, or none"));
            }
            entries += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use starfire_state::{Batch, Changes, Memory, Store};

    use super::*;
    use crate::sync::fixture::Chain;

    /// The chain's store again, each height's batch changed on the way.
    fn copy(archive: &dyn Archive, change: impl Fn(u64, &mut Batch)) -> Memory {
        let mut memory = Memory::new();
        for height in 0..=archive.height().unwrap() {
            let state = archive.state_at(height).scan(b"", None, usize::MAX);
            let mut changes: Changes = state
                .into_iter()
                .map(|(path, value)| (path, Some(value)))
                .collect();
            if let Some(before) = height.checked_sub(1) {
                let before = archive.state_at(before);
                changes.retain(|path, value| before.get(path) != *value);
            }
            let tree = tree::apply(&memory, height, &changes).writes;
            let (block, commit) = archive.block(height).unwrap_or_default();
            let mut batch = Batch {
                height,
                changes,
                tree,
                block,
                commit,
                receipts: archive.receipts(height).unwrap_or_default(),
                ..Batch::default()
            };
            batch.transactions = vec![None; batch.receipts.len()];
            change(height, &mut batch);
            memory.commit(batch).unwrap();
        }
        memory
    }

    #[test]
    fn a_sound_store_passes_and_every_kind_of_damage_is_named() {
        let mut chain = Chain::new();
        chain.note(100);
        chain.grow(12);
        let archive = chain.archive();
        let audited = audit(&copy(archive, |_, _| {}), |_| {}).unwrap();
        assert_eq!((audited.blocks, audited.transactions), (12, 1));
        assert!(audited.entries > 12);

        let other = archive.block(4).unwrap();
        let damage = |height: u64, change: &dyn Fn(&mut Batch)| {
            let store = copy(archive, |at, batch| {
                if at == height {
                    change(batch);
                }
            });
            audit(&store, |_| {}).unwrap_err().place
        };
        assert_eq!(damage(7, &|batch| batch.block[30] ^= 1), "block 7");
        assert_eq!(damage(7, &|batch| batch.block = other.0.clone()), "block 7");
        assert_eq!(
            damage(7, &|batch| batch.commit = other.1.clone()),
            "block 7"
        );
        assert_eq!(
            damage(2, &|batch| {
                let receipt = v1::Receipt {
                    code: 7,
                    ..v1::Receipt::decode(batch.receipts[0].as_slice()).unwrap()
                };
                batch.receipts[0] = receipt.encode_to_vec();
            }),
            "block 3",
            "the next header names the receipts"
        );
        let rich = |batch: &mut Batch| {
            let path = b"account/nobody".to_vec();
            batch.changes.insert(path, Some(b"rich".to_vec()));
        };
        assert_eq!(damage(12, &rich), "state account/nobody");
    }
}
