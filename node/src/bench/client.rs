//! A client process: it signs its payments, waits for the word, sends them when they are due and watches for their receipts.

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio::task::JoinError;
use tokio::time::{sleep_until, timeout_at};

use super::feed::Feed;
use super::figures::micros;
use super::job::{Job, Outcome, Pace, Ready, Start};
use super::payments::{self, Payments};
use super::sample::cpu_ms;
use super::sender::{self, Sent};
use crate::client::Client;
use crate::clock;
use crate::failure::Failure;

/// How long the last payments may take.
const TAIL: Duration = Duration::from_secs(15);
/// A payment that was not sent.
const UNSENT: u64 = u64::MAX;

/// What the sender and the watcher share.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) job: Job,
    pub(super) payments: Payments,
    pub(super) client: Client,
    pub(super) start: Instant,
    /// Room for payments on their way, where they have no timetable.
    pub(super) room: Semaphore,
    /// When each payment was due, microseconds from the start.
    due: Vec<AtomicU64>,
}

/// A payment's receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Receipt {
    /// From the start.
    at: Duration,
    code: u32,
}

/// Does the job on standard input; ends early when standard input does, since then nobody wants to know.
pub(crate) fn run() -> Result<(), Failure> {
    let job: Job = hear()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::caused("RUNTIME", &error, ""))?;
    runtime.block_on(work(job))
}

async fn work(job: Job) -> Result<(), Failure> {
    let client = Client::connect(&job.node)?;
    let payments = payments::sign(&job, client.chain().await?)?;
    let feed = Feed::open(&client).await?;
    tell(&Ready {
        signed: job.payments,
    })?;
    let Start { at_ms } = hear()?;
    std::thread::spawn(end_with_the_harness);
    let wait = u64::try_from(at_ms.saturating_sub(clock::unix_ms())).unwrap_or_default();
    let room = match job.pace {
        Pace::Saturate { in_flight } => usize::try_from(in_flight).unwrap_or_default(),
        Pace::Open { .. } => 0,
    };
    let load = Arc::new(Load {
        due: payments
            .envelopes
            .iter()
            .map(|_| AtomicU64::new(UNSENT))
            .collect(),
        start: clock::monotonic() + Duration::from_millis(wait),
        room: Semaphore::new(room),
        job,
        payments,
        client,
    });
    let (sent, receipts, cpu_ms) = tokio::join!(
        tokio::spawn(sender::send(load.clone())),
        tokio::spawn(watch(load.clone(), feed)),
        processor_time(&load),
    );
    let fault = |error: JoinError| Failure::caused("BENCH", &error, "");
    let (sent, receipts) = (sent.map_err(fault)?, receipts.map_err(fault)?);
    tell(&load.outcome(sent, &receipts, cpu_ms))
}

/// Ends this process when the harness is gone.
pub(super) fn end_with_the_harness() {
    let mut line = String::new();
    while std::io::stdin()
        .read_line(&mut line)
        .is_ok_and(|read| read > 0)
    {
        line.clear();
    }
    std::process::exit(1);
}

pub(super) fn hear<T: DeserializeOwned>() -> Result<T, Failure> {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| Failure::caused("BENCH", &error, ""))?;
    serde_json::from_str(&line).map_err(|error| {
        Failure::caused(
            "BENCH",
            &error,
            "`starfire bench run` starts its clients itself",
        )
    })
}

pub(super) fn tell(message: &impl Serialize) -> Result<(), Failure> {
    let mut line = serde_json::to_string(message).expect("a message is plain JSON");
    line.push('\n');
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Failure::caused("BENCH", &error, ""))
}

/// Follows the blocks until every payment has its receipt, or the time is over.
async fn watch(load: Arc<Load>, mut feed: Feed) -> Vec<Option<Receipt>> {
    let (_, end) = load.window();
    let patience = match load.job.pace {
        Pace::Open { .. } => TAIL,
        // What is on its way at the end is on its way.
        Pace::Saturate { .. } => Duration::ZERO,
    };
    let deadline = load.start + end + patience;
    let mut receipts = vec![None; load.payments.envelopes.len()];
    let mut left = receipts.len();
    while left > 0 {
        let Ok(Some(seen)) = timeout_at(deadline.into(), feed.next()).await else {
            break;
        };
        let at = seen.at.saturating_duration_since(load.start);
        let mut mine = 0;
        for (hash, code) in seen.outcomes() {
            let Some(place) = load.payments.places.get(&hash) else {
                continue;
            };
            if receipts[*place].is_none() {
                receipts[*place] = Some(Receipt { at, code });
                mine += 1;
            }
        }
        left -= mine;
        load.room.add_permits(mine);
    }
    receipts
}

/// Processor time of this process within the measured time.
async fn processor_time(load: &Load) -> u64 {
    let (from, end) = load.window();
    sleep_until((load.start + from).into()).await;
    let before = cpu_ms(std::process::id());
    sleep_until((load.start + end).into()).await;
    cpu_ms(std::process::id()).saturating_sub(before)
}

impl Load {
    /// The measured time, from the start.
    pub(super) fn window(&self) -> (Duration, Duration) {
        let from = Duration::from_millis(self.job.warm_up_ms);
        (from, from + Duration::from_millis(self.job.measured_ms))
    }

    /// Whether what was not admitted yet is of no interest any more: without a timetable, from the end of the measured time on.
    pub(super) fn is_over(&self) -> bool {
        let (_, end) = self.window();
        match self.job.pace {
            Pace::Open { .. } => false,
            Pace::Saturate { .. } => clock::elapsed(self.start) > end,
        }
    }

    /// Notes when a payment was due.
    pub(super) fn note_due(&self, place: usize, due: Duration) {
        self.due[place].store(micros(due), Ordering::Relaxed);
    }

    fn outcome(&self, sent: Sent, receipts: &[Option<Receipt>], cpu_ms: u64) -> Outcome {
        let (from, end) = self.window();
        let measured = |at: Duration| at >= from && at < end;
        let mut outcome = Outcome {
            submitted: sent.submitted,
            put_off: sent.put_off,
            refused: sent.refused,
            lags_us: sent.lags_us,
            cpu_ms,
            ..Outcome::default()
        };
        for (due, receipt) in self.due.iter().zip(receipts) {
            let due = match due.load(Ordering::Relaxed) {
                UNSENT => continue,
                due => Duration::from_micros(due),
            };
            let counts = match self.job.pace {
                Pace::Open { .. } => measured(due),
                Pace::Saturate { .. } => receipt.is_some_and(|receipt| measured(receipt.at)),
            };
            match receipt {
                None => outcome.missing += u64::from(counts),
                Some(Receipt { at, code: 0 }) => {
                    outcome.committed += u64::from(measured(*at));
                    if counts {
                        outcome.latencies_us.push(micros(at.saturating_sub(due)));
                    }
                }
                Some(_) => outcome.failed += 1,
            }
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn load(pace: Pace, due_ms: &[u64]) -> Load {
        Load {
            job: Job {
                node: String::new(),
                first_account: 0,
                accounts: 2,
                payments: 0,
                pace,
                warm_up_ms: 100,
                measured_ms: 100,
            },
            payments: Payments {
                envelopes: Vec::new(),
                places: BTreeMap::new(),
            },
            client: Client::connect("http://127.0.0.1:1").unwrap(),
            start: clock::monotonic(),
            room: Semaphore::new(0),
            due: due_ms
                .iter()
                .map(|due| AtomicU64::new(due * 1_000))
                .collect(),
        }
    }

    fn receipt(at_ms: u64, code: u32) -> Option<Receipt> {
        Some(Receipt {
            at: Duration::from_millis(at_ms),
            code,
        })
    }

    #[tokio::test]
    async fn latency_counts_from_due_to_seen_and_only_within_the_measured_time() {
        let pace = Pace::Open {
            rate: 1,
            clients: 1,
            client: 0,
        };
        let load = load(pace, &[50, 110, 150, 190, 195]);
        let receipts = [
            receipt(120, 0),
            receipt(160, 0),
            receipt(170, 7),
            receipt(230, 0),
            None,
        ];
        let outcome = load.outcome(Sent::default(), &receipts, 0);
        assert_eq!(outcome.latencies_us, [50_000, 40_000]);
        // Those seen at 120 and at 160, whenever they were due.
        assert_eq!(outcome.committed, 2);
        assert_eq!((outcome.failed, outcome.missing), (1, 1));
    }

    #[tokio::test]
    async fn under_saturation_what_is_still_on_its_way_is_not_missing() {
        let load = load(Pace::Saturate { in_flight: 1 }, &[90, 150]);
        let outcome = load.outcome(Sent::default(), &[receipt(120, 0), None], 0);
        assert_eq!(outcome.latencies_us, [30_000]);
        assert_eq!((outcome.committed, outcome.missing), (1, 0));
    }
}
