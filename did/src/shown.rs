//! What a stranger wrote, as an error repeats it: cut, so that no answer grows with what was sent.

/// The most bytes of it that are repeated.
const SHOWN_BYTES_MAX: usize = 80;

/// The beginning of a text, and dots where more follows.
pub(crate) fn shown(text: &str) -> String {
    if text.len() <= SHOWN_BYTES_MAX {
        return text.to_owned();
    }
    let cut = text.char_indices().map(|(at, _)| at);
    let cut = cut.take_while(|at| *at <= SHOWN_BYTES_MAX).last();
    format!("{}…", &text[..cut.unwrap_or_default()])
}

/// The same, between quotation marks and with escapes.
pub(crate) fn quoted(text: &str) -> String {
    shown(&format!("{:?}", shown(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_shown_in_part() {
        assert_eq!(shown("a"), "a");
        assert_eq!(quoted("a\""), "\"a\\\"\"");
        for long in ["a", "钥", "\u{1}", "\"", "🔑"].map(|one| one.repeat(1 << 20)) {
            for cut in [shown(&long), quoted(&long)] {
                assert!(cut.len() <= SHOWN_BYTES_MAX + "…".len(), "{cut}");
                assert!(cut.len() >= SHOWN_BYTES_MAX - 3 && cut.ends_with('…'));
            }
        }
        let exact = "a".repeat(SHOWN_BYTES_MAX);
        assert_eq!(shown(&exact), exact);
    }
}
