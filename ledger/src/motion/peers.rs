//! Replacing the peer ids of a member's nodes.

use starfire_proto::v1;
use starfire_state::{Event, Overlay, Rejection};

use super::member::{check_others, find, invalid, path};
use crate::membership::peers_problem;

/// Names the nodes that may connect as the member's.
#[derive(Debug, Clone)]
pub(super) struct SetPeers {
    address: String,
    peers: Vec<String>,
}

impl TryFrom<v1::SetPeers> for SetPeers {
    type Error = Rejection;

    fn try_from(message: v1::SetPeers) -> Result<Self, Rejection> {
        if let Some(problem) = peers_problem(&message.peers) {
            return Err(invalid(format!("peers: {problem}")));
        }
        Ok(Self {
            address: message.address,
            peers: message.peers,
        })
    }
}

impl SetPeers {
    pub(super) fn apply(self, state: &mut Overlay<'_>) -> Result<(), Rejection> {
        let mut record = find(state, &self.address)?;
        record.peers = self.peers;
        check_others(state, &record)?;
        state.put_record(path(&record), &record);
        state.emit(Event::new(
            "member.peers",
            vec![
                ("member", record.address.clone()),
                ("peers", record.peers.join(",")),
            ],
        ));
        Ok(())
    }
}
