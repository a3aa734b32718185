//! What the core does about its peers, beside the replica.

use libp2p::identity::Keypair;
use starfire_state::Memory;

use super::*;
use crate::network::{self, NetworkConfig};
use crate::sync::fixture::{Chain, follow};

async fn core(nodes: &[PeerId]) -> Core {
    let genesis = Chain::new().genesis;
    let replica = follow(&genesis, Box::new(Memory::new()), &[]);
    let roster = Roster::of_validator(replica.proposer(), nodes);
    let config = NetworkConfig {
        key: Keypair::generate_ed25519(),
        chain_id: genesis.chain_id().to_string(),
        genesis_hash: genesis.hash(),
        listen: "/ip4/127.0.0.1/tcp/0".parse().unwrap(),
        peers: Vec::new(),
        allowed: BTreeSet::new(),
        validators: BTreeSet::new(),
        psk: None,
    };
    let (network, _) = network::start(config).await.unwrap();
    let outlets = Outlets {
        network,
        roster: roster.clone(),
        enrolled: watch::channel(roster).0,
        published: watch::channel(Published { height: 0 }).0,
        status: watch::channel(v1::StatusResponse::default()).0,
        pool: Arc::default(),
        claims: Claims::default(),
        facts: NodeFacts {
            name: "node".to_owned(),
            role: "service".to_owned(),
            chain_id: genesis.chain_id().to_string(),
            chain_code: String::new(),
            bif_chain_id: 0,
        },
    };
    Core::new(replica, outlets)
}

#[tokio::test]
async fn only_the_proposers_comings_and_goings_have_what_waits_sent_again() {
    let (node, other) = (PeerId::random(), PeerId::random());
    let mut core = core(&[node]).await;
    core.follow_proposer();
    let followed = core.proposer;
    assert!(followed.is_some());
    core.take(CoreInput::Peer(other));
    assert_eq!(core.proposer, followed);
    core.take(CoreInput::Peer(node));
    assert_eq!(core.proposer, None);
}
