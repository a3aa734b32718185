//! Encrypted key files: `keys/{validator,node,account}.json` and the keys that users make.
//!
//! Argon2id turns the passphrase into a key, XChaCha20-Poly1305 seals the private key with it. The public part stays readable, so
//! that `starfire key show` needs no passphrase, and is sealed along as associated data, so that nobody can swap it. A file that
//! others may read is refused.

mod error;
mod passphrase;
mod private_file;

use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use starfire_did::{ChainCode, KeyAlgorithm, PrivateKey};
use zeroize::Zeroizing;

pub use error::KeystoreError;
pub use passphrase::{PASSPHRASE_FILE, Passphrase, passphrase_beside, passphrase_places};
use private_file::read_private;
pub use private_file::{check_private, write_private};

const FORMAT: &str = "starfire-key/1";
/// OWASP's recommendation for Argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const ITERATIONS: u32 = 2;
const PARALLELISM: u32 = 1;
/// More than this is an attack on the reader's memory or patience.
const MEMORY_KIB_MAX: u32 = 1 << 20;
const ITERATIONS_MAX: u32 = 64;

/// A key file: what is public of it, and the sealed private key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
    /// `starfire-key/1`.
    pub format: String,
    /// `Ed25519` or `SM2`.
    pub algorithm: String,
    /// BIF's hexadecimal form.
    pub public_key: String,
    /// The DID that the key derives: its account's address.
    pub address: String,
    kdf: Kdf,
    cipher: Cipher,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kdf {
    name: String,
    memory_kib: u32,
    iterations: u32,
    parallelism: u32,
    salt: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cipher {
    name: String,
    nonce: String,
    sealed: String,
}

/// Random bytes of the operating system.
pub fn random<const N: usize>() -> Result<[u8; N], KeystoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| KeystoreError::Randomness(error.to_string()))?;
    Ok(bytes)
}

/// A source of the operating system's randomness, for what draws its own salts.
///
/// # Panics
/// The source does, when the machine gives no randomness: a salt that is not random would be a silent leak.
pub fn fill_random() -> impl FnMut(&mut [u8]) {
    |buffer| getrandom::fill(buffer).expect("the operating system gives randomness")
}

/// A fresh key.
pub fn generate(algorithm: KeyAlgorithm) -> Result<PrivateKey, KeystoreError> {
    Ok(PrivateKey::generate(random()?, algorithm))
}

/// Seals `key` into a new file. The address is that of the chain with this code; `None` is the main chain.
pub fn create(
    path: &Path,
    key: &PrivateKey,
    code: Option<&ChainCode>,
    passphrase: &Passphrase,
) -> Result<KeyFile, KeystoreError> {
    let mut file = KeyFile {
        format: FORMAT.to_owned(),
        algorithm: key.algorithm().to_string(),
        public_key: key.public().to_string(),
        address: key.public().address(code).to_string(),
        kdf: Kdf {
            name: "argon2id".to_owned(),
            memory_kib: MEMORY_KIB,
            iterations: ITERATIONS,
            parallelism: PARALLELISM,
            salt: hex::encode(random::<16>()?),
        },
        cipher: Cipher {
            name: "xchacha20-poly1305".to_owned(),
            nonce: hex::encode(random::<24>()?),
            sealed: String::new(),
        },
    };
    let (cipher, nonce) = file
        .cipher(passphrase)
        .map_err(|message| KeystoreError::malformed(path, message))?;
    let secret = key.to_text();
    let payload = Payload {
        msg: secret.as_bytes(),
        aad: &file.associated(),
    };
    let sealed = cipher
        .encrypt(&nonce, payload)
        .expect("sealing a short text in memory does not fail");
    file.cipher.sealed = hex::encode(sealed);
    let mut text = serde_json::to_string_pretty(&file).expect("a key file is plain JSON");
    text.push('\n');
    write_private(path, text.as_bytes())?;
    Ok(file)
}

/// Opens a key file. Only its owner may have access to it.
pub fn load(path: &Path, passphrase: &Passphrase) -> Result<PrivateKey, KeystoreError> {
    let file = parse(path, &read_private(path)?)?;
    let (cipher, nonce) = file
        .cipher(passphrase)
        .map_err(|message| KeystoreError::malformed(path, message))?;
    let sealed = hex::decode(&file.cipher.sealed)
        .map_err(|_| KeystoreError::malformed(path, "cipher.sealed is not hexadecimal"))?;
    let opened = cipher
        .decrypt(
            &nonce,
            Payload {
                msg: &sealed,
                aad: &file.associated(),
            },
        )
        .map_err(|_| KeystoreError::Sealed {
            path: path.to_owned(),
        })?;
    let opened = Zeroizing::new(opened);
    let text = std::str::from_utf8(&opened)
        .map_err(|_| KeystoreError::malformed(path, "the sealed key is not text"))?;
    let key = PrivateKey::parse(text)
        .map_err(|error| KeystoreError::malformed(path, error.to_string()))?;
    if key.public().to_string() != file.public_key {
        return Err(KeystoreError::malformed(
            path,
            "the sealed key is not that of public_key",
        ));
    }
    Ok(key)
}

/// The public part of a key file; no passphrase is needed.
pub fn public(path: &Path) -> Result<KeyFile, KeystoreError> {
    let text = std::fs::read_to_string(path).map_err(|source| KeystoreError::Read {
        path: path.to_owned(),
        source,
    })?;
    parse(path, &text)
}

/// A node's identity on the network, from its `keys/node.json`.
pub fn peer_keypair(key: &PrivateKey) -> Result<libp2p::identity::Keypair, KeystoreError> {
    let mut seed = ed25519_seed(key)?;
    Ok(libp2p::identity::Keypair::ed25519_from_bytes(&mut seed[..])
        .expect("an Ed25519 seed is any 32 bytes"))
}

/// The seed of a key that must be Ed25519, as every key of a node but its account's is.
pub(crate) fn ed25519_seed(key: &PrivateKey) -> Result<Zeroizing<[u8; 32]>, KeystoreError> {
    match key.algorithm() {
        KeyAlgorithm::Ed25519 => Ok(key.to_raw()),
        KeyAlgorithm::Sm2 => Err(KeystoreError::NotEd25519),
    }
}

fn parse(path: &Path, text: &str) -> Result<KeyFile, KeystoreError> {
    let file: KeyFile = serde_json::from_str(text)
        .map_err(|error| KeystoreError::malformed(path, error.to_string()))?;
    if file.format != FORMAT {
        return Err(KeystoreError::malformed(
            path,
            format!("format is {:?}, not {FORMAT:?}", file.format),
        ));
    }
    Ok(file)
}

impl KeyFile {
    /// What is sealed along: everything but the cipher.
    fn associated(&self) -> Vec<u8> {
        let public = (
            &self.format,
            &self.algorithm,
            &self.public_key,
            &self.address,
            &self.kdf,
        );
        serde_json_canonicalizer::to_vec(&public).expect("a key file is plain JSON")
    }

    /// The cipher that the passphrase gives, and the nonce.
    fn cipher(&self, passphrase: &Passphrase) -> Result<(XChaCha20Poly1305, XNonce), String> {
        let Kdf {
            name,
            memory_kib,
            iterations,
            parallelism,
            salt,
        } = &self.kdf;
        if name != "argon2id" || self.cipher.name != "xchacha20-poly1305" {
            return Err("only argon2id with xchacha20-poly1305 is known".to_owned());
        }
        if *memory_kib > MEMORY_KIB_MAX || *iterations > ITERATIONS_MAX || *parallelism > 16 {
            return Err(
                "the parameters in kdf are larger than any that this program writes".to_owned(),
            );
        }
        let params = Params::new(*memory_kib, *iterations, *parallelism, Some(32))
            .map_err(|error| error.to_string())?;
        let salt = hex::decode(salt).map_err(|_| "kdf.salt is not hexadecimal")?;
        let mut nonce = XNonce::default();
        hex::decode_to_slice(&self.cipher.nonce, &mut nonce)
            .map_err(|_| "cipher.nonce is not 24 hexadecimal bytes")?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.0.as_bytes(), &salt, &mut key[..])
            .map_err(|error| error.to_string())?;
        Ok((XChaCha20Poly1305::new(Key::from_slice(&key[..])), nonce))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;

    fn check(algorithm: KeyAlgorithm) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("account.json");
        let key = generate(algorithm).unwrap();
        let code = ChainCode::parse("cn01").unwrap();
        let passphrase = Passphrase::generate().unwrap();
        let file = create(&path, &key, Some(&code), &passphrase).unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(public(&path).unwrap(), file);
        assert!(
            file.address.starts_with("did:bid:cn01:"),
            "{}",
            file.address
        );
        let opened = load(&path, &passphrase).unwrap();
        assert_eq!(opened.public(), key.public());
        assert_eq!(*opened.to_text(), *key.to_text());
        assert!(
            !std::fs::read_to_string(&path)
                .unwrap()
                .contains(key.to_text().as_str())
        );
    }

    #[test]
    fn an_ed25519_key_survives_sealing_and_opening() {
        check(KeyAlgorithm::Ed25519);
    }

    #[test]
    fn an_sm2_key_survives_sealing_and_opening() {
        check(KeyAlgorithm::Sm2);
    }

    fn sealed(directory: &Path) -> (PathBuf, Passphrase) {
        let path = directory.join("node.json");
        let passphrase = Passphrase::new("right".to_owned());
        create(
            &path,
            &generate(KeyAlgorithm::Ed25519).unwrap(),
            None,
            &passphrase,
        )
        .unwrap();
        (path, passphrase)
    }

    #[test]
    fn a_wrong_passphrase_opens_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let (path, _) = sealed(directory.path());
        let error = load(&path, &Passphrase::new("wrong".to_owned())).unwrap_err();
        assert!(matches!(error, KeystoreError::Sealed { .. }), "{error}");
    }

    #[test]
    fn a_changed_public_part_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let (path, passphrase) = sealed(directory.path());
        let text = std::fs::read_to_string(&path)
            .unwrap()
            .replace("did:bid:ef", "did:bid:zf");
        std::fs::write(&path, text).unwrap();
        assert!(matches!(
            load(&path, &passphrase).unwrap_err(),
            KeystoreError::Sealed { .. }
        ));
    }

    #[test]
    fn a_file_open_to_others_is_refused_with_the_remedy() {
        let directory = tempfile::tempdir().unwrap();
        let (path, passphrase) = sealed(directory.path());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let message = load(&path, &passphrase).unwrap_err().to_string();
        assert!(message.contains("chmod 600"), "{message}");
    }

    #[test]
    fn a_key_file_is_never_written_over() {
        let directory = tempfile::tempdir().unwrap();
        let (path, passphrase) = sealed(directory.path());
        let again = create(
            &path,
            &generate(KeyAlgorithm::Ed25519).unwrap(),
            None,
            &passphrase,
        );
        assert!(matches!(again, Err(KeystoreError::Write { .. })));
    }

    #[test]
    fn parameters_that_would_eat_the_memory_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let (path, passphrase) = sealed(directory.path());
        let text = std::fs::read_to_string(&path)
            .unwrap()
            .replace("19456", "4000000000");
        std::fs::write(&path, text).unwrap();
        assert!(matches!(
            load(&path, &passphrase).unwrap_err(),
            KeystoreError::Malformed { .. }
        ));
    }

    #[test]
    fn a_passphrase_does_not_print() {
        assert_eq!(
            format!("{:?}", Passphrase::new("secret".to_owned())),
            "Passphrase(..)"
        );
    }
}
