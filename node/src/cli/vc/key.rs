//! Who signs: a key file, a DID, and the key's id in the DID's document.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use starfire_did::{Did, SigningKey};
use zeroize::Zeroizing;

use crate::cli::context::Context;
use crate::credential::issue::Signer;
use crate::failure::Failure;
use crate::keystore;

/// Who is to sign is not whose key it is.
pub(super) const ISSUER_MISMATCH: &str = "ISSUER_MISMATCH";
/// Hex digits of a bare P-256 key.
const P256_DIGITS: usize = 64;
/// A key file that could be a bare P-256 key is not longer.
const P256_FILE_BYTES_MAX: u64 = 80;

/// The method of a DID that is derived from the key alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum DidMethod {
    /// This system's: of the main chain
    Bid,
    /// did:key, for any verifier of the world
    Key,
}

#[derive(Debug, Args)]
pub(super) struct SignerArguments {
    /// A key file, a file with a BIF private key, or one with the 64 hex digits of a P-256 key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The DID that signs, of any method [default: that of the key file, on the chain that it is for]
    #[arg(long, value_name = "DID")]
    issuer: Option<String>,
    /// What the key derives where no DID is named
    #[arg(long, value_enum, default_value = "bid", conflicts_with = "issuer")]
    did_method: DidMethod,
    /// The key's id in the DID's document [default: DID#key-1]
    #[arg(long, value_name = "DID#FRAGMENT")]
    method: Option<String>,
}

impl SignerArguments {
    /// Opens the key alone.
    pub(super) fn key(&self, context: &Context) -> Result<SigningKey, Failure> {
        match bare_p256(&self.key)? {
            Some(raw) => {
                SigningKey::p256(raw.as_slice()).map_err(|error| Failure::content(&self.key, error))
            }
            None => Ok(context.key(&self.key)?.into()),
        }
    }

    /// Opens the key, and says for whom it signs; no chain is asked whether the document lists it.
    pub(super) fn open(&self, context: &Context) -> Result<Signer, Failure> {
        let key = self.key(context)?;
        let (did, method) = match (&self.issuer, self.did_method) {
            (Some(did), _) => {
                same_chain(&key, self.identity()?, did)?;
                (did.clone(), format!("{did}#key-1"))
            }
            (None, DidMethod::Bid) => {
                let did = derived(&key, self.identity()?)?.to_string();
                let method = format!("{did}#key-1");
                (did, method)
            }
            (None, DidMethod::Key) => did_key(&key)?,
        };
        let method = match &self.method {
            None => method,
            Some(method) if method.starts_with('#') => format!("{did}{method}"),
            Some(method) if method.starts_with(&format!("{did}#")) => method.clone(),
            Some(method) => {
                return Err(Failure::new(
                    ISSUER_MISMATCH,
                    format!("{method} is no key of {did}, which signs"),
                    "name the DID that signs by --issuer, and a key of its document by --method",
                ));
            }
        };
        Ok(Signer { key, did, method })
    }

    /// The DID that the key file was made for, with its chain; a bare key tells of none.
    fn identity(&self) -> Result<Option<Did>, Failure> {
        let Ok(file) = keystore::public(&self.key) else {
            return Ok(None);
        };
        let did = Did::parse(&file.address);
        did.map(Some)
            .map_err(|error| Failure::content(&self.key, format!("{}: {error}", file.address)))
    }
}

/// The 32 bytes of a file that holds nothing but their hex digits.
fn bare_p256(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
    let size = std::fs::metadata(path)
        .map_err(|error| Failure::file("read", path, &error))?
        .len();
    if size > P256_FILE_BYTES_MAX {
        return Ok(None);
    }
    let text = std::fs::read_to_string(path).map(Zeroizing::new);
    let text = text.map_err(|error| Failure::file("read", path, &error))?;
    let digits = text.trim();
    if digits.len() != P256_DIGITS {
        return Ok(None);
    }
    let Ok(raw) = hex::decode(digits) else {
        return Ok(None);
    };
    keystore::check_private(path)?;
    Ok(Some(Zeroizing::new(raw)))
}

/// The DID that a key derives, on the chain of the identity that its file was made for.
fn derived(key: &SigningKey, identity: Option<Did>) -> Result<Did, Failure> {
    match key {
        SigningKey::Account(key) => {
            let code = identity.and_then(|identity| identity.chain_code());
            Ok(Did::derive(&key.public(), code.as_ref()))
        }
        SigningKey::P256(_) => Err(Failure::usage(
            "a P-256 key derives no did:bid",
            "name the DID whose document lists the key by --issuer, or add --did-method key",
        )),
    }
}

/// Refuses to sign as the same account of another chain: a key file is for one chain, and its DID there is another subject.
fn same_chain(key: &SigningKey, identity: Option<Did>, issuer: &str) -> Result<(), Failure> {
    let (Some(identity), Ok(issuer)) = (identity, Did::parse(issuer)) else {
        return Ok(());
    };
    let (own, named) = (identity.chain_code(), issuer.chain_code());
    let SigningKey::Account(key) = key else {
        return Ok(());
    };
    if own == named || Did::derive(&key.public(), named.as_ref()) != issuer {
        return Ok(());
    }
    Err(Failure::new(
        ISSUER_MISMATCH,
        format!(
            "the key file is of {identity}, and --issuer names {issuer}, the same account on another chain"
        ),
        "leave --issuer out; or keep the key in a file of that chain: `starfire key export`, `starfire key import`",
    ))
}

/// The did:key of a key, and the key's id in its document.
fn did_key(key: &SigningKey) -> Result<(String, String), Failure> {
    let multikey = key.verification_key().to_multikey();
    let did = format!("did:key:{multikey}");
    // did:key has no method for SM2 keys: nobody else could read it.
    if starfire_did::foreign::document(&did).is_err() {
        return Err(Failure::usage(
            format!("a key of {} has no did:key", key.curve()),
            "leave --did-method out, or name the DID by --issuer",
        ));
    }
    let method = format!("{did}#{multikey}");
    Ok((did, method))
}

#[cfg(test)]
mod tests {
    use starfire_did::{ChainCode, KeyAlgorithm, PrivateKey};

    use super::*;
    use crate::cli::output::Output;
    use crate::keystore::Passphrase;

    /// A key file for a chain, and a context that can open it.
    fn kept(code: Option<&str>) -> (tempfile::TempDir, PathBuf, Context) {
        let directory = tempfile::tempdir().unwrap();
        let (file, passphrase) = (directory.path().join("k.json"), Passphrase::new("p".into()));
        passphrase
            .write_file(&directory.path().join("passphrase"))
            .unwrap();
        let code = code.map(|code| ChainCode::parse(code).unwrap());
        keystore::create(&file, &key(), code.as_ref(), &passphrase).unwrap();
        let context = Context {
            output: Output::new(true),
            home: None,
            node: None,
            passphrase_file: Some(directory.path().join("passphrase")),
        };
        (directory, file, context)
    }

    fn key() -> PrivateKey {
        PrivateKey::generate([7; 32], KeyAlgorithm::Ed25519)
    }

    fn did(code: Option<&str>) -> String {
        let code = code.map(|code| ChainCode::parse(code).unwrap());
        Did::derive(&key().public(), code.as_ref()).to_string()
    }

    fn arguments(key: PathBuf, issuer: Option<String>, method: Option<&str>) -> SignerArguments {
        SignerArguments {
            key,
            issuer,
            did_method: DidMethod::Bid,
            method: method.map(str::to_owned),
        }
    }

    #[test]
    fn a_key_signs_as_the_identity_that_its_file_is_of() {
        for code in [None, Some("by01")] {
            let (_directory, file, context) = kept(code);
            let signer = arguments(file.clone(), None, None).open(&context).unwrap();
            assert_eq!(signer.did, did(code));
            assert_eq!(signer.method, format!("{}#key-1", did(code)));
            // The same account of another chain is somebody else.
            let other = if code.is_none() { Some("by01") } else { None };
            let mismatch = arguments(file.clone(), Some(did(other)), None).open(&context);
            assert_eq!(mismatch.unwrap_err().code, ISSUER_MISMATCH);
            // A DID whose keys were rotated to this one.
            let rotated = "did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2".to_owned();
            let signer = arguments(file, Some(rotated.clone()), Some("#key-2"));
            let signer = signer.open(&context).unwrap();
            assert_eq!(
                (signer.did, signer.method),
                (rotated.clone(), rotated + "#key-2")
            );
        }
    }

    #[test]
    fn a_key_of_another_document_is_no_key_of_the_signer() {
        let (_directory, file, context) = kept(None);
        let other = format!("{}#key-1", did(Some("by01")));
        let refused = arguments(file, None, Some(&other)).open(&context);
        assert_eq!(refused.unwrap_err().code, ISSUER_MISMATCH);
    }

    #[test]
    fn a_bare_key_signs_as_of_the_main_chain() {
        let (directory, _, context) = kept(None);
        let file = directory.path().join("bare");
        keystore::write_private(&file, key().to_text().as_bytes()).unwrap();
        let signer = arguments(file, None, None).open(&context).unwrap();
        assert_eq!(signer.did, did(None));
    }
}
