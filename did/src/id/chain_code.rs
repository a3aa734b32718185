//! Chain codes: how a sub-chain's identifiers are told from the main chain's and from other sub-chains'.

use std::fmt;
use std::str::FromStr;

use super::DidError;

/// A sub-chain's code: four lower-case letters or digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainCode([u8; 4]);

impl ChainCode {
    /// Parses a code.
    pub fn parse(text: &str) -> Result<Self, DidError> {
        let code: [u8; 4] = text
            .as_bytes()
            .try_into()
            .map_err(|_| DidError::ChainCode)?;
        let known = code
            .iter()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if known {
            Ok(Self(code))
        } else {
            Err(DidError::ChainCode)
        }
    }

    /// The code of a chain as its parameters write it: empty on the main chain.
    pub fn parse_optional(text: &str) -> Result<Option<Self>, DidError> {
        if text.is_empty() {
            Ok(None)
        } else {
            Self::parse(text).map(Some)
        }
    }

    /// The four characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a chain code is ASCII")
    }
}

impl fmt::Display for ChainCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ChainCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChainCode({self})")
    }
}

impl FromStr for ChainCode {
    type Err = DidError;

    fn from_str(text: &str) -> Result<Self, DidError> {
        Self::parse(text)
    }
}
