//! A validator that repeats old messages of everybody, of this height and of earlier ones.

use starfire_consensus::effect::Recipient;
use starfire_consensus::message::Message;

use super::{Behaviour, Hand, Letter, Lie};

pub(super) const LIE: Lie = Lie {
    name: "replayed messages",
    convicts: false,
    make: |number| {
        Box::new(Replayer {
            kept: Vec::new(),
            random: fastrand::Rng::with_seed(number),
        })
    },
};

/// Messages that are kept.
const KEPT_MAX: usize = 64;

#[derive(Debug)]
struct Replayer {
    kept: Vec<Vec<u8>>,
    random: fastrand::Rng,
}

impl Behaviour for Replayer {
    fn send(&mut self, _hand: &Hand<'_>, message: Message, to: Recipient) -> Vec<Letter> {
        self.keep(&message);
        vec![Letter::new(to, &message)]
    }

    fn hear(&mut self, _hand: &Hand<'_>, message: &Message) -> Vec<Letter> {
        self.keep(message);
        // Now and then: an answer to everything would be answered in turn.
        if self.random.u32(0..4) > 0 {
            return Vec::new();
        }
        let bytes = self.kept[self.random.usize(0..self.kept.len())].clone();
        vec![Letter {
            to: Recipient::All,
            bytes,
        }]
    }
}

impl Replayer {
    fn keep(&mut self, message: &Message) {
        let bytes = message.encode();
        if self.kept.len() < KEPT_MAX {
            self.kept.push(bytes);
        } else {
            let place = self.random.usize(0..KEPT_MAX);
            self.kept[place] = bytes;
        }
    }
}
