//! What the figures should be, beside what they are. A target that is missed says so.

use serde_json::Value;
use starfire_ledger::genesis::Routing;

use super::figures::ratio;
use super::gap::Trial;
use super::resolve::kind::Kind;
use super::tables::Measurements;

/// A figure's bound.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// A target and its figure; none: it was not measured.
#[derive(Debug, Clone, PartialEq)]
struct Target {
    what: &'static str,
    bound: Bound,
    unit: &'static str,
    figure: Option<f64>,
}

impl Target {
    fn row(&self) -> [String; 4] {
        let bound = match self.bound {
            Bound::AtLeast(bound) => format!("≥ {bound} {}", self.unit),
            Bound::AtMost(bound) => format!("≤ {bound} {}", self.unit),
        };
        let (figure, verdict) = match (self.figure, self.bound) {
            (None, _) => ("-".to_owned(), "not measured"),
            (Some(figure), Bound::AtLeast(bound)) if figure >= bound => (figure.to_string(), "met"),
            (Some(figure), Bound::AtMost(bound)) if figure <= bound => (figure.to_string(), "met"),
            (Some(figure), Bound::AtLeast(_) | Bound::AtMost(_)) => {
                (figure.to_string(), "**missed**")
            }
        };
        [self.what.to_owned(), bound, figure, verdict.to_owned()]
    }
}

/// Every target as a row: what, bound, figure, verdict.
pub(super) fn rows(measured: &Measurements) -> Vec<[String; 4]> {
    targets(measured).iter().map(Target::row).collect()
}

#[expect(clippy::too_many_lines, reason = "a list, one target after the other")]
fn targets(measured: &Measurements) -> Vec<Target> {
    let Measurements {
        saturate,
        eighty,
        busy,
        steady,
        idle,
        scaling,
        kill,
        pause,
        censor,
        kill_two,
        restart,
        opaque,
        resolve,
        block,
        tree,
        ..
    } = measured;
    let at_least = |what, bound, unit, figure| Target {
        what,
        bound: Bound::AtLeast(bound),
        unit,
        figure,
    };
    let at_most = |what, bound, unit, figure| Target {
        what,
        bound: Bound::AtMost(bound),
        unit,
        figure,
    };
    let whole = |value: u64| f64::from(u32::try_from(value).unwrap_or(u32::MAX));
    let messages = scaling.as_ref().and_then(|scaling| {
        let networks = scaling.networks.iter();
        networks
            .filter(|network| network.routing == Routing::Collector)
            .map(|network| network.messages_per_height_and_peer)
            .reduce(f64::max)
    });
    let doubles = restart.as_ref().map(|record| whole(record.double_votes));
    let resumed = |trial: &Trial| trial.resumed_us;
    let resumption = kill_two.as_ref().and_then(|record| {
        let longest = record.trials.iter().filter_map(resumed).max();
        longest.map(|micros| ratio(micros, 1_000_000))
    });
    let uninvited = kill_two.as_ref().map(|record| {
        let trials = record.trials.iter();
        whole(
            trials
                .filter_map(|trial| trial.commits_without_quorum)
                .sum(),
        )
    });
    let decided = opaque.iter().flatten();
    let ordered = decided
        .filter_map(|row| row.get("decided_per_second")?.as_f64())
        .reduce(f64::max);
    let resolved = |empty, proof| {
        let record = resolve.as_ref()?;
        record.share(empty, proof)
    };
    let tree_at = |keys: u64, name: &str| {
        let mut rows = tree.iter().flatten();
        let row = rows.find(|row| row.get("keys").and_then(Value::as_u64) == Some(keys))?;
        row.get(name)?.as_u64()
    };
    let block_us = |accounts: u64| {
        let mut records = block.iter().flatten();
        records
            .find(|record| record.accounts == accounts)
            .map(|record| record.p50_us)
    };
    let growth = block_us(10_000_000)
        .zip(block_us(100_000))
        .map(|(large, small)| ratio(large, small));
    vec![
        at_least(
            "unsigned transactions of 512 B, ordered only",
            45_000.0,
            "/s",
            ordered,
        ),
        at_least(
            "signed payments, executed, in the tree and synced",
            6_000.0,
            "/s",
            saturate
                .as_ref()
                .map(|record| whole(record.committed_per_second)),
        ),
        at_most(
            "p99 at 4800 payments/s, 80 % of that bound",
            1_000.0,
            "ms",
            busy.as_ref().and_then(|record| record.latency.p99_ms),
        ),
        at_most(
            "p99 at 80 % of what was measured",
            1_000.0,
            "ms",
            eighty.as_ref().and_then(|record| record.latency.p99_ms),
        ),
        at_most(
            "p50 at 2000 payments/s",
            30.0,
            "ms",
            steady.as_ref().and_then(|record| record.latency.p50_ms),
        ),
        at_least(
            "empty blocks with synced writes",
            100.0,
            "heights/s",
            idle.as_ref().map(|record| record.heights_per_second),
        ),
        at_most(
            "processor time of all four nodes for one of them",
            13.0,
            "ms",
            idle.as_ref().map(|record| record.nodes.cpu_ms_per_height),
        ),
        at_most(
            "messages for a height and other validator, collector, the worst of all sizes",
            4.2,
            "",
            messages,
        ),
        at_most(
            "longest gap, proposer killed",
            1.5,
            "base timeouts",
            kill.as_ref().and_then(|record| record.longest_in_timeouts),
        ),
        at_most(
            "longest gap, proposer paused",
            1.5,
            "base timeouts",
            pause.as_ref().and_then(|record| record.longest_in_timeouts),
        ),
        at_most(
            "longest wait of a payment, one censoring",
            1.5,
            "base timeouts",
            censor.as_ref().map(|record| record.longest_in_timeouts),
        ),
        at_most("commits with two of four killed", 0.0, "", uninvited),
        at_most("resumption once they are back", 10.0, "s", resumption),
        at_most(
            "first commit after all were killed, the longest",
            10_000.0,
            "ms",
            restart.as_ref().and_then(|record| record.resumed.max_ms),
        ),
        at_most(
            "votes that contradict another, all restarts",
            0.0,
            "",
            doubles,
        ),
        at_least(
            "DIDs resolved over HTTP, without proof, as a share of an empty handler's answers",
            0.6,
            "",
            resolved(Kind::HttpEmpty, false),
        ),
        at_least(
            "the same with proof",
            0.3,
            "",
            resolved(Kind::HttpEmpty, true),
        ),
        at_least(
            "DIDs resolved over gRPC, without proof, as a share of an empty handler's answers",
            0.6,
            "",
            resolved(Kind::GrpcEmpty, false),
        ),
        at_least(
            "the same over gRPC with proof",
            0.3,
            "",
            resolved(Kind::GrpcEmpty, true),
        ),
        at_most(
            "state tree of 10^6 keys, for an updated key",
            5.0,
            "µs",
            tree_at(1_000_000, "apply_ns_per_key").map(|nanos| ratio(nanos, 1_000)),
        ),
        at_most(
            "time of a block on 10^7 accounts, against one on 10^5",
            2.0,
            "times",
            growth,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(bound: Bound, figure: Option<f64>) -> String {
        let target = Target {
            what: "it",
            bound,
            unit: "ms",
            figure,
        };
        let [_, _, _, verdict] = target.row();
        verdict
    }

    #[test]
    fn a_missed_target_says_so() {
        assert_eq!(verdict(Bound::AtLeast(10.0), Some(10.0)), "met");
        assert_eq!(verdict(Bound::AtLeast(10.0), Some(9.9)), "**missed**");
        assert_eq!(verdict(Bound::AtMost(10.0), Some(10.1)), "**missed**");
        assert_eq!(verdict(Bound::AtMost(10.0), None), "not measured");
    }

    #[test]
    fn without_measurements_nothing_is_met() {
        for [what, _, figure, verdict] in rows(&Measurements::default()) {
            assert_eq!(
                (figure.as_str(), verdict.as_str()),
                ("-", "not measured"),
                "{what}"
            );
        }
    }
}
