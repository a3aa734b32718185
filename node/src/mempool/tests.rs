//! What waits, in what order, and what gives way to what.

use super::*;
use starfire_did::{Did, KeyAlgorithm, PrivateKey};
use starfire_ledger::{ChainRules, Transaction, check};
use starfire_proto::protocol;

const LIMITS: Limits = Limits {
    transactions_max: 5,
    bytes_max: 10_000,
    work_max: WORK_MAX,
    transactions_per_sender_max: 3,
};

fn transaction(key: u8, nonce: i64) -> Arc<Checked> {
    transaction_with(key, nonce, "topic")
}

fn transaction_until(key: u8, nonce: i64, ceiling: i64) -> Arc<Checked> {
    signed(key, nonce, "topic", ceiling)
}

fn transaction_with(key: u8, nonce: i64, topic: &str) -> Arc<Checked> {
    signed(key, nonce, topic, 0)
}

fn signed(key: u8, nonce: i64, topic: &str, ceil_ledger_seq: i64) -> Arc<Checked> {
    let key = PrivateKey::generate([key; 32], KeyAlgorithm::Ed25519);
    let source = Did::derive(&key.public(), None).to_string();
    let body = protocol::Transaction {
        source_address: source,
        nonce,
        ceil_ledger_seq,
        operations: vec![protocol::Operation {
            r#type: protocol::operation::Type::Log.into(),
            log: Some(protocol::OperationLog {
                topic: topic.into(),
                datas: vec![],
            }),
            ..Default::default()
        }],
        ..Default::default()
    };
    let rules = ChainRules {
        chain_id: "starfire-main-1".to_owned(),
        chain_code: None,
        bif_chain_id: 0,
    };
    Arc::new(
        check(
            Transaction::decode(&Transaction::sign(&body, &[&key])).unwrap(),
            &rules,
        )
        .unwrap(),
    )
}

fn nonces(pool: &Mempool) -> Vec<i64> {
    pool.candidates()
        .map(|transaction| transaction.nonce)
        .collect()
}

#[test]
fn a_sender_s_transactions_leave_in_the_order_of_their_nonces() {
    let mut pool = Mempool::new(LIMITS);
    for nonce in [3, 1, 2] {
        assert!(pool.add(transaction(1, nonce), 0, false, 0).unwrap());
    }
    assert_eq!(nonces(&pool), [1, 2, 3]);
}

#[test]
fn a_gap_holds_back_what_stands_above_it() {
    let mut pool = Mempool::new(LIMITS);
    pool.add(transaction(1, 1), 0, false, 0).unwrap();
    pool.add(transaction(1, 3), 0, false, 0).unwrap();
    assert_eq!(nonces(&pool), [1]);
    assert_eq!(pool.next_nonce(&transaction(1, 1).source.to_string(), 0), 2);
}

#[test]
fn the_next_nonce_is_that_of_the_gap_until_it_is_filled() {
    let mut pool = Mempool::new(LIMITS);
    let sender = transaction(1, 1).sender.clone();
    assert_eq!(pool.next_nonce_of(&sender), None);
    for (nonce, next) in [(7, 5), (5, 6), (6, 8)] {
        pool.add(transaction(1, nonce), 4, false, 0).unwrap();
        assert_eq!(pool.next_nonce_of(&sender), Some(next), "after {nonce}");
    }
    pool.drop_refused(&transaction(1, 5).id);
    assert_eq!(pool.next_nonce_of(&sender), Some(5));
}

#[test]
fn between_senders_the_order_is_that_of_arrival_as_soon_as_it_is_their_turn() {
    let mut pool = Mempool::new(LIMITS);
    for (key, nonce) in [(1, 2), (2, 1), (1, 1), (3, 1), (2, 2)] {
        pool.add(transaction(key, nonce), 0, false, 0).unwrap();
    }
    let sender = |key| transaction(key, 1).sender.clone();
    let order = |pool: &Mempool| -> Vec<(Arc<str>, i64)> {
        pool.candidates()
            .map(|transaction| (transaction.sender.clone(), transaction.nonce))
            .collect()
    };
    let [one, two, three] = [1, 2, 3].map(sender);
    let expected = [(&two, 1), (&one, 1), (&one, 2), (&three, 1), (&two, 2)];
    let expected = expected.map(|(sender, nonce)| (sender.clone(), nonce));
    assert_eq!(order(&pool), expected);
    pool.committed(&BTreeMap::from([(one.clone(), 1)]), 1, 0);
    let expected = [(&one, 2), (&two, 1), (&three, 1), (&two, 2)];
    let expected = expected.map(|(sender, nonce)| (sender.clone(), nonce));
    assert_eq!(order(&pool), expected);
}

#[test]
fn what_is_dropped_in_its_turn_holds_back_what_stands_above_it_until_it_comes_again() {
    let mut pool = Mempool::new(LIMITS);
    for nonce in [1, 2] {
        pool.add(transaction(1, nonce), 0, false, 0).unwrap();
    }
    pool.drop_refused(&transaction(1, 1).id);
    assert_eq!((nonces(&pool), pool.len()), (vec![], 1));
    pool.add(transaction(1, 1), 0, false, 0).unwrap();
    assert_eq!(nonces(&pool), [1, 2]);
    pool.drop_refused(&transaction(1, 2).id);
    pool.drop_refused(&transaction(1, 1).id);
    assert_eq!((pool.len(), pool.bytes(), pool.senders()), (0, 0, 0));
    assert!(pool.candidates().next().is_none());
}

#[test]
fn a_known_transaction_is_no_news_and_a_second_one_with_its_nonce_is_refused() {
    let mut pool = Mempool::new(LIMITS);
    let first = transaction(1, 1);
    assert!(pool.add(first.clone(), 0, false, 0).unwrap());
    assert!(!pool.add(first, 0, false, 0).unwrap());
    assert_eq!(
        pool.add(transaction_with(1, 1, "other"), 0, false, 0)
            .unwrap_err()
            .code,
        NONCE_TAKEN
    );
}

#[test]
fn used_and_far_nonces_are_refused() {
    let mut pool = Mempool::new(LIMITS);
    assert_eq!(
        pool.add(transaction(1, 4), 4, false, 0).unwrap_err().code,
        NONCE_OUT_OF_RANGE
    );
    assert_eq!(
        pool.add(transaction(1, NONCE_GAP_MAX + 1), 0, false, 0)
            .unwrap_err()
            .code,
        NONCE_OUT_OF_RANGE
    );
}

#[test]
fn bounds_hold_for_one_sender_and_for_all() {
    let mut pool = Mempool::new(LIMITS);
    for nonce in 1..=3 {
        pool.add(transaction(1, nonce), 0, false, 0).unwrap();
    }
    assert_eq!(
        pool.add(transaction(1, 4), 0, false, 0).unwrap_err().code,
        SENDER_FULL
    );
    pool.add(transaction(2, 1), 0, false, 0).unwrap();
    pool.add(transaction(3, 1), 0, false, 0).unwrap();
    assert_eq!(
        pool.add(transaction(4, 1), 0, false, 0).unwrap_err().code,
        FULL
    );
}

#[test]
fn a_committed_block_frees_what_it_used_and_time_frees_the_rest() {
    let mut pool = Mempool::new(LIMITS);
    let (first, second) = (transaction(1, 1), transaction(1, 2));
    let sender = first.sender.clone();
    pool.add(first, 0, false, 0).unwrap();
    pool.add(second.clone(), 0, false, 0).unwrap();
    pool.committed(&BTreeMap::from([(sender, 1)]), 1, 1);
    assert_eq!(pool.len(), 1);
    assert!(pool.contains_hash(&second.hash));
    pool.committed(&BTreeMap::new(), 2, WAIT_MS_MAX + 1);
    assert_eq!((pool.len(), pool.bytes()), (0, 0));
}

#[test]
fn strangers_cannot_fill_the_part_that_is_kept_for_members() {
    let mut pool = Mempool::new(LIMITS);
    assert!(pool.add(transaction(1, 1), 0, true, 0).unwrap());
    assert!(pool.add(transaction(2, 1), 0, true, 0).unwrap());
    assert_eq!(
        pool.add(transaction(3, 1), 0, true, 0).unwrap_err().code,
        FULL
    );
    assert!(pool.add(transaction(3, 1), 0, false, 0).unwrap());
}

#[test]
fn what_expired_with_a_block_does_not_hold_up_the_rest() {
    let mut pool = Mempool::new(LIMITS);
    let expiring = transaction_until(1, 1, 7);
    pool.add(expiring.clone(), 0, false, 0).unwrap();
    pool.add(transaction(2, 1), 0, false, 0).unwrap();
    pool.committed(&BTreeMap::new(), 6, 0);
    assert!(pool.contains_hash(&expiring.hash));
    pool.committed(&BTreeMap::new(), 7, 0);
    assert!(!pool.contains_hash(&expiring.hash));
    assert_eq!(pool.len(), 1);
}

/// The longest of the transactions of these tests: addresses differ by a byte or two.
fn size() -> usize {
    let sizes = (1..=10).map(|key| transaction(key, 1).bytes().len());
    sizes.max().unwrap()
}

/// Limits by which so many transactions of one size may wait.
fn room_for(transactions: usize, size: usize) -> Limits {
    Limits {
        transactions_max: 1_000,
        bytes_max: transactions * size,
        work_max: WORK_MAX,
        transactions_per_sender_max: 1_000,
    }
}

#[test]
fn one_key_s_transactions_behind_a_gap_keep_nobody_out_who_is_ready() {
    let size = size();
    for open in [true, false] {
        // One sender has a quarter of its share.
        let share = if open { 32 } else { 16 };
        let mut pool = Mempool::new(room_for(share, size));
        for key in 1..=4 {
            for nonce in 2..=5 {
                assert!(pool.add(transaction(key, nonce), 0, open, 0).unwrap());
            }
        }
        let refused = |pool: &mut Mempool, key, nonce| {
            let added = pool.add(transaction(key, nonce), 0, open, 0);
            added.unwrap_err().code
        };
        assert_eq!(refused(&mut pool, 5, 2), FULL, "it is no better");
        for key in 5..=8 {
            assert!(pool.add(transaction(key, 1), 0, open, 0).unwrap());
        }
        assert_eq!(pool.len(), 16);
        let gone = pool.take_driven_out();
        let gone: Vec<i64> = gone.iter().map(|gone| gone.nonce).collect();
        assert_eq!(gone, [5, 4, 3, 2], "of the last one, from the top");
        assert!(!pool.has_sender(&transaction(4, 1).sender));
        check_sums(&pool);

        // Filling its gap makes room of its own top, and runs the rest.
        assert!(pool.add(transaction(3, 1), 0, open, 0).unwrap());
        let sender = transaction(3, 1).sender.clone();
        assert_eq!(pool.next_nonce_of(&sender), Some(5));
        assert_eq!(nonces(&pool).len(), 8);
        check_sums(&pool);
    }
}

#[test]
fn strangers_behind_a_gap_make_room_for_members_and_the_open_share_for_strangers() {
    let size = size();
    let mut pool = Mempool::new(room_for(8, size));
    for (key, nonce, open) in [
        (1, 2, true),
        (2, 2, true),
        (3, 2, true),
        (4, 2, true),
        (5, 2, false),
        (6, 1, false),
        (7, 1, false),
        (8, 1, false),
    ] {
        assert!(pool.add(transaction(key, nonce), 0, open, 0).unwrap());
    }
    // The last one behind a gap is a member's; of the share that is full it is a stranger's.
    assert!(pool.add(transaction(9, 1), 0, true, 0).unwrap());
    assert!(pool.waits(&transaction(5, 2).id) && !pool.waits(&transaction(4, 2).id));
    assert!(pool.add(transaction(10, 1), 0, false, 0).unwrap());
    assert!(!pool.waits(&transaction(5, 2).id));
    check_sums(&pool);
}

#[test]
fn what_is_ready_is_driven_out_by_nobody() {
    let size = size();
    let mut pool = Mempool::new(room_for(8, size));
    for key in 1..=4 {
        for nonce in 1..=2 {
            assert!(pool.add(transaction(key, nonce), 0, false, 0).unwrap());
        }
    }
    for open in [true, false] {
        let error = pool.add(transaction(5, 1), 0, open, 0).unwrap_err();
        assert_eq!(error.code, FULL);
    }
    // Dropped in its turn, it leaves another behind a gap.
    pool.drop_refused(&transaction(2, 1).id);
    assert!(pool.add(transaction(5, 1), 0, false, 0).unwrap());
    assert!(pool.add(transaction(6, 1), 0, false, 0).unwrap());
    assert!(!pool.waits(&transaction(2, 2).id));
    assert_eq!(nonces(&pool).len(), 8);
    check_sums(&pool);
}

#[test]
fn a_sender_has_a_part_of_the_bytes_and_may_always_have_one_transaction() {
    let size = size();
    let mut pool = Mempool::new(room_for(8, size));
    let code = |added: Result<bool, Rejection>| added.unwrap_err().code;
    assert!(pool.add(transaction(1, 1), 0, false, 0).unwrap());
    assert!(pool.add(transaction(1, 2), 0, false, 0).unwrap());
    assert_eq!(
        code(pool.add(transaction(1, 3), 0, false, 0)),
        SENDER_FULL,
        "two are a quarter of eight"
    );
    assert!(pool.add(transaction(2, 1), 0, true, 0).unwrap());
    assert_eq!(code(pool.add(transaction(2, 2), 0, true, 0)), SENDER_FULL);
    let mut pool = Mempool::new(room_for(6, size));
    assert!(pool.add(transaction(1, 2), 0, true, 0).unwrap());
    assert_eq!(code(pool.add(transaction(1, 3), 0, true, 0)), SENDER_FULL);
    assert!(pool.add(transaction(1, 1), 0, true, 0).unwrap());
    assert_eq!((nonces(&pool), pool.len()), (vec![1], 1));
    check_sums(&pool);
}

/// Limits by which as much work may wait as so many transactions ask for.
fn work_for(transactions: u64) -> Limits {
    let works = (1..=10).map(|key| transaction(key, 1).signature_work);
    Limits {
        transactions_max: 1_000,
        bytes_max: 64 << 20,
        work_max: transactions * works.max().unwrap(),
        transactions_per_sender_max: 1_000,
    }
}

#[test]
fn what_waits_is_bounded_by_what_its_signatures_cost_too() {
    let code = |added: Result<bool, Rejection>| added.unwrap_err().code;
    let mut pool = Mempool::new(work_for(8));
    for key in 1..=4 {
        for nonce in 1..=2 {
            assert!(pool.add(transaction(key, nonce), 0, false, 0).unwrap());
        }
        let third = pool.add(transaction(key, 3), 0, false, 0);
        assert_eq!(code(third), if key < 4 { SENDER_FULL } else { FULL });
    }
    assert_eq!(code(pool.add(transaction(5, 1), 0, false, 0)), FULL);
    check_sums(&pool);

    let mut pool = Mempool::new(work_for(20));
    assert!(pool.add(transaction(1, 1), 0, true, 0).unwrap());
    assert_eq!(code(pool.add(transaction(1, 2), 0, true, 0)), SENDER_FULL);
    assert!(pool.add(transaction(2, 1), 0, true, 0).unwrap());
    assert_eq!(code(pool.add(transaction(3, 1), 0, true, 0)), FULL);
    assert!(pool.add(transaction(3, 1), 0, false, 0).unwrap());
    check_sums(&pool);

    // What waits behind a gap makes room.
    let mut pool = Mempool::new(work_for(4));
    for key in 1..=4 {
        assert!(pool.add(transaction(key, 2), 0, false, 0).unwrap());
    }
    assert_eq!(code(pool.add(transaction(5, 2), 0, false, 0)), FULL);
    assert!(pool.add(transaction(5, 1), 0, false, 0).unwrap());
    assert!(!pool.waits(&transaction(4, 2).id));
    check_sums(&pool);
}

#[test]
fn behind_a_gap_the_wait_is_short_and_begins_with_the_gap() {
    let mut pool = Mempool::new(LIMITS);
    for nonce in [1, 2, 4] {
        pool.add(transaction(1, nonce), 0, false, 0).unwrap();
    }
    pool.committed(&BTreeMap::new(), 1, GAP_WAIT_MS_MAX);
    assert_eq!(pool.len(), 3);
    pool.committed(&BTreeMap::new(), 2, GAP_WAIT_MS_MAX + 1);
    assert_eq!(nonces(&pool), [1, 2]);
    assert_eq!(pool.len(), 2);
    let later = 2 * GAP_WAIT_MS_MAX;
    pool.committed(&BTreeMap::new(), 3, later);
    pool.drop_refused(&transaction(1, 1).id);
    pool.committed(&BTreeMap::new(), 4, later + GAP_WAIT_MS_MAX);
    assert_eq!((nonces(&pool), pool.len()), (vec![], 1));
    pool.committed(&BTreeMap::new(), 5, later + GAP_WAIT_MS_MAX + 1);
    assert!(pool.is_empty());
    check_sums(&pool);
}

/// Everything that is counted, counted afresh.
fn check_sums(pool: &Mempool) {
    let (mut all, mut open) = (Load::default(), Load::default());
    let (mut all_behind, mut open_behind) = (Load::default(), Load::default());
    for (sender, queue) in &pool.senders {
        assert!(!queue.waiting.is_empty());
        let (mut load, mut behind) = (Load::default(), Load::default());
        let mut gap = queue.next_nonce();
        while queue.waiting.contains_key(&gap) {
            gap += 1;
        }
        assert_eq!(queue.gap, gap, "{sender}");
        for (nonce, waiting) in &queue.waiting {
            let one = Load::of(&waiting.transaction);
            assert!(*nonce > queue.account_nonce);
            assert_eq!(waiting.behind.is_some(), *nonce > gap, "{sender} {nonce}");
            let is_behind = waiting.behind.is_some();
            for (counts, sum) in [
                (true, &mut load),
                (is_behind, &mut behind),
                (true, &mut all),
                (is_behind, &mut all_behind),
                (waiting.open, &mut open),
                (waiting.open && is_behind, &mut open_behind),
            ] {
                if counts {
                    sum.add(one);
                }
            }
            assert_eq!(pool.ids[&waiting.transaction.id], (sender.clone(), *nonce));
            assert!(pool.hashes.contains_key(&waiting.transaction.hash));
            assert!(pool.arrivals.contains_key(&waiting.arrival));
        }
        assert_eq!((queue.load, queue.behind), (load, behind));
        let head = queue.waiting.get(&queue.next_nonce());
        assert_eq!(queue.ready, head.map(|head| head.arrival));
    }
    assert_eq!((pool.load, pool.open), (all, open));
    assert_eq!(
        (pool.gaps.load(), pool.gaps.open_load()),
        (all_behind, open_behind)
    );
    let sizes = [pool.ids.len(), pool.hashes.len(), pool.arrivals.len()];
    assert_eq!(sizes, [all.transactions; 3]);
}

#[test]
fn whatever_comes_and_goes_what_is_ready_stays_within_the_bounds() {
    let topics = ["a", "some more of it", &"b".repeat(90)];
    let mut made = BTreeMap::new();
    for key in 0..5u8 {
        for nonce in 1..=12 {
            for (index, topic) in topics.iter().enumerate() {
                made.insert((key, nonce, index), transaction_with(key, nonce, topic));
            }
        }
    }
    let size = made[&(0, 1, 0)].bytes().len();
    let limits = Limits {
        transactions_max: 14,
        bytes_max: 15 * size,
        work_max: 75 * made[&(0, 1, 0)].signature_work,
        transactions_per_sender_max: 5,
    };
    let (mut taken, mut driven_out) = (0, 0);
    for seed in 0..40 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut pool = Mempool::new(limits);
        let mut accounts = [0i64; 5];
        for now in 0..300 {
            let now_ms = now * 1_000;
            let key = random.u8(..5);
            let account = accounts[usize::from(key)];
            let ready: Vec<[u8; 32]> = pool.candidates().map(|ready| ready.id).collect();
            match random.u8(..10) {
                0 => {
                    let run: Vec<Arc<Checked>> = pool.candidates().take(3).cloned().collect();
                    let mut used = BTreeMap::new();
                    for transaction in run {
                        for (index, nonce) in accounts.iter_mut().enumerate() {
                            let key = u8::try_from(index).unwrap();
                            if made[&(key, 1, 0)].sender == transaction.sender {
                                *nonce = transaction.nonce;
                            }
                        }
                        used.insert(transaction.sender.clone(), transaction.nonce);
                    }
                    pool.committed(&used, 1, now_ms);
                }
                1 => {
                    if let Some(refused) = ready.first() {
                        pool.drop_refused(refused);
                    }
                }
                _ => {
                    let nonce = random.i64(account + 1..=12.max(account + 1)).min(12);
                    let transaction = &made[&(key, nonce, random.usize(..3))];
                    let added = pool.add(transaction.clone(), account, random.bool(), now_ms);
                    taken += usize::from(added.is_ok());
                    for id in &ready {
                        assert!(pool.waits(id), "seed {seed}, step {now}");
                    }
                    driven_out += pool.take_driven_out().len();
                }
            }
            check_sums(&pool);
            assert!(pool.len() <= limits.transactions_max && pool.bytes() <= limits.bytes_max);
            assert!(pool.open.transactions <= limits.transactions_max / OPEN_SHARE);
            assert!(pool.open.bytes <= limits.bytes_max / OPEN_SHARE);
            assert!(pool.load.work <= limits.work_max);
            assert!(pool.open.work <= limits.work_max / OPEN_WORK_SHARE);
        }
    }
    println!("{taken} were taken and {driven_out} driven out");
    assert!(driven_out > 100, "{driven_out}");
}
