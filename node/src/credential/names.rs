//! What credentials call the schemas and status lists that stand on a chain.

use starfire_did::Did;
use starfire_did::name::is_name;

/// A schema's version on a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SchemaName {
    /// Who registered it.
    pub(crate) author: Did,
    /// Its name.
    pub(crate) name: String,
    /// Which version, from 1: what a credential refers to never changes.
    pub(crate) version: u64,
}

/// A status list on a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListName {
    /// Whose it is.
    pub(crate) issuer: Did,
    /// Its name.
    pub(crate) name: String,
}

impl SchemaName {
    /// From its URL; `None`: the URL is of something else.
    pub(crate) fn parse(url: &str) -> Option<Self> {
        let (author, [name, version]) = parts(url, "schemas")?;
        let canonical =
            version.bytes().all(|byte| byte.is_ascii_digit()) && !version.starts_with('0');
        Some(Self {
            author,
            name: name.to_owned(),
            version: version.parse().ok().filter(|_| canonical)?,
        })
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        let Self {
            author,
            name,
            version,
        } = self;
        format!("{author}/schemas/{name}/{version}")
    }
}

impl ListName {
    /// From its URL; `None`: the URL is of something else.
    pub(crate) fn parse(url: &str) -> Option<Self> {
        let (issuer, [name]) = parts(url, "status-lists")?;
        Some(Self {
            issuer,
            name: name.to_owned(),
        })
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("{}/status-lists/{}", self.issuer, self.name)
    }
}

/// Whose it is, and what follows: `DID/{kind}/…`, or `http(s)://HOST…/{kind}/DID/…`.
fn parts<'a, const N: usize>(url: &'a str, kind: &str) -> Option<(Did, [&'a str; N])> {
    let pieces: Vec<&str> = if url.starts_with("did:") {
        let (did, rest) = url.split_once('/')?;
        let rest = rest.strip_prefix(kind)?.strip_prefix('/')?;
        std::iter::once(did).chain(rest.split('/')).collect()
    } else {
        let rest = url
            .strip_prefix("https://")
            .or_else(|| url.strip_prefix("http://"))?;
        let (_, path) = rest.split_once('/')?;
        let mut after = path.split('/').skip_while(|piece| *piece != kind);
        after.next()?;
        after.collect()
    };
    let (did, rest) = pieces.split_first()?;
    let rest: [&str; N] = rest.try_into().ok()?;
    is_name(rest.first()?).then_some((Did::parse(did).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DID: &str = "did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2";

    #[test]
    fn a_name_is_read_from_a_did_url_and_from_a_gateway_s_address() {
        for url in [
            format!("{DID}/status-lists/revoked-2026"),
            format!("https://gateway.example/status-lists/{DID}/revoked-2026"),
            format!("http://127.0.0.1:1/a/status-lists/{DID}/revoked-2026"),
        ] {
            let list = ListName::parse(&url).unwrap();
            assert_eq!(list.url(), format!("{DID}/status-lists/revoked-2026"));
        }
        let schema = SchemaName::parse(&format!("{DID}/schemas/origin/12")).unwrap();
        assert_eq!((schema.name.as_str(), schema.version), ("origin", 12));
        let address = format!("https://h/schemas/{DID}/origin/12");
        assert_eq!(SchemaName::parse(&address), Some(schema));
    }

    #[test]
    fn what_is_named_otherwise_is_not_of_a_chain() {
        for url in [
            format!("{DID}/status-lists"),
            format!("{DID}/status-lists/a/b"),
            format!("{DID}/status-lists/"),
            format!("{DID}/status-lists/%41"),
            format!("{DID}/schemas/a"),
            format!("{DID}/schemas/a/0"),
            format!("{DID}/schemas/a/+1"),
            format!("{DID}/schemas/a/01"),
            "https://example.org/status-lists/3".to_owned(),
            "did:key:z6Mk/status-lists/a".to_owned(),
        ] {
            assert_eq!(ListName::parse(&url), None, "{url}");
            assert_eq!(SchemaName::parse(&url), None, "{url}");
        }
    }
}
