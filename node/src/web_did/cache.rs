//! What websites answered, remembered for a while: so that a node which is asked often does not ask often.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::fetch::DOCUMENT_BYTES_MAX;
use super::{Fetched, Refusal};

/// Answers remembered. Documents are bounded, so memory is: to 32 MiB of text.
const ENTRIES_MAX: usize = (32 << 20) / DOCUMENT_BYTES_MAX;
/// How long a document is believed.
const DOCUMENT_TIME: Duration = Duration::from_secs(300);
/// How long nobody tries again where there was none.
const REFUSAL_TIME: Duration = Duration::from_secs(15);

type Outcome = Result<Fetched, Refusal>;

#[derive(Debug, Default)]
struct Held {
    entries: BTreeMap<String, (Instant, Outcome)>,
    /// Oldest first, each once.
    order: VecDeque<String>,
}

/// Remembered answers.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<Held>);

impl Cache {
    fn held(&self) -> MutexGuard<'_, Held> {
        // A panic elsewhere cannot leave an entry half written, so the lock's poison means nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, did: &str, now: Instant) -> Option<Outcome> {
        let held = self.held();
        let (until, outcome) = held.entries.get(did)?;
        (now < *until).then(|| outcome.clone())
    }

    pub(super) fn put(&self, did: &str, outcome: Outcome, now: Instant) {
        let time = match &outcome {
            Ok(_) => DOCUMENT_TIME,
            Err(_) => REFUSAL_TIME,
        };
        let mut held = self.held();
        let entry = (now + time, outcome);
        if held.entries.insert(did.to_owned(), entry).is_none() {
            held.order.push_back(did.to_owned());
        }
        while held.entries.len() > ENTRIES_MAX {
            let Some(oldest) = held.order.pop_front() else {
                break;
            };
            held.entries.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> Outcome {
        Err(Refusal::Off)
    }

    fn fetched() -> Outcome {
        Ok(Fetched {
            document: serde_json::json!({}).into(),
            at_ms: 1,
        })
    }

    #[test]
    fn a_document_is_remembered_longer_than_its_absence() {
        let (cache, now) = (Cache::default(), Instant::now());
        cache.put("a", fetched(), now);
        cache.put("b", refused(), now);
        assert_eq!(cache.get("a", now), Some(fetched()));
        assert_eq!(cache.get("b", now), Some(refused()));
        assert_eq!(cache.get("c", now), None);
        assert!(cache.get("a", now + REFUSAL_TIME).is_some());
        assert!(cache.get("b", now + REFUSAL_TIME).is_none());
        assert!(cache.get("a", now + DOCUMENT_TIME).is_none());
    }

    #[test]
    fn the_oldest_makes_room() {
        let (cache, now) = (Cache::default(), Instant::now());
        for number in 0..=ENTRIES_MAX {
            cache.put(&number.to_string(), fetched(), now);
            cache.put(&number.to_string(), fetched(), now);
        }
        assert!(cache.get("0", now).is_none());
        assert!(cache.get("1", now).is_some());
        let held = cache.held();
        assert_eq!(
            (held.entries.len(), held.order.len()),
            (ENTRIES_MAX, ENTRIES_MAX)
        );
    }
}
