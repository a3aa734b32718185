//! What a node tells of a block that it has committed.

use std::collections::BTreeMap;
use std::sync::Arc;

use starfire_ledger::CheckedBlock;
use starfire_state::{Changes, key};
use tendermint::block::{Commit, CommitSig};
use tendermint::{Hash, Time, account, validator};

/// A block that is executed; durable when [`super::Output::Committed`] tells of it.
#[derive(Debug, Clone)]
pub struct Committed {
    /// Its height.
    pub height: u64,
    /// Its time.
    pub time: Time,
    /// Its header's hash.
    pub header_hash: Hash,
    /// Root of the state after it: what the next header carries.
    pub app_hash: [u8; 32],
    /// The round in which it was decided.
    pub round: u32,
    /// Who proposed it.
    pub proposer: account::Id,
    /// Hashes of its transactions, in order.
    pub transactions: Vec<[u8; 32]>,
    /// Accounts that sent those which were executed, and their nonces after it.
    pub senders: BTreeMap<Arc<str>, i64>,
    /// Whether members or validators changed: the network has to know.
    pub membership_changed: bool,
    /// Every validator, and whether its signature is on the commit.
    pub signers: Vec<(account::Id, bool)>,
}

impl Committed {
    pub(crate) fn new(
        block: &CheckedBlock,
        commit: &Commit,
        app_hash: [u8; 32],
        membership_changed: bool,
        validators: &validator::Set,
        senders: BTreeMap<Arc<str>, i64>,
    ) -> Self {
        let header = &block.block().header;
        let signers = validators
            .validators()
            .iter()
            .zip(&commit.signatures)
            .map(|(validator, signature)| {
                (
                    validator.address,
                    !matches!(signature, CommitSig::BlockIdFlagAbsent),
                )
            })
            .collect();
        Self {
            height: header.height.value(),
            time: header.time,
            header_hash: header.hash(),
            app_hash,
            round: commit.round.value(),
            proposer: header.proposer_address,
            transactions: block
                .transactions()
                .iter()
                .map(|transaction| transaction.hash)
                .collect(),
            senders,
            membership_changed,
            signers,
        }
    }
}

/// Whether a block changes who belongs to the chain or decides its heights.
pub(super) fn changes_membership(changes: &Changes) -> bool {
    // "member" begins the paths of members, present and removed.
    [&b"member"[..], key::VALIDATORS]
        .iter()
        .any(|prefix| touches(changes, prefix))
}

fn touches(changes: &Changes, prefix: &[u8]) -> bool {
    changes
        .range(prefix.to_vec()..)
        .next()
        .is_some_and(|(path, _)| path.starts_with(prefix))
}
