//! A client process: so many questions are always on their way, each about a DID that chance picks.
//!
//! It is a closed loop. What is compared is how much each kind of answer costs, and a fixed number of questions on their way keeps
//! the processors busy with every kind alike; the latency is what follows from that number.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep_until;

use super::ask::{self, Lane};
use super::job::{Job, Outcome};
use crate::bench::chance::Chance;
use crate::bench::client::{end_with_the_harness, hear, tell};
use crate::bench::figures::{micros, number};
use crate::bench::job::{Ready, Start};
use crate::bench::sample::cpu_ms;
use crate::failure::Failure;
use crate::{clock, file};

/// The longest file of DIDs: ten million of them.
const DIDS_BYTES_MAX: usize = 1 << 30;

/// Does the job on standard input; ends early when standard input does.
pub(crate) fn run() -> Result<(), Failure> {
    let job: Job = hear()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::caused("RUNTIME", &error, ""))?;
    runtime.block_on(work(job))
}

async fn work(job: Job) -> Result<(), Failure> {
    let text = file::read(&job.dids, DIDS_BYTES_MAX)?;
    let text = String::from_utf8(text).map_err(|error| Failure::content(&job.dids, error))?;
    let dids: Arc<Vec<Box<str>>> = Arc::new(text.lines().map(Into::into).collect());
    drop(text);
    if dids.is_empty() {
        return Err(Failure::content(&job.dids, "there is no DID"));
    }
    let lanes = ask::open(job.kind, &job.address, job.in_flight).await?;
    tell(&Ready {
        signed: number(dids.len()),
    })?;
    let Start { at_ms } = hear()?;
    std::thread::spawn(end_with_the_harness);
    let wait = u64::try_from(at_ms.saturating_sub(clock::unix_ms())).unwrap_or_default();
    let from = clock::monotonic() + Duration::from_millis(wait);
    let window = Window {
        from: from + Duration::from_millis(job.warm_up_ms),
        end: from + Duration::from_millis(job.warm_up_ms + job.measured_ms),
    };
    sleep_until(from.into()).await;
    let mut working = JoinSet::new();
    for (lane, index) in lanes.into_iter().zip(1..) {
        let chance = Chance(job.seed.wrapping_mul(0x1_0000).wrapping_add(index));
        working.spawn(converse(lane, job.clone(), dids.clone(), chance, window));
    }
    sleep_until(window.from.into()).await;
    let before = cpu_ms(std::process::id());
    sleep_until(window.end.into()).await;
    let mut outcome = Outcome {
        cpu_ms: cpu_ms(std::process::id()).saturating_sub(before),
        ..Outcome::default()
    };
    while let Some(part) = working.join_next().await {
        let part = part.map_err(|error| ask::fault(&error))??;
        outcome.latencies_us.extend(part.latencies_us);
        outcome.bytes += part.bytes;
        outcome.wrong += part.wrong;
        outcome.first_wrong = outcome.first_wrong.or(part.first_wrong);
    }
    tell(&outcome)
}

/// The measured time.
#[derive(Debug, Clone, Copy)]
struct Window {
    from: Instant,
    end: Instant,
}

/// Asks one question after the other until the time is over.
async fn converse(
    mut lane: Lane,
    job: Job,
    dids: Arc<Vec<Box<str>>>,
    mut chance: Chance,
    window: Window,
) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    loop {
        let did = &dids[chance.below(dids.len())];
        let asked = clock::monotonic();
        let seen = lane.ask(job.kind, did).await?;
        let answered = clock::monotonic();
        if answered >= window.end {
            return Ok(outcome);
        }
        if answered < window.from {
            continue;
        }
        let took = answered.saturating_duration_since(asked);
        outcome.latencies_us.push(micros(took));
        outcome.bytes += number(seen.bytes);
        if !seen.right {
            outcome.wrong += 1;
            outcome.first_wrong.get_or_insert_with(|| did.to_string());
        }
    }
}
