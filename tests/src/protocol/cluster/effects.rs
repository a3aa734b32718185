//! What machines ask for, carried out in order; and what liars make of it.

use std::sync::Arc;

use starfire_consensus::effect::{Effect, Recipient};
use starfire_consensus::input::Input;
use starfire_consensus::machine::Consensus;
use starfire_consensus::message::{Message, Unsigned};

use super::super::chain::sign;
use super::super::checks::Checks;
use super::super::network::{Event, Node};
use super::Cluster;
use crate::byzantine::{Hand, Letter};
use crate::violation::Violation;

impl Cluster<'_> {
    pub(super) fn feed(&mut self, node: Node, input: Input) -> Result<(), Violation> {
        self.members[node].inputs.push_back(input);
        self.drain(node)
    }

    /// Feeds the machine until it has nothing more to do, or dies.
    pub(super) fn drain(&mut self, node: Node) -> Result<(), Violation> {
        while let Some(input) = self.members[node].inputs.pop_front() {
            let Some(machine) = &mut self.members[node].machine else {
                self.members[node].inputs.clear();
                return Ok(());
            };
            for effect in machine.step(input) {
                if self.dies_at(node, &effect)? {
                    return Ok(());
                }
                self.counts.effects += 1;
                self.carry_out(node, effect)?;
            }
        }
        Ok(())
    }

    pub(super) fn carry_out(&mut self, node: Node, effect: Effect) -> Result<(), Violation> {
        match effect {
            Effect::Persist(record) => {
                let liar = self.is_liar(self.members[node].validator);
                let disk = &mut self.members[node].disk;
                if !liar {
                    Checks::recorded(disk.record(), &record)?;
                }
                disk.save(&record);
                Ok(())
            }
            Effect::Sign { message, to } => self.sign(node, message, to),
            // Twins sign with one key, and are meant not to notice.
            Effect::Foreign(_) if self.is_liar(self.members[node].validator) => Ok(()),
            // A lost record knows nothing of what was signed before; its node is silent already.
            Effect::Foreign(_) if self.members[node].reports.is_some() => Ok(()),
            Effect::Foreign(signature) => Err(Violation(format!(
                "node {node} takes its own signature for another's: {signature:?}"
            ))),
            Effect::Send { message, to } => {
                self.send(node, &message, to);
                Ok(())
            }
            Effect::Build { height, round, .. } => {
                let member = &mut self.members[node];
                member.built += 1;
                let (validator, attempt) = (member.validator, member.built);
                let parent = member.disk.blocks.last().map(|(block, _)| block);
                let block = self.chain.block(parent, validator, attempt);
                if block.header().height.value() == height {
                    self.members[node]
                        .inputs
                        .push_back(Input::Built { round, block });
                }
                Ok(())
            }
            Effect::Arm { timer, duration } => {
                let life = self.members[node].life;
                let after = u64::try_from(duration.as_millis()).expect("a short timer");
                let event = Event::Timer { node, life, timer };
                self.network.schedule(after.max(1), event);
                Ok(())
            }
            Effect::Commit { block, commit } => self.commit(node, block, *commit),
            Effect::Missing { commit } => {
                self.fall_behind(node, commit.height.value());
                Ok(())
            }
            Effect::Misbehaviour(misbehaviour) => {
                let electorate = self.members[node]
                    .machine
                    .as_ref()
                    .and_then(Consensus::electorate)
                    .cloned();
                electorate.map_or(Ok(()), |electorate| {
                    self.checks.accused(&misbehaviour, &electorate)
                })
            }
        }
    }

    pub(super) fn sign(
        &mut self,
        node: Node,
        message: Unsigned,
        to: Recipient,
    ) -> Result<(), Violation> {
        let member = &self.members[node];
        let address = self.chain.address(member.validator);
        self.checks
            .signed(address, &message, member.disk.record())?;
        let message = self.chain.sign(member.validator, message);
        let own = match to {
            Recipient::All => true,
            Recipient::One(one) => one == address,
        };
        if own {
            let parcel = self.chain.parcel(&message.encode());
            if parcel.message.as_ref() != Some(&message) {
                return Err(Violation("codec: an own message changes".to_owned()));
            }
            let electorate = self.members[node]
                .machine
                .as_ref()
                .and_then(Consensus::electorate)
                .cloned()
                .expect("who signs is at a height");
            match self.chain.verify(&parcel, &electorate) {
                Some(Ok(input)) => self.members[node].inputs.push_back(input),
                other => {
                    return Err(Violation(format!("an own message is refused: {other:?}")));
                }
            }
        }
        self.send(node, &message, to);
        Ok(())
    }

    /// Sends to others, or lets a liar say something else.
    pub(super) fn send(&mut self, node: Node, message: &Message, to: Recipient) {
        let validator = self.members[node].validator;
        let Some(mut liar) = self.liars.remove(&validator) else {
            self.post(node, &Letter::new(to, message));
            return;
        };
        let letters = self.with_hand(node, |hand| liar.send(hand, message.clone(), to));
        self.liars.insert(validator, liar);
        for letter in letters {
            self.post(node, &letter);
        }
    }

    pub(super) fn with_hand(
        &self,
        node: Node,
        say: impl FnOnce(&Hand<'_>) -> Vec<Letter>,
    ) -> Vec<Letter> {
        let member = &self.members[node];
        let Some(electorate) = member.machine.as_ref().and_then(Consensus::electorate) else {
            return Vec::new();
        };
        let key = self.chain.key(member.validator);
        say(&Hand {
            address: self.chain.address(member.validator),
            chain_id: electorate.chain_id(),
            height: electorate.height(),
            validators: electorate.validators(),
            pen: &|bytes| sign(key, bytes),
        })
    }

    pub(super) fn post(&mut self, node: Node, letter: &Letter) {
        let parcel = self.chain.parcel(&letter.bytes);
        let me = self.members[node].validator;
        for other in 0..self.members.len() {
            let validator = self.members[other].validator;
            let meant = match letter.to {
                Recipient::All => true,
                Recipient::One(address) => self.chain.address(validator) == address,
            };
            if meant && validator != me {
                let event = Event::Deliver {
                    from: node,
                    to: other,
                    parcel: Arc::clone(&parcel),
                };
                self.network.send(node, other, &event);
            }
        }
    }

    pub(super) fn liar_hears(&mut self, node: Node, message: &Message) {
        let validator = self.members[node].validator;
        let Some(mut liar) = self.liars.remove(&validator) else {
            return;
        };
        let letters = self.with_hand(node, |hand| liar.hear(hand, message));
        self.liars.insert(validator, liar);
        for letter in letters {
            self.post(node, &letter);
        }
    }
}
