//! The names of this chain's protocols and topics.
//!
//! Each name holds the chain id and the first bytes of the genesis hash, and the whole of both goes into the Noise prologue.
//! Nodes of two chains therefore fail in the handshake, and two chains with the same id but different origins do too.

use libp2p::StreamProtocol;
use libp2p::gossipsub::IdentTopic;

/// What of the genesis hash stands in a name. The Noise prologue holds all of it.
const GENESIS_PREFIX_BYTES: usize = 4;

/// Everything that two nodes must agree on before they exchange a byte.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// The long-lived stream of consensus messages.
    pub(crate) consensus: StreamProtocol,
    /// Requests of nodes that are behind.
    pub(crate) sync: StreamProtocol,
    /// Gossipsub itself.
    pub(crate) gossip: String,
    /// The topic of transactions.
    pub(crate) transactions: IdentTopic,
    /// The topic of committed heights.
    pub(crate) announcements: IdentTopic,
    /// Hashed into the Noise handshake by both sides.
    pub(crate) prologue: Vec<u8>,
}

impl Names {
    pub(crate) fn new(chain_id: &str, genesis_hash: &[u8; 32]) -> Self {
        let genesis = hex::encode(&genesis_hash[..GENESIS_PREFIX_BYTES]);
        let name = |what: &str| format!("/starfire/{chain_id}/{genesis}/{what}/1");
        let stream = |what: &str| {
            StreamProtocol::try_from_owned(name(what)).expect("the name starts with a slash")
        };
        let mut prologue = name("noise").into_bytes();
        prologue.extend_from_slice(genesis_hash);
        Self {
            consensus: stream("consensus"),
            sync: stream("sync"),
            gossip: name("gossip"),
            transactions: IdentTopic::new(name("transactions")),
            announcements: IdentTopic::new(name("announcements")),
            prologue,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_differs_between_chains_and_between_origins() {
        let all = |names: Names| {
            [
                names.consensus.to_string(),
                names.sync.to_string(),
                names.gossip,
                names.transactions.to_string(),
                names.announcements.to_string(),
                hex::encode(names.prologue),
            ]
        };
        let main = all(Names::new("starfire-main-1", &[1; 32]));
        let other_chain = all(Names::new("starfire-port-1", &[1; 32]));
        let other_origin = all(Names::new("starfire-main-1", &[2; 32]));
        for index in 0..main.len() {
            assert_ne!(main[index], other_chain[index]);
            assert_ne!(main[index], other_origin[index]);
        }
    }

    #[test]
    fn the_whole_genesis_hash_is_in_the_prologue() {
        let mut late = [1; 32];
        late[31] = 2;
        let (one, two) = (Names::new("chain", &[1; 32]), Names::new("chain", &late));
        assert_eq!(one.consensus, two.consensus);
        assert_ne!(one.prologue, two.prologue);
    }
}
