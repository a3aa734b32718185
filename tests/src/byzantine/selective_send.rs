//! A validator that talks to some of the others only.

use starfire_consensus::effect::Recipient;
use starfire_consensus::message::Message;

use super::{Behaviour, Hand, Letter, Lie};

pub(super) const LIE: Lie = Lie {
    name: "selective send",
    convicts: false,
    make: |number| Box::new(SelectiveSend { friends: number }),
};

#[derive(Debug)]
struct SelectiveSend {
    /// One bit a validator, by place.
    friends: u64,
}

impl Behaviour for SelectiveSend {
    fn send(&mut self, hand: &Hand<'_>, message: Message, to: Recipient) -> Vec<Letter> {
        let meant = |address| match to {
            Recipient::All => true,
            Recipient::One(one) => one == address,
        };
        hand.everyone()
            .into_iter()
            .enumerate()
            .filter(|(place, address)| self.friends >> (place % 64) & 1 == 1 && meant(*address))
            .map(|(_, address)| Letter::new(Recipient::One(address), &message))
            .collect()
    }
}
