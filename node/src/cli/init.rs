//! `starfire init`: a node's home, ready for the genesis ceremony.

use std::io::ErrorKind;
use std::net::SocketAddr;

use clap::Args;
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use starfire_did::ChainCode;

use super::context::Context;
use super::key::Algorithm;
use super::output::Report;
use crate::ceremony::{self, Membership};
use crate::config::{Anchor, Config, Role};
use crate::failure::Failure;
use crate::home::KeyRole;
use crate::keystore;

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// What people call this node
    #[arg(long)]
    name: String,
    /// super (main chain), backbone, business (sub-chain), service or regulator (no vote)
    #[arg(long)]
    role: Role,
    /// The organisation that runs it [default: the name]
    #[arg(long)]
    organisation: Option<String>,
    /// The sub-chain's code; without it, the main chain
    #[arg(long, value_name = "CODE")]
    chain_code: Option<ChainCode>,
    /// Voting power; roles without a vote have none
    #[arg(long, default_value_t = 10)]
    voting_power: u64,
    /// What the member's account signs with
    #[arg(long, value_enum, default_value = "ed25519")]
    algorithm: Algorithm,
    /// Where peers connect to
    #[arg(long, value_name = "MULTIADDR")]
    p2p_listen: Option<Multiaddr>,
    /// Where peers find this node, if that is another address
    #[arg(long, value_name = "MULTIADDR")]
    p2p_advertise: Option<Multiaddr>,
    /// Where clients connect to
    #[arg(long, value_name = "ADDRESS:PORT")]
    gateway_listen: Option<SocketAddr>,
    /// For a backbone: a gateway of the main chain; may be given several times
    #[arg(long = "main", value_name = "URL")]
    main: Vec<String>,
}

pub(crate) fn run(arguments: Init, context: &Context) -> Result<(), Failure> {
    let home = context.home()?;
    if home.config().exists() {
        return Err(Failure::file(
            "write",
            &home.config(),
            &ErrorKind::AlreadyExists.into(),
        ));
    }
    let mut config = Config::new(&arguments.name, arguments.role);
    if let Some(listen) = arguments.p2p_listen {
        config.p2p.listen = listen;
    }
    if let Some(listen) = arguments.gateway_listen {
        config.gateway.listen = listen;
    }
    if !arguments.main.is_empty() {
        config.anchor = Some(Anchor {
            main: arguments.main,
        });
    }
    let (code, advertised) = (&arguments.chain_code, &arguments.p2p_advertise);
    check(&config, code.as_ref(), advertised.as_ref())?;
    for role in KeyRole::ALL {
        // Never written over; and what is written before it would be in the way of the next try.
        let key = home.key(role);
        if key.exists() {
            let error = ErrorKind::AlreadyExists.into();
            return Err(Failure::file("write", &key, &error));
        }
    }
    let reached = arguments
        .p2p_advertise
        .as_ref()
        .unwrap_or(&config.p2p.listen);
    if names_no_host(reached) {
        context.output.warn(&format!(
            "the member card says that peers find this node at {reached}, which is no address of any host: \
             give the one that they can reach by --p2p-advertise, as /ip4/192.0.2.7/tcp/26656"
        ));
    }
    let membership = Membership {
        organisation: arguments.organisation.unwrap_or(arguments.name),
        chain_code: arguments.chain_code,
        voting_power: arguments.voting_power,
        account: arguments.algorithm.into(),
        advertise: arguments.p2p_advertise,
    };
    ceremony::make_directories(&home)?;
    let (passphrase, passphrase_file) =
        context.new_passphrase(&home.root().join(keystore::PASSPHRASE_FILE))?;
    let card = ceremony::establish(&home, &config, &membership, &passphrase)?;
    context.output.report(
        &Report::new()
            .with("home", home.root().display().to_string())
            .with("address", card.address().to_string())
            .with("peer", card.peer())
            .with("validator_key", card.validator_key())
            .with("member_card", home.member_card().display().to_string())
            .with_some(
                "passphrase_file",
                passphrase_file.map(|path| path.display().to_string()),
            ),
    )?;
    Ok(())
}

/// Refuses what makes no sense, before anything is written.
fn check(
    config: &Config,
    chain_code: Option<&ChainCode>,
    advertised: Option<&Multiaddr>,
) -> Result<(), Failure> {
    let refused = |option: &str, problem: &str| {
        Err(Failure::usage(
            format!("{option}: {problem}"),
            "--help says what init takes",
        ))
    };
    if let Some((field, problem)) = config.fault() {
        let option = match field {
            "name" => "--name",
            "p2p.listen" => "--p2p-listen",
            "anchor" | "anchor.main" => "--main",
            other => other,
        };
        return refused(option, &problem);
    }
    match (config.role, chain_code) {
        (Role::Super, Some(_)) => {
            return refused(
                "--chain-code",
                "a super node runs the main chain, which has none",
            );
        }
        (Role::Backbone | Role::Business, None) => {
            let problem = format!("a {} node runs a sub-chain: name its code", config.role);
            return refused("--chain-code", &problem);
        }
        (Role::Super, None)
        | (Role::Backbone | Role::Business, Some(_))
        | (Role::Service | Role::Regulator, _) => {}
    }
    if advertised.is_some_and(|address| !is_tcp(address)) {
        return refused(
            "--p2p-advertise",
            "must end in a TCP port, as /ip4/192.0.2.7/tcp/26656 does",
        );
    }
    Ok(())
}

/// Whether an address ends in a TCP port. The peer's id is added to it later.
fn is_tcp(address: &Multiaddr) -> bool {
    matches!(address.iter().last(), Some(Protocol::Tcp(_)))
}

/// Whether an address stands for all of a host's own, and so names no host.
fn names_no_host(address: &Multiaddr) -> bool {
    address.iter().any(|part| {
        matches!(part, Protocol::Ip4(ip) if ip.is_unspecified())
            || matches!(part, Protocol::Ip6(ip) if ip.is_unspecified())
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::output::Output;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        init: Init,
    }

    #[test]
    fn a_value_that_makes_no_sense_is_refused_and_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path().join("home");
        let tried = |line: &str| {
            let context = Context {
                output: Output::new(true),
                home: Some(home.clone()),
                node: None,
                passphrase_file: None,
            };
            let words = std::iter::once("init").chain(line.split(' '));
            run(Line::parse_from(words).init, &context)
        };
        for (line, option) in [
            ("--name né --role super", "--name"),
            (
                "--name n --role super --p2p-listen /ip4/127.0.0.1/udp/1",
                "--p2p-listen",
            ),
            (
                "--name n --role super --p2p-advertise /ip4/127.0.0.1/udp/1",
                "--p2p-advertise",
            ),
            ("--name n --role super --main http://127.0.0.1:1", "--main"),
            (
                "--name n --role backbone --chain-code cn01 --main ftp://a",
                "--main",
            ),
            ("--name n --role super --chain-code cn01", "--chain-code"),
            ("--name n --role backbone", "--chain-code"),
            ("--name n --role business", "--chain-code"),
        ] {
            let failure = tried(line).unwrap_err();
            assert_eq!(failure.code, "USAGE", "{line}");
            assert!(failure.message.starts_with(option), "{failure}");
            assert!(!home.exists(), "{line}");
        }
        tried("--name n --role super --p2p-listen /ip4/127.0.0.1/tcp/1").unwrap();
        let again = tried("--name n --role super").unwrap_err();
        assert_eq!(again.code, "FILE");
    }

    #[test]
    fn an_unspecified_address_names_no_host() {
        for (address, names_none) in [
            ("/ip4/0.0.0.0/tcp/26656", true),
            ("/ip6/::/tcp/26656", true),
            ("/ip4/192.0.2.7/tcp/26656", false),
            ("/dns4/node.example/tcp/26656", false),
        ] {
            assert_eq!(names_no_host(&address.parse().unwrap()), names_none);
        }
    }
}
