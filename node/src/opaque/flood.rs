//! A client of the opaque mode: transactions at a steady rate, each due at its time whether or not the node keeps up.

use std::io::Write as _;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Context as _;

use super::STAMP_BYTES;
use crate::clock;

/// Transactions that became due are written this often.
const TICK: Duration = Duration::from_millis(4);

/// What to send, and where.
#[derive(Debug, Clone)]
pub struct Flood {
    /// A node's port for clients.
    pub to: SocketAddr,
    /// Transactions a second.
    pub rate: u64,
    /// The length of one.
    pub transaction_bytes: usize,
    /// For how long.
    pub time: Duration,
}

/// Sends until the time is over.
pub fn flood(flood: &Flood) -> anyhow::Result<()> {
    let mut node =
        TcpStream::connect(flood.to).with_context(|| format!("connect to {}", flood.to))?;
    let start = clock::monotonic();
    let start_ms = clock::unix_ms();
    let mut sent = 0;
    let mut buffer = Vec::new();
    loop {
        std::thread::sleep(TICK);
        let elapsed = clock::elapsed(start).min(flood.time);
        let millis = u64::try_from(elapsed.as_millis()).context("a short time")?;
        let due = millis * flood.rate / 1000;
        buffer.clear();
        for number in sent..due {
            let due_ms = number * 1000 / flood.rate.max(1);
            let stamp = start_ms + i64::try_from(due_ms).context("a short time")?;
            buffer.extend_from_slice(&stamp.to_be_bytes());
            buffer.extend_from_slice(&number.to_be_bytes());
            let end = buffer.len() - 2 * STAMP_BYTES + flood.transaction_bytes;
            buffer.resize(end, 0);
        }
        sent = due;
        node.write_all(&buffer).context("send")?;
        if elapsed >= flood.time {
            return node.shutdown(Shutdown::Write).context("end the connection");
        }
    }
}
