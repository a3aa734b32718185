//! What every simulation has in common: keys, a genesis, and transactions that are already checked.
//!
//! They do not depend on the seed, so they are made once and shared by all the seeds of a test run.

use std::collections::BTreeSet;
use std::sync::Arc;

use starfire_did::{Did, KeyAlgorithm, PrivateKey};
use starfire_ledger::genesis::{
    ConsensusParams, DidCreation, GenesisFile, GenesisMember, GenesisRole, Key, Params, Profile,
    Routing,
};
use starfire_ledger::{ChainRules, Checked, Genesis, Transaction, check};
use starfire_node::signer::Signer;
use starfire_proto::protocol;
use tendermint::account;

/// Senders of transactions.
const SENDERS: u8 = 4;
/// Transactions of a block.
const BLOCK_TRANSACTIONS_MAX: u32 = 1_000;
/// Transactions that each of them can send.
const TRANSACTIONS: i64 = 40;

/// Keys, genesis and transactions.
#[derive(Debug)]
pub struct World {
    /// The chain.
    pub genesis: Genesis,
    /// Each member's validator keys: the one that it begins with, and those that it may rotate to. Those who are no members at
    /// first come last.
    keys: Vec<Vec<PrivateKey>>,
    addresses: Vec<BTreeSet<account::Id>>,
    validators: usize,
    /// Checked transactions of each sender, in order of their nonces.
    pub transactions: Vec<Vec<Arc<Checked>>>,
}

impl World {
    /// A chain of that many validators of equal power.
    ///
    /// # Panics
    /// When its own genesis is not valid, which a test would show at once.
    pub fn new(validators: u8) -> Self {
        Self::with_joiners(validators, 0, 0)
    }

    /// The same, with followers that may join later, and more keys for everybody to rotate to.
    ///
    /// # Panics
    /// As [`Self::new`].
    pub fn with_joiners(validators: u8, joiners: u8, rotations: u8) -> Self {
        Self::build(validators, joiners, rotations, BLOCK_TRANSACTIONS_MAX)
    }

    /// A chain of that many validators, whose blocks have room for so many transactions.
    ///
    /// # Panics
    /// As [`Self::new`].
    pub fn with_small_blocks(validators: u8, transactions_max: u32) -> Self {
        Self::build(validators, 0, 0, transactions_max)
    }

    fn build(validators: u8, joiners: u8, rotations: u8, transactions_max: u32) -> Self {
        let keys: Vec<Vec<PrivateKey>> = (0..validators + joiners)
            .map(|number| (0..=rotations).map(move |rotation| validator_key(number, rotation)))
            .map(Iterator::collect)
            .collect();
        let founders = keys.iter().take(usize::from(validators)).enumerate();
        let members = founders.map(|(number, keys)| {
            let validator = &keys[0];
            GenesisMember {
                address: address(&account_key(number)),
                organisation: format!("organisation {number}"),
                role: GenesisRole::Super,
                peers: Vec::new(),
                validator_key: Some(Key(raw(validator))),
                voting_power: 1,
            }
        });
        let file = GenesisFile {
            format: "starfire-genesis/1".to_owned(),
            chain_id: "starfire-main-1".to_owned(),
            chain_code: String::new(),
            name: "simulation".to_owned(),
            bif_chain_id: 0,
            genesis_time: "2026-01-01T00:00:00Z".to_owned(),
            params: Params {
                gas_price: 0,
                base_reserve: 0,
                block_transactions_max: transactions_max,
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
            members: members.collect(),
            accounts: Vec::new(),
            sub_chains: Vec::new(),
            signatures: Vec::new(),
        };
        let genesis = Genesis::new(file).expect("the simulation's genesis is valid");
        let transactions = (0..SENDERS)
            .map(|sender| transactions(&key(b"sender", sender)))
            .collect();
        let addresses = keys.iter().map(|keys| keys.iter().map(validator).collect());
        Self {
            genesis,
            addresses: addresses.collect(),
            keys,
            validators: usize::from(validators),
            transactions,
        }
    }

    /// So many transactions of a further sender, of which only the first can run: with it the account gives its own key up.
    pub fn farewell(count: i64) -> Vec<Arc<Checked>> {
        let key = key(b"leaving", 0);
        let last = protocol::Operation {
            r#type: protocol::operation::Type::SetSignerWeight.into(),
            set_signer_weight: Some(protocol::OperationSetSignerWeight {
                master_weight: 0,
                signers: Vec::new(),
            }),
            ..Default::default()
        };
        let first = signed(&key, 1, last);
        let rest = (2..=count).map(|nonce| signed(&key, nonce, metadata(nonce)));
        [first].into_iter().chain(rest).collect()
    }

    /// The signer of a validator, as it begins.
    ///
    /// # Panics
    /// When there is no validator of that number.
    pub fn signer(&self, validator: usize) -> Signer {
        self.signers(validator).swap_remove(0)
    }

    /// The signers of a member: one for each key that it may ever use.
    ///
    /// # Panics
    /// When there is no member of that number.
    pub fn signers(&self, member: usize) -> Vec<Signer> {
        let signer = |key| Signer::new(key).expect("the simulation's keys are Ed25519");
        self.keys[member].iter().map(signer).collect()
    }

    /// The validators that a member ever is.
    ///
    /// # Panics
    /// When there is no member of that number.
    pub fn addresses(&self, member: usize) -> &BTreeSet<account::Id> {
        &self.addresses[member]
    }

    /// How many validators there are at first.
    pub fn validators(&self) -> usize {
        self.validators
    }

    /// How many members there ever are.
    pub fn members(&self) -> usize {
        self.keys.len()
    }

    /// How many keys each of them has.
    pub fn keys(&self) -> usize {
        self.keys.first().map_or(0, Vec::len)
    }
}

/// The key of a member's validator, or one that it may rotate to.
pub(crate) fn validator_key(member: u8, rotation: u8) -> PrivateKey {
    match rotation {
        0 => key(b"validator", member),
        rotation => key(&[b"rotated ", &[rotation][..]].concat(), member),
    }
}

/// The key of a member's account.
pub(crate) fn account_key(member: usize) -> PrivateKey {
    key(b"account", u8::try_from(member).expect("few members"))
}

/// The key of who sends motions: nobody's, so that no member's nonce stands in the way.
pub(crate) fn operator_key() -> PrivateKey {
    key(b"operator", 0)
}

/// The main chain's account of a key.
pub(crate) fn address(key: &PrivateKey) -> String {
    Did::derive(&key.public(), None).to_string()
}

fn validator(key: &PrivateKey) -> account::Id {
    let key = tendermint::PublicKey::from_raw_ed25519(key.public().raw());
    key.expect("the simulation's keys are Ed25519").into()
}

fn key(purpose: &[u8], number: u8) -> PrivateKey {
    let seed = blake3::derive_key("starfire simulation keys", &[purpose, &[number]].concat());
    PrivateKey::generate(seed, KeyAlgorithm::Ed25519)
}

fn raw(key: &PrivateKey) -> [u8; 32] {
    let public = key.public().to_string();
    hex::decode(&public[6..])
        .expect("BIF's encoding is hex")
        .try_into()
        .expect("an Ed25519 key has 32 bytes")
}

fn transactions(key: &PrivateKey) -> Vec<Arc<Checked>> {
    (1..=TRANSACTIONS)
        .map(|nonce| signed(key, nonce, metadata(nonce)))
        .collect()
}

fn metadata(nonce: i64) -> protocol::Operation {
    protocol::Operation {
        r#type: protocol::operation::Type::SetMetadata.into(),
        set_metadata: Some(protocol::OperationSetMetadata {
            key: format!("key {}", nonce % 7),
            value: format!("value {nonce}"),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn signed(key: &PrivateKey, nonce: i64, operation: protocol::Operation) -> Arc<Checked> {
    let body = protocol::Transaction {
        source_address: address(key),
        nonce,
        operations: vec![operation],
        ..Default::default()
    };
    sign_and_check(&body, &[key])
}

/// The transaction, as a node of the simulation's chain takes it.
pub(crate) fn sign_and_check(
    body: &protocol::Transaction,
    signers: &[&PrivateKey],
) -> Arc<Checked> {
    let transaction = Transaction::decode(&Transaction::sign(body, signers))
        .expect("what was signed here decodes");
    let rules = ChainRules {
        chain_id: "starfire-main-1".to_owned(),
        chain_code: None,
        bif_chain_id: 0,
    };
    Arc::new(check(transaction, &rules).expect("what was signed here is valid"))
}
