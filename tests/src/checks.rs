//! What must hold after every event, whatever happened.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use starfire_consensus::certificate::{self, Options, Trusted};
use starfire_consensus::message::Message;
use starfire_ledger::Block;
use starfire_ledger::validators::Sets;
use starfire_node::replica::{Committed, Replica};
use tendermint::block::{Header, signed_header::SignedHeader};
use tendermint::{Hash, account, block, validator};

use crate::network::Node;
use crate::violation::Violation;

/// What the simulation has seen, to hold new events against.
#[derive(Debug, Default)]
pub struct Checks {
    blocks: BTreeMap<u64, (Hash, [u8; 32])>,
    heights: BTreeMap<Node, u64>,
    /// What each validator signed, by kind, height and round.
    votes: BTreeMap<(account::Id, i32, u64, u32), block::Id>,
    /// Validators that may break rules: those with a twin.
    pub byzantine: BTreeSet<account::Id>,
    injected: BTreeSet<[u8; 32]>,
    /// Transactions that were committed.
    pub executed: BTreeSet<[u8; 32]>,
    /// Heights at which another set begins to decide.
    pub set_changes: u32,
    /// How often the proposer of the height before was not in it.
    pub proposers_left: u32,
    /// The newest header of the chain, with the set after it: what a light client trusts that follows height by height.
    trusted: Option<(Header, validator::Set)>,
}

impl Checks {
    /// A client sent this transaction.
    pub fn injected(&mut self, hash: [u8; 32]) {
        self.injected.insert(hash);
    }

    /// The highest height that anybody committed.
    pub fn height(&self) -> u64 {
        self.blocks
            .last_key_value()
            .map_or(0, |(height, _)| *height)
    }

    /// Agreement, validity, equal state, order, and a certificate that the whole set stands behind.
    pub fn committed(
        &mut self,
        node: Node,
        committed: &Committed,
        replica: &Replica,
    ) -> Result<(), Violation> {
        let height = committed.height;
        let this = (committed.header_hash, committed.app_hash);
        let first = *self.blocks.entry(height).or_insert(this);
        if first.0 != this.0 {
            return Err(Violation(format!(
                "agreement: node {node} committed another block at height {height}"
            )));
        }
        if first.1 != this.1 {
            return Err(Violation(format!(
                "state: node {node} has another app hash at height {height}"
            )));
        }
        let last = self.heights.insert(node, height);
        if last.is_some_and(|last| height != last + 1) {
            return Err(Violation(format!(
                "order: node {node} committed height {height} after {last:?}"
            )));
        }
        for hash in &committed.transactions {
            if !self.injected.contains(hash) {
                return Err(Violation(format!(
                    "validity: a transaction at height {height} came from nobody"
                )));
            }
            self.executed.insert(*hash);
        }
        let sets = Sets::load(&*replica.archive().state_at(height - 1));
        let signed = check_certificate(replica, height, &sets.current)?;
        self.follow(signed, sets)
    }

    /// A light client goes from each header to the next one, by the stock verifier.
    fn follow(&mut self, signed: SignedHeader, sets: Sets) -> Result<(), Violation> {
        let header = signed.header.clone();
        let height = header.height.value();
        let Some((trusted, next_validators)) = &self.trusted else {
            self.trusted = Some((header, sets.next));
            return Ok(());
        };
        if height != trusted.height.value() + 1 {
            return Ok(());
        }
        if sets.current != sets.last {
            self.set_changes += 1;
            let left = sets.current.validator(trusted.proposer_address).is_none();
            self.proposers_left += u32::from(left);
        }
        let trust = Trusted {
            chain_id: &trusted.chain_id,
            height: trusted.height.value(),
            time: trusted.time,
            next_validators,
            next_validators_hash: trusted.next_validators_hash,
        };
        let options = Options {
            trusting_period: Duration::from_secs(86_400),
            clock_drift: Duration::from_secs(10),
        };
        let verified = certificate::verify_from(
            &trust,
            &signed,
            &sets.current,
            Some(&sets.next),
            header.time,
            &options,
        );
        verified.map_err(|error| {
            Violation(format!(
                "a light client stops before height {height}: {error}"
            ))
        })?;
        self.trusted = Some((header, sets.next));
        Ok(())
    }

    /// A node starts again at the height that its disk holds.
    pub fn restarted(&mut self, node: Node, height: u64) -> Result<(), Violation> {
        let before = self.heights.insert(node, height).unwrap_or(0);
        // A crash may come between the write and the word about it, never the other way round.
        if height < before {
            return Err(Violation(format!(
                "durability: node {node} was at {before}, its disk is at {height}"
            )));
        }
        Ok(())
    }

    /// No honest validator signs two different votes of one kind in one round.
    pub fn sent(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        let message = Message::decode(bytes).map_err(|error| {
            Violation(format!("codec: a node sent what does not decode: {error}"))
        })?;
        let Message::Vote(vote) = message else {
            return Ok(());
        };
        if self.byzantine.contains(&vote.validator_address) {
            return Ok(());
        }
        let Some(id) = vote.block_id else {
            return Err(Violation("a vote for nil".to_owned()));
        };
        let key = (
            vote.validator_address,
            vote.vote_type as i32,
            vote.height.value(),
            vote.round.value(),
        );
        let first = *self.votes.entry(key).or_insert(id);
        if first == id {
            Ok(())
        } else {
            Err(Violation(format!("double vote: {key:?}")))
        }
    }
}

fn check_certificate(
    replica: &Replica,
    height: u64,
    set: &validator::Set,
) -> Result<SignedHeader, Violation> {
    let (block, commit) = replica
        .archive()
        .block(height)
        .expect("a committed block is stored");
    let header = Block::decode(&block)
        .map_err(|error| Violation(format!("codec: {error}")))?
        .header;
    let commit =
        <tendermint_proto::v0_38::types::Commit as prost::Message>::decode(commit.as_slice())
            .ok()
            .and_then(|commit| commit.try_into().ok())
            .ok_or_else(|| Violation(format!("codec: the commit of height {height}")))?;
    let signed = SignedHeader::new(header, commit)
        .map_err(|error| Violation(format!("certificate: {error}")))?;
    certificate::verify(&signed, set)
        .map_err(|error| Violation(format!("certificate of height {height}: {error}")))?;
    Ok(signed)
}
