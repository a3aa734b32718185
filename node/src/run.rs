//! Starts a node: the only place that spawns, and the only one that looks at the role.
//!
//! One thread owns the replica. Network and catching up are tasks of one small runtime; signature checks and the gateway have others,
//! whose threads give way to those that agree on blocks; bounded channels join them. SIGTERM and SIGINT end it all; a kill needs no farewell, since whatever was promised is on disk.

use std::net::SocketAddr;
use std::sync::{Arc, RwLock};

use anyhow::{Context as _, bail};
use libp2p::PeerId;
use prost::Message as _;
use starfire_crosschain::trust::Bundle;
use starfire_did::SigningKey;
use starfire_ledger::genesis::{GENESIS_BYTES_MAX, GenesisRole};
use starfire_ledger::{ChainRules, Genesis};
use starfire_proto::v1;
use starfire_state::Archive;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{mpsc, oneshot, watch};

use crate::clock;
use crate::config::{Config, Role};
use crate::core_loop::{self, CoreInput, Outlets};
use crate::did_index::DidIndex;
use crate::gateway::backend::{Backend, CredentialPolicy, PoolView, Published, Submission};
use crate::gateway::{self};
use crate::home::{Home, KeyRole};
use crate::keystore::{self, Passphrase};
use crate::mempool::Limits;
use crate::network::{Inbox, Incoming, Judgement, Network, NetworkConfig};
use crate::replica::{Replica, Setup};
use crate::rocks::{OpenError, Rocks};
use crate::roster::Roster;
use crate::signer::Signer;
use crate::snapshot::Shelf;
use crate::spread::BATCH_TRANSACTIONS_MAX;
use crate::status::NodeFacts;
use crate::sync::{Claims, serve::serve};
use crate::upkeep::{self, Retention, Upkeep};
use crate::verify_pool::{self, Arrival, Origin};
use crate::web_did::{self, WebDids};
use crate::{anchor, state_sync, sync};

/// Threads of the runtime that serves the network, and of the one that serves clients.
pub(crate) const WORKERS: usize = 2;
/// Threads beside each of them, for what takes long.
const BLOCKING_THREADS_MAX: usize = 8;
/// How nice the threads are that take work in, as `nice(1)` says it. Where processors are short they give way to consensus: a block
/// that is decided a little sooner makes room for more than a transaction that is checked a little sooner.
const INTAKE_NICENESS: i32 = 5;

/// Runs the node at `home` until it is told to end.
pub fn start(home: &Home, passphrase: &Passphrase, log: Option<String>) -> anyhow::Result<()> {
    let config = Config::load(&home.config())?;
    trace(log.as_deref().unwrap_or(&config.log))?;
    let genesis = load_genesis(home)?;
    let network = runtime("network", 0)?;
    let intake = runtime("intake", INTAKE_NICENESS)?;
    // Clients wait for the disk here, and not the messages between nodes.
    let gateway = runtime("gateway", INTAKE_NICENESS)?;
    network.block_on(run(
        home,
        passphrase,
        config,
        genesis,
        intake.handle().clone(),
        gateway.handle().clone(),
    ))
}

fn runtime(name: &str, niceness: i32) -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .thread_name(name)
        .worker_threads(WORKERS)
        .on_thread_start(move || {
            // Of this thread alone, on Linux. Without it the node works as well, if a little less evenly.
            if let Err(error) = rustix::process::nice(niceness) {
                tracing::debug!(%error, niceness, "the thread keeps its priority");
            }
        })
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .enable_all()
        .build()
        .with_context(|| format!("start the threads of the {name}"))
}

fn trace(filter: &str) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(filter)
        .with_context(|| format!("read the log filter {filter:?}"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_target(false)
        .with_writer(std::io::stdout)
        .try_init()
        .map_err(|error| anyhow::anyhow!("start logging: {error}"))
}

fn load_genesis(home: &Home) -> anyhow::Result<Genesis> {
    let path = home.genesis();
    let size = std::fs::metadata(&path)
        .with_context(|| {
            format!(
                "read {}: a node starts from the chain's genesis file, put it there",
                path.display()
            )
        })?
        .len();
    if size > u64::try_from(GENESIS_BYTES_MAX).unwrap_or(u64::MAX) {
        bail!(
            "{} has {size} bytes, more than a genesis file may have ({GENESIS_BYTES_MAX})",
            path.display()
        );
    }
    let bytes = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
    let genesis = Genesis::parse(&bytes)
        .with_context(|| format!("{} is not a valid genesis file", path.display()))?;
    genesis.verify_ceremony().with_context(|| {
        format!("{} is not signed by all its founders: take the file that `starfire genesis build` made", path.display())
    })?;
    Ok(genesis)
}

/// With its code in front, for people and programs.
fn store_error(error: OpenError) -> anyhow::Error {
    let code = error.code();
    anyhow::Error::from(error).context(format!("{code}: open the store"))
}

/// The key that peers know this node by, in the type that Tendermint clients are told it in.
fn tendermint_key(keypair: &libp2p::identity::Keypair) -> anyhow::Result<tendermint::PublicKey> {
    let key = keypair
        .public()
        .try_into_ed25519()
        .context("the node key is not an Ed25519 key")?;
    tendermint::PublicKey::from_raw_ed25519(&key.to_bytes()).context("the node key is not a key")
}

/// The key with which this node signs credentials for whoever asks; only a node for tests has one.
fn issuing_key(
    home: &Home,
    passphrase: &Passphrase,
    config: &Config,
) -> anyhow::Result<Option<SigningKey>> {
    let Some(path) = &config.gateway.issuer_key else {
        return Ok(None);
    };
    let path = home.root().join(path);
    let key = keystore::load(&path, passphrase).context("load the issuing key")?;
    tracing::warn!(path = %path.display(), "anyone who reaches the gateway may have credentials signed with this key");
    Ok(Some(key.into()))
}

/// What fetches documents of `did:web`, if the operator wants any fetched.
fn web_dids(home: &Home, config: &Config) -> anyhow::Result<Option<WebDids>> {
    let Some(section) = &config.did_web else {
        return Ok(None);
    };
    let settings = web_did::Settings {
        allowed: section.allowed().map_err(anyhow::Error::msg)?,
        ca_file: section.ca_file.as_ref().map(|path| home.root().join(path)),
    };
    let web_dids = WebDids::new(settings).context("prepare to fetch documents of did:web")?;
    Ok(Some(web_dids))
}

/// The role decides what a node runs, so it must be the one that the chain gave to this node's member.
fn check_role(roster: &Roster, config: &Config, peer: PeerId) -> anyhow::Result<()> {
    let Some(role) = roster.role(&peer) else {
        return Ok(());
    };
    if role != v1::Role::from(GenesisRole::from(config.role)) {
        bail!(
            "config.toml says role = \"{}\", but on the chain this node's member has another: correct the role",
            config.role
        );
    }
    Ok(())
}

async fn run(
    home: &Home,
    passphrase: &Passphrase,
    config: Config,
    genesis: Genesis,
    intake: Handle,
    clients: Handle,
) -> anyhow::Result<()> {
    let mut rocks = Rocks::open_with(&home.data(), config.store.memory_mib).map_err(store_error)?;
    rocks.bind_chain(&genesis.hash()).map_err(store_error)?;
    rocks.check_newest().map_err(store_error)?;
    let reader = rocks.reader();
    let limits = Limits {
        transactions_max: config.mempool.transactions_max,
        bytes_max: config.mempool.bytes_max,
        transactions_per_sender_max: config.mempool.transactions_per_sender_max,
    };
    let facts = facts(&config, &genesis);
    let chain_code = facts.chain_code.clone();
    let rules = ChainRules::of(&starfire_state::chain(&GenesisView(&genesis)));
    let trust = trust(&genesis)?;
    let (chain_id, genesis_hash) = (genesis.chain_id().to_string(), genesis.hash());
    let shown_genesis = Arc::new(genesis.clone());
    let roster = match rocks.height() {
        Some(_) => Roster::load(&rocks),
        None => Roster::founding(&GenesisView(&genesis)),
    };

    let node_key =
        keystore::load(&home.key(KeyRole::Node), passphrase).context("load the node key")?;
    let psk = config
        .p2p
        .psk_file
        .as_ref()
        .map(|path| read_psk(&home.root().join(path)))
        .transpose()?;
    let node_keypair = keystore::peer_keypair(&node_key)?;
    check_role(&roster, &config, node_keypair.public().to_peer_id())?;
    let shown_key = tendermint_key(&node_keypair)?;
    let (network, mut incoming) = crate::network::start(NetworkConfig {
        key: node_keypair,
        chain_id,
        genesis_hash,
        listen: config.p2p.listen.clone(),
        peers: config
            .p2p
            .peers
            .iter()
            .map(split_peer)
            .collect::<anyhow::Result<_>>()?,
        allowed: roster.allowed().clone(),
        psk,
    })
    .await
    .context("start the network")?;
    if rocks.height().is_none() && (config.sync.snapshots || rocks.is_importing()) {
        rocks = begin(&config, &genesis, &network, &mut incoming, rocks).await?;
    }
    let shelf = shelf(home, &config)?;
    let retention = Retention {
        blocks: config.store.retain_blocks,
        every: config.store.retain_every,
    };
    let upkeep = Upkeep::new(
        rocks.pruner(),
        shelf.clone(),
        config.store.snapshot_interval,
        retention,
    );
    let setup = Setup {
        genesis,
        signers: load_signers(home, passphrase)?,
        mempool: limits,
    };
    let (replica, first) =
        Replica::open(setup, Box::new(rocks), clock::now()).map_err(|error| {
            let code = error.code();
            anyhow::Error::from(error).context(format!("{code}: open the chain"))
        })?;
    let height = replica.height();
    let recent = replica.recent().clone();
    // What a snapshot brought may be newer than what the network started with.
    let roster = Roster::load(replica.archive());
    network.admit(roster.allowed().clone(), roster.denied().clone());

    let (inbox, core_inbox) = mpsc::channel(core_loop::INBOX_MAX);
    let (admissions, core_admissions) = mpsc::channel(core_loop::ADMISSIONS_MAX);
    let (arrived, arrived_inbox) = mpsc::channel(verify_pool::QUEUE_MAX);
    let (submit, submissions) = mpsc::channel::<Submission>(verify_pool::QUEUE_MAX);
    let (published, published_watch) = watch::channel(Published { height });
    let (status, status_watch) = watch::channel(v1::StatusResponse::default());
    let claims = Claims::default();
    let (progress, progress_watch) = watch::channel(None);
    let (arrivals, arrivals_inbox) = mpsc::channel(64);
    let pool = Arc::new(RwLock::new(PoolView::default()));
    let dids: Arc<dyn DidIndex> = Arc::new(reader.clone());
    let archive: Arc<dyn Archive> = Arc::new(reader);

    let outlets = Outlets {
        network: network.clone(),
        roster,
        published,
        status,
        pool: pool.clone(),
        claims: claims.clone(),
        facts,
    };
    let core = std::thread::Builder::new()
        .name("core".to_owned())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .expect("a timer needs no resources");
            runtime.block_on(core_loop::run(
                replica,
                first,
                outlets,
                core_inbox,
                core_admissions,
            ));
        })
        .context("start the core thread")?;

    let checkers = intake.spawn(verify_pool::run(
        rules,
        recent,
        arrived_inbox,
        network.clone(),
        admissions,
    ));
    intake.spawn(take_submissions(submissions, arrived.clone()));
    tokio::spawn(take_incoming(
        network.clone(),
        incoming,
        inbox.clone(),
        arrived,
        arrivals,
        archive.clone(),
        shelf,
    ));
    tokio::spawn(sync::run(sync::Surroundings {
        network: network.clone(),
        core: inbox.clone(),
        published: published_watch.clone(),
        claims,
        arrivals: arrivals_inbox,
        progress,
    }));

    let (anchoring, anchoring_watch) = watch::channel(None);
    if let (Role::Backbone, Some(section)) = (config.role, &config.anchor) {
        let account = keystore::load(&home.key(KeyRole::Account), passphrase)
            .context("load the account key")?;
        let anchor = anchor::Anchor::new(
            account,
            section.main.clone(),
            chain_code,
            archive.clone(),
            published_watch.clone(),
            anchoring,
        );
        tokio::spawn(anchor.run());
    }

    tokio::spawn(upkeep::run(
        upkeep,
        published_watch.clone(),
        anchoring_watch.clone(),
    ));

    let (whole_status, whole_status_watch) = watch::channel(v1::StatusResponse::default());
    tokio::spawn(merge_status(
        status_watch,
        anchoring_watch,
        progress_watch,
        whole_status,
    ));

    let backend = Backend {
        archive,
        dids,
        published: published_watch,
        submit,
        status: whole_status_watch,
        pool,
        trust,
        genesis: shown_genesis,
        node_key: shown_key,
        credentials: CredentialPolicy {
            refused_status: config.gateway.refused_status,
            issuer: issuing_key(home, passphrase, &config)?,
        },
        web_dids: web_dids(home, &config)?,
    };
    let (stop, stopped) = oneshot::channel();
    let listen: SocketAddr = config.gateway.listen;
    let listener = tokio::net::TcpListener::bind(listen)
        .await
        .with_context(|| {
            format!(
                "listen on {listen}: is another node running there? See [gateway] in config.toml"
            )
        })?;
    tracing::info!(gateway = %listener.local_addr().context("ask for the gateway's address")?, height, "node is up");
    let server = clients.spawn(gateway::serve(listener, backend, async move {
        drop(stopped.await);
    }));

    let core_failed = tokio::task::spawn_blocking(move || core.join().is_err());
    tokio::select! {
        _ = checkers => bail!("the signature checkers stopped: see the log above"),
        signal = ended() => tracing::info!(signal, "stopping"),
        failed = core_failed => {
            if failed.unwrap_or(true) {
                bail!("the core stopped: see the log above");
            }
        }
    }
    stop.send(()).ok();
    drop(tokio::time::timeout(std::time::Duration::from_secs(2), server).await);
    // The core thread may be in the middle of a write; RocksDB's log makes leaving now safe, like a kill.
    std::process::exit(0);
}

/// One status of what the core, the anchoring loop and catching up tell.
async fn merge_status(
    mut core: watch::Receiver<v1::StatusResponse>,
    mut anchoring: watch::Receiver<Option<v1::AnchorLoopStatus>>,
    mut progress: watch::Receiver<Option<v1::SyncProgress>>,
    whole: watch::Sender<v1::StatusResponse>,
) {
    let mut anchors = true;
    loop {
        let sync = progress.borrow_and_update().clone();
        let status = v1::StatusResponse {
            syncing: sync.is_some(),
            sync,
            anchoring: anchoring.borrow_and_update().clone(),
            ..core.borrow_and_update().clone()
        };
        whole.send_replace(status);
        tokio::select! {
            changed = core.changed() => if changed.is_err() { return },
            changed = progress.changed() => if changed.is_err() { return },
            // Only a backbone anchors; elsewhere this side has closed.
            changed = anchoring.changed(), if anchors => anchors = changed.is_ok(),
        }
    }
}

/// Fills an empty store from a snapshot of the peers, if they have one. What is left of an earlier attempt goes in any case.
async fn begin(
    config: &Config,
    genesis: &Genesis,
    network: &Network,
    incoming: &mut Inbox,
    mut rocks: Rocks,
) -> anyhow::Result<Rocks> {
    if !config.sync.snapshots {
        rocks.discard_import().context("empty the store")?;
        return Ok(rocks);
    }
    let begun = state_sync::run(network, incoming, genesis, config.sync.trust(), rocks).await;
    let (rocks, height) = begun.map_err(|error| {
        let code = error.code();
        anyhow::Error::from(error).context(format!("{code}: begin with a snapshot"))
    })?;
    if let Some(height) = height {
        tracing::info!(height, "the store begins with a snapshot");
    }
    Ok(rocks)
}

fn shelf(home: &Home, config: &Config) -> anyhow::Result<Shelf> {
    if config.store.snapshot_interval == 0 {
        return Ok(Shelf::none());
    }
    Shelf::open(&home.snapshots(), config.store.snapshots_kept).map_err(|error| {
        let code = error.code();
        anyhow::Error::from(error).context(format!("{code}: open the snapshots"))
    })
}

/// The genesis state as a view, for what must be known before the store is opened.
struct GenesisView<'a>(&'a Genesis);

impl starfire_state::View for GenesisView<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.changes().get(key).cloned().flatten()
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let entries = self.0.changes().iter().filter(|(key, _)| {
            key.starts_with(prefix) && after.is_none_or(|after| key.as_slice() > after)
        });
        entries
            .filter_map(|(key, value)| Some((key.clone(), value.clone()?)))
            .take(limit)
            .collect()
    }
}

/// The validator's key, and the next one where it is being rotated.
fn load_signers(home: &Home, passphrase: &Passphrase) -> anyhow::Result<Vec<Signer>> {
    let paths = [home.key(KeyRole::Validator), home.next_validator_key()];
    let present = paths.iter().filter(|path| path.exists());
    present
        .map(|path| {
            let key = keystore::load(path, passphrase)
                .with_context(|| format!("load the validator key {}", path.display()))?;
            Ok(Signer::new(&key)?)
        })
        .collect()
}

fn split_peer(address: &libp2p::Multiaddr) -> anyhow::Result<(PeerId, libp2p::Multiaddr)> {
    let mut bare = address.clone();
    match bare.pop() {
        Some(libp2p::multiaddr::Protocol::P2p(peer)) => Ok((peer, bare)),
        Some(_) | None => bail!("the peer address {address} does not end in /p2p/<peer id>"),
    }
}

fn read_psk(path: &std::path::Path) -> anyhow::Result<[u8; 32]> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("read the pre-shared key {}", path.display()))?;
    let bytes = hex::decode(text.trim())
        .with_context(|| format!("{} does not hold hex digits", path.display()))?;
    bytes
        .try_into()
        .map_err(|_| anyhow::anyhow!("{} does not hold 32 bytes in hex", path.display()))
}

fn facts(config: &Config, genesis: &Genesis) -> NodeFacts {
    NodeFacts {
        name: config.name.clone(),
        role: config.role.to_string(),
        chain_id: genesis.chain_id().to_string(),
        chain_code: genesis.file().chain_code.clone(),
        bif_chain_id: genesis.file().bif_chain_id,
    }
}

/// What names the chain to those who pin it. Changes of its validators since genesis come from state.
fn trust(genesis: &Genesis) -> anyhow::Result<Bundle> {
    let (chain_id, validators) = (genesis.chain_id().clone(), genesis.validators().clone());
    Bundle::new(chain_id, &genesis.file().name, genesis.hash(), validators)
        .context("describe the chain for those who pin it")
}

/// Clients' transactions join those of peers.
async fn take_submissions(
    mut submissions: mpsc::Receiver<Submission>,
    arrived: mpsc::Sender<Arrival>,
) {
    while let Some(Submission { envelopes, reply }) = submissions.recv().await {
        let arrival = Arrival {
            envelopes,
            origin: Origin::Client(reply),
        };
        if arrived.send(arrival).await.is_err() {
            return;
        }
    }
}

/// Sorts what peers send: consensus to the core, transactions to the checkers, requests to the archive.
async fn take_incoming(
    network: Network,
    mut incoming: Inbox,
    core: mpsc::Sender<CoreInput>,
    arrived: mpsc::Sender<Arrival>,
    arrivals: mpsc::Sender<PeerId>,
    archive: Arc<dyn Archive>,
    shelf: Shelf,
) {
    while let Some(message) = incoming.recv().await {
        let open = match message {
            Incoming::Consensus { peer, bytes } => core
                .send(CoreInput::Consensus { peer, bytes })
                .await
                .is_ok(),
            Incoming::Transactions { peer, batch } => {
                take_batch(&network, &arrived, peer, &batch);
                true
            }
            Incoming::Transaction { bytes, pending, .. } => {
                let (reply, judgement) = oneshot::channel();
                let arrival = Arrival {
                    envelopes: vec![bytes],
                    origin: Origin::Gossip(reply),
                };
                // One that is not taken drops its reply, which the task below hears.
                arrived.try_send(arrival).ok();
                let network = network.clone();
                tokio::spawn(async move {
                    let judgement = judgement.await.unwrap_or(Judgement::Ignore);
                    network.judge(pending, judgement);
                });
                true
            }
            Incoming::Announcement { peer, height } => core
                .send(CoreInput::Height {
                    peer,
                    height,
                    live: false,
                })
                .await
                .is_ok(),
            Incoming::SyncRequest { request, reply, .. } => {
                let (archive, shelf) = (archive.clone(), shelf.clone());
                tokio::task::spawn_blocking(move || {
                    if let Some(response) = serve(&*archive, &shelf, &request) {
                        // Who asked may have gone.
                        drop(reply.send(response));
                    }
                });
                true
            }
            Incoming::Connected(peer) => {
                // A full queue only means that enough peers are being asked already.
                arrivals.try_send(peer).ok();
                core.send(CoreInput::Peers).await.is_ok()
            }
            Incoming::Disconnected(_) => core.send(CoreInput::Peers).await.is_ok(),
        };
        if !open {
            return;
        }
    }
}

/// A peer's batch joins the transactions of clients, unless there is no room: the sender gossips what is not committed.
fn take_batch(network: &Network, arrived: &mpsc::Sender<Arrival>, peer: PeerId, batch: &[u8]) {
    match v1::TransactionBatch::decode(batch) {
        Ok(v1::TransactionBatch { envelopes })
            if (1..=BATCH_TRANSACTIONS_MAX).contains(&envelopes.len()) =>
        {
            let arrival = Arrival {
                envelopes,
                origin: Origin::Peer(peer),
            };
            if arrived.try_send(arrival).is_err() {
                network.lost_batch();
            }
        }
        Ok(_) | Err(_) => network.blame(peer, 1),
    }
}

async fn ended() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
