//! Pinned main chains: trust bundles in a directory, each in a file named after its fingerprint.
//!
//! Pinning is the one act of trust that a verifier does by hand, with a fingerprint that came by another way than the bundle. What
//! stands here was pinned; everything else hangs on it.

use std::path::{Path, PathBuf};

use starfire_crosschain::trust::{BUNDLE_BYTES_MAX, Bundle};

use crate::failure::Failure;
use crate::file;

const SUFFIX: &str = ".trust.json";

/// A directory of pinned chains.
#[derive(Debug, Clone)]
pub struct Pins(PathBuf);

/// A pinned chain.
#[derive(Debug, Clone)]
pub struct Pin {
    /// What was pinned.
    pub fingerprint: String,
    /// The chain.
    pub bundle: Bundle,
    /// The bundle file.
    pub path: PathBuf,
    /// The file's bytes.
    pub bytes: Vec<u8>,
}

impl Pins {
    /// The pins in this directory, which need not exist.
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self(directory.into())
    }

    /// Pins the chain of a bundle, which must have the fingerprint that the user got by another way.
    pub fn add(&self, bytes: &[u8], fingerprint: &str) -> Result<Pin, Failure> {
        let bundle = parse(Path::new("the trust bundle"), bytes)?;
        if bundle.fingerprint() != fingerprint {
            return Err(Failure::new(
                "FINGERPRINT_MISMATCH",
                format!(
                    "the bundle's fingerprint is {}, not {fingerprint}",
                    bundle.fingerprint()
                ),
                "get bundle and fingerprint again, by two different ways: one of them is not that of the chain you want",
            ));
        }
        // What is known of the chain beyond this bundle is not forgotten.
        if let Some(pin) = self.get(fingerprint)?
            && pin.bundle.extends(&bundle)
        {
            return Ok(pin);
        }
        std::fs::create_dir_all(&self.0)
            .map_err(|error| Failure::file("create", &self.0, &error))?;
        let path = self.path(fingerprint);
        file::replace(&path, bytes)?;
        Ok(Pin {
            fingerprint: fingerprint.to_owned(),
            bundle,
            path,
            bytes: bytes.to_vec(),
        })
    }

    /// Takes in what a bundle knows of a pinned chain's validators beyond what was known. The pin stays what it was.
    pub fn update(&self, bundle: &Bundle) -> Result<Pin, Failure> {
        let fingerprint = bundle.fingerprint();
        let Some(pin) = self.get(&fingerprint)? else {
            return Err(Failure::new(
                "NOT_PINNED",
                format!("no chain with the fingerprint {fingerprint} is pinned"),
                "pin it first, by a fingerprint that you got by another way: `starfire trust pin`",
            ));
        };
        if pin.bundle.extends(bundle) {
            return Ok(pin);
        }
        if !bundle.extends(&pin.bundle) {
            return Err(Failure::new(
                "VALIDATOR_CHANGE_CONFLICT",
                "the bundle tells of other validators than those known of this chain",
                "keep both files and tell the chain's members: some of its validators signed two histories",
            ));
        }
        let bytes = bundle.encode();
        file::replace(&pin.path, &bytes)?;
        Ok(Pin {
            bundle: bundle.clone(),
            bytes,
            ..pin
        })
    }

    /// The chain pinned by this fingerprint.
    pub fn get(&self, fingerprint: &str) -> Result<Option<Pin>, Failure> {
        // A fingerprint is a file's name: nothing else may become one.
        if fingerprint.len() != 64 || !fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(None);
        }
        let path = self.path(fingerprint);
        if path.exists() {
            load(path).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Every pinned chain, by fingerprint.
    pub fn list(&self) -> Result<Vec<Pin>, Failure> {
        let entries = match std::fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Failure::file("read", &self.0, &error)),
        };
        let mut paths: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect();
        paths.retain(|path| path.to_string_lossy().ends_with(SUFFIX));
        paths.sort();
        paths.into_iter().map(load).collect()
    }

    fn path(&self, fingerprint: &str) -> PathBuf {
        self.0.join(format!("{fingerprint}{SUFFIX}"))
    }
}

fn load(path: PathBuf) -> Result<Pin, Failure> {
    let bytes = file::read(&path, BUNDLE_BYTES_MAX)?;
    let bundle = parse(&path, &bytes)?;
    let fingerprint = bundle.fingerprint();
    if path
        .file_name()
        .is_none_or(|name| name.to_string_lossy() != format!("{fingerprint}{SUFFIX}"))
    {
        return Err(Failure::content(
            &path,
            "the bundle is not the one that was pinned under this name",
        ));
    }
    Ok(Pin {
        fingerprint,
        bundle,
        path,
        bytes,
    })
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Bundle, Failure> {
    Bundle::parse(bytes).map_err(|error| Failure::content(path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(seed: u8) -> Bundle {
        let key = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]).verifying_key();
        let key = tendermint::PublicKey::from_raw_ed25519(key.as_bytes()).unwrap();
        let info = tendermint::validator::Info::new(key, 10_u32.into());
        let set = tendermint::validator::Set::without_proposer(vec![info]);
        Bundle::new("starfire-main-1".parse().unwrap(), "Main", [9; 32], set).unwrap()
    }

    #[test]
    fn only_the_fingerprint_got_elsewhere_pins_a_bundle() {
        let directory = tempfile::tempdir().unwrap();
        let pins = Pins::at(directory.path().join("trust"));
        assert!(pins.list().unwrap().is_empty());
        let bundle = bundle(1);
        assert_eq!(
            pins.add(&bundle.encode(), &"0".repeat(64))
                .unwrap_err()
                .code,
            "FINGERPRINT_MISMATCH"
        );
        pins.add(&bundle.encode(), &bundle.fingerprint()).unwrap();
        assert_eq!(
            pins.get(&bundle.fingerprint()).unwrap().unwrap().bundle,
            bundle
        );
        assert_eq!(pins.list().unwrap().len(), 1);
        assert!(pins.get("../../etc/passwd").unwrap().is_none());
    }

    #[test]
    fn a_bundle_put_under_a_pinned_name_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let pins = Pins::at(directory.path());
        let pin = pins
            .add(&bundle(1).encode(), &bundle(1).fingerprint())
            .unwrap();
        std::fs::write(&pin.path, bundle(2).encode()).unwrap();
        assert_eq!(pins.list().unwrap_err().code, "CONTENT");
    }
}
