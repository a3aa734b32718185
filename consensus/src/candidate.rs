//! A block as consensus sees it: an identity, a header, and bytes that it never looks into.
//!
//! The identity is computed here and nowhere else, from the bytes that arrived, so no peer and no caller can pair an identity
//! with other bytes.

use std::sync::Arc;

use prost::encoding::{WireType, decode_key, decode_varint};
use tendermint::{
    Hash, Time,
    block::{Header, Id, parts},
};
use tendermint_proto::{Protobuf, v0_38::types::Header as RawHeader};

/// A block holds at most this many bytes, encoded.
pub const BLOCK_BYTES_MAX: usize = 16 << 20;

/// Why bytes are not a block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CandidateError {
    /// Larger than any block may be.
    #[error("the block has {0} bytes, more than {BLOCK_BYTES_MAX}")]
    TooLarge(usize),
    /// No header, or one that is not Tendermint's.
    #[error("the block's header does not decode")]
    Header,
    /// Votes carry the header's time as 64 bits of nanoseconds.
    #[error("the block's time is outside the years 1970 to 2262")]
    Time,
}

/// A block that may be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    id: Id,
    header: Box<Header>,
    bytes: Arc<[u8]>,
}

// The number of `starfire.v1.Block.header`, the field that consensus reads.
const HEADER_FIELD: u32 = 1;

impl Candidate {
    /// Read an encoded `starfire.v1.Block`. Only its header is judged, and only for its form; it stands first.
    pub fn decode(bytes: Arc<[u8]>) -> Result<Self, CandidateError> {
        if bytes.len() > BLOCK_BYTES_MAX {
            return Err(CandidateError::TooLarge(bytes.len()));
        }
        let header = header_bytes(&bytes).ok_or(CandidateError::Header)?;
        let header =
            <Header as Protobuf<RawHeader>>::decode(header).map_err(|_| CandidateError::Header)?;
        if header.time < Time::unix_epoch()
            || i64::try_from(header.time.unix_timestamp_nanos()).is_err()
        {
            return Err(CandidateError::Time);
        }
        Ok(Self {
            id: id(&header, &bytes),
            header: Box::new(header),
            bytes,
        })
    }

    /// What votes name.
    pub fn id(&self) -> Id {
        self.id
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The time that every vote for this block carries.
    pub fn time(&self) -> Time {
        self.header.time
    }

    /// The block, encoded, as received.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }
}

/// The header of an encoded block, which begins with it: what follows may be millions of fields, and none is skipped over.
fn header_bytes(block: &[u8]) -> Option<&[u8]> {
    let mut rest = block;
    let (field, wire) = decode_key(&mut rest).ok()?;
    if (field, wire) != (HEADER_FIELD, WireType::LengthDelimited) {
        return None;
    }
    let length = usize::try_from(decode_varint(&mut rest).ok()?).ok()?;
    rest.get(..length)
}

/// A block's identity: the header's hash, and as the one part the BLAKE3 hash of the encoded block.
pub fn id(header: &Header, bytes: &[u8]) -> Id {
    let part = parts::Header::new(1, Hash::Sha256(*blake3::hash(bytes).as_bytes()))
        .expect("one part with a hash is well-formed");
    Id {
        hash: header.hash(),
        part_set_header: part,
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use starfire_proto::v1;

    use super::*;
    use crate::testing::Chain;

    #[test]
    fn the_identity_covers_header_and_bytes() {
        let chain = Chain::new(4);
        let one = chain.block(1, b"payload");
        let same_header = Candidate {
            bytes: b"other bytes".to_vec().into(),
            ..one.clone()
        };
        assert_eq!(id(one.header(), one.bytes()), one.id());
        assert_ne!(id(same_header.header(), same_header.bytes()), one.id());
        assert_eq!(Candidate::decode(one.bytes().clone()), Ok(one));
    }

    #[test]
    fn bytes_that_are_no_block_are_refused() {
        assert_eq!(
            Candidate::decode(Vec::new().into()),
            Err(CandidateError::Header)
        );
        assert_eq!(
            Candidate::decode(vec![0xff; 40].into()),
            Err(CandidateError::Header)
        );
        let chain = Chain::new(4);
        let mut parts = v1::Block::decode(&chain.block(1, b"payload").bytes()[..]).unwrap();
        let header = std::mem::take(&mut parts.header);
        let behind = v1::Block {
            header,
            ..v1::Block::default()
        };
        let behind = [parts.encode_to_vec(), behind.encode_to_vec()].concat();
        assert_eq!(
            Candidate::decode(behind.into()),
            Err(CandidateError::Header),
            "the header stands first"
        );
        assert_eq!(
            Candidate::decode(vec![0; BLOCK_BYTES_MAX + 1].into()),
            Err(CandidateError::TooLarge(BLOCK_BYTES_MAX + 1))
        );
    }
}
