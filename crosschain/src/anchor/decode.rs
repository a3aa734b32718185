//! Tendermint's messages in an anchor, decoded within bounds.

use starfire_state::Rejection;
use tendermint::block::signed_header::SignedHeader;
use tendermint::validator;
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::{
    SignedHeader as RawSignedHeader, ValidatorSet as RawValidatorSet,
};

use crate::code;
use crate::validators::VALIDATORS_MAX;

/// The largest signed header or validator set, bytes.
pub const PART_BYTES_MAX: usize = 64 << 10;
/// The greatest height: what JSON carries exactly.
pub const HEIGHT_MAX: u64 = crate::json::INTEGER_MAX;
/// A signed header whose fields are within the bounds that records and proofs count on.
pub(super) fn header(bytes: &[u8]) -> Result<SignedHeader, Rejection> {
    let refuse =
        |why: String| Rejection::new(code::ANCHOR_MALFORMED, format!("the signed header {why}"));
    if bytes.len() > PART_BYTES_MAX {
        return Err(refuse(format!("has more than {PART_BYTES_MAX} bytes")));
    }
    let header = <SignedHeader as Protobuf<RawSignedHeader>>::decode_vec(bytes);
    let header = header
        .map_err(|_| refuse("does not decode as tendermint.types.SignedHeader".to_owned()))?;
    if header.commit.signatures.len() > VALIDATORS_MAX {
        return Err(refuse(format!("has more than {VALIDATORS_MAX} signatures")));
    }
    let fields = &header.header;
    let whole_ms = fields.time.unix_timestamp_nanos() % 1_000_000 == 0;
    if fields.height.value() > HEIGHT_MAX || fields.app_hash.as_bytes().len() != 32 || !whole_ms {
        return Err(refuse(
            "has a height, app hash or time out of range".to_owned(),
        ));
    }
    Ok(header)
}

/// A validator set of a possible size.
pub(super) fn set(bytes: &[u8], name: &str) -> Result<validator::Set, Rejection> {
    let refuse = |why: String| Rejection::new(code::ANCHOR_MALFORMED, format!("{name} {why}"));
    if bytes.len() > PART_BYTES_MAX {
        return Err(refuse(format!("has more than {PART_BYTES_MAX} bytes")));
    }
    // Decoding, unlike the type, checks that every address is its key's.
    let set = <validator::Set as Protobuf<RawValidatorSet>>::decode_vec(bytes);
    let set =
        set.map_err(|_| refuse("does not decode as tendermint.types.ValidatorSet".to_owned()))?;
    if set.validators().is_empty() || set.validators().len() > VALIDATORS_MAX {
        return Err(refuse(format!(
            "must hold 1 to {VALIDATORS_MAX} validators"
        )));
    }
    Ok(set)
}
