//! The devnet's people: key files with their passphrases, and DIDs registered by real transactions.

use std::path::{Path, PathBuf};
use std::time::Duration;

use starfire_did::document::Document;
use starfire_did::{ChainCode, Did, KeyAlgorithm, PrivateKey};
use starfire_proto::protocol::operation::Native;
use starfire_proto::v1;

use super::manifest::{Identity, Manifest};
use crate::client::{Client, operation};
use crate::clock;
use crate::failure::Failure;
use crate::keystore::{self, Passphrase};

/// An anchor follows a transaction within a second or two.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);

/// An identity's key, while its DID is registered.
pub(super) struct IdentityKey {
    name: &'static str,
    code: Option<ChainCode>,
    key: PrivateKey,
    key_file: PathBuf,
    passphrase_file: PathBuf,
}

impl IdentityKey {
    /// The DID that the key derives.
    pub(super) fn did(&self) -> Did {
        self.key.public().address(self.code.as_ref())
    }

    /// As the manifest has it.
    pub(super) fn identity(&self) -> Identity {
        Identity {
            name: self.name.to_owned(),
            chain_code: self.code.map(|code| code.to_string()).unwrap_or_default(),
            did: self.did().to_string(),
            key_file: self.key_file.clone(),
            passphrase_file: self.passphrase_file.clone(),
        }
    }
}

/// Keys of the issuing customs and the exporter on the first sub-chain, and of the importing customs on the last. Without a
/// sub-chain, all on the main chain.
pub(super) fn make(directory: &Path, codes: &[ChainCode]) -> Result<Vec<IdentityKey>, Failure> {
    std::fs::create_dir_all(directory)
        .map_err(|error| Failure::file("create", directory, &error))?;
    let (home, abroad) = (codes.first().copied(), codes.last().copied());
    let people = [
        ("issuing-customs", home),
        ("exporter", home),
        ("importing-customs", abroad),
    ];
    let make = |(name, code): (&'static str, Option<ChainCode>)| {
        let key = keystore::generate(KeyAlgorithm::Ed25519)?;
        let key_file = directory.join(format!("{name}.json"));
        // Where every command that opens the key file looks for it.
        let passphrase_file = keystore::passphrase_beside(&key_file);
        let passphrase = Passphrase::generate()?;
        passphrase.write_file(&passphrase_file)?;
        keystore::create(&key_file, &key, code.as_ref(), &passphrase)?;
        Ok(IdentityKey {
            name,
            code,
            key,
            key_file,
            passphrase_file,
        })
    };
    people.into_iter().map(make).collect()
}

/// The backbones, whose keys stand in their homes.
pub(super) fn backbones(
    nodes: impl Iterator<Item = (Option<ChainCode>, Did, PathBuf, PathBuf)>,
) -> Vec<Identity> {
    let identity =
        |(code, did, key_file, passphrase_file): (Option<ChainCode>, Did, PathBuf, PathBuf)| {
            let chain_code = code.map(|code| code.to_string()).unwrap_or_default();
            Identity {
                name: format!("backbone-{chain_code}"),
                chain_code,
                did: did.to_string(),
                key_file,
                passphrase_file,
            }
        };
    nodes.map(identity).collect()
}

/// Registers everybody's DID, all at once.
pub(super) async fn register(manifest: &Manifest, keys: &[IdentityKey]) -> Result<(), Failure> {
    let one = |identity: &Identity| {
        let chain = manifest
            .chain(&identity.chain_code)
            .expect("an identity's chain is in the manifest");
        let url = chain.nodes[0].grpc.clone();
        let opened = match keys
            .iter()
            .find(|key| key.did().to_string() == identity.did)
        {
            Some(known) => Ok(known.key.clone()),
            None => Passphrase::read_file(&identity.passphrase_file)
                .and_then(|passphrase| keystore::load(&identity.key_file, &passphrase)),
        };
        async move {
            let key = opened?;
            register_one(&Client::connect(&url)?, &key).await
        }
    };
    futures::future::try_join_all(manifest.identities.iter().map(one))
        .await
        .map(|_| ())
}

/// Waits until the main chain resolves everybody: what it knows of a sub-chain is what is anchored.
pub(super) async fn resolvable(manifest: &Manifest) -> Result<(), Failure> {
    let main = Client::connect(&manifest.chains[0].nodes[0].grpc)?;
    let deadline = clock::monotonic() + PATIENCE;
    for identity in &manifest.identities {
        loop {
            let request = v1::ResolveRequest {
                did: identity.did.clone(),
                ..v1::ResolveRequest::default()
            };
            let resolved = main.call(main.dids().resolve(request)).await;
            if matches!(&resolved, Ok(answer) if answer.record.is_some()) {
                break;
            }
            if clock::monotonic() > deadline {
                return Err(Failure::new(
                    "NOT_ANCHORED",
                    format!("the main chain does not resolve {} yet", identity.did),
                    "`starfire anchor status` tells what the backbones do",
                ));
            }
            tokio::time::sleep(POLL).await;
        }
    }
    Ok(())
}

async fn register_one(client: &Client, key: &PrivateKey) -> Result<(), Failure> {
    let did = client.address(key).await?;
    let create = v1::DidCreate {
        document: Some((&Document::for_key(&did, &key.public())).into()),
        ..v1::DidCreate::default()
    };
    client
        .send(key, vec![operation(Native::DidCreate(create))])
        .await?;
    Ok(())
}
