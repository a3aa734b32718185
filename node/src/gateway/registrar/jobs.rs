//! Jobs: unsigned transactions that wait for their signatures.
//!
//! There is nothing secret in them and nothing that cannot be made again, so the table is small and forgets what is old. Each client,
//! by its address, has a share of its own, of which the oldest job goes when it is full; and when the table is full, the oldest of
//! the client with the most. So nobody pushes out the jobs of those who have few.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
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
/// The same of one client.
const JOBS_PER_CLIENT_MAX: usize = 256;
const JOBS_PER_CLIENT_BYTES_MAX: usize = 2 << 20;
/// An owner of IPv6 addresses has at least so many bits of them.
const IPV6_PREFIX_BITS: u32 = 64;
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
    /// Whose nonce it takes.
    pub(super) source: Did,
    pub(super) nonce: i64,
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
        (source, nonce): (Did, i64),
        blob: Vec<u8>,
        payload: Value,
        signers: Vec<Signer>,
    ) -> Self {
        Self {
            operation,
            did,
            resource,
            blob,
            source,
            nonce,
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
    jobs: BTreeMap<JobId, (Client, Arc<Job>)>,
    /// Oldest first.
    order: VecDeque<JobId>,
    /// What there is in all, and of each client.
    all: Share,
    shares: BTreeMap<Client, Share>,
}

/// An address, of IPv6 the part that is one owner's.
type Client = IpAddr;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Share {
    jobs: usize,
    bytes: usize,
}

impl Share {
    fn exceeds(self, jobs: usize, bytes: usize) -> bool {
        self.jobs > jobs || self.bytes > bytes
    }

    fn add(&mut self, job: &Job) {
        self.jobs += 1;
        self.bytes += job.bytes();
    }

    fn take(&mut self, job: &Job) {
        self.jobs -= 1;
        self.bytes -= job.bytes();
    }
}

fn client(address: IpAddr) -> Client {
    match address.to_canonical() {
        address @ IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let prefix = u128::MAX << (u128::BITS - IPV6_PREFIX_BITS);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & prefix))
        }
    }
}

impl Jobs {
    /// Keeps a job of a client for a while.
    pub(super) fn add(&self, from: IpAddr, job: Job) -> (JobId, Arc<Job>) {
        let id: JobId = Sha256::digest(&job.blob).into();
        let client = client(from);
        let mut table = self.table();
        table.forget_old();
        // The same transaction again is the same job, and now that of who asked last: nobody else can push it out.
        if let Some(job) = table.hand_over(&id, client) {
            table.make_room(client);
            return (id, job);
        }
        let job = Arc::new(job);
        table.insert(id, client, &job);
        table.make_room(client);
        (id, job)
    }

    /// The job with this id, hex.
    pub(super) fn find(&self, id: &str) -> Option<(JobId, Arc<Job>)> {
        let id: JobId = hex::decode(id).ok()?.try_into().ok()?;
        let mut table = self.table();
        table.forget_old();
        Some((id, Arc::clone(&table.jobs.get(&id)?.1)))
    }

    /// Lets go of a job that leads nowhere.
    pub(super) fn remove(&self, id: &JobId) {
        self.table().remove(id);
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // A panic elsewhere cannot leave a job half written, so the lock's poison means nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Counts a job among those of this client, as its newest.
    fn hand_over(&mut self, id: &JobId, client: Client) -> Option<Arc<Job>> {
        let (_, job) = self.jobs.get(id)?;
        let job = Arc::clone(job);
        self.remove(id);
        self.insert(*id, client, &job);
        Some(job)
    }

    fn insert(&mut self, id: JobId, client: Client, job: &Arc<Job>) {
        self.all.add(job);
        self.shares.entry(client).or_default().add(job);
        self.order.push_back(id);
        self.jobs.insert(id, (client, Arc::clone(job)));
    }

    fn forget_old(&mut self) {
        while let Some(oldest) = self.order.front().copied() {
            let (_, job) = &self.jobs[&oldest];
            if clock::elapsed(job.begun) < AGE_MAX {
                return;
            }
            self.remove(&oldest);
        }
    }

    /// Lets go of this client's oldest jobs while it has too many, and of those of whoever has most while there are too many in all.
    /// The newest job, which is this client's, stays.
    fn make_room(&mut self, client: Client) {
        while self
            .share(client)
            .exceeds(JOBS_PER_CLIENT_MAX, JOBS_PER_CLIENT_BYTES_MAX)
            && self.remove_oldest_of(|of| of == client)
        {}
        while self.all.exceeds(JOBS_MAX, JOBS_BYTES_MAX) {
            let most = match self.all.jobs > JOBS_MAX {
                true => self.shares.iter().max_by_key(|(_, share)| share.jobs),
                false => self.shares.iter().max_by_key(|(_, share)| share.bytes),
            };
            let most = most.map(|(of, _)| *of);
            // If that is the newest job alone, the oldest of all goes.
            if !self.remove_oldest_of(|of| Some(of) == most) && !self.remove_oldest_of(|_| true) {
                return;
            }
        }
    }

    fn share(&self, client: Client) -> Share {
        self.shares.get(&client).copied().unwrap_or_default()
    }

    /// Lets go of the oldest job of such a client, but not of the newest of all; whether there was one.
    fn remove_oldest_of(&mut self, is_whose: impl Fn(Client) -> bool) -> bool {
        let older = self.order.len().saturating_sub(1);
        let mut older = self.order.iter().take(older);
        let oldest = older.find(|id| is_whose(self.jobs[*id].0)).copied();
        if let Some(oldest) = oldest {
            self.remove(&oldest);
        }
        oldest.is_some()
    }

    fn remove(&mut self, id: &JobId) {
        let Some((client, job)) = self.jobs.remove(id) else {
            return;
        };
        self.order.retain(|other| other != id);
        self.all.take(&job);
        let share = self.shares.entry(client).or_default();
        share.take(&job);
        if *share == Share::default() {
            self.shares.remove(&client);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::gateway::fixture::did;

    fn job(blob: Vec<u8>) -> Job {
        Job::new(
            Operation::Create,
            (did(1, None), None),
            (did(1, None), 1),
            blob,
            Value::Null,
            Vec::new(),
        )
    }

    fn from(number: usize) -> IpAddr {
        let number = u32::try_from(number).unwrap();
        IpAddr::V4((0x0a00_0000 + number).into())
    }

    fn add(jobs: &Jobs, client: usize, number: usize) -> String {
        let blob = [client.to_be_bytes(), number.to_be_bytes()].concat();
        hex::encode(jobs.add(from(client), job(blob)).0)
    }

    #[test]
    fn a_client_pushes_out_its_own_jobs_and_nobody_else_s() {
        let jobs = Jobs::default();
        let others: Vec<String> = (1..=100).map(|client| add(&jobs, client, 0)).collect();
        let own: Vec<String> = (0..JOBS_MAX).map(|number| add(&jobs, 0, number)).collect();
        assert!(others.iter().all(|id| jobs.find(id).is_some()));
        let kept = own.iter().filter(|id| jobs.find(id).is_some()).count();
        assert_eq!(kept, JOBS_PER_CLIENT_MAX);
        assert!(jobs.find(&own[JOBS_MAX - 1]).is_some());

        let long = hex::encode(jobs.add(from(0), job(vec![1; JOBS_PER_CLIENT_BYTES_MAX])).0);
        assert_eq!(jobs.table().share(from(0)).jobs, 1, "the newest stays");
        assert!(jobs.find(&long).is_some() && jobs.find(&others[0]).is_some());
        assert!(jobs.find("00").is_none() && jobs.find("no hex").is_none());
    }

    #[test]
    fn a_job_that_two_ask_for_is_pushed_out_by_neither_of_the_others_jobs() {
        let jobs = Jobs::default();
        let shared = || job(b"the same transaction".to_vec());
        let id = hex::encode(jobs.add(from(1), shared()).0);
        jobs.add(from(2), shared());
        for number in 0..JOBS_PER_CLIENT_MAX + 1 {
            add(&jobs, 1, number);
        }
        assert!(jobs.find(&id).is_some());
        assert_eq!(jobs.table().share(from(2)).jobs, 1);
        assert_eq!(jobs.table().all.jobs, JOBS_PER_CLIENT_MAX + 1);
    }

    #[test]
    fn an_ipv4_address_is_one_client_however_it_is_written() {
        let mapped = |last: u8| IpAddr::V6(Ipv4Addr::new(192, 0, 2, last).to_ipv6_mapped());
        assert_eq!(client(mapped(1)), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
        assert_ne!(client(mapped(1)), client(mapped(2)));
    }

    #[test]
    fn in_a_full_table_who_has_most_makes_room() {
        let jobs = Jobs::default();
        let few = add(&jobs, 0, 0);
        let clients = JOBS_MAX / JOBS_PER_CLIENT_MAX;
        for client in 1..=clients {
            for number in 0..JOBS_PER_CLIENT_MAX {
                add(&jobs, client, number);
            }
        }
        assert_eq!(jobs.table().all.jobs, JOBS_MAX);
        for newcomer in 100..200 {
            let id = add(&jobs, newcomer, 0);
            assert!(jobs.find(&id).is_some());
        }
        assert!(jobs.find(&few).is_some());
        let table = jobs.table();
        assert_eq!(table.all.jobs, JOBS_MAX);
        let most = table.shares.values().map(|share| share.jobs).max();
        assert!(most < Some(JOBS_PER_CLIENT_MAX));
        drop(table);
        // By bytes too, whichever of the two is longer, the newest or what is there.
        for client in (1_000..1_020).chain((2_000..2_020).rev()) {
            jobs.add(
                from(client),
                job(vec![7; (JOBS_PER_CLIENT_BYTES_MAX / 3) - client]),
            );
            assert!(jobs.table().all.bytes <= JOBS_BYTES_MAX);
        }
    }

    #[test]
    fn an_owner_of_ipv6_addresses_is_one_client() {
        let one: IpAddr = "2001:db8:1:2:3:4:5:6".parse().unwrap();
        let two: IpAddr = "2001:db8:1:2::1".parse().unwrap();
        let other: IpAddr = "2001:db8:1:3::1".parse().unwrap();
        assert_eq!(client(one), client(two));
        assert_ne!(client(one), client(other));
    }

    #[test]
    fn an_old_job_is_forgotten_and_one_that_leads_nowhere_too() {
        let jobs = Jobs::default();
        let (id, _) = jobs.add(from(1), job(vec![2]));
        jobs.remove(&id);
        assert!(jobs.find(&hex::encode(id)).is_none());
        let mut old = job(vec![1]);
        let Some(begun) = old.begun.checked_sub(AGE_MAX) else {
            return;
        };
        old.begun = begun;
        let (id, _) = jobs.add(from(1), old);
        assert!(jobs.find(&hex::encode(id)).is_none());
        let table = jobs.table();
        assert_eq!((table.all, table.shares.len()), (Share::default(), 0));
    }
}
