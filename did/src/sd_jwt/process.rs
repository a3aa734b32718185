//! Puts disclosed values in the places of their hashes: RFC 9901 §7.1, step 3.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::disclosure::RESERVED_NAMES;
use super::{Disclosure, HASH_NAME, PLAIN_CLAIMS, SdJwtError, pointer};
use crate::jose::DEPTH_MAX;

/// The claims without hashes, and for each disclosure the pointer of its value.
pub(super) fn process(
    claims: &Map<String, Value>,
    disclosures: &[Disclosure],
) -> Result<(Map<String, Value>, Vec<String>), SdJwtError> {
    let mut claims = claims.clone();
    match claims.remove("_sd_alg") {
        None => {}
        Some(Value::String(name)) if name == HASH_NAME => {}
        Some(other) => return Err(SdJwtError::HashFunction(other.to_string())),
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
        seen: BTreeSet::new(),
    };
    let claims = reading.object(claims, "", DEPTH_MAX)?;
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

struct Reading<'a> {
    disclosures: &'a [Disclosure],
    by_digest: BTreeMap<&'a str, usize>,
    pointers: Vec<Option<String>>,
    seen: BTreeSet<String>,
}

impl<'a> Reading<'a> {
    fn value(&mut self, value: Value, at: &str, depth: usize) -> Result<Value, SdJwtError> {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(value),
            Value::Array(elements) => self.array(elements, at, depth).map(Value::Array),
            Value::Object(members) => self.object(members, at, depth).map(Value::Object),
        }
    }

    fn object(
        &mut self,
        mut members: Map<String, Value>,
        at: &str,
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
            let value = self.value(value, &pointer(at, &name), depth)?;
            read.insert(name, value);
        }
        let wrong = || SdJwtError::Hashes(at.to_owned());
        let hashes = match hashes {
            None => Vec::new(),
            Some(Value::Array(hashes)) => hashes,
            Some(_) => return Err(wrong()),
        };
        for hash in hashes {
            let Value::String(hash) = hash else {
                return Err(wrong());
            };
            let Some((index, disclosure)) = self.disclosed(hash)? else {
                continue;
            };
            let name = disclosure
                .name()
                .ok_or_else(|| SdJwtError::DisclosureKind(at.to_owned()))?;
            if at.is_empty() && PLAIN_CLAIMS.contains(&name) {
                return Err(SdJwtError::HiddenClaim(name.to_owned()));
            }
            if read.contains_key(name) {
                return Err(SdJwtError::NameTwice(name.to_owned()));
            }
            let place = pointer(at, name);
            let value = self.value(disclosure.value().clone(), &place, depth)?;
            read.insert(name.to_owned(), value);
            self.pointers[index] = Some(place);
        }
        Ok(read)
    }

    fn array(
        &mut self,
        elements: Vec<Value>,
        at: &str,
        depth: usize,
    ) -> Result<Vec<Value>, SdJwtError> {
        let depth = depth.checked_sub(1).ok_or(SdJwtError::TooDeep)?;
        let mut read = Vec::new();
        for element in elements {
            let place = pointer(at, &read.len().to_string());
            let Some(hash) = element.get("...") else {
                read.push(self.value(element, &place, depth)?);
                continue;
            };
            let only = element
                .as_object()
                .is_some_and(|members| members.len() == 1);
            let hash = hash
                .as_str()
                .filter(|_| only)
                .ok_or_else(|| SdJwtError::Hashes(at.to_owned()))?
                .to_owned();
            let Some((index, disclosure)) = self.disclosed(hash)? else {
                continue;
            };
            if disclosure.name().is_some() {
                return Err(SdJwtError::DisclosureKind(at.to_owned()));
            }
            read.push(self.value(disclosure.value().clone(), &place, depth)?);
            self.pointers[index] = Some(place);
        }
        Ok(read)
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
