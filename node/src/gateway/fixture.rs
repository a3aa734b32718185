//! A gateway for tests: a real server on a real port, over a chain in memory whose blocks are made by hand and truly signed.

pub(crate) mod raw;
mod store;

use std::sync::atomic::Ordering;
use std::sync::{Arc, RwLock};

use axum::http::{Request, Response};
use prost::Message;
use sha2::{Digest, Sha256};
use starfire_consensus::certificate;
use starfire_crosschain::trust::Bundle;
use starfire_did::{Did, KeyAlgorithm, PrivateKey, PublicKey, document::Document, path};
use starfire_ledger::Genesis;
use starfire_proto::v1;
use starfire_state::{Archive, Batch, Changes, Store, key, tree};
use tendermint::block::signed_header::SignedHeader;
use tendermint::block::{Commit, CommitSig, Header, Height, Id, Round, header::Version, parts};
use tendermint::vote::{Power, Type, ValidatorIndex, Vote};
use tendermint::{AppHash, Hash, Signature, Time, account, chain, validator};
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::{
    Commit as RawCommit, Header as RawHeader, SignedHeader as RawSignedHeader,
    ValidatorSet as RawValidatorSet,
};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tower::{Service, ServiceExt};

use store::Shared;

use super::backend::{Backend, CredentialPolicy, PoolView, Published, Submission};
use super::error::CODE_TRAILER;
use crate::web_did::WebDids;

const GENESIS_SECONDS: i64 = 1_795_000_000;
/// A genesis for those who ask for it; the chain here begins otherwise.
const GENESIS: &[u8] = include_bytes!("../../../genesis/main.json");
/// What is configured unless a test says otherwise.
const CREDENTIALS: CredentialPolicy = CredentialPolicy {
    refused_status: 200,
    issuer: None,
};
/// Submissions that may wait for the test to take them.
const SUBMISSIONS: usize = 2;

/// A running gateway, and the chain behind it. It goes down when dropped.
pub(crate) struct Node {
    pub(crate) url: String,
    pub(crate) pool: Arc<RwLock<PoolView>>,
    pub(crate) submissions: mpsc::Receiver<Submission>,
    id: chain::Id,
    keys: Vec<PrivateKey>,
    validators: validator::Set,
    store: Shared,
    published: watch::Sender<Published>,
    _status: watch::Sender<v1::StatusResponse>,
    _stop: oneshot::Sender<()>,
}

impl Node {
    /// A main chain that holds `records` from genesis on.
    pub(crate) async fn main(records: Changes) -> Self {
        Self::start("starfire-main-1", "", 1, records, CREDENTIALS, None).await
    }

    /// The same, with this policy for credentials.
    pub(crate) async fn with_policy(records: Changes, credentials: CredentialPolicy) -> Self {
        Self::start("starfire-main-1", "", 1, records, credentials, None).await
    }

    /// The same, which fetches documents of `did:web`.
    pub(crate) async fn with_web(records: Changes, web_dids: WebDids) -> Self {
        Self::start(
            "starfire-main-1",
            "",
            1,
            records,
            CREDENTIALS,
            Some(web_dids),
        )
        .await
    }

    /// The sub-chain `by01`.
    pub(crate) async fn sub(records: Changes) -> Self {
        Self::start("starfire-by01-1", "by01", 40, records, CREDENTIALS, None).await
    }

    async fn start(
        chain_id: &str,
        chain_code: &str,
        seed: u8,
        mut records: Changes,
        credentials: CredentialPolicy,
        web_dids: Option<WebDids>,
    ) -> Self {
        let mut keys: Vec<_> = (seed..seed + 4)
            .map(|seed| PrivateKey::generate([seed; 32], KeyAlgorithm::Ed25519))
            .collect();
        keys.sort_by_key(|key| account::Id::from(tendermint_key(key)));
        let infos = keys
            .iter()
            .map(|key| validator::Info::new(tendermint_key(key), Power::from(10_u32)));
        let validators = validator::Set::without_proposer(infos.collect());
        let record = v1::ChainRecord {
            chain_id: chain_id.into(),
            chain_code: chain_code.into(),
            ..v1::ChainRecord::default()
        };
        let record = Some(record.encode_to_vec());
        records.entry(key::CHAIN.to_vec()).or_insert(record);
        for path in [key::VALIDATORS_LAST, key::VALIDATORS, key::VALIDATORS_NEXT] {
            let set = Protobuf::<RawValidatorSet>::encode_vec(validators.clone());
            records.insert(path.to_vec(), Some(set));
        }

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let store = Shared::default();
        let (published, published_receiver) = watch::channel(Published::default());
        let (submit, submissions) = mpsc::channel(SUBMISSIONS);
        let (status, status_receiver) = watch::channel(v1::StatusResponse {
            chain_id: chain_id.into(),
            time_ms: 1,
            ..Default::default()
        });
        let (stop, stopped) = oneshot::channel::<()>();
        let pool = Arc::<RwLock<PoolView>>::default();
        let backend = Backend {
            archive: Arc::new(store.clone()),
            dids: Arc::new(store.clone()),
            published: published_receiver,
            submit,
            status: status_receiver,
            pool: Arc::clone(&pool),
            trust: Bundle::new(
                chain_id.parse().unwrap(),
                "Test",
                [9; 32],
                validators.clone(),
            )
            .unwrap(),
            genesis: Arc::new(Genesis::parse(GENESIS).unwrap()),
            node_key: tendermint_key(&private_key(seed)),
            credentials,
            web_dids,
        };
        tokio::spawn(super::serve(listener, backend, async move {
            drop(stopped.await);
        }));
        let id = chain_id.parse().unwrap();
        let mut node = Self {
            url,
            pool,
            submissions,
            id,
            keys,
            validators,
            store,
            published,
            _status: status,
            _stop: stop,
        };
        node.commit(Batch {
            changes: records,
            ..Batch::default()
        });
        node
    }

    pub(crate) fn channel(&self) -> Channel {
        Endpoint::from_shared(self.url.clone())
            .unwrap()
            .connect_lazy()
    }

    /// Makes a call over a connection of its own and does not read the answer's body.
    pub(crate) async fn ask_unread(&self, path: &str, request: &impl Message) -> Response<Body> {
        let message = request.encode_to_vec();
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        let body = [&[0], &length[..], &message].concat();
        let request =
            Request::post(format!("{}{path}", self.url)).header("content-type", "application/grpc");
        let mut channel = self.channel();
        channel.ready().await.unwrap();
        let request = request
            .body(Body::new(axum::body::Body::from(body)))
            .unwrap();
        channel.call(request).await.unwrap()
    }

    /// Returns once some call waits for the next block.
    pub(crate) async fn awaited(&self) {
        // The backend itself holds one receiver.
        while self.published.receiver_count() < 2 {
            tokio::task::yield_now().await;
        }
    }

    /// What a verifier of this chain pins.
    pub(crate) fn trust(&self) -> Bundle {
        Bundle::new(self.id.clone(), "Test", [9; 32], self.validators.clone()).unwrap()
    }

    /// The newest height.
    pub(crate) fn height(&self) -> u64 {
        self.store.height().unwrap()
    }

    /// Says of older blocks that they are pruned.
    pub(crate) fn prune(&self, base: u64) {
        self.store.1.store(base, Ordering::Relaxed);
    }

    /// Commits and publishes the next block: these changes, and these envelopes whose receipts say that all went well.
    pub(crate) fn block(&mut self, changes: Changes, envelopes: &[&[u8]]) -> Header {
        let envelopes: Vec<_> = envelopes
            .iter()
            .map(|envelope| (*envelope, v1::Receipt::default()))
            .collect();
        self.block_with(changes, &envelopes)
    }

    /// The same, with what the receipts say besides their transactions' hashes.
    pub(crate) fn block_with(
        &mut self,
        changes: Changes,
        envelopes: &[(&[u8], v1::Receipt)],
    ) -> Header {
        let height = self.height() + 1;
        let header = self.header(height);
        let block = v1::Block {
            header: Protobuf::<RawHeader>::encode_vec(header.clone()),
            transactions: envelopes
                .iter()
                .map(|(envelope, _)| envelope.to_vec())
                .collect(),
            last_commit: Vec::new(),
        };
        self.commit(Batch {
            height,
            changes,
            block: block.encode_to_vec(),
            commit: RawCommit::from(self.sign(&header)).encode_to_vec(),
            receipts: envelopes
                .iter()
                .map(|(envelope, receipt)| {
                    let hash = match receipt.hash.is_empty() {
                        true => hash(envelope).to_vec(),
                        false => receipt.hash.clone(),
                    };
                    let receipt = receipt.clone();
                    v1::Receipt { hash, ..receipt }.encode_to_vec()
                })
                .collect(),
            transactions: envelopes
                .iter()
                .map(|(envelope, receipt)| {
                    Some(<[u8; 32]>::try_from(receipt.hash.as_slice()).unwrap_or(hash(envelope)))
                })
                .collect(),
            ..Batch::default()
        });
        self.published.send_replace(Published { height });
        header
    }

    fn commit(&mut self, mut batch: Batch) {
        batch.tree = tree::apply(&self.store, batch.height, &batch.changes).writes;
        self.store.0.write().unwrap().commit(batch).unwrap();
    }

    fn header(&self, height: u64) -> Header {
        let time = GENESIS_SECONDS + i64::try_from(height).unwrap();
        Header {
            version: Version { block: 11, app: 1 },
            chain_id: self.id.clone(),
            height: Height::try_from(height).unwrap(),
            time: Time::from_unix_timestamp(time, 0).unwrap(),
            last_block_id: None,
            last_commit_hash: None,
            data_hash: None,
            validators_hash: self.validators.hash(),
            next_validators_hash: self.validators.hash(),
            consensus_hash: Hash::Sha256([3; 32]),
            app_hash: AppHash::try_from(tree::root(&self.store, height - 1).to_vec()).unwrap(),
            last_results_hash: None,
            evidence_hash: None,
            proposer_address: self.validators.validators()[0].address,
        }
    }

    /// All validators' commit for a header.
    fn sign(&self, header: &Header) -> Commit {
        let block_id = Id {
            hash: header.hash(),
            part_set_header: parts::Header::new(1, Hash::Sha256([7; 32])).unwrap(),
        };
        let (height, round) = (header.height, Round::from(0_u8));
        let sign = |(index, validator_key): (usize, &PrivateKey)| {
            let validator_address = self.validators.validators()[index].address;
            let vote = Vote {
                vote_type: Type::Precommit,
                height,
                round,
                block_id: Some(block_id),
                timestamp: Some(header.time),
                validator_address,
                validator_index: ValidatorIndex::try_from(index).unwrap(),
                signature: None,
                extension: Vec::new(),
                extension_signature: None,
            };
            let signature = Signature::try_from(
                validator_key.sign(&vote.into_signable_vec(header.chain_id.clone())),
            )
            .unwrap();
            CommitSig::BlockIdFlagCommit {
                validator_address,
                timestamp: header.time,
                signature: Some(signature),
            }
        };
        Commit {
            height,
            round,
            block_id,
            signatures: self.keys.iter().enumerate().map(sign).collect(),
        }
    }
}

/// What the fixture gives an envelope as its hash.
pub(crate) fn hash(envelope: &[u8]) -> [u8; 32] {
    Sha256::digest(envelope).into()
}

/// One record, as changes of state.
pub(crate) fn record(key: Vec<u8>, record: &impl Message) -> Changes {
    Changes::from([(key, Some(record.encode_to_vec()))])
}

pub(crate) fn did(seed: u8, code: Option<&str>) -> Did {
    let code = code.map(|code| code.parse().unwrap());
    Did::derive(&private_key(seed).public(), code.as_ref())
}

pub(crate) fn private_key(seed: u8) -> PrivateKey {
    PrivateKey::generate([seed; 32], KeyAlgorithm::Ed25519)
}

pub(crate) fn did_record(seed: u8, code: Option<&str>, version: u64) -> v1::DidRecord {
    let document = Document::for_key(&did(seed, code), &private_key(seed).public());
    v1::DidRecord {
        document: Some((&document).into()),
        version,
        created_ms: 1,
        updated_ms: 1,
        ..Default::default()
    }
}

pub(crate) fn registered(seed: u8, code: Option<&str>, version: u64) -> Changes {
    record(
        path::record(&did(seed, code)),
        &did_record(seed, code, version),
    )
}

pub(crate) fn refusal(status: &Status) -> (Code, String) {
    let code = status
        .metadata()
        .get(CODE_TRAILER)
        .expect("a refusal has a code")
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        status.message().starts_with(&format!("{code}: ")),
        "{}",
        status.message()
    );
    (status.code(), code)
}

pub(crate) fn check_proof(proof: &v1::StateProof, node: &Node) -> u64 {
    let signed =
        <SignedHeader as Protobuf<RawSignedHeader>>::decode_vec(&proof.signed_header).unwrap();
    certificate::verify(&signed, &node.validators).unwrap();
    let root = signed.header.app_hash.as_bytes().try_into().unwrap();
    for value in &proof.values {
        tree::verify(
            &root,
            &value.key,
            value.present.then_some(value.value.as_slice()),
            &value.proof,
        )
        .unwrap();
    }
    signed.header.height.value()
}

fn tendermint_key(key: &PrivateKey) -> tendermint::PublicKey {
    let PublicKey::Ed25519(raw) = key.public() else {
        unreachable!("test keys are Ed25519")
    };
    tendermint::PublicKey::from_raw_ed25519(&raw).unwrap()
}
