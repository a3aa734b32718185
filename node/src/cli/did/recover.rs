//! Guardians give a DID new keys, or end it; its controllers veto that within the delay; anyone completes it afterwards.

use std::path::PathBuf;

use clap::Args;
use starfire_crosschain::unix_ms::rfc3339;
use starfire_did::{Did, path};
use starfire_proto::protocol::operation::Native;
use starfire_proto::v1;
use starfire_proto::v1::did_recover::To;

use super::ending::has_revoked;
use super::keys::{NewKey, instead, replaced};
use super::sign::{Cosigners, Sender, Signers, live};
use crate::cli::context::Context;
use crate::cli::output::Report;
use crate::cli::state;
use crate::client::{Client, Committed};
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(crate) struct Recover {
    /// The DID whose keys are lost or stolen
    did: Did,
    /// The key file of a guardian; of others that must sign, by --with
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    cosigners: Cosigners,
    #[command(flatten)]
    new_key: NewKey,
    /// Withdraw the document for ever, instead of giving it a new key
    #[arg(long, conflicts_with_all = ["new_key", "algorithm", "out"])]
    end: bool,
    /// Why it is withdrawn, for everybody to read
    #[arg(long, default_value = "", requires = "end")]
    reason: String,
    /// A gateway of the main chain, if --node is of a sub-chain: whether the DID is accredited, only the main chain tells
    #[arg(long, value_name = "URL", requires = "end")]
    main: Option<String>,
    /// End an accredited DID too, or without asking: nobody can revoke for it any more
    #[arg(long, requires = "end")]
    force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Veto {
    #[command(flatten)]
    sender: Sender,
    #[command(flatten)]
    cosigners: Cosigners,
}

#[derive(Debug, Args)]
pub(crate) struct Complete {
    /// The DID
    did: Did,
    /// The key file of whoever sends it: anyone may
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

pub(super) async fn recover(arguments: Recover, context: &Context) -> Result<Report, Failure> {
    let signers = Signers::own(context, &arguments.key, &arguments.cosigners).await?;
    let did = arguments.did;
    let (document, expected_version) = live(&signers.client, &did).await?;
    // Before a key is made that nobody needs.
    if document.recovery.is_none() {
        return Err(Failure::new(
            "DID_NO_GUARDIANS",
            format!("{did} names no guardians"),
            "nobody can recover it; guardians are named by `starfire did update --guardian` while the keys are there",
        ));
    }
    if arguments.end && !arguments.force {
        let main = arguments.main.as_deref();
        has_revoked(&signers.client, &did, main, context.output).await?;
    }
    let (to, new) = if arguments.end {
        let reason = arguments.reason;
        (To::End(v1::DidEnd { reason }), None)
    } else {
        let new = arguments.new_key.open(context, &did)?;
        (To::Keys(instead(&did, &document, &new.key)), Some(new))
    };
    let gone = match &to {
        To::Keys(keys) => Some(replaced(&document, keys)),
        To::End(_) => None,
    };
    let recover = v1::DidRecover {
        did: did.to_string(),
        expected_version,
        to: Some(to),
    };
    let sent = signers.send(Native::DidRecover(recover)).await;
    let committed = sent.map_err(|failure| match &new {
        Some(new) => new.unused(failure.into()),
        None => failure.into(),
    })?;
    let effective = committed
        .told("did.recovery_asked", "effective_ms")
        .and_then(|ms| ms.parse().ok())
        .map(rfc3339);
    let report = match effective {
        None => outcome(&did, &committed),
        Some(effective) => Report::new()
            .with("did", did.to_string())
            .with("state", "waiting")
            .with(
                "next",
                format!("from {effective} on: `starfire did complete {did}`; until then its controllers may `starfire did veto`"),
            )
            .with("effective", effective)
            .with("height", committed.height)
            .with("transaction", hex::encode(committed.hash)),
    };
    Ok(report
        .with_some("replaces", gone)
        .with_some("key_file", new.map(|new| new.file.display().to_string())))
}

pub(super) async fn veto(arguments: Veto, context: &Context) -> Result<Report, Failure> {
    let (signers, did) =
        Signers::changing(context, &arguments.sender, &arguments.cosigners).await?;
    let (_, version) = live(&signers.client, &did).await?;
    let Some(pending) = waiting(&signers.client, &did).await? else {
        return Err(Failure::new(
            "DID_RECOVERY_NOT_FOUND",
            format!("no recovery of {did} waits"),
            "guardians may ask for one by `starfire did recover`",
        ));
    };
    // This recovery and no other, whatever becomes of the document meanwhile.
    let veto = v1::DidVetoRecovery {
        did: did.to_string(),
        asked_ms: pending.asked_ms,
    };
    let committed = signers.send(Native::DidVetoRecovery(veto)).await?;
    Ok(Report::new()
        .with("did", did.to_string())
        .with("state", "vetoed")
        .with("asked", rfc3339(pending.asked_ms))
        .with("version", version)
        .with("height", committed.height)
        .with("transaction", hex::encode(committed.hash)))
}

pub(super) async fn complete(arguments: &Complete, context: &Context) -> Result<Report, Failure> {
    let did = arguments.did;
    let client = context.client()?;
    let key = context.key(&arguments.key)?;
    let complete = v1::DidCompleteRecovery {
        did: did.to_string(),
    };
    let native = Native::DidCompleteRecovery(complete);
    let sent = client.send(&key, vec![crate::client::operation(native)]);
    Ok(outcome(&did, &sent.await?))
}

/// What a recovery that was carried out came to.
fn outcome(did: &Did, committed: &Committed) -> Report {
    let (state, event) = match committed.told("did.recovered", "version") {
        Some(version) => ("recovered", Some(version)),
        None => ("ended", committed.told("did.deactivated", "version")),
    };
    let version: Option<u64> = event.and_then(|version| version.parse().ok());
    Report::new()
        .with("did", did.to_string())
        .with("state", state)
        .with_some("version", version)
        .with("height", committed.height)
        .with("transaction", hex::encode(committed.hash))
}

/// The recovery of a DID of the node's chain that waits for the end of its delay.
async fn waiting(client: &Client, did: &Did) -> Result<Option<v1::PendingRecovery>, Failure> {
    if did.chain_code() != client.chain_code().await? {
        return Ok(None);
    }
    state::record(client, path::recovery(did)).await
}

/// The same, as a command prints it.
pub(super) async fn pending(client: &Client, did: &Did) -> Result<Option<Report>, Failure> {
    Ok(waiting(client, did).await?.map(|pending| {
        Report::new()
            .with("asked", rfc3339(pending.asked_ms))
            .with("effective", rfc3339(pending.effective_ms))
            .with("guardians", pending.guardian)
    }))
}
