//! A validator that forgets its lock: it denies the certificate that it precommitted on, and votes for whatever comes next.

use starfire_consensus::effect::Recipient;
use starfire_consensus::message::Message;
use tendermint::vote::Type;

use super::{Behaviour, Hand, Letter, Lie};

pub(super) const LIE: Lie = Lie {
    name: "amnesia",
    convicts: true,
    make: |_| Box::new(Amnesia),
};

#[derive(Debug)]
struct Amnesia;

impl Behaviour for Amnesia {
    fn send(&mut self, hand: &Hand<'_>, message: Message, to: Recipient) -> Vec<Letter> {
        let mut letters = vec![Letter::new(to, &message)];
        match &message {
            Message::Vote(vote) if vote.vote_type == Type::Precommit => {
                // Everybody sees both, so that it is caught wherever it is not lost.
                letters.push(Letter::to_all(&message));
                letters.push(Letter::to_all(&hand.timeout(vote.round.value(), None)));
            }
            Message::Timeout(timeout) => {
                letters = vec![Letter::to_all(&hand.timeout(timeout.round, None))];
            }
            Message::Vote(_)
            | Message::Proposal(_)
            | Message::QuorumCertificate(_)
            | Message::TimeoutCertificate(_)
            | Message::Commit(_)
            | Message::Misbehaviour(_) => {}
        }
        letters
    }

    fn hear(&mut self, hand: &Hand<'_>, message: &Message) -> Vec<Letter> {
        let Message::Proposal(proposal) = message else {
            return Vec::new();
        };
        let (id, time) = (proposal.block.id(), proposal.block.time());
        vec![Letter::to_all(&hand.vote(
            Type::Prevote,
            id,
            time,
            proposal.round,
        ))]
    }
}
