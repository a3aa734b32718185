//! Many seeds of the fast simulator, on every core, with one line of figures for each size of the chain.
//!
//! `cargo run -p starfire-tests --example seeds -- 100000` spreads that many seeds over 4, 7 and 10 validators.

#![expect(clippy::print_stdout, reason = "its figures are its output")]

use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use starfire_tests::protocol::chain::Chain;
use starfire_tests::protocol::story::{Plot, run};

/// Validators, and of ten seeds how many go to that size.
const SIZES: [(u8, u64); 3] = [(4, 5), (7, 3), (10, 2)];
/// Seeds that a thread takes at a time.
const BATCH: u64 = 64;

#[derive(Debug, Default)]
struct Figures {
    seeds: u64,
    heights: u64,
    effects: u64,
    crashes: u64,
    refused: u64,
    lost: u64,
    convicted: usize,
    rounds_max: u32,
    healed_ms_max: u64,
    violations: Vec<(u64, String)>,
}

impl Figures {
    fn add(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.heights += other.heights;
        self.effects += other.effects;
        self.crashes += other.crashes;
        self.refused += other.refused;
        self.lost += other.lost;
        self.convicted += other.convicted;
        self.rounds_max = self.rounds_max.max(other.rounds_max);
        self.healed_ms_max = self.healed_ms_max.max(other.healed_ms_max);
        self.violations.extend(other.violations);
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |ordinary: u64| {
        arguments.next().map_or(ordinary, |text| {
            text.parse().expect("usage: seeds [COUNT] [FIRST_SEED]")
        })
    };
    let (total, first) = (number(10_000), number(0));
    let mut violations = 0;
    for (validators, tenths) in SIZES {
        let figures = campaign(validators, first, (total * tenths).div_ceil(10));
        println!(
            "n = {validators}: {} seeds, {} heights, {} effects, {} crashes, {} damaged records refused, {} records lost, \
             {} liars convicted; after healing at most {} rounds and {} simulated ms; {} violations",
            figures.seeds,
            figures.heights,
            figures.effects,
            figures.crashes,
            figures.refused,
            figures.lost,
            figures.convicted,
            figures.rounds_max,
            figures.healed_ms_max,
            figures.violations.len()
        );
        for (seed, text) in figures.violations.iter().take(10) {
            println!("  n = {validators} seed {seed}: {text}");
        }
        violations += figures.violations.len();
    }
    if violations > 0 {
        std::process::exit(1);
    }
}

fn campaign(validators: u8, first: u64, seeds: u64) -> Figures {
    let next = AtomicU64::new(0);
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let mut figures = Figures::default();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| work(validators, first, seeds, &next)))
            .collect();
        for worker in workers {
            figures.add(worker.join().expect("a worker does not panic"));
        }
    });
    figures
}

fn work(validators: u8, first: u64, seeds: u64, next: &AtomicU64) -> Figures {
    let mut chain = Chain::new(validators);
    let mut figures = Figures::default();
    loop {
        let from = next.fetch_add(BATCH, Ordering::Relaxed);
        if from >= seeds {
            return figures;
        }
        for seed in first + from..first + (from + BATCH).min(seeds) {
            figures.seeds += 1;
            match run(&mut chain, Plot { seed, lie: None }) {
                Ok(report) => {
                    figures.heights += report.height;
                    figures.effects += report.counts.effects;
                    figures.crashes += u64::from(report.counts.crashes);
                    figures.refused += u64::from(report.counts.records_refused);
                    figures.lost += u64::from(report.counts.records_lost);
                    figures.convicted += report.convicted;
                    figures.rounds_max = figures.rounds_max.max(report.rounds_to_progress);
                    figures.healed_ms_max = figures.healed_ms_max.max(report.healed_ms);
                }
                Err(violation) => figures.violations.push((seed, violation.0)),
            }
        }
    }
}
