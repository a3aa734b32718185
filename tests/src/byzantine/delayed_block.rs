//! A proposer that sends its block when the others have begun to give up.

use starfire_consensus::effect::Recipient;
use starfire_consensus::message::Message;

use super::{Behaviour, Hand, Letter, Lie};

pub(super) const LIE: Lie = Lie {
    name: "delayed block",
    convicts: false,
    make: |_| Box::new(DelayedBlock::default()),
};

#[derive(Debug, Default)]
struct DelayedBlock {
    held: Option<Letter>,
}

impl Behaviour for DelayedBlock {
    fn send(&mut self, _hand: &Hand<'_>, message: Message, to: Recipient) -> Vec<Letter> {
        let letter = Letter::new(to, &message);
        if matches!(message, Message::Proposal(_)) {
            self.held = Some(letter);
            Vec::new()
        } else {
            vec![letter]
        }
    }

    fn hear(&mut self, _hand: &Hand<'_>, message: &Message) -> Vec<Letter> {
        if matches!(message, Message::Timeout(_)) {
            self.held.take().into_iter().collect()
        } else {
            Vec::new()
        }
    }
}
