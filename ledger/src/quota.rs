//! Quotas: what protects a chain without fees from floods.
//!
//! A block has room for so many transactions of each member, sent or sponsored, and gives a small share of itself to everybody
//! else together. To sponsor, a member adds its signature to somebody's transaction; nothing in the transaction need say so.
//!
//! Short operations may read long records, and many of them, which every node must do. So what operations read of the state in a
//! block is counted too, by payer, with what admission reads of the accounts that act in them: whoever has read too much is refused
//! in this block, and nobody else is. That is asked before each operation, so one may go beyond; how much a single one may read is
//! bounded by itself. The worst that a block costs is [`READ_BYTES_MAX`] and the widest operation (a batch of creations, with the
//! controllers that it may ask for), for each member that is up to it, and once for all strangers.
//!
//! What others of its payer have read costs no transaction its nonce: it is refused like one that finds no place, and comes again in
//! the next block. Only one that comes first, and reads all by itself, is executed and fails.

use std::collections::BTreeMap;

use starfire_proto::v1;
use starfire_state::Rejection;

use crate::block::BLOCK_BYTES_MAX;
use crate::code;
use crate::transaction::ENVELOPE_BYTES_MAX;

/// What one payer's transactions may read of the state in a block, bytes.
pub const READ_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// On whose account a transaction takes its place in a block.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Payer {
    /// The member with this address sends or sponsors it.
    Member(String),
    /// Nobody: it takes of the open share.
    Open,
}

/// What is left of one block.
#[derive(Debug, Clone)]
pub struct Quota {
    open: u32,
    open_bytes: u64,
    member: u32,
    used: BTreeMap<String, u32>,
    read: BTreeMap<Payer, u64>,
}

impl Quota {
    /// An empty block's.
    pub fn new(chain: &v1::ChainRecord) -> Self {
        let open = u64::from(chain.block_transactions_max)
            * u64::from(chain.open_share_percent.min(100))
            / 100;
        Self {
            open: u32::try_from(open).expect("a share of 32 bits fits in 32 bits"),
            open_bytes: share(BLOCK_BYTES_MAX, chain),
            member: chain.member_transactions_max,
            used: BTreeMap::new(),
            read: BTreeMap::new(),
        }
    }

    /// Whether this payer may read on, after operations of its transaction have read that much.
    pub fn may_read(&self, payer: &Payer, bytes_read: u64) -> Result<(), Rejection> {
        let before = self.read.get(payer).copied().unwrap_or(0);
        if before.saturating_add(bytes_read) < READ_BYTES_MAX {
            return Ok(());
        }
        let whose = match payer {
            Payer::Member(address) => format!("the transactions of the member {address} have"),
            Payer::Open => "transactions that no member stands behind have".to_owned(),
        };
        let detail = format!(
            "{whose} read {READ_BYTES_MAX} bytes of the state in this block, which is all that they may: it comes again in the next \
             block unless its nonce is used; then send it in smaller parts"
        );
        Err(Rejection::new(code::READ_QUOTA, detail))
    }

    /// Whether this payer has read nothing yet.
    pub(crate) fn is_unread(&self, payer: &Payer) -> bool {
        self.read.get(payer).is_none_or(|bytes| *bytes == 0)
    }

    /// Counts what a transaction has read, whatever became of it.
    pub fn note_read(&mut self, payer: &Payer, bytes: u64) {
        let read = self.read.entry(payer.clone()).or_insert(0);
        *read = read.saturating_add(bytes);
    }

    /// Takes a place for a transaction of that many bytes, if there is one.
    pub fn take(&mut self, payer: &Payer, bytes: usize) -> Result<(), Rejection> {
        self.has_room(payer, bytes)?;
        match payer {
            Payer::Member(address) => *self.used.entry(address.clone()).or_insert(0) += 1,
            Payer::Open => {
                self.open -= 1;
                self.open_bytes -= length(bytes);
            }
        }
        Ok(())
    }

    /// Whether there is a place for a transaction of that many bytes.
    pub fn has_room(&self, payer: &Payer, bytes: usize) -> Result<(), Rejection> {
        match payer {
            Payer::Member(address) => {
                if self.used.get(address).copied().unwrap_or(0) < self.member {
                    return Ok(());
                }
                let detail = format!(
                    "the member {address} has used its {} transactions of this block",
                    self.member
                );
                Err(Rejection::new(code::QUOTA, detail))
            }
            Payer::Open => {
                if self.open > 0 && length(bytes) <= self.open_bytes {
                    return Ok(());
                }
                let detail = "the open share of this block is used up: wait, or find a sponsor";
                Err(Rejection::new(code::QUOTA, detail))
            }
        }
    }
}

/// The open share of so many bytes. One transaction of the longest always fits.
fn share(bytes: usize, chain: &v1::ChainRecord) -> u64 {
    let share = length(bytes) * u64::from(chain.open_share_percent.min(100)) / 100;
    if chain.open_share_percent == 0 {
        0
    } else {
        share.max(length(ENVELOPE_BYTES_MAX))
    }
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).expect("a length fits in 64 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(quota: &mut Quota, payer: &Payer, times: u32) -> u32 {
        (0..times)
            .map(|_| u32::from(quota.take(payer, 100).is_ok()))
            .sum()
    }

    #[test]
    fn what_one_payer_reads_is_not_counted_for_another() {
        let mut quota = Quota::new(&v1::ChainRecord::default());
        let (one, other) = (
            Payer::Member("one".to_owned()),
            Payer::Member("other".to_owned()),
        );
        assert!(quota.may_read(&one, READ_BYTES_MAX - 1).is_ok());
        quota.note_read(&one, READ_BYTES_MAX - 1);
        assert!(quota.may_read(&one, 0).is_ok());
        for bytes in [1, u64::MAX] {
            let refused = quota.may_read(&one, bytes).unwrap_err();
            assert_eq!(refused.code, code::READ_QUOTA);
        }
        quota.note_read(&one, u64::MAX);
        assert!(quota.may_read(&one, 0).is_err());
        assert!(quota.may_read(&other, 0).is_ok());
        assert!(quota.may_read(&Payer::Open, 0).is_ok());
    }

    #[test]
    fn a_few_long_transactions_of_strangers_use_up_the_open_share_too() {
        let mut quota = Quota::new(&v1::ChainRecord {
            block_transactions_max: 1000,
            open_share_percent: 10,
            member_transactions_max: 20,
            ..Default::default()
        });
        assert!(quota.take(&Payer::Open, ENVELOPE_BYTES_MAX).is_ok());
        assert!(quota.take(&Payer::Open, ENVELOPE_BYTES_MAX).is_err());
        assert!(
            quota
                .take(&Payer::Member("a".to_owned()), ENVELOPE_BYTES_MAX)
                .is_ok()
        );
    }

    #[test]
    fn each_member_has_its_own_places_and_all_others_share_a_tenth() {
        let mut quota = Quota::new(&v1::ChainRecord {
            block_transactions_max: 50,
            open_share_percent: 10,
            member_transactions_max: 20,
            ..Default::default()
        });
        assert_eq!(taken(&mut quota, &Payer::Open, 50), 5);
        assert_eq!(taken(&mut quota, &Payer::Member("a".to_owned()), 50), 20);
        assert_eq!(taken(&mut quota, &Payer::Member("b".to_owned()), 50), 20);
        assert_eq!(quota.take(&Payer::Open, 100).unwrap_err().code, code::QUOTA);
    }
}
