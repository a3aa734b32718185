//! What a validator's key signed in its whole life, as its node's logs tell.

use std::collections::BTreeMap;

/// The level at which a node tells of its signatures.
pub(super) const LOG: &str = "info,starfire_node::replica=debug";

/// Kind, height, round.
type Place = (String, u64, u32);

/// What was signed where, from a log. Panics if it contradicts itself: two blocks of one kind, height and round.
pub(super) fn signatures(name: &str, log: &str) -> BTreeMap<Place, String> {
    let mut signed = BTreeMap::new();
    for line in log
        .lines()
        .filter(|line| line.contains("DEBUG vote signed "))
    {
        let (place, block) = read(line).unwrap_or_else(|| panic!("{name} logged {line:?}"));
        let first = signed.entry(place).or_insert_with(|| block.clone());
        assert_eq!(*first, block, "{name} contradicts itself by {line:?}");
    }
    signed
}

fn read(line: &str) -> Option<(Place, String)> {
    let field = |name: &str| {
        let rest = line.split_once(&format!(" {name}="))?.1;
        rest.split(' ').next()
    };
    let place = (
        field("kind")?.to_owned(),
        field("height")?.parse().ok()?,
        field("round")?.parse().ok()?,
    );
    Some((place, field("block")?.to_owned()))
}

#[test]
fn a_contradiction_in_a_log_is_found() {
    let line = |round: u32, block: &str| {
        format!(
            "2026-01-01T00:00:00Z DEBUG vote signed height=7 round={round} kind=Prevote block={block}\n"
        )
    };
    let honest = line(0, "A/1/B") + &line(0, "A/1/B") + &line(1, "C/1/D");
    assert_eq!(signatures("honest", &honest).len(), 2);
    let liar = honest + &line(0, "C/1/D");
    assert!(std::panic::catch_unwind(|| signatures("liar", &liar)).is_err());
}
