//! `starfire member`: members, and the motions by which those who govern decide.

pub(super) mod propose;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use prost::Message;
use starfire_crosschain::unix_ms::rfc3339;
use starfire_did::Did;
use starfire_proto::protocol::operation::Native;
use starfire_proto::v1;
use starfire_proto::v1::motion_propose::Action;

use super::context::Context;
use super::output::Report;
use crate::client::{Client, Committed, operation};
use crate::failure::Failure;
use propose::Propose;

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
    /// The voting member's account key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Print this issuer's accreditations too
    #[arg(long)]
    issuer: Option<Did>,
}

pub(crate) async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    let report = match command {
        Command::Propose(propose) => {
            let (action, key) = propose.action()?;
            propose_motion(action, &key, context).await?
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
    context.output.report(&report)?;
    Ok(())
}

async fn propose_motion(
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
        .told("motion.proposed", "motion")
        .and_then(|number| number.parse().ok());
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
            .with("approvals", approvals(motion))
            .with("executed", motion.executed)
            .with("rejection", motion.rejection.as_str())
            .with("next", next_step(motion)),
        None => report,
    })
}

/// What there is to do once a motion stands so.
fn next_step(motion: &v1::MotionRecord) -> String {
    match (motion.executed, motion.rejection.as_str()) {
        (true, _) => "it is done; `starfire member list` shows the members".to_owned(),
        (false, "") => format!(
            "more than two thirds of the voting power must approve: `starfire member vote {} --approve`",
            motion.id
        ),
        (false, "VALIDATOR_CHANGE_TOO_LARGE") => {
            "a third or more of the voting power would change at once: propose smaller steps by `starfire member propose power`".to_owned()
        }
        (false, code) => format!("it was adopted and refused: docs/codes.md explains {code}; propose it again once that is mended"),
    }
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
            .with("peers", member.peers.join(", "))
    };
    let report = Report::new()
        .rows("members", members.iter().map(member).collect())
        .rows("motions", motions.iter().map(motion).collect());
    let Some(issuer) = issuer else {
        return Ok(report);
    };
    let accreditations = accreditations(&client, &issuer).await?;
    Ok(report.rows("accreditations", accreditations))
}

/// What a DID is accredited for, whoever gave it.
pub(crate) async fn accreditations(client: &Client, issuer: &Did) -> Result<Vec<Report>, Failure> {
    let request = v1::ListAccreditationsRequest {
        issuer: issuer.to_string(),
    };
    let answer = client
        .call(client.members().accreditations(request))
        .await?;
    Ok(answer.accreditations.iter().map(accreditation).collect())
}

/// One accreditation.
pub(crate) fn accreditation(record: &v1::AccreditationRecord) -> Report {
    Report::new()
        .with("issuer", record.issuer.as_str())
        .with("type", record.r#type.as_str())
        .with("jurisdiction", record.jurisdiction.as_str())
        .with("from", rfc3339(record.valid_from_ms))
        .with("until", end(record.valid_until_ms))
        .with("by", giver(record))
        .with("depth", record.delegation_depth)
        .with("only_accredits", record.only_accredits)
        .with("withdrawn", record.withdrawn_ms != 0)
}

/// When a term ends; empty: never.
fn end(until_ms: i64) -> String {
    match until_ms {
        0 => String::new(),
        until_ms => rfc3339(until_ms),
    }
}

/// Who accredited.
fn giver(record: &v1::AccreditationRecord) -> String {
    match record.accreditor.as_str() {
        "" => format!("motion {}", record.motion),
        accreditor => accreditor.to_owned(),
    }
}

fn motion(motion: &v1::MotionRecord) -> Report {
    let action = v1::MotionPropose::decode(motion.action.as_slice())
        .ok()
        .and_then(|propose| propose.action);
    Report::new()
        .with("motion", motion.id)
        .with("executed", motion.executed)
        .with("rejection", motion.rejection.as_str())
        .with("approvals", approvals(motion))
        .with(
            "what",
            action.map_or("unknown".to_owned(), |action| described(&action)),
        )
}

fn approvals(motion: &v1::MotionRecord) -> usize {
    let approve = |ballot: &&v1::MotionBallot| ballot.approve;
    motion.ballots.iter().filter(approve).count()
}

/// What a motion does, in words.
fn described(action: &Action) -> String {
    match action {
        Action::Accredit(accredit) => {
            let scope = format!(
                "{} for {} of {}",
                accredit.issuer, accredit.r#type, accredit.jurisdiction
            );
            match (accredit.delegation_depth, accredit.only_accredits) {
                (0, _) => format!("accredit {scope}"),
                (depth, false) => format!("accredit {scope}, {depth} levels down"),
                (depth, true) => format!("accredit {scope}, {depth} levels down, to accredit only"),
            }
        }
        Action::WithdrawAccreditation(withdraw) => format!(
            "withdraw {} of {} from {}",
            withdraw.r#type, withdraw.jurisdiction, withdraw.issuer
        ),
        Action::AdmitMember(admit) => format!(
            "admit {} ({}) with power {}",
            admit.address, admit.organisation, admit.voting_power
        ),
        Action::RemoveMember(remove) => format!("remove {}", remove.address),
        Action::SetPower(set) => format!("give {} power {}", set.address, set.voting_power),
        Action::RotateValidatorKey(rotate) => format!(
            "give {} the validator key {}",
            rotate.address,
            hex::encode(&rotate.validator_key)
        ),
        Action::SetPeers(set) => {
            format!("give {} the peers {}", set.address, set.peers.join(", "))
        }
        Action::RegisterValidator(register) => format!(
            "register the validator {} of {} for {}",
            hex::encode(&register.validator_key),
            register.owner,
            register.chain_code
        ),
        Action::StrikeValidator(strike) => format!(
            "strike the validator {} of {}",
            hex::encode(&strike.validator_key),
            strike.chain_code
        ),
    }
}
