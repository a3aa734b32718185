//! A collector that keeps certificates to itself, or shows them to one validator only.

use starfire_consensus::effect::Recipient;
use starfire_consensus::message::Message;

use super::{Behaviour, Hand, Letter, Lie};

pub(super) const LIE: Lie = Lie {
    name: "withheld certificate",
    convicts: false,
    make: |number| {
        Box::new(WithheldCertificate {
            confidant: usize::try_from(number % 8).expect("less than eight"),
        })
    },
};

#[derive(Debug)]
struct WithheldCertificate {
    /// Who sees certificates; beyond the set: nobody.
    confidant: usize,
}

impl Behaviour for WithheldCertificate {
    fn send(&mut self, hand: &Hand<'_>, message: Message, to: Recipient) -> Vec<Letter> {
        match message {
            Message::QuorumCertificate(_) | Message::TimeoutCertificate(_) | Message::Commit(_) => {
                hand.everyone()
                    .get(self.confidant)
                    .map(|address| Letter::new(Recipient::One(*address), &message))
                    .into_iter()
                    .collect()
            }
            Message::Proposal(_)
            | Message::Vote(_)
            | Message::Timeout(_)
            | Message::Misbehaviour(_) => {
                vec![Letter::new(to, &message)]
            }
        }
    }
}
