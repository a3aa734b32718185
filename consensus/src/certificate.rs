//! Why anyone outside consensus believes a header: a Tendermint `SignedHeader`, checked here and nowhere else.
//!
//! [`verify`] judges by a validator set that is known to be the header's own: block sync, and proofs under a pinned chain.
//! [`verify_from`] judges from an older trusted header: anchors, light clients. It runs the unmodified
//! `tendermint-light-client-verifier` first. That verifier stops counting at two thirds and so may never look at a bad
//! signature behind them; here every signature that is present must be valid, stand in its validator's place, and be for the
//! block. So no one can plant a name in a certificate that did not sign it.

use std::time::Duration;

use tendermint::{
    Hash, Time,
    block::{Commit, CommitSig, Height, signed_header::SignedHeader},
    chain, validator, vote,
};
use tendermint_light_client_verifier::{
    ProdVerifier, Verdict, Verifier as _,
    errors::VerificationErrorDetail as Detail,
    options,
    types::{TrustThreshold, TrustedBlockState, UntrustedBlockState},
};

use crate::{
    electorate::{self, VALIDATORS_MAX},
    quorum::ROUND_MAX,
    sign_bytes, signature,
};

/// Why a certificate is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The header is of another chain.
    #[error("the header is of another chain")]
    WrongChain,
    /// Height or time is not above the trusted one.
    #[error("the header is not later than the trusted one")]
    NotLater,
    /// The header's time is beyond now and the allowed drift.
    #[error("the header is from the future")]
    FromTheFuture,
    /// The trusted header is too old to trust its validators.
    #[error("the trusted header has expired")]
    Expired,
    /// A validator set is not the one that the header (or the trusted state) names, or no possible set.
    #[error("a validator set is not the one named")]
    SetMismatch,
    /// The commit is for another block or height.
    #[error("the commit is not for this header")]
    HeaderMismatch,
    /// Too little of the trusted set signed; a header between the two may help.
    #[error("too little of the trusted validator set signed")]
    NotEnoughTrust,
    /// No more than two thirds of the header's own set signed.
    #[error("no quorum of the validator set signed")]
    NotEnoughPower,
    /// A signature is not valid, or missing where one is claimed.
    #[error("a signature is not valid")]
    BadSignature,
    /// A signer is not in the set, or not in its place.
    #[error("a signer stands where no validator does")]
    Stranger,
    /// A vote for nil: this protocol has none.
    #[error("the commit holds a vote for nil")]
    NilVote,
    /// Not one place a validator.
    #[error("the commit has not one place for each validator")]
    Length,
    /// A number out of range.
    #[error("a height, round or time is out of range")]
    OutOfRange,
}

impl CertificateError {
    /// A stable name, for people and programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::WrongChain => "CERTIFICATE_WRONG_CHAIN",
            Self::NotLater => "CERTIFICATE_NOT_LATER",
            Self::FromTheFuture => "CERTIFICATE_FROM_THE_FUTURE",
            Self::Expired => "CERTIFICATE_EXPIRED",
            Self::SetMismatch => "CERTIFICATE_SET_MISMATCH",
            Self::HeaderMismatch => "CERTIFICATE_HEADER_MISMATCH",
            Self::NotEnoughTrust => "CERTIFICATE_NOT_ENOUGH_TRUST",
            Self::NotEnoughPower => "CERTIFICATE_NOT_ENOUGH_POWER",
            Self::BadSignature => "CERTIFICATE_BAD_SIGNATURE",
            Self::Stranger => "CERTIFICATE_STRANGER",
            Self::NilVote => "CERTIFICATE_NIL_VOTE",
            Self::Length => "CERTIFICATE_LENGTH",
            Self::OutOfRange => "CERTIFICATE_OUT_OF_RANGE",
        }
    }
}

/// What is believed already: a header of the chain, and the validators that follow it.
#[derive(Debug, Clone, Copy)]
pub struct Trusted<'a> {
    /// The chain.
    pub chain_id: &'a chain::Id,
    /// The trusted header's height.
    pub height: u64,
    /// The trusted header's time.
    pub time: Time,
    /// The validators of the height after it.
    pub next_validators: &'a validator::Set,
    /// Their hash, as the trusted header has it.
    pub next_validators_hash: Hash,
}

/// How far trust reaches. The share of the trusted set that must have signed is fixed: more than two thirds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How long a validator set is trusted.
    pub trusting_period: Duration,
    /// How far ahead of ours the chain's clocks may be.
    pub clock_drift: Duration,
}

/// Check a header by its own validator set, which the caller knows to be the right one.
pub fn verify(
    signed_header: &SignedHeader,
    validators: &validator::Set,
) -> Result<(), CertificateError> {
    possible(validators)?;
    let untrusted = UntrustedBlockState {
        signed_header,
        validators,
        next_validators: None,
    };
    verdict(ProdVerifier::default().verify_validator_sets(&untrusted))?;
    every_signature(signed_header, validators)
}

/// Check a header from an earlier trusted one, at `now`: adjacent by the hash that the trusted header names, else by more than
/// two thirds of the trusted set having signed.
pub fn verify_from(
    trusted: &Trusted<'_>,
    untrusted: &SignedHeader,
    validators: &validator::Set,
    next_validators: Option<&validator::Set>,
    now: Time,
    options: &Options,
) -> Result<(), CertificateError> {
    possible(validators)?;
    // The stock verifier leaves this to its caller.
    if trusted.next_validators.hash() != trusted.next_validators_hash {
        return Err(CertificateError::SetMismatch);
    }
    let state = TrustedBlockState {
        chain_id: trusted.chain_id,
        header_time: trusted.time,
        height: Height::try_from(trusted.height).map_err(|_| CertificateError::OutOfRange)?,
        next_validators: trusted.next_validators,
        next_validators_hash: trusted.next_validators_hash,
    };
    // The stock verifier computes the height after both of these.
    let last = Height::try_from(i64::MAX).map_err(|_| CertificateError::OutOfRange)?;
    if state.height >= last || untrusted.header.height >= last {
        return Err(CertificateError::OutOfRange);
    }
    let stock_options = options::Options {
        trust_threshold: TrustThreshold::TWO_THIRDS,
        trusting_period: options.trusting_period,
        clock_drift: options.clock_drift,
    };
    let claim = UntrustedBlockState {
        signed_header: untrusted,
        validators,
        next_validators,
    };
    verdict(ProdVerifier::default().verify_update_header(claim, state, &stock_options, now))?;
    every_signature(untrusted, validators)
}

/// Whether so many of a trusted set signed that [`verify_from`] needs no header in between. For one's own chain: no signature is
/// checked.
pub fn has_trust_of(trusted: &validator::Set, commit: &Commit) -> bool {
    let signers = commit.signatures.iter().filter(|place| place.is_commit());
    let power: u64 = signers
        .filter_map(|place| trusted.validator(place.validator_address()?))
        .fold(0, |sum, validator| sum.saturating_add(validator.power()));
    u128::from(power) * 3 > u128::from(trusted.total_voting_power().value()) * 2
}

/// Check a commit by one for the same block that was checked before: only the signatures that `known` lacks. The commit that a
/// block carries for the block before is, at most nodes, the one that they hold with a late signature more.
pub fn verify_beside(
    known: &Commit,
    signed_header: &SignedHeader,
    validators: &validator::Set,
) -> Result<(), CertificateError> {
    let commit = &signed_header.commit;
    let alike = known.height == commit.height
        && known.round == commit.round
        && known.block_id == commit.block_id
        && known.signatures.len() == commit.signatures.len();
    if !alike || signed_header.header.hash() != commit.block_id.hash {
        return verify(signed_header, validators);
    }
    signatures_beside(Some(known), signed_header, validators)
}

/// Every present signature: in its place, for the block, valid. Together more than two thirds.
fn every_signature(
    signed_header: &SignedHeader,
    validators: &validator::Set,
) -> Result<(), CertificateError> {
    signatures_beside(None, signed_header, validators)
}

/// As [`every_signature`], taking for granted the places that are the same in `known`.
fn signatures_beside(
    known: Option<&Commit>,
    signed_header: &SignedHeader,
    validators: &validator::Set,
) -> Result<(), CertificateError> {
    let (header, commit) = (&signed_header.header, &signed_header.commit);
    let set = validators.validators();
    if commit.height != header.height {
        return Err(CertificateError::HeaderMismatch);
    }
    if commit.round.value() > ROUND_MAX {
        return Err(CertificateError::OutOfRange);
    }
    if commit.signatures.len() != set.len() {
        return Err(CertificateError::Length);
    }
    let mut power = 0u64;
    let mut signed = Vec::with_capacity(set.len());
    for (index, (place, validator)) in commit.signatures.iter().zip(set).enumerate() {
        let (address, timestamp, signature) = match place {
            CommitSig::BlockIdFlagAbsent => continue,
            CommitSig::BlockIdFlagNil { .. } => return Err(CertificateError::NilVote),
            CommitSig::BlockIdFlagCommit {
                validator_address,
                timestamp,
                signature,
            } => (validator_address, timestamp, signature),
        };
        if *address != validator.address {
            return Err(CertificateError::Stranger);
        }
        let Some(signature) = signature else {
            return Err(CertificateError::BadSignature);
        };
        let Some(key) = electorate::key(validator) else {
            return Err(CertificateError::BadSignature);
        };
        power = power.saturating_add(validator.power());
        if known.is_some_and(|known| known.signatures.get(index) == Some(place)) {
            continue;
        }
        let message = sign_bytes::vote(
            &header.chain_id,
            vote::Type::Precommit,
            commit.height.value(),
            commit.round.value(),
            commit.block_id,
            *timestamp,
        );
        signed.push((key, message, signature));
    }
    if u128::from(power) * 3 <= u128::from(validators.total_voting_power().value()) * 2 {
        return Err(CertificateError::NotEnoughPower);
    }
    let items: Vec<signature::Item<'_>> = signed
        .iter()
        .map(|(key, message, signature)| (Some(key), &message[..], signature.as_bytes()))
        .collect();
    if signature::all_valid(&items) {
        Ok(())
    } else {
        Err(CertificateError::BadSignature)
    }
}

/// A set that a chain can have: not empty, bounded, each key once and under its own address, the total as it is.
fn possible(validators: &validator::Set) -> Result<(), CertificateError> {
    let set = validators.validators();
    if set.is_empty() || set.len() > VALIDATORS_MAX {
        return Err(CertificateError::SetMismatch);
    }
    let mut addresses: Vec<_> = set.iter().map(|validator| validator.address).collect();
    addresses.sort_unstable();
    addresses.dedup();
    let own_address = |validator: &validator::Info| {
        tendermint::account::Id::from(validator.pub_key) == validator.address
    };
    let total: u128 = set
        .iter()
        .map(|validator| u128::from(validator.power()))
        .sum();
    let sound = addresses.len() == set.len()
        && set.iter().all(own_address)
        && total == u128::from(validators.total_voting_power().value());
    if sound {
        Ok(())
    } else {
        Err(CertificateError::SetMismatch)
    }
}

fn verdict(verdict: Verdict) -> Result<(), CertificateError> {
    match verdict {
        Verdict::Success => Ok(()),
        Verdict::NotEnoughTrust(_) => Err(CertificateError::NotEnoughTrust),
        Verdict::Invalid(detail) => Err(reason(&detail)),
    }
}

fn reason(detail: &Detail) -> CertificateError {
    match detail {
        Detail::Tendermint(_) => CertificateError::OutOfRange,
        Detail::HeaderFromTheFuture(_) => CertificateError::FromTheFuture,
        Detail::NotEnoughTrust(_) => CertificateError::NotEnoughTrust,
        Detail::InsufficientSignersOverlap(_) | Detail::NoSignatureForCommit(_) => {
            CertificateError::NotEnoughPower
        }
        Detail::MissingSignature(_) | Detail::InvalidSignature(_) => CertificateError::BadSignature,
        Detail::InvalidCommitValue(_) => CertificateError::HeaderMismatch,
        Detail::InvalidNextValidatorSet(_) | Detail::InvalidValidatorSet(_) => {
            CertificateError::SetMismatch
        }
        Detail::NonIncreasingHeight(_) | Detail::NonMonotonicBftTime(_) => {
            CertificateError::NotLater
        }
        Detail::ChainIdMismatch(_) => CertificateError::WrongChain,
        Detail::NotWithinTrustPeriod(_) => CertificateError::Expired,
        Detail::MismatchPreCommitLength(_) => CertificateError::Length,
        Detail::FaultySigner(_) | Detail::DuplicateValidator(_) => CertificateError::Stranger,
    }
}

#[cfg(test)]
mod tests {
    use tendermint::{Signature, block::Commit};

    use super::*;
    use crate::{candidate::Candidate, testing::Chain};

    const OPTIONS: Options = Options {
        trusting_period: Duration::from_secs(86_400),
        clock_drift: Duration::from_secs(10),
    };

    fn signed(block: &Candidate, commit: Commit) -> SignedHeader {
        SignedHeader::new(block.header().clone(), commit).unwrap()
    }

    /// Our verdict from `trusted` on, and the stock verifier's.
    fn judge(
        chain: &Chain,
        trusted: &Candidate,
        claim: &SignedHeader,
    ) -> (Result<(), CertificateError>, Verdict) {
        judge_at(chain, trusted, claim, chain.time(1_000))
    }

    fn judge_at(
        chain: &Chain,
        trusted: &Candidate,
        claim: &SignedHeader,
        now: Time,
    ) -> (Result<(), CertificateError>, Verdict) {
        let validators = chain.validators();
        let trusted = Trusted {
            chain_id: &trusted.header().chain_id,
            height: trusted.header().height.value(),
            time: trusted.time(),
            next_validators: &validators,
            next_validators_hash: trusted.header().next_validators_hash,
        };
        let ours = verify_from(
            &trusted,
            claim,
            &validators,
            Some(&validators),
            now,
            &OPTIONS,
        );
        let stock = ProdVerifier::default().verify_update_header(
            UntrustedBlockState {
                signed_header: claim,
                validators: &validators,
                next_validators: Some(&validators),
            },
            TrustedBlockState {
                chain_id: trusted.chain_id,
                header_time: trusted.time,
                height: Height::try_from(trusted.height).unwrap(),
                next_validators: &validators,
                next_validators_hash: trusted.next_validators_hash,
            },
            &options::Options {
                trust_threshold: TrustThreshold::TWO_THIRDS,
                trusting_period: OPTIONS.trusting_period,
                clock_drift: OPTIONS.clock_drift,
            },
            now,
        );
        (ours, stock)
    }

    #[test]
    fn the_stock_verifier_and_ours_accept_our_headers_adjacent_and_skipping() {
        let chain = Chain::new(4);
        let blocks = chain.blocks(9);
        for (height, round, signers) in [
            (2, 0, vec![0, 1, 2, 3]),
            (2, 7, vec![1, 2, 3]),
            (9, 0, vec![0, 2, 3]),
        ] {
            let block = &blocks[height - 1];
            let claim = signed(block, chain.commit(block, round, &signers));
            assert_eq!(
                judge(&chain, &blocks[0], &claim),
                (Ok(()), Verdict::Success),
                "height {height}"
            );
            assert_eq!(verify(&claim, &chain.validators()), Ok(()));
        }
    }

    #[test]
    fn beside_a_checked_commit_only_what_is_new_is_checked_and_nothing_is_let_through() {
        let chain = Chain::new(4);
        let blocks = chain.blocks(2);
        let set = chain.validators();
        let known = chain.commit(&blocks[1], 0, &[0, 1, 2]);
        let full = chain.commit(&blocks[1], 0, &[0, 1, 2, 3]);
        let beside =
            |commit: &Commit| verify_beside(&known, &signed(&blocks[1], commit.clone()), &set);
        assert_eq!(beside(&full), Ok(()));
        assert_eq!(beside(&known), Ok(()));
        assert_eq!(beside(&chain.commit(&blocks[1], 3, &[0, 1, 3])), Ok(()));
        let mut forged = full.clone();
        let CommitSig::BlockIdFlagCommit { signature, .. } = &mut forged.signatures[3] else {
            unreachable!("it signed")
        };
        *signature = Some(Signature::try_from(vec![7; 64]).unwrap());
        assert_eq!(beside(&forged), Err(CertificateError::BadSignature));
        let mut replaced = full.clone();
        replaced.signatures[0] = full.signatures[1].clone();
        assert_eq!(beside(&replaced), Err(CertificateError::Stranger));
        let mut moved = full.clone();
        moved.round = 1u8.into();
        assert_eq!(beside(&moved), Err(CertificateError::BadSignature));
        let mut thin = full;
        thin.signatures[0] = CommitSig::BlockIdFlagAbsent;
        thin.signatures[1] = CommitSig::BlockIdFlagAbsent;
        assert_eq!(beside(&thin), Err(CertificateError::NotEnoughPower));
    }

    #[test]
    fn two_of_four_signers_are_refused() {
        let chain = Chain::new(4);
        let blocks = chain.blocks(2);
        let claim = signed(&blocks[1], chain.commit(&blocks[1], 0, &[0, 1]));
        assert_eq!(
            judge(&chain, &blocks[0], &claim).0,
            Err(CertificateError::NotEnoughPower)
        );
        assert_eq!(
            verify(&claim, &chain.validators()),
            Err(CertificateError::NotEnoughPower)
        );
    }

    #[test]
    fn prevotes_posing_as_precommits_are_refused() {
        let chain = Chain::new(4);
        let blocks = chain.blocks(2);
        let prevotes = chain.prevotes(&blocks[1], 0, &[0, 1, 2, 3]);
        let mut commit = chain.commit(&blocks[1], 0, &[0, 1, 2, 3]);
        for (place, prevote) in commit.signatures.iter_mut().zip(prevotes.signatures) {
            let CommitSig::BlockIdFlagCommit { signature, .. } = place else {
                unreachable!("all four signed")
            };
            *signature = prevote;
        }
        let claim = signed(&blocks[1], commit);
        assert_eq!(
            judge(&chain, &blocks[0], &claim).0,
            Err(CertificateError::BadSignature)
        );
        assert_eq!(
            verify(&claim, &chain.validators()),
            Err(CertificateError::BadSignature)
        );
    }

    #[test]
    fn a_changed_header_field_is_refused() {
        let chain = Chain::new(4);
        let blocks = chain.blocks(2);
        let mut claim = signed(&blocks[1], chain.commit(&blocks[1], 0, &[0, 1, 2, 3]));
        claim.header.app_hash = vec![9; 32].try_into().unwrap();
        assert_eq!(
            judge(&chain, &blocks[0], &claim).0,
            Err(CertificateError::HeaderMismatch)
        );
        assert_eq!(
            verify(&claim, &chain.validators()),
            Err(CertificateError::HeaderMismatch)
        );
        let mut round = signed(&blocks[1], chain.commit(&blocks[1], 0, &[0, 1, 2, 3]));
        round.commit.round = 1u8.into();
        assert_eq!(
            verify(&round, &chain.validators()),
            Err(CertificateError::BadSignature)
        );
    }

    #[test]
    fn a_bad_fourth_signature_that_the_stock_verifier_skips_is_refused() {
        let chain = Chain::new(4);
        let blocks = chain.blocks(2);
        // The verifier walks the set in order and stops after the third.
        let mut commit = chain.commit(&blocks[1], 0, &[0, 1, 2, 3]);
        let CommitSig::BlockIdFlagCommit { signature, .. } = &mut commit.signatures[3] else {
            unreachable!("it signed")
        };
        *signature = Some(Signature::try_from(vec![7; 64]).unwrap());
        let claim = signed(&blocks[1], commit);
        assert_eq!(
            judge(&chain, &blocks[0], &claim),
            (Err(CertificateError::BadSignature), Verdict::Success)
        );
        assert_eq!(
            verify(&claim, &chain.validators()),
            Err(CertificateError::BadSignature)
        );
    }

    #[test]
    fn signers_out_of_place_and_votes_for_nil_are_refused() {
        let chain = Chain::new(4);
        let blocks = chain.blocks(2);
        let mut swapped = chain.commit(&blocks[1], 0, &[0, 1, 2, 3]);
        swapped.signatures.swap(0, 1);
        assert_eq!(
            verify(&signed(&blocks[1], swapped), &chain.validators()),
            Err(CertificateError::Stranger)
        );
        let mut nil = chain.commit(&blocks[1], 0, &[0, 1, 2, 3]);
        if let CommitSig::BlockIdFlagCommit {
            validator_address,
            timestamp,
            signature,
        } = nil.signatures[3].clone()
        {
            nil.signatures[3] = CommitSig::BlockIdFlagNil {
                validator_address,
                timestamp,
                signature,
            };
        }
        assert_eq!(
            verify(&signed(&blocks[1], nil), &chain.validators()),
            Err(CertificateError::NilVote)
        );
        let mut short = chain.commit(&blocks[1], 0, &[0, 1, 2, 3]);
        short.signatures.pop();
        assert_eq!(
            verify(&signed(&blocks[1], short), &chain.validators()),
            Err(CertificateError::Length)
        );
    }

    #[test]
    fn time_height_chain_and_set_have_reasons_of_their_own() {
        let chain = Chain::new(4);
        let blocks = chain.blocks(3);
        let claim = |index: usize| {
            signed(
                &blocks[index],
                chain.commit(&blocks[index], 0, &[0, 1, 2, 3]),
            )
        };
        assert_eq!(
            judge(&chain, &blocks[2], &claim(1)).0,
            Err(CertificateError::NotLater)
        );
        assert_eq!(
            judge_at(&chain, &blocks[0], &claim(1), chain.time(200_000)).0,
            Err(CertificateError::Expired)
        );
        let early = blocks[0].time();
        let late = chain.block_at(2, Some(&blocks[0]), 0, 500, b"late");
        let from_the_future = signed(&late, chain.commit(&late, 0, &[0, 1, 2, 3]));
        assert_eq!(
            judge_at(&chain, &blocks[0], &from_the_future, early).0,
            Err(CertificateError::FromTheFuture)
        );
        let stranger = Chain::named("another-1", 4);
        let foreign = stranger.blocks(2);
        let foreign = signed(&foreign[1], stranger.commit(&foreign[1], 0, &[0, 1, 2, 3]));
        assert_eq!(
            judge(&chain, &blocks[0], &foreign).0,
            Err(CertificateError::WrongChain)
        );
        assert_eq!(
            verify(&claim(1), &Chain::new(5).validators()),
            Err(CertificateError::SetMismatch)
        );
        let mut doubled = chain.validators();
        doubled.validators[1].address = doubled.validators[0].address;
        assert_eq!(
            verify(&claim(1), &doubled),
            Err(CertificateError::SetMismatch)
        );
    }
}
