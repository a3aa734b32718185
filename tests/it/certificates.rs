//! Our check of commits against the stock light client's, over commits that were changed in every way we could think of.
//!
//! Ours may refuse what the stock verifier takes, for the reasons that [`may_be_stricter`] lists. It must never take what the
//! stock verifier refuses. `ROUNDS=1000000` tries that many.

use std::collections::BTreeMap;
use std::time::Duration;

use starfire_consensus::certificate::{self, CertificateError, Options, Trusted};
use starfire_tests::decoders::certificates;
use starfire_tests::protocol::chain::{Chain, sign};
use tendermint::block::signed_header::SignedHeader;
use tendermint::block::{Commit, CommitSig, Height, Id, Round, parts};
use tendermint::{Hash, Signature, account};
use tendermint_light_client_verifier::options;
use tendermint_light_client_verifier::types::{
    TrustThreshold, TrustedBlockState, UntrustedBlockState,
};
use tendermint_light_client_verifier::{ProdVerifier, Verdict, Verifier as _};

use crate::sim::number;

/// Changed commits of an ordinary run, for each size of the set.
const ROUNDS: u64 = 700;

/// Where ours is allowed to be stricter, and why.
fn may_be_stricter(error: CertificateError) -> bool {
    match error {
        // The stock verifier stops at two thirds, and does not look at what stands behind them.
        CertificateError::BadSignature
        // It finds a validator by address, wherever it stands.
        | CertificateError::Stranger
        // It skips votes for nil. This protocol has none.
        | CertificateError::NilVote
        // It counts to the last round that fits in 31 bits; ours keeps one for naming the round after.
        | CertificateError::OutOfRange => true,
        CertificateError::WrongChain
        | CertificateError::NotLater
        | CertificateError::FromTheFuture
        | CertificateError::Expired
        | CertificateError::SetMismatch
        | CertificateError::HeaderMismatch
        | CertificateError::NotEnoughTrust
        | CertificateError::NotEnoughPower
        | CertificateError::Length => false,
    }
}

struct Case<'c> {
    chain: &'c Chain,
    parent: starfire_consensus::candidate::Candidate,
}

impl Case<'_> {
    fn judge(&self, signed: &SignedHeader) -> (Result<(), CertificateError>, Verdict) {
        let set = self.chain.validators();
        let day = Duration::from_secs(86_400);
        let drift = Duration::from_secs(10);
        let now = (self.parent.time() + Duration::from_secs(60)).unwrap();
        let header = self.parent.header();
        let ours = certificate::verify_from(
            &Trusted {
                chain_id: self.chain.id(),
                height: header.height.value(),
                time: header.time,
                next_validators: set,
                next_validators_hash: header.next_validators_hash,
            },
            signed,
            set,
            None,
            now,
            &Options {
                trusting_period: day,
                clock_drift: drift,
            },
        );
        let stock = ProdVerifier::default().verify_update_header(
            UntrustedBlockState {
                signed_header: signed,
                validators: set,
                next_validators: None,
            },
            TrustedBlockState {
                chain_id: self.chain.id(),
                header_time: header.time,
                height: header.height,
                next_validators: set,
                next_validators_hash: header.next_validators_hash,
            },
            &options::Options {
                trust_threshold: TrustThreshold::TWO_THIRDS,
                trusting_period: day,
                clock_drift: drift,
            },
            now,
        );
        (ours, stock)
    }
}

/// Changes a commit or its header in one way. Signatures are not made anew, but where a second one is of use.
fn change(chain: &Chain, signed: &mut SignedHeader, random: &mut fastrand::Rng) {
    let count = chain.count();
    let (one, two) = (random.usize(0..count), random.usize(0..count));
    let other = Hash::Sha256([random.u8(..); 32]);
    let places = &mut signed.commit.signatures;
    match random.u32(0..20) {
        0..=4 => places[one] = CommitSig::BlockIdFlagAbsent,
        5 => places.swap(one, two),
        6 => places[one] = places[two].clone(),
        7 => drop(places.pop()),
        8 => places.push(places[one].clone()),
        9 => {
            if let CommitSig::BlockIdFlagCommit { signature, .. } = &mut places[one] {
                let mut bytes = [0; 64];
                if let Some(signature) = signature {
                    bytes.copy_from_slice(signature.as_bytes());
                }
                bytes[random.usize(0..64)] ^= 1 << random.u32(0..8);
                *signature = Signature::try_from(&bytes[..]).ok();
            }
        }
        10 => {
            if let CommitSig::BlockIdFlagCommit { signature, .. } = &mut places[one] {
                *signature = None;
            }
        }
        11 => {
            if let CommitSig::BlockIdFlagCommit { timestamp, .. } = &mut places[one] {
                *timestamp = (*timestamp + Duration::from_nanos(1)).unwrap();
            }
        }
        12 => {
            if let CommitSig::BlockIdFlagCommit {
                validator_address,
                timestamp,
                signature,
            } = places[one].clone()
            {
                places[one] = CommitSig::BlockIdFlagNil {
                    validator_address,
                    timestamp,
                    signature,
                };
            }
        }
        13 => {
            if let CommitSig::BlockIdFlagCommit {
                validator_address, ..
            } = &mut places[one]
            {
                *validator_address = account::Id::new([random.u8(..); 20]);
            }
        }
        14 => {
            // A signature of its own over another time: the stock rules allow one for each validator.
            if let CommitSig::BlockIdFlagCommit {
                timestamp,
                signature,
                ..
            } = &mut places[one]
            {
                *timestamp = (*timestamp + Duration::from_millis(5)).unwrap();
                let bytes = starfire_consensus::sign_bytes::vote(
                    chain.id(),
                    tendermint::vote::Type::Precommit,
                    signed.commit.height.value(),
                    signed.commit.round.value(),
                    signed.commit.block_id,
                    *timestamp,
                );
                *signature = Some(sign(chain.key(one), &bytes));
            }
        }
        15 => {
            signed.commit.round = Round::try_from(random.u32(0..i32::MAX.unsigned_abs())).unwrap();
        }
        16 => signed.commit.height = Height::try_from(random.u64(1..4)).unwrap(),
        17 => {
            signed.commit.block_id = Id {
                hash: other,
                ..signed.commit.block_id
            };
        }
        18 => {
            signed.commit.block_id.part_set_header = parts::Header::new(1, other).unwrap();
        }
        _ => match random.u32(0..6) {
            0 => signed.header.height = Height::try_from(random.u64(1..5)).unwrap(),
            1 => signed.header.time = (signed.header.time + Duration::from_secs(1)).unwrap(),
            2 => signed.header.validators_hash = other,
            3 => signed.header.next_validators_hash = other,
            4 => signed.header.last_block_id = None,
            _ => signed.header.data_hash = Some(other),
        },
    }
}

#[test]
fn our_check_of_commits_is_never_laxer_than_the_stock_verifiers() {
    let mut random = fastrand::Rng::with_seed(number("SEED").unwrap_or(1));
    let (mut both_take, mut both_refuse) = (0u64, 0u64);
    let mut stricter: BTreeMap<&str, u64> = BTreeMap::new();
    for validators in [1, 4, 7] {
        let chain = Chain::new(validators);
        let parent = chain.block(None, 0, 0);
        let block = chain.block(Some(&parent), 0, 0);
        let (_, commit): (_, Commit) = certificates(&chain, &block);
        let signed = SignedHeader::new(block.header().clone(), commit).unwrap();
        let case = Case {
            chain: &chain,
            parent,
        };
        assert_eq!(case.judge(&signed), (Ok(()), Verdict::Success));
        for _ in 0..number("ROUNDS").unwrap_or(ROUNDS) {
            let mut changed = signed.clone();
            for _ in 0..random.u32(1..4) {
                change(&chain, &mut changed, &mut random);
                if changed.commit.signatures.len() < usize::from(validators) {
                    break;
                }
            }
            match case.judge(&changed) {
                (Ok(()), Verdict::Success) => both_take += 1,
                (Err(_), Verdict::Invalid(_) | Verdict::NotEnoughTrust(_)) => both_refuse += 1,
                (Err(error), Verdict::Success) => {
                    assert!(may_be_stricter(error), "{error:?}: {changed:?}");
                    *stricter.entry(error.name()).or_default() += 1;
                }
                (Ok(()), verdict) => panic!("laxer than {verdict:?}: {changed:?}"),
            }
        }
    }
    println!(
        "commits: both take {both_take}, both refuse {both_refuse}, ours is stricter: {stricter:?}"
    );
    assert!(both_take > 0 && both_refuse > 0 && !stricter.is_empty());
}
