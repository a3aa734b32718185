//! Members of the subject that a holder may leave out: each is signed as the hash of its value and a salt.

use serde_json::{Map, Value};
use sha2::Digest as _;

use super::issue::SALT_BYTES;
use super::{Algorithm, JoseError, subject};

/// Whether members may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseType {
    /// `direct`: all is signed as it stands.
    Direct,
    /// `sel-disclose-SM2` with SM3, `sel-disclose-ED25519` with SHA-256.
    Selective,
}

/// The one member of a subject that is never hidden.
const ID: &str = "id";
/// The digits of a salt of BIF's SDKs.
const SALT_DIGITS: usize = 16;

impl ParseType {
    /// Which one the claims name. A credential that names none is signed as it stands.
    pub(super) fn of(claims: &Map<String, Value>, algorithm: Algorithm) -> Result<Self, JoseError> {
        let name = match claims.get("parseType") {
            None | Some(Value::Null) => "",
            Some(value) => value.as_str().ok_or(JoseError::Claim {
                name: "parseType",
                why: "is no text",
            })?,
        };
        [Self::Direct, Self::Selective]
            .into_iter()
            .find(|one| one.name(algorithm) == Some(name))
            .or((name.is_empty()).then_some(Self::Direct))
            .ok_or_else(|| JoseError::ParseType(name.to_owned()))
    }

    /// As a credential says it, signed by this algorithm.
    pub fn name(self, algorithm: Algorithm) -> Option<&'static str> {
        match (self, algorithm) {
            (Self::Direct, Algorithm::Sm2 | Algorithm::EdDsa) => Some("direct"),
            (Self::Selective, Algorithm::Sm2) => Some("sel-disclose-SM2"),
            (Self::Selective, Algorithm::EdDsa) => Some("sel-disclose-ED25519"),
            (Self::Direct | Self::Selective, Algorithm::Es256) => None,
        }
    }
}

/// Checks that each member is a disclosure, and that what is disclosed has its hash.
///
/// RFC-008 hashes value and salt without a boundary between them: were any salt taken, a holder could move the end of a value into it.
pub(super) fn check(claims: &Map<String, Value>, algorithm: Algorithm) -> Result<(), JoseError> {
    for (name, value) in hidden(subject(claims)?) {
        let wrong = || JoseError::Disclosure(name.clone());
        let members = value.as_object().ok_or_else(wrong)?;
        let only = |name: &String| ["hash", "salt", "value"].contains(&name.as_str());
        let text = |name: &str| match members.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(wrong()),
        };
        let hash = text("hash")?
            .filter(|_| members.keys().all(only))
            .ok_or_else(wrong)?;
        let disclosed = match (text("value")?, text("salt")?) {
            (Some(_), Some(salt)) if !is_salt(salt) => {
                return Err(JoseError::DisclosureSalt(name.clone()));
            }
            (Some(value), Some(salt)) => Some(self::hash(algorithm, value, salt)),
            (Some(_), None) => return Err(wrong()),
            (None, _) => None,
        };
        if disclosed.is_some_and(|computed| computed != hash) {
            return Err(JoseError::DisclosureHash(name.clone()));
        }
    }
    Ok(())
}

/// Whether a text has the form of a salt: 16 decimal digits, as BIF's SDKs make them, or 32 of lower-case hexadecimal whose second half
/// begins with a letter, as ours are. No text of the one form ends with one of the other, so nobody moves the end of a value into its
/// salt, or back.
fn is_salt(text: &str) -> bool {
    let all = |length: usize, is: fn(u8) -> bool| text.len() == length && text.bytes().all(is);
    let hex = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    all(SALT_DIGITS, |byte| byte.is_ascii_digit())
        || (all(2 * SALT_BYTES, hex) && text.as_bytes()[SALT_BYTES].is_ascii_lowercase())
}

/// The claims with hashes only: what is signed.
pub(super) fn stripped(claims: &Map<String, Value>) -> Result<Map<String, Value>, JoseError> {
    disclosing(claims, ParseType::Selective, &[])
}

/// The claims with only these members disclosed.
pub(super) fn disclosing(
    claims: &Map<String, Value>,
    parse_type: ParseType,
    disclose: &[&str],
) -> Result<Map<String, Value>, JoseError> {
    let all = subject(claims)?;
    let unknown =
        |name: &&&str| parse_type == ParseType::Direct || **name == ID || !all.contains_key(**name);
    if let Some(name) = disclose.iter().find(unknown) {
        return Err(JoseError::Disclosure((*name).to_owned()));
    }
    let mut shown = all.clone();
    for (name, value) in &mut shown {
        if parse_type == ParseType::Selective
            && name != ID
            && !disclose.contains(&name.as_str())
            && let Some(members) = value.as_object_mut()
        {
            members.retain(|name, _| name == "hash");
        }
    }
    let mut claims = claims.clone();
    claims.insert("credentialSubject".to_owned(), Value::Object(shown));
    Ok(claims)
}

/// The members that may be hidden.
pub(super) fn hidden(subject: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    subject.iter().filter(|(name, _)| *name != ID)
}

/// The hash of a value, lower-case hexadecimal.
pub(super) fn hash(algorithm: Algorithm, value: &str, salt: &str) -> String {
    match algorithm {
        Algorithm::Sm2 => {
            let mut hasher = <sm3::Sm3 as sm3::Digest>::new();
            sm3::Digest::update(&mut hasher, value);
            sm3::Digest::update(&mut hasher, salt);
            hex::encode(sm3::Digest::finalize(hasher))
        }
        Algorithm::EdDsa | Algorithm::Es256 => hex::encode(
            sha2::Sha256::new()
                .chain_update(value)
                .chain_update(salt)
                .finalize(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_salt_of_one_form_ends_with_one_of_the_other() {
        let (theirs, ours) = ("2026010100000001", "000102030405060788090a0b0c0d0e0f");
        let ours = ours.replace("88090a", "a8090a");
        assert!(is_salt(theirs) && is_salt(&ours));
        // An identity card's number, whose end would be taken for the beginning of a salt.
        let moved = format!("110101199003077777{theirs}");
        for cut in 1..moved.len() {
            assert_eq!(is_salt(&moved[cut..]), &moved[cut..] == theirs, "{cut}");
            assert!(!is_salt(&ours[cut.min(ours.len())..]), "{cut}");
        }
    }
}
