//! A saved resource of a DID, with what is told of it: the record proves the checksum, the checksum proves the bytes.
//!
//! JSON is shown as JSON, which need not be the bytes that were registered: then the verifier brings those.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};
use starfire_did::did_url::DidUrl;
use starfire_did::resolution::At;
use starfire_did::{Did, path, resource};
use starfire_proto::v1;

use super::dereferenced::has_only_its_members;
use super::proven::{Proven, Verifier};
use super::report::{Ended, Reason, Report, Stop, Summary, stop};
use super::resolved::{equal, unproved};
use super::state_proof::StateProof;

/// An answer, taken apart.
struct Saved {
    did: Did,
    name: String,
    version: u64,
    /// Which version was asked for.
    at: At,
    proof: StateProof,
    /// What is told of it, without the proof and the encoding.
    metadata: Value,
    content: Value,
    content_type: Value,
    in_base64: bool,
}

/// Checks a resource. `file` is what was registered, where the verifier has it.
pub(super) fn check(
    report: &mut Report,
    answer: Value,
    file: Option<&[u8]>,
    verifier: &Verifier<'_>,
) -> Result<Vec<Proven>, Ended> {
    let saved = report.step("resource", take_apart(answer))?;
    let Saved {
        did, name, version, ..
    } = &saved;
    let chain = did.chain_code();
    report.subject = Some(Summary {
        kind: "resource",
        did: did.to_string(),
        id: Some(format!("{name}/{version}")),
        sub_chain: chain.map(|code| code.to_string()),
        ..Summary::default()
    });
    // As of a time: the version, and that the one after it is younger, or that there is none.
    let next = path::resource_version(did, name, version.saturating_add(1));
    let expected = match saved.at {
        At::Newest => resource::proof_paths(did, name, None),
        At::Version(_) => resource::proof_paths(did, name, Some(*version)),
        At::Time(_) => vec![
            path::resource_version(did, name, *version),
            next.clone(),
            path::record(did),
        ],
    };
    let held = saved.proof.hold(report, verifier, chain, &expected)?;
    let record = || {
        let record: Option<v1::DidResourceRecord> = held.values.record(&expected[0])?;
        let record = record.ok_or_else(|| {
            stop(
                Reason::AnswerMismatch,
                "the chain holds no such version of the resource",
            )
        })?;
        let told = Value::Object(resource::metadata(&record));
        equal(Some(&told), &saved.metadata)?;
        equal(
            Some(&Value::String(record.media_type.clone())),
            &saved.content_type,
        )?;
        // What was followed by another stays so; only the newest can be out of date.
        let mut may_change = saved.at == At::Newest;
        if let At::Time(time_ms) = saved.at {
            let next: Option<v1::DidResourceRecord> = held.values.record(&next)?;
            may_change = next.is_none();
            let over = next.is_some_and(|next| next.created_ms <= time_ms);
            if record.created_ms > time_ms || over {
                return Err(stop(
                    Reason::AnswerMismatch,
                    "at the time that its didUrl names another version stood, or none",
                ));
            }
        }
        let detail = format!("version {}, {} bytes", record.version, record.size);
        Ok(((record, may_change), detail))
    };
    let (record, may_change) = report.step("record", record())?;
    report.step("content", saved.is_content(&record, file))?;
    if may_change {
        held.fresh(report, verifier)?;
    }
    let current = verifier.fresh(held.as_of_ms).is_ok();
    Ok(vec![held.proven(chain, current)])
}

fn take_apart(mut answer: Value) -> Result<(Saved, String), Stop> {
    let malformed = |why: &str| stop(Reason::ProofMalformed, why);
    has_only_its_members(&answer)?;
    let mut metadata = answer["contentMetadata"].take();
    let members = metadata
        .as_object_mut()
        .ok_or_else(|| malformed("contentMetadata is no object"))?;
    let proof = StateProof::of_set(members.remove("proof").ok_or_else(unproved)?)?;
    let encoding = members.remove("contentEncoding");
    if encoding
        .as_ref()
        .is_some_and(|encoding| encoding != "base64")
    {
        return Err(malformed("contentEncoding is \"base64\" or absent"));
    }
    let text = |name: &str| {
        members
            .get(name)
            .and_then(Value::as_str)
            .ok_or_else(|| malformed("contentMetadata does not name DID, name and version"))
    };
    let did = Did::parse(text("did")?).map_err(|error| malformed(&error.to_string()))?;
    let name = text("name")?.to_owned();
    let version = text("versionId")?
        .parse()
        .map_err(|_| malformed("versionId is no number"))?;
    if answer["dereferencingMetadata"].get("error").is_some() {
        return Err(malformed("it shows a resource, and an error"));
    }
    let asked = answer["dereferencingMetadata"]["didUrl"].as_str();
    let at = asked
        .and_then(|url| DidUrl::parse(url).ok())
        .and_then(|url| version_asked(&url, &did, &name))
        .filter(|at| !matches!(at, At::Version(asked) if *asked != version))
        .ok_or_else(|| {
            stop(
                Reason::AnswerMismatch,
                "dereferencingMetadata.didUrl names another resource or version, or none",
            )
        })?;
    let detail = format!("version {version} of {name}, of {did}");
    let saved = Saved {
        did,
        name,
        version,
        at,
        proof,
        content: answer["content"].take(),
        content_type: answer["dereferencingMetadata"]["contentType"].clone(),
        in_base64: encoding.is_some(),
        metadata,
    };
    Ok((saved, detail))
}

/// Which version of this resource a DID URL is about; `None`: of none.
fn version_asked(url: &DidUrl, did: &Did, name: &str) -> Option<At> {
    let in_path = match url.path() {
        [root, asked] if root == "resources" && asked == name => None,
        [root, asked, version] if root == "resources" && asked == name => Some(version.as_str()),
        _ => return None,
    };
    let parameters = url.parameters();
    let time = parameters.version_time.as_ref();
    let in_query = At::parse(
        parameters.version_id.as_deref(),
        time.map(|time| time.text.as_str()),
    );
    let at = match in_path {
        None => in_query.ok()?,
        Some(version) if in_query == Ok(At::Newest) => At::parse(Some(version), None).ok()?,
        Some(_) => return None,
    };
    (url.did() == did.to_string()).then_some(at)
}

impl Saved {
    /// The content is the bytes of the record.
    fn is_content(
        &self,
        record: &v1::DidResourceRecord,
        file: Option<&[u8]>,
    ) -> Result<((), String), Stop> {
        let is_it = |bytes: &[u8]| Sha256::digest(bytes).as_slice() == record.checksum;
        if let Some(file) = file {
            let shown = self.content.as_str();
            let says_it = || {
                if self.in_base64 {
                    return shown == Some(STANDARD.encode(file).as_str());
                }
                shown.is_some_and(|text| is_it(text.as_bytes()))
                    || serde_json::from_slice::<Value>(file).is_ok_and(|file| file == self.content)
            };
            if !is_it(file) {
                let why = "it is not the file whose checksum stands on the chain";
                return Err(stop(Reason::FileMismatch, why));
            }
            return match says_it() {
                true => Ok(((), "the file shown".to_owned())),
                false => Err(stop(
                    Reason::AnswerMismatch,
                    "the answer shows something else than the file",
                )),
            };
        }
        let is_text = record.media_type.starts_with("text/");
        let shown = match self.content.as_str() {
            Some(text) if self.in_base64 => STANDARD.decode(text).ok(),
            Some(text) if is_text => Some(text.as_bytes().to_vec()),
            Some(_) | None => serde_json::to_vec(&self.content).ok(),
        };
        match shown {
            Some(shown) if is_it(&shown) => Ok(((), "as its checksum says".to_owned())),
            Some(_) if !self.in_base64 && !is_text => Err(stop(
                Reason::FileMissing,
                "JSON is shown in another form than it was registered: name the resource's own bytes by --file",
            )),
            Some(_) | None => Err(stop(
                Reason::AnswerMismatch,
                "the content does not have the checksum that stands on the chain",
            )),
        }
    }
}
