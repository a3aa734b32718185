//! A node's own keys, and whom it talks to by them.

use std::path::Path;

use anyhow::{Context as _, bail};
use libp2p::{Multiaddr, PeerId};
use starfire_did::SigningKey;
use starfire_ledger::Genesis;

use crate::config::Config;
use crate::home::{Home, KeyRole};
use crate::keystore::{self, Passphrase};
use crate::network::NetworkConfig;
use crate::roster::Roster;
use crate::signer::Signer;
use crate::web_did::{self, WebDids};

/// What the network starts with: this node's key, whom it may talk to, and whom it calls.
pub(super) fn peering(
    home: &Home,
    passphrase: &Passphrase,
    config: &Config,
    genesis: &Genesis,
    roster: &Roster,
) -> anyhow::Result<NetworkConfig> {
    let node_key =
        keystore::load(&home.key(KeyRole::Node), passphrase).context("load the node key")?;
    let psk = config.p2p.psk_file.as_ref();
    let psk = psk.map(|path| read_psk(&home.root().join(path)));
    Ok(NetworkConfig {
        key: keystore::peer_keypair(&node_key)?,
        chain_id: genesis.chain_id().to_string(),
        genesis_hash: genesis.hash(),
        listen: config.p2p.listen.clone(),
        peers: config
            .p2p
            .peers
            .iter()
            .map(split_peer)
            .collect::<anyhow::Result<_>>()?,
        allowed: roster.allowed().clone(),
        validators: roster.admission().validators,
        psk: psk.transpose()?,
    })
}

fn split_peer(address: &Multiaddr) -> anyhow::Result<(PeerId, Multiaddr)> {
    let mut bare = address.clone();
    match bare.pop() {
        Some(libp2p::multiaddr::Protocol::P2p(peer)) => Ok((peer, bare)),
        Some(_) | None => bail!("the peer address {address} does not end in /p2p/<peer id>"),
    }
}

fn read_psk(path: &Path) -> anyhow::Result<[u8; 32]> {
    // A secret as the keys are, though of all members.
    keystore::check_private(path).context("read the pre-shared key")?;
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("read the pre-shared key {}", path.display()))?;
    let bytes = hex::decode(text.trim())
        .with_context(|| format!("{} does not hold hex digits", path.display()))?;
    bytes
        .try_into()
        .map_err(|_| anyhow::anyhow!("{} does not hold 32 bytes in hex", path.display()))
}

/// The key that peers know this node by, in the type that Tendermint clients are told it in.
pub(super) fn tendermint_key(
    keypair: &libp2p::identity::Keypair,
) -> anyhow::Result<tendermint::PublicKey> {
    let key = keypair
        .public()
        .try_into_ed25519()
        .context("the node key is not an Ed25519 key")?;
    tendermint::PublicKey::from_raw_ed25519(&key.to_bytes()).context("the node key is not a key")
}

/// The validator's key, and the next one where it is being rotated.
pub(super) fn load_signers(home: &Home, passphrase: &Passphrase) -> anyhow::Result<Vec<Signer>> {
    let paths = [home.key(KeyRole::Validator), home.next_validator_key()];
    let present = paths.iter().filter(|path| path.exists());
    present
        .map(|path| {
            let key = keystore::load(path, passphrase)
                .with_context(|| format!("load the validator key {}", path.display()))?;
            Ok(Signer::new(&key)?)
        })
        .collect()
}

/// The key with which this node signs credentials for whoever asks; only a node for tests has one.
pub(super) fn issuing_key(
    home: &Home,
    passphrase: &Passphrase,
    config: &Config,
) -> anyhow::Result<Option<SigningKey>> {
    let Some(path) = &config.gateway.issuer_key else {
        return Ok(None);
    };
    let path = home.root().join(path);
    let key = keystore::load(&path, passphrase).context("load the issuing key")?;
    tracing::warn!(path = %path.display(), "anyone who reaches the gateway may have credentials signed with this key");
    Ok(Some(key.into()))
}

/// What fetches documents of `did:web`, if the operator wants any fetched.
pub(super) fn web_dids(home: &Home, config: &Config) -> anyhow::Result<Option<WebDids>> {
    let Some(section) = &config.did_web else {
        return Ok(None);
    };
    let settings = web_did::Settings {
        allowed: section.allowed().map_err(anyhow::Error::msg)?,
        ca_file: section.ca_file.as_ref().map(|path| home.root().join(path)),
    };
    let web_dids = WebDids::new(settings).context("prepare to fetch documents of did:web")?;
    Ok(Some(web_dids))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::keystore::KeystoreError;

    #[test]
    fn a_network_key_that_others_may_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("network.psk");
        fs::write(&path, format!("{}\n", "ab".repeat(32))).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let refused = read_psk(&path).unwrap_err();
        let cause = refused.downcast_ref::<KeystoreError>();
        assert!(matches!(cause, Some(KeystoreError::OpenToOthers { .. })));
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read_psk(&path).unwrap(), [0xab; 32]);
    }
}
