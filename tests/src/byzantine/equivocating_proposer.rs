//! Two blocks in one round: each half of the validators sees another one, and one validator sees both.

use starfire_consensus::effect::Recipient;
use starfire_consensus::message::Message;

use super::invalid_block::rewritten;
use super::{Behaviour, Hand, Letter, Lie};

pub(super) const LIE: Lie = Lie {
    name: "equivocating proposer",
    convicts: true,
    make: |_| Box::new(EquivocatingProposer),
};

#[derive(Debug)]
struct EquivocatingProposer;

impl Behaviour for EquivocatingProposer {
    fn send(&mut self, hand: &Hand<'_>, message: Message, to: Recipient) -> Vec<Letter> {
        let Message::Proposal(proposal) = &message else {
            return vec![Letter::new(to, &message)];
        };
        // Equally valid: a millisecond later.
        let twin = rewritten(&proposal.block, |header| {
            header.time = (header.time + std::time::Duration::from_millis(1))
                .expect("a millisecond later is a time");
        })
        .expect("with another time it is a block still");
        let other = hand.propose(proposal, twin);
        let mut letters = Vec::new();
        for (place, address) in hand.everyone().into_iter().enumerate() {
            let (first, second) = if place % 2 == 0 {
                (&message, &other)
            } else {
                (&other, &message)
            };
            letters.push(Letter::new(Recipient::One(address), first));
            if place < 2 {
                letters.push(Letter::new(Recipient::One(address), second));
            }
        }
        letters
    }
}
