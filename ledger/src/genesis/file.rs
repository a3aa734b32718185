//! The genesis file's JSON, `starfire-genesis/1`.

use serde::{Deserialize, Serialize};
use starfire_crosschain::chain::{Registration, Validator};
use starfire_proto::v1;

use super::GenesisError;
use super::rules;

/// The format that a genesis file names.
pub const FORMAT: &str = "starfire-genesis/1";

/// The file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisFile {
    /// [`FORMAT`].
    pub format: String,
    /// `starfire-main-{revision}`, or `starfire-{chain code}-{revision}`.
    pub chain_id: String,
    /// Empty on the main chain.
    pub chain_code: String,
    /// For people.
    pub name: String,
    /// The chain's number in BIF's envelope.
    pub bif_chain_id: i64,
    /// RFC 3339, UTC, at most milliseconds.
    pub genesis_time: String,
    /// The ledger's parameters.
    pub params: Params,
    /// The consensus' parameters.
    pub consensus: ConsensusParams,
    /// Who runs the chain.
    pub members: Vec<GenesisMember>,
    /// The first balances.
    pub accounts: Vec<GenesisAccount>,
    /// The sub-chains that may be anchored; on the main chain only.
    pub sub_chains: Vec<GenesisSubChain>,
    /// The founders' signatures. Not in the hash.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<GenesisSignature>,
}

/// Fees and quotas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The least price of a byte; 0 in the default profile.
    pub gas_price: i64,
    /// What an account must keep; 0 in the default profile.
    pub base_reserve: i64,
    /// Transactions of a block.
    pub block_transactions_max: u32,
    /// Share of a block for transactions that no member sends or sponsors.
    pub open_share_percent: u32,
    /// Transactions of a block that one member may send or sponsor.
    pub member_transactions_max: u32,
    /// Whose rules fees follow.
    pub profile: Profile,
    /// Who may register DIDs.
    #[serde(default, skip_serializing_if = "DidCreation::is_anyone")]
    pub did_creation: DidCreation,
}

/// Who may register DIDs. The file names only what differs from the default, so that a file without the field keeps its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DidCreation {
    /// Whoever holds the key that the DID derives from.
    #[default]
    Anyone,
    /// Members, and whoever has a member sign the transaction too.
    Members,
}

impl DidCreation {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    fn is_anyone(&self) -> bool {
        *self == Self::Anyone
    }
}

impl From<DidCreation> for v1::DidCreation {
    fn from(creation: DidCreation) -> Self {
        match creation {
            DidCreation::Anyone => Self::Anyone,
            DidCreation::Members => Self::Members,
        }
    }
}

/// Whose rules fees and new accounts follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// No fees; an account begins with its first transaction.
    Default,
    /// BIF's: a price a byte, and accounts that somebody must create.
    Bif,
}

/// Terms and timeouts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsensusParams {
    /// Heights that a proposer stays.
    pub term_heights: u64,
    /// How long a round waits at first.
    pub timeout_base_ms: u64,
    /// How long a round waits at most.
    pub timeout_max_ms: u64,
    /// How long an idle chain waits for its next, empty block; 0: it never idles.
    pub heartbeat_ms: u64,
    /// Where votes go.
    #[serde(default, skip_serializing_if = "Routing::is_collector")]
    pub routing: Routing,
}

/// Where votes go. Safety is the same either way. The file names only what differs from the default, so that a file without the
/// field keeps its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Routing {
    /// To the proposer, who sends certificates to all.
    #[default]
    Collector,
    /// To all.
    Broadcast,
}

impl Routing {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    fn is_collector(&self) -> bool {
        *self == Self::Collector
    }
}

/// A member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisMember {
    /// Its account on this chain.
    pub address: String,
    /// For people.
    pub organisation: String,
    /// What it is.
    pub role: GenesisRole,
    /// libp2p peer ids of its nodes.
    pub peers: Vec<String>,
    /// The Ed25519 key that its validator signs with, hex; absent: it does not vote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validator_key: Option<Key>,
    /// Its weight in votes; 0 without a validator key.
    pub voting_power: u64,
}

impl From<&GenesisMember> for v1::MemberRecord {
    fn from(member: &GenesisMember) -> Self {
        Self {
            address: member.address.clone(),
            organisation: member.organisation.clone(),
            role: v1::Role::from(member.role).into(),
            peers: member.peers.clone(),
            validator_key: member
                .validator_key
                .as_ref()
                .map(Key::to_vec)
                .unwrap_or_default(),
            voting_power: member.voting_power,
        }
    }
}

/// A member's role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GenesisRole {
    /// Runs the main chain.
    Super,
    /// Runs and anchors a sub-chain.
    Backbone,
    /// Runs a sub-chain with others.
    Business,
    /// Serves users, does not vote.
    Service,
    /// Looks on.
    Regulator,
}

impl From<GenesisRole> for v1::Role {
    fn from(role: GenesisRole) -> Self {
        match role {
            GenesisRole::Super => Self::Super,
            GenesisRole::Backbone => Self::Backbone,
            GenesisRole::Business => Self::Business,
            GenesisRole::Service => Self::Service,
            GenesisRole::Regulator => Self::Regulator,
        }
    }
}

/// A first balance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisAccount {
    /// The account on this chain.
    pub address: String,
    /// Its coins, in BIF's smallest unit.
    pub balance: i64,
}

/// A sub-chain that may be anchored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisSubChain {
    /// Four lower-case letters or digits.
    pub chain_code: String,
    /// Its chain id.
    pub chain_id: String,
    /// For people.
    pub name: String,
    /// Its genesis hash, hex.
    pub genesis_hash: Key,
    /// Its genesis time, RFC 3339.
    pub genesis_time: String,
    /// Its validators.
    pub validators: Vec<GenesisSubChainValidator>,
    /// Main-chain addresses that may anchor it.
    pub gateways: Vec<String>,
    /// URLs that resolve its DIDs.
    pub resolvers: Vec<String>,
}

/// A validator of a sub-chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisSubChainValidator {
    /// Its Ed25519 key, hex.
    pub public_key: Key,
    /// Its voting power.
    pub voting_power: u64,
    /// Who runs it: a DID or a name.
    pub owner: String,
}

/// A founder's signature over the genesis hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisSignature {
    /// The member's account.
    pub address: String,
    /// The key that derives it, in BIF's encoding.
    pub public_key: String,
    /// Hex.
    pub signature: String,
}

impl TryFrom<&GenesisSubChain> for Registration {
    type Error = GenesisError;

    fn try_from(sub_chain: &GenesisSubChain) -> Result<Self, GenesisError> {
        let field = format!("sub_chains {} genesis_time", sub_chain.chain_code);
        let time = rules::milliseconds(&field, &sub_chain.genesis_time)?;
        let validators = sub_chain.validators.iter().map(|validator| Validator {
            public_key: validator.public_key.0,
            power: validator.voting_power,
            owner: validator.owner.clone(),
        });
        Ok(Self {
            chain_code: sub_chain.chain_code.clone(),
            chain_id: sub_chain.chain_id.clone(),
            name: sub_chain.name.clone(),
            genesis_hash: sub_chain.genesis_hash.0,
            genesis_time_ms: i64::try_from(time.unix_timestamp_nanos() / 1_000_000)
                .expect("a time up to the year 9999 fits in 64 bits of milliseconds"),
            validators: validators.collect(),
            gateways: sub_chain.gateways.clone(),
            resolvers: sub_chain.resolvers.clone(),
        })
    }
}

/// 32 bytes, written as 64 lower-case hex digits and in no other way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Key(pub [u8; 32]);

impl Key {
    /// The bytes.
    pub fn to_vec(&self) -> Vec<u8> {
        self.0.to_vec()
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        hex::encode(key.0)
    }
}

impl TryFrom<String> for Key {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(&text, &mut bytes).map_err(|_| "expected 64 lower-case hex digits")?;
        if hex::encode(bytes) == text {
            Ok(Self(bytes))
        } else {
            Err("expected 64 lower-case hex digits")
        }
    }
}
