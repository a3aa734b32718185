//! Answers of other chains, remembered until something newer is known.
//!
//! An answer holds for the anchored header that it is proved under. When the main chain anchors another, which it tells this node
//! with the block, an answer from before is given only if the sub-chain is followed and has told of no change ([`super::followed`]).
//! No answer is given longer than its document allows.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prost::Message;
use starfire_did::resolution::{At, Found, Question};
use starfire_did::{ChainCode, Did};
use starfire_proto::v1;
use tokio::time::Instant;

use super::followed::{Followed, OUTLIVES_MAX};

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
    /// Until when it may be given under another anchor than its own.
    outlives_until: Instant,
    bytes: usize,
    answer: Remembered,
}

#[derive(Debug, Default)]
struct Held {
    entries: BTreeMap<Question, Entry>,
    /// Oldest first; may name what is gone.
    order: VecDeque<Question>,
    bytes: usize,
    followed: Followed,
}

impl Held {
    /// Forgets the answers about these questions that are under anchors up to this height.
    fn forget(&mut self, questions: &[Question], anchor_height_max: u64) {
        for question in questions {
            let entry = self.entries.get(question);
            if entry.is_some_and(|entry| entry.anchor_height <= anchor_height_max)
                && let Some(old) = self.entries.remove(question)
            {
                self.bytes -= old.bytes;
            }
        }
        // What is gone and comes back stands in the order twice: from time to time it is put right.
        if self.order.len() > 2 * ENTRIES_MAX {
            let (entries, mut seen) = (&self.entries, BTreeSet::new());
            let keep =
                |question: &Question| entries.contains_key(question) && seen.insert(*question);
            self.order.retain(keep);
        }
    }
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

    /// The answer under an older anchor, with that anchor's height, if its chain is followed and has told of no change since.
    pub(super) fn get_outliving(
        &self,
        question: &Question,
        chain: &v1::SubChainRecord,
        anchor_height: u64,
        now: Instant,
    ) -> Option<(u64, Remembered)> {
        let code = question.did.chain_code()?;
        let mut held = self.held();
        held.followed.anchored(code, anchor_height, now);
        let entry = held.entries.get(question)?;
        let older = entry.anchor_height;
        (older < anchor_height
            && now < entry.outlives_until
            && held.followed.outlives(chain, code, older))
        .then(|| (older, entry.answer.clone()))
    }

    /// Whether to follow a chain, which the caller does then and ends by [`Self::lose`].
    pub(super) fn follow(&self, code: ChainCode, anchor_height: u64, now: Instant) -> bool {
        self.held().followed.begin(code, anchor_height, now)
    }

    /// A message of the stream of a chain's changes; `None`: that there is none. `false`: it need not be followed any more.
    pub(super) fn hear(
        &self,
        code: ChainCode,
        url: &str,
        changed: Option<(Did, u64)>,
        now: Instant,
    ) -> bool {
        let mut held = self.held();
        if let Some((did, height)) = changed {
            let first = Question {
                did,
                at: At::Newest,
            };
            let about = held.entries.range(first..).map(|(question, _)| *question);
            let about: Vec<_> = about.take_while(|question| question.did == did).collect();
            // A header proves what the blocks before it did.
            held.forget(&about, height);
        }
        held.followed.hear(code, url, changed, now)
    }

    /// A chain's stream has ended: what only its word kept is forgotten.
    pub(super) fn lose(&self, code: ChainCode, now: Instant) {
        let mut held = self.held();
        let Some(newest) = held.followed.lose(code, now) else {
            return;
        };
        let questions = held.entries.keys().copied();
        let of_chain = questions.filter(|question| question.did.chain_code() == Some(code));
        let of_chain: Vec<Question> = of_chain.collect();
        held.forget(&of_chain, newest.saturating_sub(1));
    }

    /// Remembers an answer.
    pub(super) fn put(
        &self,
        question: Question,
        anchor_height: u64,
        answer: Remembered,
        now: Instant,
    ) {
        let records = [&answer.found.record, &answer.found.next];
        let records: usize = records
            .into_iter()
            .flatten()
            .map(Message::encoded_len)
            .sum();
        let bytes = ENTRY_BYTES + records + answer.proof.encoded_len();
        let ttl = ttl_seconds(answer.found.record.as_ref());
        let ttl = Duration::from_secs(ttl.into());
        let mut held = self.held();
        let (followed, code) = (&held.followed, question.did.chain_code());
        if code.is_some_and(|code| followed.is_late(code, anchor_height)) {
            return;
        }
        let outdated = code.is_some_and(|code| followed.has_changed(code, &question.did));
        let outlives = match outdated {
            true => Duration::ZERO,
            false => ttl.min(OUTLIVES_MAX),
        };
        let entry = Entry {
            anchor_height,
            until: now + ttl,
            outlives_until: now + outlives,
            bytes,
            answer,
        };
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
    fn what_a_followed_chain_tells_of_is_forgotten_in_all_its_versions() {
        let (answers, now) = (Answers::default(), Instant::now());
        let (did, url) = (question(1).did, "http://gateway.example");
        let by01 = did.chain_code().unwrap();
        let chain = v1::SubChainRecord {
            resolvers: vec![url.into()],
            status: v1::SubChainStatus::Active.into(),
            ..v1::SubChainRecord::default()
        };
        assert!(answers.follow(by01, 7, now));
        assert!(answers.hear(by01, url, None, now));
        answers.put(question(1), 7, answer(1), now);
        answers.put(question(2), 7, answer(1), now);
        let outliving = |version, anchor, now| {
            let found = answers.get_outliving(&question(version), &chain, anchor, now);
            found.map(|(height, _)| height)
        };
        assert_eq!(outliving(1, 8, now), Some(7));
        assert_eq!(outliving(1, 8, now + OUTLIVES_MAX), None);
        answers.hear(by01, url, Some((did, 8)), now);
        assert_eq!((outliving(1, 8, now), outliving(2, 8, now)), (None, None));
        // The header of block 8 does not prove what the block did: an answer under it ends with it.
        answers.put(question(1), 8, answer(1), now);
        assert!(answers.get(&question(1), 8, now).is_some());
        assert_eq!(outliving(1, 9, now), None);
        answers.put(question(1), 9, answer(1), now);
        assert_eq!(outliving(1, 12, now), Some(9));
        answers.put(question(2), 11, answer(1), now);
        assert!(
            answers.get(&question(2), 11, now).is_none(),
            "it came too late"
        );
        answers.put(question(2), 12, answer(1), now);
        answers.lose(by01, now);
        assert_eq!(outliving(1, 12, now), None);
        assert!(answers.get(&question(1), 9, now).is_none());
        assert!(answers.get(&question(2), 12, now).is_some());
        for _ in 0..=ENTRIES_MAX {
            answers.held().forget(&[question(2)], 12);
            answers.put(question(2), 12, answer(1), now);
            answers.put(question(3), 12, answer(1), now);
            answers.held().forget(&[question(3)], 12);
        }
        assert!(answers.held().order.len() <= 2 * ENTRIES_MAX + 2);
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
