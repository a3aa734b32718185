//! Selective disclosure for JWTs (RFC 9901): the issuer signs hashes, and the holder shows the values that he chooses.
//!
//! A token is followed by disclosures, each a salt, a name and a value whose hash stands in the token or in another disclosure. Reading
//! puts each disclosed value in its place; a hash without a disclosure says nothing. Every disclosure must have a place, and every
//! hash stands once. A last part may prove that the holder's own key is behind the presentation ([`key_binding`]).
//!
//! [`vc`] is the profile for credentials, SD-JWT VC.

use serde_json::{Map, Value};

pub mod disclosure;
mod error;
pub mod issue;
pub mod key_binding;
mod process;
pub mod vc;

pub use disclosure::Disclosure;
pub use error::SdJwtError;
pub use issue::{Conceal, SALT_BYTES};
pub use key_binding::KeyBindingJwt;

use crate::jose::{self, Jws, TOKEN_BYTES_MAX};
use crate::verification_key::VerificationKey;

/// The most disclosures.
pub const DISCLOSURES_MAX: usize = 1024;
/// The one hash function, which RFC 9901 §4.1.1 makes the default. Of other registered ones nothing is concluded.
pub const HASH_NAME: &str = "sha-256";
/// Claims that decide whether and for whom a token is valid, and so are never hidden: RFC 9901 §9.7 and SD-JWT VC §3.2.2.2.
pub const PLAIN_CLAIMS: [&str; 8] = [
    "iss",
    "aud",
    "exp",
    "nbf",
    "cnf",
    "status",
    "vct",
    "vct#integrity",
];

/// An SD-JWT, perhaps with a proof of the holder's key. Nothing in it is believed yet, but each disclosure has its place.
#[derive(Debug, Clone, PartialEq)]
pub struct SdJwt {
    jws: Jws,
    disclosures: Vec<Placed>,
    claims: Map<String, Value>,
    // All but the proof of the holder's key, with the last tilde: what that proof is over.
    text: String,
    key_binding: Option<KeyBindingJwt>,
}

/// A disclosure and where it belongs.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// The JSON Pointer (RFC 6901) of its value in [`SdJwt::claims`].
    pub pointer: String,
    /// The disclosure.
    pub disclosure: Disclosure,
}

/// Reads an SD-JWT or an SD-JWT+KB in compact form.
// RFC 9901 §4: <Issuer-signed JWT>~<Disclosure 1>~...~<Disclosure N>~[<KB-JWT>]
pub fn decode(text: &str) -> Result<SdJwt, SdJwtError> {
    let (token, proof) = without_key_binding(text)?;
    Ok(SdJwt {
        key_binding: proof.transpose()?,
        ..token
    })
}

/// The proof of the holder's key that came along, or what keeps it from being read.
type Proof = Option<Result<KeyBindingJwt, SdJwtError>>;

/// Reads an SD-JWT, and apart from it the proof of the holder's key: who does not ask for one need not be able to read it.
fn without_key_binding(text: &str) -> Result<(SdJwt, Proof), SdJwtError> {
    if text.len() > TOKEN_BYTES_MAX {
        return Err(SdJwtError::TooLarge(text.len()));
    }
    let (parts, last) = text.rsplit_once('~').ok_or(SdJwtError::Parts)?;
    let mut parts = parts.split('~');
    let jws = jose::decode(parts.next().ok_or(SdJwtError::Parts)?)?;
    let disclosures: Vec<Disclosure> = parts
        .take(DISCLOSURES_MAX + 1)
        .map(Disclosure::parse)
        .collect::<Result<_, _>>()?;
    if disclosures.len() > DISCLOSURES_MAX {
        return Err(SdJwtError::TooManyDisclosures);
    }
    let (claims, pointers) = process::process(jws.claims(), &disclosures)?;
    let text = &text[..text.len() - last.len()];
    let proof = match last {
        "" => None,
        last => Some(KeyBindingJwt::parse(last, text)),
    };
    let token = SdJwt {
        jws,
        disclosures: pointers
            .into_iter()
            .zip(disclosures)
            .map(|(pointer, disclosure)| Placed {
                pointer,
                disclosure,
            })
            .collect(),
        claims,
        text: text.to_owned(),
        key_binding: None,
    };
    Ok((token, proof))
}

impl SdJwt {
    /// The issuer's token.
    pub fn jws(&self) -> &Jws {
        &self.jws
    }

    /// What it claims, with what is disclosed in its place and without hashes.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// What it discloses, in the order of its text.
    pub fn disclosures(&self) -> &[Placed] {
        &self.disclosures
    }

    /// The proof of the holder's key.
    pub fn key_binding(&self) -> Option<&KeyBindingJwt> {
        self.key_binding.as_ref()
    }

    /// Whether this key, the issuer's, signed it.
    pub fn holds(&self, key: &VerificationKey) -> bool {
        self.jws.holds(key)
    }

    /// The same token with only these disclosures, named by their pointers, and those that they stand in.
    ///
    /// A token with a proof of the holder's key is somebody's presentation already and is refused (RFC 9901 §7.2).
    pub fn present(&self, pointers: &[&str]) -> Result<String, SdJwtError> {
        if self.key_binding.is_some() {
            return Err(SdJwtError::AlreadyPresented);
        }
        if let Some(pointer) = pointers
            .iter()
            .find(|pointer| self.placed(pointer).is_none())
        {
            return Err(SdJwtError::NotDisclosable((*pointer).to_owned()));
        }
        let shown = |placed: &&Placed| {
            pointers
                .iter()
                .any(|pointer| leads_to(&placed.pointer, pointer))
        };
        let (token, _) = self.text.split_once('~').ok_or(SdJwtError::Parts)?;
        let mut text = format!("{token}~");
        for placed in self.disclosures.iter().filter(shown) {
            text.push_str(placed.disclosure.text());
            text.push('~');
        }
        Ok(text)
    }

    fn placed(&self, pointer: &str) -> Option<&Placed> {
        self.disclosures
            .iter()
            .find(|placed| placed.pointer == pointer)
    }
}

/// Whether the value at `inner` is the one at `outer`, or within it.
fn leads_to(outer: &str, inner: &str) -> bool {
    inner
        .strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A pointer to a member or element of what another points to: RFC 6901 §3.
fn pointer(parent: &str, token: &str) -> String {
    format!("{parent}/{}", token.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests;
