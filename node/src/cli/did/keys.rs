//! New keys for a DID: replaced by who still has the old ones, or by its guardians (in [`super::recover`]).

use std::path::PathBuf;

use clap::Args;
use starfire_did::document::Document;
use starfire_did::{Did, PublicKey};
use starfire_proto::protocol::operation::Native;
use starfire_proto::v1;

use super::change::changed;
use super::sign::{Cosigners, Sender, Signers, live};
use crate::cli::context::Context;
use crate::cli::key::{self, Algorithm};
use crate::cli::output::Report;
use crate::failure::Failure;
use crate::keystore;

/// The key that comes instead of those there are.
#[derive(Debug, Args)]
pub(super) struct NewKey {
    /// The key file to take as the new key; without it, a key is made
    #[arg(long, value_name = "FILE")]
    new_key: Option<PathBuf>,
    /// What a made key signs with
    #[arg(
        long,
        value_enum,
        default_value = "ed25519",
        conflicts_with = "new_key"
    )]
    algorithm: Algorithm,
    /// Where a made key is kept [default: HOME/keys/DID.json]
    #[arg(long, value_name = "FILE", conflicts_with = "new_key")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    sender: Sender,
    #[command(flatten)]
    cosigners: Cosigners,
    #[command(flatten)]
    new_key: NewKey,
}

/// The key that a [`NewKey`] came to.
pub(super) struct Taken {
    pub(super) key: PublicKey,
    pub(super) file: PathBuf,
    made: bool,
}

impl NewKey {
    /// Opens the key, or makes one.
    pub(super) fn open(self, context: &Context, did: &Did) -> Result<Taken, Failure> {
        if let Some(file) = self.new_key {
            return Ok(Taken {
                key: context.key(&file)?.public(),
                file,
                made: false,
            });
        }
        let key = keystore::generate(self.algorithm.into())?;
        let kept = key::keep(context, &key, did.chain_code().as_ref(), self.out)?;
        Ok(Taken {
            key: key.public(),
            file: kept.path,
            made: true,
        })
    }
}

impl Taken {
    /// Why it did not become the DID's, with what to do about a key that was made for it: it may yet become so, where nobody heard
    /// what became of the transaction.
    pub(super) fn unused(&self, failure: Failure) -> Failure {
        if !self.made {
            return failure;
        }
        let again = format!(
            "the new key is kept: try again with --new-key {}",
            self.file.display()
        );
        Failure {
            hint: match failure.hint.as_str() {
                "" => again,
                hint => format!("{hint}; {again}"),
            },
            ..failure
        }
    }
}

pub(super) async fn rotate(arguments: Rotate, context: &Context) -> Result<Report, Failure> {
    let (signers, did) =
        Signers::changing(context, &arguments.sender, &arguments.cosigners).await?;
    let (document, expected_version) = live(&signers.client, &did).await?;
    let new = arguments.new_key.open(context, &did)?;
    let keys = instead(&did, &document, &new.key);
    if changes_nothing(&document, &keys) {
        return Err(Failure::new(
            "KEY_NOT_NEW",
            format!(
                "{} is the only key that {did} has already",
                new.file.display()
            ),
            "name another key by --new-key, or leave it out to have one made",
        ));
    }
    let key_id = keys.authentication.join(", ");
    let rotate = v1::DidRotate {
        did: did.to_string(),
        expected_version,
        verification_method: keys.verification_method,
        authentication: keys.authentication,
        assertion_method: keys.assertion_method,
        ..v1::DidRotate::default()
    };
    let sent = signers.send(Native::DidRotate(rotate)).await;
    let committed = sent.map_err(|failure| new.unused(failure.into()))?;
    Ok(changed(&did, expected_version, &committed)
        .with("key_id", key_id)
        .with("key_file", new.file.display().to_string()))
}

/// This key alone, for logging in and for asserting, under a name that no key of the document has.
pub(super) fn instead(did: &Did, document: &v1::DidDocument, key: &PublicKey) -> v1::DidKeys {
    let method = method(did, &free_fragment(did, document), key);
    v1::DidKeys {
        authentication: vec![method.id.clone()],
        assertion_method: vec![method.id.clone()],
        verification_method: vec![method],
        ..v1::DidKeys::default()
    }
}

/// Whether the document has this key alone, for the same uses, under whatever name.
fn changes_nothing(document: &v1::DidDocument, keys: &v1::DidKeys) -> bool {
    let ([old], [new]) = (
        document.verification_method.as_slice(),
        keys.verification_method.as_slice(),
    ) else {
        return false;
    };
    let renamed = v1::VerificationMethod {
        id: old.id.clone(),
        ..new.clone()
    };
    let alone = std::slice::from_ref(&old.id);
    let others = [
        &document.key_agreement,
        &document.capability_invocation,
        &document.capability_delegation,
    ];
    renamed == *old
        && document.authentication == alone
        && document.assertion_method == alone
        && others.iter().all(|uses| uses.is_empty())
}

fn method(did: &Did, fragment: &str, key: &PublicKey) -> v1::VerificationMethod {
    // The message of a one-key document has this very entry, but for its fragment.
    let message = v1::DidDocument::from(&Document::for_key(did, key));
    let mut method = message
        .verification_method
        .into_iter()
        .next()
        .expect("a document for a key has that key");
    method.id = format!("{did}#{fragment}");
    method
}

/// `key-N`, N being above that of every key there is, so that an identifier never changes its key.
fn free_fragment(did: &Did, document: &v1::DidDocument) -> String {
    let prefix = format!("{did}#key-");
    let highest = document
        .verification_method
        .iter()
        .filter_map(|method| method.id.strip_prefix(&prefix)?.parse::<u32>().ok());
    format!("key-{}", highest.max().unwrap_or(0).saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_never_takes_a_used_name() {
        let key = keystore::generate(starfire_did::KeyAlgorithm::Ed25519)
            .unwrap()
            .public();
        let did = key.address(None);
        let mut document = v1::DidDocument::from(&Document::for_key(&did, &key));
        assert_eq!(free_fragment(&did, &document), "key-2");
        document
            .verification_method
            .push(method(&did, "key-7", &key));
        let keys = instead(&did, &document, &key);
        assert_eq!(keys.authentication, [format!("{did}#key-8")]);
        assert_eq!(keys.assertion_method, keys.authentication);
    }

    #[test]
    fn a_key_that_was_made_for_nothing_is_told_of() {
        let key = keystore::generate(starfire_did::KeyAlgorithm::Ed25519).unwrap();
        let hint = |made| {
            let taken = Taken {
                key: key.public(),
                file: PathBuf::from("new.json"),
                made,
            };
            let refused = Failure::new("VERSION_CONFLICT", "refused", "read it again");
            taken.unused(refused).hint
        };
        assert_eq!(hint(false), "read it again");
        assert_eq!(
            hint(true),
            "read it again; the new key is kept: try again with --new-key new.json"
        );
    }

    #[test]
    fn the_only_key_there_is_is_no_new_one() {
        let made = || {
            keystore::generate(starfire_did::KeyAlgorithm::Ed25519)
                .unwrap()
                .public()
        };
        let (key, other) = (made(), made());
        let did = key.address(None);
        let mut document = v1::DidDocument::from(&Document::for_key(&did, &key));
        let nothing = |document: &v1::DidDocument, key: &PublicKey| {
            changes_nothing(document, &instead(&did, document, key))
        };
        assert!(nothing(&document, &key));
        assert!(!nothing(&document, &other));
        // To drop all but one is a change.
        document
            .verification_method
            .push(method(&did, "key-7", &other));
        assert!(!nothing(&document, &key));
        let mut narrow = v1::DidDocument::from(&Document::for_key(&did, &key));
        narrow.assertion_method.clear();
        assert!(!nothing(&narrow, &key));
    }
}
