//! `starfire member`: members, and the motions by which super nodes decide.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use prost::Message;
use starfire_crosschain::unix_ms::rfc3339;
use starfire_did::Did;
use starfire_proto::protocol::operation::Native;
use starfire_proto::v1;
use starfire_proto::v1::motion_propose::Action;
use tendermint::Time;

use super::context::Context;
use super::output::Report;
use crate::client::{Committed, operation};
use crate::failure::Failure;

/// Motions that `list` prints.
const MOTIONS_LISTED: u32 = 20;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Propose a motion; proposing is approving
    #[command(subcommand)]
    Propose(Propose),
    /// Vote on a motion
    Vote(Vote),
    /// Print members, motions and accreditations
    List(List),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Propose {
    /// Let an issuer issue certificates of a type for a jurisdiction
    Accredit(Accredit),
    /// Take that back
    Withdraw(Withdraw),
}

/// Who may issue what.
#[derive(Debug, Args)]
pub(crate) struct Scope {
    /// The issuer's DID
    #[arg(long)]
    issuer: Did,
    /// The credential type, e.g. CertificateOfOrigin
    #[arg(long = "type", value_name = "TYPE")]
    kind: String,
    /// The jurisdiction, ISO 3166-1 alpha-2, e.g. CN
    #[arg(long, value_name = "CODE")]
    jurisdiction: String,
}

#[derive(Debug, Args)]
pub(crate) struct Accredit {
    #[command(flatten)]
    scope: Scope,
    /// First moment, e.g. 2026-01-01 or 2026-01-01T00:00:00Z
    #[arg(long, value_parser = moment)]
    from: Time,
    /// Last moment
    #[arg(long, value_parser = moment)]
    until: Time,
    /// The proposing super node's account key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Withdraw {
    #[command(flatten)]
    scope: Scope,
    /// Why, for everybody to read
    #[arg(long, default_value = "")]
    reason: String,
    /// The proposing super node's account key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Vote {
    /// The motion's number
    motion: u64,
    /// Vote for it
    #[arg(long, required_unless_present = "reject")]
    approve: bool,
    /// Vote against it
    #[arg(long, conflicts_with = "approve")]
    reject: bool,
    /// The voting super node's account key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Print this issuer's accreditations too
    #[arg(long)]
    issuer: Option<Did>,
}

/// A day or an RFC 3339 time.
pub(crate) fn moment(text: &str) -> Result<Time, String> {
    let full = if text.len() == 10 {
        format!("{text}T00:00:00Z")
    } else {
        text.to_owned()
    };
    Time::parse_from_rfc3339(&full)
        .map_err(|_| format!("{text:?} is not a time such as 2026-01-01 or 2026-01-01T00:00:00Z"))
}

pub(crate) async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    let report = match command {
        Command::Propose(Propose::Accredit(Accredit {
            scope:
                Scope {
                    issuer,
                    kind,
                    jurisdiction,
                },
            from,
            until,
            key,
        })) => {
            let accredit = v1::Accredit {
                issuer: issuer.to_string(),
                r#type: kind,
                jurisdiction,
                valid_from_ms: starfire_crosschain::unix_ms::from_time(from),
                valid_until_ms: starfire_crosschain::unix_ms::from_time(until),
            };
            propose(Action::Accredit(accredit), &key, context).await?
        }
        Command::Propose(Propose::Withdraw(Withdraw {
            scope:
                Scope {
                    issuer,
                    kind,
                    jurisdiction,
                },
            reason,
            key,
        })) => {
            let withdraw = v1::WithdrawAccreditation {
                issuer: issuer.to_string(),
                r#type: kind,
                jurisdiction,
                reason,
            };
            propose(Action::WithdrawAccreditation(withdraw), &key, context).await?
        }
        Command::Vote(Vote {
            motion,
            approve,
            key,
            ..
        }) => {
            let key = context.key(&key)?;
            let vote = v1::MotionVote { motion, approve };
            let committed = context
                .client()?
                .send(&key, vec![operation(Native::MotionVote(vote))])
                .await?;
            outcome(&committed, motion, context).await?
        }
        Command::List(List { issuer }) => list(issuer, context).await?,
    };
    context.output.report(&report);
    Ok(())
}

async fn propose(
    action: Action,
    key: &std::path::Path,
    context: &Context,
) -> Result<Report, Failure> {
    let key = context.key(key)?;
    let propose = v1::MotionPropose {
        action: Some(action),
    };
    let committed = context
        .client()?
        .send(&key, vec![operation(Native::MotionPropose(propose))])
        .await?;
    let number = committed
        .receipt
        .events
        .iter()
        .filter(|event| event.r#type == "motion.proposed")
        .find_map(|event| {
            event
                .attributes
                .iter()
                .find(|attribute| attribute.key == "motion")?
                .value
                .parse()
                .ok()
        });
    let Some(number) = number else {
        return Err(Failure::new(
            "BAD_ANSWER",
            "the receipt does not name the motion",
            "`starfire member list` does",
        ));
    };
    outcome(&committed, number, context).await
}

/// Where a motion stands after a transaction about it.
async fn outcome(committed: &Committed, number: u64, context: &Context) -> Result<Report, Failure> {
    let client = context.client()?;
    let request = v1::ListMotionsRequest {
        limit: MOTIONS_LISTED,
    };
    let motions = client
        .call(client.members().motions(request))
        .await?
        .motions;
    let report = Report::new()
        .with("motion", number)
        .with("height", committed.height);
    Ok(match motions.iter().find(|motion| motion.id == number) {
        Some(motion) => report
            .with(
                "approvals",
                motion
                    .ballots
                    .iter()
                    .filter(|ballot| ballot.approve)
                    .count(),
            )
            .with("executed", motion.executed)
            .with("rejection", motion.rejection.as_str()),
        None => report,
    })
}

async fn list(issuer: Option<Did>, context: &Context) -> Result<Report, Failure> {
    let client = context.client()?;
    let members = client
        .call(client.members().list(v1::ListMembersRequest {}))
        .await?
        .members;
    let request = v1::ListMotionsRequest {
        limit: MOTIONS_LISTED,
    };
    let motions = client
        .call(client.members().motions(request))
        .await?
        .motions;
    let member = |member: &v1::MemberRecord| {
        Report::new()
            .with("organisation", member.organisation.as_str())
            .with(
                "role",
                member
                    .role()
                    .as_str_name()
                    .trim_start_matches("ROLE_")
                    .to_lowercase(),
            )
            .with("power", member.voting_power)
            .with("address", member.address.as_str())
    };
    let report = Report::new()
        .rows("members", members.iter().map(member).collect())
        .rows("motions", motions.iter().map(motion).collect());
    let Some(issuer) = issuer else {
        return Ok(report);
    };
    let request = v1::ListAccreditationsRequest {
        issuer: issuer.to_string(),
    };
    let accreditations = client
        .call(client.members().accreditations(request))
        .await?
        .accreditations;
    let accreditation = |record: &v1::AccreditationRecord| {
        Report::new()
            .with("type", record.r#type.as_str())
            .with("jurisdiction", record.jurisdiction.as_str())
            .with("from", rfc3339(record.valid_from_ms))
            .with("until", rfc3339(record.valid_until_ms))
            .with("withdrawn", record.withdrawn_ms != 0)
    };
    Ok(report.rows(
        "accreditations",
        accreditations.iter().map(accreditation).collect(),
    ))
}

fn motion(motion: &v1::MotionRecord) -> Report {
    let what = match v1::MotionPropose::decode(motion.action.as_slice())
        .ok()
        .and_then(|propose| propose.action)
    {
        Some(Action::Accredit(accredit)) => {
            format!(
                "accredit {} for {} of {}",
                accredit.issuer, accredit.r#type, accredit.jurisdiction
            )
        }
        Some(Action::WithdrawAccreditation(withdraw)) => {
            format!(
                "withdraw {} of {} from {}",
                withdraw.r#type, withdraw.jurisdiction, withdraw.issuer
            )
        }
        None => "unknown".to_owned(),
    };
    Report::new()
        .with("motion", motion.id)
        .with("executed", motion.executed)
        .with(
            "approvals",
            motion
                .ballots
                .iter()
                .filter(|ballot| ballot.approve)
                .count(),
        )
        .with("what", what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight() {
        assert_eq!(moment("2026-01-01"), moment("2026-01-01T00:00:00Z"));
        assert!(moment("soon").is_err());
    }
}
