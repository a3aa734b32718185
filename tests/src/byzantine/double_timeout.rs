//! Timeouts of many rounds at once: one that gives up on rounds which nobody entered.

use starfire_consensus::effect::Recipient;
use starfire_consensus::message::Message;

use super::{Behaviour, Hand, Letter, Lie};

pub(super) const LIE: Lie = Lie {
    name: "double timeout",
    convicts: true,
    make: |_| Box::new(DoubleTimeout),
};

/// How far ahead of the heard round it gives up.
const AHEAD: [u32; 4] = [0, 1, 2, 7];

#[derive(Debug)]
struct DoubleTimeout;

impl Behaviour for DoubleTimeout {
    fn send(&mut self, hand: &Hand<'_>, message: Message, to: Recipient) -> Vec<Letter> {
        match &message {
            Message::Timeout(timeout) => AHEAD
                .iter()
                .map(|ahead| Letter::to_all(&hand.timeout(timeout.round + ahead, None)))
                .chain([Letter::new(to, &message)])
                .collect(),
            Message::Proposal(_)
            | Message::Vote(_)
            | Message::QuorumCertificate(_)
            | Message::TimeoutCertificate(_)
            | Message::Commit(_)
            | Message::Misbehaviour(_) => vec![Letter::new(to, &message)],
        }
    }

    fn hear(&mut self, hand: &Hand<'_>, message: &Message) -> Vec<Letter> {
        let Message::Proposal(proposal) = message else {
            return Vec::new();
        };
        vec![
            Letter::to_all(&hand.timeout(proposal.round, None)),
            Letter::to_all(&hand.timeout(proposal.round + 1, None)),
        ]
    }
}
