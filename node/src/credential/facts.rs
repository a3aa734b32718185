//! What is learned beside a credential: from a chain, and from what the verifier handed in.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use prost::Message;
use serde_json::Value;
use starfire_crosschain::proof_file::Proven;
use starfire_did::credential::evidence::{Party, Unknown};
use starfire_did::credential::malformed::Malformed;
use starfire_did::credential::parsed::Parsed;
use starfire_did::resolution::{At, Question};
use starfire_did::{ChainCode, Did, issuer, path};
use starfire_proto::v1;
use tokio::sync::Mutex;

use super::party;
use super::read::{Reader, Secured};
use super::source::{ASK_ANOTHER, Known, Source};
use crate::web_did::{Fetched, Refusal, WebDids};

/// Questions to a chain for one verification: a credential of many parts must not keep a node busy.
pub(crate) const QUESTIONS_MAX: usize = 256;
/// Documents of `did:web` for one verification: each may take a while to come.
const WEBSITES_MAX: usize = 4;

/// What can be known.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    source: Source<'a>,
    parties: BTreeMap<String, Party>,
    lists: BTreeMap<String, Parsed>,
    proven: Vec<Proven>,
    questions: AtomicUsize,
    /// Reads what is judged, parts of it too.
    reader: Reader,
    web: Option<&'a WebDids>,
    /// What came of each website that was asked: one verification sees one answer.
    fetched: Mutex<BTreeMap<String, Result<Fetched, Refusal>>>,
}

impl<'a> Facts<'a> {
    /// What this source says, and nothing else.
    pub(crate) fn of(source: Source<'a>) -> Self {
        Self {
            source,
            parties: BTreeMap::new(),
            lists: BTreeMap::new(),
            proven: Vec::new(),
            questions: AtomicUsize::new(0),
            reader: Reader::new(),
            web: None,
            fetched: Mutex::default(),
        }
    }

    /// The same, and what websites say of their `did:web`.
    pub(crate) fn with_web(self, web: Option<&'a WebDids>) -> Self {
        Self { web, ..self }
    }

    /// What reads all that belongs to this verification.
    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Takes in a DID document, or a result of resolving a DID. It goes before what the source says: the verifier's own word.
    pub(crate) fn hand_document(&mut self, document: &Value) -> Result<(), Malformed> {
        let party = party::of_resolution(document)?;
        self.parties.insert(party.id.clone(), party);
        Ok(())
    }

    /// Takes in a credential that holds a status list. Its own proof is checked when it is used.
    pub(crate) fn hand_status_list(&mut self, text: &str) -> Result<(), Malformed> {
        let wrong = |detail: &str| {
            Malformed::new(
                starfire_did::credential::code::MALFORMED_VALUE_ERROR,
                detail,
            )
        };
        let Secured::Credential(parsed) = Reader::new().read(text)? else {
            return Err(wrong("a presentation is no status list"));
        };
        let Some(id) = parsed.claims["id"].as_str() else {
            return Err(wrong(
                "a status list without an id cannot be told from others",
            ));
        };
        self.lists.insert(id.to_owned(), *parsed);
        Ok(())
    }

    /// Takes in values that a saved answer proved. They count where the source has none: a chain that can be asked knows more.
    pub(crate) fn hand_proven(&mut self, proven: Vec<Proven>) {
        self.proven.extend(proven);
    }

    /// The handed-in values at all of these paths under one header, the newest, as they stand now.
    fn handed(&self, chain: Option<ChainCode>, paths: &[Vec<u8>]) -> Option<Known> {
        let all = |proven: &&Proven| {
            proven.current
                && proven.chain == chain
                && paths.iter().all(|path| proven.values.contains_key(path))
        };
        let newest = self
            .proven
            .iter()
            .filter(all)
            .max_by_key(|proven| proven.time_ms)?;
        Some(Known {
            values: paths
                .iter()
                .map(|path| newest.values.get(path).cloned().flatten())
                .collect(),
            time_ms: newest.time_ms,
        })
    }

    /// The version of a DID's document at a time, if values that were handed in tell it: `Some(None)`, that there was none yet.
    pub(super) fn handed_version(&self, did: &Did, at_ms: i64) -> Option<Option<v1::DidRecord>> {
        let question = Question {
            did: *did,
            at: At::Time(at_ms),
        };
        let found = |proven: &Proven| {
            let of_did = [path::record(did), path::versions(did)];
            let shown = proven
                .values
                .iter()
                .filter(|(path, _)| **path == of_did[0] || path.starts_with(&of_did[1]));
            let record = |bytes: &Option<Vec<u8>>| match bytes {
                None => Some(None),
                Some(bytes) => v1::DidRecord::decode(bytes.as_slice()).ok().map(Some),
            };
            let shown = shown.map(|(path, bytes)| Some((path.clone(), record(bytes)?)));
            let found = question.found(shown.collect::<Option<_>>()?)?;
            // Of times after its header a proof knows only what was over by then.
            (found.next.is_some() || at_ms < proven.time_ms).then_some(found.record)
        };
        let of_chain = self.proven.iter();
        let mut of_chain: Vec<&Proven> = of_chain
            .filter(|proven| proven.chain == did.chain_code())
            .collect();
        of_chain.sort_by_key(|proven| std::cmp::Reverse(proven.time_ms));
        of_chain.into_iter().find_map(found)
    }

    /// An accreditation of the issuer's that was handed in, for anything but what is asked; for this type, if there is one.
    pub(super) fn other_accreditation(
        &self,
        asked: issuer::Asked<'_>,
    ) -> Option<v1::AccreditationRecord> {
        let own = path::accreditation(asked.issuer, asked.kind, asked.jurisdiction);
        let first = |prefix: Vec<u8>| {
            let of_main = self.proven.iter().filter(|proven| proven.chain.is_none());
            of_main
                .flat_map(|proven| &proven.values)
                .filter(|(path, _)| path.starts_with(&prefix) && **path != own)
                .find_map(|(_, bytes)| {
                    v1::AccreditationRecord::decode(bytes.as_ref()?.as_slice()).ok()
                })
        };
        first(path::accreditations_of_type(asked.issuer, asked.kind))
            .or_else(|| first(path::accreditations(asked.issuer)))
    }

    /// The handed-in document of this identifier.
    pub(super) fn party(&self, id: &str) -> Option<&Party> {
        self.parties.get(id)
    }

    /// The handed-in status list at this URL.
    pub(super) fn list(&self, url: &str) -> Option<&Parsed> {
        self.lists.get(url)
    }

    /// The document of a `did:web`.
    pub(super) async fn web_document(&self, did: &str) -> Result<Fetched, Refusal> {
        let Some(web) = self.web else {
            return Err(Refusal::Off);
        };
        let mut fetched = self.fetched.lock().await;
        if let Some(known) = fetched.get(did) {
            return known.clone();
        }
        if fetched.len() >= WEBSITES_MAX {
            let detail = format!("one verification asks at most {WEBSITES_MAX} of them");
            return Err(Refusal::Unreachable(detail));
        }
        let outcome = web.document(did, false).await;
        fetched.insert(did.to_owned(), outcome.clone());
        outcome
    }

    /// Values of a chain's state.
    pub(super) async fn values(
        &self,
        chain: Option<ChainCode>,
        paths: Vec<Vec<u8>>,
    ) -> Result<Known, Unknown> {
        if self.questions.fetch_add(1, Ordering::Relaxed) >= QUESTIONS_MAX {
            return Err(Unknown::new(
                format!("it takes more than {QUESTIONS_MAX} questions to a chain"),
                "verify its parts one by one",
            ));
        }
        let handed = self.handed(chain, &paths);
        match (self.source.values(chain, paths).await, handed) {
            (Err(_), Some(handed)) => Ok(handed),
            (outcome, _) => outcome,
        }
    }

    /// A record of a chain's state, with the time of the state.
    pub(super) async fn record<M: Message + Default>(
        &self,
        chain: Option<ChainCode>,
        path: Vec<u8>,
    ) -> Result<(Option<M>, i64), Unknown> {
        let known = self.values(chain, vec![path]).await?;
        Ok((decoded(&known, 0)?, known.time_ms))
    }
}

/// The record at one of the paths asked for. A chain of others may keep what it likes there.
pub(super) fn decoded<M: Message + Default>(
    known: &Known,
    position: usize,
) -> Result<Option<M>, Unknown> {
    let Some(Some(bytes)) = known.values.get(position) else {
        return Ok(None);
    };
    M::decode(bytes.as_slice()).map(Some).map_err(|_| {
        let why = "what the chain keeps there is not the record expected";
        Unknown::new(why, ASK_ANOTHER)
    })
}
