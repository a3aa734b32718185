//! Who signs: a key file, a DID, and the key's id in the DID's document.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use starfire_did::{Did, SigningKey};
use zeroize::Zeroizing;

use crate::cli::context::Context;
use crate::credential::issue::Signer;
use crate::failure::Failure;
use crate::keystore;

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
    /// The DID that signs, of any method [default: the one that the key derives]
    #[arg(long, alias = "holder", value_name = "DID")]
    issuer: Option<String>,
    /// What a key without --issuer derives
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
            (Some(did), _) => (did.clone(), format!("{did}#key-1")),
            (None, DidMethod::Bid) => {
                let did = derived(&key)?.to_string();
                let method = format!("{did}#key-1");
                (did, method)
            }
            (None, DidMethod::Key) => did_key(&key)?,
        };
        let method = match &self.method {
            None => method,
            Some(method) if method.starts_with('#') => format!("{did}{method}"),
            Some(method) => method.clone(),
        };
        Ok(Signer { key, did, method })
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

fn derived(key: &SigningKey) -> Result<Did, Failure> {
    match key {
        SigningKey::Account(key) => Ok(Did::derive(&key.public(), None)),
        SigningKey::P256(_) => Err(Failure::usage(
            "a P-256 key derives no did:bid",
            "name the DID whose document lists the key by --issuer, or add --did-method key",
        )),
    }
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
