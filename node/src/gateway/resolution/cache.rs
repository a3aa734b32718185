//! Answers of other chains, remembered until something newer is known.
//!
//! An answer holds for the anchored header that it is proved under. When the main chain anchors another, which it tells this node
//! with the block, no answer from before is given any more. Nor is one given longer than its document allows.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prost::Message;
use starfire_did::resolution::{Found, Question};
use starfire_proto::v1;
use tokio::time::Instant;

/// Answers remembered.
const ENTRIES_MAX: usize = 16_384;
/// What they may take together, bytes.
const BYTES_MAX: usize = 64 << 20;
/// How long an answer may be kept whose document does not say.
const TTL_SECONDS: u32 = starfire_did::document::TTL_SECONDS_DEFAULT;
/// What an entry takes besides its records, about.
const ENTRY_BYTES: usize = 256;

/// An answer and what proves it.
#[derive(Debug, Clone)]
pub(super) struct Remembered {
    pub(super) found: Found,
    pub(super) proof: v1::StateProof,
}

#[derive(Debug)]
struct Entry {
    anchor_height: u64,
    until: Instant,
    bytes: usize,
    answer: Remembered,
}

#[derive(Debug, Default)]
struct Held {
    entries: BTreeMap<Question, Entry>,
    /// Oldest first; may name what is gone.
    order: VecDeque<Question>,
    bytes: usize,
}

/// Remembered answers.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Answers(Mutex<Held>);

impl Answers {
    fn held(&self) -> MutexGuard<'_, Held> {
        // A panic elsewhere cannot leave an entry half written, so the lock's poison means nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer under this anchor, if it is remembered and may be given still.
    pub(super) fn get(
        &self,
        question: &Question,
        anchor_height: u64,
        now: Instant,
    ) -> Option<Remembered> {
        let held = self.held();
        let entry = held.entries.get(question)?;
        (entry.anchor_height == anchor_height && now < entry.until).then(|| entry.answer.clone())
    }

    /// Remembers an answer.
    pub(super) fn put(
        &self,
        question: Question,
        anchor_height: u64,
        answer: Remembered,
        now: Instant,
    ) {
        let records = [
            &answer.found.record,
            &answer.found.next,
            &answer.found.newest,
        ];
        let records: usize = records
            .into_iter()
            .flatten()
            .map(Message::encoded_len)
            .sum();
        let bytes = ENTRY_BYTES + records + answer.proof.encoded_len();
        let ttl = ttl_seconds(answer.found.record.as_ref());
        let entry = Entry {
            anchor_height,
            until: now + Duration::from_secs(ttl.into()),
            bytes,
            answer,
        };
        let mut held = self.held();
        held.bytes += bytes;
        match held.entries.insert(question, entry) {
            Some(old) => held.bytes -= old.bytes,
            None => held.order.push_back(question),
        }
        while held.entries.len() > ENTRIES_MAX || held.bytes > BYTES_MAX {
            let Some(oldest) = held.order.pop_front() else {
                break;
            };
            if let Some(old) = held.entries.remove(&oldest) {
                held.bytes -= old.bytes;
            }
        }
    }
}

/// How long a record may be kept.
pub(super) fn ttl_seconds(record: Option<&v1::DidRecord>) -> u32 {
    let document = record.and_then(|record| record.document.as_ref());
    match document.map_or(0, |document| document.ttl) {
        0 => TTL_SECONDS,
        ttl => ttl,
    }
}

#[cfg(test)]
mod tests {
    use starfire_did::resolution::At;

    use super::*;
    use crate::gateway::fixture::{did, did_record};

    fn question(version: u64) -> Question {
        let did = did(1, Some("by01"));
        let at = At::Version(version);
        Question { did, at }
    }

    fn answer(bytes: usize) -> Remembered {
        let found = Found {
            record: Some(did_record(1, Some("by01"), 1)),
            ..Found::default()
        };
        let proof = v1::StateProof {
            signed_header: vec![0; bytes],
            ..v1::StateProof::default()
        };
        Remembered { found, proof }
    }

    #[test]
    fn an_answer_holds_for_its_anchor_alone() {
        let (answers, now) = (Answers::default(), Instant::now());
        answers.put(question(1), 7, answer(1), now);
        assert!(answers.get(&question(1), 7, now).is_some());
        assert!(answers.get(&question(1), 8, now).is_none());
        assert!(answers.get(&question(2), 7, now).is_none());
        answers.put(question(1), 8, answer(1), now);
        assert!(answers.get(&question(1), 7, now).is_none());
        assert!(answers.get(&question(1), 8, now).is_some());
    }

    #[test]
    fn a_document_may_shorten_its_time() {
        let (answers, now) = (Answers::default(), Instant::now());
        let mut short = answer(1);
        let record = short.found.record.as_mut().unwrap();
        record.document.as_mut().unwrap().ttl = 5;
        answers.put(question(1), 7, short, now);
        let after = |seconds| answers.get(&question(1), 7, now + Duration::from_secs(seconds));
        assert!(after(4).is_some());
        assert!(after(5).is_none());
    }

    #[test]
    fn the_oldest_make_room() {
        let (answers, now) = (Answers::default(), Instant::now());
        for version in 1..=70 {
            answers.put(question(version), 7, answer(1 << 20), now);
        }
        assert!(answers.get(&question(1), 7, now).is_none());
        assert!(answers.get(&question(70), 7, now).is_some());
        assert!(answers.held().bytes <= BYTES_MAX);
        for version in 0..=u64::try_from(ENTRIES_MAX).unwrap() {
            answers.put(question(100 + version), 7, answer(1), now);
        }
        let held = answers.held();
        assert_eq!(held.entries.len(), ENTRIES_MAX);
        assert_eq!(held.order.len(), ENTRIES_MAX);
        let bytes: usize = held.entries.values().map(|entry| entry.bytes).sum();
        assert_eq!(held.bytes, bytes);
    }
}
