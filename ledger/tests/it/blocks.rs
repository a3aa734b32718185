//! Blocks as bytes: one encoding, one id, and a reason for every field that is not as it should be.

use prost::Message;
use starfire_ledger::block::{BLOCK_TRANSACTIONS_MAX, last_commit};
use starfire_ledger::genesis::Profile;
use starfire_ledger::{Block, CheckedBlock, Expected, InvalidBlock, InvalidTransaction};
use starfire_proto::v1;
use tendermint::{AppHash, Hash, account};

use crate::world::{World, checked, pay, sign_with_nonce};

fn world() -> World {
    let mut world = World::new(Profile::Default);
    world.send("bank", &["bank"], vec![pay("alice", 1)]);
    world
}

#[test]
fn the_first_block_has_no_block_before() {
    let world = World::new(Profile::Default);
    let block = world.block(Vec::new());
    assert_eq!(
        (
            block.height(),
            block.header.last_block_id,
            &block.last_commit
        ),
        (1, None, &None)
    );
    assert_eq!(block.check(&world.expected()), Ok(()));
}

#[test]
fn the_id_names_the_header_and_the_bytes() {
    let world = world();
    let block = world.block(Vec::new());
    assert_eq!(block.id().hash, block.header.hash());
    assert_eq!(block.id().part_set_header.total, 1);
    assert_eq!(
        block.id().part_set_header.hash,
        Hash::Sha256(*blake3::hash(block.bytes()).as_bytes())
    );
    // The same header with another commit is another block.
    let mut raw = v1::Block::decode(&block.bytes()[..]).unwrap();
    raw.last_commit = Vec::new();
    let other = Block::decode(&raw.encode_to_vec()).unwrap();
    assert_eq!(other.header, block.header);
    assert_ne!(other.id(), block.id());
    assert_eq!(
        other.check(&world.expected()),
        Err(InvalidBlock::LastCommit("it is missing"))
    );
}

type Change = Box<dyn Fn(&mut Expected)>;

#[test]
fn every_field_of_the_header_is_compared() {
    let world = world();
    let other = Hash::Sha256([9; 32]);
    let cases: Vec<(&str, Change)> = vec![
        (
            "chain id",
            Box::new(|expected| expected.chain_id = "starfire-main-2".parse().unwrap()),
        ),
        ("height", Box::new(|expected| expected.height += 1)),
        (
            "last block id",
            Box::new(|expected| expected.last_block_id = None),
        ),
        (
            "time",
            Box::new(|expected| expected.last_time = "2027-01-01T00:00:00Z".parse().unwrap()),
        ),
        (
            "next validators hash",
            Box::new(move |expected| expected.next_validators_hash = other),
        ),
        (
            "consensus hash",
            Box::new(move |expected| expected.consensus_hash = other),
        ),
        ("app hash", Box::new(|expected| expected.app_hash = [9; 32])),
        (
            "last results hash",
            Box::new(move |expected| expected.last_results_hash = other),
        ),
        (
            "validators hash",
            Box::new(|expected| {
                expected.validators.validators.pop();
            }),
        ),
    ];
    let block = world.block(Vec::new());
    for (field, change) in cases {
        let mut expected = world.expected();
        change(&mut expected);
        assert_eq!(block.check(&expected), Err(InvalidBlock::Header(field)));
    }
}

/// A block whose header was changed after it was built, with its bytes made anew.
fn changed(block: &Block, change: impl Fn(&mut tendermint_proto::v0_38::types::Header)) -> Block {
    let mut raw = v1::Block::decode(&block.bytes()[..]).unwrap();
    let mut header = tendermint_proto::v0_38::types::Header::decode(raw.header.as_slice()).unwrap();
    change(&mut header);
    raw.header = header.encode_to_vec();
    Block::decode(&raw.encode_to_vec()).unwrap()
}

#[test]
fn a_header_that_was_tampered_with_is_refused() {
    let world = world();
    let block = world.block(vec![world.sign("bank", &["bank"], vec![pay("alice", 1)])]);
    assert_eq!(block.check(&world.expected()), Ok(()));
    let refused = |error, change: fn(&mut tendermint_proto::v0_38::types::Header)| {
        assert_eq!(changed(&block, change).check(&world.expected()), Err(error));
    };
    refused(InvalidBlock::Header("version"), |header| {
        header.version.as_mut().unwrap().app = 2;
    });
    refused(InvalidBlock::Header("time"), |header| {
        header.time.as_mut().unwrap().nanos += 1;
    });
    refused(InvalidBlock::Header("evidence hash"), |header| {
        header.evidence_hash = vec![1; 32];
    });
    refused(InvalidBlock::Header("proposer address"), |header| {
        header.proposer_address = vec![1; 20];
    });
    refused(InvalidBlock::Content("data hash"), |header| {
        header.data_hash = vec![1; 32];
    });
    refused(InvalidBlock::Content("last commit hash"), |header| {
        header.last_commit_hash = vec![1; 32];
    });
}

#[test]
fn a_block_has_one_encoding() {
    let world = world();
    let block = world.block(Vec::new());
    let unknown_field = [&block.bytes()[..], &[0x7a, 0x01, 0x00]].concat();
    assert_eq!(
        Block::decode(&unknown_field).err(),
        Some(InvalidBlock::Encoding("block"))
    );
    let mut raw = v1::Block::decode(&block.bytes()[..]).unwrap();
    raw.header.extend([0xaa, 0x06, 0x01, 0x00]);
    assert_eq!(
        Block::decode(&raw.encode_to_vec()).err(),
        Some(InvalidBlock::Encoding("header"))
    );
    assert_eq!(
        Block::decode(&vec![0; (16 << 20) + 1]).err(),
        Some(InvalidBlock::TooLong((16 << 20) + 1))
    );
}

#[test]
fn a_block_holds_no_more_transactions_than_the_chain_allows() {
    let world = world();
    let transactions = vec![sign_with_nonce("bank", 2, &["bank"], vec![pay("alice", 1)]); 101];
    let expected = Expected {
        transactions_max: 1000,
        ..world.expected()
    };
    let block = Block::build(
        &expected,
        expected.validators.validators()[0].address,
        next(&world),
        commit(&world),
        transactions,
    );
    assert_eq!(
        block.check(&world.expected()),
        Err(InvalidBlock::TooManyTransactions(101))
    );
}

/// A valid block with so many empty transactions put in, each of which has two bytes.
fn stuffed(world: &World, count: usize) -> Vec<u8> {
    let mut raw = v1::Block::decode(&world.block(Vec::new()).bytes()[..]).unwrap();
    raw.transactions = vec![Vec::new(); count];
    raw.encode_to_vec()
}

#[test]
fn a_block_of_more_transactions_than_any_chain_allows_is_not_decoded() {
    let world = world();
    let most = usize::try_from(BLOCK_TRANSACTIONS_MAX).unwrap();
    assert!(Block::decode(&stuffed(&world, most)).is_ok());
    for count in [most + 1, 8_000_000] {
        assert_eq!(
            Block::decode(&stuffed(&world, count)).err(),
            Some(InvalidBlock::TooManyTransactions(count))
        );
    }
}

#[test]
fn the_last_commit_is_read_without_the_transactions() {
    let world = world();
    let commit = commit(&world);
    assert!(commit.is_some());
    for count in [0, 8_000_000] {
        assert_eq!(last_commit(&stuffed(&world, count)).unwrap(), commit);
    }
    let mut raw = v1::Block::decode(&world.block(Vec::new()).bytes()[..]).unwrap();
    raw.last_commit = Vec::new();
    assert_eq!(last_commit(&raw.encode_to_vec()), Ok(None));
    // Places without a signature, two bytes each.
    raw.last_commit = [0x22, 0x00].repeat(1 << 20);
    let refused = Err(InvalidBlock::Encoding("last commit"));
    assert_eq!(last_commit(&raw.encode_to_vec()), refused);
}

fn next(world: &World) -> tendermint::Time {
    world.block(Vec::new()).header.time
}

fn commit(world: &World) -> Option<tendermint::block::Commit> {
    world.block(Vec::new()).last_commit
}

#[test]
fn a_commit_of_another_block_or_size_is_refused() {
    let world = world();
    let refused = |change: fn(&mut tendermint::block::Commit)| {
        let mut commit = commit(&world).unwrap();
        change(&mut commit);
        let expected = world.expected();
        let mut raw = v1::Block::decode(&world.block(Vec::new()).bytes()[..]).unwrap();
        raw.last_commit = starfire_ledger::block::encode_commit(&commit);
        Block::decode(&raw.encode_to_vec())
            .unwrap()
            .check(&expected)
            .unwrap_err()
    };
    assert_eq!(
        refused(|commit| commit.height = 7_u32.into()),
        InvalidBlock::LastCommit("another height")
    );
    assert_eq!(
        refused(|commit| commit.block_id.hash = Hash::Sha256([1; 32])),
        InvalidBlock::LastCommit("another block")
    );
    assert_eq!(
        refused(|commit| commit.signatures.truncate(3)),
        InvalidBlock::LastCommit("not one entry a validator")
    );
}

#[test]
fn one_bad_transaction_makes_the_block_invalid() {
    let world = world();
    let good = world.sign("bank", &["bank"], vec![pay("alice", 1)]);
    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 1;
    let block = world.block(vec![good.clone(), forged.clone()]);
    let error = CheckedBlock::new(block.clone(), &world.rules(), |_| None).unwrap_err();
    let InvalidBlock::Transaction {
        index: 1,
        error: InvalidTransaction::Signature(_),
    } = error
    else {
        panic!("not the forged signature: {error:?}");
    };
    let undecodable =
        CheckedBlock::new(world.block(vec![vec![0xff]]), &world.rules(), |_| None).unwrap_err();
    assert!(matches!(
        undecodable,
        InvalidBlock::Transaction {
            index: 0,
            error: InvalidTransaction::Envelope(_)
        }
    ));

    // What was checked on admission is known by its whole envelope: the forged copy is not.
    let known = checked(&good, &world.rules());
    let known = |id: &[u8; 32]| (*id == known.id).then(|| known.clone());
    assert!(CheckedBlock::new(block, &world.rules(), known).is_err());
    assert!(CheckedBlock::new(world.block(vec![good]), &world.rules(), known).is_ok());
}

#[test]
fn app_hashes_and_proposers_are_plain_bytes() {
    let world = world();
    let block = world.block(Vec::new());
    let app_hash: &AppHash = &block.header.app_hash;
    assert_eq!(app_hash.as_bytes(), world.expected().app_hash);
    let proposer: account::Id = block.header.proposer_address;
    assert!(world.genesis.validators().validator(proposer).is_some());
}
