//! A network at rest costs next to nothing.

use std::time::Duration;

use super::devnet::{Devnet, eventually};

const WATCH: Duration = Duration::from_secs(10);
/// Of one processor, for all twelve nodes together.
const SHARE_MAX_PERCENT: u64 = 25;
/// proc(5) counts in hundredths of a second.
const TICK_MS: u64 = 10;

/// The processor time of these processes.
fn processor_ms(pids: &[u32]) -> u64 {
    let ticks = pids.iter().map(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .unwrap_or_else(|error| panic!("node {pid} runs: {error}"));
        let (_, fields) = stat
            .rsplit_once(')')
            .expect("proc(5): the name is in brackets");
        // utime and stime: fields 14 and 15 of which the first here is field 3.
        let fields = fields.split_whitespace().skip(11).take(2);
        fields
            .map(|field| field.parse::<u64>().expect("a number of ticks"))
            .sum::<u64>()
    });
    ticks.sum::<u64>() * TICK_MS
}

#[tokio::test(flavor = "multi_thread")]
async fn twelve_idle_nodes_take_little_of_one_processor() {
    let devnet = Devnet::up(&["--sub", "cn01:4", "--sub", "my01:4"]);
    let manifest = devnet.manifest();
    let pids: Vec<u32> = manifest.nodes().map(|node| node.pid).collect();
    assert_eq!(pids.len(), 12);
    eventually("the anchors of the first blocks are in", async || {
        for backbone in ["cn01-1", "my01-1"] {
            let status = devnet.status(backbone).await?;
            (status.anchoring?.anchored_height + 1 >= status.height).then_some(())?;
        }
        Some(())
    })
    .await;
    let before = processor_ms(&pids);
    // Not a wait for something, but the time that is measured.
    tokio::time::sleep(WATCH).await;
    let spent = processor_ms(&pids) - before;
    let watched = u64::try_from(WATCH.as_millis()).unwrap();
    assert!(
        spent * 100 < watched * SHARE_MAX_PERCENT,
        "twelve idle nodes took {spent} ms of processor time in {watched} ms"
    );
}
