//! Where the chain stands, derived from the newest block and the state after it: a restarted node finds the same, and so does one
//! that got its state from others.

use starfire_consensus::electorate::{Electorate, Parent};
use starfire_ledger::validators::Sets;
use starfire_ledger::{Block, Expected, Genesis, presence, receipt};
use starfire_proto::v1;
use starfire_state::{Archive, View, tree};
use tendermint::block::Commit;
use tendermint::validator;

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
        let state = archive.state_at(height);
        let sets = Sets::load(&*state);
        let first = Expected {
            chain_id: genesis.chain_id().clone(),
            height: 1,
            last_block_id: None,
            last_time: genesis.time(),
            app_hash: tree::root(archive, height),
            last_results_hash: receipt::results_hash(&[]),
            next_validators_hash: sets.next.hash(),
            last_validators: sets.last.clone(),
            validators: sets.current.clone(),
            consensus_hash: genesis.consensus_hash(),
            transactions_max,
        };
        if height == 0 {
            let electorate = electorate(genesis, &first, sets.next, None, &*state);
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
        let mut position = Self::after(&first, &block, root, &receipts, &*state, genesis);
        position.last_commit = Some(decode_commit(&commit));
        position.had_transactions = !block.transactions.is_empty();
        position
    }

    /// After one more block, which left `state`.
    pub(super) fn after(
        before: &Expected,
        block: &Block,
        root: [u8; 32],
        receipts: &[v1::Receipt],
        state: &dyn View,
        genesis: &Genesis,
    ) -> Self {
        let sets = Sets::load(state);
        let expected = Expected {
            height: block.height() + 1,
            last_block_id: Some(block.id()),
            last_time: block.header.time,
            app_hash: root,
            last_results_hash: receipt::results_hash(receipts),
            next_validators_hash: sets.next.hash(),
            last_validators: sets.last,
            validators: sets.current,
            ..before.clone()
        };
        let parent = Parent {
            block_id: block.id(),
            proposer: block.header.proposer_address,
        };
        let electorate = electorate(genesis, &expected, sets.next, Some(parent), state);
        Self {
            expected,
            electorate,
            last_commit: None,
            had_transactions: false,
        }
    }
}

/// Who decides the height that `expected` is of. Validators that the state shows to be absent are passed over.
fn electorate(
    genesis: &Genesis,
    expected: &Expected,
    next: validator::Set,
    parent: Option<Parent>,
    state: &dyn View,
) -> Electorate {
    let electorate = Electorate::new(
        expected.chain_id.clone(),
        expected.height,
        expected.validators.clone(),
        parent,
        genesis.file().consensus.term_heights,
    );
    let electorate = electorate
        .expect("genesis and motions have checked the validators")
        .followed_by(next);
    let absent = presence::absent(state, electorate.validators(), electorate.height());
    electorate.passing_over(absent)
}
