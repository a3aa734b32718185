//! Who signs: the same key in the hands of both sides.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use starfire_did::credential::evidence::{KeyState, Method, Party};
use starfire_did::document::Relationship;
use starfire_did::{Did, KeyAlgorithm, PrivateKey, SigningKey, VerificationKey};

/// A curve that both sides know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    /// RFC 8032.
    Ed25519,
    /// FIPS 186-5.
    P256,
}

impl Curve {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Ed25519, Self::P256];
}

/// Somebody with one key.
#[derive(Debug, Clone)]
pub struct Person {
    /// Who.
    pub did: String,
    /// The key's id in the DID's document.
    pub method: String,
    /// The key.
    pub key: SigningKey,
    secret: [u8; 32],
}

impl Person {
    /// Somebody whose DID is the key itself.
    pub fn of_key(curve: Curve, secret: [u8; 32]) -> Self {
        let key = signing_key(curve, secret);
        let multikey = key.verification_key().to_multikey();
        let did = format!("did:key:{multikey}");
        Self {
            method: format!("{did}#{multikey}"),
            did,
            key,
            secret,
        }
    }

    /// Somebody with a did:bid. Its suffix is of an Ed25519 key, whatever key the document holds.
    pub fn of_bid(curve: Curve, secret: [u8; 32]) -> Self {
        let account = PrivateKey::generate(secret, KeyAlgorithm::Ed25519);
        let did = Did::derive(&account.public(), None).to_string();
        Self {
            method: format!("{did}#key-1"),
            did,
            key: signing_key(curve, secret),
            secret,
        }
    }

    /// The key that checks what this person signs.
    pub fn public(&self) -> VerificationKey {
        self.key.verification_key()
    }

    /// The whole key as a JSON Web Key, with its id.
    pub fn jwk(&self) -> ssi::JWK {
        let mut jwk = self.public().to_jwk();
        jwk["d"] = URL_SAFE_NO_PAD.encode(self.secret).into();
        jwk["kid"] = self.method.as_str().into();
        serde_json::from_value(jwk).expect("ssi reads a JSON Web Key")
    }

    /// The DID's document, as a chain renders it.
    pub fn document(&self) -> Value {
        json!({
            "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
            "id": self.did,
            "verificationMethod": [{
                "id": self.method,
                "type": "Multikey",
                "controller": self.did,
                "publicKeyMultibase": self.public().to_multikey(),
            }],
            "authentication": [self.method],
            "assertionMethod": [self.method],
        })
    }

    /// The same, as our verification takes it.
    pub fn party(&self) -> Party {
        Party {
            id: self.did.clone(),
            methods: vec![Method {
                id: self.method.clone(),
                key: self.public(),
                relationships: vec![Relationship::Authentication, Relationship::AssertionMethod],
                ends_ms: None,
            }],
            unread: Vec::new(),
            deactivated: false,
            known_at_ms: None,
            state: KeyState::Fixed,
        }
    }
}

fn signing_key(curve: Curve, secret: [u8; 32]) -> SigningKey {
    match curve {
        Curve::Ed25519 => PrivateKey::generate(secret, KeyAlgorithm::Ed25519).into(),
        Curve::P256 => SigningKey::p256(&secret).expect("a scalar"),
    }
}
