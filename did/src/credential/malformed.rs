//! Why something is no credential, presentation, proof or status list.

/// A rule of form that is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Malformed {
    /// Which rule: upper-case, of [`code`](super::code).
    pub code: &'static str,
    /// Where, and what was found.
    pub detail: String,
}

impl Malformed {
    /// That this rule is broken.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }
}
