//! An HTTP/1.1 client that costs little, since it shares its processors with the gateway that it measures: one connection, one
//! question at a time, and bytes that are looked at where they arrived.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest answer.
const ANSWER_BYTES_MAX: usize = 1 << 20;
const HEAD_END: &[u8] = b"\r\n\r\n";

/// A connection that is kept.
#[derive(Debug)]
pub(super) struct Connection {
    socket: TcpStream,
    address: String,
    request: Vec<u8>,
    answer: Vec<u8>,
}

/// An answer, in the connection's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reply<'a> {
    pub(super) status: u16,
    pub(super) body: &'a [u8],
}

impl Connection {
    pub(super) async fn open(address: &str) -> io::Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Self {
            socket,
            address: address.to_owned(),
            request: Vec::new(),
            answer: Vec::new(),
        })
    }

    /// Asks for a path in a media type.
    pub(super) async fn get(&mut self, path: &str, accept: &str) -> io::Result<Reply<'_>> {
        let Self {
            socket,
            address,
            request,
            answer,
        } = self;
        request.clear();
        for part in [
            "GET ",
            path,
            " HTTP/1.1\r\nHost: ",
            address.as_str(),
            "\r\nAccept: ",
            accept,
            "\r\n\r\n",
        ] {
            request.extend_from_slice(part.as_bytes());
        }
        socket.write_all(request).await?;
        answer.clear();
        loop {
            if let Some(whole) = whole(answer)? {
                return reply(answer, whole);
            }
            if answer.len() > ANSWER_BYTES_MAX {
                return Err(io::Error::other("the answer is too long"));
            }
            if socket.read_buf(answer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// Where the body begins and ends, once all of it is there.
fn whole(answer: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let end = answer
        .windows(HEAD_END.len())
        .position(|window| window == HEAD_END);
    let Some(end) = end else {
        return Ok(None);
    };
    let length = content_length(&answer[..end])
        .ok_or_else(|| io::Error::other("the answer does not name its length"))?;
    let begin = end + HEAD_END.len();
    let end = begin.saturating_add(length);
    Ok((answer.len() >= end).then_some((begin, end)))
}

fn content_length(head: &[u8]) -> Option<usize> {
    str::from_utf8(head).ok()?.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())
            .flatten()
    })
}

fn reply(answer: &[u8], (begin, end): (usize, usize)) -> io::Result<Reply<'_>> {
    // "HTTP/1.1 200 OK"
    let status = answer
        .get(9..12)
        .and_then(|status| str::from_utf8(status).ok()?.parse().ok())
        .ok_or_else(|| io::Error::other("the answer has no status"))?;
    Ok(Reply {
        status,
        body: &answer[begin..end],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_body_is_there() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
        let at = whole(answer).unwrap().unwrap();
        let Reply { status, body } = reply(answer, at).unwrap();
        assert_eq!((status, body), (200, b"abc".as_slice()));
        for cut in 0..answer.len() {
            assert_eq!(whole(&answer[..cut]).unwrap(), None, "{cut}");
        }
    }

    #[test]
    fn an_answer_without_a_length_is_refused() {
        assert!(whole(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
