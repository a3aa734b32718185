//! Connections: so many at once, so many from one address, and none that says nothing for long.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::stream::{self, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Sleep, sleep, sleep_until};
use tonic::transport::server::{Connected, TcpConnectInfo};

use crate::seats::{Seat, Seats};

/// Connections at one time.
const CONNECTIONS_MAX: usize = 1_024;
/// Connections at one time from one address.
const CONNECTIONS_PER_PEER_MAX: usize = 128;
/// How long a connection may carry nothing. HTTP/2 keep-alive carries more often than that.
const SILENCE_MAX: Duration = Duration::from_secs(90);
/// Pause after a connection could not be accepted, which happens when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Accepted connections that are within the limits. The others are closed at once.
pub(super) fn connections(listener: TcpListener) -> impl Stream<Item = io::Result<Connection>> {
    let seats = Seats::new(CONNECTIONS_MAX, CONNECTIONS_PER_PEER_MAX);
    stream::unfold((listener, seats), |(listener, seats)| async {
        loop {
            match listener.accept().await {
                Ok((socket, peer)) => {
                    if let Some(seat) = seats.take(peer.ip()) {
                        return Some((Connection::new(socket, seat), (listener, seats)));
                    }
                    tracing::debug!(%peer, "connection refused: too many");
                }
                Err(error) => {
                    tracing::warn!(%error, "connection not accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    })
}

/// A client's connection, which ends when nothing moves on it for [`SILENCE_MAX`].
pub(super) struct Connection {
    socket: TcpStream,
    moved: Instant,
    silence: Pin<Box<Sleep>>,
    _seat: Seat,
}

impl Connection {
    fn new(socket: TcpStream, seat: Seat) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        let moved = Instant::now();
        Ok(Self {
            socket,
            moved,
            silence: Box::pin(sleep_until(moved + SILENCE_MAX)),
            _seat: seat,
        })
    }

    /// Notes that bytes moved, or fails when none did for too long.
    fn watch<T>(&mut self, cx: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.moved = Instant::now();
            return poll;
        }
        // The timer is set again only when it fires: bytes move more often than that.
        while self.silence.as_mut().poll(cx).is_ready() {
            let until = self.moved + SILENCE_MAX;
            if until <= Instant::now() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.silence.as_mut().reset(until);
        }
        Poll::Pending
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.socket).poll_read(cx, buffer);
        self.watch(cx, poll)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.watch(cx, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.socket).poll_write_vectored(cx, bytes);
        self.watch(cx, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.socket.connect_info()
    }
}
