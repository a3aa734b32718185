//! Texts that say in which direction they are read, which RDF 1.1 has no place for.

use serde_json::{Value, json};

use crate::dataset::JSON_TERMS;

/// What the types of texts with a direction begin with.
const I18N: &str = "https://www.w3.org/ns/i18n#";

/// The document with each text of a direction as a literal of the type that says language and direction; `None`: it has none.
// JSON-LD API 1.1 §8.2.2, rdfDirection "i18n-datatype", as other implementations of these suites have it. RDF 1.1 has no direction.
pub(crate) fn in_types(value: &Value) -> Option<Value> {
    match value {
        Value::Object(members) if members.contains_key("@direction") => {
            let text = |name: &str| members.get(name).and_then(Value::as_str);
            let language = text("@language").unwrap_or_default().to_lowercase();
            let direction = text("@direction").unwrap_or_default();
            Some(json!({
                "@value": members.get("@value"),
                "@type": format!("{I18N}{language}_{direction}"),
            }))
        }
        Value::Object(members) => {
            let mut changed = None;
            for (key, value) in members {
                if key == "@context" || JSON_TERMS.contains(&key.as_str()) {
                    continue;
                }
                if let Some(value) = in_types(value) {
                    changed
                        .get_or_insert_with(|| members.clone())
                        .insert(key.clone(), value);
                }
            }
            changed.map(Value::Object)
        }
        Value::Array(items) => {
            let all: Vec<_> = items.iter().map(in_types).collect();
            all.iter().any(Option::is_some).then(|| {
                let item = |(new, old): (Option<Value>, &Value)| new.unwrap_or_else(|| old.clone());
                Value::Array(all.into_iter().zip(items).map(item).collect())
            })
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::quads;
    use crate::{RdfcError, Work};

    fn objects(name: Value) -> Result<Vec<String>, RdfcError> {
        let document = json!({
            "@context": "https://www.w3.org/ns/credentials/v2",
            "id": "urn:a",
            "name": name,
        });
        let quads = quads(&document, &mut Work::new())?;
        Ok(quads.iter().map(|quad| quad.object.to_string()).collect())
    }

    // As jsonld.js 9.0.0 has them with rdfDirection "i18n-datatype".
    #[test]
    fn a_direction_is_kept_in_the_type_of_the_text() {
        for (name, expected) in [
            (
                json!({"@value": "HTML و CSS", "@language": "ar-EG", "@direction": "rtl"}),
                "\"HTML و CSS\"^^<https://www.w3.org/ns/i18n#ar-eg_rtl>",
            ),
            (
                json!([{"@value": "a", "@direction": "ltr"}]),
                "\"a\"^^<https://www.w3.org/ns/i18n#_ltr>",
            ),
        ] {
            assert_eq!(objects(name).unwrap(), [expected]);
        }
    }

    #[test]
    fn a_direction_cannot_be_exchanged_or_left_out() {
        let ltr = objects(json!({"@value": "a", "@language": "en", "@direction": "ltr"})).unwrap();
        for other in [
            json!({"@value": "a", "@language": "en", "@direction": "rtl"}),
            json!({"@value": "a", "@language": "en"}),
            json!({"@value": "a", "@direction": "ltr"}),
        ] {
            assert_ne!(objects(other).unwrap(), ltr);
        }
    }

    #[test]
    fn a_language_that_is_no_tag_is_refused_with_a_direction_too() {
        let name = json!({"@value": "a", "@language": "not a tag", "@direction": "ltr"});
        assert!(objects(name).is_err());
    }
}
