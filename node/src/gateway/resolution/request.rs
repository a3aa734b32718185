//! A request, taken apart: the DID URL in the path, its parameters, and the options.
//!
//! The standard has the DID or DID URL appended to the path, as it is or URL-encoded. As it is, a query belongs to the DID URL;
//! encoded, it holds options. Names tell the two apart as well, and no name is in both but those that mean the same, so both are read
//! alike. What is encoded is decoded once: a DID URL whose own query stands encoded in the path is dereferenced with it.

use std::borrow::Cow;

use starfire_did::did_url::{DidUrl, DidUrlError};
use starfire_did::foreign;
use starfire_did::resolution::{Problem, ProblemKind, Question};

use super::options::Options;
use crate::web_did;

/// Parameters of a DID URL that are not options too.
const PARAMETERS: [&str; 3] = ["service", "serviceType", "relativeRef"];

/// What a request names, as far as can be told of one that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// A DID: it is resolved.
    Document,
    /// A DID URL of a document, perhaps of a version.
    Version,
    /// A DID URL of what stands in a document, or behind one.
    Part,
}

impl Names {
    /// By what follows `/1.0/identifiers/`, and the query.
    pub(super) fn of(path: &str, query: Option<&str>) -> Self {
        let url = unescape(path).unwrap_or(Cow::Borrowed(path));
        let names_service = |query: &str| {
            let mut names = query.split('&').map(|pair| pair.split('=').next());
            names.any(|name| name.is_some_and(|name| PARAMETERS.contains(&name)))
        };
        let own = url.split_once('?').map(|(_, query)| query);
        if url.contains(['/', '#'])
            || own.is_some_and(names_service)
            || query.is_some_and(names_service)
        {
            return Self::Part;
        }
        match own {
            Some(_) => Self::Version,
            None => Self::Document,
        }
    }
}

/// What is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) url: DidUrl,
    /// The DID URL as it was asked for.
    pub(super) text: String,
    /// A service by its id or type.
    pub(super) wants_service: bool,
}

impl Target {
    /// Whether it is a DID, perhaps as of a version, rather than something in or behind a document.
    pub(super) fn is_document(&self) -> bool {
        self.url.path().is_empty() && self.url.fragment().is_none() && !self.wants_service
    }

    /// The DID URL that was asked for, with the version that an option named.
    pub(super) fn asked_for(&self, question: &Question) -> String {
        let parameters = self.url.parameters();
        let by_option = parameters.version_id.is_none() && parameters.version_time.is_none();
        let version = question.to_url();
        match version.split_once('?') {
            Some((_, version)) if by_option => with_parameters(&self.text, &[version]),
            Some(_) | None => self.text.clone(),
        }
    }

    /// Whether it is more than a DID, perhaps as of a version, and a fragment.
    pub(super) fn names_more(&self) -> bool {
        !self.url.path().is_empty() || self.wants_service
    }

    /// Reads what follows `/1.0/identifiers/`, and the query. Options that were `seen` are not given again.
    pub(super) fn parse(
        path: &str,
        query: Option<&str>,
        options: &mut Options,
        seen: &mut Vec<String>,
    ) -> Result<Self, Problem> {
        let url = unescape(path)?;
        let (mut of_url, mut of_options) = (Vec::new(), Vec::new());
        let query = query.unwrap_or_default();
        let begins = |brace: &str| {
            let start = query.get(..brace.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(brace))
        };
        let is_json = begins("%7B") || begins("{");
        if !is_json {
            for pair in query.split('&').filter(|pair| !pair.is_empty()) {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                match PARAMETERS.contains(&name) {
                    true => of_url.push(pair),
                    false => of_options.push((decode(name)?, decode(value)?)),
                }
            }
        }
        let text = match of_url.is_empty() {
            true => url.into_owned(),
            false => with_parameters(&url, &of_url),
        };
        let url = DidUrl::parse(&text).map_err(|error| {
            let kind = match error {
                DidUrlError::Did(_) => ProblemKind::InvalidDid,
                DidUrlError::TooLong(_)
                | DidUrlError::Characters(_)
                | DidUrlError::Duplicate(_)
                | DidUrlError::TwoVersions
                | DidUrlError::VersionTime(_)
                | DidUrlError::RelativeRefAlone
                | DidUrlError::RelativeRef(_) => ProblemKind::InvalidDidUrl,
            };
            Problem::new(kind, error.to_string())
        })?;
        // DID Resolution §4.4: the method comes before the options.
        if !url.did().starts_with("did:bid:") && !web_did::is_of_method(url.did()) {
            foreign::require_method(url.did())?;
        }
        if let Some((name, _)) = url.parameters().other.first() {
            let detail = format!("the DID parameter {name:?} is not known here");
            return Err(Problem::new(ProblemKind::FeatureNotSupported, detail));
        }
        if is_json {
            // As Java's URLEncoder has it: a space is a plus sign.
            let text = decode(&query.replace('+', " "))?;
            options.take_json(seen, text.trim_end_matches('=').as_bytes())?;
        }
        for (name, value) in of_options {
            options.take(seen, &name, &value)?;
        }
        let parameters = url.parameters();
        let wants_service = parameters.service.is_some() || parameters.service_type.is_some();
        Ok(Self {
            url,
            text,
            wants_service,
        })
    }
}

/// A DID URL with more parameters, which come from the query of the request.
fn with_parameters(url: &str, pairs: &[&str]) -> String {
    let (rest, fragment) = match url.split_once('#') {
        Some((rest, fragment)) => (rest, format!("#{fragment}")),
        None => (url, String::new()),
    };
    let joint = if rest.contains('?') { '&' } else { '?' };
    format!("{rest}{joint}{}{fragment}", pairs.join("&"))
}

/// Delimiters of a DID URL. One that stands encoded in a path shows that the whole was encoded before it was appended.
const ENCODED_DELIMITERS: [&str; 3] = ["%2f", "%3f", "%23"];

/// The DID URL that a path holds, decoded once if it was encoded.
// DID Resolution §12.1: "the input DID MUST be URL-encoded" beside options; otherwise it is appended as it is.
fn unescape(path: &str) -> Result<Cow<'_, str>, Problem> {
    if !path.contains('%') {
        return Ok(Cow::Borrowed(path));
    }
    let lower = path.to_ascii_lowercase();
    if lower.starts_with("did%3a") {
        return decode(path).map(Cow::Owned);
    }
    if !ENCODED_DELIMITERS.iter().any(|one| lower.contains(one)) {
        return Ok(Cow::Borrowed(path));
    }
    // Many encoders leave colons alone. One that is encoded behind a plain "did:" was so in the DID, as in did:web:host%3A8443.
    decode(&path.replace("%3A", "%253A").replace("%3a", "%253a")).map(Cow::Owned)
}

/// Percent-decodes; what does not decode to text is refused.
pub(super) fn decode(text: &str) -> Result<String, Problem> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let byte = after
                .get(..2)
                .and_then(|digits| hex::decode(digits).ok())
                .ok_or_else(|| bad_url("a percent sign needs two hexadecimal digits after it"))?;
            bytes.extend(byte);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).map_err(|_| bad_url("it does not decode to UTF-8"))
}

fn bad_url(detail: impl Into<String>) -> Problem {
    Problem::new(ProblemKind::InvalidDidUrl, detail)
}

#[cfg(test)]
mod tests {
    use starfire_did::resolution::At;

    use super::*;

    const DID: &str = "did:bid:efvebF7eV9qKxr3sppyHCHKqkPG5RTUn";
    const ENCODED: &str = "did%3Abid%3AefvebF7eV9qKxr3sppyHCHKqkPG5RTUn";

    fn parse(path: &str, query: Option<&str>) -> Result<(Target, Options), ProblemKind> {
        let mut options = Options::default();
        Target::parse(path, query, &mut options, &mut Vec::new())
            .map(|target| (target, options))
            .map_err(|problem| problem.kind)
    }

    #[test]
    fn both_spellings_name_the_same_did() {
        let lower = ENCODED.replace("%3A", "%3a");
        for path in [DID, ENCODED, &lower] {
            let (target, _) = parse(path, None).unwrap();
            assert_eq!(target.url.did(), DID);
            assert!(target.is_document());
        }
    }

    #[test]
    fn a_did_url_is_read_wherever_its_parts_stand() {
        for (path, query) in [
            (DID.to_owned(), Some("service=files&relativeRef=%2Fa%3Fb")),
            (
                format!("{ENCODED}%3Fservice%3Dfiles%26relativeRef%3D%2Fa%253Fb"),
                None,
            ),
            (format!("{DID}%3Fservice=files&relativeRef=/a?b"), None),
            // As Go's PathEscape and Python's quote have it.
            (
                format!("{DID}%3Fservice=files&relativeRef=%252Fa%253Fb"),
                None,
            ),
            (
                format!("{DID}%3Fservice%3Dfiles%26relativeRef%3D%252Fa%253Fb"),
                None,
            ),
            (format!("{DID}?service=files"), Some("relativeRef=%2Fa%3Fb")),
        ] {
            let (target, _) = parse(&path, query).unwrap();
            let parameters = target.url.parameters();
            assert_eq!(parameters.service.as_deref(), Some("files"), "{path}");
            assert_eq!(parameters.relative_ref.as_deref(), Some("/a?b"), "{path}");
            assert!(target.wants_service && !target.is_document());
        }
        let (target, _) = parse(&format!("{DID}%23key-1"), None).unwrap();
        assert_eq!(target.url.fragment(), Some("key-1"));
        let (target, _) = parse(&format!("{ENCODED}%2Fresources%2Flogo"), None).unwrap();
        assert_eq!(target.url.path(), ["resources", "logo"]);
    }

    #[test]
    fn a_did_url_that_is_encoded_is_decoded_once() {
        for (path, version) in [
            (format!("{DID}%3FversionId%3D1"), "1"),
            (format!("{DID}%3fversionId%3d1"), "1"),
            (format!("{DID}%3FversionId=1"), "1"),
            (format!("{ENCODED}%3FversionId%3D1"), "1"),
            // Encoded twice is once encoded what is in it.
            (format!("{ENCODED}%3FversionId%3D%2531"), "1"),
            (format!("{ENCODED}%3FversionId%3D%252531"), "%31"),
        ] {
            let (target, options) = parse(&path, None).unwrap();
            assert_eq!(
                target.url.parameters().version_id.as_deref(),
                Some(version),
                "{path}"
            );
            assert_eq!(options.version_id, None);
            assert!(target.is_document());
            assert_eq!(Names::of(&path, None), Names::Version, "{path}");
        }
        // A plain DID, with options.
        for path in [DID, ENCODED] {
            let (target, options) = parse(path, Some("versionId=1")).unwrap();
            assert_eq!(options.version_id.as_deref(), Some("1"));
            assert!(target.is_document());
            assert_eq!(Names::of(path, Some("versionId=1")), Names::Document);
        }
        let (target, _) = parse(&format!("{DID}%2Fresources%2Flogo"), None).unwrap();
        assert_eq!(target.url.path(), ["resources", "logo"]);
        let (target, _) = parse("did:web:host%3A8443:user%23key-1", None).unwrap();
        assert_eq!(target.url.did(), "did:web:host%3A8443:user");
        let (target, _) = parse("did:web:host%253A8443%3Fservice=a", None).unwrap();
        assert_eq!(target.url.did(), "did:web:host%3A8443");
    }

    #[test]
    fn what_was_asked_for_is_told_with_its_version() {
        let asked = |path: &str, at| {
            let (target, _) = parse(path, None).unwrap();
            let did = DID.parse().unwrap();
            target.asked_for(&Question { did, at })
        };
        let key = format!("{DID}%23key-1");
        assert_eq!(asked(&key, At::Newest), format!("{DID}#key-1"));
        assert_eq!(
            asked(&key, At::Version(2)),
            format!("{DID}?versionId=2#key-1")
        );
        let named = format!("{DID}%3FversionId=2%23key-1");
        assert_eq!(
            asked(&named, At::Version(2)),
            format!("{DID}?versionId=2#key-1")
        );
    }

    #[test]
    fn options_stand_in_the_query() {
        let (_, options) = parse(ENCODED, Some("versionId=2&proof=false")).unwrap();
        assert_eq!(
            (options.version_id.as_deref(), options.proof),
            (Some("2"), false)
        );
        for object in [
            "%7B%22versionId%22%3A%222%22%7D",
            "%7B%22versionId%22:+%222%22%7D",
            "%7b%22versionId%22%3a%222%22%7d",
            "%7B%22versionId%22%3A%222%22%7D=",
        ] {
            let (_, options) = parse(ENCODED, Some(object)).unwrap();
            assert_eq!(options.version_id.as_deref(), Some("2"), "{object}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_its_kind() {
        let long = format!("{DID}#{}", "a".repeat(5_000));
        for (path, query, kind) in [
            ("", None, ProblemKind::InvalidDid),
            ("bid", None, ProblemKind::InvalidDid),
            (DID, Some("service=a&service=b"), ProblemKind::InvalidDidUrl),
            (DID, Some("service=%zz"), ProblemKind::InvalidDidUrl),
            (DID, Some("service=%ff"), ProblemKind::InvalidDidUrl),
            (DID, Some("relativeRef=a"), ProblemKind::InvalidDidUrl),
            ("did%3Abid%3", None, ProblemKind::InvalidDidUrl),
            (DID, Some("color=red"), ProblemKind::FeatureNotSupported),
            (
                "did%3Abid%3Ax%3Fcolor%3Dred",
                None,
                ProblemKind::FeatureNotSupported,
            ),
            (
                DID,
                Some("versionId=1&versionId=2"),
                ProblemKind::InvalidOptions,
            ),
            (DID, Some("%7B%22"), ProblemKind::InvalidOptions),
            ("did:x:a", Some("%7B%22"), ProblemKind::MethodNotSupported),
            (
                "did:x:a",
                Some("noCache=maybe"),
                ProblemKind::MethodNotSupported,
            ),
            (
                "did:x:a",
                Some("color=red"),
                ProblemKind::MethodNotSupported,
            ),
            (&long, None, ProblemKind::InvalidDidUrl),
        ] {
            assert_eq!(parse(path, query), Err(kind), "{path} {query:?}");
        }
    }
}
