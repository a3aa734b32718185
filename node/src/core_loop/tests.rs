//! What the core does about its peers, beside the replica.

use libp2p::identity::Keypair;
use starfire_state::Memory;

use super::*;
use crate::mempool;
use crate::network::{self, NetworkConfig};
use crate::sync::fixture::{Chain, acting_for, follow};
use crate::verify_pool::Verdicts;

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

/// What became of transactions, by the names of their codes.
fn names(verdicts: Verdicts) -> Vec<&'static str> {
    let names = verdicts.into_iter().map(|verdict| match verdict {
        Ok(_) => "",
        Err(rejection) => rejection.code.name,
    });
    names.collect()
}

#[tokio::test]
async fn transactions_that_need_many_accounts_take_several_steps_and_each_is_answered() {
    let mut core = core(&[]).await;
    let batch = |transactions: &[(u8, i64)]| {
        let (reply, answer) = oneshot::channel();
        let transactions = transactions.iter();
        let admission = Admission {
            transactions: transactions
                .map(|(others, nonce)| Ok(acting_for(*others, *nonce)))
                .collect(),
            origin: Origin::Client(reply),
        };
        (admission, answer)
    };
    let (long, mut answer) = batch(&[(0, 1), (64, 2), (64, 2), (64, 2), (64, 2), (64, 2), (0, 2)]);
    let (short, mut last) = batch(&[(0, 3), (0, 5)]);
    let (empty, mut nothing) = batch(&[]);
    core.admitting.extend(vec![long, short, empty]);
    core.admit_some();
    assert!(answer.try_recv().is_err(), "four of these fill a step");
    assert_eq!(core.replica.mempool().len(), 1);
    core.admit_some();
    let unsigned = "INVALID_SIGNATURE";
    let expected = ["", unsigned, unsigned, unsigned, unsigned, unsigned, ""];
    assert_eq!(names(answer.try_recv().unwrap()), expected);
    assert_eq!(names(last.try_recv().unwrap()), ["", ""]);
    assert!(nothing.try_recv().unwrap().is_empty());
    assert!(core.admitting.is_empty());
    assert_eq!(core.outlets.pool.read().unwrap().pending.len(), 4);
}

#[tokio::test]
async fn what_finds_no_place_is_refused_before_its_accounts_are_read() {
    let mut core = core(&[]).await;
    let mut admit = |others, nonce| {
        let (reply, mut answer) = oneshot::channel();
        core.admitting.extend(vec![Admission {
            transactions: vec![Ok(acting_for(others, nonce))],
            origin: Origin::Client(reply),
        }]);
        core.admit_some();
        names(answer.try_recv().unwrap())
    };
    assert_eq!(admit(1, 1), ["INVALID_SIGNATURE"]);
    assert_eq!(admit(0, 1), [""]);
    assert_eq!(admit(0, 1), [""], "it waits");
    assert_eq!(admit(1, 1), [mempool::NONCE_TAKEN.name]);
}

#[tokio::test]
async fn what_gave_way_to_what_can_run_is_shown_no_more() {
    let mut core = core(&[]).await;
    let mut admit = |nonces: std::ops::RangeInclusive<i64>| {
        let (reply, mut answer) = oneshot::channel();
        core.admitting.extend(vec![Admission {
            transactions: nonces.map(|nonce| Ok(acting_for(0, nonce))).collect(),
            origin: Origin::Client(reply),
        }]);
        core.admit_some();
        let verdicts = answer.try_recv().unwrap();
        assert!(verdicts.iter().all(Result::is_ok));
        let pool = core.outlets.pool.read().unwrap();
        let next = pool.next_nonces.get(&acting_for(0, 1).sender);
        let last = pool.pending.contains(&acting_for(0, 101).hash);
        (pool.pending.len(), next.copied(), last)
    };
    // As many as one sender may have waiting.
    assert_eq!(admit(2..=101), (100, Some(1), true));
    assert_eq!(admit(1..=1), (100, Some(101), false));
}

#[tokio::test]
async fn a_core_whose_inbox_is_never_empty_admits() {
    for (entries, admits) in [(INBOX_RUN_MAX - 1, false), (INBOX_RUN_MAX, true)] {
        let Core {
            replica, outlets, ..
        } = core(&[]).await;
        let (sender, admissions) = mpsc::channel(ADMISSIONS_MAX);
        let (reply, mut answer) = oneshot::channel();
        let admission = Admission {
            transactions: vec![Ok(acting_for(0, 1))],
            origin: Origin::Client(reply),
        };
        sender.send(vec![admission]).await.unwrap();
        let (filler, inbox) = mpsc::channel(usize::try_from(entries).unwrap());
        for _ in 0..entries {
            filler
                .send(CoreInput::Peer(PeerId::random()))
                .await
                .unwrap();
        }
        // The core finds an entry whenever it looks, until it ends with the last.
        drop(filler);
        run(replica, Vec::new(), outlets, inbox, admissions).await;
        assert_eq!(answer.try_recv().is_ok(), admits);
        drop(sender);
    }
}
