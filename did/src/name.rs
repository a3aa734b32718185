//! Names that somebody gives to what it registers: parts of a state path and of a URL.

/// The longest name, bytes.
pub const NAME_BYTES_MAX: usize = 64;

/// Whether this is a name: a letter or digit, then letters, digits, `-` and `_`.
pub fn is_name(text: &str) -> bool {
    text.len() <= NAME_BYTES_MAX
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_segment_of_a_path() {
        let long = "a".repeat(NAME_BYTES_MAX);
        for name in ["a", "7", "revocation-2026", "A_b", &long] {
            assert!(is_name(name), "{name}");
        }
        for text in [
            "",
            "-a",
            "_",
            "a/b",
            "a.b",
            "a b",
            "名",
            &format!("{long}a"),
        ] {
            assert!(!is_name(text), "{text}");
        }
    }
}
