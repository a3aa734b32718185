//! Where the chain stands, derived from genesis and the newest block alone: a restarted node finds the same.

use starfire_consensus::electorate::{Electorate, Parent};
use starfire_ledger::{Block, Expected, Genesis, receipt};
use starfire_proto::v1;
use starfire_state::{Archive, tree};
use tendermint::block::Commit;

use super::decode_commit;

/// Where the chain stands: what the next block must agree with, and who decides it.
pub(super) struct Position {
    pub(super) expected: Expected,
    pub(super) electorate: Electorate,
    pub(super) last_commit: Option<Commit>,
    pub(super) had_transactions: bool,
}

impl Position {
    /// As the store has it.
    pub(super) fn load(genesis: &Genesis, archive: &dyn Archive, transactions_max: u32) -> Self {
        let height = archive.height().expect("genesis is stored");
        let validators = genesis.validators().clone();
        let first = Expected {
            chain_id: genesis.chain_id().clone(),
            height: 1,
            last_block_id: None,
            last_time: genesis.time(),
            app_hash: tree::root(archive, height),
            last_results_hash: receipt::results_hash(&[]),
            next_validators_hash: validators.hash(),
            last_validators: validators.clone(),
            validators,
            consensus_hash: genesis.consensus_hash(),
            transactions_max,
        };
        if height == 0 {
            let electorate = electorate(genesis, &first, None);
            return Self {
                expected: first,
                electorate,
                last_commit: None,
                had_transactions: false,
            };
        }
        let (block, commit) = archive.block(height).expect("the newest block is stored");
        let block = Block::decode(&block).expect("a stored block decodes");
        let receipts: Vec<v1::Receipt> = archive
            .receipts(height)
            .expect("a stored block has its receipts")
            .iter()
            .map(|bytes| {
                prost::Message::decode(bytes.as_slice()).expect("a stored receipt decodes")
            })
            .collect();
        let root = first.app_hash;
        let mut position = Self::after(&first, &block, root, &receipts, genesis);
        position.last_commit = Some(decode_commit(&commit));
        position.had_transactions = !block.transactions.is_empty();
        position
    }

    /// After one more block.
    pub(super) fn after(
        before: &Expected,
        block: &Block,
        root: [u8; 32],
        receipts: &[v1::Receipt],
        genesis: &Genesis,
    ) -> Self {
        let expected = Expected {
            height: block.height() + 1,
            last_block_id: Some(block.id()),
            last_time: block.header.time,
            app_hash: root,
            last_results_hash: receipt::results_hash(receipts),
            last_validators: before.validators.clone(),
            ..before.clone()
        };
        let parent = Parent {
            block_id: block.id(),
            proposer: block.header.proposer_address,
        };
        let electorate = electorate(genesis, &expected, Some(parent));
        Self {
            expected,
            electorate,
            last_commit: None,
            had_transactions: false,
        }
    }
}

fn electorate(genesis: &Genesis, expected: &Expected, parent: Option<Parent>) -> Electorate {
    Electorate::new(
        expected.chain_id.clone(),
        expected.height,
        expected.validators.clone(),
        parent,
        genesis.file().consensus.term_heights,
    )
    .expect("genesis has checked its validators")
}
