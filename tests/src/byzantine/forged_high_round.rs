//! Timeouts that lie about the highest certificate: to some none is known, to others one of a round that never was.

use starfire_consensus::effect::Recipient;
use starfire_consensus::message::Message;

use super::{Behaviour, Hand, Letter, Lie};

pub(super) const LIE: Lie = Lie {
    name: "forged high_qc_round",
    convicts: true,
    make: |_| Box::new(ForgedHighRound),
};

#[derive(Debug)]
struct ForgedHighRound;

impl Behaviour for ForgedHighRound {
    fn send(&mut self, hand: &Hand<'_>, message: Message, to: Recipient) -> Vec<Letter> {
        match &message {
            Message::Timeout(timeout) => {
                let mut letters = vec![Letter::to_all(&hand.timeout(timeout.round, None))];
                if let Some(high) = &timeout.high_qc {
                    let mut raised = high.clone();
                    raised.round = timeout.round;
                    letters.push(Letter::to_all(&hand.timeout(timeout.round, Some(raised))));
                }
                letters
            }
            Message::TimeoutCertificate(ended) => {
                let mut forged = ended.clone();
                forged.high_qc = None;
                for timeout in &mut forged.timeouts {
                    timeout.high_qc_round = None;
                }
                vec![Letter::new(to, &Message::TimeoutCertificate(forged))]
            }
            Message::QuorumCertificate(certificate) => {
                let mut forged = certificate.clone();
                forged.round += 1;
                vec![
                    Letter::new(to, &Message::QuorumCertificate(forged)),
                    Letter::new(to, &message),
                ]
            }
            Message::Proposal(_)
            | Message::Vote(_)
            | Message::Commit(_)
            | Message::Misbehaviour(_) => {
                vec![Letter::new(to, &message)]
            }
        }
    }
}
