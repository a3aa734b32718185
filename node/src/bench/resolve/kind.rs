//! The questions that are measured, and the empty handlers beside them.

use serde::{Deserialize, Serialize};

/// A kind of question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// An axum handler that answers nothing.
    HttpEmpty,
    /// The document alone: `Accept: application/did`.
    HttpDocument,
    /// The document and its metadata, without proof.
    HttpResult,
    /// The same with the proof, as it comes unless somebody asks otherwise.
    HttpProof,
    /// A tonic handler that answers an empty message.
    GrpcEmpty,
    /// `Dids.Resolve`, without proof.
    GrpcRecord,
    /// `Dids.Resolve`, with the proof.
    GrpcProof,
}

impl Kind {
    /// In the order in which they are measured.
    pub(crate) const ALL: [Self; 7] = [
        Self::HttpEmpty,
        Self::HttpDocument,
        Self::HttpResult,
        Self::HttpProof,
        Self::GrpcEmpty,
        Self::GrpcRecord,
        Self::GrpcProof,
    ];

    /// The empty handler that it is compared with; for that one, itself.
    pub(crate) fn empty(self) -> Self {
        match self {
            Self::HttpEmpty | Self::HttpDocument | Self::HttpResult | Self::HttpProof => {
                Self::HttpEmpty
            }
            Self::GrpcEmpty | Self::GrpcRecord | Self::GrpcProof => Self::GrpcEmpty,
        }
    }

    /// Whether nothing is resolved.
    pub(crate) fn is_empty(self) -> bool {
        self == self.empty()
    }

    /// Whether the answer carries a proof.
    pub(crate) fn has_proof(self) -> bool {
        match self {
            Self::HttpProof | Self::GrpcProof => true,
            Self::HttpEmpty
            | Self::HttpDocument
            | Self::HttpResult
            | Self::GrpcEmpty
            | Self::GrpcRecord => false,
        }
    }

    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::HttpEmpty => "HTTP, empty handler",
            Self::HttpDocument => "HTTP, document alone",
            Self::HttpResult => "HTTP, with metadata",
            Self::HttpProof => "HTTP, with metadata and proof",
            Self::GrpcEmpty => "gRPC, empty handler",
            Self::GrpcRecord => "gRPC, without proof",
            Self::GrpcProof => "gRPC, with proof",
        }
    }
}
