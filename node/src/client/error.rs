//! Why a request failed: the node's own code, or what went wrong on the way.

use std::error::Error;
use std::io;

use starfire_proto::v1;
use tokio_rustls::rustls;
use tonic::{Code, Status};

use super::hint;

/// The metadata entry in which a node says which rule refused a request.
const CODE_ENTRY: &str = "starfire-code";

/// A node that says one of these has not said whether it took what was sent.
const UNDECIDED: [&str; 2] = ["GATEWAY_STOPPING", "GATEWAY_INTERNAL"];

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
    /// The hash of a transaction that was sent and not refused: it may still be committed.
    pub pending: Option<[u8; 32]>,
}

impl ClientError {
    /// An error with its hint.
    pub fn new(code: &str, message: impl Into<String>, hint: &str) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            hint: hint.to_owned(),
            pending: None,
        }
    }

    /// The same of a transaction that was sent: nobody refused it, and nobody has said that it is committed.
    #[must_use]
    pub fn of_pending(self, hash: [u8; 32]) -> Self {
        let name = hex::encode(hash);
        let message = if self.message.contains(&name) {
            self.message
        } else {
            format!("{}; transaction {name} may have been taken", self.message)
        };
        Self {
            message,
            hint: format!(
                "`starfire tx wait {name}` tells whether it is committed; send nothing again before"
            ),
            pending: Some(hash),
            ..self
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
                "ask again, or another node",
            );
        }
        if let Some(reason) = refused_certificate(status) {
            return Self::new(
                "NODE_NOT_TRUSTED",
                format!("{url} answers, and its certificate is not trusted here: {reason}"),
                "name the file of the authority that issued it in SSL_CERT_FILE, or ask whoever runs the gateway",
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

    /// Whether a node says by this answer to a submission that it does not take it. One that stops, or fails, may have taken it before.
    pub(super) fn refuses(status: &Status) -> bool {
        let code = status.metadata().get(CODE_ENTRY);
        code.and_then(|code| code.to_str().ok())
            .is_some_and(|code| !UNDECIDED.contains(&code))
    }

    pub(super) fn of_receipt(receipt: &v1::Receipt) -> Self {
        let code = &receipt.reason;
        Self::new(code, receipt.detail.clone(), hint::of(code))
    }
}

/// Why the certificate of a gateway was refused, if that is why there is no answer.
fn refused_certificate(status: &Status) -> Option<&rustls::Error> {
    let mut next = status.source();
    while let Some(error) = next {
        // An I/O error names the cause of its cause as its source, and not its cause.
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        let found = error
            .downcast_ref::<rustls::Error>()
            .or_else(|| inner?.downcast_ref::<rustls::Error>());
        if let Some(refused @ rustls::Error::InvalidCertificate(_)) = found {
            return Some(refused);
        }
        next = error.source();
    }
    None
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
    fn what_may_have_been_taken_is_named_once_by_its_hash() {
        let lost = ClientError::new("CONNECTION_LOST", "gone", "").of_pending([0xab; 32]);
        let name = "ab".repeat(32);
        assert_eq!(lost.pending, Some([0xab; 32]));
        assert!(lost.message.contains(&name) && lost.hint.contains(&name));
        let again = lost.clone().of_pending([0xab; 32]);
        assert_eq!(again, lost);
    }

    #[test]
    fn only_a_nodes_own_word_is_a_refusal() {
        let coded = |code: &'static str| {
            let mut status = Status::unavailable("");
            status
                .metadata_mut()
                .insert(CODE_ENTRY, code.parse().unwrap());
            status
        };
        assert!(ClientError::refuses(&coded("EVIDENCE_EXISTS")));
        assert!(!ClientError::refuses(&coded("GATEWAY_STOPPING")));
        assert!(!ClientError::refuses(&Status::unknown("transport error")));
        assert!(!ClientError::refuses(&Status::deadline_exceeded("")));
    }

    #[test]
    fn a_silent_node_is_unreachable_and_says_what_to_do() {
        let error = ClientError::of(&Status::unavailable("refused"), "http://127.0.0.1:1");
        assert_eq!(error.code, "NODE_UNREACHABLE");
        assert!(error.hint.contains("--node"));
    }
}
