//! `did:web`: the identifier names a place on the web, and the document is what stands there. Where that is, and nothing more: this
//! package fetches nothing.
// did:web Method Specification §2 (method-specific identifier) and §3.2 (read).

use std::fmt;

use super::is_identifier;
use crate::resolution::{Problem, ProblemKind};

/// The longest name of a host, bytes: RFC 1035 §2.3.4.
const HOST_BYTES_MAX: usize = 253;
/// The longest part of it between dots.
const LABEL_BYTES_MAX: usize = 63;
/// Segments of a path.
const SEGMENTS_MAX: usize = 16;
/// Where `https` is served if nothing else is said.
pub const HTTPS_PORT: u16 = 443;

const METHOD: &str = "did:web:";
const WELL_KNOWN: &str = ".well-known";
const FILE: &str = "did.json";

/// Where the document of a `did:web` stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    host: String,
    port: Option<u16>,
    path: Vec<String>,
}

impl Location {
    /// Of a DID. The host is a name, never an address, and no segment of the path leads elsewhere than down.
    pub fn of(did: &str) -> Result<Self, Problem> {
        let wrong = |why: &str| Problem::new(ProblemKind::InvalidDid, why);
        let identifier = did
            .strip_prefix(METHOD)
            .filter(|rest| rest.len() <= super::IDENTIFIER_BYTES_MAX && is_identifier(rest))
            .ok_or_else(|| wrong("it is no did:web"))?;
        let mut parts = identifier.split(':');
        let (host, port) = authority(parts.next().unwrap_or_default())
            .ok_or_else(|| wrong("a did:web begins with the name of a host, and \"%3A\" and a port if it has another than 443"))?;
        let path: Vec<String> = parts.map(str::to_owned).collect();
        if path.len() > SEGMENTS_MAX {
            let detail = format!("a did:web has at most {SEGMENTS_MAX} segments after its host");
            return Err(Problem::new(ProblemKind::InvalidDid, detail));
        }
        if !path.iter().all(|segment| is_segment(segment)) {
            return Err(wrong(
                "a segment of the path is empty, or is not one segment",
            ));
        }
        Ok(Self { host, port, path })
    }

    /// The name of the host, in lower case.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(HTTPS_PORT)
    }

    /// Whether it is a host and nothing else.
    pub fn is_host(&self) -> bool {
        self.path.is_empty()
    }

    /// The host and the port if it is not the usual one, as a request names it.
    pub fn authority(&self) -> String {
        match self.port() {
            HTTPS_PORT => self.host.clone(),
            port => format!("{}:{port}", self.host),
        }
    }

    /// The path of the document.
    // §3.2: "If no path has been specified in the URL, append /.well-known. Append /did.json to complete the URL."
    pub fn path(&self) -> String {
        match self.path.is_empty() {
            true => format!("/{WELL_KNOWN}/{FILE}"),
            false => format!("/{}/{FILE}", self.path.join("/")),
        }
    }

    /// The whole URL.
    pub fn url(&self) -> String {
        format!("https://{}{}", self.authority(), self.path())
    }
}

/// The DID.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{METHOD}{}", self.host)?;
        if let Some(port) = self.port {
            write!(f, "%3A{port}")?;
        }
        self.path
            .iter()
            .try_for_each(|segment| write!(f, ":{segment}"))
    }
}

/// A host, and a port behind an escaped colon. No other escape: so there is no user information, and no address with colons.
fn authority(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.split_once('%') {
        None => (text, None),
        Some((host, rest)) => {
            let port = rest
                .strip_prefix("3A")
                .or_else(|| rest.strip_prefix("3a"))?;
            let digits = port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
            (host, Some(port.parse().ok().filter(|_| digits)?))
        }
    };
    is_host(host).then(|| (host.to_ascii_lowercase(), port))
}

// §2.1: "MUST NOT include IP addresses". By URL's rules a host whose last label is a number is one: 127.1, 0x7f.0.0.1, 2130706433.
fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.starts_with("0x") || last.starts_with("0X");
    let number = hexadecimal || last.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= HOST_BYTES_MAX && text.split('.').all(label) && !number
}

/// Whether it stays one segment, whoever decodes it, and is neither "." nor "..".
fn is_segment(text: &str) -> bool {
    let mut rest = text.as_bytes();
    let mut dots = true;
    while let Some((first, after)) = rest.split_first() {
        let mut byte = *first;
        rest = after;
        if byte == b'%' {
            let decoded = after.get(..2).and_then(|digits| hex::decode(digits).ok());
            let Some(&[decoded]) = decoded.as_deref() else {
                return false;
            };
            if b"/\\%".contains(&decoded) || decoded.is_ascii_control() {
                return false;
            }
            byte = decoded;
            rest = &after[2..];
        }
        dots &= byte == b'.';
    }
    !text.is_empty() && !dots
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // The specification's examples first.
    #[test]
    fn a_did_names_its_url() {
        for (did, url) in [
            (
                "did:web:w3c-ccg.github.io",
                "https://w3c-ccg.github.io/.well-known/did.json",
            ),
            (
                "did:web:w3c-ccg.github.io:user:alice",
                "https://w3c-ccg.github.io/user/alice/did.json",
            ),
            (
                "did:web:example.com%3A3000:user:alice",
                "https://example.com:3000/user/alice/did.json",
            ),
            (
                "did:web:host%3a8443:path:to",
                "https://host:8443/path/to/did.json",
            ),
            (
                "did:web:Example.ORG%3A443",
                "https://example.org/.well-known/did.json",
            ),
            (
                "did:web:example.org:b%C3%BCro",
                "https://example.org/b%C3%BCro/did.json",
            ),
            (
                "did:web:xn--fiq228c.example:...a",
                "https://xn--fiq228c.example/...a/did.json",
            ),
        ] {
            assert_eq!(Location::of(did).unwrap().url(), url, "{did}");
        }
    }

    #[test]
    fn what_names_no_place_on_the_web_is_refused() {
        let label = "a".repeat(LABEL_BYTES_MAX + 1);
        let host = ["a"; 130].join(".");
        let path = ":a".repeat(SEGMENTS_MAX + 1);
        for identifier in [
            // no host
            "",
            ":a",
            ".",
            "example..org",
            "example.org.",
            ".example.org",
            "-a.example",
            "a-.example",
            "a_b.example",
            &label,
            &host,
            // addresses, in every spelling
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f.0.0.0x1",
            "0X7F000001",
            "example.0",
            "%5B%3A%3A1%5D",
            "[::1]",
            // user information, and other escapes in the host
            "user%40example.org",
            "user@example.org",
            "user%3Apassword%40example.org",
            "example%2Eorg",
            "example.org%2Fa",
            "example.org%3F",
            "example.org%23",
            // ports
            "example.org%3A",
            "example.org%3A0",
            "example.org%3A080",
            "example.org%3A65536",
            "example.org%3A+80",
            "example.org%3A80%3A80",
            "example.org%3A80a",
            "example.org%3",
            // paths
            "example.org:",
            "example.org::a",
            "example.org:..",
            "example.org:a:..:b",
            "example.org:.",
            "example.org:%2e%2E",
            "example.org:.%2e:a",
            "example.org:a%2Fb",
            "example.org:a%5cb",
            "example.org:a%00",
            "example.org:a%0d%0a",
            "example.org:%252e%252e",
            "example.org:a%zz",
            "example.org:a%4",
            "example.org:a b",
            "example.org:a/b",
            &format!("example.org{path}"),
        ] {
            let did = format!("did:web:{identifier}");
            let problem = Location::of(&did).unwrap_err();
            assert_eq!(problem.kind, ProblemKind::InvalidDid, "{did}");
        }
        for did in ["did:key:example.org", "web:example.org", ""] {
            assert!(Location::of(did).is_err(), "{did}");
        }
    }

    proptest! {
        #[test]
        fn a_did_in_lower_case_survives_reading_and_writing(
            host in "([a-z]([a-z0-9-]{0,8}[a-z0-9])?\\.){0,3}[a-z]([a-z0-9-]{0,8}[a-z0-9])?",
            port in proptest::option::of(1_u16..),
            path in proptest::collection::vec("[a-zA-Z0-9_-]{1,8}(%[cC][3][%]B[cC])?", 0..4),
        ) {
            let port = port.map(|port| format!("%3A{port}")).unwrap_or_default();
            let path: String = path.iter().map(|segment| format!(":{segment}")).collect();
            let did = format!("did:web:{host}{port}{path}");
            prop_assert_eq!(Location::of(&did).unwrap().to_string(), did);
        }

        #[test]
        fn no_text_leads_out_of_its_host(text in "[a-zA-Z0-9.%:@/\\\\-]{0,40}|\\PC{0,40}") {
            if let Ok(location) = Location::of(&format!("did:web:{text}")) {
                let path = location.path();
                prop_assert!(path.starts_with('/') && path.ends_with("/did.json"), "{}", path);
                prop_assert!(!path.contains("//") && !path.contains("/../") && !path.contains("/./"), "{}", path);
                prop_assert!(path.bytes().all(|byte| byte.is_ascii_graphic()), "{}", path);
                prop_assert!(location.host().parse::<std::net::IpAddr>().is_err());
                prop_assert!(!location.authority().contains(['@', '/', '%', '[']));
            }
        }
    }
}
