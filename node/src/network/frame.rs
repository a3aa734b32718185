//! Frames on a stream: one byte that says what the frame carries, four bytes of length, big-endian, then the content.
//!
//! A length is judged before anything is allocated for it, and memory then grows with the bytes that really arrive: a peer that
//! claims 17 MiB and sends nothing costs nothing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::{AsyncRead, AsyncWrite};
use starfire_ledger::transaction::BATCH_ENVELOPE_BYTES_MAX;

/// The longest message: a block of 16 MiB with its certificates.
pub(crate) const FRAME_BYTES_MAX: usize = 17 * 1024 * 1024;

/// The longest batch of transactions: the longest one and its framing.
pub(crate) const BATCH_BYTES_MAX: usize = BATCH_ENVELOPE_BYTES_MAX + 16;

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An encoded `v1::ConsensusMessage`.
    Consensus,
    /// An encoded `v1::TransactionBatch`.
    Transactions,
}

impl Kind {
    fn byte(self) -> u8 {
        match self {
            Self::Consensus => 1,
            Self::Transactions => 2,
        }
    }

    fn of(byte: u8) -> Option<Self> {
        [Self::Consensus, Self::Transactions]
            .into_iter()
            .find(|kind| kind.byte() == byte)
    }

    /// How long such a frame may be.
    pub(crate) fn bytes_max(self) -> usize {
        match self {
            Self::Consensus => FRAME_BYTES_MAX,
            Self::Transactions => BATCH_BYTES_MAX,
        }
    }
}

const HEADER_BYTES: usize = 5;

/// A frame's memory grows by at most this much ahead of its bytes.
const GROWTH_BYTES: usize = 256 * 1024;

/// Short frames are written together up to about this size.
const BATCH_BYTES: usize = 64 * 1024;

/// A write buffer that grew beyond this is given back.
const KEPT_BYTES: usize = 1024 * 1024;

/// Why no more frames come from a stream.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("the stream ended")]
    Ended,
    #[error("a frame of {0} bytes is too long")]
    TooLong(u64),
    #[error("there are no frames of kind {0}")]
    Kind(u8),
    #[error("a frame without content")]
    Empty,
    #[error("the stream failed")]
    Stream(#[from] io::Error),
}

/// Reads one frame after the other.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    header: [u8; HEADER_BYTES],
    header_read: usize,
    /// The announced kind and length, once the header is complete and judged.
    announced: Option<(Kind, usize)>,
    body: Vec<u8>,
    body_read: usize,
}

impl Reader {
    pub(crate) fn poll_frame<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(Kind, Vec<u8>), FrameError>> {
        loop {
            let Some((kind, length)) = self.announced else {
                if self.header_read == HEADER_BYTES {
                    self.announced = Some(judge(self.header)?);
                    continue;
                }
                let space = &mut self.header[self.header_read..];
                self.header_read += ready!(read_some(stream, cx, space))?;
                continue;
            };
            if self.body_read == length {
                let body = std::mem::take(self).body;
                assert!(body.len() == length, "the body is as long as announced");
                return Poll::Ready(Ok((kind, body)));
            }
            if self.body_read == self.body.len() {
                self.body
                    .resize(length.min(self.body_read + GROWTH_BYTES), 0);
            }
            let space = &mut self.body[self.body_read..];
            self.body_read += ready!(read_some(stream, cx, space))?;
        }
    }
}

fn judge([kind, length @ ..]: [u8; HEADER_BYTES]) -> Result<(Kind, usize), FrameError> {
    let kind = Kind::of(kind).ok_or(FrameError::Kind(kind))?;
    let length = u32::from_be_bytes(length);
    match usize::try_from(length) {
        Ok(0) => Err(FrameError::Empty),
        Ok(fitting) if fitting <= kind.bytes_max() => Ok((kind, fitting)),
        Ok(_) | Err(_) => Err(FrameError::TooLong(u64::from(length))),
    }
}

fn read_some<S: AsyncRead + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    space: &mut [u8],
) -> Poll<Result<usize, FrameError>> {
    match ready!(Pin::new(stream).poll_read(cx, space))? {
        0 => Poll::Ready(Err(FrameError::Ended)),
        read => Poll::Ready(Ok(read)),
    }
}

/// Writes frames, several short ones at once.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    buffer: Vec<u8>,
    written: usize,
}

impl Writer {
    /// Whether another frame should be added before the buffer is written.
    pub(crate) fn has_room(&self) -> bool {
        self.written == 0 && self.buffer.len() < BATCH_BYTES
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    pub(crate) fn add(&mut self, kind: Kind, frame: &[u8]) {
        let length = u32::try_from(frame.len()).expect("the outbox refuses frames over 4 GiB");
        self.buffer.push(kind.byte());
        self.buffer.extend_from_slice(&length.to_be_bytes());
        self.buffer.extend_from_slice(frame);
    }

    /// Ready when all that was added has been handed to the connection.
    pub(crate) fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.written < self.buffer.len() {
            let rest = &self.buffer[self.written..];
            match ready!(Pin::new(&mut *stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        ready!(Pin::new(stream).poll_flush(cx))?;
        self.written = 0;
        self.buffer.clear();
        self.buffer.shrink_to(KEPT_BYTES);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use futures::future::poll_fn;
    use futures::io::Cursor;

    use super::*;

    fn read(bytes: Vec<u8>) -> (Vec<(Kind, Vec<u8>)>, FrameError) {
        let (mut stream, mut reader, mut frames) =
            (Cursor::new(bytes), Reader::default(), Vec::new());
        block_on(poll_fn(|cx| {
            loop {
                match ready!(reader.poll_frame(&mut stream, cx)) {
                    Ok(frame) => frames.push(frame),
                    Err(error) => return Poll::Ready((std::mem::take(&mut frames), error)),
                }
            }
        }))
    }

    #[test]
    fn what_is_written_is_read() {
        let sent = vec![
            (Kind::Consensus, vec![1]),
            (Kind::Transactions, vec![2; 70_000]),
            (Kind::Consensus, vec![3; 600_000]),
            (Kind::Transactions, vec![4; 5]),
        ];
        let (mut stream, mut writer) = (Cursor::new(Vec::new()), Writer::default());
        for (kind, frame) in &sent {
            writer.add(*kind, frame);
        }
        block_on(poll_fn(|cx| writer.poll_write(&mut stream, cx))).unwrap();
        assert!(writer.is_empty());
        let (received, end) = read(stream.into_inner());
        assert_eq!(received, sent);
        assert!(matches!(end, FrameError::Ended));
    }

    #[test]
    fn a_claimed_length_beyond_the_limit_is_refused_unread() {
        for kind in [Kind::Consensus, Kind::Transactions] {
            let claim = u32::try_from(kind.bytes_max() + 1).unwrap();
            let (_, error) = read([&[kind.byte()][..], &claim.to_be_bytes()].concat());
            assert!(matches!(error, FrameError::TooLong(length) if length == u64::from(claim)));
        }
        let (_, error) = read(vec![1, 0xff, 0xff, 0xff, 0xff]);
        assert!(matches!(error, FrameError::TooLong(_)));
    }

    #[test]
    fn a_frame_of_an_unknown_kind_is_refused() {
        for kind in [0, 3, 0xff] {
            let (_, error) = read(vec![kind, 0, 0, 0, 1, 7]);
            assert!(matches!(error, FrameError::Kind(found) if found == kind));
        }
    }

    #[test]
    fn an_empty_frame_is_refused() {
        assert!(matches!(read(vec![1, 0, 0, 0, 0]).1, FrameError::Empty));
    }

    #[test]
    fn a_claim_alone_takes_little_memory() {
        let claim = u32::try_from(FRAME_BYTES_MAX).unwrap();
        let bytes = [&[1][..], &claim.to_be_bytes(), &[7]].concat();
        let (mut stream, mut reader) = (Cursor::new(bytes), Reader::default());
        let end = block_on(poll_fn(|cx| reader.poll_frame(&mut stream, cx)));
        assert!(matches!(end, Err(FrameError::Ended)));
        assert!(reader.body.capacity() <= 2 * GROWTH_BYTES);
    }

    #[test]
    fn a_frame_cut_short_never_arrives() {
        let (frames, end) = read(vec![1, 0, 0, 0, 5, 1, 2]);
        assert!(frames.is_empty());
        assert!(matches!(end, FrameError::Ended));
    }
}
