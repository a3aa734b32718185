//! One node of the opaque mode: a process that ends when its standard input does.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use rocksdb::{DB, Options, WriteOptions};
use serde::{Deserialize, Serialize};
use starfire_consensus::candidate::Candidate;
use starfire_consensus::effect::Timer;
use starfire_consensus::message::Message;
use starfire_did::{KeyAlgorithm, PrivateKey};
use starfire_proto::v1;
use tendermint::{account, validator};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::order::{BUILD_PATIENCE, Order, Output, WAITING_BYTES_MAX};
use super::{CHAIN_ID, CLIENTS_ABOVE, NODES_MAX, STAMP_BYTES};
use crate::clock;
use crate::network::{self, Inbox, Incoming, Network, NetworkConfig};
use crate::signer::Signer;

/// What is read of a client at once, and handed on as one batch.
const BATCH_BYTES: usize = 128 << 10;
/// Batches of clients, and messages of peers, that may wait for the core.
const QUEUE_MAX: usize = 64;
const REPORT_PERIOD: Duration = Duration::from_secs(1);

/// Which of the nodes this is, and where they are.
#[derive(Debug, Clone)]
pub struct NodeSettings {
    /// From 0.
    pub index: u16,
    /// How many there are.
    pub nodes: u16,
    /// Node 0's port for peers; the others' follow.
    pub port: u16,
    /// The length of a transaction.
    pub transaction_bytes: usize,
    /// Where blocks are stored.
    pub data: PathBuf,
}

/// What a node prints each second, one JSON object a line.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Second {
    /// When it ended.
    pub(super) unix_ms: i64,
    /// The newest height.
    pub(super) height: u64,
    /// Transactions decided up to then.
    pub(super) transactions: u64,
    /// Of those that this node's clients sent and that were decided in this second: how many took so many milliseconds.
    pub(super) latencies_ms: BTreeMap<u64, u64>,
}

impl NodeSettings {
    fn port_of(&self, index: u16) -> u16 {
        self.port + index
    }

    /// Where the node's clients connect.
    pub(super) fn clients(&self) -> SocketAddr {
        let port = self.port_of(self.index) + CLIENTS_ABOVE;
        (Ipv4Addr::LOCALHOST, port).into()
    }
}

/// Runs the node until its standard input ends.
pub fn node(settings: NodeSettings) -> anyhow::Result<()> {
    anyhow::ensure!(
        settings.nodes <= NODES_MAX && settings.index < settings.nodes,
        "there are at most {NODES_MAX} nodes, counted from 0"
    );
    anyhow::ensure!(
        (2 * STAMP_BYTES..=BATCH_BYTES).contains(&settings.transaction_bytes),
        "a transaction has {} to {BATCH_BYTES} bytes",
        2 * STAMP_BYTES
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("start the runtime")?;
    runtime.block_on(run(settings))
}

async fn run(settings: NodeSettings) -> anyhow::Result<()> {
    let keys: Vec<PrivateKey> = (0..settings.nodes).map(key).collect();
    let signers = keys
        .iter()
        .map(Signer::new)
        .collect::<Result<Vec<_>, _>>()
        .context("derive the keys")?;
    let infos = signers
        .iter()
        .map(|signer| validator::Info::new(signer.public_key(), 1_u32.into()));
    let validators = validator::Set::without_proposer(infos.collect());
    let peer_keys: Vec<Keypair> = (0..settings.nodes).map(peer_key).collect();
    let peers: BTreeMap<account::Id, PeerId> = signers
        .iter()
        .zip(&peer_keys)
        .map(|(signer, key)| (signer.address(), key.public().to_peer_id()))
        .collect();
    let index = usize::from(settings.index);
    let addresses = (0..settings.nodes).zip(&peer_keys);
    let (network, inbox) = network::start(NetworkConfig {
        key: peer_keys[index].clone(),
        chain_id: CHAIN_ID.to_owned(),
        genesis_hash: [0; 32],
        listen: address(settings.port_of(settings.index)),
        peers: addresses
            .map(|(index, key)| (key.public().to_peer_id(), address(settings.port_of(index))))
            .collect(),
        allowed: peers.values().copied().collect(),
        validators: peers.values().copied().collect(),
        psk: None,
    })
    .await
    .context("start the network")?;
    let signer = signers.into_iter().nth(index).context("a node's key")?;
    let own = signer.address();
    let store = open(&settings)?;
    let listener = TcpListener::bind(settings.clients())
        .await
        .context("listen for clients")?;

    let mut connected = network.watch_connected();
    let others = usize::from(settings.nodes) - 1;
    connected
        .wait_for(|connected| connected.len() >= others)
        .await
        .context("wait for the other nodes")?;
    let (messages, core_messages) = mpsc::channel(QUEUE_MAX);
    let (batches, core_batches) = mpsc::channel(QUEUE_MAX);
    tokio::spawn(take_messages(inbox, messages));
    tokio::spawn(take_clients(listener, settings.transaction_bytes, batches));
    std::thread::spawn(move || {
        // Ends with whoever started it.
        drop(std::io::stdin().read_to_end(&mut Vec::new()));
        std::process::exit(0);
    });
    let core = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a timer needs no resources");
        let (order, first) = Order::new(signer, validators);
        let core = Core {
            order,
            own,
            network,
            peers,
            store,
            timers: BTreeMap::new(),
            next_timer: 0,
            transaction_bytes: settings.transaction_bytes,
            second: Second::default(),
            report_at: clock::monotonic() + REPORT_PERIOD,
        };
        runtime.block_on(core.run(first, core_messages, core_batches));
    });
    tokio::task::spawn_blocking(move || core.join().is_err())
        .await
        .context("wait for the core")?;
    anyhow::bail!("the core stopped")
}

fn key(index: u16) -> PrivateKey {
    PrivateKey::generate(seed(b'v', index), KeyAlgorithm::Ed25519)
}

fn peer_key(index: u16) -> Keypair {
    Keypair::ed25519_from_bytes(seed(b'p', index)).expect("32 bytes are a secret key")
}

fn seed(purpose: u8, index: u16) -> [u8; 32] {
    let mut seed = [purpose; 32];
    seed[..2].copy_from_slice(&index.to_be_bytes());
    seed
}

fn address(port: u16) -> Multiaddr {
    Multiaddr::empty()
        .with(Protocol::Ip4(Ipv4Addr::LOCALHOST))
        .with(Protocol::Tcp(port))
}

/// Blocks come in order and are never read: nothing is to be gained by merging them.
fn open(settings: &NodeSettings) -> anyhow::Result<DB> {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_disable_auto_compactions(true);
    options.set_write_buffer_size(32 << 20);
    DB::open(&options, &settings.data).context("open the store")
}

async fn take_messages(mut inbox: Inbox, messages: mpsc::Sender<Vec<u8>>) {
    while let Some(entry) = inbox.recv().await {
        if let Incoming::Consensus { bytes, .. } = entry
            && messages.send(bytes).await.is_err()
        {
            return;
        }
    }
}

async fn take_clients(listener: TcpListener, size: usize, batches: mpsc::Sender<Vec<u8>>) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(take_client(client, size, batches.clone()));
    }
}

/// Whole transactions, as many as have come.
async fn take_client(mut client: TcpStream, size: usize, batches: mpsc::Sender<Vec<u8>>) {
    let mut rest: Vec<u8> = Vec::new();
    loop {
        let mut batch = Vec::with_capacity(BATCH_BYTES);
        batch.append(&mut rest);
        while batch.len() < size {
            if !matches!(client.read_buf(&mut batch).await, Ok(read) if read > 0) {
                return;
            }
        }
        rest = batch.split_off(batch.len() - batch.len() % size);
        if batches.send(batch).await.is_err() {
            return;
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Alarm {
    Consensus(Timer),
    Build,
}

struct Core {
    order: Order,
    own: account::Id,
    network: Network,
    peers: BTreeMap<account::Id, PeerId>,
    store: DB,
    timers: BTreeMap<(Instant, u64), Alarm>,
    next_timer: u64,
    transaction_bytes: usize,
    second: Second,
    report_at: Instant,
}

impl Core {
    async fn run(
        mut self,
        first: Vec<Output>,
        mut messages: mpsc::Receiver<Vec<u8>>,
        mut batches: mpsc::Receiver<Vec<u8>>,
    ) {
        self.carry_out(first);
        loop {
            self.fire();
            let timer = self.timers.keys().next().map(|(at, _)| *at);
            let wake = timer.map_or(self.report_at, |timer| timer.min(self.report_at));
            let room = self.order.waiting_bytes() < WAITING_BYTES_MAX;
            let outputs = tokio::select! {
                biased;
                message = messages.recv() => match message.map(|bytes| Message::decode(&bytes)) {
                    Some(Ok(message)) => self.order.message(message),
                    Some(Err(_)) => Vec::new(),
                    None => return,
                },
                () = tokio::time::sleep_until(wake.into()) => Vec::new(),
                Some(batch) = batches.recv(), if room => self.order.add(clock::now(), batch),
            };
            self.carry_out(outputs);
        }
    }

    fn fire(&mut self) {
        let now = clock::monotonic();
        while let Some(entry) = self.timers.first_entry()
            && entry.key().0 <= now
        {
            let outputs = match entry.remove() {
                Alarm::Consensus(timer) => self.order.timer(timer),
                Alarm::Build => self.order.build(clock::now()),
            };
            self.carry_out(outputs);
        }
        if self.report_at <= now {
            self.report_at = now + REPORT_PERIOD;
            self.report();
        }
    }

    fn carry_out(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Send(to, message) => {
                    if let Some(peer) = self.peers.get(&to) {
                        self.network.send(*peer, message);
                    }
                }
                Output::Broadcast(message) => {
                    let others = self
                        .peers
                        .iter()
                        .filter(|(address, _)| **address != self.own);
                    let others: Vec<PeerId> = others.map(|(_, peer)| *peer).collect();
                    self.network.broadcast(&others, message);
                }
                Output::Arm(timer, after) => self.arm(Alarm::Consensus(timer), after),
                Output::Patience => self.arm(Alarm::Build, BUILD_PATIENCE),
                Output::Decided(block) => self.decided(&block),
            }
        }
    }

    fn arm(&mut self, alarm: Alarm, after: Duration) {
        let at = clock::monotonic() + after;
        self.timers.insert((at, self.next_timer), alarm);
        self.next_timer += 1;
    }

    fn decided(&mut self, block: &Candidate) {
        let height = block.header().height.value();
        let mut options = WriteOptions::default();
        options.set_sync(false);
        self.store
            .put_opt(height.to_be_bytes(), block.bytes(), &options)
            .expect("the store of a benchmark can be written");
        self.second.height = height;
        let decoded = <v1::Block as prost::Message>::decode(&block.bytes()[..])
            .expect("a decided block decodes");
        let own = block.header().proposer_address == self.own;
        let now = clock::unix_ms();
        for transaction in decoded
            .transactions
            .iter()
            .flat_map(|batch| batch.chunks_exact(self.transaction_bytes))
        {
            self.second.transactions += 1;
            if own && let Some((stamp, _)) = transaction.split_first_chunk::<STAMP_BYTES>() {
                let took = now.saturating_sub(i64::from_be_bytes(*stamp));
                let took = u64::try_from(took).unwrap_or(0);
                *self.second.latencies_ms.entry(took).or_insert(0) += 1;
            }
        }
    }

    #[expect(
        clippy::print_stdout,
        reason = "the one who started this node reads it"
    )]
    fn report(&mut self) {
        self.second.unix_ms = clock::unix_ms();
        if let Ok(line) = serde_json::to_string(&self.second) {
            println!("{line}");
        }
        self.second.latencies_ms.clear();
    }
}
