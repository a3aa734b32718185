//! What a node that is behind asks of a peer, and the answer.
//!
//! One request and one response a stream, each a length (four bytes, big-endian) and a protobuf message. A response is read as it
//! comes, never allocated by its claimed length, and what it repeats is counted before it is decoded: 32 MiB of empty entries would
//! otherwise become most of a gigabyte.

use std::io;
use std::time::Duration;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::StreamProtocol;
use libp2p::request_response::{Behaviour, Codec, Config, ProtocolSupport};
use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use starfire_proto::v1;

const REQUEST_BYTES_MAX: u32 = 1024;

/// The longest response. Who answers puts in as many blocks as fit.
pub const RESPONSE_BYTES_MAX: u32 = 32 * 1024 * 1024;

/// Blocks in one response, however small they are.
pub const RESPONSE_BLOCKS_MAX: u32 = 1024;

/// Receipts of the block that a snapshot stands on: more than a block has room for transactions.
pub const RESPONSE_RECEIPTS_MAX: u32 = 256 * 1024;

/// Snapshots in one list.
const RESPONSE_SNAPSHOTS_MAX: u32 = 64;

/// From opening the stream to the last byte of the response, on both sides.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Requests and responses under way on one connection.
const STREAMS_MAX: usize = 16;

/// What a response of each kind may repeat: its field in `SyncResponse`, the repeated field in it, how often.
const REPEATED: [(u32, u32, u32); 3] = [
    (1, 2, RESPONSE_BLOCKS_MAX),
    (3, 1, RESPONSE_SNAPSHOTS_MAX),
    (5, 3, RESPONSE_RECEIPTS_MAX),
];

/// The behaviour that sends and receives them.
pub(crate) type Requests = Behaviour<RequestsCodec>;

pub(crate) fn build(protocol: StreamProtocol) -> Requests {
    let config = Config::default()
        .with_request_timeout(TIMEOUT)
        .with_max_concurrent_streams(STREAMS_MAX);
    Requests::with_codec(RequestsCodec, [(protocol, ProtocolSupport::Full)], config)
}

/// How the two messages stand on the stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestsCodec;

impl Codec for RequestsCodec {
    type Protocol = StreamProtocol;
    type Request = v1::SyncRequest;
    type Response = v1::SyncResponse;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Self::Request>
    where
        T: AsyncRead + Unpin + Send,
    {
        let bytes = read(io, REQUEST_BYTES_MAX).await?;
        Ok(v1::SyncRequest::decode(bytes.as_slice())?)
    }

    async fn read_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Self::Response>
    where
        T: AsyncRead + Unpin + Send,
    {
        let bytes = read(io, RESPONSE_BYTES_MAX).await?;
        decode_response(&bytes)
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        request: Self::Request,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(io, &request.encode_to_vec(), REQUEST_BYTES_MAX).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        response: Self::Response,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let bytes = response.encode_to_vec();
        // The peer may take its time to read, and one copy is enough for that.
        drop(response);
        write(io, &bytes, RESPONSE_BYTES_MAX).await
    }
}

async fn read<T: AsyncRead + Unpin>(io: &mut T, bytes_max: u32) -> io::Result<Vec<u8>> {
    let mut header = [0; 4];
    io.read_exact(&mut header).await?;
    let length = u32::from_be_bytes(header);
    if length > bytes_max {
        return Err(invalid("a message is too long"));
    }
    let mut bytes = Vec::new();
    let read = io.take(u64::from(length)).read_to_end(&mut bytes).await?;
    if u32::try_from(read) != Ok(length) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

async fn write<T: AsyncWrite + Unpin>(io: &mut T, bytes: &[u8], bytes_max: u32) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).ok();
    let Some(length) = length.filter(|length| *length <= bytes_max) else {
        return Err(invalid("a message is too long to send"));
    };
    io.write_all(&length.to_be_bytes()).await?;
    io.write_all(bytes).await?;
    io.close().await
}

fn decode_response(bytes: &[u8]) -> io::Result<v1::SyncResponse> {
    let mut inner = bytes;
    if !inner.is_empty() {
        let (kind, wire_type) = decode_key(&mut inner)?;
        let length = if wire_type == WireType::LengthDelimited {
            decode_varint(&mut inner)?
        } else {
            u64::MAX
        };
        // Fields that are said twice would be merged, and what they repeat added up.
        if u64::try_from(inner.len()) != Ok(length) {
            return Err(invalid("a response is not one answer"));
        }
        for (of, field, most) in REPEATED {
            if kind == of {
                count(inner, field, most)?;
            }
        }
    }
    Ok(v1::SyncResponse::decode(bytes)?)
}

/// Refuses a message that holds a field more than `most` times.
fn count(mut bytes: &[u8], field: u32, most: u32) -> io::Result<()> {
    let mut found = 0;
    while !bytes.is_empty() {
        let (tag, wire_type) = decode_key(&mut bytes)?;
        skip_field(wire_type, tag, &mut bytes, DecodeContext::default())?;
        found += u32::from(tag == field);
        if found > most {
            return Err(invalid("a response holds too many entries"));
        }
    }
    Ok(())
}

fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use futures::io::Cursor;
    use starfire_proto::v1::sync_response::Response;

    use super::*;

    fn response(blocks: u32, bytes: usize) -> v1::SyncResponse {
        let block = v1::CommittedBlock {
            block: vec![7; bytes],
            commit: Vec::new(),
        };
        let blocks = (0..blocks).map(|_| block.clone()).collect();
        answer(Response::Blocks(v1::BlockResponse {
            height: 9,
            blocks,
            base: 1,
        }))
    }

    fn answer(response: Response) -> v1::SyncResponse {
        v1::SyncResponse {
            response: Some(response),
        }
    }

    fn through_the_wire(sent: &v1::SyncResponse) -> io::Result<v1::SyncResponse> {
        let mut wire = Cursor::new(Vec::new());
        block_on(write(&mut wire, &sent.encode_to_vec(), RESPONSE_BYTES_MAX))?;
        let bytes = block_on(read(
            &mut Cursor::new(wire.into_inner()),
            RESPONSE_BYTES_MAX,
        ))?;
        decode_response(&bytes)
    }

    #[test]
    fn a_response_arrives_as_it_was_sent() {
        for sent in [
            response(0, 0),
            response(3, 100_000),
            response(1024, 1),
            answer(Response::Chunk(vec![1; 1_000_000])),
            answer(Response::Absent(v1::Absent {})),
            v1::SyncResponse::default(),
        ] {
            assert_eq!(through_the_wire(&sent).unwrap(), sent);
        }
    }

    #[test]
    fn a_response_of_too_many_entries_is_refused_before_it_is_decoded() {
        let receipts = usize::try_from(RESPONSE_RECEIPTS_MAX).unwrap() + 1;
        let snapshots = usize::try_from(RESPONSE_SNAPSHOTS_MAX).unwrap() + 1;
        for sent in [
            response(RESPONSE_BLOCKS_MAX + 1, 0),
            answer(Response::Block(v1::SnapshotBlock {
                receipts: vec![v1::ReceiptCore::default(); receipts],
                ..Default::default()
            })),
            answer(Response::Snapshots(v1::SnapshotList {
                snapshots: vec![v1::SnapshotSummary::default(); snapshots],
            })),
        ] {
            let error = decode_response(&sent.encode_to_vec()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }

    #[test]
    fn entries_cannot_be_smuggled_past_the_count_in_a_second_answer() {
        let one = response(RESPONSE_BLOCKS_MAX, 0).encode_to_vec();
        let error = decode_response(&[one.clone(), one].concat()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_response_too_long_is_neither_sent_nor_read() {
        let long = usize::try_from(RESPONSE_BYTES_MAX).unwrap();
        assert!(through_the_wire(&response(1, long)).is_err());
        let claim = (RESPONSE_BYTES_MAX + 1).to_be_bytes().to_vec();
        assert!(block_on(read(&mut Cursor::new(claim), RESPONSE_BYTES_MAX)).is_err());
    }

    #[test]
    fn garbage_is_an_error_and_never_a_panic() {
        for length in 0..64_u8 {
            let bytes: Vec<u8> = (0..length).map(|n| n.wrapping_mul(167) ^ length).collect();
            drop(decode_response(&bytes));
        }
        let cut = [0, 0, 0, 9, 1];
        let error = block_on(read(&mut Cursor::new(cut.to_vec()), 1024)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
