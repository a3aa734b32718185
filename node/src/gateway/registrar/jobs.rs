//! Jobs: unsigned transactions that wait for their signatures.
//!
//! There is nothing secret in them and nothing that cannot be made again, so the table is small, forgets what is old, and when it is
//! full the oldest job goes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use sha2::{Digest, Sha256};
use starfire_did::{Did, PublicKey};

use super::Operation;
use crate::clock;

/// Jobs at one time, and their bytes together.
const JOBS_MAX: usize = 4_096;
const JOBS_BYTES_MAX: usize = 16 << 20;
/// How long a job waits for its signatures.
const AGE_MAX: Duration = Duration::from_secs(15 * 60);

/// SHA-256 of the unsigned transaction, by which the chain knows it too.
pub(super) type JobId = [u8; 32];

/// An unsigned transaction and who is to sign it.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) operation: Operation,
    pub(super) did: Did,
    /// A resource's name, and the version that is to be made of it.
    pub(super) resource: Option<(String, u64)>,
    pub(super) blob: Vec<u8>,
    /// The same for people.
    pub(super) payload: Value,
    pub(super) signers: Vec<Signer>,
    begun: Instant,
}

/// A key that is to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signer {
    /// The key's id in a DID document.
    pub(super) kid: String,
    pub(super) key: PublicKey,
}

impl Job {
    pub(super) fn new(
        operation: Operation,
        (did, resource): (Did, Option<(String, u64)>),
        blob: Vec<u8>,
        payload: Value,
        signers: Vec<Signer>,
    ) -> Self {
        Self {
            operation,
            did,
            resource,
            blob,
            payload,
            signers,
            begun: clock::monotonic(),
        }
    }

    /// The signers, each with the name of the request that it answers.
    pub(super) fn signing_requests(&self) -> impl Iterator<Item = (String, &Signer)> {
        let named = |(number, signer)| (format!("signingRequest{number}"), signer);
        (0u32..).zip(&self.signers).map(named)
    }

    /// About what it takes to keep it: the payload says again what the bytes say.
    fn bytes(&self) -> usize {
        3 * self.blob.len()
    }
}

/// The jobs of this node.
#[derive(Debug, Clone, Default)]
pub(in crate::gateway) struct Jobs(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    jobs: BTreeMap<JobId, Arc<Job>>,
    /// Oldest first.
    order: VecDeque<JobId>,
    bytes: usize,
}

impl Jobs {
    /// Keeps a job for a while.
    pub(super) fn add(&self, job: Job) -> (JobId, Arc<Job>) {
        let id: JobId = Sha256::digest(&job.blob).into();
        let mut table = self.table();
        // The same transaction again is the same job.
        if let Some(job) = table.jobs.get(&id) {
            return (id, Arc::clone(job));
        }
        let job = Arc::new(job);
        table.bytes += job.bytes();
        table.order.push_back(id);
        table.jobs.insert(id, Arc::clone(&job));
        table.forget();
        (id, job)
    }

    /// The job with this id, hex.
    pub(super) fn find(&self, id: &str) -> Option<(JobId, Arc<Job>)> {
        let id: JobId = hex::decode(id).ok()?.try_into().ok()?;
        let mut table = self.table();
        table.forget();
        Some((id, Arc::clone(table.jobs.get(&id)?)))
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // A panic elsewhere cannot leave a job half written, so the lock's poison means nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Lets go of what is too old, and of the oldest while there is too much. The newest stays.
    fn forget(&mut self) {
        while let Some(oldest) = self.order.front().copied() {
            let job = self
                .jobs
                .get(&oldest)
                .expect("what is in the order is in the table");
            let full = self.order.len() > 1
                && (self.order.len() > JOBS_MAX || self.bytes > JOBS_BYTES_MAX);
            if !full && clock::elapsed(job.begun) < AGE_MAX {
                return;
            }
            self.bytes -= job.bytes();
            self.order.pop_front();
            self.jobs.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::fixture::did;

    fn job(blob: Vec<u8>) -> Job {
        Job::new(
            Operation::Create,
            (did(1, None), None),
            blob,
            Value::Null,
            Vec::new(),
        )
    }

    #[test]
    fn the_oldest_jobs_go_when_there_are_too_many() {
        let jobs = Jobs::default();
        let ids: Vec<String> = (0..=JOBS_MAX)
            .map(|n| hex::encode(jobs.add(job(n.to_be_bytes().to_vec())).0))
            .collect();
        assert!(jobs.find(&ids[0]).is_none());
        assert!(jobs.find(&ids[1]).is_some());
        jobs.add(job(vec![1; JOBS_BYTES_MAX]));
        assert!(jobs.find(&ids[JOBS_MAX]).is_none());
        assert_eq!(jobs.table().order.len(), 1, "the newest stays");
        assert!(jobs.find("00").is_none() && jobs.find("no hex").is_none());
    }

    #[test]
    fn an_old_job_is_forgotten() {
        let jobs = Jobs::default();
        let mut old = job(vec![1]);
        let Some(begun) = old.begun.checked_sub(AGE_MAX) else {
            return;
        };
        old.begun = begun;
        let (id, _) = jobs.add(old);
        assert!(jobs.find(&hex::encode(id)).is_none());
        assert_eq!(jobs.table().bytes, 0);
    }
}
