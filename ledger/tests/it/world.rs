//! A small main chain in memory: four super nodes, a bank, and whoever is named.
//!
//! Keys follow from names, so that every run has the same addresses. Each commit goes the whole way: envelopes into a block, the
//! block through its bytes, checked, executed twice (the outcomes must agree) and applied to the tree.

use std::collections::BTreeMap;
use std::sync::Arc;

use prost::Message;
use sha2::{Digest, Sha256};
use starfire_did::{Did, KeyAlgorithm, PrivateKey};
use starfire_ledger::genesis::{
    ConsensusParams, DidCreation, FORMAT, GenesisAccount, GenesisFile, GenesisMember, GenesisRole,
    Key, Params, Profile, Routing,
};
use starfire_ledger::validators::Sets;
use starfire_ledger::{
    Admission, Block, ChainRules, CheckedBlock, Expected, Genesis, Transaction, execute, receipt,
};
use starfire_proto::protocol::Operation;
use starfire_proto::protocol::operation::Type;
use starfire_proto::{protocol, v1};
use starfire_state::{Archive, Batch, Memory, Store, View, tree};
use tendermint::block::{self, Commit, CommitSig, Height, Round};
use tendermint::{Hash, Time};

pub(crate) const SUPER_NODES: [&str; 4] = ["north", "south", "east", "west"];
pub(crate) const BANK_BALANCE: i64 = 1_000_000_000;

pub(crate) fn key(name: &str) -> PrivateKey {
    PrivateKey::generate(Sha256::digest(name).into(), KeyAlgorithm::Ed25519)
}

pub(crate) fn address(name: &str) -> String {
    Did::derive(&key(name).public(), None).to_string()
}

pub(crate) fn file(profile: Profile) -> GenesisFile {
    let member = |name: &&str| GenesisMember {
        address: address(name),
        organisation: format!("{name} registry"),
        role: GenesisRole::Super,
        peers: Vec::new(),
        validator_key: Some(Key(key(&format!("{name} validator"))
            .public()
            .raw()
            .try_into()
            .expect("an Ed25519 key has 32 bytes"))),
        voting_power: 10,
    };
    let price = i64::from(profile == Profile::Bif);
    GenesisFile {
        format: FORMAT.to_owned(),
        chain_id: "starfire-main-1".to_owned(),
        chain_code: String::new(),
        name: "Test main chain".to_owned(),
        bif_chain_id: 0,
        genesis_time: "2026-01-01T00:00:00Z".to_owned(),
        params: Params {
            gas_price: 100 * price,
            base_reserve: 1000 * price,
            block_transactions_max: 100,
            open_share_percent: 10,
            member_transactions_max: 20,
            profile,
            did_creation: DidCreation::Anyone,
        },
        consensus: ConsensusParams {
            term_heights: 100,
            timeout_base_ms: 1000,
            timeout_max_ms: 60_000,
            heartbeat_ms: 5000,
            routing: Routing::Collector,
        },
        members: SUPER_NODES.iter().map(member).collect(),
        accounts: vec![GenesisAccount {
            address: address("bank"),
            balance: BANK_BALANCE,
        }],
        sub_chains: Vec::new(),
        signatures: Vec::new(),
    }
}

pub(crate) struct World {
    pub(crate) genesis: Genesis,
    store: Memory,
    last_block: Option<block::Id>,
    last_time: Time,
    results_hash: Hash,
}

impl World {
    pub(crate) fn new(profile: Profile) -> Self {
        Self::begun_by(file(profile))
    }

    pub(crate) fn begun_by(file: GenesisFile) -> Self {
        let genesis = Genesis::new(file).expect("the test genesis keeps the rules");
        let mut store = Memory::new();
        let update = tree::apply(&store, 0, genesis.changes());
        let batch = Batch {
            changes: genesis.changes().clone(),
            tree: update.writes,
            ..Batch::default()
        };
        store.commit(batch).expect("memory does not fail");
        let last_time = genesis.time();
        Self {
            genesis,
            store,
            last_block: None,
            last_time,
            results_hash: receipt::results_hash(&[]),
        }
    }

    pub(crate) fn height(&self) -> u64 {
        self.store.height().expect("genesis is committed")
    }

    /// What stands at a path, as its proof against the newest root says.
    pub(crate) fn proved<M: Message + Default>(&self, path: &[u8]) -> Option<M> {
        let height = self.height();
        let proved = tree::prove(&self.store, height, path);
        let root = tree::root(&self.store, height);
        tree::verify(&root, path, proved.value.as_deref(), &proved.proof)
            .expect("what was proved verifies");
        proved
            .value
            .map(|value| M::decode(value.as_slice()).expect("a record decodes as what wrote it"))
    }

    pub(crate) fn state(&self) -> Box<dyn View + '_> {
        self.store.state_at(self.height())
    }

    pub(crate) fn rules(&self) -> ChainRules {
        ChainRules::of(&starfire_state::chain(self.state().as_ref()))
    }

    pub(crate) fn admission(&self) -> Admission {
        Admission::new(self.state().as_ref(), self.height() + 1)
    }

    /// What the next block must agree with.
    pub(crate) fn expected(&self) -> Expected {
        let sets = Sets::load(self.state().as_ref());
        Expected {
            chain_id: self.genesis.chain_id().clone(),
            height: self.height() + 1,
            last_block_id: self.last_block,
            last_time: self.last_time,
            app_hash: tree::root(&self.store, self.height()),
            last_results_hash: self.results_hash,
            next_validators_hash: sets.next.hash(),
            last_validators: sets.last,
            validators: sets.current,
            consensus_hash: self.genesis.consensus_hash(),
            transactions_max: self.genesis.file().params.block_transactions_max,
        }
    }

    /// The next block, as a proposer builds it.
    pub(crate) fn block(&self, transactions: Vec<Vec<u8>>) -> Block {
        let expected = self.expected();
        let proposer = expected.validators.validators()[0].address;
        let time = (self.last_time + std::time::Duration::from_secs(1))
            .expect("the test ends before the year 9999");
        let last_commit = self.last_block.map(|block_id| Commit {
            height: Height::try_from(self.height()).expect("a small height"),
            round: Round::default(),
            block_id,
            signatures: vec![
                CommitSig::BlockIdFlagAbsent;
                expected.last_validators.validators().len()
            ],
        });
        Block::build(&expected, proposer, time, last_commit, transactions)
    }

    /// Decides and executes a block of these envelopes.
    pub(crate) fn commit(&mut self, transactions: Vec<Vec<u8>>) -> Vec<v1::Receipt> {
        let built = self.block(transactions);
        let block = Block::decode(built.bytes()).expect("what was built decodes");
        assert_eq!((block.id(), &block.header), (built.id(), &built.header));
        block.check(&self.expected()).expect("what was built fits");
        let block =
            CheckedBlock::new(block, &self.rules(), |_| None).expect("every transaction is valid");
        let outcome = execute(self.state().as_ref(), &block);
        assert_eq!(
            outcome,
            execute(self.state().as_ref(), &block),
            "execution is a function of state and block"
        );

        let height = self.height() + 1;
        let update = tree::apply(&self.store, height, &outcome.changes);
        let batch = Batch {
            height,
            changes: outcome.changes,
            tree: update.writes,
            block: block.block().bytes().to_vec(),
            receipts: outcome
                .receipts
                .iter()
                .map(Message::encode_to_vec)
                .collect(),
            transactions: block
                .transactions()
                .iter()
                .zip(outcome.executed)
                .map(|(transaction, executed)| executed.then_some(transaction.hash))
                .collect(),
            ..Batch::default()
        };
        self.store.commit(batch).expect("memory does not fail");
        self.last_block = Some(block.block().id());
        self.last_time = block.block().header.time;
        self.results_hash = outcome.results_hash;
        outcome.receipts
    }

    /// The nonce of an account's next transaction.
    pub(crate) fn next_nonce(&self, name: &str) -> i64 {
        self.account(name).map_or(0, |account| account.nonce) + 1
    }

    pub(crate) fn account(&self, name: &str) -> Option<v1::AccountRecord> {
        starfire_state::Account::load(self.state().as_ref(), &address(name))
            .map(|account| account.record)
    }

    /// Signs a transaction with the next nonce.
    pub(crate) fn sign(
        &self,
        source: &str,
        signers: &[&str],
        operations: Vec<Operation>,
    ) -> Vec<u8> {
        sign_with_nonce(source, self.next_nonce(source), signers, operations)
    }

    /// Sends one transaction in a block of its own.
    pub(crate) fn send(
        &mut self,
        source: &str,
        signers: &[&str],
        operations: Vec<Operation>,
    ) -> v1::Receipt {
        let envelope = self.sign(source, signers, operations);
        self.commit(vec![envelope]).remove(0)
    }
}

pub(crate) fn sign_with_nonce(
    source: &str,
    nonce: i64,
    signers: &[&str],
    operations: Vec<Operation>,
) -> Vec<u8> {
    sign_body(&body(source, nonce, operations), signers)
}

pub(crate) fn body(source: &str, nonce: i64, operations: Vec<Operation>) -> protocol::Transaction {
    protocol::Transaction {
        source_address: address(source),
        nonce,
        operations,
        fee_limit: 1_000_000,
        gas_price: 100,
        ..Default::default()
    }
}

pub(crate) fn sign_body(body: &protocol::Transaction, signers: &[&str]) -> Vec<u8> {
    let keys: Vec<PrivateKey> = signers.iter().map(|name| key(name)).collect();
    Transaction::sign(body, &keys.iter().collect::<Vec<_>>())
}

pub(crate) fn pay(to: &str, amount: i64) -> Operation {
    Operation {
        r#type: Type::PayCoin.into(),
        pay_coin: Some(protocol::OperationPayCoin {
            dest_address: address(to),
            amount,
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// Who is meant by an address, for scripts that people read.
#[derive(Default)]
pub(crate) struct Names(BTreeMap<String, String>);

impl Names {
    pub(crate) fn address(&mut self, name: &str) -> String {
        let address = address(name);
        self.0.insert(address.clone(), format!("<{name}>"));
        address
    }

    /// Replaces every known address by its name.
    pub(crate) fn told(&self, text: &str) -> String {
        self.0
            .iter()
            .fold(text.to_owned(), |text, (address, name)| {
                text.replace(address, name)
            })
    }
}

pub(crate) fn checked(envelope: &[u8], rules: &ChainRules) -> Arc<starfire_ledger::Checked> {
    let transaction = Transaction::decode(envelope).expect("the test's envelope decodes");
    Arc::new(starfire_ledger::check(transaction, rules).expect("the test's envelope is valid"))
}
