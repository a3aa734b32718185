//! A node that dies at one system call after another, or whose disk refuses one: it comes back, agrees, and contradicts nothing.
//!
//! The calls by which a process writes and sends are the points where a crash can differ from another, and strace can stop a process
//! at each. So every one is found without the node's knowing, and nothing in the node can be set off by accident.
//!
//! `REPEATS` says at how many of each kind of call it dies; with more than there are, at every one.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::devnet::{Devnet, binary, eventually, nudge, repeats};
use super::killed::history;
use super::testimony;

/// How a process writes, makes durable, names, removes and sends.
const CALLS: &str =
    "write,pwrite64,writev,fsync,fdatasync,fallocate,ftruncate,rename,unlink,mkdir,sendto,sendmsg";
/// Points of each kind of call, unless `REPEATS` says more.
const POINTS: usize = 1;
/// Blocks that the node takes part in, if it lives.
const BLOCKS: usize = 2;
const VICTIM: &str = "main-4";

/// The victim under strace.
struct Traced {
    /// The node itself: strace goes beside it, and ends with it.
    node: Child,
    trace: PathBuf,
}

impl Traced {
    fn start(devnet: &Devnet, fault: Option<&str>) -> Self {
        let trace = PathBuf::from(devnet.at("trace"));
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(devnet.at("victim.log"))
            .expect("there is room for a log");
        let mut strace = Command::new("strace");
        strace
            .args(["--daemonize", "--follow-forks", "--quiet=all", "--output"])
            .arg(&trace)
            .arg(format!("--trace={CALLS}"))
            .args(fault.map(|fault| format!("--inject={fault}")))
            .arg(binary())
            .args(["start", "--log", testimony::LOG, "--home"])
            .arg(devnet.node(VICTIM).home)
            .stdin(Stdio::null())
            .stderr(log.try_clone().expect("a log can be written twice"))
            .stdout(log);
        let node = strace
            .spawn()
            .expect("strace is installed: scripts/setup.sh --tests");
        Self { node, trace }
    }

    fn lives(&mut self) -> bool {
        let status = self.node.try_wait().expect("it is a child of this process");
        status.is_none()
    }

    /// Of each call, how often the thread made it that made it most: strace counts by thread.
    fn counts(&self) -> BTreeMap<String, usize> {
        let trace = std::fs::read_to_string(&self.trace).unwrap_or_default();
        let mut by_thread: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for line in trace.lines() {
            let Some((thread, rest)) = line.split_once(' ') else {
                continue;
            };
            if let Some((call, _)) = rest.trim_start().split_once('(')
                && CALLS.split(',').any(|known| known == call)
            {
                *by_thread.entry((thread, call)).or_default() += 1;
            }
        }
        let mut counts = BTreeMap::new();
        for ((_, call), count) in by_thread {
            let most: &mut usize = counts.entry(call.to_owned()).or_default();
            *most = count.max(*most);
        }
        counts
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        self.node.kill().ok();
        self.node.wait().ok();
    }
}

/// The chain goes on until the victim is dead, or has taken part in enough blocks. Whether it died.
async fn plays(devnet: &Devnet, victim: &mut Traced) -> bool {
    let client = devnet.client("main-1");
    let mut blocks = 0;
    while blocks < BLOCKS && victim.lives() {
        let committed = nudge(&client).await.expect("three of four go on");
        eventually("the victim follows, or dies", async || {
            if !victim.lives() {
                return Some(());
            }
            let status = devnet.status(VICTIM).await?;
            (status.height >= committed.height && status.voting).then_some(())
        })
        .await;
        blocks += 1;
    }
    !victim.lives()
}

/// The victim, started as ever, has what the others have; and its key never contradicted itself.
async fn check(devnet: &Devnet) -> usize {
    let committed = nudge(&devnet.client("main-1"))
        .await
        .expect("the chain goes on");
    for node in [VICTIM, "main-1"] {
        eventually(&format!("{node} follows"), async || {
            (devnet.status(node).await?.height >= committed.height).then_some(())
        })
        .await;
    }
    let own = history(&devnet.client(VICTIM), committed.height).await;
    let other = history(&devnet.client("main-1"), committed.height).await;
    assert_eq!(own, other, "blocks and states of the victim and of another");
    let log = std::fs::read_to_string(devnet.at("victim.log")).expect("it has a log");
    assert!(!log.contains("panicked"), "{log}");
    testimony::signatures(VICTIM, &log).len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_dies_at_any_write_or_send_comes_back_and_contradicts_nothing() {
    let devnet = Devnet::up(&[]);
    devnet.tell("kill", VICTIM);
    let mut whole = Traced::start(&devnet, None);
    assert!(
        !plays(&devnet, &mut whole).await,
        "it lives when nothing happens"
    );
    let counts = whole.counts();
    drop(whole);
    assert!(
        counts.contains_key("fdatasync") && counts.contains_key("write"),
        "{counts:?}"
    );

    let (mut reached, mut tried) = (0, 0);
    for (call, count) in &counts {
        let points = repeats(POINTS).min(*count);
        for point in 0..points {
            // One of each of as many equal parts.
            let (from, to) = (point * count / points, (point + 1) * count / points);
            let nth = fastrand::usize(from..to) + 1;
            let mut victim =
                Traced::start(&devnet, Some(&format!("{call}:signal=KILL:when={nth}")));
            tried += 1;
            reached += usize::from(plays(&devnet, &mut victim).await);
        }
    }
    let whole = Traced::start(&devnet, None);
    let signatures = check(&devnet).await;
    drop(whole);
    assert!(reached > 0, "some of {tried} points were reached");
    println!(
        "died at {reached} of {tried} points of {counts:?}; {signatures} signatures, none against another"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_disk_fails_once_says_so_and_goes_on_by_itself() {
    let devnet = Devnet::up(&[]);
    devnet.tell("kill", VICTIM);
    let mut whole = Traced::start(&devnet, None);
    assert!(
        !plays(&devnet, &mut whole).await,
        "it lives when nothing happens"
    );
    let counts = whole.counts();
    drop(whole);
    let client = devnet.client("main-1");
    for error in ["EIO", "ENOSPC"] {
        // One more than any thread makes when it starts: only the thread that writes blocks gets there.
        let nth = counts["fdatasync"] + 1;
        let victim = Traced::start(
            &devnet,
            Some(&format!("fdatasync:error={error}:when={nth}")),
        );
        let log = || std::fs::read_to_string(devnet.at("victim.log")).expect("it has a log");
        let said = |line: &str| log().matches(line).count();
        let before = (
            said("this node cannot go on"),
            said("the store writes again"),
        );
        eventually(&format!("after {error} it says so"), async || {
            nudge(&client).await.ok()?;
            (said("this node cannot go on") > before.0).then_some(())
        })
        .await;
        let reads = devnet.client(VICTIM).status().await;
        assert!(reads.is_ok(), "reads are served: {reads:?}");
        eventually(
            &format!("after {error} the store writes again"),
            async || (said("the store writes again") > before.1).then_some(()),
        )
        .await;
        eventually("it votes again", async || {
            nudge(&client).await.ok()?;
            devnet.status(VICTIM).await?.voting.then_some(())
        })
        .await;
        let signatures = check(&devnet).await;
        drop(victim);
        println!("one {error}: {signatures} signatures, none against another");
    }
}
