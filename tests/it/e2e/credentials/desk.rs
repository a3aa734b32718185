//! A desk to issue and to verify at: key files, claims, and the programs of both sides. No network.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use starfire_did::{Did, Document, KeyAlgorithm, PrivateKey, SigningKey, render};
use tempfile::TempDir;

use crate::e2e::devnet::{Answer, starfire, text};

/// The issuer's secret, and the holder's.
pub(super) const ISSUER: [u8; 32] = [7; 32];
pub(super) const HOLDER: [u8; 32] = [9; 32];
/// What a verifier asks.
pub(super) const CHALLENGE: &str = "c-4711";
pub(super) const DOMAIN: &str = "https://verifier.example";

/// The curve of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    Ed25519,
    P256,
}

impl Curve {
    /// As JOSE calls its algorithm.
    pub(super) fn alg(self) -> &'static str {
        match self {
            Self::Ed25519 => "EdDSA",
            Self::P256 => "ES256",
        }
    }

    pub(super) fn key(self, secret: [u8; 32]) -> SigningKey {
        match self {
            Self::Ed25519 => PrivateKey::from_raw(KeyAlgorithm::Ed25519, &secret)
                .expect("any 32 bytes are one")
                .into(),
            Self::P256 => SigningKey::p256(&secret).expect("it is below the order"),
        }
    }
}

/// Files of a test.
#[derive(Debug)]
pub(super) struct Desk(TempDir);

impl Desk {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().expect("there is room for files"))
    }

    pub(super) fn at(&self, name: &str) -> String {
        text(&self.0.path().join(name))
    }

    /// Writes a file that nobody else reads, and says where.
    pub(super) fn write(&self, name: &str, content: &str) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).expect("there is room for a file");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("it is ours");
        text(&path)
    }

    pub(super) fn json(&self, name: &str, content: &Value) -> String {
        self.write(name, &content.to_string())
    }

    /// A key as the binary takes it: BIF's text for Ed25519, hex digits for P-256.
    pub(super) fn key(&self, curve: Curve, secret: [u8; 32]) -> String {
        let content = match curve.key(secret) {
            SigningKey::Account(key) => key.to_text().to_string(),
            SigningKey::P256(_) => hex::encode(secret),
        };
        self.write(&format!("{}-{}.key", curve.alg(), secret[0]), &content)
    }

    /// The same key as the scripts take it.
    pub(super) fn seed(&self, secret: [u8; 32]) -> String {
        self.write(&format!("{}.seed", secret[0]), &hex::encode(secret))
    }

    /// The public key as the scripts take it.
    pub(super) fn jwk(&self, curve: Curve, secret: [u8; 32]) -> String {
        let jwk = curve.key(secret).verification_key().to_jwk();
        self.json(&format!("{}-{}.jwk", curve.alg(), secret[0]), &jwk)
    }

    /// What the binary says of a text; it is offline.
    pub(super) fn judge(&self, name: &str, shown: &str, more: &[&str]) -> Answer {
        let file = self.write(name, shown);
        let line = ["vc", "verify", &file, "--offline", "--home"];
        let home = self.at("nobody's home");
        starfire(
            line.into_iter()
                .chain([home.as_str()])
                .chain(more.iter().copied()),
        )
    }

    /// The binary finds it valid, and what was altered in it not, by this code.
    #[track_caller]
    pub(super) fn judged(&self, name: &str, shown: &str, more: &[&str], code: &str) {
        let answer = self.judge(name, shown, more);
        assert_eq!(answer.object()["verdict"], "VALID", "{name}: {answer:?}");
        assert_eq!(answer.exit, Some(0), "{name}");
        let answer = self.judge(&format!("{name}-altered"), &altered(shown), more);
        let report = answer.object();
        assert_eq!(report["verdict"], "INVALID", "{name}: {report}");
        assert_eq!(answer.exit, Some(1), "{name}");
        assert!(report.to_string().contains(code), "{name}: {report}");
    }

    /// A script of the JavaScript side: what it prints.
    #[track_caller]
    pub(super) fn script(&self, script: &str, arguments: &[&str]) -> String {
        let output = Command::new("node")
            .current_dir(clients())
            .arg(format!("credentials/{script}"))
            .args(arguments)
            .output()
            .expect("node runs");
        assert!(
            output.status.success(),
            "{script}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("scripts print text")
    }

    /// The JavaScript side finds it verified, and what was altered in it not.
    #[track_caller]
    pub(super) fn verified_there(&self, name: &str, shown: &str, script: &str, more: &[&str]) {
        for (text, expected) in [(shown.to_owned(), true), (altered(shown), false)] {
            let file = self.write(&format!("{name}-{expected}"), &text);
            let mut arguments = match script {
                "verify.mjs" => vec![],
                _ => vec!["verify"],
            };
            arguments.push(file.as_str());
            arguments.extend_from_slice(more);
            let said = self.script(script, &arguments);
            let said: Value = serde_json::from_str(&said).expect("scripts print JSON");
            assert_eq!(said["verified"], expected, "{name}: {said}");
        }
    }
}

fn clients() -> PathBuf {
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    assert!(
        clients.join("node_modules").exists(),
        "the clients are not installed: `scripts/setup.sh --tests` does that"
    );
    clients
}

/// The did:bid of an Ed25519 key, and its document as this program renders it.
pub(super) fn registered(secret: [u8; 32]) -> (String, Value) {
    let key = PrivateKey::from_raw(KeyAlgorithm::Ed25519, &secret).expect("any 32 bytes are one");
    let did = Did::derive(&key.public(), None);
    let document = Document::for_key(&did, &key.public());
    (did.to_string(), render::document(&document))
}

/// The did:key of a key, and the key's id in it.
pub(super) fn did_key(curve: Curve, secret: [u8; 32]) -> (String, String) {
    let multikey = curve.key(secret).verification_key().to_multikey();
    let did = format!("did:key:{multikey}");
    let method = format!("{did}#{multikey}");
    (did, method)
}

/// What the credentials say.
pub(super) const NAME: &str = "Alice";

/// Claims of W3C's model.
pub(super) fn claims(issuer: &str, subject: &str) -> Value {
    json!({
        "@context": [
            "https://www.w3.org/ns/credentials/v2",
            "https://www.w3.org/ns/credentials/examples/v2"
        ],
        "type": ["VerifiableCredential", "ExampleAlumniCredential"],
        "issuer": issuer,
        "validFrom": "2026-01-01T00:00:00Z",
        "credentialSubject": {"id": subject, "name": NAME, "alumniOf": "清华大学"}
    })
}

/// The same text with another name in it, wherever that stands: in the open, in a token's payload, in a disclosure.
pub(super) fn altered(shown: &str) -> String {
    if shown.contains(NAME) {
        return shown.replace(NAME, "Mallory");
    }
    let pieces = shown.split_inclusive(['.', '~']);
    let changed: String = pieces.map(altered_piece).collect();
    assert_ne!(changed, shown, "there is nothing to alter");
    changed
}

fn altered_piece(piece: &str) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let part = piece.trim_end_matches(['.', '~']);
    let decoded = URL_SAFE_NO_PAD.decode(part).ok();
    match decoded.and_then(|bytes| String::from_utf8(bytes).ok()) {
        Some(text) if text.contains(NAME) => {
            let other = URL_SAFE_NO_PAD.encode(text.replace(NAME, "Mallory"));
            format!("{other}{}", &piece[part.len()..])
        }
        Some(_) | None => piece.to_owned(),
    }
}
