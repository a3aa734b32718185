//! Hiding claims behind hashes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::disclosure::RESERVED_NAMES;
use super::{DISCLOSURES_MAX, Disclosure, HASH_NAME, PLAIN_CLAIMS, SdJwtError, pointer};
use crate::jose::{self, DEPTH_MAX, Header};
use crate::signing_key::SigningKey;

/// Bytes of a salt: the 128 bits that RFC 9901 §9.3 recommends.
pub const SALT_BYTES: usize = 16;

/// What to hide, by JSON Pointers (RFC 6901) into the claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Conceal<'a> {
    /// Members of objects and elements of lists, each of which the holder may then disclose by itself. One within another is
    /// disclosed only with that other.
    pub hidden: &'a [&'a str],
    /// Objects and lists that get so many hashes of nothing, so that nobody can count what is hidden.
    pub decoys: &'a [(&'a str, usize)],
}

/// Makes an SD-JWT with all its disclosures. `salt` is called for each disclosure and each decoy; what it gives must be random.
pub fn issue(
    header: &Header,
    claims: &Map<String, Value>,
    conceal: Conceal<'_>,
    key: &SigningKey,
    salt: &mut dyn FnMut() -> [u8; SALT_BYTES],
) -> Result<String, SdJwtError> {
    let (claims, disclosures) = hide(claims, conceal, salt)?;
    let mut text = jose::sign(header, &claims, key)?;
    text.push('~');
    for disclosure in disclosures {
        text.push_str(disclosure.text());
        text.push('~');
    }
    // What is made here must be read here.
    super::decode(&text)?;
    Ok(text)
}

/// The claims to sign, and the disclosures.
pub fn hide(
    claims: &Map<String, Value>,
    conceal: Conceal<'_>,
    salt: &mut dyn FnMut() -> [u8; SALT_BYTES],
) -> Result<(Map<String, Value>, Vec<Disclosure>), SdJwtError> {
    let decoys = conceal
        .decoys
        .iter()
        .fold(0_usize, |sum, (_, count)| sum.saturating_add(*count));
    if conceal.hidden.len().saturating_add(decoys) > DISCLOSURES_MAX {
        return Err(SdJwtError::TooManyDisclosures);
    }
    for name in PLAIN_CLAIMS {
        let pointers = conceal
            .hidden
            .iter()
            .chain(conceal.decoys.iter().map(|(at, _)| at));
        for at in pointers {
            if super::leads_to(&pointer("", name), at) {
                return Err(SdJwtError::HiddenClaim(name.to_owned()));
            }
        }
    }
    let mut hiding = Hiding {
        conceal,
        salt,
        disclosures: Vec::new(),
        done: vec![false; conceal.hidden.len()],
        decoyed: vec![false; conceal.decoys.len()],
    };
    let mut hidden = hiding.object(claims, "", DEPTH_MAX)?;
    let left = std::iter::zip(conceal.hidden.iter().copied(), hiding.done)
        .chain(std::iter::zip(
            conceal.decoys.iter().map(|(at, _)| *at),
            hiding.decoyed,
        ))
        .find(|(_, done)| !done);
    if let Some((at, _)) = left {
        return Err(SdJwtError::NotDisclosable(at.to_owned()));
    }
    // SD-JWT VC §3.2.2.3: without anything hidden, there is nothing to say of hashes.
    if !conceal.hidden.is_empty() || !conceal.decoys.is_empty() {
        hidden.insert("_sd_alg".to_owned(), HASH_NAME.into());
    }
    Ok((hidden, hiding.disclosures))
}

struct Hiding<'a, 'b> {
    conceal: Conceal<'a>,
    salt: &'b mut dyn FnMut() -> [u8; SALT_BYTES],
    disclosures: Vec<Disclosure>,
    done: Vec<bool>,
    decoyed: Vec<bool>,
}

impl Hiding<'_, '_> {
    fn value(&mut self, value: &Value, at: &str, depth: usize) -> Result<Value, SdJwtError> {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(value.clone()),
            Value::Array(elements) => self.array(elements, at, depth).map(Value::Array),
            Value::Object(members) => self.object(members, at, depth).map(Value::Object),
        }
    }

    fn object(
        &mut self,
        members: &Map<String, Value>,
        at: &str,
        depth: usize,
    ) -> Result<Map<String, Value>, SdJwtError> {
        let depth = depth.checked_sub(1).ok_or(SdJwtError::TooDeep)?;
        let mut plain = Map::new();
        let mut hashes = Vec::new();
        for (name, value) in members {
            if RESERVED_NAMES.contains(&name.as_str()) {
                return Err(SdJwtError::ReservedName(name.clone()));
            }
            let place = pointer(at, name);
            let value = self.value(value, &place, depth)?;
            if self.hides(&place) {
                hashes.push(self.disclose(Some(name), value));
            } else {
                plain.insert(name.clone(), value);
            }
        }
        for _ in 0..self.decoys(at) {
            hashes.push(self.decoy().1);
        }
        // Their order must not tell that of the claims: RFC 9901 §4.2.4.1.
        hashes.sort();
        if !hashes.is_empty() {
            plain.insert("_sd".to_owned(), json!(hashes));
        }
        Ok(plain)
    }

    fn array(
        &mut self,
        elements: &[Value],
        at: &str,
        depth: usize,
    ) -> Result<Vec<Value>, SdJwtError> {
        let depth = depth.checked_sub(1).ok_or(SdJwtError::TooDeep)?;
        let mut list = Vec::new();
        for (index, element) in elements.iter().enumerate() {
            let place = pointer(at, &index.to_string());
            let value = self.value(element, &place, depth)?;
            if self.hides(&place) {
                list.push(json!({ "...": self.disclose(None, value) }));
            } else {
                list.push(value);
            }
        }
        for _ in 0..self.decoys(at) {
            // Anywhere among the elements, so that those at the end are not known for decoys.
            let (salt, hash) = self.decoy();
            let place = usize::from(u16::from_be_bytes([salt[0], salt[1]])) % (list.len() + 1);
            list.insert(place, json!({ "...": hash }));
        }
        Ok(list)
    }

    fn hides(&mut self, at: &str) -> bool {
        let index = self.conceal.hidden.iter().position(|hidden| *hidden == at);
        if let Some(index) = index {
            self.done[index] = true;
        }
        index.is_some()
    }

    fn decoys(&mut self, at: &str) -> usize {
        let Some(index) = self
            .conceal
            .decoys
            .iter()
            .position(|(place, _)| *place == at)
        else {
            return 0;
        };
        self.decoyed[index] = true;
        self.conceal.decoys[index].1
    }

    fn disclose(&mut self, name: Option<&str>, value: Value) -> String {
        let disclosure = Disclosure::new((self.salt)(), name, value);
        let hash = disclosure.digest().to_owned();
        self.disclosures.push(disclosure);
        hash
    }

    // RFC 9901 §4.2.5: a hash over a random number.
    fn decoy(&mut self) -> ([u8; SALT_BYTES], String) {
        let salt = (self.salt)();
        (salt, URL_SAFE_NO_PAD.encode(Sha256::digest(salt)))
    }
}
