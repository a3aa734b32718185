//! Signature work: what it costs to check signatures, counted alike by every node.
//!
//! A block is bounded in bytes and in transactions, but a hundred signatures fit into few bytes, SM2 signatures cost ten times what
//! Ed25519 ones do, and each hashes the whole message anew, since its key and nonce point go into the hash before it. So what a block
//! asks of a validator before it can vote is bounded by this count: a fixed part for each signature, by its algorithm, and a part for
//! each byte of its message. A unit is about a nanosecond of one core (2026, x86-64 with AVX-512, release build), but what counts is only
//! that all nodes count the same: the numbers are rules of the chain.
//!
//! Counted are the signatures over the blob and the consents of creations, which are checked before a vote. What execution verifies
//! is not: anchors and the key proofs of motions are for gateways and super nodes to bring.

use std::collections::BTreeMap;

use starfire_did::id::AccountKind;
use starfire_did::{Did, KeyAlgorithm};

use crate::quota::Payer;
use crate::transaction::{Operation, Signature, shape};

/// The most that the signatures and consents of a block may cost: three seconds.
pub const BLOCK_SIGNATURE_WORK_MAX: u64 = 3_000_000_000;
/// The most that those of one envelope may cost: as much as the largest batch, ten thousand consents by SM2 keys, with sixteen
/// signatures of SM2 over 4 MiB.
pub const ENVELOPE_SIGNATURE_WORK_MAX: u64 = 2_800_000_000;

/// What a proposer asks of the others in one block: half a second, so that a block which they see for the first time is checked within a
/// round. Beside that one transaction of a member that is more by itself, if it is the first.
pub const SELECTED_SIGNATURE_WORK_MAX: u64 = 500_000_000;
/// What the first transaction takes of that at most: what it asks for beyond comes on top, so others have the rest whatever it is.
const FIRST_WORK_MAX: u64 = SELECTED_SIGNATURE_WORK_MAX / 2;
/// What each member has of it before any has more.
const MEMBER_WORK: u64 = SELECTED_SIGNATURE_WORK_MAX / 8;

// A block has room for any envelope, so none waits for ever.
const _: () = assert!(ENVELOPE_SIGNATURE_WORK_MAX <= BLOCK_SIGNATURE_WORK_MAX);

/// An Ed25519 signature. In a batch it costs half of this, and more than this where one of the batch is wrong.
const ED25519_WORK: u64 = 20_000;
/// A byte through SHA-512.
const ED25519_BYTE_WORK: u64 = 2;
/// An SM2 signature.
const SM2_WORK: u64 = 250_000;
/// A byte through SM3.
const SM2_BYTE_WORK: u64 = 4;
/// What a consent signs: a prefix, the chain, the DID and a digest.
const CONSENT_BYTES: usize = 200;

/// How many signatures there are, by algorithm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    ed25519: u64,
    sm2: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, algorithm: KeyAlgorithm) {
        match algorithm {
            KeyAlgorithm::Ed25519 => self.ed25519 += 1,
            KeyAlgorithm::Sm2 => self.sm2 += 1,
        }
    }

    /// What they cost over messages of that length.
    fn work(self, message_bytes: usize) -> u64 {
        let bytes = u64::try_from(message_bytes).expect("a length fits in 64 bits");
        self.ed25519 * (ED25519_WORK + bytes * ED25519_BYTE_WORK)
            + self.sm2 * (SM2_WORK + bytes * SM2_BYTE_WORK)
    }
}

/// What an envelope asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) blob_bytes: usize,
    pub(crate) signatures: Tally,
    pub(crate) consents: Tally,
}

impl Asked {
    fn work(self) -> u64 {
        self.signatures.work(self.blob_bytes) + self.consents.work(CONSENT_BYTES)
    }
}

/// What a proposer may still ask for in the block that it makes.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    is_empty: bool,
    /// Of [`BLOCK_SIGNATURE_WORK_MAX`].
    block: u64,
    /// Of [`SELECTED_SIGNATURE_WORK_MAX`]: all, and what is left to those whom no member stands behind.
    all: u64,
    open: u64,
    /// What each member has taken.
    used: BTreeMap<String, u64>,
}

impl Room {
    /// An empty block's, on a chain that gives strangers this share of it.
    pub(crate) fn new(open_share_percent: u32) -> Self {
        Self {
            is_empty: true,
            block: BLOCK_SIGNATURE_WORK_MAX,
            all: SELECTED_SIGNATURE_WORK_MAX,
            open: open_max(open_share_percent),
            used: BTreeMap::new(),
        }
    }

    /// Whether there is room for anybody's transaction at all.
    pub(crate) fn is_full(&self) -> bool {
        !self.may_have(ED25519_WORK)
    }

    /// Whether there is room for that much, if it is a member's.
    pub(crate) fn may_have(&self, work: u64) -> bool {
        self.is_empty || work <= self.all.min(self.block)
    }

    /// Whether there is room. There is for any transaction of a member that comes first, so none waits for ever. Strangers have their
    /// share and no more: what does not fit into it fits into no block.
    pub(crate) fn has(&self, work: u64, payer: &Payer) -> bool {
        match payer {
            Payer::Member(_) => self.may_have(work),
            Payer::Open => work <= self.open.min(self.all).min(self.block),
        }
    }

    /// Whether that is no more than a member has before others have theirs. What comes first waits for nobody.
    pub(crate) fn is_in_share(&self, work: u64, payer: &Payer) -> bool {
        match payer {
            Payer::Member(address) => {
                let used = self.used.get(address).copied().unwrap_or(0);
                self.is_empty || used.saturating_add(work) <= MEMBER_WORK
            }
            Payer::Open => true,
        }
    }

    /// Takes what there is room for.
    pub(crate) fn take(&mut self, work: u64, payer: &Payer) {
        let of_all = if self.is_empty {
            work.min(FIRST_WORK_MAX)
        } else {
            work
        };
        self.is_empty = false;
        self.block = self.block.saturating_sub(work);
        self.all = self.all.saturating_sub(of_all);
        match payer {
            Payer::Member(address) => {
                let used = self.used.entry(address.clone()).or_insert(0);
                *used = used.saturating_add(work);
            }
            Payer::Open => self.open = self.open.saturating_sub(work),
        }
    }
}

/// The work of a decoded envelope.
pub(crate) fn of(blob_bytes: usize, signatures: &[Signature], operations: &[Operation]) -> u64 {
    let mut asked = Asked {
        blob_bytes,
        ..Asked::default()
    };
    for signature in signatures {
        asked.signatures.add(signature.key.algorithm());
    }
    let payloads = operations
        .iter()
        .filter_map(|operation| operation.payload.as_ref().ok());
    for create in payloads.flat_map(|payload| payload.creations()) {
        if create.has_consent() {
            asked.consents.add(consenting(create.did()));
        }
    }
    asked.work()
}

/// The work of an envelope that is not decoded yet, as far as its bytes tell: of a sound one exactly. It serves to share out the time of
/// those who check, and decides on nothing.
pub fn foreseen(envelope: &[u8]) -> u64 {
    shape::asked(envelope).map_or(0, |asked| asked.work().min(ENVELOPE_SIGNATURE_WORK_MAX))
}

/// What a signature costs at most, over a message of that length.
pub fn of_signature_at_most(message_bytes: usize) -> u64 {
    let mut one = Tally::default();
    one.add(KeyAlgorithm::Sm2);
    one.work(message_bytes)
}

/// What the consent of the key costs that the DID derives from.
pub fn of_consent(did: &Did) -> u64 {
    let mut one = Tally::default();
    one.add(consenting(did));
    one.work(CONSENT_BYTES)
}

/// What strangers have of a block, on a chain that gives them this share.
pub fn open_max(open_share_percent: u32) -> u64 {
    SELECTED_SIGNATURE_WORK_MAX * u64::from(open_share_percent.min(100)) / 100
}

/// The algorithm of the key that a DID derives from. Of other kinds no consent is checked.
fn consenting(did: &Did) -> KeyAlgorithm {
    match did.kind() {
        Some(AccountKind::Sm2) => KeyAlgorithm::Sm2,
        Some(AccountKind::Ed25519 | AccountKind::Secp256k1) | None => KeyAlgorithm::Ed25519,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(ed25519: u64, sm2: u64) -> Tally {
        Tally { ed25519, sm2 }
    }

    // What is documented to be possible stays so: a change of these numbers changes the rules.
    #[test]
    fn what_the_documents_promise_fits() {
        let largest_batch = Asked {
            blob_bytes: 4 << 20,
            signatures: tally(0, 16),
            consents: tally(0, 10_000),
        };
        assert_eq!(largest_batch.work(), 2_780_435_456);
        assert!(largest_batch.work() <= ENVELOPE_SIGNATURE_WORK_MAX);

        let payments = tally(20_000, 0).work(300);
        assert_eq!(payments, 412_000_000);
        assert!(payments <= BLOCK_SIGNATURE_WORK_MAX);

        let many_signers = tally(0, 100).work(1_000);
        assert_eq!(many_signers, 25_400_000);
    }

    fn member(name: &str) -> Payer {
        Payer::Member(name.to_owned())
    }

    #[test]
    fn a_members_transaction_that_is_much_comes_first_and_leaves_others_half() {
        let (all, one) = (SELECTED_SIGNATURE_WORK_MAX, member("one"));
        for much in [all - 1, all + 1, 2 * all] {
            let mut room = Room::new(10);
            assert!(room.has(much, &one) && room.is_in_share(much, &one));
            room.take(much, &one);
            assert!(room.has(all / 2, &member("other")));
            assert!(!room.has(all / 2 + 1, &member("other")));
            assert!(room.has(all / 10, &Payer::Open));
        }
        let mut room = Room::new(10);
        assert!(room.has(ENVELOPE_SIGNATURE_WORK_MAX, &one), "it is empty");
        room.take(ENVELOPE_SIGNATURE_WORK_MAX, &one);
        let left = BLOCK_SIGNATURE_WORK_MAX - ENVELOPE_SIGNATURE_WORK_MAX;
        assert!(room.has(left, &one) && !room.has(left + 1, &one));
        room.take(left, &one);
        assert!(room.is_full());
    }

    #[test]
    fn strangers_have_their_share_and_never_more() {
        let all = SELECTED_SIGNATURE_WORK_MAX;
        let mut room = Room::new(10);
        for much in [all / 10 + 1, all, ENVELOPE_SIGNATURE_WORK_MAX] {
            assert!(!room.has(much, &Payer::Open), "though it is empty");
        }
        room.take(all / 10, &Payer::Open);
        assert!(!room.has(1, &Payer::Open));
        assert!(room.has(all / 10 * 9, &member("one")) && !room.has(all, &member("one")));
        assert!(!Room::new(0).has(1, &Payer::Open));
    }

    #[test]
    fn each_member_has_its_share_before_another_has_more() {
        let (one, other) = (member("one"), member("other"));
        let mut room = Room::new(10);
        room.take(MEMBER_WORK, &one);
        assert!(room.has(1, &one) && !room.is_in_share(1, &one));
        assert!(room.is_in_share(MEMBER_WORK, &other));
        assert!(!room.is_in_share(MEMBER_WORK + 1, &other));
    }

    #[test]
    fn what_kept_nodes_busy_does_not_fit() {
        let copies = tally(0, 80_000).work(300);
        assert!(copies > 6 * BLOCK_SIGNATURE_WORK_MAX);
        let long = 15 * tally(100, 0).work(1 << 20);
        assert!(long > BLOCK_SIGNATURE_WORK_MAX);
    }
}
