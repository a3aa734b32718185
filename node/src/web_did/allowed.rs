//! The hosts whose documents are fetched, as whoever runs this program lists them.

use std::collections::BTreeSet;

use starfire_did::foreign::web::{HTTPS_PORT, Location};

/// Stands for every host, at the usual port.
const ANY: &str = "*";

/// Where a host may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// At addresses that everybody reaches.
    Public,
    /// At any: in this machine or its network too.
    Private,
}

/// Hosts by name and port.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowed {
    any: bool,
    public: BTreeSet<(String, u16)>,
    private: BTreeSet<(String, u16)>,
}

impl Allowed {
    /// From lists of hosts, each perhaps with a port: those at public addresses, where `*` is every host at port 443, and those that
    /// may stand at private ones.
    pub fn parse(hosts: &[String], private_hosts: &[String]) -> Result<Self, String> {
        let any = hosts.iter().any(|host| host == ANY);
        let named = hosts.iter().filter(|host| *host != ANY);
        Ok(Self {
            any,
            public: named.map(|host| parse(host)).collect::<Result<_, _>>()?,
            private: private_hosts
                .iter()
                .map(|host| parse(host))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Whether there is any.
    pub fn is_empty(&self) -> bool {
        !self.any && self.public.is_empty() && self.private.is_empty()
    }

    /// Where the host may stand; `None`: it is not asked.
    pub(super) fn reach(&self, location: &Location) -> Option<Reach> {
        let site = (location.host().to_owned(), location.port());
        if self.private.contains(&site) {
            return Some(Reach::Private);
        }
        let any = self.any && location.port() == HTTPS_PORT;
        (any || self.public.contains(&site)).then_some(Reach::Public)
    }
}

/// A host as a DID would name it.
fn parse(text: &str) -> Result<(String, u16), String> {
    let did = format!("did:web:{}", text.replacen(':', "%3A", 1));
    let location = Location::of(&did)
        .ok()
        .filter(|location| location.is_host() && !text.contains('%'));
    let location = location.ok_or_else(|| {
        format!("{text:?} is no host like \"issuer.example\" or \"issuer.example:8443\"")
    })?;
    Ok((location.host().to_owned(), location.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(hosts: &[&str], private: &[&str]) -> Result<Allowed, String> {
        let owned = |list: &[&str]| {
            list.iter()
                .map(|host| (*host).to_owned())
                .collect::<Vec<_>>()
        };
        Allowed::parse(&owned(hosts), &owned(private))
    }

    fn reach(allowed: &Allowed, did: &str) -> Option<Reach> {
        allowed.reach(&Location::of(did).unwrap())
    }

    #[test]
    fn a_host_is_asked_at_the_port_that_is_listed() {
        let list = allowed(&["a.example", "B.example:8443"], &["c.example:9"]).unwrap();
        for (did, expected) in [
            ("did:web:a.example", Some(Reach::Public)),
            ("did:web:A.example%3A443:path", Some(Reach::Public)),
            ("did:web:a.example%3A8443", None),
            ("did:web:b.example%3A8443", Some(Reach::Public)),
            ("did:web:b.example", None),
            ("did:web:c.example%3A9", Some(Reach::Private)),
            ("did:web:www.a.example", None),
        ] {
            assert_eq!(reach(&list, did), expected, "{did}");
        }
        assert!(!list.is_empty());
        assert!(Allowed::default().is_empty());
        assert_eq!(reach(&Allowed::default(), "did:web:a.example"), None);
    }

    #[test]
    fn any_host_is_asked_at_the_usual_port_and_at_public_addresses() {
        let list = allowed(&["*"], &["inner.example"]).unwrap();
        assert_eq!(reach(&list, "did:web:a.example"), Some(Reach::Public));
        assert_eq!(reach(&list, "did:web:a.example%3A25"), None);
        assert_eq!(reach(&list, "did:web:inner.example"), Some(Reach::Private));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            "https://a.example",
            "a.example/path",
            "a.example:path",
            "a.example:443:1",
            "a.example%3A443",
            "127.0.0.1",
            "[::1]:443",
            "*.example",
        ] {
            assert!(allowed(&[text], &[]).is_err(), "{text}");
            assert!(allowed(&[], &[text]).is_err(), "{text}");
        }
        assert!(allowed(&[], &["*"]).is_err());
    }
}
