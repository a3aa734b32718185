//! What the chain says to a header whose certificate does not hold.

use starfire_consensus::certificate::CertificateError;
use starfire_state::Code;

use crate::code;

/// One code for each reason, so that an anchoring loop knows what to do next.
pub(super) fn code(error: CertificateError) -> Code {
    match error {
        CertificateError::WrongChain => code::ANCHOR_WRONG_CHAIN,
        CertificateError::NotLater => code::ANCHOR_NOT_LATER,
        CertificateError::FromTheFuture => code::ANCHOR_FROM_FUTURE,
        CertificateError::Expired => code::ANCHOR_TRUST_EXPIRED,
        CertificateError::SetMismatch => code::ANCHOR_VALIDATORS_MISMATCH,
        CertificateError::HeaderMismatch => code::ANCHOR_HEADER_MISMATCH,
        CertificateError::NotEnoughTrust => code::ANCHOR_NOT_ENOUGH_TRUST,
        CertificateError::NotEnoughPower => code::ANCHOR_NOT_ENOUGH_SIGNERS,
        CertificateError::BadSignature | CertificateError::Stranger => code::ANCHOR_FORGED,
        CertificateError::NilVote | CertificateError::Length | CertificateError::OutOfRange => {
            code::ANCHOR_MALFORMED
        }
    }
}
