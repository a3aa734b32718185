//! Puts disclosed values in the places of their hashes: RFC 9901 §7.1, step 3.
//!
//! A name may be nearly as long as the token, and stand above as many values. So the path to a value is kept as a stack of steps, and
//! written out as a pointer only where a disclosure has its place.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::disclosure::RESERVED_NAMES;
use super::{Disclosure, HASH_NAME, PLAIN_CLAIMS, SdJwtError, pointer};
use crate::jose::{DEPTH_MAX, TOKEN_BYTES_MAX};
use crate::shown::shown;

/// The pointers of all disclosures together, bytes: each holds the names above its value once more.
const POINTERS_BYTES_MAX: usize = TOKEN_BYTES_MAX;

/// Other hash functions whose names IANA registers ("Named Information Hash Algorithm"), but for those that cut SHA-256 short: what they
/// hash may be good.
const REGISTERED_HASH_NAMES: [&str; 11] = [
    "blake2b-256",
    "blake2b-512",
    "blake2s-256",
    "k12-256",
    "k12-512",
    "sha-384",
    "sha-512",
    "sha3-224",
    "sha3-256",
    "sha3-384",
    "sha3-512",
];

/// The claims without hashes, and for each disclosure the pointer of its value.
pub(super) fn process(
    claims: &Map<String, Value>,
    disclosures: &[Disclosure],
) -> Result<(Map<String, Value>, Vec<String>), SdJwtError> {
    let mut claims = claims.clone();
    match claims.remove("_sd_alg") {
        None => {}
        Some(Value::String(name)) if name == HASH_NAME => {}
        Some(Value::String(name)) if REGISTERED_HASH_NAMES.contains(&name.as_str()) => {
            return Err(SdJwtError::HashUnknown(name));
        }
        Some(other) => return Err(SdJwtError::HashFunction(shown(&other.to_string()))),
    }
    for name in PLAIN_CLAIMS {
        if claims.get(name).is_some_and(holds_hashes) {
            return Err(SdJwtError::HiddenClaim(name.to_owned()));
        }
    }
    let mut by_digest = BTreeMap::new();
    for (index, disclosure) in disclosures.iter().enumerate() {
        if by_digest.insert(disclosure.digest(), index).is_some() {
            return Err(SdJwtError::HashTwice(disclosure.digest().to_owned()));
        }
    }
    let mut reading = Reading {
        disclosures,
        by_digest,
        pointers: vec![None; disclosures.len()],
        pointers_bytes: 0,
        seen: BTreeSet::new(),
        path: Vec::new(),
    };
    let claims = reading.object(claims, DEPTH_MAX)?;
    let pointers: Option<Vec<String>> = reading.pointers.into_iter().collect();
    Ok((claims, pointers.ok_or(SdJwtError::Unplaced)?))
}

fn holds_hashes(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        Value::Array(elements) => elements.iter().any(holds_hashes),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| RESERVED_NAMES.contains(&name.as_str()) || holds_hashes(value)),
    }
}

/// One step down.
enum Place {
    /// To the member of this name.
    Member(String),
    /// To the element of this number.
    Element(usize),
}

struct Reading<'a> {
    disclosures: &'a [Disclosure],
    by_digest: BTreeMap<&'a str, usize>,
    pointers: Vec<Option<String>>,
    pointers_bytes: usize,
    seen: BTreeSet<String>,
    /// The way to the value that is read.
    path: Vec<Place>,
}

impl<'a> Reading<'a> {
    fn value(&mut self, value: Value, depth: usize) -> Result<Value, SdJwtError> {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(value),
            Value::Array(elements) => self.array(elements, depth).map(Value::Array),
            Value::Object(members) => self.object(members, depth).map(Value::Object),
        }
    }

    fn object(
        &mut self,
        mut members: Map<String, Value>,
        depth: usize,
    ) -> Result<Map<String, Value>, SdJwtError> {
        let depth = depth.checked_sub(1).ok_or(SdJwtError::TooDeep)?;
        let hashes = members.remove("_sd");
        if let Some(name) = RESERVED_NAMES
            .into_iter()
            .find(|name| members.contains_key(*name))
        {
            return Err(SdJwtError::ReservedName(name.to_owned()));
        }
        let mut read = Map::new();
        for (name, value) in members {
            let (name, value) = self.member(name, value, depth)?;
            read.insert(name, value);
        }
        let hashes = match hashes {
            None => Vec::new(),
            Some(Value::Array(hashes)) => hashes,
            Some(_) => return Err(SdJwtError::Hashes(self.pointer())),
        };
        for hash in hashes {
            let Value::String(hash) = hash else {
                return Err(SdJwtError::Hashes(self.pointer()));
            };
            let Some((index, disclosure)) = self.disclosed(hash)? else {
                continue;
            };
            let name = disclosure
                .name()
                .ok_or_else(|| SdJwtError::DisclosureKind(self.pointer()))?;
            if self.path.is_empty() && PLAIN_CLAIMS.contains(&name) {
                return Err(SdJwtError::HiddenClaim(name.to_owned()));
            }
            if read.contains_key(name) {
                return Err(SdJwtError::NameTwice(name.to_owned()));
            }
            let value = disclosure.value().clone();
            let (name, value) = self.member(name.to_owned(), value, depth)?;
            self.place(index, pointer(&self.pointer(), &name))?;
            read.insert(name, value);
        }
        Ok(read)
    }

    /// Reads the value of a member; its name comes back with it.
    fn member(
        &mut self,
        name: String,
        value: Value,
        depth: usize,
    ) -> Result<(String, Value), SdJwtError> {
        self.path.push(Place::Member(name));
        let value = self.value(value, depth)?;
        match self.path.pop() {
            Some(Place::Member(name)) => Ok((name, value)),
            Some(Place::Element(_)) | None => unreachable!("who steps down steps up again"),
        }
    }

    fn array(&mut self, elements: Vec<Value>, depth: usize) -> Result<Vec<Value>, SdJwtError> {
        let depth = depth.checked_sub(1).ok_or(SdJwtError::TooDeep)?;
        let mut read = Vec::new();
        for element in elements {
            let number = read.len();
            let Some(hash) = element.get("...") else {
                read.push(self.element(number, element, depth)?);
                continue;
            };
            let only = element
                .as_object()
                .is_some_and(|members| members.len() == 1);
            let hash = hash
                .as_str()
                .filter(|_| only)
                .ok_or_else(|| SdJwtError::Hashes(self.pointer()))?
                .to_owned();
            let Some((index, disclosure)) = self.disclosed(hash)? else {
                continue;
            };
            if disclosure.name().is_some() {
                return Err(SdJwtError::DisclosureKind(self.pointer()));
            }
            read.push(self.element(number, disclosure.value().clone(), depth)?);
            self.place(index, pointer(&self.pointer(), &number.to_string()))?;
        }
        Ok(read)
    }

    fn element(&mut self, number: usize, value: Value, depth: usize) -> Result<Value, SdJwtError> {
        self.path.push(Place::Element(number));
        let value = self.value(value, depth)?;
        self.path.pop();
        Ok(value)
    }

    /// The pointer to the value that is read.
    fn pointer(&self) -> String {
        let step = |at: String, place: &Place| match place {
            Place::Member(name) => pointer(&at, name),
            Place::Element(number) => pointer(&at, &number.to_string()),
        };
        self.path.iter().fold(String::new(), step)
    }

    fn place(&mut self, index: usize, pointer: String) -> Result<(), SdJwtError> {
        self.pointers_bytes = self.pointers_bytes.saturating_add(pointer.len());
        if self.pointers_bytes > POINTERS_BYTES_MAX {
            return Err(SdJwtError::TooLarge(self.pointers_bytes));
        }
        self.pointers[index] = Some(pointer);
        Ok(())
    }

    fn disclosed(&mut self, hash: String) -> Result<Option<(usize, &'a Disclosure)>, SdJwtError> {
        let index = self.by_digest.get(hash.as_str()).copied();
        if self.seen.contains(&hash) {
            return Err(SdJwtError::HashTwice(hash));
        }
        self.seen.insert(hash);
        Ok(index.map(|index| (index, &self.disclosures[index])))
    }
}
