//! A devnet for a test: up by the binary, down again in any case. And the binary itself, as a script would call it.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use starfire_did::{KeyAlgorithm, PrivateKey};
use starfire_node::client::{Client, ClientError, Committed, operation, transaction};
use starfire_node::clock;
use starfire_node::devnet::{Chain, Identity, Manifest, Node};
use starfire_node::keystore::{self, Passphrase};
use starfire_proto::protocol::{self, operation::Native};
use starfire_proto::v1;
use tempfile::TempDir;

/// How long anything may take that should take a moment. Generous: the machine has other tests to run.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// How often something is looked at that is waited for.
pub(super) const POLL: Duration = Duration::from_millis(50);
/// Devnets at a time, so that each has a processor to run on.
const SEATS: usize = 2;
/// The device that is always full.
const FULL: &str = "/dev/full";

static TAKEN: Mutex<usize> = Mutex::new(0);
static FREED: Condvar = Condvar::new();

/// The right to run a devnet.
#[derive(Debug)]
pub(super) struct Seat(());

impl Seat {
    /// Waits for its turn.
    pub(super) fn take() -> Self {
        let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = FREED
            .wait_while(taken, |taken| *taken >= SEATS)
            .unwrap_or_else(PoisonError::into_inner);
        *taken += 1;
        Self(())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        FREED.notify_all();
    }
}

/// The binary beside these tests: `target/debug/starfire` for `target/debug/deps/it-…`.
pub(super) fn binary() -> PathBuf {
    let me = std::env::current_exe().expect("a test knows where it stands");
    let target = me
        .parent()
        .and_then(Path::parent)
        .expect("tests stand in target/debug/deps");
    let binary = target.join("starfire");
    assert!(
        binary.exists(),
        "{} is missing: build it first by `cargo build --bin starfire`, as scripts/test.sh does",
        binary.display()
    );
    binary
}

/// What a command answered.
#[derive(Debug)]
pub(super) struct Answer {
    /// Its exit code; none: a signal ended it.
    pub(super) exit: Option<i32>,
    /// What it printed.
    pub(super) out: String,
    /// What it complained.
    pub(super) err: String,
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("commands print text");
        Self {
            exit: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

impl Answer {
    /// The object that a successful command printed.
    #[track_caller]
    pub(super) fn json(&self) -> Value {
        assert_eq!(self.exit, Some(0), "the command failed: {}", self.err);
        self.object()
    }

    /// The object that a command printed, however it ended.
    #[track_caller]
    pub(super) fn object(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("{error} in {:?}, beside {:?}", self.out, self.err))
    }

    /// The code of a command's refusal.
    #[track_caller]
    pub(super) fn refusal(&self) -> String {
        assert!(
            self.exit.is_some_and(|exit| exit != 0),
            "the command did not refuse: {self:?}"
        );
        let error: Value = serde_json::from_str(&self.err)
            .unwrap_or_else(|error| panic!("{error} in {:?}", self.err));
        let text = |name: &str| error["error"][name].as_str().unwrap_or_default().to_owned();
        assert!(
            !text("message").is_empty(),
            "a refusal says why: {}",
            self.err
        );
        assert!(
            !self.err.contains("panicked"),
            "a command panicked: {}",
            self.err
        );
        text("code")
    }
}

/// The binary with these arguments and `--json`, with nobody at a terminal and nothing in its environment that would help it.
pub(super) fn starfire<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Answer {
    fed(arguments, "")
}

/// The same, with text on its standard input.
pub(super) fn fed<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>, input: &str) -> Answer {
    let mut child = Command::new(binary())
        .args(arguments)
        .arg("--json")
        .env_remove("STARFIRE_NODE")
        .env_remove("STARFIRE_PASSPHRASE_FILE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("its input is a pipe");
    stdin
        .write_all(input.as_bytes())
        .expect("a short text fits into a pipe");
    drop(stdin);
    child.wait_with_output().expect("the binary ends").into()
}

/// How often something is to be repeated: what the environment's `REPEATS` says, otherwise this.
pub(super) fn repeats(few: usize) -> usize {
    let asked = std::env::var("REPEATS").ok();
    asked.map_or(few, |asked| asked.parse().expect("REPEATS is a number"))
}

/// Polls until there is an answer, for [`PATIENCE`] at most.
pub(super) async fn eventually<T>(what: &str, probe: impl AsyncFnMut() -> Option<T>) -> T {
    within(PATIENCE, what, probe).await
}

/// Polls until there is an answer.
pub(super) async fn within<T>(
    patience: Duration,
    what: &str,
    mut probe: impl AsyncFnMut() -> Option<T>,
) -> T {
    let start = clock::monotonic();
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(
            clock::elapsed(start) < patience,
            "in {patience:?} it did not come to this: {what}"
        );
        tokio::time::sleep(POLL).await;
    }
}

/// Running chains.
#[derive(Debug)]
pub(super) struct Devnet {
    // `None` once it is kept for whoever looks into a failure.
    directory: Option<TempDir>,
    path: PathBuf,
    _seat: Option<Seat>,
}

impl Devnet {
    /// A devnet with these arguments of `devnet up`, once there is a seat for it.
    pub(super) fn up(arguments: &[&str]) -> Self {
        Self::seated(Some(Seat::take()), arguments)
    }

    /// A second, small devnet beside one that has its seat.
    pub(super) fn beside(_other: &Self, arguments: &[&str]) -> Self {
        Self::seated(None, arguments)
    }

    fn seated(seat: Option<Seat>, arguments: &[&str]) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("starfire-e2e-")
            .tempdir()
            .expect("there is room for a devnet");
        let devnet = Self {
            path: directory.path().to_owned(),
            directory: Some(directory),
            _seat: seat,
        };
        let up = ["devnet", "up"]
            .into_iter()
            .chain(arguments.iter().copied());
        devnet.run(up).json();
        devnet
    }

    /// Its directory.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A place in its directory, for a test's own files.
    pub(super) fn at(&self, name: &str) -> String {
        text(&self.path.join(name))
    }

    /// The binary with this devnet as home.
    pub(super) fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Answer {
        let mut line: Vec<_> = arguments
            .into_iter()
            .map(|argument| argument.as_ref().to_owned())
            .collect();
        line.extend(["--home".into(), self.path.clone().into()]);
        starfire(line)
    }

    /// The binary with this devnet as home, talking to a node.
    pub(super) fn ask(&self, node: &str, arguments: &[&str]) -> Answer {
        let url = self.node(node).grpc;
        self.run(arguments.iter().copied().chain(["--node", &url]))
    }

    /// `devnet kill|pause|resume` for a node or all.
    pub(super) fn tell(&self, order: &str, nodes: &str) {
        self.run(["devnet", order, nodes]).json();
    }

    /// What `devnet.json` holds now: a resumed node has another process.
    pub(super) fn manifest(&self) -> Manifest {
        Manifest::load(&self.path).expect("the devnet has its manifest")
    }

    /// The nodes of the chain with this code; empty: the main chain.
    pub(super) fn chain(&self, code: &str) -> Chain {
        self.manifest()
            .chain(code)
            .expect("the devnet has the chain")
            .clone()
    }

    /// A node by name.
    pub(super) fn node(&self, name: &str) -> Node {
        self.manifest()
            .select(name)
            .expect("the devnet has the node")[0]
            .clone()
    }

    /// An identity by name.
    pub(super) fn identity(&self, name: &str) -> Identity {
        let mut identities = self.manifest().identities.into_iter();
        identities
            .find(|identity| identity.name == name)
            .expect("the devnet has the identity")
    }

    /// A client of a node.
    pub(super) fn client(&self, name: &str) -> Client {
        Client::connect(&self.node(name).grpc).expect("a node's URL is one")
    }

    /// A node's status, if it answers.
    pub(super) async fn status(&self, name: &str) -> Option<v1::StatusResponse> {
        self.client(name).status().await.ok()
    }

    /// The height of a node that answers.
    pub(super) async fn height(&self, name: &str) -> u64 {
        eventually(&format!("{name} answers"), async || self.status(name).await)
            .await
            .height
    }

    /// One of a node's keys: `validator`, `node`, `account`.
    pub(super) fn key(&self, node: &str, role: &str) -> PrivateKey {
        let home = self.node(node).home;
        open(
            &home.join("keys").join(format!("{role}.json")),
            &home.join("passphrase"),
        )
    }

    /// An identity's key.
    pub(super) fn key_of(&self, identity: &Identity) -> PrivateKey {
        open(&identity.key_file, &identity.passphrase_file)
    }

    /// What a node logged.
    pub(super) fn log(&self, node: &str) -> String {
        std::fs::read_to_string(self.node(node).home.join("starfire.log"))
            .expect("a node has a log")
    }
}

impl Drop for Devnet {
    fn drop(&mut self) {
        if !self.path.join("devnet.json").exists() {
            return;
        }
        let down = self.run(["devnet", "down"]);
        if std::thread::panicking() {
            if let Some(directory) = self.directory.take() {
                let kept = directory.keep();
                writeln!(
                    std::io::stderr(),
                    "the devnet's files are kept in {}",
                    kept.display()
                )
                .ok();
            }
            return;
        }
        assert_eq!(down.exit, Some(0), "{}", down.err);
        for node in self.manifest().nodes() {
            assert!(
                !self.log(&node.name).contains("panicked"),
                "{} panicked: {}",
                node.name,
                self.log(&node.name)
            );
        }
    }
}

/// A node that a test starts by `starfire start` itself. It is killed when dropped.
#[derive(Debug)]
pub(super) struct ByHand {
    child: Child,
    log: PathBuf,
}

impl ByHand {
    /// Starts the node of a home; its output goes to a new log beside the home.
    pub(super) fn start(home: &Path) -> Self {
        Self::logging_to(home, home.with_extension("log"))
    }

    /// The same, where nothing that it writes to its log has room.
    pub(super) fn without_log(home: &Path) -> Self {
        Self::logging_to(home, FULL.into())
    }

    fn logging_to(home: &Path, log: PathBuf) -> Self {
        let file = std::fs::File::create(&log).expect("a log can be opened");
        let child = Command::new(binary())
            .args(["start", "--home"])
            .arg(home)
            .stdin(Stdio::null())
            .stderr(file.try_clone().expect("a log can be written twice"))
            .stdout(file)
            .spawn()
            .expect("the binary runs");
        Self { child, log }
    }

    /// Its exit code, once it has ended; none: a signal ended it.
    pub(super) fn ended(&mut self) -> Option<Option<i32>> {
        let status = self.child.try_wait().expect("it is a child of this one");
        status.map(|status| status.code())
    }

    /// What it logged.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("it has a log")
    }

    /// A client of its gateway, once it is up: the log tells where.
    pub(super) async fn client(&self) -> Client {
        let url = eventually("the node is up", async || {
            let log = self.log();
            let line = log.lines().rfind(|line| line.contains("node is up"))?;
            let address = line.split("gateway=").nth(1)?.split_whitespace().next()?;
            Some(format!("http://{address}"))
        });
        Client::connect(&url.await).expect("a node's address is one")
    }
}

impl Drop for ByHand {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        // What is always full reads as zeros without end.
        if !std::thread::panicking() && self.log != Path::new(FULL) {
            assert!(!self.log().contains("panicked"), "{}", self.log());
        }
    }
}

fn open(key: &Path, passphrase: &Path) -> PrivateKey {
    let passphrase = Passphrase::read_file(passphrase).expect("the devnet wrote the passphrase");
    keystore::load(key, &passphrase).expect("the devnet wrote the key")
}

/// A path as an argument.
pub(super) fn text(path: &Path) -> String {
    path.to_str().expect("test paths are text").to_owned()
}

/// A fresh Ed25519 key: under the default profile, an account that may send at once.
pub(super) fn fresh_key() -> PrivateKey {
    keystore::generate(KeyAlgorithm::Ed25519).expect("the machine gives randomness")
}

/// An operation that leaves a trace in its sender's account.
pub(super) fn note(key: &str, value: &str) -> protocol::Operation {
    protocol::Operation {
        r#type: protocol::operation::Type::SetMetadata.into(),
        set_metadata: Some(protocol::OperationSetMetadata {
            key: key.to_owned(),
            value: value.to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// Has a block made by a transaction that does nothing else.
pub(super) async fn nudge(client: &Client) -> Result<Committed, ClientError> {
    client.send(&fresh_key(), vec![note("e2e", "nudge")]).await
}

/// The encoded envelope of one native operation, from `source` with its next nonce.
pub(super) async fn envelope(
    client: &Client,
    source: &str,
    key: &PrivateKey,
    native: Native,
) -> Vec<u8> {
    let nonce = client.next_nonce(source).await.expect("the node answers");
    let chain = client.chain().await.expect("the node answers");
    let body = transaction(chain, source.to_owned(), nonce, vec![operation(native)]);
    starfire_ledger::Transaction::sign(&body, &[key])
}

/// A committed block with its signed header.
pub(super) async fn block(client: &Client, height: u64) -> v1::BlockView {
    let request = v1::GetBlockRequest { height };
    client
        .call(client.blocks().get(request))
        .await
        .unwrap_or_else(|error| panic!("block {height} of {}: {error}", client.url()))
}
