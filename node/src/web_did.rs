//! Documents of `did:web`, fetched from the websites that they stand on: only where somebody has configured it, and nothing else is.
//!
//! Who asks a node about a `did:web` makes it open a connection to a host of their choice. So the operator lists the hosts
//! ([`allowed`]); a listed name may not lead into the operator's own network ([`address`]); a connection is made to exactly the address
//! that was judged, by TLS alone, follows no redirection, and ends early ([`fetch`]). What came is remembered a while ([`cache`]).
//!
//! Nothing proves such a document. It says who controls the website now, and nothing of who did when a credential was issued.

mod address;
mod allowed;
mod cache;
mod fetch;
mod refusal;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use starfire_did::credential::json;
use starfire_did::foreign::web::Location;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

pub use allowed::Allowed;
use cache::Cache;
use fetch::{FETCH_TIME_MAX, Fetch};
pub(crate) use refusal::Refusal;

use crate::clock;

/// Documents that are being fetched at one time; others wait for their turn, within the time that a fetch may take.
const FETCHES_MAX: usize = 16;

/// What all of these DIDs begin with.
const METHOD: &str = "did:web:";

/// Whether a DID is of this method.
pub(crate) fn is_of_method(did: &str) -> bool {
    did.starts_with(METHOD)
}

/// Which documents are fetched, and by whose word of who is who on the web.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The hosts.
    pub allowed: Allowed,
    /// A file of certificates that are trusted in place of the system's.
    pub ca_file: Option<PathBuf>,
}

/// A document, and when it was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fetched {
    /// Its `id` is the DID.
    pub(crate) document: Arc<Value>,
    /// Unix milliseconds.
    pub(crate) at_ms: i64,
}

/// The certificates to be trusted cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The file is not there, or is not what it should be.
    #[error("{} holds no certificates in PEM: {message}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        message: String,
    },
    /// The system has none.
    #[error("this machine trusts no certificates; install its certificates, or set ca_file")]
    None,
}

/// Fetches, and remembers. Clones share what is remembered.
#[derive(Clone)]
pub struct WebDids(Arc<Inner>);

struct Inner {
    allowed: Allowed,
    fetch: Fetch,
    /// How long fetching one may take.
    patience: Duration,
    turns: Semaphore,
    cache: Cache,
}

impl fmt::Debug for WebDids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebDids")
            .field("allowed", &self.0.allowed)
            .finish_non_exhaustive()
    }
}

impl WebDids {
    /// By these settings.
    pub fn new(settings: Settings) -> Result<Self, SetupError> {
        Self::with_patience(settings, FETCH_TIME_MAX)
    }

    fn with_patience(settings: Settings, patience: Duration) -> Result<Self, SetupError> {
        Ok(Self(Arc::new(Inner {
            fetch: Fetch::new(settings.ca_file.as_deref())?,
            allowed: settings.allowed,
            patience,
            turns: Semaphore::new(FETCHES_MAX),
            cache: Cache::default(),
        })))
    }

    /// The document of a `did:web`; `fresh`: not from memory.
    pub(crate) async fn document(&self, did: &str, fresh: bool) -> Result<Fetched, Refusal> {
        let location = Location::of(did).map_err(|problem| Refusal::Invalid(problem.detail))?;
        let Some(reach) = self.0.allowed.reach(&location) else {
            let authority = location.authority();
            let detail = format!("documents are not fetched from {authority} here");
            return Err(Refusal::HostNotAllowed(detail));
        };
        if let Some(known) = self.0.cache.get(did, Instant::now()).filter(|_| !fresh) {
            return known;
        }
        let fetched = timeout(self.0.patience, async {
            let _turn = self.0.turns.acquire().await;
            self.0.fetch.get(&location, reach).await
        });
        let outcome = match fetched.await {
            Ok(outcome) => outcome.and_then(|bytes| read(did, &bytes)),
            Err(_) => Err(Refusal::Unreachable(format!(
                "{} did not answer within {:?}",
                location.url(),
                self.0.patience
            ))),
        };
        if let Err(refusal) = &outcome {
            tracing::debug!(%did, %refusal, "document not fetched");
        }
        self.0.cache.put(did, outcome.clone(), Instant::now());
        outcome
    }
}

/// What came, if it is the DID's document.
fn read(did: &str, bytes: &[u8]) -> Result<Fetched, Refusal> {
    let document = json::parse(bytes).map_err(|error| Refusal::NotADocument(error.detail))?;
    // did:web §3.2: "the value of the id property … MUST match the DID being resolved".
    match document["id"].as_str() {
        Some(id) if id == did => Ok(Fetched {
            document: Arc::new(document),
            at_ms: clock::unix_ms(),
        }),
        Some(id) => Err(Refusal::OtherId(format!(
            "what stands there is the document of {}",
            id.chars().take(fetch::SHOWN_CHARS_MAX).collect::<String>()
        ))),
        None => Err(Refusal::NotADocument("it has no id".to_owned())),
    }
}

#[cfg(test)]
pub(crate) mod tests;
