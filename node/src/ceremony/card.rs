//! The member card: what a member says of itself, signed by the keys that it names.

use libp2p::multiaddr::{Multiaddr, Protocol};
use serde::{Deserialize, Serialize};
use starfire_crosschain::sealed::{self, SealError};
use starfire_crosschain::text::Hex;
use starfire_did::{ChainCode, Did, KeyAlgorithm, PrivateKey, PublicKey, signature};
use starfire_ledger::genesis::{GenesisMember, GenesisRole, Key};
use starfire_ledger::membership::possession_message;
use starfire_proto::v1;

use crate::config::Config;
use crate::keystore::{self, KeystoreError};

const FORMAT: &str = "starfire-member/1";
/// The largest card, bytes.
pub(crate) const CARD_BYTES_MAX: usize = 16 << 10;

/// What a node is to its chain.
#[derive(Debug, Clone)]
pub struct Membership {
    /// Who runs it.
    pub organisation: String,
    /// Its chain; `None` is the main chain.
    pub chain_code: Option<ChainCode>,
    /// Its voting power; 0 where its role has no vote.
    pub voting_power: u64,
    /// The algorithm of its account's key.
    pub account: KeyAlgorithm,
    /// Where peers find it, if not where it listens.
    pub advertise: Option<Multiaddr>,
}

/// The keys that sign a card.
#[derive(Debug, Clone, Copy)]
pub struct CardKeys<'a> {
    /// Signs votes.
    pub validator: &'a PrivateKey,
    /// The identity on the network.
    pub node: &'a PrivateKey,
    /// The member's account.
    pub account: &'a PrivateKey,
}

/// What is signed: everything but the signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement {
    name: String,
    organisation: String,
    role: GenesisRole,
    address: Did,
    account_key: String,
    peer: String,
    peer_address: Multiaddr,
    validator_key: Hex<32>,
    voting_power: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CardFile {
    format: String,
    statement: Statement,
    account_signature: Hex<64>,
    validator_signature: Hex<64>,
    /// What a motion shows the chain: the validator key's signature for the member's address.
    possession: Hex<64>,
}

/// A member card whose signatures hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberCard(CardFile);

/// Why bytes are not a member card.
#[derive(Debug, thiserror::Error)]
pub enum CardError {
    /// Not a sealed file of this format.
    #[error(transparent)]
    Sealed(#[from] SealError),
    /// The account's key does not derive the address.
    #[error("account_key does not derive {0}")]
    Address(Did),
    /// Not signed by the account's key, or by the validator's; or the latter has not signed for the address.
    #[error("{0} does not hold")]
    Signature(&'static str),
}

impl MemberCard {
    /// Issues a card for a node.
    pub fn issue(
        config: &Config,
        membership: &Membership,
        keys: &CardKeys<'_>,
    ) -> Result<Self, KeystoreError> {
        let account_key = keys.account.public();
        let peer = keystore::peer_keypair(keys.node)?.public().to_peer_id();
        let reached = membership
            .advertise
            .clone()
            .unwrap_or_else(|| config.p2p.listen.clone());
        let statement = Statement {
            name: config.name.clone(),
            organisation: membership.organisation.clone(),
            role: config.role.into(),
            address: account_key.address(membership.chain_code.as_ref()),
            account_key: account_key.to_string(),
            peer: peer.to_string(),
            peer_address: reached.with(Protocol::P2p(peer)),
            validator_key: validator_key(keys.validator)?,
            voting_power: if may_vote(config.role.into()) {
                membership.voting_power
            } else {
                0
            },
        };
        Ok(Self::sign(statement, keys.validator, keys.account))
    }

    /// The same member with another validator key, for a motion that rotates it.
    pub fn with_validator_key(
        &self,
        validator: &PrivateKey,
        account: &PrivateKey,
    ) -> Result<Self, KeystoreError> {
        let statement = Statement {
            validator_key: validator_key(validator)?,
            ..self.0.statement.clone()
        };
        Ok(Self::sign(statement, validator, account))
    }

    /// The same member with another node key, for a motion that replaces its peer id.
    pub fn with_node_key(
        &self,
        node: &PrivateKey,
        validator: &PrivateKey,
        account: &PrivateKey,
    ) -> Result<Self, KeystoreError> {
        let peer = keystore::peer_keypair(node)?.public().to_peer_id();
        let mut reached = self.0.statement.peer_address.clone();
        reached.pop();
        let statement = Statement {
            peer: peer.to_string(),
            peer_address: reached.with(Protocol::P2p(peer)),
            ..self.0.statement.clone()
        };
        Ok(Self::sign(statement, validator, account))
    }

    fn sign(statement: Statement, validator: &PrivateKey, account: &PrivateKey) -> Self {
        let message = signing_bytes(&statement);
        let possession = possession_message(&statement.address.to_string());
        Self(CardFile {
            format: FORMAT.to_owned(),
            statement,
            account_signature: sign(account, &message),
            validator_signature: sign(validator, &message),
            possession: sign(validator, &possession),
        })
    }

    /// Reads a card and checks its signatures.
    pub fn parse(bytes: &[u8]) -> Result<Self, CardError> {
        let file: CardFile = sealed::open(bytes, CARD_BYTES_MAX, FORMAT)?;
        let statement = &file.statement;
        let message = signing_bytes(statement);
        let account = PublicKey::parse(&statement.account_key)
            .ok()
            .filter(|key| statement.address.is_derived_from(key))
            .ok_or(CardError::Address(statement.address))?;
        if !signature::verify(&account, &message, &file.account_signature.0) {
            return Err(CardError::Signature("account_signature"));
        }
        let validator = PublicKey::Ed25519(statement.validator_key.0);
        if !signature::verify(&validator, &message, &file.validator_signature.0) {
            return Err(CardError::Signature("validator_signature"));
        }
        let possession = possession_message(&statement.address.to_string());
        if !signature::verify(&validator, &possession, &file.possession.0) {
            return Err(CardError::Signature("possession"));
        }
        Ok(Self(file))
    }

    /// The card's bytes, which [`MemberCard::parse`] reads.
    pub fn encode(&self) -> Vec<u8> {
        sealed::seal(&self.0)
    }

    /// What people call the node.
    pub fn name(&self) -> &str {
        &self.0.statement.name
    }

    /// The member's account.
    pub fn address(&self) -> Did {
        self.0.statement.address
    }

    /// Its libp2p peer id.
    pub fn peer(&self) -> &str {
        &self.0.statement.peer
    }

    /// Where peers find it, with its peer id.
    pub fn peer_address(&self) -> &Multiaddr {
        &self.0.statement.peer_address
    }

    /// The key of its validator, hex.
    pub fn validator_key(&self) -> String {
        self.0.statement.validator_key.to_string()
    }

    /// The motion that admits the member, with that voting power.
    pub(crate) fn admission(&self, voting_power: u64) -> v1::AdmitMember {
        let statement = &self.0.statement;
        let votes = may_vote(statement.role);
        let if_voting = |bytes: &[u8]| if votes { bytes.to_vec() } else { Vec::new() };
        v1::AdmitMember {
            address: statement.address.to_string(),
            organisation: statement.organisation.clone(),
            role: v1::Role::from(statement.role).into(),
            peers: vec![statement.peer.clone()],
            validator_key: if_voting(&statement.validator_key.0),
            voting_power,
            possession: if_voting(&self.0.possession.0),
        }
    }

    /// The motion that gives the member's validator the card's key.
    pub(crate) fn rotation(&self) -> v1::RotateValidatorKey {
        let statement = &self.0.statement;
        v1::RotateValidatorKey {
            address: statement.address.to_string(),
            validator_key: statement.validator_key.0.to_vec(),
            possession: self.0.possession.0.to_vec(),
        }
    }

    /// The main chain's motion that registers the key of a sub-chain's card; the main chain's own members need none.
    pub(crate) fn registration(&self) -> Option<v1::RegisterValidator> {
        let statement = &self.0.statement;
        Some(v1::RegisterValidator {
            chain_code: statement.address.chain_code()?.to_string(),
            address: statement.address.to_string(),
            owner: statement.organisation.clone(),
            validator_key: statement.validator_key.0.to_vec(),
            possession: self.0.possession.0.to_vec(),
        })
    }

    /// The motion that gives the member's node the card's peer id.
    pub(crate) fn relocation(&self) -> v1::SetPeers {
        let statement = &self.0.statement;
        v1::SetPeers {
            address: statement.address.to_string(),
            peers: vec![statement.peer.clone()],
        }
    }

    /// The voting power that the member asks for.
    pub fn voting_power(&self) -> u64 {
        self.0.statement.voting_power
    }

    /// The member as genesis has it.
    pub(crate) fn member(&self) -> GenesisMember {
        let statement = &self.0.statement;
        GenesisMember {
            address: statement.address.to_string(),
            organisation: statement.organisation.clone(),
            role: statement.role,
            peers: vec![statement.peer.clone()],
            validator_key: (statement.voting_power > 0).then_some(Key(statement.validator_key.0)),
            voting_power: statement.voting_power,
        }
    }
}

/// Whether members of this role may vote.
fn may_vote(role: GenesisRole) -> bool {
    match role {
        GenesisRole::Super | GenesisRole::Backbone | GenesisRole::Business => true,
        GenesisRole::Service | GenesisRole::Regulator => false,
    }
}

fn validator_key(key: &PrivateKey) -> Result<Hex<32>, KeystoreError> {
    match key.public() {
        PublicKey::Ed25519(raw) => Ok(Hex(raw)),
        PublicKey::Sm2(_) => Err(KeystoreError::NotEd25519),
    }
}

fn signing_bytes(statement: &Statement) -> Vec<u8> {
    let text = serde_json_canonicalizer::to_vec(statement).expect("a statement is plain JSON");
    [FORMAT.as_bytes(), &[0], &text].concat()
}

fn sign(key: &PrivateKey, message: &[u8]) -> Hex<64> {
    Hex(key
        .sign(message)
        .try_into()
        .expect("both algorithms sign in 64 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Role;

    fn card(account: KeyAlgorithm) -> MemberCard {
        let [validator, node] =
            [(); 2].map(|()| keystore::generate(KeyAlgorithm::Ed25519).unwrap());
        let account_key = keystore::generate(account).unwrap();
        let membership = Membership {
            organisation: "Customs".to_owned(),
            chain_code: Some(ChainCode::parse("cn01").unwrap()),
            voting_power: 10,
            account,
            advertise: None,
        };
        let keys = CardKeys {
            validator: &validator,
            node: &node,
            account: &account_key,
        };
        MemberCard::issue(&Config::new("cn01-1", Role::Backbone), &membership, &keys).unwrap()
    }

    #[test]
    fn a_card_reads_back() {
        for algorithm in [KeyAlgorithm::Ed25519, KeyAlgorithm::Sm2] {
            let card = card(algorithm);
            assert_eq!(MemberCard::parse(&card.encode()).unwrap(), card);
            assert!(card.peer_address().to_string().ends_with(card.peer()));
        }
    }

    #[test]
    fn a_new_key_makes_a_new_card_of_the_same_member() {
        let [validator, node] =
            [(); 2].map(|()| keystore::generate(KeyAlgorithm::Ed25519).unwrap());
        let account = keystore::generate(KeyAlgorithm::Ed25519).unwrap();
        let membership = Membership {
            organisation: "Customs".to_owned(),
            chain_code: None,
            voting_power: 10,
            account: KeyAlgorithm::Ed25519,
            advertise: None,
        };
        let keys = CardKeys {
            validator: &validator,
            node: &node,
            account: &account,
        };
        let first =
            MemberCard::issue(&Config::new("main-5", Role::Super), &membership, &keys).unwrap();
        let next = keystore::generate(KeyAlgorithm::Ed25519).unwrap();
        let rotated = first.with_validator_key(&next, &account).unwrap();
        assert_eq!(MemberCard::parse(&rotated.encode()).unwrap(), rotated);
        assert_eq!(rotated.rotation().address, first.rotation().address);
        assert_ne!(rotated.validator_key(), first.validator_key());
        let moved = first.with_node_key(&next, &validator, &account).unwrap();
        assert_eq!(MemberCard::parse(&moved.encode()).unwrap(), moved);
        assert_ne!(moved.peer(), first.peer());
        assert!(moved.peer_address().to_string().ends_with(moved.peer()));
    }

    #[test]
    fn nobody_can_name_a_key_that_is_not_its_own() {
        let mut stolen = card(KeyAlgorithm::Ed25519);
        let other = card(KeyAlgorithm::Ed25519);
        stolen.0.statement.validator_key = other.0.statement.validator_key;
        assert!(matches!(
            MemberCard::parse(&stolen.encode()),
            Err(CardError::Signature(_))
        ));
        let mut squatted = card(KeyAlgorithm::Ed25519);
        squatted.0.statement.address = other.address();
        assert!(matches!(
            MemberCard::parse(&squatted.encode()),
            Err(CardError::Address(_))
        ));
    }
}
