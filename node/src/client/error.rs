//! Why a request failed: the node's own code, or what went wrong on the way.

use starfire_proto::v1;
use tonic::{Code, Status};

use super::hint;

/// The metadata entry in which a node says which rule refused a request.
const CODE_ENTRY: &str = "starfire-code";

/// A request was refused, or never answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ClientError {
    /// The rule that refused it, upper-case.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What to do next; may be empty.
    pub hint: String,
}

impl ClientError {
    /// An error with its hint.
    pub fn new(code: &str, message: impl Into<String>, hint: &str) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            hint: hint.to_owned(),
        }
    }

    /// What a node's refusal means.
    pub(super) fn of(status: &Status, url: &str) -> Self {
        if let Some(code) = status
            .metadata()
            .get(CODE_ENTRY)
            .and_then(|code| code.to_str().ok())
        {
            // The gateway repeats the code at the start of the message.
            let message = status
                .message()
                .strip_prefix(code)
                .map_or(status.message(), |rest| rest.trim_start_matches(": "));
            return Self::new(code, message, hint::of(code));
        }
        if status.code() == Code::Unknown && status.message().contains("transport") {
            return Self::new(
                "CONNECTION_LOST",
                format!("{url} went away while it was asked"),
                "what was sent may have been taken: look it up (`starfire tx show HASH`) before sending again",
            );
        }
        match status.code() {
            Code::Unavailable => Self::new(
                "NODE_UNREACHABLE",
                format!("{url} does not answer: {}", status.message()),
                "check that the node runs (`starfire devnet status`) and that --node names its gRPC address",
            ),
            Code::DeadlineExceeded | Code::Cancelled => Self::new(
                "TIMEOUT",
                format!("{url} did not answer in time"),
                "try again, or ask another node",
            ),
            Code::Unimplemented => Self::new(
                "UNIMPLEMENTED",
                status.message(),
                "the node may run another version",
            ),
            Code::ResourceExhausted => Self::new("BUSY", status.message(), "try again in a moment"),
            Code::Ok
            | Code::Unknown
            | Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::OutOfRange
            | Code::Internal
            | Code::DataLoss
            | Code::Unauthenticated => Self::new(
                &format!("{:?}", status.code()).to_uppercase(),
                status.message(),
                "",
            ),
        }
    }

    pub(super) fn of_receipt(receipt: &v1::Receipt) -> Self {
        let code = &receipt.reason;
        Self::new(code, receipt.detail.clone(), hint::of(code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_keeps_the_nodes_code() {
        let mut status =
            Status::failed_precondition("DID_NOT_DERIVED: the key derives another DID");
        status
            .metadata_mut()
            .insert(CODE_ENTRY, "DID_NOT_DERIVED".parse().unwrap());
        let error = ClientError::of(&status, "http://127.0.0.1:1");
        assert_eq!(error.code, "DID_NOT_DERIVED");
        assert_eq!(error.message, "the key derives another DID");
        assert!(error.hint.contains("did consent"), "{}", error.hint);
    }

    #[test]
    fn a_silent_node_is_unreachable_and_says_what_to_do() {
        let error = ClientError::of(&Status::unavailable("refused"), "http://127.0.0.1:1");
        assert_eq!(error.code, "NODE_UNREACHABLE");
        assert!(error.hint.contains("--node"));
    }
}
