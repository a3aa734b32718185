//! What a genesis file must fulfil, field by field.

use std::collections::BTreeSet;

use starfire_did::ChainCode;
use tendermint::{PublicKey, Time, chain, validator, vote};

use super::file::{FORMAT, GenesisFile, Profile};
use super::{GenesisError, INTEGER_MAX, VALIDATORS_MAX};
use crate::block::BLOCK_TRANSACTIONS_MAX;
use crate::membership::{self, MEMBERS_MAX};

/// The part of a main chain's id where a sub-chain has its code.
const MAIN: &str = "main";

fn refuse<T>(field: impl Into<String>, problem: impl Into<String>) -> Result<T, GenesisError> {
    Err(GenesisError::Field {
        field: field.into(),
        problem: problem.into(),
    })
}

pub(super) fn chain_id(file: &GenesisFile) -> Result<chain::Id, GenesisError> {
    if file.format != FORMAT {
        return refuse("format", format!("{:?} is not {FORMAT:?}", file.format));
    }
    if ChainCode::parse_optional(&file.chain_code).is_err() || file.chain_code == MAIN {
        return refuse(
            "chain_code",
            "empty on the main chain, otherwise four lower-case letters or digits, not \"main\"",
        );
    }
    let part = if file.chain_code.is_empty() {
        MAIN
    } else {
        &file.chain_code
    };
    let revision = file.chain_id.strip_prefix(&format!("starfire-{part}-"));
    let is_number = |text: &str| {
        !text.is_empty() && !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let (Some(true), Ok(chain_id)) = (
        revision.map(is_number),
        chain::Id::try_from(file.chain_id.clone()),
    ) else {
        return refuse(
            "chain_id",
            format!("expected starfire-{part}-{{revision}}, at most 50 characters"),
        );
    };
    text("name", &file.name)?;
    if file.bif_chain_id < 0 {
        return refuse("bif_chain_id", "must not be negative");
    }
    if file.bif_chain_id.unsigned_abs() > INTEGER_MAX {
        return refuse("bif_chain_id", "must be at most 2^53");
    }
    Ok(chain_id)
}

pub(super) fn time(file: &GenesisFile) -> Result<Time, GenesisError> {
    milliseconds("genesis_time", &file.genesis_time)
}

/// A time of the Unix era in whole milliseconds.
pub(super) fn milliseconds(field: &str, text: &str) -> Result<Time, GenesisError> {
    let Ok(time) = Time::parse_from_rfc3339(text) else {
        return refuse(field, format!("{text:?} is not an RFC 3339 time"));
    };
    if time.unix_timestamp() < 0 || time.unix_timestamp_nanos() % 1_000_000 != 0 {
        return refuse(field, "must be whole milliseconds since 1970");
    }
    Ok(time)
}

pub(super) fn params(file: &GenesisFile) -> Result<(), GenesisError> {
    let params = &file.params;
    for (field, value) in [
        ("params.gas_price", params.gas_price),
        ("params.base_reserve", params.base_reserve),
    ] {
        if value < 0 || value.unsigned_abs() > INTEGER_MAX {
            return refuse(field, "must be 0 to 2^53");
        }
        if params.profile == Profile::Default && value != 0 {
            return refuse(field, "must be 0 in the profile \"default\"");
        }
    }
    if !(1..=BLOCK_TRANSACTIONS_MAX).contains(&params.block_transactions_max) {
        return refuse(
            "params.block_transactions_max",
            format!("must be 1 to {BLOCK_TRANSACTIONS_MAX}"),
        );
    }
    if params.open_share_percent > 100 {
        return refuse("params.open_share_percent", "must be 0 to 100");
    }
    if params.member_transactions_max == 0 {
        return refuse(
            "params.member_transactions_max",
            "must be at least 1, or no member could send anything",
        );
    }
    let consensus = &file.consensus;
    for (field, value) in [
        ("consensus.term_heights", consensus.term_heights),
        ("consensus.timeout_base_ms", consensus.timeout_base_ms),
        ("consensus.timeout_max_ms", consensus.timeout_max_ms),
    ] {
        if value == 0 || value > INTEGER_MAX {
            return refuse(field, "must be 1 to 2^53");
        }
    }
    if consensus.heartbeat_ms > INTEGER_MAX {
        return refuse("consensus.heartbeat_ms", "must be 0 to 2^53");
    }
    if consensus.timeout_max_ms < consensus.timeout_base_ms {
        return refuse(
            "consensus.timeout_max_ms",
            "must not be below timeout_base_ms",
        );
    }
    Ok(())
}

/// The members, and the validator set that they make up.
pub(super) fn validators(file: &GenesisFile) -> Result<validator::Set, GenesisError> {
    if file.members.len() > MEMBERS_MAX {
        return refuse("members", format!("must be at most {MEMBERS_MAX}"));
    }
    let mut addresses = BTreeSet::new();
    let mut peers = BTreeSet::new();
    let mut keys = BTreeSet::new();
    let mut power = 0_u64;
    let mut infos = Vec::new();
    for (index, member) in file.members.iter().enumerate() {
        let at = |field: &str| format!("members[{index}].{field}");
        if let Some((field, problem)) = membership::problem(&member.into(), &file.chain_code) {
            return refuse(at(field), problem);
        }
        if !addresses.insert(&member.address) {
            return refuse(
                at("address"),
                format!("{} is a member twice", member.address),
            );
        }
        for peer in &member.peers {
            if !peers.insert(peer) {
                return refuse(at("peers"), format!("{peer} is listed twice"));
            }
        }
        if let Some(key) = &member.validator_key {
            if member.voting_power == 0 {
                return refuse(at("validator_key"), "is of no use without voting power");
            }
            if !keys.insert(key) {
                return refuse(at("validator_key"), "is another member's too");
            }
            power = power.saturating_add(member.voting_power);
            let public_key = PublicKey::from_raw_ed25519(&key.0).expect("the key was checked");
            let power = vote::Power::try_from(member.voting_power).expect("the power was checked");
            infos.push(validator::Info::new(public_key, power));
        }
    }
    if infos.is_empty() || infos.len() > VALIDATORS_MAX {
        return refuse(
            "members",
            format!("1 to {VALIDATORS_MAX} of them must have a validator key"),
        );
    }
    if power > INTEGER_MAX {
        return refuse("members", "the voting powers must add up to at most 2^53");
    }
    Ok(validator::Set::without_proposer(infos))
}

pub(super) fn accounts(file: &GenesisFile) -> Result<(), GenesisError> {
    let mut addresses = BTreeSet::new();
    let mut supply = 0_i64;
    for (index, account) in file.accounts.iter().enumerate() {
        let at = |field: &str| format!("accounts[{index}].{field}");
        address(&at("address"), &account.address, file)?;
        if !addresses.insert(&account.address) {
            return refuse(
                at("address"),
                format!("{} is listed twice", account.address),
            );
        }
        if account.balance < 0 || account.balance.unsigned_abs() > INTEGER_MAX {
            return refuse(at("balance"), "must be 0 to 2^53");
        }
        supply = match supply.checked_add(account.balance) {
            Some(supply) => supply,
            None => return refuse(at("balance"), "all balances together must fit in 63 bits"),
        };
    }
    if !file.chain_code.is_empty() && !file.sub_chains.is_empty() {
        return refuse("sub_chains", "only the main chain anchors sub-chains");
    }
    Ok(())
}

fn address(field: &str, text: &str, file: &GenesisFile) -> Result<(), GenesisError> {
    match membership::address_problem(text, &file.chain_code) {
        None => Ok(()),
        Some(problem) => refuse(field, problem),
    }
}

fn text(field: &str, text: &str) -> Result<(), GenesisError> {
    match membership::text_problem(text) {
        None => Ok(()),
        Some(problem) => refuse(field, problem),
    }
}
