//! What a connection carries, counted where it meets the socket: handshakes, encryption and multiplexing included.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::{AsyncRead, AsyncWrite};

use super::gauges::Counters;

/// A socket whose bytes are counted.
#[derive(Debug)]
pub(crate) struct Counted<S> {
    socket: S,
    counters: Arc<Counters>,
}

impl<S> Counted<S> {
    pub(crate) fn new(socket: S, counters: Arc<Counters>) -> Self {
        Self { socket, counters }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let read = ready!(Pin::new(&mut self.socket).poll_read(cx, buffer))?;
        self.counters.bytes_received.add(read);
        Poll::Ready(Ok(read))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.socket).poll_write(cx, bytes))?;
        self.counters.bytes_sent.add(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use futures::io::Cursor;
    use futures::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn what_passes_is_counted_in_both_directions() {
        let counters = Arc::new(Counters::default());
        let mut socket = Counted::new(Cursor::new(vec![7; 10]), Arc::clone(&counters));
        block_on(async {
            let mut three = [0; 3];
            socket.read_exact(&mut three).await.unwrap();
            socket.write_all(&[1; 5]).await.unwrap();
        });
        assert_eq!(counters.bytes_received.value(), 3);
        assert_eq!(counters.bytes_sent.value(), 5);
    }
}
