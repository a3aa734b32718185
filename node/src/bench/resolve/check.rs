//! Reading one answer of each kind through and verifying it, as a caller would who believes nothing: a gateway that answers
//! errors, or proofs that do not hold, is fast as well.

use std::time::Duration;

use serde_json::Value;
use starfire_crosschain::proof_file::{
    Report, Subject, Verdict, assemble, verify, verify_resolution,
};
use starfire_crosschain::trust::{BUNDLE_BYTES_MAX, Bundle};
use starfire_did::Did;
use starfire_proto::v1;

use super::ask::{fault, get, resolve};
use super::kind::Kind;
use super::wire::Connection;
use crate::client::Client;
use crate::devnet::Trust;
use crate::failure::Failure;
use crate::{clock, file};

/// How old what proves an answer may be. It is a moment old.
const AGE_MAX: Duration = Duration::from_secs(3_600);

/// The gateway, and what its chain is known by.
#[derive(Debug)]
pub(super) struct Checks<'a> {
    pub(super) address: &'a str,
    pub(super) client: Client,
    pub(super) trust: &'a Trust,
}

impl Checks<'_> {
    /// Asks for this DID in every way, and verifies what comes; returns how many proofs hold.
    pub(super) async fn check(&self, did: &str) -> Result<u64, Failure> {
        let bytes = file::read(&self.trust.bundle, BUNDLE_BYTES_MAX)?;
        let mut http = Connection::open(self.address)
            .await
            .map_err(|error| fault(&error))?;
        let document = json(&mut http, Kind::HttpDocument, did).await?;
        require(document["id"] == did, Kind::HttpDocument, &document)?;
        let keys = document["verificationMethod"].as_array();
        let has_key = keys.is_some_and(|keys| !keys.is_empty());
        require(has_key, Kind::HttpDocument, &document)?;
        let result = json(&mut http, Kind::HttpResult, did).await?;
        require(result["didDocument"] == document, Kind::HttpResult, &result)?;
        let proved = json(&mut http, Kind::HttpProof, did).await?;
        require(proved["didDocument"] == document, Kind::HttpProof, &proved)?;
        self.holds(Kind::HttpProof, |pin, now_ms| {
            verify_resolution(proved.to_string().as_bytes(), &bytes, pin, now_ms, AGE_MAX)
        })?;

        let mut dids = self.client.dids();
        let plain = resolve(&mut dids, Kind::GrpcRecord, did).await?;
        let proved = resolve(&mut dids, Kind::GrpcProof, did).await?;
        let of = |answer: &v1::ResolveResponse| {
            let document = answer.record.as_ref()?.document.as_ref()?;
            Some(document.id.clone())
        };
        require(of(&plain).as_deref() == Some(did), Kind::GrpcRecord, &plain)?;
        require(plain.proof.is_none(), Kind::GrpcRecord, &plain)?;
        require(proved.record == plain.record, Kind::GrpcProof, &proved)?;
        let proof = proved.proof.unwrap_or_default();
        let bundle = Bundle::parse(&bytes).map_err(|error| fault(&error))?;
        let subject = Subject::Did {
            did: did.parse::<Did>().map_err(|error| fault(&error))?,
        };
        let proof = assemble(subject, &bundle, &proof, None).map_err(|error| fault(&error))?;
        self.holds(Kind::GrpcProof, |pin, now_ms| {
            verify(&proof, None, None, &bytes, pin, now_ms, AGE_MAX)
        })?;
        Ok(2)
    }

    fn holds(&self, kind: Kind, verify: impl FnOnce(&str, i64) -> Report) -> Result<(), Failure> {
        let report = verify(&self.trust.fingerprint, clock::unix_ms());
        require(report.verdict == Verdict::Valid, kind, &report)
    }
}

async fn json(http: &mut Connection, kind: Kind, did: &str) -> Result<Value, Failure> {
    let reply = get(http, kind, did).await.map_err(|error| fault(&error))?;
    serde_json::from_slice(reply.body).map_err(|error| fault(&error))
}

fn require(holds: bool, kind: Kind, answer: &impl std::fmt::Debug) -> Result<(), Failure> {
    if holds {
        return Ok(());
    }
    Err(Failure::new(
        "BENCH",
        format!("{}: the answer does not hold: {answer:?}", kind.name()),
        "",
    ))
}
