//! A whole measurement in opaque mode: starts nodes and clients as processes of their own, and adds up what the nodes print.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;

use super::node::{NodeSettings, Second};
use crate::clock;
use crate::devnet::process::cpu_ticks;

/// proc(5) counts processor time in hundredths of a second on Linux.
const TICKS_PER_SECOND: u64 = 100;

/// What to measure.
#[derive(Debug, Clone)]
pub struct Measure {
    /// Nodes.
    pub nodes: u16,
    /// Node 0's port for peers; the others' follow, and their ports for clients.
    pub port: u16,
    /// Transactions a second, over all nodes together.
    pub rate: u64,
    /// The length of one.
    pub transaction_bytes: usize,
    /// Before the measurement begins.
    pub warm_up: Duration,
    /// How long it lasts.
    pub time: Duration,
    /// An empty directory for the stores.
    pub directory: PathBuf,
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Measured {
    /// Transactions decided a second.
    pub decided_per_second: u64,
    /// Transactions that became due a second.
    pub offered_per_second: u64,
    /// Heights a second.
    pub heights_per_second: u64,
    /// From due to decided, milliseconds, that half of the transactions did not exceed.
    pub p50_ms: Option<u64>,
    /// The same for 99 of 100.
    pub p99_ms: Option<u64>,
    /// Processor time of all nodes for a thousand transactions, milliseconds.
    pub nodes_cpu_ms_per_1000: u64,
    /// Nodes.
    pub nodes: u16,
    /// The length of a transaction.
    pub transaction_bytes: usize,
}

/// A process that ends when this is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // An error says that it has ended already.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

struct Node {
    process: Running,
    lines: Lines<BufReader<ChildStdout>>,
}

/// Measures. `program` is this program; it is called again as `opaque node` and `opaque flood`.
pub fn measure(program: &Path, measure: &Measure) -> anyhow::Result<Measured> {
    let mut nodes = (0..measure.nodes)
        .map(|index| start_node(program, measure, index))
        .collect::<anyhow::Result<Vec<Node>>>()?;
    // They report once all are connected.
    read_until(&mut nodes, clock::unix_ms())?;
    let clients = (0..measure.nodes)
        .map(|index| start_client(program, measure, index))
        .collect::<anyhow::Result<Vec<Running>>>()?;
    let warm = clock::unix_ms() + millis(measure.warm_up);
    let begin = read_until(&mut nodes, warm)?;
    let ticks = ticks(&nodes);
    let end = read_until(&mut nodes, warm + millis(measure.time))?;
    let ticks = self::ticks(&nodes).saturating_sub(ticks);
    drop(clients);
    Ok(summary(measure, &begin, &end, ticks))
}

fn start_node(program: &Path, measure: &Measure, index: u16) -> anyhow::Result<Node> {
    let settings = settings(measure, index);
    let mut process = Command::new(program)
        .args(["opaque", "node"])
        .args(["--index", &index.to_string()])
        .args(["--nodes", &measure.nodes.to_string()])
        .args(["--port", &measure.port.to_string()])
        .args(["--bytes", &measure.transaction_bytes.to_string()])
        .arg("--data")
        .arg(&settings.data)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("start a node")?;
    let stdout = process.stdout.take().context("a node's output")?;
    Ok(Node {
        process: Running(process),
        lines: BufReader::new(stdout).lines(),
    })
}

fn start_client(program: &Path, measure: &Measure, index: u16) -> anyhow::Result<Running> {
    let rate = measure.rate / u64::from(measure.nodes);
    // Longer than it is measured: it is ended.
    let time = measure.warm_up + measure.time * 2;
    let process = Command::new(program)
        .args(["opaque", "flood"])
        .args(["--to", &settings(measure, index).clients().to_string()])
        .args(["--rate", &rate.to_string()])
        .args(["--bytes", &measure.transaction_bytes.to_string()])
        .args(["--seconds", &time.as_secs().to_string()])
        .spawn()
        .context("start a client")?;
    Ok(Running(process))
}

fn settings(measure: &Measure, index: u16) -> NodeSettings {
    NodeSettings {
        index,
        nodes: measure.nodes,
        port: measure.port,
        transaction_bytes: measure.transaction_bytes,
        data: measure.directory.join(index.to_string()),
    }
}

/// Each node's first line after `unix_ms`, with all latencies up to there. What one node prints waits in its pipe for its turn.
fn read_until(nodes: &mut [Node], unix_ms: i64) -> anyhow::Result<Vec<Second>> {
    let mut seconds = Vec::new();
    for node in nodes {
        let mut latencies: BTreeMap<u64, u64> = BTreeMap::new();
        loop {
            let line = node.lines.next();
            let line = line.context("a node has ended: is one of its ports taken?")?;
            let line = line.context("read a node's output")?;
            let second: Second = serde_json::from_str(&line).context("read a node's line")?;
            for (took, count) in &second.latencies_ms {
                *latencies.entry(*took).or_insert(0) += count;
            }
            if second.unix_ms >= unix_ms {
                seconds.push(Second {
                    latencies_ms: latencies,
                    ..second
                });
                break;
            }
        }
    }
    Ok(seconds)
}

fn ticks(nodes: &[Node]) -> u64 {
    nodes
        .iter()
        .filter_map(|node| cpu_ticks(node.process.0.id()))
        .sum()
}

fn summary(measure: &Measure, begin: &[Second], end: &[Second], ticks: u64) -> Measured {
    let mut latencies: BTreeMap<u64, u64> = BTreeMap::new();
    for (took, count) in end.iter().flat_map(|second| &second.latencies_ms) {
        *latencies.entry(*took).or_insert(0) += count;
    }
    let (Some(first), Some(last)) = (begin.first(), end.first()) else {
        unreachable!("there is at least one node")
    };
    let took_ms = u64::try_from(last.unix_ms - first.unix_ms)
        .unwrap_or(1)
        .max(1);
    let decided = last.transactions - first.transactions;
    Measured {
        decided_per_second: decided * 1000 / took_ms,
        offered_per_second: measure.rate,
        heights_per_second: (last.height - first.height) * 1000 / took_ms,
        p50_ms: percentile(&latencies, 50),
        p99_ms: percentile(&latencies, 99),
        nodes_cpu_ms_per_1000: ticks * (1000 / TICKS_PER_SECOND) * 1000 / decided.max(1),
        nodes: measure.nodes,
        transaction_bytes: measure.transaction_bytes,
    }
}

/// The least time that `percent` of all did not exceed.
fn percentile(latencies: &BTreeMap<u64, u64>, percent: u64) -> Option<u64> {
    let all: u64 = latencies.values().sum();
    let wanted = (all * percent).div_ceil(100);
    let mut seen = 0;
    latencies
        .iter()
        .find(|(_, count)| {
            seen += **count;
            seen >= wanted
        })
        .map(|(took, _)| *took)
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_count_how_often_a_time_was_taken() {
        let latencies = BTreeMap::from([(3, 50), (10, 49), (400, 1)]);
        assert_eq!(percentile(&latencies, 50), Some(3));
        assert_eq!(percentile(&latencies, 99), Some(10));
        assert_eq!(percentile(&latencies, 100), Some(400));
        assert_eq!(percentile(&BTreeMap::new(), 50), None);
    }
}
