//! New keys for a DID: replaced by who still has the old ones, or by its guardians (in [`super::recover`]).

use std::collections::BTreeMap;
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
    let keys = beside_others(&document, instead(&did, &document, &new.key));
    if changes_nothing(&document, &keys) {
        return Err(Failure::new(
            "KEY_NOT_NEW",
            format!(
                "{} is the only key that {did} logs in with already",
                new.file.display()
            ),
            "name another key by --new-key, or leave it out to have one made",
        ));
    }
    let key_id = keys.authentication.join(", ");
    let gone = replaced(&document, &keys);
    let rotate = v1::DidRotate {
        did: did.to_string(),
        expected_version,
        verification_method: keys.verification_method,
        authentication: keys.authentication,
        assertion_method: keys.assertion_method,
        key_agreement: keys.key_agreement,
        capability_invocation: keys.capability_invocation,
        capability_delegation: keys.capability_delegation,
    };
    let sent = signers.send(Native::DidRotate(rotate)).await;
    let committed = sent.map_err(|failure| new.unused(failure.into()))?;
    Ok(changed(&did, expected_version, &committed)
        .with("key_id", key_id)
        .with("replaces", gone)
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

/// These keys, and those of the document that do not log in, with what they are for: to assert by a key of another kind, say, or to
/// agree on keys. One that is now to log in stands there as what logs in, and not twice; what it was for it stays for.
fn beside_others(document: &v1::DidDocument, mut keys: v1::DidKeys) -> v1::DidKeys {
    let unnamed = |method: &v1::VerificationMethod| v1::VerificationMethod {
        id: String::new(),
        ..method.clone()
    };
    let new = std::mem::take(&mut keys.verification_method);
    // The name under which a key of the document is among the new ones.
    let again = |method: &v1::VerificationMethod| {
        let same = new.iter().find(|one| unnamed(one) == unnamed(method));
        same.map(|one| one.id.clone())
    };
    // What a key of the document is called from now on, if it stays.
    let named = |method: &v1::VerificationMethod| {
        let logs_in = document.authentication.contains(&method.id);
        again(method).or_else(|| (!logs_in).then(|| method.id.clone()))
    };
    let methods = &document.verification_method;
    let names: BTreeMap<&str, String> = methods
        .iter()
        .filter_map(|method| Some((method.id.as_str(), named(method)?)))
        .collect();
    let uses = [
        (&mut keys.assertion_method, &document.assertion_method),
        (&mut keys.key_agreement, &document.key_agreement),
        (
            &mut keys.capability_invocation,
            &document.capability_invocation,
        ),
        (
            &mut keys.capability_delegation,
            &document.capability_delegation,
        ),
    ];
    for (ids, before) in uses {
        for id in before.iter().filter_map(|id| names.get(id.as_str())) {
            if !ids.contains(id) {
                ids.push(id.clone());
            }
        }
    }
    let stays =
        |method: &&v1::VerificationMethod| names.get(method.id.as_str()) == Some(&method.id);
    let staying: Vec<_> = methods.iter().filter(stays).cloned().collect();
    keys.verification_method = [new, staying].concat();
    keys
}

/// The names of the document's keys that are not among these.
pub(super) fn replaced(document: &v1::DidDocument, keys: &v1::DidKeys) -> Vec<String> {
    let stays = |id: &str| {
        keys.verification_method
            .iter()
            .any(|method| method.id == id)
    };
    let methods = document.verification_method.iter();
    methods
        .map(|method| method.id.clone())
        .filter(|id| !stays(id))
        .collect()
}

/// Whether the document has these keys already, for the same uses, whatever the one that logs in is called.
fn changes_nothing(document: &v1::DidDocument, keys: &v1::DidKeys) -> bool {
    let ([old], [new]) = (
        document.authentication.as_slice(),
        keys.authentication.as_slice(),
    ) else {
        return false;
    };
    let renamed = |id: &String| if id == new { old.clone() } else { id.clone() };
    let method = |method: &v1::VerificationMethod| v1::VerificationMethod {
        id: renamed(&method.id),
        ..method.clone()
    };
    let methods: Vec<_> = keys.verification_method.iter().map(method).collect();
    let uses = [
        (&document.assertion_method, &keys.assertion_method),
        (&document.key_agreement, &keys.key_agreement),
        (&document.capability_invocation, &keys.capability_invocation),
        (&document.capability_delegation, &keys.capability_delegation),
    ];
    methods.len() == document.verification_method.len()
        && methods
            .iter()
            .all(|method| document.verification_method.contains(method))
        && uses.iter().all(|(old, new)| {
            old.len() == new.len() && new.iter().all(|id| old.contains(&renamed(id)))
        })
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
    fn keys_that_do_not_log_in_stay_and_the_others_are_named() {
        let made = || {
            keystore::generate(starfire_did::KeyAlgorithm::Ed25519)
                .unwrap()
                .public()
        };
        let first = made();
        let did = first.address(None);
        let id = |fragment: &str| format!("{did}#{fragment}");
        let mut document = v1::DidDocument::from(&Document::for_key(&did, &first));
        for fragment in ["login", "assert", "agree"] {
            document
                .verification_method
                .push(method(&did, fragment, &made()));
        }
        document.authentication.push(id("login"));
        document.assertion_method = vec![id("key-1"), id("assert")];
        document.key_agreement = vec![id("agree")];
        document.capability_invocation = vec![id("login"), id("assert")];

        let alone = instead(&did, &document, &made());
        let all = ["key-1", "login", "assert", "agree"].map(id);
        assert_eq!(replaced(&document, &alone), all);

        let keys = beside_others(&document, alone);
        assert_eq!(replaced(&document, &keys), ["key-1", "login"].map(id));
        assert_eq!(keys.authentication, [id("key-2")]);
        assert_eq!(keys.assertion_method, ["key-2", "assert"].map(id));
        assert_eq!(keys.key_agreement, [id("agree")]);
        assert_eq!(keys.capability_invocation, [id("assert")]);
        let stored: Vec<String> = keys
            .verification_method
            .iter()
            .map(|method| method.id.clone())
            .collect();
        assert_eq!(stored, ["key-2", "assert", "agree"].map(id));
    }

    #[test]
    fn a_key_that_stands_there_and_is_to_log_in_stands_there_once() {
        let [login, other] = [(); 2].map(|()| {
            let key = keystore::generate(starfire_did::KeyAlgorithm::Ed25519);
            key.unwrap().public()
        });
        let did = login.address(None);
        let mut document = v1::DidDocument::from(&Document::for_key(&did, &login));
        let beside = method(&did, "assert", &other);
        document.verification_method.push(beside.clone());
        document.assertion_method.push(beside.id.clone());
        document.capability_invocation = vec![beside.id.clone()];
        let old = document.authentication[0].clone();
        document.capability_delegation = vec![old, beside.id.clone()];
        let keys = beside_others(&document, instead(&did, &document, &other));
        assert_eq!(keys.verification_method.len(), 1);
        assert_eq!(keys.assertion_method, keys.authentication);
        // What it was for it is still for, under its new name.
        assert_eq!(keys.capability_invocation, keys.authentication);
        assert_eq!(keys.capability_delegation, keys.authentication);
        assert_eq!(keys.key_agreement, Vec::<String>::new());
        assert!(replaced(&document, &keys).contains(&beside.id));
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
            let keys = beside_others(document, instead(&did, document, key));
            changes_nothing(document, &keys)
        };
        assert!(nothing(&document, &key));
        assert!(!nothing(&document, &other));
        // One that does not log in stays, so there is still nothing to do.
        let beside = method(&did, "key-7", &other);
        document.verification_method.insert(0, beside.clone());
        document.capability_delegation.push(beside.id.clone());
        assert!(nothing(&document, &key));
        assert!(!nothing(&document, &other));
        // To drop one of two that log in is a change.
        document.authentication.push(beside.id);
        assert!(!nothing(&document, &key));
        let mut narrow = v1::DidDocument::from(&Document::for_key(&did, &key));
        narrow.assertion_method.clear();
        assert!(!nothing(&narrow, &key));
    }
}
