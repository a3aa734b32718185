//! Verifiable Credential Data Integrity 1.0: proofs inside the document that they secure, alone, in sets and in chains.
//!
//! A suite turns a document and the proof's own options into 64 bytes of hash data, which a key signs. The suites over JCS are
//! computed here. Those over RDF need a JSON-LD processor, which this crate does not hold: a [`Canonicalizer`] is handed in. Proofs
//! that sign the same document share its hash: there may be many, and the document may be large.

mod foreign;
mod options;
mod proof;
mod suite;

use serde_json::{Map, Value};

use super::code;
use super::json;
use super::malformed::Malformed;
use super::model;
use super::parsed::{Parsed, Signed};
use crate::signing_key::SigningKey;
use crate::verification_key::VerificationKey;
use suite::Hash;

pub use options::Options;
pub use proof::{PROOFS_MAX, Proof};
pub use suite::{HASH_BYTES, HASH_DATA_BYTES, Suite};

/// Computes SHA-256 of the canonical RDF of a document or of a proof's options, or says why it cannot.
pub type Canonicalizer<'a> = dyn Fn(&Value) -> Result<[u8; HASH_BYTES], Uncanonical> + 'a;

/// Why nothing is computed of a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Uncanonical {
    /// It has a context that is not known here, or takes more work than is done here. Others can tell what was signed.
    #[error("{0}")]
    Unknown(String),
    /// It is not one to sign, whoever looks at it.
    #[error("{0}")]
    Refused(String),
}

/// Issues a credential: checks its shape and adds a proof.
pub fn issue(
    claims: Value,
    options: &Options,
    key: &SigningKey,
    rdfc: Option<&Canonicalizer<'_>>,
) -> Result<Value, Malformed> {
    read(claims.clone())?;
    create(claims, options, key, rdfc)
}

/// Adds a proof to a document, beside those that it has.
pub fn create(
    document: Value,
    options: &Options,
    key: &SigningKey,
    rdfc: Option<&Canonicalizer<'_>>,
) -> Result<Value, Malformed> {
    json::check(&document)?;
    let Value::Object(mut object) = document else {
        return Err(Malformed::new(
            code::JSON_INVALID,
            "a document is an object",
        ));
    };
    let mut all = values(object.remove("proof"))?;
    // The suites over RDF hash the document's context with the options, but do not write it into the proof.
    let context = object
        .get("@context")
        .filter(|_| !options.suite.is_over_rdf());
    let unsigned = options.to_value(context)?;
    let hash_data = {
        let proof = Proof::parse_unsigned(&unsigned)?;
        let mut documents = Documents::new(&object, &all, rdfc);
        documents.hash_data(&proof).map_err(Unhashed::of_issuing)?
    };
    all.push(create_hashed(unsigned, &hash_data, key)?);
    // What is made is what is read: among others, no id stands twice and there are not too many proofs.
    proofs(&all)?;
    let proof = match <[Value; 1]>::try_from(all) {
        Ok([one]) => one,
        Err(all) => Value::Array(all),
    };
    object.insert("proof".into(), proof);
    Ok(Value::Object(object))
}

/// Completes a proof whose hash data was computed elsewhere: signs it and adds `proofValue`.
pub fn create_hashed(
    mut unsigned: Value,
    hash_data: &[u8; HASH_DATA_BYTES],
    key: &SigningKey,
) -> Result<Value, Malformed> {
    let proof = Proof::parse_unsigned(&unsigned)?;
    if proof.suite.map(Suite::curve) != Some(key.curve()) {
        let detail = format!(
            "{} does not take a key of {}",
            proof.suite_name,
            key.curve()
        );
        return Err(Malformed::new(code::SUITE_KEY, detail));
    }
    unsigned["proofValue"] = suite::encode(&key.sign(hash_data)).into();
    Ok(unsigned)
}

/// Whether `key` made a proof over hash data that was computed elsewhere.
pub fn verify_hashed(
    proof: &Proof,
    hash_data: &[u8; HASH_DATA_BYTES],
    key: &VerificationKey,
) -> bool {
    proof.suite.map(Suite::curve) == Some(key.curve()) && key.verify(hash_data, &proof.value)
}

/// Reads a credential with its proofs.
pub fn credential(secured: Value, rdfc: Option<&Canonicalizer<'_>>) -> Result<Parsed, Malformed> {
    let opened = open(secured, rdfc)?;
    let parsed = read(opened.document)?;
    Ok(Parsed {
        signatures: opened
            .proofs
            .into_iter()
            .map(|(_, signed)| signed)
            .collect(),
        unsupported: opened.unsupported,
        ..parsed
    })
}

/// Reads the claims of a credential that proofs are to secure.
fn read(claims: Value) -> Result<Parsed, Malformed> {
    if let Some(claims) = claims.as_object() {
        foreign::refuse(claims)?;
    }
    model::credential(claims)
}

/// A document taken apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// The document without its proofs.
    pub document: Value,
    /// Proofs by suites that are known, with what each signs.
    pub proofs: Vec<(Proof, Signed)>,
    /// Names of the suites of other proofs.
    pub unsupported: Vec<String>,
}

/// Takes the proofs from a document and computes what each signs.
pub fn open(secured: Value, rdfc: Option<&Canonicalizer<'_>>) -> Result<Opened, Malformed> {
    json::check(&secured)?;
    let Value::Object(mut object) = secured else {
        return Err(Malformed::new(
            code::JSON_INVALID,
            "a document is an object",
        ));
    };
    let all = values(object.remove("proof"))?;
    let mut opened = Opened {
        document: Value::Null,
        proofs: Vec::new(),
        unsupported: Vec::new(),
    };
    let mut contexts = Vec::new();
    let mut documents = Documents::new(&object, &all, rdfc);
    for proof in proofs(&all)? {
        let known = proof
            .suite
            .filter(|suite| !suite.is_over_rdf() || rdfc.is_some());
        let Some(suite) = known else {
            opened.unsupported.push(proof.suite_name);
            continue;
        };
        if let Some(context) = &proof.context {
            begins_with(object.get("@context"), context)?;
        }
        let hash_data = match documents.hash_data(&proof) {
            Ok(hash_data) => hash_data,
            // Nothing is known to be wrong with what another program can compute.
            Err(Unhashed::Unknown(why)) => {
                let suite = format!("{} ({why})", proof.suite_name);
                if !opened.unsupported.contains(&suite) {
                    opened.unsupported.push(suite);
                }
                continue;
            }
            Err(Unhashed::Refused(error)) => return Err(error),
        };
        contexts.extend(proof.context.clone());
        let signed = proof.signed(suite, &hash_data);
        opened.proofs.push((proof, signed));
    }
    // Contexts beyond those that a proof copied are not signed by it: what is read is what every proof signs.
    if let Some(context) = contexts
        .into_iter()
        .min_by_key(|one| json::one_or_some(one).len())
    {
        object.insert("@context".into(), context);
    }
    opened.document = Value::Object(object);
    Ok(opened)
}

fn values(proof: Option<Value>) -> Result<Vec<Value>, Malformed> {
    match proof {
        None => Ok(Vec::new()),
        Some(Value::Array(all)) if all.is_empty() => Err(Malformed::new(
            code::PROOF_INVALID,
            "the set of proofs is empty",
        )),
        Some(Value::Array(all)) => Ok(all),
        Some(one) => Ok(vec![one]),
    }
}

fn proofs(all: &[Value]) -> Result<Vec<Proof>, Malformed> {
    let invalid = |detail: String| Malformed::new(code::PROOF_INVALID, detail);
    if all.len() > PROOFS_MAX {
        return Err(invalid(format!("there are more than {PROOFS_MAX} proofs")));
    }
    let proofs: Vec<Proof> = all.iter().map(Proof::parse).collect::<Result<_, _>>()?;
    let mut ids: Vec<&String> = proofs
        .iter()
        .filter_map(|proof| proof.id.as_ref())
        .collect();
    ids.sort();
    if let Some(twice) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(invalid(format!("two proofs have the id {}", twice[0])));
    }
    Ok(proofs)
}

/// What the proofs of a document sign: the document in one form or another, each hashed once.
struct Documents<'a> {
    object: &'a Map<String, Value>,
    proofs: &'a [Value],
    rdfc: Option<&'a Canonicalizer<'a>>,
    /// The hashes by what makes a form another: how it is hashed, which proofs are in it, and its context. Of what cannot be computed
    /// here, why.
    hashed: Vec<(Form, Result<[u8; HASH_BYTES], String>)>,
}

/// Why there is nothing that a proof signs.
enum Unhashed {
    /// It cannot be computed here.
    Unknown(String),
    /// The document or the proof is at fault.
    Refused(Malformed),
}

impl Unhashed {
    /// Of a proof that was to be made here.
    fn of_issuing(self) -> Malformed {
        match self {
            Self::Unknown(why) => Malformed::new(code::CONTEXT_INVALID, why),
            Self::Refused(error) => error,
        }
    }
}

impl From<Malformed> for Unhashed {
    fn from(error: Malformed) -> Self {
        Self::Refused(error)
    }
}

/// What makes one form of a document another.
#[derive(PartialEq)]
struct Form {
    digest: Hash,
    previous: Vec<String>,
    context: Option<Value>,
}

impl<'a> Documents<'a> {
    fn new(
        object: &'a Map<String, Value>,
        proofs: &'a [Value],
        rdfc: Option<&'a Canonicalizer<'a>>,
    ) -> Self {
        Self {
            object,
            proofs,
            rdfc,
            hashed: Vec::new(),
        }
    }

    /// What a proof signs: the hash of its options, then that of the document.
    fn hash_data(&mut self, proof: &Proof) -> Result<[u8; HASH_DATA_BYTES], Unhashed> {
        let Some(digest) = proof.suite.map(Suite::digest) else {
            let detail = format!("{} is not known here", proof.suite_name);
            return Err(Malformed::new(code::SUITE_UNSUPPORTED, detail).into());
        };
        let mut options = proof.options.clone();
        if digest == Hash::Rdf {
            // vc-di-eddsa §3.2.5: the context of the proof options is that of the unsecured document.
            let context = proof.context.as_ref().or(self.object.get("@context"));
            if let Some(context) = context {
                options["@context"] = context.clone();
            }
        }
        let form = Form {
            digest,
            previous: proof.previous.clone(),
            context: proof.context.clone(),
        };
        let known = self.hashed.iter().find(|(known, _)| *known == form);
        let document = match known {
            Some((_, hash)) => hash.clone(),
            None => {
                let hash = match self.hash(digest, &self.input(proof)?) {
                    Ok(hash) => Ok(hash),
                    Err(Unhashed::Unknown(why)) => Err(why),
                    Err(refused @ Unhashed::Refused(_)) => return Err(refused),
                };
                self.hashed.push((form, hash.clone()));
                hash
            }
        };
        let document = document.map_err(Unhashed::Unknown)?;
        let mut data = [0; HASH_DATA_BYTES];
        let (first, second) = data.split_at_mut(HASH_BYTES);
        first.copy_from_slice(&self.hash(digest, &options)?);
        second.copy_from_slice(&document);
        Ok(data)
    }

    /// The document that a proof signs: without proofs, but with those that it covers too, in the context that it copied.
    // Data Integrity 1.0 §4.3 and §4.5: "set inputDocument.proof to matchingProofs".
    fn input(&self, proof: &Proof) -> Result<Value, Malformed> {
        let mut input = self.object.clone();
        if let Some(context) = &proof.context {
            input.insert("@context".into(), context.clone());
        }
        if !proof.previous.is_empty() {
            let find = |id: &String| {
                let found = self
                    .proofs
                    .iter()
                    .find(|one| one.get("id").and_then(Value::as_str) == Some(id));
                let detail =
                    format!("a proof is over another with the id {id}, which is not there");
                found
                    .cloned()
                    .ok_or_else(|| Malformed::new(code::PROOF_INVALID, detail))
            };
            let matching = proof.previous.iter().map(find).collect::<Result<_, _>>()?;
            input.insert("proof".into(), Value::Array(matching));
        }
        Ok(Value::Object(input))
    }

    fn hash(&self, digest: Hash, value: &Value) -> Result<[u8; HASH_BYTES], Unhashed> {
        match (digest, self.rdfc) {
            (Hash::Jcs, _) => Ok(suite::sha256(&json::canonical(value)?)),
            (Hash::JcsSm3, _) => Ok(suite::sm3(&json::canonical(value)?)),
            (Hash::Rdf, Some(rdfc)) => rdfc(value).map_err(|error| match error {
                Uncanonical::Unknown(why) => Unhashed::Unknown(why),
                Uncanonical::Refused(why) => Malformed::new(code::CONTEXT_INVALID, why).into(),
            }),
            (Hash::Rdf, None) => {
                let detail = "suites over RDF are not known here";
                Err(Malformed::new(code::SUITE_UNSUPPORTED, detail).into())
            }
        }
    }
}

// eddsa-jcs-2022 §3.3.2: the document's @context starts with all values of the proof's, in the same order.
fn begins_with(document: Option<&Value>, proof: &Value) -> Result<(), Malformed> {
    let begins = document.is_some_and(|document| {
        document == proof
            || (document.is_array()
                && json::one_or_some(document).starts_with(json::one_or_some(proof)))
    });
    if begins {
        return Ok(());
    }
    let detail = "the proof's @context is not what the document's begins with";
    Err(Malformed::new(code::PROOF_INVALID, detail))
}

#[cfg(test)]
mod tests;
