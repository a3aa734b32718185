//! Saved answers about credentials: entries of status lists, whole lists, accreditations, schemas. Each repeats its question, and
//! everything else in it follows from the records that it proves.

use serde_json::Value;
use starfire_did::credential::bitstring;
use starfire_did::issuer::{self, Asked};
use starfire_did::status_list::{self, answer, proof_paths, proved_bit};
use starfire_did::{Did, path, schema};
use starfire_proto::v1;

use super::headers::CLOCK_DRIFT_MS;
use super::proven::{Proven, Verifier};
use super::report::{Ended, Reason, Report, Stop, Summary, stop};
use super::resolved::{equal, unproved};
use super::state_proof::StateProof;

/// An answer without its proof, the proof, and whose records it is about.
struct Saved {
    bare: Value,
    proof: StateProof,
    did: Did,
}

impl Saved {
    /// `owner` is the member that names whose records they are.
    fn take(mut answer: Value, owner: &str) -> Result<Self, Stop> {
        let proof = answer
            .as_object_mut()
            .and_then(|members| members.remove("proof"))
            .ok_or_else(unproved)?;
        let did = text(&answer, owner)?;
        let did = Did::parse(did).map_err(|error| {
            let detail = format!("{owner} is no DID of this system: {error}");
            stop(Reason::ProofMalformed, detail)
        })?;
        Ok(Self {
            proof: StateProof::parse(proof)?,
            bare: answer,
            did,
        })
    }

    fn text(&self, name: &str) -> Result<&str, Stop> {
        text(&self.bare, name)
    }

    fn number(&self, name: &str) -> Result<u64, Stop> {
        self.bare[name]
            .as_u64()
            .ok_or_else(|| stop(Reason::ProofMalformed, format!("{name} is no number")))
    }

    fn summary(&self, kind: &'static str) -> Summary {
        Summary {
            kind,
            did: self.did.to_string(),
            sub_chain: self.did.chain_code().map(|code| code.to_string()),
            ..Summary::default()
        }
    }
}

fn text<'a>(answer: &'a Value, name: &str) -> Result<&'a str, Stop> {
    answer[name]
        .as_str()
        .ok_or_else(|| stop(Reason::ProofMalformed, format!("{name} is no text")))
}

fn absent(what: &str) -> Stop {
    stop(
        Reason::AnswerMismatch,
        format!("the chain holds no such {what}"),
    )
}

/// `GET /credentials/status`: one entry of a list.
pub(super) fn check_entry(
    report: &mut Report,
    answer: Value,
    verifier: &Verifier<'_>,
) -> Result<Vec<Proven>, Ended> {
    let take = || {
        let saved = Saved::take(answer, "issuer")?;
        let (name, index) = (saved.text("name")?.to_owned(), saved.number("index")?);
        let detail = format!("entry {index} of {name}, a list of {}", saved.did);
        Ok(((saved, name, index), detail))
    };
    let (saved, name, index) = report.step("status", take())?;
    let id = Some(format!("{name}:{index}"));
    report.subject = Some(Summary {
        id,
        ..saved.summary("status")
    });
    let (did, chain) = (&saved.did, saved.did.chain_code());
    let paths = proof_paths(did, &name, index);
    let held = saved.proof.hold(report, verifier, chain, &paths)?;
    let compare = || {
        let list: v1::StatusListRecord = held
            .values
            .record(&paths[0])?
            .ok_or_else(|| absent("list"))?;
        let chunk: Option<v1::StatusListChunk> = held.values.record(&paths[1])?;
        let set = proved_bit(did, &name, index, &list, chunk.as_ref());
        let set = set.ok_or_else(|| absent("entry"))?;
        equal(
            Some(&answer::entry(&list, index, set, held.header.time_ms)),
            &saved.bare,
        )?;
        Ok(((), if set { "set" } else { "not set" }.to_owned()))
    };
    report.step("answer", compare())?;
    held.conclude(report, verifier, chain)
}

/// `POST /credentials/status`: several of them.
pub(super) fn check_entries(
    report: &mut Report,
    mut answer: Value,
    verifier: &Verifier<'_>,
) -> Result<Vec<Proven>, Ended> {
    let members = answer.as_object_mut().filter(|members| members.len() == 1);
    let entries = members.and_then(|members| members.remove("statuses"));
    let entries = match entries {
        Some(Value::Array(entries)) if !entries.is_empty() => {
            let detail = format!("{} entries", entries.len());
            Ok((entries, detail))
        }
        Some(_) | None => Err(stop(
            Reason::ProofMalformed,
            "statuses is no list of entries",
        )),
    };
    let mut proved = Vec::new();
    for entry in report.step("statuses", entries)? {
        proved.extend(check_entry(report, entry, verifier)?);
    }
    Ok(proved)
}

/// `GET /status-lists/…`: a whole list, whose record commits to its bits.
pub(super) fn check_list(
    report: &mut Report,
    answer: Value,
    verifier: &Verifier<'_>,
) -> Result<Vec<Proven>, Ended> {
    let take = || {
        let saved = Saved::take(answer, "issuer")?;
        let name = saved.text("name")?.to_owned();
        let detail = format!("{name}, a list of {}", saved.did);
        Ok(((saved, name), detail))
    };
    let (mut saved, name) = report.step("status list", take())?;
    report.subject = Some(Summary {
        id: Some(name.clone()),
        ..saved.summary("status list")
    });
    let chain = saved.did.chain_code();
    let paths = [path::status_list(&saved.did, &name)];
    let held = saved.proof.hold(report, verifier, chain, &paths)?;
    let known_at_ms = held.header.time_ms;
    let mut compare = || {
        let list: v1::StatusListRecord = held
            .values
            .record(&paths[0])?
            .ok_or_else(|| absent("list"))?;
        let encoded = match saved.bare.as_object_mut() {
            Some(members) => members.remove("encodedList"),
            None => None,
        };
        let bits = bitstring::decode(encoded.as_ref().and_then(Value::as_str).unwrap_or_default())
            .map_err(|error| stop(Reason::ProofMalformed, error.detail))?;
        // A list of another length has other chunks, or chunks that are not whole.
        let length = u64::try_from(bits.len()).map_or(0, |bytes| bytes.saturating_mul(8));
        if length != list.length || status_list::root(&bits).as_slice() != list.root {
            let why = "the bits are not those that the list's record commits to";
            return Err(stop(Reason::AnswerMismatch, why));
        }
        let mut expected = answer::record(&list);
        expected["known_at_ms"] = known_at_ms.into();
        equal(Some(&expected), &saved.bare)?;
        let set: u32 = bits.iter().map(|byte| byte.count_ones()).sum();
        Ok(((), format!("{set} of {length} entries set")))
    };
    report.step("answer", compare())?;
    held.conclude(report, verifier, chain)
}

/// `GET /accreditations`: whether somebody may issue, with every level up to the root.
pub(super) fn check_accreditations(
    report: &mut Report,
    answer: Value,
    verifier: &Verifier<'_>,
) -> Result<Vec<Proven>, Ended> {
    let take = || {
        let saved = Saved::take(answer, "issuer")?;
        let kind = saved.text("type")?.to_owned();
        let jurisdiction = saved.text("jurisdiction")?.to_owned();
        let detail = format!("of {} for {kind} in {jurisdiction}", saved.did);
        Ok(((saved, kind, jurisdiction), detail))
    };
    let (saved, kind, jurisdiction) = report.step("accreditation", take())?;
    report.subject = Some(Summary {
        document_type: Some(kind.clone()),
        jurisdiction: Some(jurisdiction.clone()),
        ..saved.summary("accreditation")
    });
    let keys = saved.proof.keys();
    let held = saved.proof.hold(report, verifier, None, &keys)?;
    let compare = || {
        let mut levels: Vec<v1::AccreditationRecord> = Vec::new();
        for key in &keys {
            levels.extend(held.values.record::<v1::AccreditationRecord>(key)?);
        }
        let asked = Asked {
            issuer: &saved.did,
            kind: &kind,
            jurisdiction: &jurisdiction,
        };
        // Where the issuer has none for this, one that it has for something else is shown, and who gave that.
        let own = match keys.first() {
            Some(path) => held.values.record::<v1::AccreditationRecord>(path)?,
            None => None,
        };
        let followed = match own {
            Some(_) => levels.as_slice(),
            None => levels.get(..1).unwrap_or_default(),
        };
        if keys != issuer::proof_paths(asked, followed) {
            let why = "it must prove the accreditations of exactly those who accredited one another, up to the root";
            return Err(stop(Reason::ValuesUnexpected, why));
        }
        let at_ms = saved.bare["at_ms"]
            .as_i64()
            .ok_or_else(|| stop(Reason::ProofMalformed, "at_ms is no time"))?;
        if at_ms > verifier.now_ms.saturating_add(CLOCK_DRIFT_MS) {
            let why = "it judges a time to come, before which accreditations may be withdrawn";
            return Err(stop(Reason::AnswerMismatch, why));
        }
        let expected = issuer::answer(asked, &levels, at_ms);
        equal(Some(&expected), &saved.bare)?;
        let detail = expected["detail"].as_str().unwrap_or_default().to_owned();
        Ok(((), detail))
    };
    report.step("answer", compare())?;
    held.conclude(report, verifier, None)
}

/// A version of a schema, as `starfire vc schema show --proof` keeps it. It never changes, so it is never too old.
pub(super) fn check_schema(
    report: &mut Report,
    answer: Value,
    verifier: &Verifier<'_>,
) -> Result<Vec<Proven>, Ended> {
    let take = || {
        let saved = Saved::take(answer, "author")?;
        let (name, version) = (saved.text("name")?.to_owned(), saved.number("version")?);
        let detail = format!("version {version} of {name}, by {}", saved.did);
        Ok(((saved, name, version), detail))
    };
    let (saved, name, version) = report.step("schema", take())?;
    report.subject = Some(Summary {
        id: Some(format!("{name}/{version}")),
        ..saved.summary("schema")
    });
    let chain = saved.did.chain_code();
    let paths = [path::schema_version(&saved.did, &name, version)];
    let held = saved.proof.hold(report, verifier, chain, &paths)?;
    let compare = || {
        let record: v1::SchemaRecord = held
            .values
            .record(&paths[0])?
            .ok_or_else(|| absent("schema"))?;
        equal(schema::answer(&record).as_ref(), &saved.bare)
    };
    report.step("answer", compare())?;
    Ok(vec![held.proven(chain, true)])
}
