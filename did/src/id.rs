//! `did:bid` identifiers: a strict grammar, and derivation from a public key.
//!
//! ```text
//! bid-did = "did:bid:" ( code / [ code ":" ] account )
//! code    = 4( %x61-7A / DIGIT )                      ; a sub-chain's code (ACSN); the main chain has none
//! account = ( "e" / "z" / "s" ) "f" 22*31 bif58char   ; decodes to 22 bytes and re-encodes identically
//! ```
//! The published grammar (BID specification v2.0.0, RFC-004) is looser than any implementation. This one accepts what live SDKs
//! make: Base58 only, case-sensitive, one text for one identifier.

use std::fmt;
use std::str::FromStr;

use crate::base58;
use crate::key::{KeyAlgorithm, PublicKey};

mod chain_code;
mod legacy;

pub use chain_code::ChainCode;
pub use legacy::{LegacyDid, parse_legacy};

const PREFIX: &str = "did:bid:";
const HASH_BYTES: usize = 22;

/// Text that is not a `did:bid` identifier of this grammar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DidError {
    /// Another scheme or method.
    #[error("an identifier begins with \"did:bid:\"")]
    Prefix,
    /// Not four lower-case letters or digits.
    #[error("a chain code is four lower-case letters or digits")]
    ChainCode,
    /// A key type or an encoding that is not known.
    #[error("an account begins with \"ef\" (Ed25519), \"zf\" (SM2) or \"sf\" (secp256k1)")]
    Kind,
    /// The rest is not 22 bytes in BIF's Base58, or not in their only spelling.
    #[error("an account ends in 22 bytes of BIF Base58")]
    Account,
}

/// What kind of key an account was derived from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccountKind {
    /// `ef`
    Ed25519,
    /// `zf`
    Sm2,
    /// `sf`: older than BIF-Core, derived by other rules. Parsed, so that it can be named; no key proves it here.
    Secp256k1,
}

impl AccountKind {
    fn letter(self) -> char {
        match self {
            Self::Ed25519 => 'e',
            Self::Sm2 => 'z',
            Self::Secp256k1 => 's',
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Subject {
    Chain(ChainCode),
    Account {
        code: Option<ChainCode>,
        kind: AccountKind,
        hash: [u8; HASH_BYTES],
    },
}

/// A `did:bid` identifier: an account of some chain (which is also its holder's DID), or a sub-chain as a whole.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(into = "String", try_from = "String")]
pub struct Did(Subject);

impl Did {
    /// Parses an identifier: this text and no other names it.
    pub fn parse(text: &str) -> Result<Self, DidError> {
        let rest = text.strip_prefix(PREFIX).ok_or(DidError::Prefix)?;
        match rest.split_once(':') {
            Some((code, account)) => Self::parse_account(account, Some(ChainCode::parse(code)?)),
            None if rest.len() == 4 => Ok(Self::of_chain(ChainCode::parse(rest)?)),
            None => Self::parse_account(rest, None),
        }
    }

    fn parse_account(text: &str, code: Option<ChainCode>) -> Result<Self, DidError> {
        let (kind, suffix) = match text.split_at_checked(2) {
            Some(("ef", suffix)) => (AccountKind::Ed25519, suffix),
            Some(("zf", suffix)) => (AccountKind::Sm2, suffix),
            Some(("sf", suffix)) => (AccountKind::Secp256k1, suffix),
            Some(_) | None => return Err(DidError::Kind),
        };
        let hash = base58::decode::<HASH_BYTES>(suffix).ok_or(DidError::Account)?;
        Ok(Self(Subject::Account { code, kind, hash }))
    }

    /// The identifier of a sub-chain: its code alone.
    pub fn of_chain(code: ChainCode) -> Self {
        Self(Subject::Chain(code))
    }

    /// The identifier that `key` has on the main chain, or on the sub-chain with this code: the last 22 bytes of the raw public
    /// key's hash, SHA-256 for Ed25519 and SM3 for SM2.
    pub fn derive(key: &PublicKey, code: Option<&ChainCode>) -> Self {
        let (kind, digest): (_, [u8; 32]) = match key {
            PublicKey::Ed25519(raw) => (
                AccountKind::Ed25519,
                <sha2::Sha256 as sha2::Digest>::digest(raw).into(),
            ),
            PublicKey::Sm2(raw) => (
                AccountKind::Sm2,
                <sm3::Sm3 as sm3::Digest>::digest(raw).into(),
            ),
        };
        let hash = digest[32 - HASH_BYTES..]
            .try_into()
            .expect("22 bytes are 22 bytes");
        Self(Subject::Account {
            code: code.copied(),
            kind,
            hash,
        })
    }

    /// Whether `key` proves this identifier, on whatever chain it is.
    pub fn is_derived_from(&self, key: &PublicKey) -> bool {
        Self::derive(key, self.chain_code().as_ref()) == *self
    }

    /// The sub-chain it is of; `None` on the main chain.
    pub fn chain_code(&self) -> Option<ChainCode> {
        match self.0 {
            Subject::Chain(code) => Some(code),
            Subject::Account { code, .. } => code,
        }
    }

    /// The kind of its key; `None` for a chain.
    pub fn kind(&self) -> Option<AccountKind> {
        match self.0 {
            Subject::Chain(_) => None,
            Subject::Account { kind, .. } => Some(kind),
        }
    }

    /// Whether it is an account, which can hold keys and send transactions, rather than a chain.
    pub fn is_account(&self) -> bool {
        self.kind().is_some()
    }
}

impl From<KeyAlgorithm> for AccountKind {
    fn from(algorithm: KeyAlgorithm) -> Self {
        match algorithm {
            KeyAlgorithm::Ed25519 => Self::Ed25519,
            KeyAlgorithm::Sm2 => Self::Sm2,
        }
    }
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Subject::Chain(code) => write!(f, "{PREFIX}{code}"),
            Subject::Account {
                code: None,
                kind,
                hash,
            } => write!(f, "{PREFIX}{}f{}", kind.letter(), base58::encode(hash)),
            Subject::Account {
                code: Some(code),
                kind,
                hash,
            } => {
                write!(
                    f,
                    "{PREFIX}{code}:{}f{}",
                    kind.letter(),
                    base58::encode(hash)
                )
            }
        }
    }
}

impl fmt::Debug for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Did {
    type Err = DidError;

    fn from_str(text: &str) -> Result<Self, DidError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Did {
    type Error = DidError;

    fn try_from(text: String) -> Result<Self, DidError> {
        Self::parse(&text)
    }
}

impl From<Did> for String {
    fn from(did: Did) -> Self {
        did.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vectors() -> serde_json::Value {
        serde_json::from_str(include_str!("../../tests/vectors/keys.json")).unwrap()
    }

    #[test]
    fn keys_of_every_source_derive_their_identifiers() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors/did-bid.json")).unwrap();
        for key in vectors["keys"].as_array().unwrap() {
            assert_eq!(derived(&key["public_key"]), key["did"].as_str().unwrap());
        }
        // Read, so that they can be named; no key derives them here.
        for pair in vectors["legacy_secp256k1"].as_array().unwrap() {
            let did = Did::parse(pair["did"].as_str().unwrap()).unwrap();
            assert_eq!(did.kind(), Some(AccountKind::Secp256k1));
        }
    }

    fn derived(public_key: &serde_json::Value) -> String {
        Did::derive(
            &PublicKey::parse(public_key.as_str().unwrap()).unwrap(),
            None,
        )
        .to_string()
    }

    #[test]
    fn published_keys_derive_their_published_identifiers() {
        for key in vectors()["keys"].as_array().unwrap() {
            assert_eq!(derived(&key["public_key"]), key["did"].as_str().unwrap());
        }
    }

    #[test]
    fn the_standard_alphabet_would_give_another_identifier() {
        let trap = &vectors()["wrong_alphabet_trap"];
        assert_eq!(
            derived(&trap["public_key"]),
            trap["right"].as_str().unwrap()
        );
        assert_ne!(
            derived(&trap["public_key"]),
            trap["wrong"].as_str().unwrap()
        );
    }

    #[test]
    fn a_sub_chain_keeps_the_suffix_and_adds_its_code() {
        let key = PublicKey::parse(
            "b06566b9906e1b50e81501369cc777979f8bcf27bd1917d794fa6d5e320b1ccc4f48bb",
        )
        .unwrap();
        let did = Did::derive(&key, Some(&ChainCode::parse("byo1").unwrap()));
        assert_eq!(
            did.to_string(),
            "did:bid:byo1:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2"
        );
        assert_eq!(Did::parse(&did.to_string()), Ok(did));
        assert!(did.is_derived_from(&key));
    }

    #[test]
    fn a_chain_code_alone_names_the_chain() {
        let did = Did::parse("did:bid:by01").unwrap();
        assert_eq!(did.chain_code(), Some(ChainCode::parse("by01").unwrap()));
        assert!(!did.is_account());
        assert_eq!(did.to_string(), "did:bid:by01");
    }

    #[test]
    fn what_is_not_in_the_grammar_is_refused() {
        for (text, error) in [
            ("", DidError::Prefix),
            (
                "did:example:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2",
                DidError::Prefix,
            ),
            ("DID:BID:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2", DidError::Prefix),
            ("did:bid:", DidError::Kind),
            ("did:bid:by01:", DidError::Kind),
            ("did:bid:BY01", DidError::ChainCode),
            (
                "did:bid:by1:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2",
                DidError::ChainCode,
            ),
            (
                "did:bid:by01:by02:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2",
                DidError::Kind,
            ),
            ("did:bid:esnVUgqQFfYeu97ABf6sGm3WFtVXHZB2", DidError::Kind),
            ("did:bid:xfnVUgqQFfYeu97ABf6sGm3WFtVXHZB2", DidError::Kind),
            ("did:bid:ef", DidError::Account),
            ("did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVX", DidError::Account),
            (
                "did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB22",
                DidError::Account,
            ),
            (
                "did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZ0O",
                DidError::Account,
            ),
            (
                "did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2 ",
                DidError::Account,
            ),
            (
                "did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2#key-1",
                DidError::Account,
            ),
            ("did:bid:星火链网", DidError::Kind),
        ] {
            assert_eq!(Did::parse(text), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_identifier_has_one_text(
            hash in any::<[u8; HASH_BYTES]>(),
            code in proptest::option::of("[a-z0-9]{4}"),
            kind in prop_oneof![Just(AccountKind::Ed25519), Just(AccountKind::Sm2), Just(AccountKind::Secp256k1)],
        ) {
            let code = code.map(|code| ChainCode::parse(&code).unwrap());
            let did = Did(Subject::Account { code, kind, hash });
            let text = did.to_string();
            prop_assert!(text.len() <= 46 && text.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert_eq!(Did::parse(&text), Ok(did));
        }

        #[test]
        fn what_parses_prints_the_same(text in "did:bid:([a-z0-9]{4}:?)?[ezs]?f?[1-9A-Za-z]{0,33}") {
            if let Ok(did) = Did::parse(&text) {
                prop_assert_eq!(did.to_string(), text);
            }
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,64}") {
            let _ = Did::parse(&text);
            let _ = Did::parse(&format!("did:bid:{text}"));
        }
    }
}
