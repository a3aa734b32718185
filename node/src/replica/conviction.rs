//! Proofs against validators: kept, told, and passed on once.

use starfire_consensus::misbehaviour::Misbehaviour;
use starfire_consensus::safety::{OwnKind, OwnSignature};

use super::*;

impl Replica {
    /// A proof of the height before, which the state machine has left.
    pub(super) fn late_proof(&mut self, misbehaviour: &Misbehaviour, outputs: &mut Vec<Output>) {
        let convicts = self
            .last_electorate
            .as_ref()
            .is_some_and(|electorate| misbehaviour.convicts(electorate));
        if convicts {
            self.convict(misbehaviour, outputs);
        }
    }

    /// Keeps a checked proof, and tells everybody of it if it is new here. So each node passes each proof on once.
    pub(super) fn convict(&mut self, misbehaviour: &Misbehaviour, outputs: &mut Vec<Output>) {
        let (height, offender) = (misbehaviour.height(), misbehaviour.offender());
        if self.key_of(offender).is_some() {
            // This node does not contradict itself: two nodes have its key.
            let signature = OwnSignature {
                height,
                round: misbehaviour.round(),
                kind: OwnKind::Timeout,
            };
            self.disown(signature, outputs);
        }
        let address = offender
            .as_bytes()
            .try_into()
            .expect("an address has 20 bytes");
        match self
            .store
            .save_misbehaviour(height, address, &misbehaviour.encode())
        {
            Ok(false) => {}
            Ok(true) => {
                let message = Message::Misbehaviour(Box::new(misbehaviour.clone()));
                outputs.push(Output::Broadcast(message.encode()));
                outputs.push(Output::Misbehaviour(Box::new(misbehaviour.clone())));
            }
            Err(error) => self.stall(None, &error, outputs),
        }
    }
}
