//! From nested JSON to leaves: one JSON Pointer (RFC 6901) for each value that holds no other.

use std::collections::BTreeMap;

use serde_json::Value;

use super::DocumentError;

/// The most leaves of a document.
pub const LEAVES_MAX: usize = 65_536;
/// The longest JSON Pointer, bytes.
pub const POINTER_BYTES_MAX: usize = 1024;
/// The most bytes in all pointers together: long names above many leaves repeat in each.
pub const POINTERS_BYTES_MAX: usize = 8 << 20;

/// The leaves of `content`, in byte order of their pointers. Empty containers and null are leaves.
pub(super) fn flatten(content: &Value) -> Result<BTreeMap<String, &Value>, DocumentError> {
    let mut leaves = Leaves {
        found: BTreeMap::new(),
        pointer_bytes: 0,
    };
    leaves.walk(String::new(), content)?;
    Ok(leaves.found)
}

struct Leaves<'a> {
    found: BTreeMap<String, &'a Value>,
    pointer_bytes: usize,
}

impl<'a> Leaves<'a> {
    /// Recursive: the parser has bounded the depth.
    fn walk(&mut self, pointer: String, value: &'a Value) -> Result<(), DocumentError> {
        if pointer.len() > POINTER_BYTES_MAX {
            return Err(DocumentError::PointersTooLong);
        }
        match value {
            Value::Object(members) if !members.is_empty() => {
                for (name, member) in members {
                    let name = name.replace('~', "~0").replace('/', "~1");
                    self.walk(format!("{pointer}/{name}"), member)?;
                }
                Ok(())
            }
            Value::Array(elements) if !elements.is_empty() => {
                for (index, element) in elements.iter().enumerate() {
                    self.walk(format!("{pointer}/{index}"), element)?;
                }
                Ok(())
            }
            Value::Object(_)
            | Value::Array(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_) => self.leaf(pointer, value),
        }
    }

    fn leaf(&mut self, pointer: String, value: &'a Value) -> Result<(), DocumentError> {
        if self.found.len() == LEAVES_MAX {
            return Err(DocumentError::TooManyLeaves);
        }
        self.pointer_bytes += pointer.len();
        if self.pointer_bytes > POINTERS_BYTES_MAX {
            return Err(DocumentError::PointersTooLong);
        }
        let twice = self.found.insert(pointer, value);
        assert!(
            twice.is_none(),
            "names in an object are unique, so pointers are"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn leaves_stand_in_byte_order_with_empty_containers_and_null() {
        let content =
            json!({"b": {"x": null, "a/b": 1, "m~n": []}, "a": [true, {}, "é"], "é": 2, "": 3});
        let found = flatten(&content).unwrap();
        let pointers: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(
            pointers,
            [
                "/", "/a/0", "/a/1", "/a/2", "/b/a~1b", "/b/m~0n", "/b/x", "/é"
            ]
        );
        assert_eq!(found["/b/m~0n"], &json!([]));
        for (pointer, value) in found {
            assert_eq!(content.pointer(&pointer), Some(value), "{pointer}");
        }
    }

    #[test]
    fn the_bounds_hold() {
        let full = Value::Array(vec![Value::Null; LEAVES_MAX]);
        assert_eq!(flatten(&full).unwrap().len(), LEAVES_MAX);
        let over = Value::Array(vec![Value::Null; LEAVES_MAX + 1]);
        assert!(matches!(flatten(&over), Err(DocumentError::TooManyLeaves)));
        let long = json!({ "n".repeat(POINTER_BYTES_MAX): 1 });
        assert!(matches!(
            flatten(&long),
            Err(DocumentError::PointersTooLong)
        ));
        let repeated = json!({ "n".repeat(1000): Value::Array(vec![Value::Null; 10_000]) });
        assert!(matches!(
            flatten(&repeated),
            Err(DocumentError::PointersTooLong)
        ));
    }
}
