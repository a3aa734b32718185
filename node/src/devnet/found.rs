//! Founding the devnet's chains: homes, a ceremony for each chain, sub-chains first, since the main genesis registers them.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use starfire_crosschain::trust::Bundle;
use starfire_did::{ChainCode, KeyAlgorithm};
use starfire_ledger::genesis::{Genesis, GenesisAccount, GenesisSubChain, Profile};

use super::Plan;
use super::identity::{self, IdentityKey};
use super::manifest::{Chain, Manifest, Node, Trust};
use crate::ceremony::{
    MemberCard, Membership, Terms, establish, make_directories, sub_chain_record,
};
use crate::config::{Anchor, Config, Role};
use crate::failure::Failure;
use crate::home::{Home, KeyRole};
use crate::keystore::{self, Passphrase};
use crate::pins::Pins;
use crate::rocks::MEMORY_MIB_MIN;
use crate::{clock, file};

/// Where nodes listen, if it is free: below the ports that Linux gives to outgoing connections, one of which could take a node's port before
/// it starts.
const PORT_FIRST: u32 = 20_000;
const PORTS: u32 = 10_000;
/// More than a usual devnet has.
const PORTS_APART: u32 = 31;

/// Where the homes stand.
pub(super) const NODES: &str = "nodes";
/// Where the identities' keys stand.
pub(super) const IDENTITIES: &str = "identities";
const VOTING_POWER: u64 = 10;
/// What everybody begins with under BIF's rules: ten thousand coins.
const BIF_BALANCE: i64 = 1_000_000_000_000;

/// A devnet that has never run.
pub(crate) struct Founded {
    /// Its manifest, without processes.
    pub(crate) manifest: Manifest,
    /// The identities' keys.
    pub(super) keys: Vec<IdentityKey>,
}

/// A node to be.
struct Seat {
    name: String,
    role: Role,
    code: Option<ChainCode>,
    home: Home,
    p2p: SocketAddr,
    gateway: SocketAddr,
}

/// A node with its home filled.
struct Seated {
    seat: Seat,
    config: Config,
    card: MemberCard,
    passphrase: Passphrase,
}

/// Makes all that a devnet needs on disk.
pub(crate) fn found(directory: &Path, plan: &Plan) -> Result<Founded, Failure> {
    for part in [NODES, IDENTITIES] {
        let path = directory.join(part);
        if path.exists() {
            return Err(Failure::file(
                "make",
                &path,
                &std::io::ErrorKind::AlreadyExists.into(),
            ));
        }
    }
    std::fs::create_dir_all(directory)
        .map_err(|error| Failure::file("create", directory, &error))?;
    let directory = directory
        .canonicalize()
        .map_err(|error| Failure::file("find", directory, &error))?;
    let chains = seats(&directory, plan)?;
    let main_urls: Vec<String> = chains[0].iter().map(|seat| url(seat.gateway)).collect();
    let mut chains = fill(chains, &main_urls)?;

    let codes: Vec<ChainCode> = plan.sub_chains.iter().map(|(code, _)| *code).collect();
    let keys = identity::make(&directory.join(IDENTITIES), &codes)?;
    let time_ms = clock::unix_ms();
    let mut sub_chains = Vec::new();
    for seated in chains.iter().skip(1) {
        let genesis = hold_ceremony(seated, plan, time_ms, Vec::new(), &keys)?;
        let resolvers = seated
            .iter()
            .map(|seated| url(seated.seat.gateway))
            .collect();
        sub_chains.push(sub_chain_record(&genesis, resolvers));
    }
    let genesis = hold_ceremony(&chains[0], plan, time_ms, sub_chains, &keys)?;
    let bundle = Bundle::new(
        genesis.chain_id().clone(),
        &genesis.file().name,
        genesis.hash(),
        genesis.validators().clone(),
    )
    .map_err(|error| Failure::caused("GENESIS", &error, ""))?;
    let pin =
        Pins::at(Home::at(&directory).trust()).add(&bundle.encode(), &bundle.fingerprint())?;

    let mut identities = identity::backbones(chains.iter().skip(1).map(|seated| {
        let backbone = &seated[0];
        (
            backbone.seat.code,
            backbone.card.address(),
            backbone.seat.home.key(KeyRole::Account),
            passphrase(&backbone.seat.home),
        )
    }));
    identities.splice(0..0, keys.iter().map(IdentityKey::identity));
    introduce(&mut chains)?;
    let manifest = Manifest {
        chains: chains.iter().map(|seated| described(seated)).collect(),
        identities,
        trust: Trust {
            bundle: pin.path,
            fingerprint: pin.fingerprint,
        },
    };
    Ok(Founded { manifest, keys })
}

/// Who sits where, main chain first. Ports are held until all are chosen, so that none is given twice.
fn seats(directory: &Path, plan: &Plan) -> Result<Vec<Vec<Seat>>, Failure> {
    let mut held = Vec::new();
    // Several devnets that are made at one time begin apart.
    let start = std::process::id().wrapping_mul(PORTS_APART);
    let mut ports = (0..PORTS).map(|step| PORT_FIRST + start.wrapping_add(step) % PORTS);
    let mut free = || {
        let mut bound = ports
            .by_ref()
            .filter_map(|port| u16::try_from(port).ok())
            .filter_map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok());
        let listener = match bound.next() {
            Some(listener) => Ok(listener),
            None => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)),
        };
        let address = listener.and_then(|listener| {
            let address = listener.local_addr();
            held.push(listener);
            address
        });
        address.map_err(|error| {
            Failure::caused(
                "PORTS",
                &error,
                "the machine may be out of ports or file descriptors",
            )
        })
    };
    let mut seat = |name: String, role: Role, code: Option<ChainCode>| {
        let home = Home::at(directory.join(NODES).join(&name));
        Ok::<_, Failure>(Seat {
            name,
            role,
            code,
            home,
            p2p: free()?,
            gateway: free()?,
        })
    };
    let main =
        (1..=plan.validators).map(|number| seat(format!("main-{number}"), Role::Super, None));
    let mut chains = vec![main.collect::<Result<Vec<_>, _>>()?];
    for (code, count) in &plan.sub_chains {
        let nodes = (1..=*count).map(|number| {
            let role = if number == 1 {
                Role::Backbone
            } else {
                Role::Business
            };
            seat(format!("{code}-{number}"), role, Some(*code))
        });
        chains.push(nodes.collect::<Result<Vec<_>, _>>()?);
    }
    Ok(chains)
}

/// Fills every home. Sealing keys is made slow on purpose, so all cores do it.
fn fill(chains: Vec<Vec<Seat>>, main_urls: &[String]) -> Result<Vec<Vec<Seated>>, Failure> {
    std::thread::scope(|scope| {
        let chains: Vec<Vec<_>> = chains
            .into_iter()
            .map(|seats| {
                seats
                    .into_iter()
                    .map(|seat| scope.spawn(move || fill_one(seat, main_urls)))
                    .collect()
            })
            .collect();
        let joined = chains.into_iter().map(|threads| {
            threads
                .into_iter()
                .map(|thread| thread.join().expect("filling a home does not panic"))
                .collect()
        });
        joined.collect()
    })
}

fn fill_one(seat: Seat, main_urls: &[String]) -> Result<Seated, Failure> {
    let mut config = Config::new(&seat.name, seat.role);
    config.p2p.listen = multiaddr(seat.p2p);
    config.gateway.listen = seat.gateway;
    // A dozen of them share one laptop.
    config.store.memory_mib = MEMORY_MIB_MIN;
    if seat.role == Role::Backbone {
        config.anchor = Some(Anchor {
            main: main_urls.to_vec(),
        });
    }
    let membership = Membership {
        organisation: format!("Organisation of {}", seat.name),
        chain_code: seat.code,
        voting_power: VOTING_POWER,
        account: KeyAlgorithm::Ed25519,
        advertise: None,
    };
    make_directories(&seat.home)?;
    let secret = Passphrase::generate()?;
    secret.write_file(&passphrase(&seat.home))?;
    let card = establish(&seat.home, &config, &membership, &secret)?;
    Ok(Seated {
        seat,
        config,
        card,
        passphrase: secret,
    })
}

/// The ceremony of one chain: draft, every founder's signature, the file in every home.
fn hold_ceremony(
    seated: &[Seated],
    plan: &Plan,
    time_ms: i64,
    sub_chains: Vec<GenesisSubChain>,
    keys: &[IdentityKey],
) -> Result<Genesis, Failure> {
    let fault = |error: &dyn std::error::Error| {
        Failure::caused("GENESIS", error, "check the arguments of `devnet up`")
    };
    let code = seated[0].seat.code;
    let part = code.map_or("main".to_owned(), |code| code.to_string());
    let cards: Vec<MemberCard> = seated.iter().map(|seated| seated.card.clone()).collect();
    let mut accounts = match plan.params.profile {
        Profile::Default => Vec::new(),
        Profile::Bif => balances(&cards, &sub_chains, code, keys),
    };
    if code.is_none() {
        accounts.extend(plan.accounts.iter().cloned());
    }
    let terms = Terms {
        chain_id: format!("starfire-{part}-1"),
        chain_code: code,
        name: format!("Devnet {part}"),
        bif_chain_id: 0,
        time_ms,
        params: plan.params.clone(),
        consensus: plan.consensus.clone(),
        accounts,
        sub_chains,
    };
    let draft = terms.draft(&cards).map_err(|error| fault(&error))?;
    let mut content = draft.file().clone();
    for member in seated {
        let key = keystore::load(&member.seat.home.key(KeyRole::Account), &member.passphrase)?;
        content.signatures.push(draft.sign(&key));
    }
    let genesis = Genesis::new(content).map_err(|error| fault(&error))?;
    genesis.verify_ceremony().map_err(|error| fault(&error))?;
    for member in seated {
        file::write_new(&member.seat.home.genesis(), genesis.render().as_bytes())?;
    }
    Ok(genesis)
}

/// Under BIF's rules accounts must be there before they act: members, identities, and sub-chains' gateways.
fn balances(
    cards: &[MemberCard],
    sub_chains: &[GenesisSubChain],
    code: Option<ChainCode>,
    keys: &[IdentityKey],
) -> Vec<GenesisAccount> {
    let members = cards.iter().map(|card| card.address().to_string());
    let identities = keys
        .iter()
        .map(IdentityKey::did)
        .filter(|did| did.chain_code() == code)
        .map(|did| did.to_string());
    let gateways = sub_chains.iter().flat_map(|chain| chain.gateways.clone());
    members
        .chain(identities)
        .chain(gateways)
        .map(|address| GenesisAccount {
            address,
            balance: BIF_BALANCE,
        })
        .collect()
}

/// Tells every node where the others of its chain are.
fn introduce(chains: &mut [Vec<Seated>]) -> Result<(), Failure> {
    for seated in chains {
        let addresses: Vec<Multiaddr> = seated
            .iter()
            .map(|seated| seated.card.peer_address().clone())
            .collect();
        for (own, member) in seated.iter_mut().enumerate() {
            let others = addresses
                .iter()
                .enumerate()
                .filter(|(index, _)| *index != own);
            member.config.p2p.peers = others.map(|(_, address)| address.clone()).collect();
            file::replace(
                &member.seat.home.config(),
                member.config.to_toml().as_bytes(),
            )?;
        }
    }
    Ok(())
}

fn described(seated: &[Seated]) -> Chain {
    let code = seated[0].seat.code;
    let part = code.map_or("main".to_owned(), |code| code.to_string());
    let nodes = seated.iter().map(|member| Node {
        name: member.seat.name.clone(),
        role: member.seat.role.to_string(),
        grpc: url(member.seat.gateway),
        http: url(member.seat.gateway),
        p2p: member.card.peer_address().to_string(),
        pid: 0,
        home: member.seat.home.root().to_owned(),
    });
    Chain {
        chain_id: format!("starfire-{part}-1"),
        chain_code: code.map(|code| code.to_string()).unwrap_or_default(),
        nodes: nodes.collect(),
    }
}

fn passphrase(home: &Home) -> PathBuf {
    home.root().join(keystore::PASSPHRASE_FILE)
}

fn url(gateway: SocketAddr) -> String {
    format!("http://{gateway}")
}

fn multiaddr(address: SocketAddr) -> Multiaddr {
    Multiaddr::from(address.ip()).with(Protocol::Tcp(address.port()))
}
