//! All super nodes killed at once under load, ten times: the chain resumes by itself, and nothing that was promised is lost.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use starfire_consensus::certificate;
use starfire_node::client::{Client, Committed};
use starfire_proto::v1;
use starfire_proto::v1::transaction_status::State;
use tendermint::block::signed_header::SignedHeader;
use tendermint::validator;
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::{
    SignedHeader as RawSignedHeader, ValidatorSet as RawValidatorSet,
};
use tokio::task::JoinHandle;

use super::devnet::{Devnet, block, eventually, fresh_key, note};

const NODES: [&str; 4] = ["main-1", "main-2", "main-3", "main-4"];
const KILLS: usize = 10;
/// Senders at each node.
const SENDERS: usize = 2;
/// What is committed at least between two kills.
const COMMITTED_BETWEEN: u64 = 20;

/// Senders that never stop, and what they were promised.
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    promised: Arc<AtomicU64>,
    senders: Vec<JoinHandle<Vec<Committed>>>,
}

impl Load {
    /// Senders to each of these nodes.
    pub(super) fn start(nodes: impl IntoIterator<Item = Client>) -> Self {
        let (stop, promised) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let mut senders = Vec::new();
        for client in nodes {
            for _ in 0..SENDERS {
                let sender = send_on(client.clone(), stop.clone(), promised.clone());
                senders.push(tokio::spawn(sender));
            }
        }
        Self {
            stop,
            promised,
            senders,
        }
    }

    /// How many transactions were called committed so far.
    pub(super) fn promised(&self) -> u64 {
        self.promised.load(Ordering::Relaxed)
    }

    /// Everything that `Wait` called committed.
    pub(super) async fn end(self) -> Vec<Committed> {
        self.stop.store(true, Ordering::Relaxed);
        let mut committed = Vec::new();
        for sender in self.senders {
            committed.extend(sender.await.expect("a sender does not panic"));
        }
        committed
    }
}

async fn send_on(
    client: Client,
    stop: Arc<AtomicBool>,
    promised: Arc<AtomicU64>,
) -> Vec<Committed> {
    let mut committed = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        // A new account each time: whether an interrupted transaction was committed is then no matter of nonces.
        let operation = note("load", &committed.len().to_string());
        match client.send(&fresh_key(), vec![operation]).await {
            Ok(one) => {
                committed.push(one);
                promised.fetch_add(1, Ordering::Relaxed);
            }
            // Its node was killed; it will be back.
            Err(_) => tokio::time::sleep(super::devnet::POLL).await,
        }
    }
    committed
}

/// The block hash and app hash of each height, checked to be decided by a quorum.
pub(super) async fn history(client: &Client, height: u64) -> Vec<(String, String)> {
    let mut hashes = Vec::new();
    for height in 1..=height {
        let view = block(client, height).await;
        let signed =
            <SignedHeader as Protobuf<RawSignedHeader>>::decode_vec(&view.signed_header).unwrap();
        let validators =
            <validator::Set as Protobuf<RawValidatorSet>>::decode_vec(&view.validators).unwrap();
        certificate::verify(&signed, &validators)
            .unwrap_or_else(|error| panic!("block {height} of {}: {error}", client.url()));
        hashes.push((
            signed.header.hash().to_string(),
            signed.header.app_hash.to_string(),
        ));
    }
    hashes
}

/// Every promise stands, as this node has it.
pub(super) async fn check_kept(client: &Client, promised: &[Committed]) {
    for Committed {
        hash,
        height,
        index,
        receipt,
    } in promised
    {
        let request = v1::GetTransactionRequest {
            hash: hash.to_vec(),
        };
        let found = client
            .call(client.transactions().get(request))
            .await
            .expect("the node answers");
        assert_eq!(
            found.state(),
            State::Committed,
            "{} lost {}",
            client.url(),
            hex::encode(hash)
        );
        assert_eq!(
            (found.height, found.index, found.receipt.as_ref()),
            (*height, *index, Some(receipt))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_four_killed_under_load_ten_times_resume_with_equal_states_and_lose_nothing() {
    let devnet = Devnet::up(&[]);
    let load = Load::start(NODES.map(|node| devnet.client(node)));
    for kill in 1..=KILLS {
        let before = load.promised();
        eventually(
            &format!("transactions are committed before kill {kill}"),
            async || (load.promised() >= before + COMMITTED_BETWEEN).then_some(()),
        )
        .await;
        devnet.tell("kill", "all");
        devnet.tell("resume", "all");
    }
    let before = load.promised();
    eventually("it resumed by itself after the last kill", async || {
        (load.promised() > before).then_some(())
    })
    .await;
    let promised = load.end().await;
    let hashes: BTreeSet<_> = promised.iter().map(|committed| committed.hash).collect();
    assert_eq!(
        hashes.len(),
        promised.len(),
        "nothing is promised twice for one transaction"
    );

    let newest = promised
        .iter()
        .map(|committed| committed.height)
        .max()
        .expect("something was promised")
        + 1;
    for node in NODES {
        eventually(&format!("{node} has block {newest}"), async || {
            (devnet.status(node).await?.height >= newest).then_some(())
        })
        .await;
        check_kept(&devnet.client(node), &promised).await;
    }
    let [first, others @ ..] = NODES;
    let reference = history(&devnet.client(first), newest).await;
    for node in others {
        let other = history(&devnet.client(node), newest).await;
        for (height, (one, two)) in (1..).zip(reference.iter().zip(&other)) {
            assert_eq!(
                one, two,
                "block hash and app hash at height {height} of {first} and {node}"
            );
        }
    }
    for node in NODES {
        let log = devnet.log(node);
        assert!(
            !log.contains("a validator broke the rules"),
            "{node} saw a double vote: {log}"
        );
    }
}
