//! How bytes travel: TCP, an optional pre-shared key, Noise, Yamux.
//!
//! The pre-shared key comes first: without it a scanner does not even learn that libp2p speaks here. Noise proves the peer id and,
//! by its prologue, the chain. Until then a connection that came in waits in the [`Lobby`], and whoever dials speaks first: one that
//! says nothing is not waited for. The kernel watches for dead peers (TCP keep-alive and user timeout), so no node sends pings.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use futures::{AsyncRead, AsyncWrite};
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::pnet::{PnetConfig, PreSharedKey};
use libp2p::{Multiaddr, PeerId, Transport, noise, tcp, yamux};
use rustix::net::sockopt;
use tokio::time::timeout;
use tracing::debug;

use super::gauges::Counters;
use super::lobby::Lobby;
use super::traffic::Counted;

/// From the first byte to an authenticated, multiplexed connection.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// From an incoming connection to its first byte.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(2);

/// Streams of one connection, both directions together.
const STREAMS_MAX: usize = 64;

/// A silent peer is probed after this time, this often, this many times.
const KEEP_ALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEP_ALIVE_PROBES: u32 = 3;

/// Bytes that stay unacknowledged for longer end the connection. A process that is only stopped for a moment survives it.
const USER_TIMEOUT_MS: u32 = 30_000;

/// The transport of a node: what it yields has proved its peer id, its chain and, if there is one, the network key.
pub(crate) fn build(
    key: &Keypair,
    prologue: Vec<u8>,
    psk: Option<[u8; 32]>,
    counters: Arc<Counters>,
    lobby: &Lobby,
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, noise::Error> {
    let noise = noise::Config::new(key)?.with_prologue(prologue);
    let tcp = tcp::tokio::Transport::new(tcp::Config::new().nodelay(true));
    let tcp = tcp.and_then(move |socket, point| async move {
        if let Err(error) = detect_death(&socket) {
            debug!(%error, "a socket does not take its keep-alive options");
        }
        if point.is_listener() {
            first_byte(&socket).await?;
        }
        io::Result::Ok(Counted::new(socket, counters))
    });
    let secured = match psk {
        None => secure(tcp, noise),
        Some(psk) => {
            let network = PnetConfig::new(PreSharedKey::new(psk));
            secure(
                tcp.and_then(move |socket, _| network.handshake(socket)),
                noise,
            )
        }
    };
    Ok(lobby.before(secured).boxed())
}

async fn first_byte(socket: &tcp::tokio::TcpStream) -> io::Result<()> {
    let first = timeout(FIRST_BYTE_TIMEOUT, socket.0.readable()).await;
    first.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "it said nothing")))
}

/// An error if another socket listens at `address` already.
///
/// libp2p lets listeners share a port. Two nodes that are configured alike would then start both and share their connections at
/// random, so the port is tried once without sharing.
pub(crate) fn check_free(address: &Multiaddr) -> io::Result<()> {
    let mut parts = address.iter();
    let ip: IpAddr = match parts.next() {
        Some(Protocol::Ip4(ip)) => ip.into(),
        Some(Protocol::Ip6(ip)) => ip.into(),
        // The transport will say that it does not know such addresses.
        Some(_) | None => return Ok(()),
    };
    let Some(Protocol::Tcp(port)) = parts.next() else {
        return Ok(());
    };
    TcpListener::bind(SocketAddr::new(ip, port)).map(drop)
}

fn secure<T>(transport: T, noise: noise::Config) -> Boxed<(PeerId, StreamMuxerBox)>
where
    T: Transport + Send + Unpin + 'static,
    T::Output: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    T::Error: Send + Sync + 'static,
    T::Dial: Send + 'static,
    T::ListenerUpgrade: Send + 'static,
{
    let mut yamux = yamux::Config::default();
    yamux.set_max_num_streams(STREAMS_MAX);
    transport
        .upgrade(Version::V1Lazy)
        .authenticate(noise)
        .multiplex(yamux)
        .timeout(HANDSHAKE_TIMEOUT)
        .boxed()
}

fn detect_death(socket: &tcp::tokio::TcpStream) -> io::Result<()> {
    let socket = &socket.0;
    sockopt::set_socket_keepalive(socket, true)?;
    sockopt::set_tcp_keepidle(socket, KEEP_ALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(socket, KEEP_ALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(socket, KEEP_ALIVE_PROBES)?;
    sockopt::set_tcp_user_timeout(socket, USER_TIMEOUT_MS)?;
    Ok(())
}
