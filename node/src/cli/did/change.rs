//! Changing a DID's record: services and names, keys, the end.

use std::path::PathBuf;

use clap::Args;
use starfire_did::document::Document;
use starfire_did::{Did, PrivateKey, PublicKey};
use starfire_proto::protocol::operation::Native;
use starfire_proto::v1;

use super::Sender;
use crate::cli::context::Context;
use crate::cli::key::{self, Algorithm};
use crate::cli::output::Report;
use crate::cli::proof;
use crate::client::{Client, Committed, operation};
use crate::failure::Failure;
use crate::keystore;

#[derive(Debug, Args)]
pub(crate) struct Update {
    #[command(flatten)]
    sender: Sender,
    /// Add or replace a service: a fragment, a type and a URL
    #[arg(long, value_name = "FRAGMENT,TYPE,URL", value_parser = service)]
    service: Vec<Service>,
    /// Remove the service with this fragment
    #[arg(long, value_name = "FRAGMENT")]
    remove_service: Vec<String>,
    /// The other names, instead of those there are
    #[arg(long, value_name = "URI")]
    also_known_as: Option<Vec<String>>,
    /// The controllers, instead of those there are
    #[arg(long, value_name = "DID")]
    controller: Option<Vec<Did>>,
}

/// A service without its document's DID.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Service {
    fragment: String,
    kind: String,
    endpoint: String,
}

fn service(text: &str) -> Result<Service, String> {
    match text.splitn(3, ',').collect::<Vec<_>>()[..] {
        [fragment, kind, endpoint] => Ok(Service {
            fragment: fragment.to_owned(),
            kind: kind.to_owned(),
            endpoint: endpoint.to_owned(),
        }),
        _ => Err("expected FRAGMENT,TYPE,URL".to_owned()),
    }
}

#[derive(Debug, Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    sender: Sender,
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
pub(crate) struct Deactivate {
    #[command(flatten)]
    sender: Sender,
    /// Why, for everybody to read
    #[arg(long, default_value = "")]
    reason: String,
}

pub(super) async fn update(arguments: Update, context: &Context) -> Result<Report, Failure> {
    let client = context.client()?;
    let (key, did) = arguments.sender.open(context, &client).await?;
    let (mut document, expected_version) = live(&client, &did).await?;
    let id = |fragment: &str| format!("{did}#{fragment}");
    let gone: Vec<String> = arguments
        .remove_service
        .iter()
        .map(|fragment| id(fragment))
        .collect();
    if let Some(unknown) = gone
        .iter()
        .find(|gone| !document.service.iter().any(|service| service.id == **gone))
    {
        return Err(Failure::usage(
            format!("there is no service {unknown}"),
            "`starfire did show` lists them",
        ));
    }
    let replaced: Vec<String> = arguments
        .service
        .iter()
        .map(|service| id(&service.fragment))
        .collect();
    document
        .service
        .retain(|service| !gone.contains(&service.id) && !replaced.contains(&service.id));
    for Service {
        fragment,
        kind,
        endpoint,
    } in arguments.service
    {
        document.service.push(v1::DidService {
            id: id(&fragment),
            r#type: kind,
            endpoint,
        });
    }
    if let Some(also_known_as) = arguments.also_known_as {
        document.also_known_as = also_known_as;
    }
    if let Some(controllers) = arguments.controller {
        document.controller = controllers.iter().map(Did::to_string).collect();
    }
    let update = v1::DidUpdate {
        did: did.to_string(),
        expected_version,
        document: Some(document),
    };
    let sender = sender(&client, &arguments.sender, &key, &did).await?;
    let committed = client
        .send_as(&sender, &key, vec![operation(Native::DidUpdate(update))])
        .await?;
    Ok(changed(&did, expected_version, &committed))
}

pub(super) async fn rotate(arguments: Rotate, context: &Context) -> Result<Report, Failure> {
    let client = context.client()?;
    let (key, did) = arguments.sender.open(context, &client).await?;
    let (document, expected_version) = live(&client, &did).await?;
    let (new_key, key_file) = match arguments.new_key {
        Some(path) => (context.key(&path)?, path),
        None => {
            let new_key = keystore::generate(arguments.algorithm.into())?;
            let kept = key::keep(context, &new_key, did.chain_code().as_ref(), arguments.out)?;
            (new_key, kept.path)
        }
    };
    let method = method(&did, &free_fragment(&did, &document), &new_key.public());
    let rotate = v1::DidRotate {
        did: did.to_string(),
        expected_version,
        authentication: vec![method.id.clone()],
        assertion_method: vec![method.id.clone()],
        verification_method: vec![method],
        ..v1::DidRotate::default()
    };
    let sender = sender(&client, &arguments.sender, &key, &did).await?;
    let committed = client
        .send_as(&sender, &key, vec![operation(Native::DidRotate(rotate))])
        .await?;
    Ok(
        changed(&did, expected_version, &committed)
            .with("key_file", key_file.display().to_string()),
    )
}

pub(super) async fn deactivate(
    arguments: Deactivate,
    context: &Context,
) -> Result<Report, Failure> {
    let client = context.client()?;
    let (key, did) = arguments.sender.open(context, &client).await?;
    let (_, expected_version) = live(&client, &did).await?;
    let deactivate = v1::DidDeactivate {
        did: did.to_string(),
        expected_version,
        reason: arguments.reason,
    };
    let sender = sender(&client, &arguments.sender, &key, &did).await?;
    let committed = client
        .send_as(
            &sender,
            &key,
            vec![operation(Native::DidDeactivate(deactivate))],
        )
        .await?;
    Ok(changed(&did, expected_version, &committed))
}

/// The document to change, and its version.
async fn live(client: &Client, did: &Did) -> Result<(v1::DidDocument, u64), Failure> {
    let record = proof::record(client, &did.to_string(), 0).await?;
    let version = record.version;
    match record.document {
        Some(document) if !record.deactivated => Ok((document, version)),
        Some(_) | None => Err(Failure::new(
            "DID_DEACTIVATED",
            format!("{did} was deactivated: {}", record.deactivation_reason),
            "that is final; create another DID",
        )),
    }
}

/// Who sends a change: the DID itself where the key signs for it, otherwise the key's own account, as a controller.
async fn sender(
    client: &Client,
    named: &Sender,
    key: &PrivateKey,
    did: &Did,
) -> Result<Did, Failure> {
    let own = client.address(key).await?;
    if named.did.is_none() || own == *did {
        return Ok(own);
    }
    let request = v1::GetAccountRequest {
        address: did.to_string(),
    };
    let account = client
        .call(client.accounts().get(request))
        .await?
        .account
        .unwrap_or_default();
    let signs = account
        .signers
        .iter()
        .any(|signer| signer.address == own.to_string());
    Ok(if signs { *did } else { own })
}

fn changed(did: &Did, before: u64, committed: &Committed) -> Report {
    Report::new()
        .with("did", did.to_string())
        .with("version", before + 1)
        .with("height", committed.height)
        .with("transaction", hex::encode(committed.hash))
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
    fn a_service_is_fragment_type_and_url() {
        let parsed = service("api,LinkedDomains,https://example.cn/a,b").unwrap();
        assert_eq!(
            (parsed.fragment.as_str(), parsed.endpoint.as_str()),
            ("api", "https://example.cn/a,b")
        );
        assert!(service("api,LinkedDomains").is_err());
    }

    #[test]
    fn a_rotated_key_never_takes_a_used_name() {
        let key = keystore::generate(starfire_did::KeyAlgorithm::Ed25519)
            .unwrap()
            .public();
        let did = key.address(None);
        let mut document = v1::DidDocument::from(&Document::for_key(&did, &key));
        assert_eq!(free_fragment(&did, &document), "key-2");
        document
            .verification_method
            .push(method(&did, "key-7", &key));
        assert_eq!(free_fragment(&did, &document), "key-8");
    }
}
