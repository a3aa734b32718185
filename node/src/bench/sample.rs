//! What a network has used up so far: read from the kernel and from the nodes, twice, so that the difference belongs to the time
//! between.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::figures::ratio;
use super::machine::field;
use super::network::Network;
use crate::devnet::process::cpu_ticks;
use crate::failure::Failure;
use crate::home::Home;

/// proc(5) counts processor time in hundredths of a second on Linux.
pub(crate) const MS_PER_TICK: u64 = 10;

/// One node at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct NodeSample {
    height: u64,
    cpu_ms: u64,
    bytes_sent: u64,
    bytes_received: u64,
    messages_sent: u64,
    disk_bytes: u64,
    resident_kib: u64,
}

/// All nodes at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Sample(Vec<NodeSample>);

/// What all nodes together did between two samples.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Usage {
    /// Heights that were decided.
    pub(crate) heights: u64,
    /// Processor time of all nodes, user and system.
    pub(crate) cpu_ms: u64,
    /// The same for a height.
    pub(crate) cpu_ms_per_height: f64,
    /// Consensus messages, one for each recipient.
    pub(crate) messages: u64,
    /// The same for a height.
    pub(crate) messages_per_height: f64,
    /// Bytes on sockets for a height, sent by all nodes.
    pub(crate) bytes_per_height: u64,
    /// What each node sent.
    pub(crate) bytes_sent_by_node: Vec<u64>,
    /// What each node received.
    pub(crate) bytes_received_by_node: Vec<u64>,
    /// What the stores grew by, all nodes together: logs that are not compacted yet included.
    pub(crate) disk_bytes: u64,
    /// Memory of the greatest node, at the end.
    pub(crate) resident_mib: u64,
}

impl Sample {
    /// Asks every node and the kernel.
    pub(crate) async fn take(network: &Network) -> Result<Self, Failure> {
        let mut nodes = Vec::new();
        for (node, client) in network.nodes().iter().zip(network.clients()?) {
            let status = client.status().await?;
            let traffic = status.network.unwrap_or_default();
            nodes.push(NodeSample {
                height: status.height,
                cpu_ms: cpu_ms(node.pid),
                bytes_sent: traffic.bytes_sent,
                bytes_received: traffic.bytes_received,
                messages_sent: traffic.messages_sent,
                disk_bytes: disk_bytes(&Home::at(&node.home).data()),
                resident_kib: resident_kib(node.pid),
            });
        }
        Ok(Self(nodes))
    }

    /// The lowest height that a node has reached.
    pub(crate) fn height(&self) -> u64 {
        self.0
            .iter()
            .map(|node| node.height)
            .min()
            .unwrap_or_default()
    }

    /// What was used since an earlier sample.
    pub(crate) fn since(&self, before: &Self) -> Usage {
        let each = |value: fn(&NodeSample) -> u64| -> Vec<u64> {
            let pairs = self.0.iter().zip(&before.0);
            pairs
                .map(|(after, before)| value(after).saturating_sub(value(before)))
                .collect()
        };
        let all = |value| each(value).iter().sum::<u64>();
        let messages = all(|node| node.messages_sent);
        let sent = each(|node| node.bytes_sent);
        // Counters are those of a node's own last height, so they are divided by heights of all nodes together.
        let heights = all(|node| node.height);
        let nodes = u64::try_from(self.0.len()).unwrap_or(u64::MAX);
        let per_height = |sum: u64| ratio(sum.saturating_mul(nodes), heights);
        let cpu_ms = all(|node| node.cpu_ms);
        Usage {
            heights: heights.checked_div(nodes).unwrap_or_default(),
            cpu_ms,
            cpu_ms_per_height: per_height(cpu_ms),
            messages,
            messages_per_height: per_height(messages),
            bytes_per_height: (sent.iter().sum::<u64>() * nodes)
                .checked_div(heights)
                .unwrap_or_default(),
            bytes_sent_by_node: sent,
            bytes_received_by_node: each(|node| node.bytes_received),
            disk_bytes: all(|node| node.disk_bytes),
            resident_mib: self
                .0
                .iter()
                .map(|node| node.resident_kib / 1_024)
                .max()
                .unwrap_or_default(),
        }
    }
}

/// Processor time that a process has used.
pub(crate) fn cpu_ms(pid: u32) -> u64 {
    cpu_ticks(pid).unwrap_or_default() * MS_PER_TICK
}

/// Memory that a process holds.
pub(crate) fn resident_kib(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    kib(&text, "VmRSS").unwrap_or_default()
}

/// A size that proc(5) gives as `1234 kB`.
fn kib(status: &str, name: &str) -> Option<u64> {
    field(status, name)?.strip_suffix(" kB")?.parse().ok()
}

/// Bytes in the files of a store. Files come and go meanwhile, and what is gone has none.
pub(crate) fn disk_bytes(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.metadata().ok())
        .filter(std::fs::Metadata::is_file)
        .map(|metadata| metadata.len())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(height: u64, messages_sent: u64) -> NodeSample {
        NodeSample {
            height,
            messages_sent,
            cpu_ms: height * 2,
            bytes_sent: height * 100,
            ..NodeSample::default()
        }
    }

    #[test]
    fn a_difference_is_divided_by_the_heights_of_the_time_between() {
        let before = Sample(vec![sample(10, 5), sample(10, 7)]);
        let after = Sample(vec![sample(30, 45), sample(30, 27)]);
        let usage = after.since(&before);
        assert_eq!(usage.heights, 20);
        assert_eq!(usage.messages_per_height, 3.0);
        assert_eq!(usage.bytes_per_height, 200);
        assert_eq!(usage.cpu_ms, 80);
        assert_eq!(usage.cpu_ms_per_height, 4.0);
        assert_eq!(usage.bytes_sent_by_node, [2_000, 2_000]);
    }

    #[test]
    fn a_size_of_proc_is_read_with_its_unit() {
        let status = "Name:\tstarfire\nVmHWM:\t  9000 kB\nVmRSS:\t    5120 kB\n";
        assert_eq!(kib(status, "VmRSS"), Some(5_120));
        assert_eq!(kib(status, "VmSwap"), None);
    }

    #[test]
    fn this_process_has_used_memory_and_no_file_takes_no_place() {
        assert!(cpu_ticks(std::process::id()).is_some());
        assert_eq!(disk_bytes(Path::new("/nowhere")), 0);
    }
}
