//! Sending a client's payments: each when it is due, those of a few milliseconds in one request.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use starfire_proto::v1;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until, timeout_at};

use super::client::Load;
use super::figures::{micros, number};
use super::job::Pace;
use crate::clock;

/// Payments that become due within this time travel together.
const TICK: Duration = Duration::from_millis(5);
/// Payments in one request: what the gateway takes.
const BATCH_MAX: usize = 1_024;
/// Requests that may be on their way: fewer than a gateway answers for one address.
const REQUESTS_MAX: usize = 100;
/// How long after a refusal for now payments are sent again.
const AGAIN: Duration = Duration::from_millis(20);
/// How often they are: longer than anybody waits for them.
const TRIES: usize = 1_500;
/// Refusals for now: the node is busy, or its mempool is full.
const FOR_NOW: [&str; 4] = [
    "GATEWAY_BUSY",
    "MEMPOOL_FULL",
    "MEMPOOL_SENDER_FULL",
    "QUOTA",
];

/// What became of payments at the gateway.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) submitted: u64,
    pub(super) put_off: BTreeMap<String, u64>,
    pub(super) refused: BTreeMap<String, u64>,
    pub(super) lags_us: Vec<u64>,
}

impl Sent {
    fn add(&mut self, other: Self) {
        self.submitted += other.submitted;
        for (code, count) in other.put_off {
            *self.put_off.entry(code).or_default() += count;
        }
        for (code, count) in other.refused {
            *self.refused.entry(code).or_default() += count;
        }
    }

    /// Takes note of a refusal; says whether the payment should be sent again.
    fn refusal(&mut self, code: &str) -> bool {
        let for_now = FOR_NOW.contains(&code);
        let counts = if for_now {
            &mut self.put_off
        } else {
            &mut self.refused
        };
        *counts.entry(code.to_owned()).or_default() += 1;
        for_now
    }
}

/// Sends until there is nothing more to send, or the measured time is over.
pub(super) async fn send(load: Arc<Load>) -> Sent {
    let mut sent = Sent::default();
    let mut requests = JoinSet::new();
    let mut next = 0;
    while let Some(ready) = ready(&load, next).await {
        next = ready.end;
        let now = clock::elapsed(load.start);
        for place in ready.clone() {
            let due = load.job.pace.due(number(place)).unwrap_or(now);
            load.note_due(place, due);
            sent.lags_us.push(micros(now.saturating_sub(due)));
        }
        while requests.len() >= REQUESTS_MAX {
            if let Some(Ok(outcome)) = requests.join_next().await {
                sent.add(outcome);
            }
        }
        requests.spawn(submit(load.clone(), ready));
    }
    for outcome in requests.join_all().await {
        sent.add(outcome);
    }
    sent
}

/// Waits until payments from this place on are due; says which.
async fn ready(load: &Load, from: usize) -> Option<Range<usize>> {
    let end = load.payments.envelopes.len().min(from + BATCH_MAX);
    if from >= end {
        return None;
    }
    let Some(due) = load.job.pace.due(number(from)) else {
        return room(load, from..end).await;
    };
    sleep_until((load.start + due + TICK).into()).await;
    let now = clock::elapsed(load.start);
    let is_due = |place: &usize| {
        let due = load.job.pace.due(number(*place));
        due.is_some_and(|due| due <= now)
    };
    Some(from..from + (from..end).take_while(is_due).count())
}

/// Waits until there is room for at least one of these payments; says for which there is. `None`: the measured time is over.
async fn room(load: &Load, wanted: Range<usize>) -> Option<Range<usize>> {
    sleep_until(load.start.into()).await;
    let (_, end) = load.window();
    let room = timeout_at((load.start + end).into(), load.room.acquire());
    let one = room.await.ok()?.expect("the semaphore is never closed");
    one.forget();
    let more = load.room.forget_permits(wanted.len() - 1);
    Some(wanted.start..wanted.start + 1 + more)
}

/// Submits payments, again and again those that are refused for now.
async fn submit(load: Arc<Load>, places: Range<usize>) -> Sent {
    let mut sent = Sent::default();
    let mut waiting: Vec<usize> = places.collect();
    for _ in 0..TRIES {
        let envelopes = waiting
            .iter()
            .map(|place| load.payments.envelopes[*place].clone())
            .collect();
        let request = v1::SubmitBatchRequest { envelopes };
        let answer = load
            .client
            .call(load.client.transactions().submit_batch(request))
            .await;
        waiting = match answer {
            Ok(answer) => judged(&waiting, &answer.verdicts, &mut sent),
            Err(error) => {
                waiting.retain(|_| sent.refusal(&error.code));
                waiting
            }
        };
        if waiting.is_empty() || load.is_over() {
            break;
        }
        sleep(AGAIN).await;
    }
    // What is refused for good is not on its way.
    let refused: u64 = sent.refused.values().sum();
    if let Pace::Saturate { .. } = load.job.pace {
        load.room
            .add_permits(usize::try_from(refused).unwrap_or_default());
    }
    sent
}

/// Those of the payments that should be sent again.
fn judged(places: &[usize], verdicts: &[v1::SubmitVerdict], sent: &mut Sent) -> Vec<usize> {
    let mut again = Vec::new();
    for (place, verdict) in places.iter().zip(verdicts) {
        if !verdict.hash.is_empty() {
            sent.submitted += 1;
        } else if sent.refusal(&verdict.code) {
            again.push(*place);
        }
    }
    again
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(hash: &[u8], code: &str) -> v1::SubmitVerdict {
        v1::SubmitVerdict {
            hash: hash.to_vec(),
            code: code.to_owned(),
            ..Default::default()
        }
    }

    #[test]
    fn a_refusal_for_now_is_tried_again_and_one_for_good_is_not() {
        let mut sent = Sent::default();
        let verdicts = [
            verdict(&[1], ""),
            verdict(&[], "MEMPOOL_FULL"),
            verdict(&[], "INVALID_SIGNATURE"),
        ];
        assert_eq!(judged(&[4, 5, 6], &verdicts, &mut sent), [5]);
        assert_eq!(sent.submitted, 1);
        assert_eq!(sent.put_off["MEMPOOL_FULL"], 1);
        assert_eq!(sent.refused["INVALID_SIGNATURE"], 1);
    }

    #[test]
    fn counts_of_all_requests_add_up() {
        let mut sent = Sent::default();
        for _ in 0..2 {
            let mut one = Sent::default();
            assert!(one.refusal("QUOTA"));
            sent.add(one);
        }
        assert_eq!(sent.put_off["QUOTA"], 2);
    }
}
