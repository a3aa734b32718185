//! The network over real sockets on the loopback interface.
//!
//! No test sleeps: each waits for what it expects, and fails when that takes too long.

mod unread;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use starfire_proto::v1::{self, sync_request::Request, sync_response::Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, timeout};

use super::announcers::ANNOUNCEMENTS_MAX;
use super::frame::{FRAME_BYTES_MAX, Kind};
use super::{
    Admission, Inbox, Incoming, Judgement, Network, NetworkConfig, NetworkError, RequestError,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// A running node of a test.
struct Node {
    config: NetworkConfig,
    network: Network,
    inbox: Inbox,
}

impl Node {
    /// Starts with `config`, and keeps the real port for a restart.
    async fn start(mut config: NetworkConfig) -> Self {
        let (network, inbox) = super::start(config.clone()).await.unwrap();
        config.listen = network.listen_address().clone();
        Self {
            config,
            network,
            inbox,
        }
    }

    fn peer(&self) -> PeerId {
        self.network.local_peer()
    }

    fn address(&self) -> (PeerId, Multiaddr) {
        (self.peer(), self.network.listen_address().clone())
    }

    /// The next entry of the inbox that `wanted` makes something of; others are passed over.
    async fn until<T>(&mut self, wanted: impl Fn(Incoming) -> Option<T>) -> T {
        soon(async {
            loop {
                let entry = self.inbox.recv().await.expect("the network runs");
                if let Some(found) = wanted(entry) {
                    return found;
                }
            }
        })
        .await
    }

    async fn connected_to(&mut self, peer: PeerId) {
        self.until(|entry| {
            matches!(entry, Incoming::Connected(other) if other == peer).then_some(())
        })
        .await;
    }

    async fn gone(&mut self, peer: PeerId) {
        self.until(|entry| {
            matches!(entry, Incoming::Disconnected(other) if other == peer).then_some(())
        })
        .await;
    }

    async fn message(&mut self) -> (PeerId, Vec<u8>) {
        self.until(|entry| {
            let Incoming::Consensus { peer, bytes } = entry else {
                return None;
            };
            Some((peer, bytes))
        })
        .await
    }
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future)
        .await
        .expect("it happens in good time")
}

/// Asks again and again, but never sooner than the runtime has had its turn.
async fn becomes(condition: impl Fn() -> bool) {
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    soon(async {
        while !condition() {
            tick.tick().await;
        }
    })
    .await;
}

/// All of these are nodes of validators.
fn config(allowed: &[PeerId], peers: Vec<(PeerId, Multiaddr)>) -> NetworkConfig {
    let configured = peers.iter().map(|(peer, _)| *peer);
    NetworkConfig {
        key: Keypair::generate_ed25519(),
        chain_id: "starfire-test-1".to_owned(),
        genesis_hash: [7; 32],
        listen: "/ip4/127.0.0.1/tcp/0".parse().unwrap(),
        validators: allowed.iter().copied().chain(configured).collect(),
        peers,
        allowed: allowed.iter().copied().collect(),
        psk: None,
    }
}

/// These may connect, and those not.
fn admission(allowed: &[PeerId], denied: &[PeerId]) -> Admission {
    Admission {
        allowed: allowed.iter().copied().collect(),
        validators: BTreeSet::new(),
        members: BTreeMap::new(),
        denied: denied.iter().copied().collect(),
    }
}

/// Two nodes that allow each other; the second dials the first.
async fn pair() -> (Node, Node) {
    let second = Keypair::generate_ed25519();
    let first = Node::start(config(&[PeerId::from(second.public())], Vec::new())).await;
    let mut dialling = config(&[], vec![first.address()]);
    dialling.key = second;
    let (mut first, mut second) = (first, Node::start(dialling).await);
    first.connected_to(second.peer()).await;
    second.connected_to(first.peer()).await;
    (first, second)
}

#[tokio::test]
async fn two_allowed_peers_exchange_messages_in_order_both_ways() {
    let (mut first, mut second) = pair().await;
    for number in 0..500_u32 {
        assert!(
            first
                .network
                .send(second.peer(), number.to_be_bytes().to_vec())
        );
        assert!(
            second
                .network
                .send(first.peer(), number.to_be_bytes().to_vec())
        );
    }
    for number in 0..500_u32 {
        let expected = number.to_be_bytes().to_vec();
        assert_eq!(second.message().await, (first.peer(), expected.clone()));
        assert_eq!(first.message().await, (second.peer(), expected));
    }
    assert_eq!(first.network.connected(), [second.peer()]);
    assert_eq!(first.network.gauges().consensus_unsent, 0);
    assert_eq!(first.network.gauges().inbox_bytes, 0);
}

#[tokio::test]
async fn the_longest_message_arrives_whole_and_a_longer_one_is_not_taken() {
    let (first, mut second) = pair().await;
    let mut long = vec![0xab; FRAME_BYTES_MAX];
    long[FRAME_BYTES_MAX - 1] = 1;
    assert!(first.network.send(second.peer(), long.clone()));
    assert!(second.message().await.1 == long);
    assert!(
        !first
            .network
            .send(second.peer(), vec![0; FRAME_BYTES_MAX + 1])
    );
    assert!(!first.network.send(second.peer(), Vec::new()));
    assert_eq!(first.network.gauges().consensus_unsent, 2);
}

#[tokio::test]
async fn nodes_that_dial_each_other_at_once_still_keep_messages_in_order() {
    let keys = [Keypair::generate_ed25519(), Keypair::generate_ed25519()];
    let ports = [free_address(), free_address()];
    let peers: Vec<(PeerId, Multiaddr)> = keys
        .iter()
        .zip(&ports)
        .map(|(key, address)| (PeerId::from(key.public()), address.clone()))
        .collect();
    let mut configs = keys.into_iter().zip(ports).map(|(key, listen)| {
        let mut config = config(&[], peers.clone());
        (config.key, config.listen) = (key, listen);
        config
    });
    let (one, two) = (configs.next().unwrap(), configs.next().unwrap());
    let (mut one, mut two) = tokio::join!(Node::start(one), Node::start(two));
    one.connected_to(two.peer()).await;
    two.connected_to(one.peer()).await;
    for number in 0..200_u32 {
        one.network
            .broadcast(&[two.peer()], number.to_be_bytes().to_vec());
    }
    for number in 0..200_u32 {
        assert_eq!(two.message().await.1, number.to_be_bytes());
    }
}

/// A port that was free a moment ago.
fn free_address() -> Multiaddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()
}

/// Three nodes in a line: the outer ones know only the middle.
async fn line() -> [Node; 3] {
    let keys = [Keypair::generate_ed25519(), Keypair::generate_ed25519()];
    let outer: Vec<PeerId> = keys.iter().map(|key| PeerId::from(key.public())).collect();
    let mut middle = Node::start(config(&outer, Vec::new())).await;
    let [left, right] = keys;
    let mut outers = Vec::new();
    for (key, other) in [(left, outer[1]), (right, outer[0])] {
        let mut config = config(&[other], vec![middle.address()]);
        config.key = key;
        let mut node = Node::start(config).await;
        node.connected_to(middle.peer()).await;
        middle.connected_to(node.peer()).await;
        outers.push(node);
    }
    let right = outers.pop().unwrap();
    [outers.pop().unwrap(), middle, right]
}

/// Gossips until the middle has it: at first nobody may have subscribed yet.
async fn gossip_to(from: &Network, to: &mut Node, bytes: &[u8]) -> super::Pending {
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    loop {
        tokio::select! {
                    _ = tick.tick() => assert!(from.gossip_transaction(bytes.to_vec())),
                    pending = to.until(|entry| {
        let Incoming::Transaction { bytes, pending, .. } = entry else { return None };
        Some((bytes, pending))
        }) => {
                        assert_eq!(pending.0, bytes);
                        return pending.1;
                    }
                }
    }
}

#[tokio::test]
async fn an_accepted_transaction_reaches_a_third_node_through_the_mesh() {
    let [left, mut middle, mut right] = line().await;
    let pending = gossip_to(&left.network, &mut middle, b"good").await;
    middle.network.judge(pending, Judgement::Accept);
    let (from, bytes) = right
        .until(|entry| {
            let Incoming::Transaction { peer, bytes, .. } = entry else {
                return None;
            };
            Some((peer, bytes))
        })
        .await;
    assert_eq!((from, bytes.as_slice()), (middle.peer(), &b"good"[..]));
}

#[tokio::test]
async fn a_rejected_transaction_goes_no_further() {
    let [left, mut middle, mut right] = line().await;
    let pending = gossip_to(&left.network, &mut middle, b"bad").await;
    middle.network.judge(pending, Judgement::Reject);
    let pending = gossip_to(&left.network, &mut middle, b"good").await;
    middle.network.judge(pending, Judgement::Accept);
    let first = right
        .until(|entry| {
            let Incoming::Transaction { bytes, .. } = entry else {
                return None;
            };
            Some(bytes)
        })
        .await;
    assert_eq!(first, b"good");
}

#[tokio::test]
async fn a_batch_reaches_those_it_is_sent_to_and_one_who_sends_bad_ones_is_not_read() {
    let (first, mut second) = pair().await;
    first.network.spread(&[second.peer()], b"batch".to_vec());
    let batch = |entry| {
        let Incoming::Transactions { peer, batch } = entry else {
            return None;
        };
        Some((peer, batch))
    };
    let (peer, bytes) = second.until(batch).await;
    assert_eq!((peer, bytes.as_slice()), (first.peer(), &b"batch"[..]));

    second.network.blame(peer, 1_000);
    let refused = || second.network.gauges().batches_refused;
    soon(async {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        while refused() == 0 {
            first.network.spread(&[second.peer()], b"more".to_vec());
            tick.tick().await;
        }
    })
    .await;
    assert!(first.network.send(second.peer(), b"a vote".to_vec()));
    assert_eq!(second.message().await.1, b"a vote");
}

#[tokio::test]
async fn an_announced_height_reaches_all_and_names_its_author() {
    let [left, _middle, mut right] = line().await;
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    let mut height = 40;
    let (author, announced) = loop {
        tokio::select! {
                    _ = tick.tick() => {
                        height += 1;
                        left.network.announce(height);
                    }
                    heard = right.until(|entry| {
        let Incoming::Announcement { peer, height } = entry else { return None };
        Some((peer, height))
        }) => break heard,
                }
    };
    assert_eq!(author, left.peer());
    assert!((41..=height).contains(&announced));
}

#[tokio::test]
async fn of_a_burst_of_announcements_a_few_go_on_and_later_ones_again() {
    // Fewer than their author is blamed for.
    const BURST: u64 = 40;
    let [left, _middle, mut right] = line().await;
    let height = |entry| {
        let Incoming::Announcement { height, .. } = entry else {
            return None;
        };
        Some(height)
    };
    // At first nobody may have subscribed yet.
    let mut tick = tokio::time::interval(Duration::from_millis(300));
    let mut next = 0;
    loop {
        tokio::select! {
            _ = tick.tick() => {
                next += 1;
                left.network.announce(next);
            }
            _ = right.until(height) => break,
        }
    }
    // Slow enough that each one is taken before the next takes its place.
    let mut burst = tokio::time::interval(Duration::from_millis(2));
    let first = next + 1;
    for _ in 0..BURST {
        burst.tick().await;
        next += 1;
        left.network.announce(next);
    }
    let last = next;
    let mut heard = 0;
    loop {
        tokio::select! {
            _ = tick.tick() => {
                next += 1;
                left.network.announce(next);
            }
            announced = right.until(height) => {
                if announced > last {
                    break;
                }
                heard += u32::from(announced >= first);
            }
        }
    }
    // Two windows may share the burst.
    assert!(heard <= 2 * ANNOUNCEMENTS_MAX, "{heard}");
}

/// Answers one block request, or refuses it.
async fn serve(node: &mut Node, blocks: Option<usize>) -> v1::SyncRequest {
    let (request, reply) = node
        .until(|entry| {
            let Incoming::SyncRequest { request, reply, .. } = entry else {
                return None;
            };
            Some((request, reply))
        })
        .await;
    if let Some(blocks) = blocks {
        let block = v1::CommittedBlock {
            block: vec![3; 1_000_000],
            commit: vec![4; 10],
        };
        let response = v1::BlockResponse {
            height: 99,
            blocks: vec![block; blocks],
            base: 1,
        };
        let response = Some(Response::Blocks(response));
        reply.send(v1::SyncResponse { response }).unwrap();
    }
    request
}

#[tokio::test]
async fn blocks_are_served_on_request() {
    let (mut first, second) = pair().await;
    let asked = second.network.request_blocks(first.peer(), 5, 20);
    let (request, response) = tokio::join!(serve(&mut first, Some(20)), asked);
    let expected = Request::Blocks(v1::BlockRequest { from: 5, count: 20 });
    assert_eq!(request.request, Some(expected));
    let response = response.unwrap();
    assert_eq!((response.height, response.blocks.len()), (99, 20));
}

#[tokio::test]
async fn a_request_fails_with_a_reason_and_never_hangs() {
    let (mut first, second) = pair().await;
    let asked = second.network.request_blocks(first.peer(), 5, 1);
    let (_, refused) = tokio::join!(serve(&mut first, None), asked);
    assert!(
        matches!(refused, Err(RequestError::Stream(_))),
        "{refused:?}"
    );

    let asked = second.network.request_blocks(first.peer(), 5, 1);
    let (_, flooded) = tokio::join!(serve(&mut first, Some(2)), asked);
    assert!(matches!(
        flooded,
        Err(RequestError::TooMany { sent: 2, asked: 1 })
    ));

    let absent = second.network.request_blocks(PeerId::random(), 5, 1).await;
    assert!(matches!(absent, Err(RequestError::NotConnected)));
}

#[tokio::test]
async fn a_stranger_who_dials_is_refused_and_delivers_nothing() {
    let mut node = Node::start(config(&[], Vec::new())).await;
    let mut stranger = Node::start(config(&[], vec![node.address()])).await;
    let refused = || node.network.gauges().strangers_refused;
    becomes(|| refused() >= 1).await;
    stranger.network.gossip_transaction(b"let me in".to_vec());
    assert!(!stranger.network.send(node.peer(), b"let me in".to_vec()));
    becomes(|| refused() >= 3).await;
    assert!(node.inbox.try_recv().is_none());
    assert!(stranger.inbox.try_recv().is_none());
    assert!(node.network.connected().is_empty());
    assert_eq!(node.network.gauges().consensus_received, 0);
}

#[tokio::test]
async fn a_stranger_at_a_known_address_is_refused() {
    let mut stranger = Node::start(config(&[], Vec::new())).await;
    let expected = PeerId::from(Keypair::generate_ed25519().public());
    let address = stranger.network.listen_address().clone();
    let mut node = Node::start(config(&[stranger.peer()], vec![(expected, address)])).await;
    becomes(|| node.network.gauges().strangers_refused >= 2).await;
    assert!(node.inbox.try_recv().is_none());
    assert!(stranger.inbox.try_recv().is_none());
}

#[tokio::test]
async fn the_allow_list_changes_while_running() {
    let mut node = Node::start(config(&[], Vec::new())).await;
    let mut other = Node::start(config(&[], vec![node.address()])).await;
    becomes(|| node.network.gauges().strangers_refused >= 1).await;

    node.network.admit(admission(&[other.peer()], &[]));
    node.connected_to(other.peer()).await;
    other.connected_to(node.peer()).await;

    node.network.admit(admission(&[], &[]));
    node.gone(other.peer()).await;
    other.gone(node.peer()).await;
    assert!(node.network.connected().is_empty());
}

#[tokio::test]
async fn consensus_messages_of_a_peer_without_a_vote_do_not_reach_the_inbox() {
    let (first, mut second) = pair().await;
    let peer = first.peer();
    assert!(first.network.send(second.peer(), b"a vote".to_vec()));
    assert_eq!(second.message().await.1, b"a vote");

    // It is a member still, and votes no more.
    second.network.admit(admission(&[peer], &[]));
    let refused = || second.network.gauges().consensus_refused;
    soon(async {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        while refused() == 0 {
            first.network.send(second.peer(), b"noise".to_vec());
            tick.tick().await;
        }
    })
    .await;
    while second.inbox.try_recv().is_some() {}
    let before = refused();
    assert!(first.network.send(second.peer(), b"noise".to_vec()));
    becomes(|| refused() > before).await;
    assert!(second.inbox.try_recv().is_none());
}

#[tokio::test]
async fn who_is_denied_is_not_let_in_by_the_configuration() {
    let mut first = Node::start(config(&[], Vec::new())).await;
    let mut second = Node::start(config(&[first.peer()], vec![first.address()])).await;
    let (one, two) = (first.peer(), second.peer());
    first.network.admit(admission(&[two], &[]));
    first.connected_to(two).await;
    second.connected_to(one).await;

    // The second has the first in its configuration, but the chain has removed it.
    second.network.admit(admission(&[], &[one]));
    second.gone(one).await;
    first.gone(two).await;
    second.network.admit(admission(&[], &[]));
    second.connected_to(one).await;
    first.connected_to(two).await;
}

#[tokio::test]
async fn a_frame_too_long_ends_the_connection_and_nothing_else() {
    let (mut first, mut second) = pair().await;
    let long = vec![0; FRAME_BYTES_MAX + 1];
    let outbox = first.network.outboxes().get(&second.peer()).unwrap();
    outbox.push(Kind::Consensus, long.into());
    second.gone(first.peer()).await;
    assert_eq!(second.network.gauges().violations, 1);

    second.connected_to(first.peer()).await;
    first.gone(second.peer()).await;
    first.connected_to(second.peer()).await;
    assert!(first.network.send(second.peer(), b"well-formed".to_vec()));
    assert_eq!(second.message().await.1, b"well-formed");
}

#[tokio::test]
async fn a_peer_that_restarts_is_connected_again_and_old_messages_are_not_replayed() {
    let (first, mut second) = pair().await;
    let (peer, config) = (first.peer(), first.config.clone());
    first.network.stop().await;
    drop(first);
    second.gone(peer).await;
    assert!(!second.network.send(peer, b"lost".to_vec()));

    let mut first = Node::start(config).await;
    assert_eq!(first.peer(), peer);
    second.connected_to(peer).await;
    first.connected_to(second.peer()).await;
    assert!(second.network.send(peer, b"fresh".to_vec()));
    assert_eq!(first.message().await.1, b"fresh");
    assert_eq!(second.network.gauges().consensus_unsent, 1);
}

/// Sockets of somebody without a key, held at a port for as long as this is. One that is closed is opened again soon.
struct Flood(#[expect(dead_code, reason = "it lives as long as the flood")] JoinSet<()>);

impl Flood {
    const SOCKETS: usize = 200;

    fn at(address: &Multiaddr) -> Self {
        let mut parts = address.iter();
        let (Some(Protocol::Ip4(ip)), Some(Protocol::Tcp(port))) = (parts.next(), parts.next())
        else {
            panic!("{address} is not of this test");
        };
        let address = SocketAddr::from((ip, port));
        let sockets = (0..Self::SOCKETS).map(|number| hold(address, number % 2 == 0));
        Self(sockets.collect())
    }
}

/// Holds a socket, silent or after a byte that no peer begins with. A node that starts has it at once, one that closes it half a
/// second later.
async fn hold(address: SocketAddr, silent: bool) {
    let [mut absent, mut closed] = [5, 500].map(|millis| {
        let mut interval = tokio::time::interval(Duration::from_millis(millis));
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        interval
    });
    loop {
        let Ok(mut socket) = TcpStream::connect(address).await else {
            absent.tick().await;
            continue;
        };
        if silent || socket.write_all(&[1]).await.is_ok() {
            while socket.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
        }
        closed.tick().await;
    }
}

#[tokio::test]
async fn a_peer_that_restarts_is_connected_again_though_idle_sockets_flood_both_ports() {
    let keys = [Keypair::generate_ed25519(), Keypair::generate_ed25519()];
    let ports = [free_address(), free_address()];
    let peers: Vec<(PeerId, Multiaddr)> = keys
        .iter()
        .zip(&ports)
        .map(|(key, address)| (PeerId::from(key.public()), address.clone()))
        .collect();
    let mut nodes = Vec::new();
    for (key, listen) in keys.into_iter().zip(&ports) {
        let mut config = config(&[], peers.clone());
        (config.key, config.listen) = (key, listen.clone());
        nodes.push(Node::start(config).await);
    }
    let (mut second, mut first) = (nodes.pop().unwrap(), nodes.pop().unwrap());
    first.connected_to(second.peer()).await;
    second.connected_to(first.peer()).await;

    let _floods: Vec<Flood> = ports.iter().map(Flood::at).collect();
    for node in [&first, &second] {
        becomes(|| node.network.gauges().incoming_displaced > 200).await;
    }
    for _ in 0..3 {
        let config = second.config.clone();
        second.network.stop().await;
        drop(second);
        first.gone(peers[1].0).await;
        second = Node::start(config).await;
        second.connected_to(first.peer()).await;
        first.connected_to(second.peer()).await;
    }
}

/// Whether two nodes that allow each other connect. They differ in what `change` does.
async fn refuse_each_other(change: impl Fn(&mut NetworkConfig)) {
    let key = Keypair::generate_ed25519();
    let mut first = Node::start(config(&[PeerId::from(key.public())], Vec::new())).await;
    let mut other = config(&[], vec![first.address()]);
    other.key = key.clone();
    change(&mut other);
    let mut second = Node::start(other).await;

    // A third node, of the first's chain, shows that the first accepts connections by now.
    let mut third = config(&[], vec![first.address()]);
    third.key = key;
    let mut third = Node::start(third).await;
    first.connected_to(third.peer()).await;
    third.connected_to(first.peer()).await;
    assert!(second.inbox.try_recv().is_none());
    assert!(second.network.connected().is_empty());
}

#[tokio::test]
async fn nodes_of_different_chains_never_talk() {
    refuse_each_other(|config| config.chain_id = "starfire-port-1".to_owned()).await;
    refuse_each_other(|config| config.genesis_hash[31] ^= 1).await;
}

#[tokio::test]
async fn a_node_without_the_network_key_is_not_heard() {
    refuse_each_other(|config| config.psk = Some([9; 32])).await;
}

#[tokio::test]
async fn nodes_with_the_same_network_key_connect() {
    let key = Keypair::generate_ed25519();
    let mut first = config(&[PeerId::from(key.public())], Vec::new());
    first.psk = Some([9; 32]);
    let mut first = Node::start(first).await;
    let mut second = config(&[], vec![first.address()]);
    (second.key, second.psk) = (key, Some([9; 32]));
    let mut second = Node::start(second).await;
    first.connected_to(second.peer()).await;
    second.connected_to(first.peer()).await;
}

#[tokio::test]
async fn an_address_that_is_taken_is_an_error() {
    let node = Node::start(config(&[], Vec::new())).await;
    let mut second = config(&[], Vec::new());
    second.listen = node.network.listen_address().clone();
    let error = super::start(second).await.unwrap_err();
    assert!(matches!(error, NetworkError::Listen { .. }));
}

#[tokio::test]
async fn the_network_stops_when_its_last_handle_is_dropped() {
    let Node {
        network, mut inbox, ..
    } = Node::start(config(&[], Vec::new())).await;
    drop(network);
    assert!(soon(inbox.recv()).await.is_none());
}
