//! Things that are too large: bytes beyond any message, votes with extensions, certificates with more places than validators.

use starfire_consensus::effect::Recipient;
use starfire_consensus::electorate::VALIDATORS_MAX;
use starfire_consensus::message::Message;
use starfire_consensus::wire::MESSAGE_BYTES_MAX;

use super::{Behaviour, Hand, Letter, Lie};

pub(super) const LIE: Lie = Lie {
    name: "oversize",
    convicts: false,
    make: |_| Box::new(Oversize::default()),
};

/// Bytes of a vote's extension.
const EXTENSION_BYTES: usize = 4096;

#[derive(Debug, Default)]
struct Oversize {
    flooded: bool,
}

impl Behaviour for Oversize {
    fn send(&mut self, _hand: &Hand<'_>, message: Message, to: Recipient) -> Vec<Letter> {
        let mut letters = vec![Letter::new(to, &message)];
        if !self.flooded {
            self.flooded = true;
            let bytes = vec![0x0a; MESSAGE_BYTES_MAX + 1];
            letters.push(Letter { to, bytes });
        }
        match message {
            Message::Vote(mut vote) => {
                vote.extension = vec![7; EXTENSION_BYTES];
                letters.push(Letter::new(to, &Message::Vote(vote)));
            }
            Message::QuorumCertificate(mut certificate) => {
                certificate.signatures.resize(VALIDATORS_MAX + 1, None);
                letters.push(Letter::new(to, &Message::QuorumCertificate(certificate)));
            }
            Message::TimeoutCertificate(mut ended) => {
                let twice = ended.timeouts.clone();
                ended.timeouts.extend(twice);
                letters.push(Letter::new(to, &Message::TimeoutCertificate(ended)));
            }
            Message::Commit(mut commit) => {
                let places = commit.signatures.clone();
                commit.signatures.extend(places);
                letters.push(Letter::new(to, &Message::Commit(commit)));
            }
            Message::Proposal(_) | Message::Timeout(_) | Message::Misbehaviour(_) => {}
        }
        letters
    }
}
