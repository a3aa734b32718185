//! Quotas: what protects a chain without fees from floods.
//!
//! A block has room for so many transactions of each member, sent or sponsored, and gives a small share of itself to everybody
//! else together. To sponsor, a member adds its signature to somebody's transaction; nothing in the transaction need say so.

use std::collections::BTreeMap;

use starfire_proto::v1;
use starfire_state::Rejection;

use crate::block::BLOCK_BYTES_MAX;
use crate::code;
use crate::transaction::ENVELOPE_BYTES_MAX;

/// On whose account a transaction takes its place in a block.
#[derive(Debug, Clone, PartialEq, Eq)]
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
        }
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
