//! Resolving a DID of any chain, and believing no more than the pinned main chain proves.

use std::path::PathBuf;

use base64::Engine as _;
use clap::Args;
use prost::Message;
use serde_json::{Value, json};
use starfire_crosschain::proof_file::{Subject, assemble, attach, state_proof};
use starfire_did::Did;
use starfire_did::resolution::Representation;
use starfire_proto::v1;

use super::described;
use crate::cli::context::Context;
use crate::cli::output::Report;
use crate::cli::proof::{self, Chains};
use crate::cli::verify::{Pinned, Trusted};
use crate::failure::Failure;
use crate::file;

#[derive(Debug, Args)]
pub(crate) struct Resolve {
    /// The DID, of whatever chain
    did: Did,
    /// A gateway of the main chain, if --node is of a sub-chain
    #[arg(long, value_name = "URL")]
    main: Option<String>,
    /// Save what proves the answer
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,
    #[command(flatten)]
    trusted: Trusted,
}

pub(super) async fn resolve(arguments: &Resolve, context: &Context) -> Result<Report, Failure> {
    let client = context.client()?;
    let did = arguments.did;
    let request = v1::ResolveRequest {
        did: did.to_string(),
        ..v1::ResolveRequest::default()
    };
    let answer = client.call(client.dids().resolve(request)).await?;
    let pinned = arguments.trusted.pins(context)?;
    if !did.is_account() {
        return of_chain(arguments, &answer, &pinned);
    }
    if pinned.is_empty() && arguments.proof.is_none() {
        // What nobody can check is said to be unchecked.
        return Ok(found(&did, answer.record.as_ref())?.with("verified", false));
    }
    let subject = Subject::Did { did };
    let bytes = match (did.chain_code(), &answer.proof, &answer.anchor_proof) {
        (None, Some(proof), _) => assemble(subject, &proof::bundle(&client).await?, proof, None),
        (Some(_), Some(proof), Some(anchor)) => {
            assemble(subject, &proof::bundle(&client).await?, anchor, Some(proof))
        }
        // The node is of the sub-chain itself: it cannot show the anchor.
        (_, _, _) => Ok(Chains::connect(context, arguments.main.as_deref())
            .await?
            .prove(context, subject, 0)
            .await?),
    };
    let bytes = bytes.map_err(|error| Failure::caused("BAD_ANSWER", &error, "ask another node"))?;
    let mut as_of = None;
    if !pinned.is_empty() {
        let verified = pinned.verify(&bytes, None, None);
        Trusted::require_proved(&verified)?;
        as_of = verified.revocation_as_of;
    }
    // Not what the node says beside the proof, but what the proof is of.
    let report = found(&did, proved_record(&bytes, &did)?.as_ref())?;
    let report = report
        .with("verified", !pinned.is_empty())
        .with_some("as_of", as_of);
    match &arguments.proof {
        Some(path) => {
            file::replace(path, &bytes)?;
            Ok(report.with("proof_file", path.display().to_string()))
        }
        None => Ok(report),
    }
}

/// A sub-chain as a whole: its document follows from what the main chain knows of it, and is proved with that.
fn of_chain(
    arguments: &Resolve,
    answer: &v1::ResolveResponse,
    pinned: &Pinned,
) -> Result<Report, Failure> {
    let did = arguments.did;
    let Ok(document) = serde_json::from_str::<Value>(&answer.document) else {
        return Err(Failure::new(
            "DID_NOT_FOUND",
            format!("the main chain knows no sub-chain {did}"),
            "check the chain's code; `starfire anchor status` lists those there are",
        ));
    };
    let mut result = json!({
        "didDocument": document,
        "didResolutionMetadata": {
            "didUrl": did.to_string(),
            "contentType": Representation::JsonLd.media_type(),
        },
        "didDocumentMetadata": {},
    });
    let report = Report::new()
        .with("did", did.to_string())
        .with("document", document);
    let proof = answer.proof.as_ref();
    let proof = proof.and_then(|proof| state_proof(proof, answer.anchor_proof.as_ref()));
    if let Some(proof) = proof {
        attach(&mut result, proof);
    }
    let result = result.to_string();
    let mut as_of = None;
    if !pinned.is_empty() {
        let verified = pinned.verify(result.as_bytes(), None, None);
        Trusted::require_proved(&verified)?;
        as_of = verified.revocation_as_of;
    }
    let report = report
        .with("verified", !pinned.is_empty())
        .with_some("as_of", as_of);
    match &arguments.proof {
        Some(path) => {
            file::replace(path, format!("{result}\n").as_bytes())?;
            Ok(report.with("proof_file", path.display().to_string()))
        }
        None => Ok(report),
    }
}

/// The record that a proof file of a DID holds.
fn proved_record(proof: &[u8], did: &Did) -> Result<Option<v1::DidRecord>, Failure> {
    let fault = || {
        Failure::new(
            "BAD_ANSWER",
            "the proof does not hold the DID's record",
            "ask another node",
        )
    };
    let file: Value = serde_json::from_slice(proof).map_err(|_| fault())?;
    let values = if did.chain_code().is_some() {
        &file["sub_values"]
    } else {
        &file["main_values"]
    };
    let path =
        String::from_utf8(starfire_did::path::record(did)).expect("a state path is printable");
    let entry = values
        .as_array()
        .into_iter()
        .flatten()
        .find(|entry| entry["key"] == path.as_str())
        .ok_or_else(fault)?;
    let Some(value) = entry["value"].as_str() else {
        return Ok(None);
    };
    let value = base64::engine::general_purpose::STANDARD
        .decode(value)
        .map_err(|_| fault())?;
    v1::DidRecord::decode(value.as_slice())
        .map(Some)
        .map_err(|_| fault())
}

fn found(did: &Did, record: Option<&v1::DidRecord>) -> Result<Report, Failure> {
    match record {
        Some(record) => described(did, record),
        None => Err(Failure::new(
            "DID_NOT_FOUND",
            format!("{did} is not registered"),
            "check the identifier; `starfire did create` registers one",
        )),
    }
}
