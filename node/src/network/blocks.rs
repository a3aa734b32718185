//! The request for committed blocks, and its answer.
//!
//! One request and one response a stream, each a length (four bytes, big-endian) and a protobuf message. A response is read as it
//! comes, never allocated by its claimed length, and its blocks are counted before they are decoded: 32 MiB of empty entries would
//! otherwise become most of a gigabyte.

use std::io;
use std::time::Duration;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::StreamProtocol;
use libp2p::request_response::{Behaviour, Codec, Config, ProtocolSupport};
use prost::Message;
use prost::encoding::{DecodeContext, decode_key, skip_field};
use starfire_proto::v1;

const REQUEST_BYTES_MAX: u32 = 1024;

/// The longest response. Who answers puts in as many blocks as fit.
pub const RESPONSE_BYTES_MAX: u32 = 32 * 1024 * 1024;

/// Blocks in one response, however small they are.
pub const RESPONSE_BLOCKS_MAX: u32 = 1024;

/// From opening the stream to the last byte of the response, on both sides.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Requests and responses under way on one connection.
const STREAMS_MAX: usize = 16;

/// `repeated CommittedBlock blocks = 2`
const BLOCKS_TAG: u32 = 2;

/// The behaviour that sends and receives them.
pub(crate) type Blocks = Behaviour<BlocksCodec>;

pub(crate) fn build(protocol: StreamProtocol) -> Blocks {
    let config = Config::default()
        .with_request_timeout(TIMEOUT)
        .with_max_concurrent_streams(STREAMS_MAX);
    Blocks::with_codec(BlocksCodec, [(protocol, ProtocolSupport::Full)], config)
}

/// How the two messages stand on the stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlocksCodec;

impl Codec for BlocksCodec {
    type Protocol = StreamProtocol;
    type Request = v1::BlockRequest;
    type Response = v1::BlockResponse;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Self::Request>
    where
        T: AsyncRead + Unpin + Send,
    {
        let bytes = read(io, REQUEST_BYTES_MAX).await?;
        Ok(v1::BlockRequest::decode(bytes.as_slice())?)
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
        write(io, &response.encode_to_vec(), RESPONSE_BYTES_MAX).await
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

fn decode_response(bytes: &[u8]) -> io::Result<v1::BlockResponse> {
    let (mut rest, mut blocks) = (bytes, 0);
    while !rest.is_empty() {
        let (tag, wire_type) = decode_key(&mut rest)?;
        skip_field(wire_type, tag, &mut rest, DecodeContext::default())?;
        blocks += u32::from(tag == BLOCKS_TAG);
        if blocks > RESPONSE_BLOCKS_MAX {
            return Err(invalid("a response holds too many blocks"));
        }
    }
    Ok(v1::BlockResponse::decode(bytes)?)
}

fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use futures::io::Cursor;

    use super::*;

    fn response(blocks: u32, bytes: usize) -> v1::BlockResponse {
        let block = v1::CommittedBlock {
            block: vec![7; bytes],
            commit: Vec::new(),
        };
        v1::BlockResponse {
            height: 9,
            blocks: (0..blocks).map(|_| block.clone()).collect(),
        }
    }

    fn through_the_wire(sent: &v1::BlockResponse) -> io::Result<v1::BlockResponse> {
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
        for sent in [response(0, 0), response(3, 100_000), response(1024, 1)] {
            assert_eq!(through_the_wire(&sent).unwrap(), sent);
        }
    }

    #[test]
    fn a_response_of_too_many_blocks_is_refused_before_it_is_decoded() {
        let error = decode_response(&response(RESPONSE_BLOCKS_MAX + 1, 0).encode_to_vec());
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::InvalidData);
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
