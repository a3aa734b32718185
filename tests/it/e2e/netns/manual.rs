//! `docs/run-a-super-node.md`, followed to the letter by five organisations, each at a place of its own.
//!
//! The commands are those of the page, line by line; what an organisation puts in for the example's names and addresses is put in.
//! A command that the page gains or loses breaks this test until it follows.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use serde_json::Value;
use starfire_node::client::Client;
use tempfile::TempDir;

use super::super::devnet::{Answer, Seat, binary, eventually, nudge};
use super::world::{PATH, World};

const PAGE: &str = include_str!("../../../../docs/run-a-super-node.md");
/// Organisations that found the chain.
pub(super) const ORGANISATIONS: usize = 5;

/// The commands of a section, in order.
pub(super) fn commands<const N: usize>(section: &str) -> [&'static str; N] {
    let (_, rest) = PAGE
        .split_once(&format!("\n## {section}\n"))
        .unwrap_or_else(|| panic!("the page has a section {section:?}"));
    let text = rest.split("\n## ").next().expect("a section has text");
    let found: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("$ "))
        .collect();
    found.try_into().unwrap_or_else(|found| {
        panic!("{section:?} has other commands than this test knows: {found:#?}")
    })
}

/// The example's first organisation is this one.
fn for_organisation(command: &str, number: usize) -> String {
    let address = World::address(number);
    [
        ("node1", format!("node{number}")),
        ("pass1", format!("pass{number}")),
        ("sig1", format!("sig{number}")),
        ("super-1", format!("super-{number}")),
        ("Organisation 1", format!("Organisation {number}")),
        ("/ip4/127.0.0.1/", format!("/ip4/{address}/")),
    ]
    .into_iter()
    .fold(command.to_owned(), |command, (example, own)| {
        command.replace(example, &own)
    })
}

/// The example's four organisations are five.
fn for_all(command: &str) -> String {
    command
        .replace("node4/member.json", "node4/member.json node5/member.json")
        .replace("sig4.json", "sig4.json sig5.json")
}

/// Places with one directory, in which every command runs.
pub(super) struct Organisations {
    processes: Vec<Child>,
    /// What the founders' card collection said.
    peers: Vec<String>,
    world: World,
    directory: TempDir,
    _seat: Seat,
}

impl Organisations {
    pub(super) fn gather(places: usize) -> Option<Self> {
        let seat = Seat::take();
        Some(Self {
            processes: Vec::new(),
            peers: Vec::new(),
            world: World::new(places)?,
            directory: tempfile::tempdir().expect("there is room"),
            _seat: seat,
        })
    }

    fn all() -> std::ops::RangeInclusive<usize> {
        1..=ORGANISATIONS
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn shell(&self, place: usize, command: &str) -> std::process::Command {
        let program = binary();
        let folder = program.parent().expect("the binary stands in a folder");
        let mut shell = self.world.command(place, "bash");
        shell
            .args([
                "-c",
                &format!("cd {} && {command}", self.directory.path().display()),
            ])
            .env("PATH", format!("{}:{PATH}", folder.display()))
            .env_remove("STARFIRE_NODE")
            .env_remove("STARFIRE_PASSPHRASE_FILE")
            .stdin(Stdio::null());
        shell
    }

    pub(super) fn run(&self, place: usize, command: &str) -> Answer {
        let output = self.shell(place, command).output().expect("bash runs");
        output.into()
    }

    /// What a command printed that succeeded.
    #[track_caller]
    pub(super) fn says(&self, place: usize, command: &str) -> String {
        let answer = self.run(place, command);
        assert_eq!(answer.exit, Some(0), "{command}: {}", answer.err);
        answer.out
    }

    /// A passphrase file that nobody else may read.
    pub(super) fn write_passphrase(&self, number: usize) {
        let path = self.at(&format!("pass{number}"));
        std::fs::write(&path, "a passphrase of this organisation alone\n").expect("there is room");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("it is ours");
    }

    /// What chapter 5 says about a home's configuration: the others' addresses, and the key of the network.
    pub(super) fn connect(&self, number: usize) {
        let own = format!("/ip4/{}/", World::address(number));
        let mut others = self.peers.clone();
        others.retain(|peer| !peer.starts_with(&own));
        self.edit(number, "peers = []", &format!("peers = {others:?}"));
        if number > 1 {
            self.says(number, &format!("cp node1/network.psk node{number}/"));
        }
        self.edit(
            number,
            "# psk_file = \"network.psk\"",
            "psk_file = \"network.psk\"",
        );
    }

    fn edit(&self, number: usize, from: &str, to: &str) {
        let config = self.at(&format!("node{number}/config.toml"));
        let text = std::fs::read_to_string(&config).expect("init wrote it");
        assert!(text.contains(from), "{text}");
        std::fs::write(&config, text.replace(from, to)).expect("it is ours");
    }

    pub(super) fn start(&mut self, number: usize, command: &str) {
        let log =
            std::fs::File::create(self.at(&format!("node{number}.log"))).expect("there is room");
        // In place of the shell, so that whoever kills the process kills the node.
        let process = self
            .shell(number, &format!("exec {command}"))
            .stdout(log.try_clone().expect("a log can be written twice"))
            .stderr(log)
            .spawn();
        self.processes.push(process.expect("bash runs"));
    }
}

impl Drop for Organisations {
    fn drop(&mut self) {
        for process in &mut self.processes {
            process.kill().ok();
            process.wait().ok();
        }
    }
}

/// The value of a line `name  value` of a report.
pub(super) fn value<'t>(report: &'t str, name: &str) -> &'t str {
    let line = report.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in {report}"))
        .trim()
}

/// Chapters 1 to 5: from empty machines to five processes. The chain's fingerprint.
pub(super) fn found(five: &mut Organisations) -> String {
    let [init] = commands("1. Make a home");
    for number in Organisations::all() {
        five.write_passphrase(number);
        let made = five.says(number, &for_organisation(init, number));
        assert_eq!(
            value(&made, "member_card"),
            format!("node{number}/member.json")
        );
    }

    let [collect] = commands("2. Collect the member cards");
    let collected = five.says(1, &for_all(collect));
    let hash = value(&collected, "genesis_hash").to_owned();
    five.peers = value(&collected, "peers")
        .split(", ")
        .map(str::to_owned)
        .collect();
    assert_eq!(five.peers.len(), ORGANISATIONS);

    let [show, sign] = commands("3. Sign");
    for number in Organisations::all() {
        let shown = five.says(number, show);
        assert_eq!(value(&shown, "genesis_hash"), hash, "each compares it");
        let signed = five.says(number, &for_organisation(sign, number));
        assert_eq!(value(&signed, "genesis_hash"), hash);
    }

    let [too_early, build] = commands("4. Build");
    let refused = five.run(1, too_early);
    assert_ne!(refused.exit, Some(0));
    assert!(
        refused.err.starts_with("error: CEREMONY: "),
        "{}",
        refused.err
    );
    let built = five.says(1, &for_all(build));
    assert_eq!(value(&built, "genesis_hash"), hash);
    let fingerprint = value(&built, "fingerprint").to_owned();

    let [show, copy, network_key, start] = commands("5. Configure and start");
    five.says(1, network_key);
    for number in Organisations::all() {
        let shown = five.says(number, show);
        assert_eq!(value(&shown, "complete"), "true");
        five.says(number, &for_organisation(copy, number));
        five.connect(number);
    }
    for number in Organisations::all() {
        five.start(number, &for_organisation(start, number));
    }
    fingerprint
}

#[tokio::test(flavor = "multi_thread")]
async fn five_organisations_follow_the_page_and_have_a_chain_that_says_what_the_page_says() {
    let Some(mut five) = Organisations::gather(ORGANISATIONS) else {
        return;
    };
    let fingerprint = found(&mut five);

    let [status, export, create] = commands("6. Check");
    for number in Organisations::all() {
        eventually(
            &format!("organisation {number} sees all others"),
            async || {
                let shown: Value = serde_json::from_str(&five.run(number, status).out).ok()?;
                let well = shown["height"].as_u64()? > 0
                    && shown["stalled"] == ""
                    && shown["voting"] == true
                    && shown["syncing"] == false
                    && shown["peers"] == ORGANISATIONS - 1;
                well.then_some(())
            },
        )
        .await;
    }
    let exported = five.says(2, export);
    assert_eq!(
        value(&exported, "fingerprint"),
        fingerprint,
        "pinned by another way"
    );
    assert_eq!(value(&exported, "validators"), ORGANISATIONS.to_string());
    let created: Value = serde_json::from_str(&five.says(3, create)).expect("it prints JSON");
    assert!(
        created["did"]
            .as_str()
            .is_some_and(|did| did.starts_with("did:bid:ef"))
    );

    let [why_stalled] = commands("When something breaks");
    for mut process in five.processes.split_off(3) {
        process.kill().expect("it runs");
        process.wait().expect("a killed process ends");
    }
    eventually("the chain says who is missing", async || {
        let said = five.run(1, why_stalled).out;
        let named = said.contains("Organisation 4") && said.contains("Organisation 5");
        (said.starts_with("NO_QUORUM: ") && named).then_some(())
    })
    .await;
    let [.., start] = commands::<4>("5. Configure and start");
    for number in [4, 5] {
        five.start(number, &for_organisation(start, number));
    }
    let (mut door, url) = five.world.door(5, "127.0.0.1:26680");
    let client = Client::connect(&url).expect("a door's URL is one");
    eventually("the chain goes on by itself", async || {
        nudge(&client).await.ok()
    })
    .await;
    door.kill().ok();
    door.wait().ok();
    for number in Organisations::all() {
        let log =
            std::fs::read_to_string(five.at(&format!("node{number}.log"))).expect("it has a log");
        assert!(!log.contains("panicked"), "{log}");
    }
}
