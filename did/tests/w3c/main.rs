//! What the W3C's conformance suites ask of an issuer and of a verifier: VC Data Model 2.0, Data Integrity with EdDSA and ECDSA over
//! JCS, Bitstring Status List 1.0. The suites are not here; their cases are restated, one rule a line. What is not met on purpose is
//! listed in docs/credentials.md.

mod chains;
mod proofs;
mod shapes;
mod status_list;

use serde_json::{Value, json};
use starfire_did::credential::evidence::{
    Accreditation, Evidence, KeyState, Lookup, Method, Party,
};
use starfire_did::credential::integrity::{self, Suite};
use starfire_did::credential::parsed::Relationship;
use starfire_did::credential::report::Report;
use starfire_did::credential::verify::verify;
use starfire_did::{KeyAlgorithm, PrivateKey, SigningKey};

/// When everything happens: 2026-11-22T00:00:00Z, Unix milliseconds.
const NOW_MS: i64 = 1_795_305_600_000;

/// Somebody with a key and its did:key.
struct Signer {
    key: SigningKey,
    suite: Suite,
}

impl Signer {
    /// One for each suite over JCS that the W3C has.
    fn all() -> [Self; 2] {
        let ed25519: SigningKey = PrivateKey::generate([3; 32], KeyAlgorithm::Ed25519).into();
        let p256 = SigningKey::p256(&[5; 32]).expect("a secret number of the curve");
        [
            Self {
                key: ed25519,
                suite: Suite::EddsaJcs2022,
            },
            Self {
                key: p256,
                suite: Suite::EcdsaJcs2019,
            },
        ]
    }

    fn did(&self) -> String {
        format!("did:key:{}", self.key.verification_key().to_multikey())
    }

    fn method(&self) -> String {
        let multikey = self.key.verification_key().to_multikey();
        format!("{}#{multikey}", self.did())
    }

    /// A well-formed credential of this issuer.
    fn claims(&self) -> Value {
        json!({
            "@context": ["https://www.w3.org/ns/credentials/v2"],
            "type": ["VerifiableCredential"],
            "issuer": self.did(),
            "credentialSubject": { "name": "Alice" },
        })
    }

    fn party(&self) -> Lookup {
        Lookup::Found(Party {
            id: self.did(),
            methods: vec![Method {
                id: self.method(),
                key: self.key.verification_key(),
                relationships: vec![Relationship::AssertionMethod, Relationship::Authentication],
                ends_ms: None,
            }],
            unread: Vec::new(),
            deactivated: false,
            known_at_ms: None,
            state: KeyState::Fixed,
        })
    }

    /// Judges a credential by its form, its proofs and its dates.
    fn judge(&self, secured: Value) -> Report {
        match integrity::credential(secured, None) {
            Ok(parsed) => verify(&parsed, &evidence(&self.party())),
            Err(error) => Report::malformed(error.code, error.detail),
        }
    }
}

/// Evidence of a verifier that asks nothing more.
fn evidence(issuer: &Lookup) -> Evidence<'_> {
    Evidence {
        now_ms: NOW_MS,
        clock_skew_ms: 0,
        issuer,
        signers: &[],
        accreditation: &Accreditation::NotAsked,
        schemas: &[],
        statuses: &[],
        status_age_max_ms: None,
        term_wanted: true,
        presenter: None,
        holder_is_subject: false,
        holder_wanted: false,
        challenge: None,
        domain: None,
        audience: None,
    }
}
