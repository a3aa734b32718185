//! A TCP relay for tests: passes bytes on, each piece after a delay of its own. No part of a node.
//!
//! ```text
//! relay TARGET DELAY_MS_MAX [LISTEN]
//! ```
//! Without `LISTEN` it takes connections from the socket that is its standard input. A socket belongs to the network namespace
//! that it was made in, so a relay that runs in one namespace can be a door into it from another.
//!
//! A stream keeps its order, as TCP promises. Streams do not wait for each other, so what two nodes send to a third arrives in
//! another order than it was sent in.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use starfire_node::clock;

/// Bytes taken at once.
const PIECE_BYTES_MAX: usize = 16 << 10;
/// Pieces on their way in one direction of a connection. When they are full, the sender waits, as on a slow line.
const PIECES_MAX: usize = 256;

struct Piece {
    due: Instant,
    bytes: Vec<u8>,
}

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let usage = || {
        std::io::Error::new(
            ErrorKind::InvalidInput,
            "relay TARGET DELAY_MS_MAX [LISTEN]",
        )
    };
    let [target, delay, listen @ ..] = &arguments[..] else {
        return Err(usage());
    };
    let delay_ms_max: u64 = delay.parse().map_err(|_| usage())?;
    let listener = match listen.first() {
        Some(address) => TcpListener::bind(address)?,
        None => TcpListener::from(std::io::stdin().as_fd().try_clone_to_owned()?),
    };
    for connection in listener.incoming() {
        let connection = connection?;
        // Whoever is not there refuses here, and so refuses the relay's client.
        let Ok(other) = TcpStream::connect(target) else {
            continue;
        };
        connection.set_nodelay(true)?;
        other.set_nodelay(true)?;
        for (from, to) in [
            (connection.try_clone()?, other.try_clone()?),
            (other, connection),
        ] {
            let (sender, receiver) = sync_channel(PIECES_MAX);
            std::thread::spawn(move || take(from, &sender, delay_ms_max));
            std::thread::spawn(move || give(to, &receiver));
        }
    }
    Ok(())
}

/// Reads until the end, and says of each piece when it is due.
fn take(mut from: TcpStream, pieces: &SyncSender<Piece>, delay_ms_max: u64) {
    let mut buffer = [0; PIECE_BYTES_MAX];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let delay = Duration::from_millis(fastrand::u64(0..=delay_ms_max));
        let piece = Piece {
            due: clock::monotonic() + delay,
            bytes: buffer[..count].to_vec(),
        };
        if pieces.send(piece).is_err() {
            break;
        }
    }
    from.shutdown(Shutdown::Read).ok();
}

/// Writes each piece when it is due, in order.
fn give(mut to: TcpStream, pieces: &Receiver<Piece>) {
    for piece in pieces {
        std::thread::sleep(piece.due.saturating_duration_since(clock::monotonic()));
        if to.write_all(&piece.bytes).is_err() {
            break;
        }
    }
    to.shutdown(Shutdown::Both).ok();
}
