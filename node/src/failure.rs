//! Why a command, or something it did for its user, failed: a code for programs, what happened, and what to do next.

use std::fmt;
use std::path::Path;

use crate::client::ClientError;
use crate::config::ConfigError;
use crate::keystore::KeystoreError;

/// A command's failure. Printed as `error: CODE: what; hint: next step`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Upper-case and stable.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What to do next; may be empty.
    pub hint: String,
}

impl Failure {
    /// The code of arguments that make no sense, which have an exit code of their own.
    pub const USAGE: &str = "USAGE";

    /// A failure with its hint.
    pub fn new(code: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// The answer that was printed already tells why; only the exit code is left.
    pub fn told() -> Self {
        Self::new("", "", "")
    }

    /// Whether nothing is left to say.
    pub fn is_told(&self) -> bool {
        self.code.is_empty()
    }

    /// Arguments that make no sense together.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Self::USAGE, message, hint)
    }

    /// A file that cannot be read or written.
    pub fn file(verb: &str, path: &Path, error: &std::io::Error) -> Self {
        let hint = if error.kind() == std::io::ErrorKind::NotFound {
            "check the path"
        } else if error.kind() == std::io::ErrorKind::PermissionDenied {
            "check who owns the file and the directory"
        } else if error.kind() == std::io::ErrorKind::AlreadyExists {
            "it is never written over: choose another path, or move it away"
        } else {
            ""
        };
        Self::new("FILE", format!("{verb} {}: {error}", path.display()), hint)
    }

    /// A file whose content is not what was expected.
    pub fn content(path: &Path, message: impl fmt::Display) -> Self {
        Self::new(
            "CONTENT",
            format!("{}: {message}", path.display()),
            "check that this is the file you meant",
        )
    }

    /// Wraps an error and its causes.
    pub fn caused(code: &str, error: &dyn std::error::Error, hint: &str) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message = format!("{message}: {error}");
            cause = error.source();
        }
        Self::new(code, message, hint)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            code,
            message,
            hint,
        } = self;
        if hint.is_empty() {
            write!(f, "error: {code}: {message}")
        } else {
            write!(f, "error: {code}: {message}; hint: {hint}")
        }
    }
}

impl std::error::Error for Failure {}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self {
            code: error.code,
            message: error.message,
            hint: error.hint,
        }
    }
}

impl From<KeystoreError> for Failure {
    fn from(error: KeystoreError) -> Self {
        Self::from(&error)
    }
}

impl From<&KeystoreError> for Failure {
    fn from(error: &KeystoreError) -> Self {
        let (code, hint) = match error {
            KeystoreError::Read { .. } => ("KEY_FILE", "check the path"),
            KeystoreError::Write { .. } => (
                "KEY_FILE",
                "it is never written over: choose another path, or move it away",
            ),
            KeystoreError::OpenToOthers { .. } => (
                "KEY_FILE_OPEN",
                "close it to others by `chmod 600`, and replace the key if somebody read it",
            ),
            KeystoreError::Malformed { .. } => {
                ("KEY_FILE", "check that this is the file you meant")
            }
            KeystoreError::Sealed { .. } => (
                "WRONG_PASSPHRASE",
                "name the right one by --passphrase-file",
            ),
            KeystoreError::EmptyPassphrase { .. } => {
                ("PASSPHRASE", "write the passphrase on its first line")
            }
            KeystoreError::NotEd25519 => ("KEY_ALGORITHM", "make one by `starfire key new`"),
            KeystoreError::Randomness(_) => ("RANDOMNESS", ""),
        };
        Self::caused(code, error, hint)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let hint = match &error {
            ConfigError::Read { .. } => "make a home by `starfire init --home DIR`",
            ConfigError::Parse { .. } | ConfigError::Field { .. } => {
                "`starfire init` in an empty directory writes a file with every field explained"
            }
        };
        Self::caused("CONFIG", &error, hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_reads_code_what_and_next_step() {
        let failure = Failure::new("NOT_FOUND", "no such DID", "check the identifier");
        assert_eq!(
            failure.to_string(),
            "error: NOT_FOUND: no such DID; hint: check the identifier"
        );
        assert_eq!(Failure::new("X", "y", "").to_string(), "error: X: y");
    }

    #[test]
    fn a_key_file_open_to_others_has_its_own_code() {
        let error = KeystoreError::OpenToOthers {
            path: "k.json".into(),
            mode: 0o644,
        };
        let failure = Failure::from(error);
        assert_eq!(failure.code, "KEY_FILE_OPEN");
        assert!(failure.hint.contains("chmod 600"));
    }
}
