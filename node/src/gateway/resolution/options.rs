//! Options of resolving and dereferencing: in the query, as one JSON object there, or as the body of a `POST`.

use serde_json::Value;
use starfire_crosschain::json;
use starfire_did::did_url::Parameters;
use starfire_did::document::Relationship;
use starfire_did::resolution::{At, Problem, ProblemKind};

/// Every option that is known here; others are refused, as the standard asks.
pub(super) const KNOWN: [&str; 8] = [
    "accept",
    "aggregate",
    "expandRelativeUrls",
    "noCache",
    "proof",
    "verificationRelationship",
    "versionId",
    "versionTime",
];

/// Containers inside one another: options are flat.
const DEPTH_MAX: usize = 4;

/// What a caller may ask for beside the DID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Options {
    /// In place of the header.
    pub(super) accept: Option<String>,
    /// The same account on the sub-chains that its document names (RFC-005 §6.2).
    pub(super) aggregate: bool,
    /// Ids in documents are always absolute here, so there is nothing to expand.
    pub(super) expand_relative_urls: bool,
    /// Nothing remembered may answer.
    pub(super) no_cache: bool,
    /// A state proof comes along. Ours; on by default.
    pub(super) proof: bool,
    /// What the key must be for.
    pub(super) verification_relationship: Option<Relationship>,
    /// Which version.
    pub(super) version_id: Option<String>,
    /// As of when.
    pub(super) version_time: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            accept: None,
            aggregate: false,
            expand_relative_urls: false,
            no_cache: false,
            proof: true,
            verification_relationship: None,
            version_id: None,
            version_time: None,
        }
    }
}

impl Options {
    /// Takes in one option; each may be given once.
    pub(super) fn take(
        &mut self,
        seen: &mut Vec<String>,
        name: &str,
        value: &str,
    ) -> Result<(), Problem> {
        if !KNOWN.contains(&name) {
            let detail = format!(
                "the option {name:?} is not known here; known are {}",
                KNOWN.join(", ")
            );
            return Err(Problem::new(ProblemKind::FeatureNotSupported, detail));
        }
        if seen.iter().any(|known| known == name) {
            return Err(invalid(format!("the option {name} is given twice")));
        }
        seen.push(name.to_owned());
        let flag = || match value {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(invalid(format!("{name} is true or false"))),
        };
        match name {
            "aggregate" => self.aggregate = flag()?,
            "expandRelativeUrls" => self.expand_relative_urls = flag()?,
            "noCache" => self.no_cache = flag()?,
            "proof" => self.proof = flag()?,
            "versionId" => self.version_id = Some(value.to_owned()),
            "versionTime" => self.version_time = Some(value.to_owned()),
            "verificationRelationship" => {
                self.verification_relationship = Some(relationship(value)?);
            }
            _ => self.accept = Some(value.to_owned()),
        }
        Ok(())
    }

    /// Takes in a JSON object of options. Values are strings or, for switches, booleans.
    pub(super) fn take_json(&mut self, seen: &mut Vec<String>, text: &[u8]) -> Result<(), Problem> {
        let Ok(Value::Object(object)) = json::parse(text, text.len(), DEPTH_MAX) else {
            return Err(invalid(
                "options are one JSON object, whose members have different names",
            ));
        };
        for (name, value) in object {
            let value = match value {
                Value::String(text) => text,
                Value::Bool(flag) => flag.to_string(),
                Value::Number(number) if name == "versionId" => number.to_string(),
                Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_)
                    if KNOWN.contains(&name.as_str()) =>
                {
                    return Err(invalid(format!(
                        "{name} is a string or, as a switch, a boolean"
                    )));
                }
                // An option that is not known is refused as that, whatever its value.
                Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                    String::new()
                }
            };
            self.take(seen, &name, &value)?;
        }
        Ok(())
    }

    /// As of when, by these options and the parameters of the DID URL.
    pub(super) fn at(&self, parameters: &Parameters) -> Result<At, Problem> {
        let id = parameters.version_id.as_deref();
        let time = parameters
            .version_time
            .as_ref()
            .map(|time| time.text.as_str());
        let by_url =
            At::parse(id, time).map_err(|error| Problem::new(ProblemKind::InvalidDidUrl, error))?;
        let by_option =
            At::parse(self.version_id.as_deref(), self.version_time.as_deref()).map_err(invalid)?;
        match (by_url, by_option) {
            (at, At::Newest) | (At::Newest, at) => Ok(at),
            (by_url, by_option) if by_url == by_option => Ok(by_url),
            (_, _) => Err(invalid(
                "the DID URL and the options ask for different versions",
            )),
        }
    }
}

fn relationship(name: &str) -> Result<Relationship, Problem> {
    let mut known = Relationship::ALL.into_iter();
    known
        .find(|known| known.name() == name)
        .ok_or_else(|| invalid(format!("{name:?} is no verification relationship")))
}

fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(ProblemKind::InvalidOptions, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Result<Options, ProblemKind> {
        let mut options = Options::default();
        options
            .take_json(&mut Vec::new(), text.as_bytes())
            .map(|()| options)
            .map_err(|problem| problem.kind)
    }

    #[test]
    fn options_are_read_from_json() {
        let options = json(r#"{"versionId":"3","noCache":true,"proof":"false"}"#).unwrap();
        assert_eq!(options.version_id.as_deref(), Some("3"));
        assert!(options.no_cache && !options.proof);
        assert_eq!(
            json(r#"{"versionId":3}"#).unwrap().version_id.as_deref(),
            Some("3")
        );
        assert_eq!(json("{}").unwrap(), Options::default());
    }

    #[test]
    fn what_is_unknown_and_what_is_wrong_are_told_apart() {
        assert_eq!(
            json(r#"{"hl":"abc"}"#),
            Err(ProblemKind::FeatureNotSupported)
        );
        assert_eq!(json(r#"{"hl":{}}"#), Err(ProblemKind::FeatureNotSupported));
        assert_eq!(
            json(r#"{"noCache":"maybe"}"#),
            Err(ProblemKind::InvalidOptions)
        );
        assert_eq!(json(r#"{"noCache":1}"#), Err(ProblemKind::InvalidOptions));
        assert_eq!(
            json(r#"{"accept":["application/did"]}"#),
            Err(ProblemKind::InvalidOptions)
        );
        assert_eq!(
            json(r#"{"versionId":1,"versionId":2}"#),
            Err(ProblemKind::InvalidOptions)
        );
        assert_eq!(
            json(r#"{"verificationRelationship":"friendship"}"#),
            Err(ProblemKind::InvalidOptions)
        );
        assert_eq!(json("[]"), Err(ProblemKind::InvalidOptions));
        assert_eq!(json("{"), Err(ProblemKind::InvalidOptions));
    }

    #[test]
    fn one_version_is_asked_for() {
        let at = |options: &str, url: &str| {
            let url = Parameters::parse(url).unwrap();
            json(options)
                .unwrap()
                .at(&url)
                .map_err(|problem| problem.kind)
        };
        assert_eq!(at("{}", ""), Ok(At::Newest));
        assert_eq!(at(r#"{"versionId":"2"}"#, ""), Ok(At::Version(2)));
        assert_eq!(at("{}", "versionId=2"), Ok(At::Version(2)));
        assert_eq!(
            at(r#"{"versionId":"2"}"#, "versionId=2"),
            Ok(At::Version(2))
        );
        assert_eq!(
            at(r#"{"versionId":"2"}"#, "versionId=3"),
            Err(ProblemKind::InvalidOptions)
        );
        assert_eq!(
            at(
                r#"{"versionId":"2","versionTime":"2026-01-01T00:00:00Z"}"#,
                ""
            ),
            Err(ProblemKind::InvalidOptions)
        );
        assert_eq!(at("{}", "versionId=x"), Err(ProblemKind::InvalidDidUrl));
        assert_eq!(
            at(r#"{"versionTime":"now"}"#, ""),
            Err(ProblemKind::InvalidOptions)
        );
    }
}
