//! HTTP as it is on the wire, spoken by hand: what a client of another make sends and reads.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::devnet::PATIENCE;

/// Asks once, with these header lines; the status, and the body's JSON (`null` where there is none).
pub(super) fn ask(url: &str, method: &str, path: &str, headers: &str, body: &str) -> (u16, Value) {
    let address = url.strip_prefix("http://").expect("a node's URL is HTTP");
    let mut stream = TcpStream::connect(address).expect("the node listens");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("a bound can be set");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream
        .write_all(request.as_bytes())
        .expect("the node reads");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .expect("the node answers with text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let body = match body {
        "" => Value::Null,
        body => serde_json::from_str(body).unwrap_or_else(|error| panic!("{error} in {body:?}")),
    };
    (status.expect("an answer has a status"), body)
}

/// Posts JSON.
pub(super) fn post(url: &str, path: &str, body: &Value) -> (u16, Value) {
    let json = "content-type: application/json\r\n";
    ask(url, "POST", path, json, &body.to_string())
}
