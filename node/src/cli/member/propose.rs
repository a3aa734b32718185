//! `starfire member propose`: what a motion can be about.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use starfire_did::{ChainCode, Did};
use starfire_proto::v1;
use starfire_proto::v1::motion_propose::Action;
use tendermint::Time;

use crate::ceremony::{CARD_BYTES_MAX, MemberCard};
use crate::failure::Failure;
use crate::file;

#[derive(Debug, Subcommand)]
pub(crate) enum Propose {
    /// Let an issuer issue certificates of a type for a jurisdiction
    Accredit(Accredit),
    /// Take that back
    Withdraw(Withdraw),
    /// Take in the member of a card; its node may then connect
    Admit(Admit),
    /// Exclude a member: its vote, and its nodes' connections
    Remove(Remove),
    /// Set a member's voting power; 0 leaves it a member without a vote
    Power(Power),
    /// Give a member's validator the key of a new card (`starfire key next`)
    RotateKey(Rotate),
    /// Give a member's node the peer id of a new card (`starfire key next --node-key`)
    RotateNode(Rotate),
    /// On the main chain: register the validator of a sub-chain's card, so that headers which it signs are anchored
    RegisterValidator(Rotate),
    /// On the main chain: strike out a validator of a sub-chain; headers which it signs are anchored no more
    StrikeValidator(Strike),
}

/// Who proposes.
#[derive(Debug, Args)]
struct Proposer {
    /// The proposing member's account key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

/// Who may issue what.
#[derive(Debug, Args)]
pub(crate) struct Scope {
    /// The issuer's DID
    #[arg(long)]
    pub(crate) issuer: Did,
    /// The credential type, e.g. CertificateOfOrigin
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: String,
    /// The jurisdiction, ISO 3166-1 alpha-2, e.g. CN
    #[arg(long, value_name = "CODE")]
    pub(crate) jurisdiction: String,
}

/// For how long, and how far it may be passed on.
#[derive(Debug, Args)]
pub(crate) struct Terms {
    /// First moment, e.g. 2026-01-01 or 2026-01-01T00:00:00Z
    #[arg(long, value_parser = moment)]
    pub(crate) from: Time,
    /// Last moment
    #[arg(long, value_parser = moment)]
    pub(crate) until: Time,
    /// So many further levels may be accredited by the issuer, and by those that it accredits
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) depth: u32,
    /// It accredits only, and issues nothing itself
    #[arg(long)]
    pub(crate) only_accredits: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Accredit {
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    terms: Terms,
    #[command(flatten)]
    by: Proposer,
}

#[derive(Debug, Args)]
pub(crate) struct Withdraw {
    #[command(flatten)]
    scope: Scope,
    /// Why, for everybody to read
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    by: Proposer,
}

#[derive(Debug, Args)]
pub(crate) struct Admit {
    /// The member card, from `starfire init`
    card: PathBuf,
    /// Its voting power [default: what the card asks for]; 0 to let its node catch up before it votes
    #[arg(long, value_name = "N")]
    power: Option<u64>,
    #[command(flatten)]
    by: Proposer,
}

#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// The member's address
    member: Did,
    /// Why, for everybody to read
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    by: Proposer,
}

#[derive(Debug, Args)]
pub(crate) struct Power {
    /// The member's address
    member: Did,
    /// Its new voting power
    #[arg(long, value_name = "N")]
    power: u64,
    #[command(flatten)]
    by: Proposer,
}

#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// The member's new card
    card: PathBuf,
    #[command(flatten)]
    by: Proposer,
}

#[derive(Debug, Args)]
pub(crate) struct Strike {
    /// The validator's key, hex
    #[arg(value_name = "KEY", value_parser = validator_key)]
    validator: [u8; 32],
    /// The sub-chain's chain code
    #[arg(long, value_name = "CODE")]
    chain: ChainCode,
    /// Why, for everybody to read
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    by: Proposer,
}

/// An Ed25519 key as cards and `member list` print it.
fn validator_key(text: &str) -> Result<[u8; 32], String> {
    let mut key = [0; 32];
    hex::decode_to_slice(text, &mut key)
        .map(|()| key)
        .map_err(|_| "a validator's key has 64 hex digits".to_owned())
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

impl Propose {
    /// The motion, and the key file of who proposes it.
    pub(super) fn action(self) -> Result<(Action, PathBuf), Failure> {
        Ok(match self {
            Self::Accredit(Accredit { scope, terms, by }) => {
                let accredit = v1::Accredit {
                    issuer: scope.issuer.to_string(),
                    r#type: scope.kind,
                    jurisdiction: scope.jurisdiction,
                    valid_from_ms: starfire_crosschain::unix_ms::from_time(terms.from),
                    valid_until_ms: starfire_crosschain::unix_ms::from_time(terms.until),
                    delegation_depth: terms.depth,
                    only_accredits: terms.only_accredits,
                };
                (Action::Accredit(accredit), by.key)
            }
            Self::Withdraw(Withdraw { scope, reason, by }) => {
                let withdraw = v1::WithdrawAccreditation {
                    issuer: scope.issuer.to_string(),
                    r#type: scope.kind,
                    jurisdiction: scope.jurisdiction,
                    reason,
                };
                (Action::WithdrawAccreditation(withdraw), by.key)
            }
            Self::Admit(Admit { card, power, by }) => {
                let card = read(&card)?;
                let power = power.unwrap_or(card.voting_power());
                (Action::AdmitMember(card.admission(power)), by.key)
            }
            Self::Remove(Remove { member, reason, by }) => {
                let remove = v1::RemoveMember {
                    address: member.to_string(),
                    reason,
                };
                (Action::RemoveMember(remove), by.key)
            }
            Self::Power(Power { member, power, by }) => {
                let set = v1::SetPower {
                    address: member.to_string(),
                    voting_power: power,
                };
                (Action::SetPower(set), by.key)
            }
            Self::RotateKey(Rotate { card, by }) => {
                (Action::RotateValidatorKey(read(&card)?.rotation()), by.key)
            }
            Self::RotateNode(Rotate { card, by }) => {
                (Action::SetPeers(read(&card)?.relocation()), by.key)
            }
            Self::RegisterValidator(Rotate { card: path, by }) => {
                let register = read(&path)?.registration().ok_or_else(|| {
                    Failure::content(
                        &path,
                        "its member is one of the main chain, not of a sub-chain",
                    )
                })?;
                (Action::RegisterValidator(register), by.key)
            }
            Self::StrikeValidator(Strike {
                validator,
                chain,
                reason,
                by,
            }) => {
                let strike = v1::StrikeValidator {
                    chain_code: chain.to_string(),
                    validator_key: validator.to_vec(),
                    reason,
                };
                (Action::StrikeValidator(strike), by.key)
            }
        })
    }
}

fn read(path: &Path) -> Result<MemberCard, Failure> {
    let bytes = file::read(path, CARD_BYTES_MAX)?;
    MemberCard::parse(&bytes).map_err(|error| Failure::content(path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_validator_is_named_by_its_key() {
        use clap::Parser;

        #[derive(Parser)]
        struct Line {
            #[command(subcommand)]
            propose: Propose,
        }

        let strike = |key: &str| {
            let line = [
                "-",
                "strike-validator",
                key,
                "--chain",
                "cn01",
                "--key",
                "k",
            ];
            Line::try_parse_from(line).map(|line| line.propose.action().unwrap().0)
        };
        let struck = v1::StrikeValidator {
            chain_code: "cn01".to_owned(),
            validator_key: vec![0xab; 32],
            reason: String::new(),
        };
        assert_eq!(
            strike(&"ab".repeat(32)).unwrap(),
            Action::StrikeValidator(struck)
        );
        assert!(strike(&"ab".repeat(31)).is_err());
    }

    #[test]
    fn a_day_begins_at_midnight() {
        assert_eq!(moment("2026-01-01"), moment("2026-01-01T00:00:00Z"));
        assert!(moment("soon").is_err());
    }
}
