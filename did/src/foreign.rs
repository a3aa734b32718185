//! DIDs of other methods. Of `did:key` and `did:jwk` nothing but the identifier is needed; of `did:web` it says where to look.
//!
//! Credentials of others name such DIDs as their issuers or holders. Documents of the first two say nothing that the identifier does
//! not; [`web`] tells where a third one's document stands, and whoever may open connections fetches it.

use serde_json::{Value, json};

use crate::VerificationKey;
use crate::resolution::{Problem, ProblemKind};

mod jwk;
mod key;
pub mod web;

/// The longest identifier that is looked at, bytes.
pub const IDENTIFIER_BYTES_MAX: usize = 4096;

/// The document that a DID of another method stands for. `did:bid` is not one of them.
pub fn document(did: &str) -> Result<Value, Problem> {
    let syntax = || {
        Problem::new(
            ProblemKind::InvalidDid,
            "a DID is \"did:\", a method, ':' and an identifier",
        )
    };
    if did.len() > IDENTIFIER_BYTES_MAX {
        let detail = format!("an identifier has at most {IDENTIFIER_BYTES_MAX} bytes");
        return Err(Problem::new(ProblemKind::InvalidDid, detail));
    }
    let (method, identifier) = did
        .strip_prefix("did:")
        .and_then(|rest| rest.split_once(':'))
        .filter(|(method, identifier)| is_method(method) && is_identifier(identifier))
        .ok_or_else(syntax)?;
    let found = match method {
        "key" => key::document(did, identifier),
        "jwk" => jwk::document(did, identifier),
        _ => {
            let detail = format!("did:{method} is not resolved here");
            return Err(Problem::new(ProblemKind::MethodNotSupported, detail));
        }
    };
    found.ok_or_else(|| {
        let detail = format!("it holds no key that did:{method} has and is known here");
        Problem::new(ProblemKind::InvalidDid, detail)
    })
}

// DID Core §3.1: method-name = 1*method-char; method-char = %x61-7A / DIGIT
fn is_method(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

// DID Core §3.1: idchar = ALPHA / DIGIT / "." / "-" / "_" / pct-encoded; the last part is not empty
fn is_identifier(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:%".contains(&byte);
    !text.is_empty() && !text.ends_with(':') && text.bytes().all(known)
}

/// The document with one key, under the relationships that it can serve.
fn with_method(
    did: &str,
    contexts: &[&str],
    method: &Value,
    key: &VerificationKey,
    agrees: bool,
) -> Value {
    let id = &method["id"];
    let mut document = json!({
        "@context": contexts,
        "id": did,
        "verificationMethod": [method],
    });
    if key.signs() {
        for use_of_it in [
            "authentication",
            "assertionMethod",
            "capabilityInvocation",
            "capabilityDelegation",
        ] {
            document[use_of_it] = json!([id]);
        }
    }
    if agrees {
        document["keyAgreement"] = json!([id]);
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_did_or_of_another_method_is_told_apart() {
        for (did, kind) in [
            ("did", ProblemKind::InvalidDid),
            ("did:", ProblemKind::InvalidDid),
            ("did:key", ProblemKind::InvalidDid),
            ("did:key:", ProblemKind::InvalidDid),
            ("did:Key:z6Mk", ProblemKind::InvalidDid),
            ("did:web:a b", ProblemKind::InvalidDid),
            ("did:example:1:", ProblemKind::InvalidDid),
            ("did:web:example.org", ProblemKind::MethodNotSupported),
            ("did:example:1", ProblemKind::MethodNotSupported),
        ] {
            assert_eq!(document(did).unwrap_err().kind, kind, "{did}");
        }
        let long = format!("did:key:z{}", "6".repeat(IDENTIFIER_BYTES_MAX));
        assert_eq!(document(&long).unwrap_err().kind, ProblemKind::InvalidDid);
    }
}
