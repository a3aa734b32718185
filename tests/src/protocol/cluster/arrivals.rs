//! What arrives at a node: messages of this height and of others, heights of peers, and the blocks that it lacks.

use std::sync::Arc;

use starfire_consensus::candidate::Candidate;
use starfire_consensus::machine::Consensus;
use starfire_consensus::message::Message;
use tendermint::block::Commit;

use super::super::chain::Parcel;
use super::super::network::{Event, Node};
use super::{CATCH_UP_BLOCKS, Cluster, EARLY_MAX, PATIENCE_MS};
use crate::violation::Violation;

impl Cluster<'_> {
    pub(super) fn receive(
        &mut self,
        from: Node,
        node: Node,
        parcel: &Arc<Parcel>,
    ) -> Result<(), Violation> {
        let Some(electorate) = self.members[node]
            .machine
            .as_ref()
            .and_then(Consensus::electorate)
            .cloned()
        else {
            return Ok(());
        };
        let Some(message) = &parcel.message else {
            return Ok(());
        };
        let height = electorate.height();
        match message.height().cmp(&height) {
            std::cmp::Ordering::Greater => {
                let member = &mut self.members[node];
                if message.height() == height + 1 && member.early.len() < EARLY_MAX {
                    member.early.push((from, Arc::clone(parcel)));
                }
                self.fall_behind(node, message.height() - 1);
                Ok(())
            }
            std::cmp::Ordering::Less => {
                self.tell_height_to(node, from);
                self.late_vote(node, parcel)
            }
            std::cmp::Ordering::Equal => {
                self.liar_hears(node, message);
                match self.chain.verify(parcel, &electorate) {
                    Some(Ok(input)) if self.accepts(&input) => self.feed(node, input),
                    Some(Ok(_) | Err(_)) | None => Ok(()),
                }
            }
        }
    }

    /// A precommit of the height before still counts for the next block's commit.
    pub(super) fn late_vote(&mut self, node: Node, parcel: &Arc<Parcel>) -> Result<(), Violation> {
        if !matches!(parcel.message, Some(Message::Vote(_))) {
            return Ok(());
        }
        let blocks = &self.members[node].disk.blocks;
        let Some(before) = blocks.len().checked_sub(1) else {
            return Ok(());
        };
        let parent = before
            .checked_sub(1)
            .map(|place| &self.members[node].disk.blocks[place].0);
        let electorate = self.chain.electorate(parent);
        match self.chain.verify(parcel, &electorate) {
            Some(Ok(input)) => self.feed(node, input),
            Some(Err(_)) | None => Ok(()),
        }
    }

    /// A block is decided here, by consensus or by another node's blocks.
    pub(super) fn commit(
        &mut self,
        node: Node,
        block: Candidate,
        commit: Commit,
    ) -> Result<(), Violation> {
        let member = &self.members[node];
        let height = block.header().height.value();
        if height != member.disk.blocks.len() as u64 + 1 {
            return Err(Violation(format!(
                "order: node {node} commits height {height}"
            )));
        }
        let parent = member.disk.blocks.last().map(|(block, _)| block);
        self.chain
            .certify(parent, &block, &commit)
            .map_err(|error| Violation(format!("certificate of height {height}: {error}")))?;
        if !self.chain.is_valid(&block) {
            return Err(Violation(format!("validity: the block of height {height}")));
        }
        self.checks.committed(height, block.id())?;
        self.trace.update(&node.to_le_bytes());
        self.trace.update(block.id().hash.as_bytes());
        if let Some(healed) = &mut self.healed
            && height == healed.height + 1
            && healed.decided_in.is_none()
        {
            healed.decided_in = Some(commit.round.value());
        }
        self.members[node].disk.blocks.push((block, commit));
        self.begin_height(node);
        self.tell_height(node);
        self.end_amnesia(node)
    }

    pub(super) fn tell_height(&mut self, from: Node) {
        for to in 0..self.members.len() {
            self.tell_height_to(from, to);
        }
    }

    pub(super) fn tell_height_to(&mut self, from: Node, to: Node) {
        let height = self.members[from].disk.blocks.len() as u64;
        if from != to && self.members[from].machine.is_some() {
            self.network
                .send(from, to, &Event::Height { from, to, height });
        }
    }

    pub(super) fn hear_of_height(
        &mut self,
        from: Node,
        node: Node,
        height: u64,
    ) -> Result<(), Violation> {
        if let Some(reports) = &mut self.members[node].reports {
            let known = reports.entry(from).or_insert(0);
            *known = height.max(*known);
        }
        self.fall_behind(node, height);
        self.end_amnesia(node)?;
        self.drain(node)
    }

    pub(super) fn fall_behind(&mut self, node: Node, height: u64) {
        let member = &mut self.members[node];
        let behind = member.machine.is_some() && (member.disk.blocks.len() as u64) < height;
        if behind && !member.catching_up {
            member.catching_up = true;
            self.network.schedule(PATIENCE_MS, Event::CatchUp(node));
        }
    }

    pub(super) fn catch_up(&mut self, node: Node) -> Result<(), Violation> {
        self.members[node].catching_up = false;
        if self.members[node].machine.is_none() {
            return Ok(());
        }
        let mine = self.members[node].disk.blocks.len();
        let higher: Vec<Node> = (0..self.members.len())
            .filter(|other| {
                let there = &self.members[*other];
                there.machine.is_some()
                    && there.disk.blocks.len() > mine
                    && self.network.connected(node, *other)
            })
            .collect();
        if higher.is_empty() {
            return Ok(());
        }
        let peer = higher[self.random.usize(0..higher.len())];
        let blocks: Vec<_> = self.members[peer]
            .disk
            .blocks
            .iter()
            .skip(mine)
            .take(CATCH_UP_BLOCKS)
            .cloned()
            .collect();
        for (block, commit) in blocks {
            // Consensus may have been faster.
            if block.header().height.value() == self.members[node].disk.blocks.len() as u64 + 1 {
                self.commit(node, block, commit)?;
                self.drain(node)?;
            }
            if self.members[node].machine.is_none() {
                return Ok(());
            }
        }
        self.fall_behind(node, self.checks.height());
        Ok(())
    }
}
