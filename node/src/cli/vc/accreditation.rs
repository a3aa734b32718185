//! Accreditations below the root: who was accredited lets others issue or accredit, and takes that back. The root itself is a
//! motion's: `starfire member propose accredit`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::Value;
use starfire_crosschain::unix_ms::{self, rfc3339};
use starfire_did::{Did, issuer};
use starfire_proto::protocol::operation::Native;
use starfire_proto::v1;
use tendermint::Time;

use super::save;
use crate::cli::context::Context;
use crate::cli::did::Sender;
use crate::cli::member;
use crate::cli::member::propose::{Scope, Terms, moment};
use crate::cli::output::Report;
use crate::client::operation;
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Let another DID issue or accredit, by one that may accredit itself
    Grant(Grant),
    /// Take back what the sender gave, from now on
    Revoke(Revoke),
    /// Print what a DID is accredited for, or whether it is for one type, with every level up to the root
    Show(Show),
}

#[derive(Debug, Args)]
pub(crate) struct Grant {
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    terms: Terms,
    #[command(flatten)]
    sender: Sender,
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    #[command(flatten)]
    scope: Scope,
    /// Why, for everybody to read
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    sender: Sender,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The DID of an issuer or accreditor
    issuer: Did,
    /// Ask about this credential type
    #[arg(long = "type", value_name = "TYPE", requires = "jurisdiction")]
    kind: Option<String>,
    /// Ask about this jurisdiction
    #[arg(long, value_name = "CODE", requires = "kind")]
    jurisdiction: Option<String>,
    /// As of this moment, e.g. 2026-01-01 [default: now]
    #[arg(long, value_parser = moment, requires = "kind")]
    at: Option<Time>,
    /// Save the answer with what proves it, for `vc verify --proofs`
    #[arg(long, value_name = "FILE", requires = "kind")]
    proof: Option<PathBuf>,
}

pub(super) async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    let report = match command {
        Command::Grant(Grant {
            scope,
            terms,
            sender,
        }) => {
            let grant = v1::AccreditationGrant {
                issuer: scope.issuer.to_string(),
                r#type: scope.kind.clone(),
                jurisdiction: scope.jurisdiction.clone(),
                valid_from_ms: unix_ms::from_time(terms.from),
                valid_until_ms: unix_ms::from_time(terms.until),
                delegation_depth: terms.depth,
                only_accredits: terms.only_accredits,
            };
            send(context, &sender, &scope, Native::AccreditationGrant(grant)).await?
        }
        Command::Revoke(Revoke {
            scope,
            reason,
            sender,
        }) => {
            let revoke = v1::AccreditationRevoke {
                issuer: scope.issuer.to_string(),
                r#type: scope.kind.clone(),
                jurisdiction: scope.jurisdiction.clone(),
                reason,
            };
            send(
                context,
                &sender,
                &scope,
                Native::AccreditationRevoke(revoke),
            )
            .await?
        }
        Command::Show(arguments) => show(arguments, context).await?,
    };
    context.output.report(&report)?;
    Ok(())
}

async fn send(
    context: &Context,
    sender: &Sender,
    scope: &Scope,
    native: Native,
) -> Result<Report, Failure> {
    let client = context.client()?;
    let (key, accreditor) = sender.open(context, &client).await?;
    let sent = client.send_as(&accreditor, &key, vec![operation(native)]);
    let committed = sent.await?;
    Ok(Report::new()
        .with("issuer", scope.issuer.to_string())
        .with("type", scope.kind.as_str())
        .with("jurisdiction", scope.jurisdiction.as_str())
        .with("accreditor", accreditor.to_string())
        .with("height", committed.height)
        .with("transaction", hex::encode(committed.hash)))
}

async fn show(arguments: Show, context: &Context) -> Result<Report, Failure> {
    let client = context.client()?;
    let report = Report::new().with("issuer", arguments.issuer.to_string());
    let (Some(kind), Some(jurisdiction)) = (arguments.kind, arguments.jurisdiction) else {
        let all = member::accreditations(&client, &arguments.issuer).await?;
        return Ok(report.rows("accreditations", all));
    };
    let request = v1::AccreditationChainRequest {
        issuer: arguments.issuer.to_string(),
        r#type: kind.clone(),
        jurisdiction: jurisdiction.clone(),
        at_ms: arguments.at.map(unix_ms::from_time).unwrap_or_default(),
    };
    let chain = client
        .call(client.credentials().accreditations(request))
        .await?;
    let code = match chain.code.as_str() {
        "" => Value::Null,
        code => code.into(),
    };
    let report = match &arguments.proof {
        Some(path) => {
            let asked = issuer::Asked {
                issuer: &arguments.issuer,
                kind: &kind,
                jurisdiction: &jurisdiction,
            };
            let kept = issuer::answer(asked, &chain.levels, chain.at_ms);
            save(path, kept, chain.proof.as_ref(), None)?;
            report.with("proof_file", path.display().to_string())
        }
        None => report,
    };
    Ok(report
        .with("type", kind)
        .with("jurisdiction", jurisdiction)
        .with("held", chain.held)
        .with("code", code)
        .with("detail", chain.detail)
        .with("at", rfc3339(chain.at_ms))
        .rows(
            "levels",
            chain.levels.iter().map(member::accreditation).collect(),
        ))
}
