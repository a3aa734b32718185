//! What docs/did-method.md says is refused, asked of a node.

use super::*;

/// The rows of the table of refusals: a DID URL, and the error.
fn rows() -> Vec<(String, String)> {
    const PAGE: &str = include_str!("../../../../../docs/did-method.md");
    let (_, below) = PAGE.split_once("| DID URL | why | error |\n").unwrap();
    let table = below
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with('|'));
    let cell = |cell: &str| cell.trim().trim_matches('`').to_owned();
    table
        .map(|line| {
            let mut cells = line.trim_matches('|').split(" | ");
            let url = cell(cells.next().unwrap());
            (url, cell(cells.last().unwrap()))
        })
        .collect()
}

/// Every character but those that need no escaping, escaped.
fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

#[tokio::test]
async fn what_the_page_says_is_refused_is_refused_so() {
    let (node, did, _) = node().await;
    let rows = rows();
    assert!(rows.len() >= 15, "{rows:?}");
    for (url, error) in rows {
        let rest = url.strip_prefix("did").unwrap();
        let path = format!("/1.0/identifiers/{}", encoded(&format!("{did}{rest}")));
        let reply = get(&node, &path, "application/did-url-dereferencing").await;
        let json = reply.json();
        let kind = json["dereferencingMetadata"]["error"]["type"].as_str();
        let expected = format!("https://www.w3.org/ns/did#{error}");
        assert_eq!(kind, Some(expected.as_str()), "{url}: {json}");
        let status = match error.as_str() {
            "INVALID_DID_URL" => 400,
            "NOT_FOUND" => 404,
            _ => 501,
        };
        assert_eq!(reply.status, status, "{url}");
    }
}
