//! The chain that a node is of, from its genesis file: the file itself, and what is known of the chain before the store is open.

use anyhow::{Context as _, bail};
use libp2p::PeerId;
use starfire_crosschain::trust::Bundle;
use starfire_ledger::Genesis;
use starfire_ledger::genesis::{GENESIS_BYTES_MAX, GenesisError, GenesisRole};
use starfire_ledger::validators::Sets;
use starfire_proto::v1;
use starfire_state::Archive;
use tendermint::{account, validator};

use crate::config::Config;
use crate::home::Home;
use crate::roster::Roster;
use crate::status::NodeFacts;

/// Reads the genesis file, which all founders have signed.
pub(super) fn load_genesis(home: &Home) -> anyhow::Result<Genesis> {
    let path = home.genesis();
    let size = std::fs::metadata(&path)
        .with_context(|| {
            format!(
                "read {}: a node starts from the chain's genesis file, put it there",
                path.display()
            )
        })?
        .len();
    let invalid = || format!("{} is not a valid genesis file", path.display());
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if size > GENESIS_BYTES_MAX {
        return Err(GenesisError::TooLong(size)).with_context(invalid);
    }
    let bytes = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
    let genesis = Genesis::parse(&bytes).with_context(invalid)?;
    genesis.verify_ceremony().with_context(|| {
        format!("{} is not signed by all its founders: take the file that `starfire genesis build` made", path.display())
    })?;
    Ok(genesis)
}

/// The genesis state as a view, for what must be known before the store is opened.
pub(super) struct GenesisView<'a>(pub(super) &'a Genesis);

impl starfire_state::View for GenesisView<'_> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.changes().get(key).cloned().flatten()
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let entries = self.0.changes().iter().filter(|(key, _)| {
            key.starts_with(prefix) && after.is_none_or(|after| key.as_slice() > after)
        });
        entries
            .filter_map(|(key, value)| Some((key.clone(), value.clone()?)))
            .take(limit)
            .collect()
    }
}

/// The role decides what a node runs, so it must be the one that the chain gave to this node's member.
pub(super) fn check_role(roster: &Roster, config: &Config, peer: PeerId) -> anyhow::Result<()> {
    let Some(role) = roster.role(&peer) else {
        return Ok(());
    };
    if role != v1::Role::from(GenesisRole::from(config.role)) {
        bail!(
            "config.toml says role = \"{}\", but on the chain this node's member has another: correct the role",
            config.role
        );
    }
    Ok(())
}

/// Tells the operator what the chain takes this node for, where that is less than its keys may stand for.
pub(super) fn tell_standing(
    roster: &Roster,
    archive: &dyn Archive,
    peer: PeerId,
    validators: &[account::Id],
) {
    if roster.role(&peer).is_none() {
        tracing::info!(
            %peer,
            "no member of the chain names this peer id: only nodes that have it in their configuration take connections from here"
        );
    }
    let newest = archive.height().expect("genesis is stored");
    let sets = Sets::load(&*archive.state_at(newest));
    let signs = |set: &validator::Set| validators.iter().any(|own| set.validator(*own).is_some());
    if !validators.is_empty() && !signs(&sets.current) && !signs(&sets.next) {
        tracing::info!(
            validator = %validators[0],
            "this node's validator key is not among the chain's validators: it follows and does not vote"
        );
    }
}

/// What a node says of itself that never changes.
pub(super) fn facts(config: &Config, genesis: &Genesis) -> NodeFacts {
    NodeFacts {
        name: config.name.clone(),
        role: config.role.to_string(),
        chain_id: genesis.chain_id().to_string(),
        chain_code: genesis.file().chain_code.clone(),
        bif_chain_id: genesis.file().bif_chain_id,
    }
}

/// What names the chain to those who pin it. Changes of its validators since genesis come from state.
pub(super) fn trust(genesis: &Genesis) -> anyhow::Result<Bundle> {
    let (chain_id, validators) = (genesis.chain_id().clone(), genesis.validators().clone());
    Bundle::new(chain_id, &genesis.file().name, genesis.hash(), validators)
        .context("describe the chain for those who pin it")
}
