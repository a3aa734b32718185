//! Which form of an answer a caller takes: the `Accept` header, as DID resolvers read it.

use axum::http::{HeaderMap, header};
use starfire_did::resolution::Representation;

use super::request::Names;
use crate::gateway::accept::{WEIGHT_MAX, parse_weight, split};

/// The result of resolving, with all metadata.
pub(super) const RESOLUTION: &str = "application/did-resolution";
/// The same, as it was called before.
pub(super) const LEGACY_RESOLUTION: &str =
    "application/ld+json;profile=\"https://w3id.org/did-resolution\"";
/// The result of dereferencing, with all metadata.
pub(super) const DEREFERENCING: &str = "application/did-url-dereferencing";
/// A service's endpoints.
pub(super) const URI_LIST: &str = "text/uri-list";

const LEGACY_PROFILE: &str = "https://w3id.org/did-resolution";
/// Media types that are looked at; more are not.
const RANGES_MAX: usize = 32;

/// Forms of a document, the one first that is sent unless the caller names another.
const DOCUMENTS: [Representation; 3] = [
    Representation::V1_1,
    Representation::JsonLd,
    Representation::Json,
];

/// A form of the whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrap {
    /// `didDocument` and metadata.
    Resolution,
    /// The same under its older name.
    LegacyResolution,
    /// `content` and metadata.
    Dereferencing,
}

impl Wrap {
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Resolution => RESOLUTION,
            Self::LegacyResolution => LEGACY_RESOLUTION,
            Self::Dereferencing => DEREFERENCING,
        }
    }
}

/// What a caller takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Accept {
    /// The whole answer, if the caller names no part of it that it likes better.
    pub(super) wrap: Option<Wrap>,
    /// The same where there must be one: of an answer that has no document to send alone.
    pub(super) whole: Wrap,
    /// The document's form; none that we have.
    pub(super) form: Option<Representation>,
    /// A service is to be redirected to.
    pub(super) uri_list: bool,
    ranges: Ranges,
}

/// What the header names.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ranges {
    /// The best first.
    taken: Vec<Range>,
    /// Those of weight 0. As a rule there are none.
    refused: Vec<Range>,
}

/// One media range of the header. Weights are in thousandths.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Range {
    kind: Kind,
    name: String,
    weight: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Wrap(Wrap),
    Document(Representation),
    UriList,
    /// `*/*`, or `application/*`
    Any,
    Other,
}

impl Accept {
    /// Reads the header; none means that anything will do.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let values = headers.get_all(header::ACCEPT).into_iter();
        let texts: Vec<_> = values.filter_map(|value| value.to_str().ok()).collect();
        match texts.as_slice() {
            [one] => Self::parse(one),
            several => Self::parse(&several.join(",")),
        }
    }

    pub(super) fn parse(text: &str) -> Self {
        let mut ranges: Vec<_> = split(text, ',')
            .take(RANGES_MAX)
            .filter_map(Range::parse)
            .collect();
        if ranges.is_empty() {
            ranges.push(Range {
                kind: Kind::Any,
                name: "*/*".to_owned(),
                weight: WEIGHT_MAX,
            });
        }
        // Stable: of equals, the first named is the preferred one.
        ranges.sort_by_key(|range| std::cmp::Reverse(range.weight));
        // RFC 9110 §12.4.2: "a value of 0 means 'not acceptable'".
        let refused = ranges.split_off(ranges.partition_point(|range| range.weight > 0));
        let ranges = Ranges {
            taken: ranges,
            refused,
        };
        let weight = |wanted: &dyn Fn(Kind) -> bool| {
            let mut known = ranges.taken.iter().filter(|range| wanted(range.kind));
            known.next().map(|range| range.weight)
        };
        let named = weight(&|kind| matches!(kind, Kind::Document(_) | Kind::UriList));
        let wrap = ranges.taken.iter().find_map(|range| match range.kind {
            Kind::Wrap(wrap) if named.is_none_or(|named| range.weight >= named) => Some(wrap),
            Kind::Any if named.is_none() => Some(Wrap::Resolution),
            Kind::Wrap(_) | Kind::Document(_) | Kind::UriList | Kind::Any | Kind::Other => None,
        });
        // Within a result, a form is a caller's wish and no media type of the reply.
        let ours = || {
            let mut known = DOCUMENTS.into_iter();
            let taken = known.find(|form| !ranges.refuses(form.media_type()));
            taken.or(wrap.map(|_| Representation::V1_1))
        };
        let form = ranges.taken.iter().find_map(|range| match range.kind {
            Kind::Document(form) => Some(form),
            Kind::Any => ours(),
            Kind::Wrap(_) | Kind::UriList | Kind::Other => None,
        });
        // Who names no form of the document within a result leaves it to us. A list of addresses is no form of it.
        let is_wrap = |range: &Range| matches!(range.kind, Kind::Wrap(_));
        let only_wraps = ranges.taken.iter().any(is_wrap)
            && ranges
                .taken
                .iter()
                .all(|range| is_wrap(range) || range.kind == Kind::UriList);
        Self {
            wrap,
            whole: wrap.unwrap_or(Wrap::Resolution),
            form: form.or_else(|| only_wraps.then(|| ours().unwrap_or(Representation::V1_1))),
            uri_list: ranges.taken.iter().any(|range| range.kind == Kind::UriList),
            ranges,
        }
    }

    /// Fits the form of the whole answer to the question: what stands in a document or behind it is dereferenced, and so is a DID URL
    /// of a document, unless the caller names the result of resolving.
    pub(super) fn about(mut self, names: Names) -> Self {
        let dereferenced = match names {
            Names::Document => false,
            Names::Version => !self.wraps_content(),
            Names::Part => true,
        };
        if dereferenced {
            self.wrap = self.wrap.map(|_| Wrap::Dereferencing);
            self.whole = Wrap::Dereferencing;
        }
        if self
            .wrap
            .is_some_and(|wrap| self.ranges.refuses(wrap.media_type()))
        {
            // What else the caller takes is the content alone.
            self.wrap = None;
            let alone = self.ranges.takes_documents();
            let taken = |form: &Representation| !self.ranges.refuses(form.media_type());
            self.form = self.form.filter(|form| alone && taken(form));
        }
        self
    }

    /// Whether the caller asks for the metadata of dereferencing, by name.
    pub(super) fn wraps_content(&self) -> bool {
        self.wrap.is_some()
            && self
                .ranges
                .taken
                .iter()
                .any(|range| matches!(range.kind, Kind::Wrap(_)))
    }

    /// Whether content of this media type may be sent as it is.
    pub(super) fn takes(&self, media_type: &str) -> bool {
        self.ranges.takes(media_type) == Some(true)
    }
}

impl Ranges {
    /// Whether the caller takes a media type, or not; nothing, if no range says.
    // RFC 9110 §12.5.1: "the most specific reference has precedence".
    fn takes(&self, media_type: &str) -> Option<bool> {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        let family = essence.split('/').next().unwrap_or_default();
        let is_it = |range: &Range| range.name.eq_ignore_ascii_case(essence);
        let is_family = |range: &Range| {
            let named = range.name.strip_suffix("/*");
            named.is_some_and(|named| named.eq_ignore_ascii_case(family))
        };
        let is_any = |range: &Range| range.name == "*/*";
        let says = |speaks: &dyn Fn(&Range) -> bool| {
            let taken = self.taken.iter().any(speaks);
            (taken || self.refused.iter().any(speaks)).then_some(taken)
        };
        says(&is_it)
            .or_else(|| says(&is_family))
            .or_else(|| says(&is_any))
    }

    /// Whether the caller says that it does not take a media type.
    fn refuses(&self, media_type: &str) -> bool {
        !self.refused.is_empty() && self.takes(media_type) == Some(false)
    }

    /// Whether a document may be sent alone, in some form.
    fn takes_documents(&self) -> bool {
        let alone = |range: &Range| matches!(range.kind, Kind::Document(_) | Kind::Any);
        self.taken.iter().any(alone)
    }
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = split(text, ';');
        let name = parts.next()?.trim().to_ascii_lowercase();
        if !name.contains('/') {
            return None;
        }
        let mut weight = WEIGHT_MAX;
        let mut profile = None;
        for part in parts {
            let Some((key, value)) = part.split_once('=') else {
                continue;
            };
            let value = value.trim().trim_matches('"').to_owned();
            match key.trim().to_ascii_lowercase().as_str() {
                "q" => weight = parse_weight(&value)?,
                "profile" => profile = Some(value),
                _ => {}
            }
        }
        let kind = match name.as_str() {
            RESOLUTION => Kind::Wrap(Wrap::Resolution),
            DEREFERENCING => Kind::Wrap(Wrap::Dereferencing),
            URI_LIST => Kind::UriList,
            "application/ld+json" if profile.as_deref() == Some(LEGACY_PROFILE) => {
                Kind::Wrap(Wrap::LegacyResolution)
            }
            "application/ld+json" => Kind::Document(Representation::JsonLd),
            "application/json" => Kind::Document(Representation::Json),
            "*/*" | "application/*" => Kind::Any,
            other => Representation::of_media_type(other).map_or(Kind::Other, Kind::Document),
        };
        Some(Self { kind, name, weight })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, wrap: Option<Wrap>, form: Option<Representation>) {
        let accept = Accept::parse(text);
        assert_eq!((accept.wrap, accept.form), (wrap, form), "{text}");
    }

    #[test]
    fn callers_get_what_they_name() {
        use Representation::{Json, JsonLd, V1_1};
        let resolution = Some(Wrap::Resolution);
        check("", resolution, Some(V1_1));
        check("*/*", resolution, Some(V1_1));
        check(
            "text/html,application/xhtml+xml,*/*;q=0.8",
            resolution,
            Some(V1_1),
        );
        check("application/did-resolution", resolution, Some(V1_1));
        // What the universal resolver sends.
        check(
            "application/did-resolution,application/did",
            resolution,
            Some(V1_1),
        );
        check(
            "application/did-resolution, application/did+ld+json",
            resolution,
            Some(JsonLd),
        );
        check(LEGACY_RESOLUTION, Some(Wrap::LegacyResolution), Some(V1_1));
        check("application/did", None, Some(V1_1));
        check("application/did+json", None, Some(Json));
        check("APPLICATION/DID+LD+JSON", None, Some(JsonLd));
        check("application/ld+json", None, Some(JsonLd));
        check("application/json", None, Some(Json));
        check(
            "application/did-url-dereferencing",
            Some(Wrap::Dereferencing),
            Some(V1_1),
        );
        check(
            "application/did+json;q=0.5, application/did+ld+json;q=0.9",
            None,
            Some(JsonLd),
        );
        check(
            "application/did;q=1, application/did-resolution;q=0.5",
            None,
            Some(V1_1),
        );
        check("application/did+cbor", None, None);
        check(
            "application/did-resolution, application/did+cbor",
            resolution,
            None,
        );
        check("image/png", None, None);
        check("text/uri-list", None, None);
        check(
            "text/uri-list, application/did+json;q=0.1",
            None,
            Some(Json),
        );
        check(
            "application/did-url-dereferencing, text/uri-list",
            Some(Wrap::Dereferencing),
            Some(V1_1),
        );
        check(
            "application/did;q=0, application/did+json",
            None,
            Some(Json),
        );
    }

    /// What a document is sent as: the result, or in which form alone; nothing, if it cannot be.
    fn sent(text: &str, names: Names) -> Option<&'static str> {
        let accept = Accept::parse(text).about(names);
        let form = accept.form?;
        Some(accept.wrap.map_or(form.media_type(), Wrap::media_type))
    }

    #[test]
    fn what_has_no_weight_is_not_sent() {
        for refused in [
            "application/did;q=0",
            "*/*;q=0",
            "application/did-resolution;q=0.000",
            "application/did-resolution;q=0, application/did;q=0",
            "application/did-resolution;q=0, image/png",
            "*/*, application/*;q=0",
        ] {
            assert_eq!(sent(refused, Names::Document), None, "{refused}");
        }
        for (text, document, part) in [
            (
                "application/did-resolution;q=0, */*",
                "application/did",
                DEREFERENCING,
            ),
            (
                "application/did-url-dereferencing;q=0, */*;q=0.1",
                RESOLUTION,
                "application/did",
            ),
            (
                "application/did-resolution;q=0, application/did;q=0, application/did-url-dereferencing;q=0, */*",
                "application/did+ld+json",
                "application/did+ld+json",
            ),
            ("application/did;q=0, */*", RESOLUTION, DEREFERENCING),
            (
                "application/did, */*;q=0",
                "application/did",
                "application/did",
            ),
            (
                "application/*;q=0, application/did+json",
                "application/did+json",
                "application/did+json",
            ),
        ] {
            assert_eq!(sent(text, Names::Document), Some(document), "{text}");
            assert_eq!(sent(text, Names::Part), Some(part), "{text}");
        }
        // The form within a result is a wish.
        let accept = Accept::parse("application/did;q=0, application/did-resolution");
        assert_eq!(
            (accept.wrap, accept.form),
            (Some(Wrap::Resolution), Some(Representation::JsonLd))
        );
        // There is no result of dereferencing for who refuses it.
        let named = "application/did-resolution, application/did-url-dereferencing;q=0";
        assert_eq!(sent(named, Names::Document), Some(RESOLUTION));
        assert_eq!(sent(named, Names::Part), None);
    }

    #[test]
    fn a_did_url_has_a_result_of_dereferencing_unless_the_caller_names_another() {
        let whole = |text: &str, names| Accept::parse(text).about(names).whole;
        for (text, document, version, part) in [
            (
                "",
                Wrap::Resolution,
                Wrap::Dereferencing,
                Wrap::Dereferencing,
            ),
            (
                "*/*",
                Wrap::Resolution,
                Wrap::Dereferencing,
                Wrap::Dereferencing,
            ),
            (
                "application/did",
                Wrap::Resolution,
                Wrap::Dereferencing,
                Wrap::Dereferencing,
            ),
            (
                RESOLUTION,
                Wrap::Resolution,
                Wrap::Resolution,
                Wrap::Dereferencing,
            ),
            (
                DEREFERENCING,
                Wrap::Dereferencing,
                Wrap::Dereferencing,
                Wrap::Dereferencing,
            ),
            (
                LEGACY_RESOLUTION,
                Wrap::LegacyResolution,
                Wrap::LegacyResolution,
                Wrap::Dereferencing,
            ),
        ] {
            assert_eq!(whole(text, Names::Document), document, "{text}");
            assert_eq!(whole(text, Names::Version), version, "{text}");
            assert_eq!(whole(text, Names::Part), part, "{text}");
        }
    }

    #[test]
    fn what_is_no_media_range_is_passed_over() {
        check(
            "nonsense",
            Some(Wrap::Resolution),
            Some(Representation::V1_1),
        );
        check(
            "application/did;q=2",
            Some(Wrap::Resolution),
            Some(Representation::V1_1),
        );
        check(
            "application/did;q=0.1234",
            Some(Wrap::Resolution),
            Some(Representation::V1_1),
        );
        let many = "application/did+cbor,".repeat(RANGES_MAX) + "application/did";
        check(&many, None, None);
    }

    #[test]
    fn content_goes_to_who_takes_its_type() {
        assert!(Accept::parse("").takes("image/png"));
        assert!(Accept::parse("image/*").takes("image/png"));
        assert!(Accept::parse("image/png").takes("image/png; x=y"));
        assert!(!Accept::parse("application/did").takes("image/png"));
        assert!(!Accept::parse("image/png;q=0, image/gif").takes("image/png"));
        assert!(!Accept::parse("image/png;q=0, */*").takes("image/png"));
        assert!(!Accept::parse("image/*;q=0, */*").takes("image/png"));
        assert!(Accept::parse("image/*;q=0, image/png").takes("image/png"));
    }
}
