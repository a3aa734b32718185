//! The chapters of the page about a newcomer: it follows the chain, is admitted by motion, votes, and leaves again.

use serde_json::Value;

use super::super::devnet::eventually;
use super::manual::{ORGANISATIONS, Organisations, commands, found, value};
use super::world::World;

/// The place of the newcomer.
const SIXTH: usize = ORGANISATIONS + 1;

/// The page's four members and their fifth are here five and their sixth.
fn for_sixth(command: &str) -> String {
    let address = World::address(SIXTH);
    [
        ("node5", "node6".to_owned()),
        ("pass5", "pass6".to_owned()),
        ("super-5", "super-6".to_owned()),
        ("Organisation 5", "Organisation 6".to_owned()),
        ("/ip4/127.0.0.1/", format!("/ip4/{address}/")),
    ]
    .into_iter()
    .fold(command.to_owned(), |command, (example, own)| {
        command.replace(example, &own)
    })
}

/// Each of these members votes for a motion, by the command that the page has for the second.
fn approve(all: &Organisations, command: &str, members: std::ops::RangeInclusive<usize>) {
    for member in members {
        let own = command
            .replace("node2", &format!("node{member}"))
            .replace("pass2", &format!("pass{member}"));
        all.says(member, &own);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sixth_organisation_follows_is_admitted_votes_and_leaves_as_the_page_says() {
    let Some(mut all) = Organisations::gather(SIXTH) else {
        return;
    };
    found(&mut all);
    let [
        init,
        copy,
        start,
        admit,
        yes,
        _,
        status,
        power,
        yes_power,
        _,
        voting,
    ] = commands("Join a running chain");
    all.write_passphrase(SIXTH);
    let made = all.says(SIXTH, &for_sixth(init));
    let address = value(&made, "address").to_owned();
    all.says(SIXTH, &for_sixth(copy));
    all.connect(SIXTH);
    all.start(SIXTH, &for_sixth(start));

    eventually("the chain takes a motion", async || {
        let proposed = all.run(1, &for_sixth(admit));
        (proposed.exit == Some(0)).then_some(())
    })
    .await;
    approve(&all, yes, 2..=4);
    let seen = |command: &str| -> Option<Value> {
        serde_json::from_str(&all.run(SIXTH, command).out).ok()
    };
    eventually("the newcomer has the chain, and no vote", async || {
        let shown = seen(status)?;
        (shown["height"].as_u64()? > 1 && shown["voting"] == false).then_some(())
    })
    .await;

    all.says(1, &power.replace("ADDRESS", &address));
    approve(&all, yes_power, 2..=4);
    eventually("the newcomer votes", async || {
        (seen(voting)? == Value::Bool(true)).then_some(())
    })
    .await;

    let [no_power, remove] = commands("Leave");
    all.says(1, &no_power.replace("ADDRESS", &address));
    // Of sixty, more than forty.
    approve(&all, &yes.replace("vote 1", "vote 3"), 2..=5);
    eventually("the newcomer has no vote again", async || {
        (seen(voting)? == Value::Bool(false)).then_some(())
    })
    .await;
    all.says(1, &remove.replace("ADDRESS", &address));
    approve(&all, &yes.replace("vote 1", "vote 4"), 2..=4);
    eventually("it is let go", async || {
        (seen(status)?["peers"] == 0).then_some(())
    })
    .await;
}
