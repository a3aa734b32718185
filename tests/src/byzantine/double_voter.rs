//! A validator that votes for everything: for each block that it hears of, and for one that does not exist, in both phases.

use starfire_consensus::effect::Recipient;
use starfire_consensus::message::Message;
use tendermint::Time;
use tendermint::block::Id;
use tendermint::vote::Type;

use super::{Behaviour, Hand, Letter, Lie};

pub(super) const LIE: Lie = Lie {
    name: "vote for two blocks",
    convicts: true,
    make: |_| Box::new(DoubleVoter::default()),
};

/// Blocks of a height that are remembered.
const BLOCKS_MAX: usize = 4;

#[derive(Debug, Default)]
struct DoubleVoter {
    height: u64,
    blocks: Vec<(Id, Time)>,
}

impl Behaviour for DoubleVoter {
    fn send(&mut self, _hand: &Hand<'_>, message: Message, to: Recipient) -> Vec<Letter> {
        vec![Letter::new(to, &message)]
    }

    fn hear(&mut self, hand: &Hand<'_>, message: &Message) -> Vec<Letter> {
        let Message::Proposal(proposal) = message else {
            return Vec::new();
        };
        if self.height != hand.height {
            self.height = hand.height;
            self.blocks.clear();
        }
        let block = (proposal.block.id(), proposal.block.time());
        let phantom = Id {
            hash: tendermint::Hash::Sha256([7; 32]),
            ..block.0
        };
        for known in [block, (phantom, block.1)] {
            if self.blocks.len() < BLOCKS_MAX && !self.blocks.contains(&known) {
                self.blocks.push(known);
            }
        }
        let mut letters = Vec::new();
        for (id, time) in &self.blocks {
            for vote_type in [Type::Prevote, Type::Precommit] {
                letters.push(Letter::to_all(&hand.vote(
                    vote_type,
                    *id,
                    *time,
                    proposal.round,
                )));
            }
        }
        letters
    }
}
