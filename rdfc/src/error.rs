//! Why a document has no hash data.

/// A document that cannot be signed or verified over its RDF.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RdfcError {
    /// More of something than a document may have: [`crate::DOCUMENT_BYTES_MAX`] and what stands beside it.
    #[error("the document has more than {max} {what}")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// So many it may have.
        max: usize,
    },
    /// Nested deeper than [`crate::DOCUMENT_DEPTH_MAX`].
    #[error("the document is nested deeper than {max}", max = crate::DOCUMENT_DEPTH_MAX)]
    TooDeep,
    /// No `@context` whose first entry is one of the built-in ones that define `id` and `type`.
    #[error("the first context must be a built-in one that defines id and type")]
    ContextMissing,
    /// A context by name that is not built in. Nothing is fetched.
    #[error("context {0} is not built in")]
    ContextUnknown(String),
    /// An inline context that does more than give terms their meaning.
    #[error("the inline context entry {0} is not a term of its own with an IRI that ends with it")]
    ContextInline(String),
    /// A JSON-LD keyword that the suites have no use for, or a string that JSON-LD would take for one.
    #[error("{0} is not supported")]
    Keyword(String),
    /// A member or a type by another name than the one that its meaning has.
    #[error("{0} is not named as its context names it")]
    Name(String),
    /// A node whose members stand in two places, or elsewhere than they belong.
    #[error("{0} is described in two places, or not where it stands")]
    Node(String),
    /// A number that has no single form in RDF.
    #[error("the number {0} has no exact form in RDF")]
    Number(String),
    /// An identifier that is not an absolute IRI.
    #[error("{0} is not an absolute IRI")]
    Identifier(String),
    /// JSON-LD that breaks a rule of JSON-LD.
    #[error("not JSON-LD: {0}")]
    Syntax(String),
    /// Something in the document would not be signed: a term that no context defines, a reference that is not an IRI.
    #[error("{written} values are written, {kept} would be signed: some term is not defined")]
    Dropped {
        /// Values that the document has.
        written: usize,
        /// Statements of them that RDF keeps.
        kept: usize,
    },
    /// A member that holds JSON in some places, in one where it does not.
    #[error("jsonSchema, jwk or _sd stands where its context does not make it JSON")]
    Json,
    /// A graph made to keep the canonicalisation busy.
    #[error("the graph takes too much work to bring into canonical form")]
    Poison,
}

impl RdfcError {
    /// A stable name, for reports.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "RDFC_TOO_LARGE",
            Self::TooDeep => "RDFC_TOO_DEEP",
            Self::ContextMissing => "RDFC_CONTEXT_MISSING",
            Self::ContextUnknown(_) => "RDFC_CONTEXT_UNKNOWN",
            Self::ContextInline(_) => "RDFC_CONTEXT_INLINE",
            Self::Keyword(_) => "RDFC_KEYWORD",
            Self::Name(_) => "RDFC_NAME",
            Self::Node(_) => "RDFC_NODE",
            Self::Number(_) => "RDFC_NUMBER",
            Self::Identifier(_) => "RDFC_IDENTIFIER",
            Self::Syntax(_) => "RDFC_SYNTAX",
            Self::Dropped { .. } => "RDFC_DROPPED",
            Self::Json => "RDFC_JSON",
            Self::Poison => "RDFC_POISON",
        }
    }
}
