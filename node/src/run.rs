//! Starts a node: the only place that spawns, and the only one that looks at the role.
//!
//! Here its parts are made and joined. What each is made of stands below: [`chain`] (genesis), [`keys`] (its own keys, and whom it
//! talks to), [`store`] (what it begins with), [`messages`] (what peers and clients send), [`status`] (what it tells of itself).
//!
//! One thread owns the replica. Network and catching up are tasks of one small runtime; signature checks have another, and the gateway
//! a third; bounded channels join them. SIGTERM and SIGINT end it all; a kill needs no farewell, since whatever was promised is on disk.

mod chain;
mod keys;
mod messages;
mod status;
mod store;

use std::net::SocketAddr;
use std::sync::{Arc, RwLock};

use anyhow::{Context as _, bail};
use starfire_ledger::{ChainRules, Genesis};
use starfire_proto::v1;
use starfire_state::Archive;
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::ValidatorSet as RawValidatorSet;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{mpsc, oneshot, watch};

use crate::clock;
use crate::config::{Config, Role};
use crate::core_loop::{self, Outlets};
use crate::did_index::DidIndex;
use crate::gateway::backend::{Backend, CredentialPolicy, PoolView, Published, Submission};
use crate::gateway::{self};
use crate::home::{Home, KeyRole};
use crate::intake;
use crate::keystore::{self, Passphrase};
use crate::log_filter;
use crate::mempool::{Limits, WORK_MAX};
use crate::replica::{Replica, Setup};
use crate::roster::Roster;
use crate::signer::Signer;
use crate::sync::Claims;
use crate::upkeep::{self, Retention, Schedule, Upkeep};
use crate::verify_pool;
use crate::{anchor, sync};
use chain::GenesisView;

/// Threads of each runtime.
pub(crate) const WORKERS: usize = 2;
/// Threads beside each of them, for what takes long.
const BLOCKING_THREADS_MAX: usize = 8;

/// Runs the node at `home` until it is told to end.
pub fn start(home: &Home, passphrase: &Passphrase, log: Option<String>) -> anyhow::Result<()> {
    let config = Config::load(&home.config())?;
    trace(log.as_deref().unwrap_or(&config.log))?;
    let genesis = chain::load_genesis(home)?;
    let network = runtime("network")?;
    // A check takes as long as many messages do.
    let intake = runtime("intake")?;
    // Clients wait for the disk here, and not the messages between nodes.
    let gateway = runtime("gateway")?;
    network.block_on(run(
        home,
        passphrase,
        config,
        genesis,
        intake.handle().clone(),
        gateway.handle().clone(),
    ))
}

fn runtime(name: &str) -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .thread_name(name)
        .worker_threads(WORKERS)
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .enable_all()
        .build()
        .with_context(|| format!("start the threads of the {name}"))
}

fn trace(filter: &str) -> anyhow::Result<()> {
    let filter = log_filter::parse(filter)
        .map_err(anyhow::Error::msg)
        .context("read the log filter")?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_target(false)
        .with_writer(std::io::stdout)
        // A line that cannot be written is lost. It would be told of on standard error, and where that goes to the same full disk,
        // its failure would end the thread.
        .log_internal_errors(false)
        .try_init()
        .map_err(|error| anyhow::anyhow!("start logging: {error}"))
}

async fn run(
    home: &Home,
    passphrase: &Passphrase,
    config: Config,
    genesis: Genesis,
    checking: Handle,
    clients: Handle,
) -> anyhow::Result<()> {
    let mut rocks = store::open(home, &config).map_err(store::store_error)?;
    let shelf = store::shelf(home, &config)?;
    rocks
        .bind_chain(&genesis.hash())
        .map_err(store::store_error)?;
    rocks.check_newest().map_err(store::store_error)?;
    let reader = rocks.reader();
    let limits = Limits {
        transactions_max: config.mempool.transactions_max,
        bytes_max: config.mempool.bytes_max,
        work_max: WORK_MAX,
        transactions_per_sender_max: config.mempool.transactions_per_sender_max,
    };
    let facts = chain::facts(&config, &genesis);
    let chain_code = facts.chain_code.clone();
    let rules = ChainRules::of(&starfire_state::chain(&GenesisView(&genesis)));
    let trust = chain::trust(&genesis)?;
    let shown_genesis = Arc::new(genesis.clone());
    let roster = match rocks.height() {
        Some(_) => Roster::load(&rocks),
        None => Roster::founding(&GenesisView(&genesis)),
    };

    let peering = keys::peering(home, passphrase, &config, &genesis, &roster)?;
    chain::check_role(&roster, &config, peering.key.public().to_peer_id())?;
    let shown_key = keys::tendermint_key(&peering.key)?;
    let (network, mut incoming) = crate::network::start(peering)
        .await
        .context("start the network")?;
    if rocks.height().is_none() && (config.sync.snapshots || rocks.is_importing()) {
        rocks = store::begin(
            home,
            &config,
            &genesis,
            &roster,
            &network,
            &mut incoming,
            rocks,
        )
        .await?;
    }
    let retention = Retention {
        blocks: config.store.retain_blocks,
        every: config.store.retain_every,
    };
    let schedule = Schedule {
        interval: config.store.snapshot_interval,
        period_s: config.store.snapshot_period_s,
    };
    let keeper = rocks.keeper();
    let upkeep = Upkeep::new(rocks.pruner(), shelf.clone(), schedule, retention);
    let signers = keys::load_signers(home, passphrase)?;
    store::own_safety(&mut rocks, &signers)?;
    let validators: Vec<_> = signers.iter().map(Signer::address).collect();
    let setup = Setup {
        genesis,
        signers,
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
    network.admit(roster.admission());
    chain::tell_standing(
        &roster,
        replica.archive(),
        network.local_peer(),
        &validators,
    );

    let (inbox, core_inbox) = mpsc::channel(core_loop::INBOX_MAX);
    let (admissions, core_admissions) = mpsc::channel(core_loop::ADMISSIONS_MAX);
    let (from_peers, arrived) = intake::channel();
    let (submit, submissions) = mpsc::channel::<Submission>(verify_pool::SUBMISSIONS_MAX);
    let (published, published_watch) = watch::channel(Published { height });
    let (status, status_watch) = watch::channel(v1::StatusResponse::default());
    let claims = Claims::default();
    let (enrolled, enrolled_watch) = watch::channel(roster.clone());
    let (progress, progress_watch) = watch::channel(None);
    let (arrivals, arrivals_inbox) = mpsc::channel(64);
    let pool = Arc::new(RwLock::new(PoolView::default()));
    let dids: Arc<dyn DidIndex> = Arc::new(reader.clone());
    let archive: Arc<dyn Archive> = Arc::new(reader);

    let outlets = Outlets {
        network: network.clone(),
        roster,
        enrolled,
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

    let checkers = checking.spawn(verify_pool::run(
        rules,
        recent,
        submissions,
        arrived,
        network.clone(),
        enrolled_watch.clone(),
        admissions,
    ));
    tokio::spawn(messages::take_incoming(
        network.clone(),
        incoming,
        inbox.clone(),
        from_peers,
        arrivals,
        archive.clone(),
        shelf,
    ));
    tokio::spawn(sync::run(sync::Surroundings {
        network: network.clone(),
        core: inbox.clone(),
        published: published_watch.clone(),
        claims,
        roster: enrolled_watch,
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
            anchor::SubChain {
                code: chain_code,
                genesis_validators: Protobuf::<RawValidatorSet>::encode_vec(
                    shown_genesis.validators().clone(),
                ),
                archive: archive.clone(),
                keeper,
                published: published_watch.clone(),
            },
            anchoring,
        );
        tokio::spawn(anchor.run());
    }

    tokio::spawn(upkeep::run(upkeep, published_watch.clone()));

    let (whole_status, whole_status_watch) = watch::channel(v1::StatusResponse::default());
    tokio::spawn(status::merge(
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
            issuer: keys::issuing_key(home, passphrase, &config)?,
        },
        web_dids: keys::web_dids(home, &config)?,
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
