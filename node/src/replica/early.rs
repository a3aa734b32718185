//! Messages of the next height, kept until it starts.
//!
//! Nothing of them can be checked yet, so room is given out by sender, whom the connection vouches for: one place for each
//! validator and kind, where the newest wins. Nobody can push out what another sent. Proposals are large: a few are kept, and
//! the expected proposer's has a place of its own.

use std::collections::BTreeMap;

use starfire_consensus::message::Message;
use tendermint::{account, vote};

/// Proposals kept, besides that of the expected proposer.
const OTHER_PROPOSALS_MAX: usize = 3;

/// Kinds of messages that do not take each other's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Proposal,
    Prevote,
    Precommit,
    QuorumCertificate,
    Timeout,
    TimeoutCertificate,
    Commit,
    Misbehaviour,
}

/// What came early.
#[derive(Debug, Default)]
pub(super) struct Early(BTreeMap<(account::Id, Kind), Message>);

impl Early {
    /// Keeps a message that `from` sent, `expected` being the next height's first proposer as far as one can tell.
    pub(super) fn keep(&mut self, from: account::Id, expected: account::Id, message: Message) {
        let place = (from, kind(&message));
        let others = self
            .0
            .keys()
            .filter(|(sender, kind)| *kind == Kind::Proposal && *sender != expected)
            .count();
        let full = place.1 == Kind::Proposal
            && from != expected
            && others >= OTHER_PROPOSALS_MAX
            && !self.0.contains_key(&place);
        if !full {
            self.0.insert(place, message);
        }
    }

    /// The messages of `height`. They stay until a later height asks: a store that fails makes a height start twice.
    pub(super) fn of(&mut self, height: u64) -> Vec<Message> {
        self.0.retain(|_, message| message.height() >= height);
        let wanted = self.0.values().filter(|message| message.height() == height);
        wanted.cloned().collect()
    }
}

fn kind(message: &Message) -> Kind {
    match message {
        Message::Proposal(_) => Kind::Proposal,
        Message::Vote(vote) => match vote.vote_type {
            vote::Type::Prevote => Kind::Prevote,
            vote::Type::Precommit => Kind::Precommit,
        },
        Message::QuorumCertificate(_) => Kind::QuorumCertificate,
        Message::Timeout(_) => Kind::Timeout,
        Message::TimeoutCertificate(_) => Kind::TimeoutCertificate,
        Message::Commit(_) => Kind::Commit,
        Message::Misbehaviour(_) => Kind::Misbehaviour,
    }
}

#[cfg(test)]
mod tests {
    use starfire_consensus::message::Timeout;

    use super::*;

    fn timeout(height: u64, round: u32) -> Message {
        Message::Timeout(Timeout {
            height,
            round,
            high_qc: None,
            validator: account::Id::new([1; 20]),
            signature: None,
        })
    }

    #[test]
    fn each_sender_has_one_place_for_a_kind_and_the_newest_wins() {
        let sender = |byte| account::Id::new([byte; 20]);
        let mut early = Early::default();
        for round in 0..1000 {
            early.keep(sender(1), sender(0), timeout(5, round));
        }
        early.keep(sender(2), sender(0), timeout(5, 7));
        assert_eq!(early.of(5), [timeout(5, 999), timeout(5, 7)]);
        assert_eq!(early.of(5).len(), 2, "a height may start twice");
        assert!(early.of(6).is_empty() && early.of(5).is_empty());
    }
}
