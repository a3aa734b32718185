//! Every kind of file of a stopped node's home, damaged at random: the node goes on, or refuses with a code. It never tells anything
//! that is not so.
//!
//! `REPEATS` says how often each damage is done to each kind of file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use starfire_proto::v1;

use super::devnet::{ByHand, Devnet, block, eventually, nudge, repeats};

/// Rounds over all files, unless `REPEATS` says more.
const ROUNDS: usize = 1;
/// Blocks of the chain whose files are damaged, at least.
const BLOCKS: usize = 6;
/// Zeros at the end of a file whose last page was not written.
const TORN_BYTES: usize = 4096;

/// What can happen to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Damage {
    /// One bit is another.
    Flipped,
    /// It ends early.
    Cut,
    /// Its end is zeros.
    Torn,
}

const DAMAGES: [Damage; 3] = [Damage::Flipped, Damage::Cut, Damage::Torn];

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    /// It started, and all that it tells is so.
    Serves,
    /// It refused to start.
    Refuses(String),
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("there is room");
    for entry in std::fs::read_dir(from).expect("a home can be read") {
        let path = entry.expect("an entry").path();
        let to = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            // With its mode: a key that others may read is another fault.
            std::fs::copy(&path, &to).expect("there is room");
        }
    }
}

/// All files of a home by kind: their extension, or their name without its number.
fn kinds(home: &Path, folder: &Path) -> BTreeMap<String, Vec<PathBuf>> {
    let mut found: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("a home can be read") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            for (kind, paths) in kinds(home, &path) {
                found.entry(kind).or_default().extend(paths);
            }
            continue;
        }
        let relative = path.strip_prefix(home).expect("it is in the home");
        let text = relative.to_string_lossy();
        let kind = text.trim_end_matches(|letter: char| letter.is_ascii_digit());
        let kind = match relative.extension() {
            Some(extension) if kind.starts_with("data/") => {
                format!("data/*.{}", extension.to_string_lossy())
            }
            Some(_) | None => kind.to_owned(),
        };
        found.entry(kind).or_default().push(relative.to_owned());
    }
    found
}

/// The damaged file's new content; none: it has no byte to damage.
fn damaged(bytes: &[u8], damage: Damage) -> Option<Vec<u8>> {
    if bytes.is_empty() {
        return None;
    }
    let mut bytes = bytes.to_vec();
    let place = fastrand::usize(..bytes.len());
    match damage {
        Damage::Flipped => bytes[place] ^= 1 << fastrand::u8(..8),
        Damage::Cut => bytes.truncate(place),
        Damage::Torn => {
            let start = bytes.len().saturating_sub(TORN_BYTES);
            bytes[start..].fill(0);
        }
    }
    Some(bytes)
}

/// Starts the home's node, which finds no peers, and holds what it tells against the chain.
async fn try_out(home: &Path, chain: &[Option<v1::Block>], what: &str) -> End {
    let mut node = ByHand::start(home);
    let ended = eventually(
        &format!("{what}: it is up, or has refused"),
        async || match node.ended() {
            Some(exit) => Some(Some(exit)),
            None => node.log().contains("node is up").then_some(None),
        },
    )
    .await;
    if let Some(exit) = ended {
        let log = node.log();
        assert!(
            exit.is_some_and(|exit| exit != 0),
            "{what}: {exit:?}, {log}"
        );
        let code = log
            .lines()
            .find_map(|line| line.strip_prefix("error: ")?.split(':').next())
            .unwrap_or_else(|| panic!("{what}: it refused without a code: {log}"));
        return End::Refuses(code.to_owned());
    }
    let client = node.client().await;
    let status = client.status().await;
    let height = status
        .unwrap_or_else(|error| panic!("{what}: {error}"))
        .height;
    assert!(
        height <= u64::try_from(chain.len()).expect("a short chain"),
        "{what}: it has blocks that were never decided"
    );
    for (height, expected) in (1..=height).zip(chain) {
        let request = v1::GetBlockRequest { height };
        match client.call(client.blocks().get(request)).await {
            Ok(view) => assert_eq!(view.block, *expected, "{what}: block {height}"),
            // A table that no longer agrees with its checksums answers nothing, and the log says why.
            Err(error) => return End::Refuses(error.code),
        }
    }
    End::Serves
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_refused_with_a_code_or_does_no_harm() {
    let devnet = Devnet::up(&[]);
    let client = devnet.client("main-1");
    for half in 0..2 {
        for _ in 0..BLOCKS / 2 {
            nudge(&client).await.expect("the chain goes on");
        }
        devnet.tell("kill", "all");
        // What the log held goes to table files by the restart, so the second half has both.
        if half == 0 {
            devnet.tell("resume", "all");
            eventually("the chain is back", async || nudge(&client).await.ok()).await;
        }
    }
    let room = tempfile::tempdir().expect("there is room");
    let home = room.path().join("whole");
    // Before it is opened once more, which would empty its log.
    copy(&devnet.node("main-1").home, &home);
    devnet.tell("resume", "main-1");
    let height = devnet.height("main-1").await;
    let mut chain = Vec::new();
    for height in 1..=height {
        chain.push(block(&client, height).await.block);
    }
    devnet.tell("kill", "main-1");

    let mut ends: BTreeMap<(String, Damage), BTreeSet<End>> = BTreeMap::new();
    let mut count = 0;
    for _ in 0..repeats(ROUNDS) {
        for (kind, files) in kinds(&home, &home) {
            for damage in DAMAGES {
                let file = &files[fastrand::usize(..files.len())];
                let whole = std::fs::read(home.join(file)).expect("a home can be read");
                let Some(bytes) = damaged(&whole, damage) else {
                    continue;
                };
                let copied = room.path().join(count.to_string());
                copy(&home, &copied);
                std::fs::write(copied.join(file), bytes).expect("there is room");
                let what = format!("{} {damage:?}", file.display());
                let end = try_out(&copied, &chain, &what).await;
                std::fs::remove_dir_all(&copied).expect("it is ours");
                ends.entry((kind.clone(), damage)).or_default().insert(end);
                count += 1;
            }
        }
    }
    println!("{count} times one file damaged:");
    for ((kind, damage), ends) in ends {
        println!("  {kind} {damage:?}: {ends:?}");
    }
}
