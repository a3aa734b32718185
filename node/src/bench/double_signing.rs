//! Did any validator sign two different things? Read from the logs of all nodes, which say at level `debug` what was signed.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::network::Network;
use crate::failure::Failure;
use crate::home::Home;

/// The filter under which a node's log tells its votes.
pub(crate) const LOG: &str = "warn,starfire_node::replica=debug";
/// What such a line says.
const VOTE_SIGNED: &str = "vote signed";

/// A vote, as a log tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Vote {
    /// Height, round and phase.
    place: (u64, u32, String),
    /// What for.
    block: String,
}

/// What the logs say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Votes {
    /// Votes that were signed.
    pub(crate) signed: u64,
    /// Those that contradict an earlier vote of the same validator.
    pub(crate) double: u64,
}

/// Reads the logs of all nodes; each has a key of its own.
pub(crate) fn votes(network: &Network) -> Result<Votes, Failure> {
    let mut all = Votes::default();
    for node in network.nodes() {
        let votes = votes_of(&Home::at(&node.home).log())?;
        all.signed += votes.signed;
        all.double += votes.double;
    }
    Ok(all)
}

fn votes_of(log: &Path) -> Result<Votes, Failure> {
    let fault = |error: std::io::Error| Failure::file("read", log, &error);
    let file = std::fs::File::open(log).map_err(fault)?;
    let mut votes = Votes::default();
    let mut signed: BTreeMap<_, String> = BTreeMap::new();
    for line in BufReader::new(file).lines() {
        let Some(vote) = vote(&line.map_err(fault)?) else {
            continue;
        };
        votes.signed += 1;
        let first = signed.entry(vote.place).or_insert(vote.block.clone());
        votes.double += u64::from(*first != vote.block);
    }
    Ok(votes)
}

/// The vote that a line tells of, if it does.
fn vote(line: &str) -> Option<Vote> {
    let (_, fields) = line.split_once(VOTE_SIGNED)?;
    let field = |name: &str| {
        fields
            .split_ascii_whitespace()
            .find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
    };
    Some(Vote {
        place: (
            field("height")?.parse().ok()?,
            field("round")?.parse().ok()?,
            field("kind")?.to_owned(),
        ),
        block: field("block")?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_vote_twice_is_fine_and_another_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("starfire.log");
        let line = |kind: &str, block: &str| {
            format!(
                "2026-01-01T00:00:00Z DEBUG vote signed height=7 round=0 kind={kind} block={block}\n"
            )
        };
        let text = [
            line("prevote", "aa"),
            line("prevote", "aa"),
            line("precommit", "bb"),
            "2026-01-01T00:00:00Z  WARN something else height=7\n".to_owned(),
        ];
        std::fs::write(&log, text.concat()).unwrap();
        assert_eq!(
            votes_of(&log).unwrap(),
            Votes {
                signed: 3,
                double: 0
            }
        );
        std::fs::write(&log, text.concat() + &line("precommit", "cc")).unwrap();
        assert_eq!(
            votes_of(&log).unwrap(),
            Votes {
                signed: 4,
                double: 1
            }
        );
    }
}
