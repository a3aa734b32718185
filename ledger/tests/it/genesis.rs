//! Genesis files: what is refused and why, the hash, and the founders' signatures.

use starfire_ledger::genesis::{
    CeremonyError, DidCreation, GenesisAccount, GenesisError, GenesisFile, GenesisRole,
    GenesisSubChain, GenesisSubChainValidator, Key, Profile,
};
use starfire_ledger::{Genesis, genesis};

use crate::world::{SUPER_NODES, address, file, key};

fn refused(change: impl Fn(&mut GenesisFile)) -> String {
    let mut file = file(Profile::Default);
    change(&mut file);
    Genesis::new(file).unwrap_err().to_string()
}

pub(crate) fn sub_chain() -> GenesisSubChain {
    GenesisSubChain {
        chain_code: "by01".to_owned(),
        chain_id: "starfire-by01-1".to_owned(),
        name: "Customs".to_owned(),
        genesis_hash: Key([7; 32]),
        genesis_time: "2026-01-01T00:00:00Z".to_owned(),
        validators: vec![GenesisSubChainValidator {
            public_key: Key(key("sub validator").public().raw().try_into().unwrap()),
            voting_power: 1,
            owner: "Customs".to_owned(),
        }],
        gateways: vec![address("gateway")],
        resolvers: vec!["http://127.0.0.1:1".to_owned()],
    }
}

#[test]
fn a_rendered_file_parses_to_the_same_genesis() {
    let mut file = file(Profile::Default);
    file.sub_chains.push(sub_chain());
    let genesis = Genesis::new(file).unwrap();
    let parsed = Genesis::parse(genesis.render().as_bytes()).unwrap();
    assert_eq!(parsed, genesis);
    assert_eq!(parsed.hash(), genesis.hash());
}

#[test]
fn the_hash_is_over_the_content_not_over_its_layout_or_signatures() {
    let genesis = Genesis::new(file(Profile::Default)).unwrap();
    let compact = serde_json::to_vec(genesis.file()).unwrap();
    assert_eq!(Genesis::parse(&compact).unwrap().hash(), genesis.hash());
    let mut signed = genesis.file().clone();
    signed.signatures = vec![genesis.sign(&key("north"))];
    assert_eq!(Genesis::new(signed).unwrap().hash(), genesis.hash());
    let mut other = genesis.file().clone();
    other.accounts[0].balance += 1;
    assert_ne!(Genesis::new(other).unwrap().hash(), genesis.hash());
}

// A file that does not speak of it keeps its hash.
#[test]
fn who_may_create_dids_is_written_where_it_is_not_anyone() {
    let mut content = file(Profile::Default);
    let anyone = Genesis::new(content.clone()).unwrap();
    assert!(!anyone.render().contains("did_creation"));
    content.params.did_creation = DidCreation::Members;
    let members = Genesis::new(content).unwrap();
    assert!(members.render().contains("\"did_creation\": \"members\""));
    assert_eq!(
        Genesis::parse(members.render().as_bytes()).unwrap(),
        members
    );
    assert_ne!(anyone.hash(), members.hash());
}

#[test]
fn unknown_missing_and_repeated_fields_are_refused() {
    let text = Genesis::new(file(Profile::Default)).unwrap().render();
    for changed in [
        text.replacen('{', "{\"extra\": 1,", 1),
        text.replacen("\"name\"", "\"nome\"", 1),
        text.replacen('{', "{\"name\": \"twice\",", 1),
        text.replacen("\"super\"", "\"emperor\"", 1),
        text.replacen("\"gas_price\": 0", "\"gas_price\": 0.5", 1),
        format!("{text}{{}}"),
    ] {
        assert!(
            matches!(
                Genesis::parse(changed.as_bytes()),
                Err(GenesisError::Json(_))
            ),
            "{changed}"
        );
    }
    let long = vec![b' '; genesis::GENESIS_BYTES_MAX + 1];
    assert!(matches!(
        Genesis::parse(&long),
        Err(GenesisError::TooLong(_))
    ));
}

#[test]
fn each_refusal_names_its_field() {
    let on_sub_chain = "did:bid:by01:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2";
    for (message, begins) in [
        (
            refused(|file| file.format = "starfire-genesis/2".to_owned()),
            "format: ",
        ),
        (
            refused(|file| file.chain_id = "starfire-main".to_owned()),
            "chain_id: ",
        ),
        (
            refused(|file| file.chain_id = "starfire-main-01".to_owned()),
            "chain_id: ",
        ),
        (
            refused(|file| file.chain_id = format!("starfire-main-1{}", "0".repeat(40))),
            "chain_id: ",
        ),
        (
            refused(|file| file.chain_code = "BY01".to_owned()),
            "chain_code: ",
        ),
        (
            refused(|file| file.chain_code = "main".to_owned()),
            "chain_code: ",
        ),
        (refused(|file| file.bif_chain_id = -1), "bif_chain_id: "),
        (
            refused(|file| file.genesis_time = "yesterday".to_owned()),
            "genesis_time: ",
        ),
        (
            refused(|file| file.genesis_time = "2026-01-01T00:00:00.0001Z".to_owned()),
            "genesis_time: ",
        ),
        (
            refused(|file| file.params.gas_price = 1),
            "params.gas_price: ",
        ),
        (
            refused(|file| file.params.block_transactions_max = 0),
            "params.block_transactions_max: ",
        ),
        (
            refused(|file| file.params.open_share_percent = 101),
            "params.open_share_percent: ",
        ),
        (
            refused(|file| file.consensus.heartbeat_ms = (1 << 53) + 1),
            "consensus.heartbeat_ms: ",
        ),
        (
            refused(|file| file.consensus.timeout_max_ms = 1),
            "consensus.timeout_max_ms: ",
        ),
        (refused(|file| file.members.clear()), "members: "),
        (
            refused(|file| file.members[1].address = file.members[0].address.clone()),
            "members[1].address: ",
        ),
        (
            refused(|file| file.members[0].address = on_sub_chain.to_owned()),
            "members[0].address: ",
        ),
        (
            refused(|file| file.members[0].address = "alice".to_owned()),
            "members[0].address: ",
        ),
        (
            refused(|file| file.members[0].organisation.clear()),
            "members[0].organisation: ",
        ),
        (
            refused(|file| file.members[0].peers = vec!["a/b".to_owned()]),
            "members[0].peers: ",
        ),
        (
            refused(|file| file.members[1].validator_key = file.members[0].validator_key),
            "members[1].validator_key: ",
        ),
        (
            refused(|file| file.members[0].validator_key = Some(Key([0; 32]))),
            "members[0].validator_key: ",
        ),
        (
            refused(|file| file.members[0].validator_key = None),
            "members[0].validator_key: ",
        ),
        (
            refused(|file| file.members[0].voting_power = 0),
            "members[0].validator_key: ",
        ),
        (
            refused(|file| file.members[0].voting_power = u64::MAX),
            "members[0].validator_key: ",
        ),
        (
            refused(|file| file.members[0].voting_power = 1 << 53),
            "members: ",
        ),
        (
            refused(|file| file.members[0].role = GenesisRole::Backbone),
            "members[0].validator_key: ",
        ),
        (
            refused(|file| file.accounts[0].balance = -1),
            "accounts[0].balance: ",
        ),
        (
            refused(|file| file.accounts.push(file.accounts[0].clone())),
            "accounts[1].address: ",
        ),
        (
            refused(|file| file.sub_chains = vec![sub_chain(), sub_chain()]),
            "sub_chains: \"by01\" cannot be registered",
        ),
        (
            refused(|file| {
                file.sub_chains = vec![GenesisSubChain {
                    chain_id: "other-1".to_owned(),
                    ..sub_chain()
                }];
            }),
            "sub_chains: \"by01\" cannot be registered",
        ),
    ] {
        assert!(
            message.starts_with(begins),
            "{message:?} does not begin with {begins:?}"
        );
    }
}

#[test]
fn a_sub_chain_has_its_own_addresses_and_no_sub_chains() {
    let mut file = file(Profile::Default);
    file.chain_code = "by01".to_owned();
    file.chain_id = "starfire-by01-1".to_owned();
    let on_chain = |address: &str| address.replace("did:bid:", "did:bid:by01:");
    for member in &mut file.members {
        member.address = on_chain(&member.address);
        member.role = GenesisRole::Business;
    }
    file.accounts = vec![GenesisAccount {
        address: on_chain(&address("bank")),
        balance: 1,
    }];
    let mut genesis = Genesis::new(file.clone()).unwrap();
    assert_eq!(genesis.founders().count(), 4);
    file.signatures = SUPER_NODES
        .iter()
        .map(|name| genesis.sign(&key(name)))
        .collect();
    genesis = Genesis::new(file.clone()).unwrap();
    assert_eq!(genesis.verify_ceremony(), Ok(()));

    file.sub_chains = vec![sub_chain()];
    assert!(
        Genesis::new(file)
            .unwrap_err()
            .to_string()
            .starts_with("sub_chains: ")
    );
}

#[test]
fn every_founder_signs_and_nobody_else() {
    let genesis = Genesis::new(file(Profile::Default)).unwrap();
    let signatures: Vec<_> = SUPER_NODES
        .iter()
        .map(|name| genesis.sign(&key(name)))
        .collect();
    let verify = |change: &dyn Fn(&mut GenesisFile)| {
        let mut file = genesis.file().clone();
        file.signatures = signatures.clone();
        change(&mut file);
        Genesis::new(file).unwrap().verify_ceremony()
    };
    assert_eq!(verify(&|_| {}), Ok(()));
    assert_eq!(
        verify(&|file| file.signatures.truncate(3)),
        Err(CeremonyError::Missing(address("west")))
    );
    assert_eq!(
        verify(&|file| file.signatures.push(genesis.sign(&key("mallory")))),
        Err(CeremonyError::Stranger(address("mallory")))
    );
    assert_eq!(
        verify(&|file| file.signatures.push(file.signatures[0].clone())),
        Err(CeremonyError::Twice(address("north")))
    );
    assert_eq!(
        verify(&|file| file.signatures[0].public_key = key("mallory").public().to_string()),
        Err(CeremonyError::Key(address("north")))
    );
    assert_eq!(
        verify(&|file| file.accounts[0].balance += 1),
        Err(CeremonyError::Signature(address("north")))
    );
}

#[test]
fn validators_are_the_members_that_vote() {
    let genesis = Genesis::new(file(Profile::Default)).unwrap();
    assert_eq!(genesis.validators().validators().len(), 4);
    assert_eq!(genesis.validators().total_voting_power().value(), 40);
}
