//! `starfire init`: a node's home, ready for the genesis ceremony.

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
            &std::io::ErrorKind::AlreadyExists.into(),
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

/// Whether an address stands for all of a host's own, and so names no host.
fn names_no_host(address: &Multiaddr) -> bool {
    address.iter().any(|part| {
        matches!(part, Protocol::Ip4(ip) if ip.is_unspecified())
            || matches!(part, Protocol::Ip6(ip) if ip.is_unspecified())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
