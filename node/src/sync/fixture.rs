//! A chain of one validator, peers that serve it honestly or not, and a node that joins them over real sockets.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use libp2p::identity::Keypair;
use libp2p::{Multiaddr, PeerId};
use starfire_did::{Did, KeyAlgorithm, PrivateKey};
use starfire_ledger::genesis::{
    ConsensusParams, DidCreation, GenesisFile, GenesisMember, GenesisRole, Key, Params, Profile,
    Routing,
};
use starfire_ledger::{ChainRules, Checked, Genesis, Transaction, check};
use starfire_proto::protocol;
use starfire_proto::v1::{self, sync_request::Request, sync_response::Response};
use starfire_state::{Archive, Memory, SafetyBlocks};
use tendermint::Time;
use tokio::sync::{mpsc, watch};

use super::{Claims, Surroundings};
use crate::clock;
use crate::core_loop::{self, CoreInput, Outlets};
use crate::gateway::backend::Published;
use crate::mempool::{Limits, WORK_MAX};
use crate::network::{self, Inbox, Incoming, Network, NetworkConfig};
use crate::replica::{Replica, ReplicaInput, ReplicaTimer, Setup, StoreSend};
use crate::roster::Roster;
use crate::signer::Signer;
use crate::status::NodeFacts;

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);
/// How long ago a chain began: its blocks are a second apart.
const AGE_MS: i64 = 12 * 60 * 60 * 1000;

/// A chain of one validator, which decides a block whenever it is told to.
pub(crate) struct Chain {
    pub(crate) genesis: Genesis,
    replica: Replica,
    sender: PrivateKey,
    nonce: i64,
}

impl Chain {
    /// With the first block.
    pub(crate) fn new() -> Self {
        Self::aged(AGE_MS)
    }

    /// One that began so many milliseconds ago.
    pub(crate) fn aged(age_ms: i64) -> Self {
        let validator = PrivateKey::generate([1; 32], KeyAlgorithm::Ed25519);
        let genesis = genesis(&validator, age_ms);
        let signer = Signer::new(&validator).unwrap();
        let mut memory = Memory::new();
        let record = starfire_consensus::safety::SafetyRecord::default().encode();
        starfire_state::Store::save_safety(&mut memory, &record, &SafetyBlocks::new()).unwrap();
        let (replica, _) = open(&genesis, Some(signer), Box::new(memory));
        Self {
            genesis,
            replica,
            sender: PrivateKey::generate([3; 32], KeyAlgorithm::Ed25519),
            nonce: 0,
        }
    }

    pub(crate) fn archive(&self) -> &dyn Archive {
        self.replica.archive()
    }

    /// Decides empty blocks up to a height.
    pub(crate) fn grow(&mut self, height: u64) {
        self.grow_from(self.genesis.time(), height);
    }

    /// The same, at a second each from this time on, unless that is before the last block's.
    pub(crate) fn grow_from(&mut self, start: Time, height: u64) {
        while self.replica.height() < height {
            let next = self.replica.height() + 1;
            let now = (start + Duration::from_secs(next)).unwrap();
            self.replica
                .step(now, ReplicaInput::Timer(ReplicaTimer::Heartbeat(next)));
            assert_eq!(self.replica.height(), next, "one validator decides alone");
        }
    }

    /// Decides a block with a transaction that leaves this many bytes in state, and the block that proves it.
    pub(crate) fn note(&mut self, bytes: usize) {
        self.nonce += 1;
        let note = protocol::Operation {
            r#type: protocol::operation::Type::SetMetadata.into(),
            set_metadata: Some(protocol::OperationSetMetadata {
                key: format!("note {}", self.nonce),
                value: "x".repeat(bytes),
                ..Default::default()
            }),
            ..Default::default()
        };
        let transaction = transaction(&self.sender, self.nonce, vec![note]);
        let height = self.replica.height();
        let now = self.time(height + 1);
        self.replica
            .step(now, ReplicaInput::Transactions(vec![transaction]));
        assert!(
            self.replica.height() >= height + 2,
            "the transaction and its proof are decided at once"
        );
    }

    /// All blocks, as peers serve them.
    pub(crate) fn blocks(&self) -> Arc<Vec<v1::CommittedBlock>> {
        let archive = self.archive();
        let newest = archive.height().unwrap();
        let blocks = (1..=newest).map(|height| {
            let (block, commit) = archive.block(height).unwrap();
            v1::CommittedBlock { block, commit }
        });
        Arc::new(blocks.collect())
    }

    fn time(&self, height: u64) -> Time {
        (self.genesis.time() + Duration::from_secs(height)).unwrap()
    }
}

/// A transaction of the account of `sender`, which alone signs.
pub(crate) fn transaction(
    sender: &PrivateKey,
    nonce: i64,
    operations: Vec<protocol::Operation>,
) -> Arc<Checked> {
    let body = protocol::Transaction {
        source_address: Did::derive(&sender.public(), None).to_string(),
        nonce,
        operations,
        ..Default::default()
    };
    let rules = ChainRules {
        chain_id: "starfire-main-1".to_owned(),
        chain_code: None,
        bif_chain_id: 0,
    };
    let envelope = Transaction::sign(&body, &[sender]);
    Arc::new(check(Transaction::decode(&envelope).unwrap(), &rules).unwrap())
}

/// A transaction of one account in which so many others act, none of which has signed.
pub(crate) fn acting_for(others: u8, nonce: i64) -> Arc<Checked> {
    let key = |seed| PrivateKey::generate([seed; 32], KeyAlgorithm::Ed25519);
    let sender = key(200);
    let sources = (0..others).map(key).chain([key(200)]);
    let operations = sources.map(|source| protocol::Operation {
        source_address: Did::derive(&source.public(), None).to_string(),
        r#type: protocol::operation::Type::Log.into(),
        log: Some(protocol::OperationLog {
            topic: "topic".to_owned(),
            datas: vec!["data".to_owned()],
        }),
        ..Default::default()
    });
    transaction(&sender, nonce, operations.collect())
}

fn genesis(validator: &PrivateKey, age_ms: i64) -> Genesis {
    let account = PrivateKey::generate([2; 32], KeyAlgorithm::Ed25519);
    let raw = hex::decode(&validator.public().to_string()[6..]).unwrap();
    let member = GenesisMember {
        address: Did::derive(&account.public(), None).to_string(),
        organisation: "one".to_owned(),
        role: GenesisRole::Super,
        peers: Vec::new(),
        validator_key: Some(Key(raw.try_into().unwrap())),
        voting_power: 1,
    };
    let began = clock::time_of(clock::unix_ms() - age_ms).unwrap();
    Genesis::new(GenesisFile {
        format: "starfire-genesis/1".to_owned(),
        chain_id: "starfire-main-1".to_owned(),
        chain_code: String::new(),
        name: "catching up".to_owned(),
        bif_chain_id: 0,
        genesis_time: began.to_rfc3339(),
        params: Params {
            gas_price: 0,
            base_reserve: 0,
            block_transactions_max: 1000,
            open_share_percent: 100,
            member_transactions_max: 1000,
            profile: Profile::Default,
            did_creation: DidCreation::Anyone,
        },
        consensus: ConsensusParams {
            term_heights: 8,
            timeout_base_ms: 500,
            timeout_max_ms: 8_000,
            heartbeat_ms: 3_000,
            routing: Routing::Collector,
        },
        members: vec![member],
        accounts: Vec::new(),
        sub_chains: Vec::new(),
        signatures: Vec::new(),
    })
    .unwrap()
}

fn open(
    genesis: &Genesis,
    signer: Option<Signer>,
    store: Box<dyn StoreSend>,
) -> (Replica, Vec<crate::replica::Output>) {
    let setup = Setup {
        genesis: genesis.clone(),
        signers: signer.into_iter().collect(),
        mempool: Limits {
            transactions_max: 1000,
            bytes_max: 64 << 20,
            work_max: WORK_MAX,
            transactions_per_sender_max: 100,
        },
    };
    Replica::open(setup, store, clock::now()).unwrap()
}

/// A follower's replica over a store, given blocks.
pub(crate) fn follow(
    genesis: &Genesis,
    store: Box<dyn StoreSend>,
    blocks: &[v1::CommittedBlock],
) -> Replica {
    let (mut replica, _) = open(genesis, None, store);
    for range in blocks.chunks(64) {
        replica.step(clock::now(), ReplicaInput::Blocks(range.to_vec()));
    }
    replica
}

/// How a peer answers. `None` refuses.
pub(crate) type Answers = Box<dyn FnMut(Request) -> Option<Response> + Send>;

/// Peers that answer as they please, and a network that knows them all.
pub(crate) struct Neighbourhood {
    pub(crate) network: Network,
    pub(crate) inbox: Inbox,
    _others: Vec<Network>,
}

impl Neighbourhood {
    pub(crate) async fn new(genesis: &Genesis, answers: Vec<Answers>) -> Self {
        let key = Keypair::generate_ed25519();
        let me = PeerId::from(key.public());
        let mut others = Vec::new();
        let mut addresses = Vec::new();
        for answers in answers {
            let config = config(genesis, Keypair::generate_ed25519(), me, Vec::new());
            let (network, inbox) = network::start(config).await.unwrap();
            addresses.push((network.local_peer(), network.listen_address().clone()));
            others.push(network);
            drop(tokio::spawn(answer(inbox, answers)));
        }
        let config = config(genesis, key, me, addresses);
        let (network, inbox) = network::start(config).await.unwrap();
        Self {
            network,
            inbox,
            _others: others,
        }
    }

    /// A follower over this store catches up by blocks; returns what it published and how it is going.
    pub(crate) fn join(self, genesis: &Genesis, store: Box<dyn StoreSend>) -> Joiner {
        let (replica, first) = open(genesis, None, store);
        let height = replica.height();
        let (core, core_inbox) = mpsc::channel(core_loop::INBOX_MAX);
        let (admissions, core_admissions) = mpsc::channel(1);
        let (published, published_watch) = watch::channel(Published { height });
        let (status, status_watch) = watch::channel(v1::StatusResponse::default());
        let (progress, progress_watch) = watch::channel(None);
        let (arrivals, arrivals_inbox) = mpsc::channel(64);
        let claims = Claims::default();
        let (enrolled, roster) = watch::channel(Roster::default());
        let outlets = Outlets {
            network: self.network.clone(),
            roster: Roster::default(),
            enrolled,
            published,
            status,
            pool: Arc::default(),
            claims: claims.clone(),
            facts: NodeFacts {
                name: "joiner".to_owned(),
                role: "service".to_owned(),
                chain_id: genesis.chain_id().to_string(),
                chain_code: String::new(),
                bif_chain_id: 0,
            },
        };
        let running = core_loop::run(replica, first, outlets, core_inbox, core_admissions);
        drop(tokio::spawn(running));
        drop(tokio::spawn(super::run(Surroundings {
            network: self.network.clone(),
            core: core.clone(),
            published: published_watch.clone(),
            claims,
            roster,
            arrivals: arrivals_inbox,
            progress,
        })));
        let inbox = self.inbox;
        drop(tokio::spawn(pass_on(inbox, core, arrivals)));
        Joiner {
            published: published_watch,
            progress: progress_watch,
            network: self.network,
            _status: status_watch,
            _admissions: admissions,
            _others: self._others,
        }
    }
}

/// A node that catches up.
pub(crate) struct Joiner {
    pub(crate) published: watch::Receiver<Published>,
    pub(crate) progress: watch::Receiver<Option<v1::SyncProgress>>,
    pub(crate) network: Network,
    _status: watch::Receiver<v1::StatusResponse>,
    _admissions: mpsc::Sender<Vec<crate::verify_pool::Admission>>,
    _others: Vec<Network>,
}

impl Joiner {
    pub(crate) async fn reaches(&mut self, height: u64) {
        let reached = self
            .published
            .wait_for(|published| published.height >= height);
        tokio::time::timeout(PATIENCE, reached)
            .await
            .expect("it happens in good time")
            .unwrap();
    }
}

async fn pass_on(mut inbox: Inbox, core: mpsc::Sender<CoreInput>, arrivals: mpsc::Sender<PeerId>) {
    while let Some(entry) = inbox.recv().await {
        if let Incoming::Connected(peer) = entry {
            arrivals.send(peer).await.ok();
        } else if let Incoming::Announcement { peer, height } = entry {
            let heard = CoreInput::Height {
                peer,
                height,
                live: false,
            };
            core.send(heard).await.ok();
        }
    }
}

async fn answer(mut inbox: Inbox, mut answers: Answers) {
    while let Some(entry) = inbox.recv().await {
        let Incoming::SyncRequest { request, reply, .. } = entry else {
            continue;
        };
        if let Some(response) = request.request.and_then(&mut answers) {
            let response = Some(response);
            drop(reply.send(v1::SyncResponse { response }));
        }
    }
}

fn config(
    genesis: &Genesis,
    key: Keypair,
    allowed: PeerId,
    peers: Vec<(PeerId, Multiaddr)>,
) -> NetworkConfig {
    NetworkConfig {
        key,
        chain_id: genesis.chain_id().to_string(),
        genesis_hash: genesis.hash(),
        listen: "/ip4/127.0.0.1/tcp/0".parse().unwrap(),
        peers,
        allowed: BTreeSet::from([allowed]),
        validators: BTreeSet::new(),
        psk: None,
    }
}

/// The blocks of a request, out of a chain of which those from `base` on are kept.
pub(crate) fn range(
    blocks: &[v1::CommittedBlock],
    base: u64,
    request: &v1::BlockRequest,
) -> v1::BlockResponse {
    let height = u64::try_from(blocks.len()).unwrap();
    let wanted = if request.from >= base {
        let skipped = usize::try_from(request.from.max(1) - 1).unwrap();
        let count = usize::try_from(request.count).unwrap();
        blocks.iter().skip(skipped).take(count).cloned().collect()
    } else {
        Vec::new()
    };
    v1::BlockResponse {
        height,
        blocks: wanted,
        base,
    }
}
