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
    if !did.is_account() && client.chain_code().await?.is_some() {
        return Err(Failure::new(
            "DID_OTHER_CHAIN",
            format!("{did} is a sub-chain as a whole, and the main chain says what it is"),
            "name a node of the main chain by --node",
        ));
    }
    let request = v1::ResolveRequest {
        did: did.to_string(),
        // Who says how old the answer may be shall not be told what the node kept.
        no_cache: arguments.trusted.asks_for_age(),
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

#[cfg(test)]
mod tests {
    use clap::Parser;
    use starfire_crosschain::path;
    use starfire_state::Changes;

    use super::*;
    use crate::cli::output::Output;
    use crate::gateway::fixture::{Node, record};

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        resolve: Resolve,
    }

    async fn resolved(node: &Node, did: &str) -> Result<Value, Failure> {
        let context = Context {
            output: Output::new(true),
            home: Some("/nobody/is/at/home".into()),
            node: Some(node.url.clone()),
            passphrase_file: None,
        };
        let line = Line::parse_from(["resolve", did]);
        let report = resolve(&line.resolve, &context).await?;
        Ok(serde_json::to_value(report).unwrap())
    }

    #[tokio::test]
    async fn a_sub_chain_as_a_whole_is_resolved_by_the_main_chain() {
        let chain = v1::SubChainRecord {
            chain_code: "by01".into(),
            chain_id: "starfire-by01-1".into(),
            resolvers: vec!["http://127.0.0.1:1".into()],
            status: v1::SubChainStatus::Active.into(),
            ..Default::default()
        };
        let mut main = Node::main(record(path::sub_chain("by01"), &chain)).await;
        main.block(Changes::new(), &[]);
        let found = resolved(&main, "did:bid:by01").await.unwrap();
        let service = &found["document"]["service"][0];
        assert_eq!(service["serviceEndpoint"], "http://127.0.0.1:1");
        assert_eq!(found["verified"], false);
        let unknown = resolved(&main, "did:bid:by02").await.unwrap_err();
        assert_eq!(unknown.code, "DID_NOT_FOUND");
        assert!(unknown.message.contains("no sub-chain"), "{unknown}");
        let mut sub = Node::sub(Changes::new()).await;
        sub.block(Changes::new(), &[]);
        let elsewhere = resolved(&sub, "did:bid:by01").await.unwrap_err();
        assert_eq!(elsewhere.code, "DID_OTHER_CHAIN");
        assert!(elsewhere.hint.contains("main chain"), "{elsewhere}");
    }
}
