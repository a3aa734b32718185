//! A node's home, filled: keys, configuration, member card, and a store that has nothing to forget.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;

use starfire_consensus::safety::SafetyRecord;
use starfire_did::KeyAlgorithm;
use starfire_state::{SafetyBlocks, Store};

use super::card::{CardKeys, MemberCard, Membership};
use crate::config::Config;
use crate::failure::Failure;
use crate::home::{Home, KeyRole};
use crate::keystore::{self, Passphrase};
use crate::rocks::Rocks;

/// Makes the directories of a home, open to their owner alone.
pub fn make_directories(home: &Home) -> Result<(), Failure> {
    for directory in [home.root(), &home.keys()] {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(|error| Failure::file("create", directory, &error))?;
    }
    Ok(())
}

/// Fills a home whose directories are there, and issues the member card.
pub fn establish(
    home: &Home,
    config: &Config,
    membership: &Membership,
    passphrase: &Passphrase,
) -> Result<MemberCard, Failure> {
    let validator = keystore::generate(KeyAlgorithm::Ed25519)?;
    let node = keystore::generate(KeyAlgorithm::Ed25519)?;
    let account = keystore::generate(membership.account)?;
    for (role, key) in [
        (KeyRole::Validator, &validator),
        (KeyRole::Node, &node),
        (KeyRole::Account, &account),
    ] {
        keystore::create(
            &home.key(role),
            key,
            membership.chain_code.as_ref(),
            passphrase,
        )?;
    }
    crate::file::write_new(&home.config(), config.to_toml().as_bytes())?;
    // What was written is what will be read.
    assert_eq!(
        &Config::load(&home.config())?,
        config,
        "a configuration survives writing"
    );
    // A node that finds no safety record was wiped, and must not vote at once. A new one has nothing to forget.
    let mut store = Rocks::open(&home.data())
        .map_err(|error| Failure::caused("STORE", &error, "is the directory writable?"))?;
    store
        .save_safety(&SafetyRecord::default().encode(), &SafetyBlocks::new())
        .map_err(|error| Failure::caused("STORE", &error, "is the disk full?"))?;
    let card = MemberCard::issue(
        config,
        membership,
        &CardKeys {
            validator: &validator,
            node: &node,
            account: &account,
        },
    )?;
    crate::file::write_new(&home.member_card(), &card.encode())?;
    Ok(card)
}
