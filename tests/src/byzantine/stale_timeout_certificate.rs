//! Old timeout certificates: in proposals that they do not open, and repeated at every chance.

use starfire_consensus::effect::Recipient;
use starfire_consensus::message::{Message, Proposal, Unsigned};
use starfire_consensus::quorum::TimeoutCertificate;

use super::{Behaviour, Hand, Letter, Lie};

pub(super) const LIE: Lie = Lie {
    name: "stale timeout certificate",
    convicts: false,
    make: |_| Box::new(StaleTimeoutCertificate::default()),
};

/// Certificates that are kept.
const KEPT_MAX: usize = 8;

#[derive(Debug, Default)]
struct StaleTimeoutCertificate {
    kept: Vec<TimeoutCertificate>,
}

impl Behaviour for StaleTimeoutCertificate {
    fn send(&mut self, hand: &Hand<'_>, message: Message, to: Recipient) -> Vec<Letter> {
        let Message::Proposal(proposal) = &message else {
            return vec![Letter::new(to, &message)];
        };
        if let Some(ended) = &proposal.timeout_certificate {
            self.keep(ended);
        }
        let stale = self
            .kept
            .iter()
            .map(|stale| Some(Box::new(stale.clone())))
            .chain([None]);
        stale
            .map(|timeout_certificate| {
                let stale = Proposal {
                    timeout_certificate,
                    justify: None,
                    signature: None,
                    ..proposal.clone()
                };
                Letter::new(to, &hand.sign(Unsigned::Proposal(stale)))
            })
            .collect()
    }

    fn hear(&mut self, _hand: &Hand<'_>, message: &Message) -> Vec<Letter> {
        match message {
            Message::TimeoutCertificate(ended) => {
                self.keep(ended);
                Vec::new()
            }
            Message::Timeout(_) => self
                .kept
                .first()
                .map(|stale| Letter::to_all(&Message::TimeoutCertificate(stale.clone())))
                .into_iter()
                .collect(),
            Message::Proposal(_)
            | Message::Vote(_)
            | Message::QuorumCertificate(_)
            | Message::Commit(_)
            | Message::Misbehaviour(_) => Vec::new(),
        }
    }
}

impl StaleTimeoutCertificate {
    fn keep(&mut self, ended: &TimeoutCertificate) {
        if self.kept.len() < KEPT_MAX && !self.kept.contains(ended) {
            self.kept.push(ended.clone());
        }
    }
}
