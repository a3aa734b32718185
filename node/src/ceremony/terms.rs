//! The terms of a chain, and the genesis that they and the members' cards make.

use starfire_crosschain::unix_ms;
use starfire_did::ChainCode;
use starfire_ledger::genesis::{
    ConsensusParams, DidCreation, FORMAT, Genesis, GenesisAccount, GenesisError, GenesisFile,
    GenesisSubChain, GenesisSubChainValidator, Key, Params, Profile, Routing,
};

use super::card::MemberCard;

/// What a byte costs under BIF's rules: its clients' default is 100, its network's minimum 1000.
const BIF_GAS_PRICE: i64 = 1_000;
/// What an account keeps under BIF's rules, in its smallest unit.
const BIF_BASE_RESERVE: i64 = 20_000_000;

/// What founders agree on beside who they are.
#[derive(Debug, Clone)]
pub struct Terms {
    /// `starfire-main-1`, `starfire-cn01-1`.
    pub chain_id: String,
    /// A sub-chain's code; `None` on the main chain.
    pub chain_code: Option<ChainCode>,
    /// What people call the chain.
    pub name: String,
    /// Its number in BIF's envelope.
    pub bif_chain_id: i64,
    /// When it begins, Unix milliseconds.
    pub time_ms: i64,
    /// Fees and quotas; [`Terms::params`] has the usual ones.
    pub params: Params,
    /// Terms and timeouts; [`Terms::consensus`] has the usual ones.
    pub consensus: ConsensusParams,
    /// The first balances.
    pub accounts: Vec<GenesisAccount>,
    /// The sub-chains that may be anchored.
    pub sub_chains: Vec<GenesisSubChain>,
}

impl Terms {
    /// The usual fees and quotas.
    pub fn params(profile: Profile) -> Params {
        let (gas_price, base_reserve) = match profile {
            Profile::Default => (0, 0),
            Profile::Bif => (BIF_GAS_PRICE, BIF_BASE_RESERVE),
        };
        Params {
            gas_price,
            base_reserve,
            block_transactions_max: 20_000,
            open_share_percent: 10,
            member_transactions_max: 5_000,
            profile,
            did_creation: DidCreation::Anyone,
        }
    }

    /// The usual terms and timeouts.
    pub fn consensus() -> ConsensusParams {
        ConsensusParams {
            term_heights: 100,
            timeout_base_ms: 1_000,
            timeout_max_ms: 16_000,
            heartbeat_ms: 10_000,
            routing: Routing::Collector,
        }
    }

    /// The genesis of these members' chain, in the order of their addresses, without signatures.
    pub fn draft(self, cards: &[MemberCard]) -> Result<Genesis, GenesisError> {
        let mut members: Vec<_> = cards.iter().map(MemberCard::member).collect();
        members.sort_by(|one, other| one.address.cmp(&other.address));
        Genesis::new(GenesisFile {
            format: FORMAT.to_owned(),
            chain_id: self.chain_id,
            chain_code: self
                .chain_code
                .map(|code| code.to_string())
                .unwrap_or_default(),
            name: self.name,
            bif_chain_id: self.bif_chain_id,
            genesis_time: unix_ms::rfc3339(self.time_ms),
            params: self.params,
            consensus: self.consensus,
            members,
            accounts: self.accounts,
            sub_chains: self.sub_chains,
            signatures: Vec::new(),
        })
    }
}

/// A sub-chain as the main chain's genesis registers it. Its backbones' accounts anchor: the same keys, without the chain's code.
pub fn sub_chain_record(genesis: &Genesis, resolvers: Vec<String>) -> GenesisSubChain {
    use starfire_ledger::genesis::GenesisRole;

    let file = genesis.file();
    let validators = file.members.iter().filter_map(|member| {
        Some(GenesisSubChainValidator {
            public_key: member.validator_key?,
            voting_power: member.voting_power,
            owner: member.organisation.clone(),
        })
    });
    let prefix = format!("did:bid:{}:", file.chain_code);
    let backbones = file
        .members
        .iter()
        .filter(|member| member.role == GenesisRole::Backbone);
    GenesisSubChain {
        chain_code: file.chain_code.clone(),
        chain_id: file.chain_id.clone(),
        name: file.name.clone(),
        genesis_hash: Key(genesis.hash()),
        genesis_time: file.genesis_time.clone(),
        validators: validators.collect(),
        gateways: backbones
            .map(|member| member.address.replacen(&prefix, "did:bid:", 1))
            .collect(),
        resolvers,
    }
}
