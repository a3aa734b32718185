//! The configuration's text: every field with its value and what it means.

use super::{Config, DidWeb};

impl Config {
    /// The file's text: every field, with what it means.
    pub fn to_toml(&self) -> String {
        let Self {
            name,
            role,
            log,
            p2p,
            gateway,
            mempool,
            store,
            sync,
            anchor,
            did_web,
        } = self;
        let peers = p2p
            .peers
            .iter()
            .map(|peer| format!("  {},\n", quoted(&peer.to_string())))
            .collect::<String>();
        let peers = if peers.is_empty() {
            "[]".to_owned()
        } else {
            format!("[\n{peers}]")
        };
        let psk = match &p2p.psk_file {
            Some(path) => format!("psk_file = {}", quoted(&path.to_string_lossy())),
            None => "# psk_file = \"network.psk\"".to_owned(),
        };
        let issuer_key = match &gateway.issuer_key {
            Some(path) => format!("issuer_key = {}", quoted(&path.to_string_lossy())),
            None => "# issuer_key = \"keys/issuer.json\"".to_owned(),
        };
        let trust_height = match sync.trust_height {
            Some(height) => format!("trust_height = {height}"),
            None => "# trust_height = 1".to_owned(),
        };
        let trust_hash = match &sync.trust_hash {
            Some(hash) => format!("trust_hash = {}", quoted(hash)),
            None => "# trust_hash = \"64 hex digits\"".to_owned(),
        };
        let anchor = match anchor {
            Some(anchor) => {
                format!("[anchor]\n# Gateways of main-chain nodes, tried in order.\nmain = {}\n", list(&anchor.main))
            }
            None => "# [anchor]\n# Gateways of main-chain nodes, tried in order. Only for role = \"backbone\".\n\
                     # main = [\"http://127.0.0.1:26680\"]\n"
                .to_owned(),
        };
        let did_web = did_web_text(did_web.as_ref());
        format!(
            "# Configuration of a Starfire node. Every field is written out; rules of the chain stand in genesis.json.\n\n\
             # What people call this node.\nname = {}\n\
             # super (main chain), backbone, business (sub-chain), service or regulator (no vote).\nrole = \"{role}\"\n\
             # What goes into the log: error, warn, info, debug, trace, or a filter such as \"info,starfire_node::network=debug\".\nlog = {}\n\n\
             [p2p]\n# Where peers connect to.\nlisten = {}\n\
             # Peers to connect to: \"/ip4/ADDRESS/tcp/PORT/p2p/PEER_ID\".\npeers = {peers}\n\
             # A pre-shared network key, relative to this directory: who lacks it cannot even shake hands.\n{psk}\n\n\
             [gateway]\n# One port for gRPC and HTTP. Keep it on loopback or behind a reverse proxy.\nlisten = \"{}\"\n\
             # HTTP status of a completed check of a credential that is not valid: 200 (VCALM 1.0), or 400 or 422 (W3C's test suites).\n\
             refused_status = {}\n\
             # For tests only, and never on a node with a vote: a key file, relative to this directory, with which anyone who reaches\n\
             # this port may have credentials signed by POST /credentials/issue, as a did:key.\n{issuer_key}\n\n\
             [mempool]\n# Transactions that may wait, their bytes together, and those of one sender.\n\
             transactions_max = {}\nbytes_max = {}\ntransactions_per_sender_max = {}\n\n\
             [store]\n# Every so many blocks the state is written as a snapshot, with which new nodes may begin; 0: never.\nsnapshot_interval = {}\n\
             # But only the first in every so many seconds of the chain's time; 0: each.\nsnapshot_period_s = {}\n\
             # Newest snapshots kept, each as large as the state.\nsnapshots_kept = {}\n\
             # Newest blocks kept, with the states that their headers prove; 0: all.\nretain_blocks = {}\n\
             # Of older blocks every so many-th is kept, and can be proved by; 0: none.\nretain_every = {}\n\
             # Memory for the database's cache and buffers, and from 512 on for records of DIDs (up to half of it), MiB. What is not held here is read from the disk.\nmemory_mib = {}\n\n\
             [sync]\n# A node with an empty store begins with a snapshot of its peers, instead of executing every block.\nsnapshots = {}\n\
             # A larger snapshot is not taken, MiB: until the last part is there, only the peers' word says that it is the state.\nsnapshot_mib_max = {}\n\
             # A recent header that you trust, got by another way than from the peers; needed when the genesis is older than 30 days.\n\
             {trust_height}\n{trust_hash}\n\n{anchor}\n{did_web}",
            quoted(name),
            quoted(log),
            quoted(&p2p.listen.to_string()),
            gateway.listen,
            gateway.refused_status,
            mempool.transactions_max,
            mempool.bytes_max,
            mempool.transactions_per_sender_max,
            store.snapshot_interval,
            store.snapshot_period_s,
            store.snapshots_kept,
            store.retain_blocks,
            store.retain_every,
            store.memory_mib,
            sync.snapshots,
            sync.snapshot_mib_max,
        )
    }
}

/// The section on `did:web`, as a comment where it is off.
fn did_web_text(section: Option<&DidWeb>) -> String {
    let example = DidWeb {
        hosts: vec!["issuer.example".to_owned()],
        private_hosts: Vec::new(),
        ca_file: None,
    };
    let shown = section.unwrap_or(&example);
    let ca_file = match &shown.ca_file {
        Some(path) => format!("ca_file = {}", quoted(&path.to_string_lossy())),
        None => "# ca_file = \"ca.pem\"".to_owned(),
    };
    let off = match section {
        Some(_) => "",
        None => "# ",
    };
    format!(
        "{off}[did_web]\n\
         # Documents of did:web are fetched from these hosts, by HTTPS, for whoever asks this node; without this section none is.\n\
         # \"host\" or \"host:port\"; \"*\" is every host at port 443. They must stand at public addresses.\n{off}hosts = {}\n\
         # Hosts of your own network, which may stand at private addresses.\n{off}private_hosts = {}\n\
         # Certificates in PEM, relative to this directory, that are trusted in place of the system's.\n{ca_file}\n",
        list(&shown.hosts),
        list(&shown.private_hosts),
    )
}

/// A TOML list of strings, on one line.
fn list(texts: &[String]) -> String {
    let texts: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
