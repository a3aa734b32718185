//! `starfire genesis`: collect member cards, sign the draft, build the signed file, show what is in one.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use sha2::{Digest, Sha256};
use starfire_crosschain::trust::Bundle;
use starfire_did::ChainCode;
use starfire_ledger::genesis::{
    ConsensusParams, GENESIS_BYTES_MAX, Genesis, GenesisAccount, GenesisFile, GenesisRole,
    GenesisSignature, Profile, Routing,
};

use super::context::Context;
use super::output::Report;
use crate::ceremony::{CARD_BYTES_MAX, MemberCard, Terms, sub_chain_record};
use crate::failure::Failure;
use crate::home::KeyRole;
use crate::{clock, file};

/// No signature file is longer.
const SIGNATURE_BYTES_MAX: usize = 4 << 10;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Draft a genesis from the members' cards
    Collect(Collect),
    /// Sign a draft with this home's account
    Sign(Sign),
    /// Put the founders' signatures into the draft, and check that none is missing
    Build(Build),
    /// Print a genesis file's hash, members and, if all founders signed, its fingerprint
    Show(Show),
}

/// Whose rules fees follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProfileName {
    /// No fees; an account begins with its first transaction
    Default,
    /// BIF's fees and account rules
    Bif,
}

impl From<ProfileName> for Profile {
    fn from(name: ProfileName) -> Self {
        match name {
            ProfileName::Default => Self::Default,
            ProfileName::Bif => Self::Bif,
        }
    }
}

/// Where votes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoutingName {
    /// To the proposer, who sends certificates to all
    Collector,
    /// To all
    Broadcast,
}

impl From<RoutingName> for Routing {
    fn from(name: RoutingName) -> Self {
        match name {
            RoutingName::Collector => Self::Collector,
            RoutingName::Broadcast => Self::Broadcast,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Collect {
    /// The members' member.json files
    #[arg(required = true, value_name = "CARD")]
    cards: Vec<PathBuf>,
    /// starfire-main-1, or starfire-CODE-1
    #[arg(long)]
    chain_id: String,
    /// A sub-chain's code
    #[arg(long, value_name = "CODE")]
    chain_code: Option<ChainCode>,
    /// What people call the chain [default: the chain id]
    #[arg(long)]
    name: Option<String>,
    /// The chain's number in BIF's envelope [default: made of the chain id; with the BIF profile 0]
    #[arg(long)]
    bif_chain_id: Option<i64>,
    /// Whose rules fees follow
    #[arg(long, value_enum, default_value = "default")]
    profile: ProfileName,
    /// Where votes go
    #[arg(long, value_enum, default_value = "collector")]
    routing: RoutingName,
    /// A first balance; may be given several times
    #[arg(long = "account", value_name = "ADDRESS=BALANCE", value_parser = account)]
    accounts: Vec<GenesisAccount>,
    /// For the main chain: a sub-chain's signed genesis and where its DIDs are resolved; may be given several times
    #[arg(long = "sub-chain", value_name = "GENESIS[,URL]…")]
    sub_chains: Vec<String>,
    /// The draft
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Sign {
    /// The draft
    genesis: PathBuf,
    /// The signature [default: beside the draft, named after the signer: did-bid-….signature.json]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Build {
    /// The draft
    genesis: PathBuf,
    /// What `genesis sign` wrote for each founder
    #[arg(required = true, value_name = "SIGNATURE")]
    signatures: Vec<PathBuf>,
    /// The signed genesis, for every member's home
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// A draft or a signed genesis
    genesis: PathBuf,
}

fn account(text: &str) -> Result<GenesisAccount, String> {
    let (address, balance) = text.split_once('=').ok_or("expected ADDRESS=BALANCE")?;
    let balance = balance
        .parse()
        .map_err(|_| format!("{balance:?} is not a number"))?;
    Ok(GenesisAccount {
        address: address.to_owned(),
        balance,
    })
}

pub(crate) fn run(command: Command, context: &Context) -> Result<(), Failure> {
    let report = match command {
        Command::Collect(arguments) => collect(arguments)?,
        Command::Sign(arguments) => sign(&arguments, context)?,
        Command::Build(arguments) => build(&arguments)?,
        Command::Show(Show { genesis }) => described(&load(&genesis)?),
    };
    context.output.report(&report)?;
    Ok(())
}

/// A number above 0 that no other chain is likely to have. It is all that a transaction says of its main chain, so with a number that
/// two chains share, what was signed for one can be sent to the other.
fn number_of(chain_id: &str) -> i64 {
    let digest = Sha256::digest(chain_id);
    let number = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    i64::from(number >> 1).max(1)
}

fn collect(arguments: Collect) -> Result<Report, Failure> {
    let mut cards = Vec::new();
    for path in &arguments.cards {
        let card = MemberCard::parse(&file::read(path, CARD_BYTES_MAX)?)
            .map_err(|error| Failure::content(path, error))?;
        cards.push(card);
    }
    let mut sub_chains = Vec::new();
    for entry in &arguments.sub_chains {
        let mut parts = entry.split(',');
        let path = Path::new(parts.next().unwrap_or_default());
        let genesis = load(path)?;
        genesis
            .verify_ceremony()
            .map_err(|error| Failure::content(path, error))?;
        sub_chains.push(sub_chain_record(
            &genesis,
            parts.map(str::to_owned).collect(),
        ));
    }
    let number = arguments.bif_chain_id;
    let terms = Terms {
        bif_chain_id: number.unwrap_or_else(|| match arguments.profile {
            ProfileName::Default => number_of(&arguments.chain_id),
            ProfileName::Bif => 0,
        }),
        name: arguments.name.unwrap_or_else(|| arguments.chain_id.clone()),
        chain_id: arguments.chain_id,
        chain_code: arguments.chain_code,
        time_ms: clock::unix_ms(),
        params: Terms::params(arguments.profile.into()),
        consensus: ConsensusParams {
            routing: arguments.routing.into(),
            ..Terms::consensus()
        },
        accounts: arguments.accounts,
        sub_chains,
    };
    let genesis = terms.draft(&cards).map_err(|error| {
        Failure::caused(
            "GENESIS",
            &error,
            "change the cards or the options that it names",
        )
    })?;
    file::write_new(&arguments.out, genesis.render().as_bytes())?;
    // For every member's config.toml.
    let peers: Vec<String> = cards
        .iter()
        .map(|card| card.peer_address().to_string())
        .collect();
    Ok(described(&genesis)
        .with("peers", peers)
        .with("genesis", arguments.out.display().to_string()))
}

fn sign(arguments: &Sign, context: &Context) -> Result<Report, Failure> {
    let genesis = load(&arguments.genesis)?;
    let key = context.key(&context.home()?.key(KeyRole::Account))?;
    let signature = genesis.sign(&key);
    if !genesis
        .founders()
        .any(|member| member.address == signature.address)
    {
        return Err(Failure::new(
            "NOT_A_FOUNDER",
            format!(
                "{} is no founder of {}",
                signature.address,
                genesis.chain_id()
            ),
            "name the home of a member that votes by --home",
        ));
    }
    let out = arguments.out.clone().unwrap_or_else(|| {
        let name = format!("{}.signature.json", signature.address.replace(':', "-"));
        arguments.genesis.with_file_name(name)
    });
    let text = serde_json::to_string_pretty(&signature).expect("a signature is plain JSON");
    file::write_new(&out, format!("{text}\n").as_bytes())?;
    Ok(Report::new()
        .with("genesis_hash", hex::encode(genesis.hash()))
        .with("signer", signature.address)
        .with("signature", out.display().to_string()))
}

fn build(arguments: &Build) -> Result<Report, Failure> {
    let mut content: GenesisFile = load(&arguments.genesis)?.file().clone();
    for path in &arguments.signatures {
        let signature: GenesisSignature =
            serde_json::from_slice(&file::read(path, SIGNATURE_BYTES_MAX)?)
                .map_err(|error| Failure::content(path, error))?;
        content.signatures.push(signature);
    }
    content
        .signatures
        .sort_by(|one, other| one.address.cmp(&other.address));
    let genesis =
        Genesis::new(content).map_err(|error| Failure::content(&arguments.genesis, error))?;
    genesis.verify_ceremony().map_err(|error| {
        Failure::caused("CEREMONY", &error, "every super node and every member that votes runs `starfire genesis sign` on this very draft")
    })?;
    file::write_new(&arguments.out, genesis.render().as_bytes())?;
    Ok(described(&genesis).with("genesis", arguments.out.display().to_string()))
}

fn load(path: &Path) -> Result<Genesis, Failure> {
    Genesis::parse(&file::read(path, GENESIS_BYTES_MAX)?).map_err(|error| {
        let mut failure = Failure::caused(
            "GENESIS",
            &error,
            "`starfire genesis collect` drafts a genesis",
        );
        failure.message = format!("{}: {}", path.display(), failure.message);
        failure
    })
}

/// The pinnable description of the chain that a genesis begins.
pub(crate) fn bundle(genesis: &Genesis) -> Result<Bundle, Failure> {
    Bundle::new(
        genesis.chain_id().clone(),
        &genesis.file().name,
        genesis.hash(),
        genesis.validators().clone(),
    )
    .map_err(|error| Failure::caused("GENESIS", &error, ""))
}

fn described(genesis: &Genesis) -> Report {
    let file = genesis.file();
    let members = file.members.iter().map(|member| {
        Report::new()
            .with("organisation", member.organisation.as_str())
            .with("role", role(member.role))
            .with("power", member.voting_power)
            .with(
                "signed",
                file.signatures
                    .iter()
                    .any(|signature| signature.address == member.address),
            )
            .with("address", member.address.as_str())
    });
    let sub_chains = file.sub_chains.iter().map(|chain| {
        Report::new()
            .with("chain_id", chain.chain_id.as_str())
            .with("validators", chain.validators.len())
            .with("gateways", chain.gateways.clone())
    });
    let complete = genesis.verify_ceremony().is_ok();
    let fingerprint = if complete {
        bundle(genesis).ok().map(|bundle| bundle.fingerprint())
    } else {
        None
    };
    Report::new()
        .with("chain_id", file.chain_id.as_str())
        .with("genesis_hash", hex::encode(genesis.hash()))
        .with("genesis_time", file.genesis_time.as_str())
        .with("complete", complete)
        .with_some("fingerprint", fingerprint)
        .rows("members", members.collect())
        .rows("sub_chains", sub_chains.collect())
}

fn role(role: GenesisRole) -> &'static str {
    match role {
        GenesisRole::Super => "super",
        GenesisRole::Backbone => "backbone",
        GenesisRole::Business => "business",
        GenesisRole::Service => "service",
        GenesisRole::Regulator => "regulator",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_has_a_number_of_its_own_made_of_its_id() {
        // SHA-256 begins with a4e4fd9a.
        assert_eq!(number_of("starfire-main-1"), 1_383_235_277);
        assert_eq!(number_of("starfire-main-2"), 804_513_764);
        for number in 0..1_000 {
            assert!(number_of(&format!("starfire-{number}-1")) > 0);
        }
    }
}
