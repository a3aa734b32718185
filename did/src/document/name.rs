//! Other names of a subject (`alsoKnownAs`): URIs for W3C's clients, a type and an id for BIF's (RFC-004).
//!
//! Both views are of the one URI that is stored, and each gives it back, so only URIs that BIF has a type for are taken.

use crate::id::Did;
use crate::uri;

/// BIF's types of other names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameKind {
    /// 101: a `did:bid`.
    Bid,
    /// 102: a DID of another method.
    OtherDid,
    /// 103: a domain, or a page of one.
    Domain,
    /// 104: a Zid, `urn:zid:…`, or another URN.
    Zid,
    /// 105: a handle, `hdl:…`.
    Handle,
}

const DOMAIN: &str = "https://";
const ZID: &str = "urn:zid:";
const URN: &str = "urn:";
const HANDLE: &str = "hdl:";

impl NameKind {
    /// The type of a URI; `None` if BIF has none for it.
    pub fn of(text: &str) -> Option<Self> {
        if !uri::is_uri(text) {
            return None;
        }
        if text.starts_with("did:bid:") {
            return Did::parse(text).is_ok().then_some(Self::Bid);
        }
        if text.starts_with("did:") {
            return uri::is_did(text).then_some(Self::OtherDid);
        }
        if let Some(rest) = text.strip_prefix(DOMAIN) {
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            return (!host.is_empty()).then_some(Self::Domain);
        }
        if let Some((namespace, name)) = text.strip_prefix(URN).and_then(|n| n.split_once(':')) {
            return (!namespace.is_empty() && !name.is_empty()).then_some(Self::Zid);
        }
        text.starts_with(HANDLE).then_some(Self::Handle)
    }

    /// BIF's number.
    pub fn number(self) -> u32 {
        match self {
            Self::Bid => 101,
            Self::OtherDid => 102,
            Self::Domain => 103,
            Self::Zid => 104,
            Self::Handle => 105,
        }
    }

    /// The id that BIF's documents have for a URI of this type.
    pub fn id(self, uri: &str) -> &str {
        let short = match self {
            Self::Bid | Self::OtherDid => None,
            Self::Domain => uri
                .strip_prefix(DOMAIN)
                .and_then(|rest| rest.strip_suffix('/'))
                .filter(|domain| !domain.contains(['/', '?', '#'])),
            Self::Zid => uri.strip_prefix(ZID).filter(|id| !id.starts_with(URN)),
            Self::Handle => uri.strip_prefix(HANDLE),
        };
        short.unwrap_or(uri)
    }
}

/// The URI of a name in a BIF document; `None` if the type and the id make none.
pub(crate) fn from_bid(number: u64, id: &str) -> Option<String> {
    let text = match number {
        101 | 102 => id.to_owned(),
        103 if id.starts_with(DOMAIN) => id.to_owned(),
        103 => format!("{DOMAIN}{id}/"),
        104 if id.starts_with(URN) => id.to_owned(),
        104 => format!("{ZID}{id}"),
        105 => format!("{HANDLE}{id}"),
        _ => return None,
    };
    let kind = NameKind::of(&text)?;
    (u64::from(kind.number()) == number).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(uri: &str, number: u32, id: &str) {
        let kind = NameKind::of(uri).unwrap();
        assert_eq!((kind.number(), kind.id(uri)), (number, id));
        assert_eq!(from_bid(number.into(), id).as_deref(), Some(uri));
    }

    #[test]
    fn every_name_has_both_views() {
        let bid = "did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2";
        check(bid, 101, bid);
        check("did:web:example.cn", 102, "did:web:example.cn");
        check("https://example.cn/", 103, "example.cn");
        check("https://example.cn:8443/", 103, "example.cn:8443");
        check("https://example.cn", 103, "https://example.cn");
        check("https://example.cn/a/", 103, "https://example.cn/a/");
        check("urn:zid:12345", 104, "12345");
        check("urn:zid:urn:x", 104, "urn:zid:urn:x");
        check("urn:uuid:f81d", 104, "urn:uuid:f81d");
        check("hdl:86.1000/abc", 105, "86.1000/abc");
    }

    #[test]
    fn what_bif_has_no_type_for_is_no_name() {
        for text in [
            "http://example.cn/",
            "https:///path",
            "mailto:a@example.cn",
            "urn:zid",
            "urn::x",
            "hdl:",
            "did:bid:38VPR182Y4uTkq32fykXjbKBPdQZutH",
            "did:web:",
            "did:web:example.cn#key-1",
            "DID:web:example.cn",
            "星火",
        ] {
            assert_eq!(NameKind::of(text), None, "{text}");
        }
        assert_eq!(from_bid(101, "did:web:example.cn"), None);
        assert_eq!(from_bid(106, "did:web:example.cn"), None);
        assert_eq!(from_bid(103, "a b"), None);
    }
}
