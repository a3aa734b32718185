//! A saved DID resolution result: its state proof, and the check that it says exactly what the proved records say.
//!
//! The result names its question and carries a `StarfireStateProof2026`. The verifier proves the values, computes the answer to
//! the question from them by [`starfire_did::resolution`], and compares: so no byte of the result counts that is not proved.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use starfire_did::Did;
use starfire_did::resolution::{self, Found, Question, Representation};
use starfire_proto::v1;
use tendermint::Hash;
use tendermint::block::Header;
use tendermint::block::signed_header::SignedHeader;
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::{Header as RawHeader, SignedHeader as RawSignedHeader};

use super::content::{Entry, SubPart, Values};
use super::headers::{self, Believed};
use super::report::{Ended, Reason, Report, Stop, Summary, Verdict, stop};
use super::verify::freshness;
use crate::succession::one_form;
use crate::text::{Base64, Decimal};
use crate::trust::Bundle;
use crate::unix_ms::rfc3339;
use crate::{chain_document, json as strict, path};

/// The type of such proofs.
const TYPE: &str = "StarfireStateProof2026";
/// The largest result, bytes.
pub const RESULT_BYTES_MAX: usize = 1 << 20;
/// How deep a result is nested.
const DEPTH_MAX: usize = 16;

/// Values of a chain's state, under a header of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct StateProof {
    #[serde(rename = "type")]
    kind: String,
    chain_id: String,
    // DID Core §7.3: metadata is made of strings, maps, lists, booleans and nulls, whatever the depth. It has no numbers.
    height: Decimal,
    /// tendermint.types.SignedHeader; on a sub-chain the header alone, whose signatures the main chain has checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signed_header: Option<Base64>,
    /// tendermint.types.Header
    #[serde(default, skip_serializing_if = "Option::is_none")]
    header: Option<Base64>,
    values: Vec<Entry>,
    /// That the main chain anchored the header of the sub-chain; without values of a sub-chain, that it knows no such chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    anchored_by: Option<Box<Self>>,
}

/// A proof as the result carries it. `anchor` is the main chain's of a sub-chain's header, for a value of a sub-chain.
/// `None`: what a gateway gave does not decode.
pub fn state_proof(proof: &v1::StateProof, anchor: Option<&v1::StateProof>) -> Option<Value> {
    let mut rendered = shown(proof)?;
    if let Some(anchor) = anchor {
        let signed = rendered.signed_header.take()?;
        let signed = <SignedHeader as Protobuf<RawSignedHeader>>::decode_vec(&signed.0).ok()?;
        rendered.header = Some(Base64(Protobuf::<RawHeader>::encode_vec(signed.header)));
        rendered.anchored_by = Some(Box::new(shown(anchor)?));
    }
    serde_json::to_value(rendered).ok()
}

fn shown(proof: &v1::StateProof) -> Option<StateProof> {
    let signed =
        <SignedHeader as Protobuf<RawSignedHeader>>::decode_vec(&proof.signed_header).ok()?;
    let entry = |value: &v1::ProvedValue| {
        Some(Entry {
            key: String::from_utf8(value.key.clone()).ok()?,
            value: value.present.then(|| Base64(value.value.clone())),
            proof: Base64(value.proof.clone()),
        })
    };
    Some(StateProof {
        kind: TYPE.to_owned(),
        chain_id: proof.chain_id.clone(),
        height: Decimal(signed.header.height.value()),
        signed_header: Some(Base64(proof.signed_header.clone())),
        header: None,
        values: proof.values.iter().map(entry).collect::<Option<_>>()?,
        anchored_by: None,
    })
}

/// Puts a proof where the result of its question has it.
pub fn attach(result: &mut Value, proof: Value) {
    let holder = holder(result);
    result[holder]["proof"] = Value::Array(vec![proof]);
}

// DID Resolution §4.4: of an answer that there is nothing, didDocumentMetadata is empty; all that is told is about the resolution.
fn holder(result: &Value) -> &'static str {
    match result["didResolutionMetadata"].get("error") {
        Some(_) => "didResolutionMetadata",
        None => "didDocumentMetadata",
    }
}

/// Whether bytes are a DID resolution result rather than a proof file. Nothing is said of whether it holds.
pub fn is_resolution_result(bytes: &[u8]) -> bool {
    serde_json::from_slice::<Value>(bytes)
        .is_ok_and(|value| value.get("didResolutionMetadata").is_some())
}

/// Verifies a DID resolution result against the main chain pinned by `pin`, the fingerprint of `bundle`.
///
/// `valid` means that the result is what that chain's records say, be it a document, the end of a DID or its absence. `now_ms`
/// is the verifier's clock, Unix milliseconds. Any bytes may be given; none of them is believed.
pub fn verify_resolution(
    result: &[u8],
    bundle: &[u8],
    pin: &str,
    now_ms: i64,
    max_age: Duration,
) -> Report {
    let mut report = Report::begin();
    match walk(&mut report, result, bundle, pin, now_ms, max_age) {
        Ok(()) => report.verdict = Verdict::Valid,
        Err(Ended) => assert!(
            report.code.is_some(),
            "a verification that ends early says why"
        ),
    }
    report
}

/// A result, taken apart.
struct Saved {
    question: Question,
    proof: StateProof,
    /// The result without its proof.
    bare: Value,
}

fn walk(
    report: &mut Report,
    result: &[u8],
    bundle: &[u8],
    pin: &str,
    now_ms: i64,
    max_age: Duration,
) -> Result<(), Ended> {
    let Saved {
        question,
        proof,
        bare,
    } = report.step("resolution result", take_apart(result))?;
    report.subject = Some(Summary {
        kind: "resolution",
        did: question.did.to_string(),
        sub_chain: question.did.chain_code().map(|code| code.to_string()),
        ..Summary::default()
    });
    let bundle = report.step("pinned bundle", headers::pinned(bundle, pin))?;
    report.main_chain = Some(bundle.chain_id().to_string());

    let main_proof = proof.anchored_by.as_deref().unwrap_or(&proof);
    let signed = report.step("pinned chain", on_pinned_chain(main_proof, &bundle))?;
    let validators = bundle.succession().at(signed.header.height.value()).clone();
    let main = report.step(
        "main header",
        headers::main_header(&signed, &validators, now_ms),
    )?;
    if !question.did.is_account() {
        let answer = report.step("records", chain_answer(&question, &proof, &bare, &main))?;
        report.revocation_as_of = Some(rfc3339(main.time_ms));
        report.step("answer", equal(answer.as_ref(), &bare))?;
        return report.step("freshness", freshness(main.time_ms, now_ms, max_age));
    }
    let (found, header) = report.step("records", records(&question, &proof, &main, now_ms))?;
    report.revocation_as_of = Some(rfc3339(header.time_ms));
    if let (Some(record), Some(subject)) = (&found.record, &mut report.subject) {
        subject.issued_at = Some(rfc3339(record.created_ms));
    }
    report.step("answer", same(&question, &found, &bare))?;
    // What was so then stays so; only an answer about the newest version can be out of date.
    if found.next.is_none() {
        let as_of_ms = header.time_ms.min(main.time_ms);
        report.step("freshness", freshness(as_of_ms, now_ms, max_age))?;
    }
    Ok(())
}

fn take_apart(result: &[u8]) -> Result<(Saved, String), Stop> {
    let malformed = |why: &str| stop(Reason::ProofMalformed, why);
    let mut bare = strict::parse(result, RESULT_BYTES_MAX, DEPTH_MAX)
        .map_err(|error| stop(Reason::ProofMalformed, error.to_string()))?;
    let question = bare["didResolutionMetadata"]["didUrl"]
        .as_str()
        .and_then(Question::parse_url)
        .ok_or_else(|| malformed("didResolutionMetadata.didUrl does not say what was asked"))?;
    let holder = holder(&bare);
    let proofs = bare
        .get_mut(holder)
        .and_then(Value::as_object_mut)
        .and_then(|members| members.remove("proof"))
        .ok_or_else(|| malformed("it holds no proof"))?;
    let [proof]: [StateProof; 1] = serde_json::from_value(proofs)
        .map_err(|error| stop(Reason::ProofMalformed, format!("its proof: {error}")))?;
    if proof.kind != TYPE {
        return Err(malformed("its proof is of another type"));
    }
    let detail = format!("{} bytes, about {}", result.len(), question.to_url());
    Ok((
        Saved {
            question,
            proof,
            bare,
        },
        detail,
    ))
}

/// The proof names the pinned chain and a header whose signers the verifier knows. Whether they signed is checked next.
fn on_pinned_chain(proof: &StateProof, bundle: &Bundle) -> Result<(SignedHeader, String), Stop> {
    let signed = proof
        .signed_header
        .as_ref()
        .filter(|_| proof.header.is_none() && proof.anchored_by.is_none() && proof.kind == TYPE)
        .and_then(|bytes| one_form::<SignedHeader, RawSignedHeader>(&bytes.0))
        .filter(|signed| signed.header.height.value() == proof.height.0)
        .ok_or_else(|| {
            stop(
                Reason::MainHeaderMalformed,
                "the main header does not decode, or is of another height",
            )
        })?;
    let other = |what: &str| {
        Err(stop(
            Reason::ChainNotPinned,
            format!("the proof is of a main chain with another {what}"),
        ))
    };
    if proof.chain_id != bundle.chain_id().as_str() || signed.header.chain_id != *bundle.chain_id()
    {
        return other("chain id");
    }
    let succession = bundle.succession();
    let expected: Hash = succession.at(proof.height.0).hash();
    if signed.header.validators_hash != expected {
        return other("validator set; `starfire trust update` fetches changes");
    }
    let detail = format!(
        "the validators of height {}, by {} known changes",
        proof.height.0,
        succession.count()
    );
    Ok((signed, detail))
}

/// Proves the values and reads the answer from them.
fn records(
    question: &Question,
    proof: &StateProof,
    main: &Believed,
    now_ms: i64,
) -> Result<((Found, Believed), String), Stop> {
    let header = match (question.did.chain_code(), &proof.anchored_by) {
        (None, None) => Believed { ..*main },
        (Some(code), Some(anchor)) => on_sub_chain(code.as_str(), proof, anchor, main, now_ms)?,
        (Some(code), None) => {
            return no_such_chain(code.as_str(), proof, main);
        }
        (None, Some(_)) => {
            return Err(stop(
                Reason::WrongChain,
                format!("{} belongs to the main chain", question.did),
            ));
        }
    };
    let keys: Vec<_> = proof
        .values
        .iter()
        .map(|entry| entry.key.clone().into_bytes())
        .collect();
    let (values, _) = Values::prove(&header.app_hash, &proof.values, &keys)?;
    let mut records = BTreeMap::new();
    for key in &keys {
        records.insert(key.clone(), values.record::<v1::DidRecord>(key)?);
    }
    let unexpected = || {
        stop(
            Reason::ValuesUnexpected,
            "the values proved do not answer the question as the result does",
        )
    };
    let found = question.found(&records).ok_or_else(unexpected)?;
    let newest = found.newest.as_ref().map_or(0, |record| record.version);
    let asked = match question.at {
        resolution::At::Version(version) => version,
        resolution::At::Newest | resolution::At::Time(_) => {
            found.record.as_ref().map_or(0, |record| record.version)
        }
    };
    if keys != question.paths(asked, newest) || is_of_another(&question.did, &found) {
        return Err(unexpected());
    }
    let detail = match (&found.record, &found.newest) {
        (Some(record), _) if record.deactivated => "deactivated".to_owned(),
        (Some(record), _) => format!("version {}", record.version),
        (None, Some(_)) => "no such version".to_owned(),
        (None, None) => "not registered".to_owned(),
    };
    Ok(((found, header), detail))
}

fn is_of_another(did: &Did, found: &Found) -> bool {
    let document = found
        .record
        .as_ref()
        .and_then(|record| record.document.as_ref());
    document.is_some_and(|document| document.id != did.to_string())
}

/// The sub-chain's header, which the main chain has anchored.
fn on_sub_chain(
    code: &str,
    proof: &StateProof,
    anchor: &StateProof,
    main: &Believed,
    now_ms: i64,
) -> Result<Believed, Stop> {
    let malformed = || {
        stop(
            Reason::SubHeaderMalformed,
            "the sub-chain's header does not decode, or is not the one named",
        )
    };
    let bytes = proof
        .header
        .as_ref()
        .filter(|_| proof.signed_header.is_none())
        .ok_or_else(malformed)?;
    let header = one_form::<Header, RawHeader>(&bytes.0)
        .filter(|header| {
            header.height.value() == proof.height.0 && header.chain_id.as_str() == proof.chain_id
        })
        .ok_or_else(malformed)?;
    let part = SubPart {
        chain_code: code.to_owned(),
        header: bytes.clone(),
    };
    let expected = [path::sub_chain(code), path::anchor(code, proof.height.0)];
    let (values, _) = Values::prove(&main.app_hash, &anchor.values, &expected)?;
    headers::sub_chain(&values, &part, &header)?;
    let ((believed, _), _) = headers::anchor(&values, &part, &header, now_ms)?;
    Ok(believed)
}

/// A DID of a chain that the main chain does not know is not registered.
fn no_such_chain(
    code: &str,
    proof: &StateProof,
    main: &Believed,
) -> Result<((Found, Believed), String), Stop> {
    let expected = [path::sub_chain(code), path::anchor(code, 0)];
    let (values, _) = Values::prove(&main.app_hash, &proof.values, &expected)?;
    match values.record::<v1::SubChainRecord>(&path::sub_chain(code))? {
        None => Ok((
            (Found::default(), Believed { ..*main }),
            format!("there is no chain {code}"),
        )),
        Some(_) => Err(stop(
            Reason::WrongChain,
            format!("the main chain knows {code}, but nothing of {code} is proved"),
        )),
    }
}

/// The result is the answer that the records give.
fn same(question: &Question, found: &Found, bare: &Value) -> Result<((), String), Stop> {
    let expected = representation(bare).map(|form| resolution::result(question, found, form));
    equal(expected.as_ref(), bare)
}

/// The form of the document that the result claims to hold.
fn representation(bare: &Value) -> Option<Representation> {
    match bare["didResolutionMetadata"]["contentType"].as_str() {
        None => Some(Representation::V1_1),
        Some(media_type) => Representation::of_media_type(media_type),
    }
}

/// What the record of a sub-chain says of its own DID.
fn chain_answer(
    question: &Question,
    proof: &StateProof,
    bare: &Value,
    main: &Believed,
) -> Result<(Option<Value>, String), Stop> {
    let code = question.did.chain_code();
    let code = code.as_ref().map_or("", |code| code.as_str());
    let path = path::sub_chain(code);
    let (values, _) = Values::prove(&main.app_hash, &proof.values, std::slice::from_ref(&path))?;
    let record = values.record::<v1::SubChainRecord>(&path)?;
    let answer = representation(bare)
        .map(|form| chain_document::resolution_result(question, record.as_ref(), form));
    let detail = match record {
        Some(record) => record.chain_id,
        None => format!("there is no chain {code}"),
    };
    Ok((answer, detail))
}

fn equal(expected: Option<&Value>, bare: &Value) -> Result<((), String), Stop> {
    if expected == Some(bare) {
        Ok(((), "it says what the records say".to_owned()))
    } else {
        Err(stop(
            Reason::AnswerMismatch,
            "it says something else than the proved records",
        ))
    }
}
