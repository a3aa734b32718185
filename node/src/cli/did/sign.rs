//! Who sends a change of a DID, and who signs it beside.

use std::path::PathBuf;

use clap::Args;
use starfire_did::{Did, PrivateKey};
use starfire_proto::protocol::operation::Native;
use starfire_proto::v1;

use crate::cli::context::Context;
use crate::cli::proof;
use crate::client::{Client, ClientError, Committed, operation};
use crate::failure::Failure;

/// Who changes which DID.
#[derive(Debug, Args)]
pub(crate) struct Sender {
    /// The key file of a controller
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// The DID, if the key does not derive it (any more)
    #[arg(long)]
    pub(crate) did: Option<Did>,
}

/// Others who sign the same transaction.
#[derive(Debug, Args)]
pub(crate) struct Cosigners {
    /// The key files of others who sign too: controllers, guardians, a member who sponsors
    #[arg(long = "with", value_name = "FILE", num_args = 1..)]
    keys: Vec<PathBuf>,
}

impl Sender {
    /// Opens the key; the DID is the one named, or the key's own on the node's chain.
    pub(crate) async fn open(
        &self,
        context: &Context,
        client: &Client,
    ) -> Result<(PrivateKey, Did), Failure> {
        let key = context.key(&self.key)?;
        let did = match self.did {
            Some(did) => did,
            None => client.address(&key).await?,
        };
        Ok((key, did))
    }
}

impl Cosigners {
    /// Opens their keys.
    pub(super) fn open(&self, context: &Context) -> Result<Vec<PrivateKey>, Failure> {
        self.keys.iter().map(|path| context.key(path)).collect()
    }
}

/// Keys that sign a transaction of one account.
pub(super) struct Signers {
    pub(super) client: Client,
    /// The account that sends.
    pub(super) source: Did,
    key: PrivateKey,
    others: Vec<PrivateKey>,
}

impl Signers {
    /// The account is the key's own.
    pub(super) async fn own(
        context: &Context,
        key: &std::path::Path,
        cosigners: &Cosigners,
    ) -> Result<Self, Failure> {
        let client = context.client()?;
        let key = context.key(key)?;
        Ok(Self {
            source: client.address(&key).await?,
            key,
            others: cosigners.open(context)?,
            client,
        })
    }

    /// To change a DID: the account is the DID itself where the key signs for it, otherwise the key's own, as a controller's. The
    /// second value is the DID.
    pub(super) async fn changing(
        context: &Context,
        sender: &Sender,
        cosigners: &Cosigners,
    ) -> Result<(Self, Did), Failure> {
        let own = Self::own(context, &sender.key, cosigners).await?;
        let did = sender.did.unwrap_or(own.source);
        let source = if signs_for(&own.client, &own.source, &did).await? {
            did
        } else {
            own.source
        };
        Ok((Self { source, ..own }, did))
    }

    /// The addresses of all who sign, on the node's chain.
    pub(super) async fn addresses(&self) -> Result<Vec<Did>, Failure> {
        let mut addresses = vec![self.source];
        for key in std::iter::once(&self.key).chain(&self.others) {
            addresses.push(self.client.address(key).await?);
        }
        Ok(addresses)
    }

    /// Sends one operation, and waits for its receipt.
    pub(super) async fn send(&self, native: Native) -> Result<Committed, ClientError> {
        let keys: Vec<&PrivateKey> = std::iter::once(&self.key).chain(&self.others).collect();
        let operations = vec![operation(native)];
        self.client
            .send_signed(&self.source, &keys, operations)
            .await
    }
}

/// Whether the key whose own address this is signs for the account of a DID.
async fn signs_for(client: &Client, own: &Did, did: &Did) -> Result<bool, Failure> {
    if own == did {
        return Ok(true);
    }
    let request = v1::GetAccountRequest {
        address: did.to_string(),
    };
    let account = client
        .call(client.accounts().get(request))
        .await?
        .account
        .unwrap_or_default();
    let own = own.to_string();
    Ok(account.signers.iter().any(|signer| signer.address == own))
}

/// The document to change, and its version.
pub(super) async fn live(client: &Client, did: &Did) -> Result<(v1::DidDocument, u64), Failure> {
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
