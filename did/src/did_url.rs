//! DID URLs (DID Core §3.2): a DID of any method, and what is wanted of it.
//!
//! Parsed once, strictly: what [`crate::dereference`] and a resolver act on has been percent-decoded, and no parameter stands
//! twice, where two readers of one URL could act on different ones.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::uri::{self, reference};

/// The longest DID URL, bytes.
pub const DID_URL_BYTES_MAX: usize = 2048;

/// A DID URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DidUrl {
    did: String,
    path: Vec<String>,
    parameters: Parameters,
    fragment: Option<String>,
}

/// The parameters of DID Core §3.2.1 and DID Resolution, decoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    /// A service by its id or fragment.
    pub service: Option<String>,
    /// Services of a type.
    pub service_type: Option<String>,
    /// A reference to resolve at a service's endpoint. It never names another host.
    pub relative_ref: Option<String>,
    /// A version of the document.
    pub version_id: Option<String>,
    /// The document as of a moment.
    pub version_time: Option<VersionTime>,
    /// All others, by name, in their order.
    pub other: Vec<(String, String)>,
}

/// A moment, as written and as a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionTime {
    /// As written.
    pub text: String,
    /// Milliseconds since 1970.
    pub unix_ms: i64,
}

/// Text that is no DID URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DidUrlError {
    /// More than [`DID_URL_BYTES_MAX`].
    #[error("the DID URL has {0} bytes, more than {DID_URL_BYTES_MAX}")]
    TooLong(usize),
    /// It does not begin with a DID.
    #[error("\"{0}\" is no DID")]
    Did(String),
    /// Characters that a URL does not have, or percent signs that escape nothing.
    #[error("the {0} has characters that a DID URL does not have")]
    Characters(&'static str),
    /// A parameter stands twice.
    #[error("the parameter {0} stands twice")]
    Duplicate(String),
    /// A version cannot be named in both ways.
    #[error("versionId and versionTime exclude each other")]
    TwoVersions,
    /// Not a moment.
    #[error("versionTime \"{0}\" is no date and time with a zone, as 2026-11-22T08:00:00Z")]
    VersionTime(String),
    /// A reference without a service that it could be relative to.
    #[error("relativeRef needs service or serviceType")]
    RelativeRefAlone,
    /// A reference that leads to another host than the service's, or out of its directory, or none at all.
    #[error("relativeRef \"{0}\" is no reference within the service")]
    RelativeRef(String),
}

impl DidUrl {
    /// Parses a DID URL. A DID alone is one.
    pub fn parse(text: &str) -> Result<Self, DidUrlError> {
        if text.len() > DID_URL_BYTES_MAX {
            return Err(DidUrlError::TooLong(text.len()));
        }
        let (rest, fragment) = cut(text, '#');
        let (rest, query) = cut(rest, '?');
        let (did, path) = cut(rest, '/');
        if !uri::is_did(did) {
            return Err(DidUrlError::Did(did.to_owned()));
        }
        let decode = |part, what| decoded(part).ok_or(DidUrlError::Characters(what));
        let path = match path {
            Some(path) => path
                .split('/')
                .map(|segment| decode(segment, "path"))
                .collect::<Result<_, _>>()?,
            None => Vec::new(),
        };
        Ok(Self {
            did: did.to_owned(),
            path,
            parameters: query
                .map(Parameters::parse)
                .transpose()?
                .unwrap_or_default(),
            fragment: match fragment {
                Some(fragment) if fragment.contains('#') => {
                    return Err(DidUrlError::Characters("fragment"));
                }
                Some(fragment) => Some(decode(fragment, "fragment")?),
                None => None,
            },
        })
    }

    /// The DID, of any method.
    pub fn did(&self) -> &str {
        &self.did
    }

    /// The segments of its path; empty without one.
    pub fn path(&self) -> &[String] {
        &self.path
    }

    /// The parameters of its query.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Its fragment, without `#`.
    pub fn fragment(&self) -> Option<&str> {
        self.fragment.as_deref()
    }

    /// Whether it is a DID and nothing else.
    pub fn is_did(&self) -> bool {
        self.path.is_empty() && self.fragment.is_none() && self.parameters == Parameters::default()
    }
}

impl Parameters {
    /// Parses a query, without `?`.
    pub fn parse(query: &str) -> Result<Self, DidUrlError> {
        let mut parameters = Self::default();
        let mut names: Vec<String> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = cut(pair, '=');
            let decode = |part| decoded(part).ok_or(DidUrlError::Characters("query"));
            let (name, value) = (decode(name)?, decode(value.unwrap_or_default())?);
            if names.contains(&name) {
                return Err(DidUrlError::Duplicate(name));
            }
            names.push(name.clone());
            match name.as_str() {
                "service" => parameters.service = Some(value),
                "serviceType" => parameters.service_type = Some(value),
                "relativeRef" => parameters.relative_ref = Some(uri::escaped(&value)),
                "versionId" => parameters.version_id = Some(value),
                "versionTime" => parameters.version_time = Some(VersionTime::parse(value)?),
                _ => parameters.other.push((name, value)),
            }
        }
        parameters.check()?;
        Ok(parameters)
    }

    fn check(&self) -> Result<(), DidUrlError> {
        if self.version_id.is_some() && self.version_time.is_some() {
            return Err(DidUrlError::TwoVersions);
        }
        let Some(relative) = &self.relative_ref else {
            return Ok(());
        };
        if self.service.is_none() && self.service_type.is_none() {
            return Err(DidUrlError::RelativeRefAlone);
        }
        // A gateway answers with a redirection: to the service that the document names, never to where a link's author likes.
        if reference::stays_with_its_base(relative) && uri::has_only_uri_characters(relative) {
            Ok(())
        } else {
            Err(DidUrlError::RelativeRef(relative.clone()))
        }
    }
}

impl VersionTime {
    /// Parses an XML date and time with a zone.
    pub fn parse(text: String) -> Result<Self, DidUrlError> {
        let moment = OffsetDateTime::parse(&text, &Rfc3339).ok();
        let unix_ms =
            moment.and_then(|at| i64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok());
        match unix_ms {
            Some(unix_ms) => Ok(Self { text, unix_ms }),
            None => Err(DidUrlError::VersionTime(text)),
        }
    }
}

fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

/// The text behind percent signs; `None` if it is not all of URI characters, or not UTF-8 behind them.
fn decoded(part: &str) -> Option<String> {
    if !uri::has_only_uri_characters(part) {
        return None;
    }
    String::from_utf8(percent_decoded(part)?).ok()
}

/// The bytes of a text, those behind percent signs as they are meant; `None` if a percent sign escapes nothing.
pub(crate) fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => digit(rest.next()?)? << 4 | digit(rest.next()?)?,
            other => other,
        });
    }
    Some(bytes)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DID: &str = "did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2";

    fn parse(rest: &str) -> Result<DidUrl, DidUrlError> {
        DidUrl::parse(&format!("{DID}{rest}"))
    }

    #[test]
    fn a_did_is_a_did_url() {
        for text in [DID, "did:web:example.org%3A8443:user", "did:key:z6Mk"] {
            let url = DidUrl::parse(text).unwrap();
            assert!(url.is_did() && url.did() == text);
        }
        assert!(!parse("#key-1").unwrap().is_did());
        assert!(!parse("?versionId=1").unwrap().is_did());
        assert!(!parse("/").unwrap().is_did());
    }

    #[test]
    fn every_part_is_decoded() {
        let url = parse("?service=files&relativeRef=%2Fmy%20doc%3Fv%3D%E4%B8%AD").unwrap();
        let relative = url.parameters().relative_ref.as_deref();
        assert_eq!(relative, Some("/my%20doc?v=%E4%B8%AD"));
        for none in ["%5C", "%09", "%2F%2Fhost", "100%25"] {
            let url = parse(&format!("?service=files&relativeRef={none}"));
            assert!(matches!(url, Err(DidUrlError::RelativeRef(_))), "{none}");
        }
        let url =
            parse("/resources/a%20b?service=files&relativeRef=%2Fdoc%3Fv%3D1&x=%3D&flag#key%2D1")
                .unwrap();
        assert_eq!(url.path(), ["resources", "a b"]);
        assert_eq!(url.fragment(), Some("key-1"));
        let expected = Parameters {
            service: Some("files".into()),
            relative_ref: Some("/doc?v=1".into()),
            other: vec![("x".into(), "=".into()), ("flag".into(), String::new())],
            ..Parameters::default()
        };
        assert_eq!(*url.parameters(), expected);
    }

    #[test]
    fn a_moment_has_a_zone() {
        let at = |text: &str| parse(&format!("?versionTime={text}"));
        let time = at("2026-11-22T08:00:00Z").unwrap().parameters.version_time;
        assert_eq!(time.unwrap().unix_ms, 1_795_334_400_000);
        let east = at("2026-11-22T16:00:00%2B08:00")
            .unwrap()
            .parameters
            .version_time;
        assert_eq!(east.unwrap().unix_ms, 1_795_334_400_000);
        for text in [
            "2026-11-22T08:00:00",
            "2026-11-22",
            "now",
            "",
            "2026-13-01T00:00:00Z",
        ] {
            assert_eq!(at(text), Err(DidUrlError::VersionTime(text.into())));
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        assert_eq!(
            parse("?service=a&service=b"),
            Err(DidUrlError::Duplicate("service".into()))
        );
        assert_eq!(parse("?x=1&%78=2"), Err(DidUrlError::Duplicate("x".into())));
        assert_eq!(
            parse("?versionId=1&versionTime=2026-11-22T08:00:00Z"),
            Err(DidUrlError::TwoVersions)
        );
    }

    #[test]
    fn a_reference_stays_with_a_service() {
        assert_eq!(parse("?relativeRef=a"), Err(DidUrlError::RelativeRefAlone));
        for elsewhere in [
            "%2F%2Fevil.example%2F",
            "https%3A%2F%2Fevil.example",
            "a%0Db",
        ] {
            let url = parse(&format!("?service=files&relativeRef={elsewhere}"));
            assert!(
                matches!(url, Err(DidUrlError::RelativeRef(_))),
                "{elsewhere}"
            );
        }
    }

    #[test]
    fn other_texts_are_no_did_urls() {
        for text in [
            "",
            "bid:x",
            "did:bid",
            "did:bid:",
            "/path",
            "#key-1",
            "did:Web:x",
        ] {
            assert!(
                matches!(DidUrl::parse(text), Err(DidUrlError::Did(_))),
                "{text}"
            );
        }
        for rest in ["/a b", "/%2", "/%ff", "?a=\u{4e2d}", "#a\"", "#%zz", "#a#b"] {
            assert!(
                matches!(parse(rest), Err(DidUrlError::Characters(_))),
                "{rest}"
            );
        }
        let long = "a".repeat(DID_URL_BYTES_MAX);
        assert!(matches!(
            parse(&format!("/{long}")),
            Err(DidUrlError::TooLong(_))
        ));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(rest in "[/?#&=%a-f0-9:.\\PC]{0,40}") {
            drop(parse(&rest));
            drop(DidUrl::parse(&rest));
        }
    }
}
