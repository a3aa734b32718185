//! The tables of the performance page, from the files that measurements left.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::figures::Percentiles;
use super::machine::Machine;
use super::{block, censor, gap, idle, load, resolve, restart, scaling, targets};
use crate::failure::Failure;
use crate::file;

/// The longest file of a measurement.
const FILE_BYTES_MAX: usize = 16 << 20;
/// What stands where there is no figure.
const NONE: &str = "-";

/// All measurements; those that were not made are absent.
#[derive(Debug, Default)]
pub(crate) struct Measurements {
    /// As many payments as the chain takes.
    pub(super) saturate: Option<load::Record>,
    /// 80 % of them.
    pub(super) eighty: Option<load::Record>,
    /// 4800 a second: 80 % of what is asked for.
    pub(super) busy: Option<load::Record>,
    /// 2000 a second.
    pub(super) steady: Option<load::Record>,
    /// As many payments as the chain takes, by broadcast.
    pub(super) broadcast: Option<load::Record>,
    /// Empty blocks.
    pub(super) idle: Option<idle::Record>,
    /// Networks of several sizes.
    pub(super) scaling: Option<scaling::Record>,
    /// The proposer killed.
    pub(super) kill: Option<gap::Record>,
    /// The proposer paused.
    pub(super) pause: Option<gap::Record>,
    /// One validator censoring.
    pub(super) censor: Option<censor::Record>,
    /// Two validators killed.
    pub(super) kill_two: Option<gap::Record>,
    /// All killed, again and again.
    pub(super) restart: Option<restart::Record>,
    /// Unsigned bytes, ordered and nothing else: one object for each rate.
    pub(super) opaque: Option<Vec<Map<String, Value>>>,
    /// DIDs resolved, beside empty handlers.
    pub(super) resolve: Option<resolve::Record>,
    /// A block as the state grows: one record for each size.
    pub(super) block: Option<Vec<block::Record>>,
    /// The state tree's own benchmark: one object for each size.
    pub(super) tree: Option<Vec<Map<String, Value>>>,
}

impl Measurements {
    /// Reads what is there.
    pub(crate) fn load(directory: &Path) -> Result<Self, Failure> {
        Ok(Self {
            saturate: read(directory, "durable-saturate")?,
            eighty: read(directory, "durable-80")?,
            busy: read(directory, "durable-4800")?,
            steady: read(directory, "durable-2000")?,
            broadcast: read(directory, "durable-broadcast")?,
            idle: read(directory, "idle")?,
            scaling: read(directory, "scaling")?,
            kill: read(directory, "gap-kill")?,
            pause: read(directory, "gap-pause")?,
            censor: read(directory, "gap-censor")?,
            kill_two: read(directory, "gap-kill-two")?,
            restart: read(directory, "restart")?,
            opaque: read(directory, "opaque")?,
            resolve: read(directory, "resolve")?,
            block: read(directory, "block")?,
            tree: read(directory, "tree")?,
        })
    }

    /// The table of this name, in Markdown.
    pub(crate) fn table(&self, name: &str) -> Option<String> {
        match name {
            "machine" => Some(self.machine()),
            "targets" => Some(markdown(
                ["target", "bound", "measured", ""],
                targets::rows(self),
            )),
            "load" => Some(self.load_table()),
            "scaling" => Some(self.scaling_table()),
            "faults" => Some(self.faults()),
            "resolution" => Some(self.resolution()),
            "resolution-chain" => Some(self.resolution_chain()),
            "opaque" => Some(named_columns(self.opaque.as_deref())),
            "block" => Some(self.blocks()),
            "tree" => Some(named_columns(self.tree.as_deref())),
            _ => None,
        }
    }

    fn machine(&self) -> String {
        let loads = [&self.saturate, &self.eighty, &self.steady]
            .into_iter()
            .flatten();
        let machines = loads
            .map(|record| &record.settings.machine)
            .chain(self.idle.iter().map(|record| &record.machine));
        let Some(machine) = machines.into_iter().next() else {
            return "Nothing was measured.".to_owned();
        };
        let Machine {
            processor,
            cores,
            memory_mib,
            kernel,
            version,
            build,
            synced_write,
        } = machine;
        let mut rows = vec![
            ["processor".to_owned(), processor.clone()],
            ["cores".to_owned(), cores.to_string()],
            ["memory".to_owned(), format!("{memory_mib} MiB")],
            ["kernel".to_owned(), kernel.clone()],
            ["starfire".to_owned(), format!("{version}, {build}")],
            [
                "4 KiB written and synced, one writer".to_owned(),
                format!(
                    "p50 {} ms, p99 {} ms",
                    some(synced_write.p50_ms),
                    some(synced_write.p99_ms)
                ),
            ],
        ];
        if let Some(limits) = self.saturate.as_ref().map(|record| &record.signatures) {
            rows.push([
                "Ed25519 checks, all cores".to_owned(),
                format!(
                    "{}/s one by one, {}/s in batches of 1024",
                    limits.single_per_second, limits.batch_per_second
                ),
            ]);
        }
        markdown(["", ""], rows)
    }

    fn load_table(&self) -> String {
        let loads = [
            ("as many as it takes", &self.saturate),
            ("80 % of that", &self.eighty),
            ("4800/s", &self.busy),
            ("2000/s", &self.steady),
            ("as many as it takes, broadcast", &self.broadcast),
        ];
        let rows = loads
            .into_iter()
            .filter_map(|(name, record)| Some(load_row(name, record.as_ref()?)));
        markdown(
            [
                "load",
                "offered/s",
                "committed/s",
                "p50 ms",
                "p90 ms",
                "p99 ms",
                "p99.9 ms",
                "max ms",
                "blocks/s",
                "per block",
                "CPU-s per 1000, nodes",
                "clients",
                "sent/tx and node",
                "disk/tx and node",
                "MiB",
                "of batch limit",
                "failed, missing",
            ],
            rows.collect(),
        )
    }

    fn scaling_table(&self) -> String {
        let networks = self.scaling.iter().flat_map(|record| &record.networks);
        let rows = networks.map(|network| {
            let idle::Record { nodes, .. } = network;
            [
                network.validators.to_string(),
                format!("{:?}", network.routing).to_lowercase(),
                network.heights_per_second.to_string(),
                nodes.messages_per_height.to_string(),
                network.messages_per_height_and_peer.to_string(),
                nodes.bytes_per_height.to_string(),
                nodes.cpu_ms_per_height.to_string(),
                nodes.resident_mib.to_string(),
            ]
        });
        markdown(
            [
                "validators",
                "routing",
                "heights/s",
                "messages a height",
                "for each other validator",
                "bytes a height",
                "CPU ms a height, all nodes",
                "MiB a node",
            ],
            rows.collect(),
        )
    }

    fn resolution(&self) -> String {
        let answers = self.resolve.iter().flat_map(|record| &record.answers);
        let rows = answers.map(|figure| {
            [
                figure.kind.name().to_owned(),
                figure.per_second.to_string(),
                figure.share_of_empty.to_string(),
                some(figure.latency.p50_ms),
                some(figure.latency.p99_ms),
                figure.cpu_us.to_string(),
                figure.clients_cpu_us.to_string(),
                figure.bytes.to_string(),
            ]
        });
        markdown(
            [
                "answer",
                "each second",
                "of the empty handler's",
                "p50 ms",
                "p99 ms",
                "CPU µs, who answers",
                "CPU µs, clients",
                "bytes",
            ],
            rows.collect(),
        )
    }

    fn resolution_chain(&self) -> String {
        let Some(record) = &self.resolve else {
            return "Not measured.".to_owned();
        };
        let rows = [
            ("DIDs", record.dids.to_string()),
            (
                "filled, DIDs a second",
                record.fill.dids_per_second.to_string(),
            ),
            (
                "bytes of a DID on disk: state, tree, index, blocks, receipts",
                record.disk_bytes_per_did.to_string(),
            ),
            (
                "bytes of a DID in its transaction",
                record.fill.envelope_bytes_per_did.to_string(),
            ),
            ("node's memory", format!("{} MiB", record.resident_mib)),
            (
                "questions on their way, clients",
                format!("{}, {}", record.settings.in_flight, record.settings.clients),
            ),
            (
                "load of the machine before",
                record.settings.load_before.clone(),
            ),
        ];
        let rows = rows.map(|(name, figure)| [name.to_owned(), figure]);
        markdown(["", ""], Vec::from(rows))
    }

    fn blocks(&self) -> String {
        let rows = self.block.iter().flatten().map(|record| {
            [
                record.accounts.to_string(),
                record.payments.to_string(),
                some(record.took.p50_ms),
                some(record.took.p90_ms),
                record.cpu_ms.to_string(),
                record.filled_per_second.to_string(),
                record.disk_bytes_per_account.to_string(),
                record.resident_mib.to_string(),
            ]
        });
        markdown(
            [
                "accounts",
                "payments in a block",
                "p50 ms",
                "p90 ms",
                "CPU ms, all threads",
                "filled/s",
                "bytes an account on disk",
                "MiB",
            ],
            rows.collect(),
        )
    }

    fn faults(&self) -> String {
        let mut rows = Vec::new();
        for (name, record) in [
            ("proposer killed", &self.kill),
            ("proposer paused", &self.pause),
        ] {
            let Some(record) = record else { continue };
            rows.push([
                name.to_owned(),
                record.trials.len().to_string(),
                format!(
                    "longest gap {} ms, {} base timeouts; p50 between heights before: {} ms",
                    some(record.longest_ms),
                    some(record.longest_in_timeouts),
                    some(record.calm.p50_ms)
                ),
            ]);
        }
        if let Some(record) = &self.censor {
            rows.push([
                "one censors payments".to_owned(),
                record.payments.to_string(),
                format!(
                    "payment committed after {}; longest {} base timeouts",
                    spread(&record.latency),
                    record.longest_in_timeouts
                ),
            ]);
        }
        if let Some(record) = &self.kill_two {
            let resumed = record.trials.iter().filter_map(|trial| trial.resumed_us);
            rows.push([
                "two of four killed, later started".to_owned(),
                record.trials.len().to_string(),
                format!(
                    "no commit meanwhile; after the start {}",
                    spread(&Percentiles::of(resumed.collect(), 0))
                ),
            ]);
        }
        if let Some(record) = &self.restart {
            rows.push([
                "all killed, at once started".to_owned(),
                record.times.to_string(),
                format!(
                    "first commit after {}; {} votes signed, {} contradict another",
                    spread(&record.resumed),
                    record.votes_signed,
                    record.double_votes
                ),
            ]);
        }
        markdown(["fault", "times", "what came of it"], rows)
    }
}

/// A benchmark that names its columns itself.
fn named_columns(rows: Option<&[Map<String, Value>]>) -> String {
    let Some((first, _)) = rows.and_then(<[_]>::split_first) else {
        return "Not measured.".to_owned();
    };
    let cell = |row: &Map<String, Value>, name: &String| match row.get(name) {
        None | Some(Value::Null) => NONE.to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    let names = first.keys().map(|name| name.replace('_', " "));
    let rows = rows.into_iter().flatten().map(|row| {
        let cells = first.keys().map(|name| cell(row, name));
        cells.collect::<Vec<_>>()
    });
    markdown(names, rows.collect())
}

fn load_row(name: &str, record: &load::Record) -> [String; 17] {
    let load::Record {
        latency,
        cpu_per_1000,
        nodes,
        payments,
        ..
    } = record;
    [
        name.to_owned(),
        record
            .offered_per_second
            .map_or(NONE.to_owned(), |rate| rate.to_string()),
        record.committed_per_second.to_string(),
        some(latency.p50_ms),
        some(latency.p90_ms),
        some(latency.p99_ms),
        some(latency.p999_ms),
        some(latency.max_ms),
        record.blocks_per_second.to_string(),
        record.transactions_per_block.to_string(),
        cpu_per_1000.nodes_s.to_string(),
        cpu_per_1000.clients_s.to_string(),
        record.bytes_sent_per_transaction.to_string(),
        record.disk_bytes_per_transaction.to_string(),
        nodes.resident_mib.to_string(),
        record.share_of_batch_limit.to_string(),
        format!("{}, {}", payments.failed, payments.missing),
    ]
}

fn some(figure: Option<f64>) -> String {
    figure.map_or(NONE.to_owned(), |figure| figure.to_string())
}

fn spread(values: &Percentiles) -> String {
    format!(
        "p50 {} ms, p99 {} ms, max {} ms",
        some(values.p50_ms),
        some(values.p99_ms),
        some(values.max_ms)
    )
}

fn markdown<Row: AsRef<[String]>>(
    head: impl IntoIterator<Item = impl Into<String>>,
    rows: Vec<Row>,
) -> String {
    let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let head: Vec<String> = head.into_iter().map(Into::into).collect();
    let mut lines = vec![line(&head), line(&vec!["---".to_owned(); head.len()])];
    lines.extend(rows.iter().map(|row| line(row.as_ref())));
    lines.join("\n")
}

fn read<T: DeserializeOwned>(directory: &Path, name: &str) -> Result<Option<T>, Failure> {
    let path = directory.join(format!("{name}.json"));
    if !path.exists() {
        return Ok(None);
    }
    serde_json::from_slice(&file::read(&path, FILE_BYTES_MAX)?)
        .map(Some)
        .map_err(|error| Failure::content(&path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_the_page_is_there_even_when_nothing_was_measured() {
        let nothing = Measurements::default();
        for name in [
            "machine",
            "targets",
            "load",
            "opaque",
            "scaling",
            "faults",
            "resolution",
            "resolution-chain",
            "block",
            "tree",
        ] {
            assert!(nothing.table(name).is_some(), "{name}");
        }
        assert_eq!(nothing.table("another"), None);
    }

    #[test]
    fn rows_stand_under_their_heads() {
        let rows = vec![["a".to_owned(), "1".to_owned()]];
        assert_eq!(
            markdown(["name", "value"], rows),
            "| name | value |\n| --- | --- |\n| a | 1 |"
        );
    }

    #[test]
    fn the_tree_names_its_columns_itself() {
        let measured = Measurements {
            tree: serde_json::from_str(r#"[{ "keys": 5, "us_per_key": 3.5 }]"#).unwrap(),
            ..Measurements::default()
        };
        assert_eq!(
            measured.table("tree").unwrap(),
            "| keys | us per key |\n| --- | --- |\n| 5 | 3.5 |"
        );
    }

    #[test]
    fn a_file_that_is_no_measurement_is_named() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("idle.json"), "{}").unwrap();
        let failure = Measurements::load(directory.path()).unwrap_err();
        assert!(failure.message.contains("idle.json"), "{failure}");
    }
}
