//! How a chain begins: one JSON file that its founders agree on, byte for byte.
//!
//! The file gives the chain's name and parameters, its members and validators, the first balances and, on the main chain, the
//! registered sub-chains. Its hash is what the founders sign and what trust bundles name. A [`Genesis`] is a file that was
//! checked: state and validators follow from it and cannot fail any more.

mod ceremony;
mod file;
mod rules;

use starfire_crosschain::chain::{Registration, RegistrationError};
use starfire_proto::v1;
use starfire_state::{Account, Changes, Overlay, View, key};
use tendermint::{Hash, Time, chain, validator};

use crate::hash::sha256;
use crate::validators;

pub use ceremony::CeremonyError;
pub use file::{
    ConsensusParams, DidCreation, FORMAT, GenesisAccount, GenesisFile, GenesisMember, GenesisRole,
    GenesisSignature, GenesisSubChain, GenesisSubChainValidator, Key, Params, Profile, Routing,
};

/// The longest genesis file.
pub const GENESIS_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The most validators.
pub const VALIDATORS_MAX: usize = 64;
/// What precedes the hash in what the founders sign.
pub const SIGNING_PREFIX: &[u8] = b"starfire-genesis\0";
/// The greatest integer that every JSON reader keeps exactly.
pub const INTEGER_MAX: u64 = 1 << 53;

/// Why a file cannot begin a chain.
#[derive(Debug, thiserror::Error)]
pub enum GenesisError {
    /// It is longer than [`GENESIS_BYTES_MAX`].
    #[error("the genesis file has {0} bytes, more than {GENESIS_BYTES_MAX}")]
    TooLong(usize),
    /// It is not this JSON object: a field is missing, unknown, twice there or of another type.
    #[error("the genesis file is not the expected JSON")]
    Json(#[source] serde_json::Error),
    /// A field has a value that cannot be.
    #[error("{field}: {problem}")]
    Field {
        /// Which field, as a path.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A sub-chain cannot be registered.
    #[error("sub_chains: {chain_code:?} cannot be registered")]
    SubChain {
        /// The sub-chain.
        chain_code: String,
        /// Why.
        #[source]
        error: RegistrationError,
    },
}

/// A genesis file that was checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Genesis {
    file: GenesisFile,
    chain_id: chain::Id,
    time: Time,
    validators: validator::Set,
    changes: Changes,
}

impl Genesis {
    /// Reads and checks a file.
    pub fn parse(bytes: &[u8]) -> Result<Self, GenesisError> {
        if bytes.len() > GENESIS_BYTES_MAX {
            return Err(GenesisError::TooLong(bytes.len()));
        }
        Self::new(serde_json::from_slice(bytes).map_err(GenesisError::Json)?)
    }

    /// Checks a file's content. The founders' signatures are another matter: see [`Self::verify_ceremony`].
    pub fn new(file: GenesisFile) -> Result<Self, GenesisError> {
        let chain_id = rules::chain_id(&file)?;
        let time = rules::time(&file)?;
        rules::params(&file)?;
        let validators = rules::validators(&file)?;
        rules::accounts(&file)?;
        let changes = changes(&file, &validators)?;
        Ok(Self {
            file,
            chain_id,
            time,
            validators,
            changes,
        })
    }

    /// The content.
    pub fn file(&self) -> &GenesisFile {
        &self.file
    }

    /// The chain's id.
    pub fn chain_id(&self) -> &chain::Id {
        &self.chain_id
    }

    /// The time that stands for the block before the first.
    pub fn time(&self) -> Time {
        self.time
    }

    /// The validators of the first block.
    pub fn validators(&self) -> &validator::Set {
        &self.validators
    }

    /// The state before the first block: version 0 of the tree.
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// SHA-256 of the file's canonical JSON (RFC 8785) without the signatures.
    pub fn hash(&self) -> [u8; 32] {
        sha256(&canonical(&GenesisFile {
            signatures: Vec::new(),
            ..self.file.clone()
        }))
    }

    /// What headers carry as `consensus_hash`: SHA-256 of the canonical JSON of the consensus parameters.
    pub fn consensus_hash(&self) -> Hash {
        Hash::Sha256(sha256(&canonical(&self.file.consensus)))
    }

    /// The file as text, for people.
    pub fn render(&self) -> String {
        let mut text = serde_json::to_string_pretty(&self.file)
            .expect("a genesis file has only texts and integers");
        text.push('\n');
        text
    }
}

fn canonical(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).expect("a genesis file has only texts and integers")
}

/// All that genesis writes.
fn changes(file: &GenesisFile, validators: &validator::Set) -> Result<Changes, GenesisError> {
    let mut state = Overlay::new(&Nothing);
    state.put_record(key::CHAIN.to_vec(), &chain_record(file));
    validators::found(&mut state, validators);
    for member in &file.members {
        state.put_record(
            key::member(&member.address),
            &v1::MemberRecord::from(member),
        );
    }
    for entry in &file.accounts {
        let mut account = Account::create(&entry.address);
        account.record.balance = entry.balance;
        account.save(&mut state);
    }
    for sub_chain in &file.sub_chains {
        let chain_code = sub_chain.chain_code.clone();
        Registration::try_from(sub_chain)?
            .write(&mut state)
            .map_err(|error| GenesisError::SubChain { chain_code, error })?;
    }
    Ok(state.into_parts().0)
}

fn chain_record(file: &GenesisFile) -> v1::ChainRecord {
    v1::ChainRecord {
        chain_id: file.chain_id.clone(),
        chain_code: file.chain_code.clone(),
        bif_chain_id: file.bif_chain_id,
        gas_price: file.params.gas_price,
        base_reserve: file.params.base_reserve,
        block_transactions_max: file.params.block_transactions_max,
        open_share_percent: file.params.open_share_percent,
        member_transactions_max: file.params.member_transactions_max,
        bif_profile: file.params.profile == Profile::Bif,
        did_creation: v1::DidCreation::from(file.params.did_creation).into(),
    }
}

/// What was before genesis.
struct Nothing;

impl View for Nothing {
    fn get(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn scan(&self, _: &[u8], _: Option<&[u8]>, _: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        Vec::new()
    }
}
