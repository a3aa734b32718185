//! Making proof files: wait until something is provable on the main chain, fetch the proofs, put them into one file.
//!
//! Nothing fetched here is believed: whoever reads the file checks every step of it.

use std::time::Duration;

use starfire_crosschain::proof_file::{Certificate, Scope, Subject, assemble};
use starfire_crosschain::trust::Bundle;
use starfire_did::Did;
use starfire_did::issuer::LEVELS_MAX;
use starfire_proto::v1;
use tendermint::block::signed_header::SignedHeader;
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::SignedHeader as RawSignedHeader;

use super::context::Context;
use crate::client::{Client, ClientError};
use crate::clock;
use crate::failure::Failure;

/// How long an anchor may take: the backbone's heartbeat and a margin.
const PATIENCE: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(50);

/// Where a subject can be proved: its own chain, and the main chain if that is another.
#[derive(Debug, Clone)]
pub(crate) struct Chains {
    /// The chain that holds the values.
    pub(crate) own: Client,
    /// The main chain; `None`: it holds the values itself.
    main: Option<Client>,
}

impl Chains {
    /// The node's chain, and the main chain that `--main` names.
    pub(crate) async fn connect(context: &Context, main: Option<&str>) -> Result<Self, Failure> {
        let own = context.client()?;
        if own.chain_code().await?.is_none() {
            return Ok(Self { own, main: None });
        }
        let main = main.ok_or_else(|| {
            Failure::usage(
                "a proof file needs the main chain too",
                "add --main URL: a gateway of a main-chain node",
            )
        })?;
        Ok(Self {
            own,
            main: Some(Client::connect(main)?),
        })
    }

    /// A proof file for `subject` under a state that includes block `committed` of its own chain; 0: whatever is newest.
    pub(crate) async fn prove(
        &self,
        context: &Context,
        subject: Subject,
        committed: u64,
    ) -> Result<Vec<u8>, Failure> {
        let (proof, _) = self.prove_under(context, subject, committed).await?;
        Ok(proof)
    }

    /// The same with the bundle that the node tells of the main chain. It vouches for nothing.
    pub(crate) async fn prove_under(
        &self,
        context: &Context,
        subject: Subject,
        committed: u64,
    ) -> Result<(Vec<u8>, Bundle), Failure> {
        let main = self.main.as_ref().unwrap_or(&self.own);
        let (anchored, main_committed, sub) = match &self.main {
            None => (None, committed, None),
            Some(main) => {
                context
                    .output
                    .progress("waiting for the anchor on the main chain");
                let anchor = self.anchor(main, &subject, committed).await?;
                let proof = get(&self.own, subject.sub_paths(), anchor.height).await?;
                (Some(anchor.height), anchor.main_height, Some(proof))
            }
        };
        let main_proof = newest(main, subject.main_paths(anchored), main_committed).await?;
        // After the proof, so that it knows the validators who signed that.
        let bundle = bundle(main).await?;
        let proof = assemble(subject, &bundle, &main_proof, sub.as_ref())
            .map_err(|error| Failure::caused("BAD_ANSWER", &error, "ask another node"))?;
        Ok((proof, bundle))
    }

    /// The newest anchor, once it is of a header that proves block `committed`.
    async fn anchor(
        &self,
        main: &Client,
        subject: &Subject,
        committed: u64,
    ) -> Result<v1::AnchorRecord, Failure> {
        let chain_code = subject
            .chain_code()
            .map(|code| code.to_string())
            .unwrap_or_default();
        let start = clock::monotonic();
        loop {
            let request = v1::ListAnchorsRequest {
                chain_code: chain_code.clone(),
                limit: 1,
                from_height: 0,
            };
            let answer = main.call(main.chains().anchors(request)).await?;
            if let Some(anchor) = answer
                .anchors
                .into_iter()
                .next()
                .filter(|anchor| anchor.height > committed)
            {
                return Ok(anchor);
            }
            if clock::elapsed(start) > PATIENCE {
                return Err(Failure::new(
                    "NOT_ANCHORED",
                    format!("no header of {chain_code} above {committed} is anchored yet"),
                    "`starfire anchor status --node MAIN` tells when the backbone anchored last, and why not since",
                ));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// The certificate subject of an issued document: which version of the issuer's record was in force when the chain took it.
    pub(crate) async fn certificate(
        &self,
        mut certificate: Certificate,
        issued_ms: i64,
    ) -> Result<Subject, Failure> {
        let did = certificate.issuer.to_string();
        let newest = record(&self.own, &did, 0).await?;
        let mut in_force = newest.clone();
        while in_force.updated_ms > issued_ms && in_force.version > 1 {
            in_force = record(&self.own, &did, in_force.version - 1).await?;
        }
        certificate.issuer_version =
            (in_force.version != newest.version).then_some(in_force.version);
        Ok(Subject::Certificate(self.accredited(certificate).await?))
    }

    /// The certificate subject with those who accredited its issuer, up to the root; or, where nobody did, with what the issuer is
    /// accredited for instead, so that the verdict can say so.
    pub(crate) async fn accredited(
        &self,
        mut certificate: Certificate,
    ) -> Result<Certificate, Failure> {
        let main = self.main.as_ref().unwrap_or(&self.own);
        let mut held = accreditations(main, &certificate.issuer).await?;
        let (kind, jurisdiction) = (
            certificate.document_type.clone(),
            certificate.jurisdiction.clone(),
        );
        let fits = |record: &v1::AccreditationRecord| {
            record.r#type == kind && record.jurisdiction == jurisdiction
        };
        if !held.iter().any(fits) {
            let same_type = |record: &&v1::AccreditationRecord| record.r#type == kind;
            let other = held.iter().find(same_type).or(held.first());
            certificate.accredited_for = other.map(|record| Scope {
                document_type: record.r#type.clone(),
                jurisdiction: record.jurisdiction.clone(),
            });
            return Ok(certificate);
        }
        while certificate.accreditors.len() < LEVELS_MAX {
            let giver = held.iter().find(|record| fits(record));
            let Some(giver) = giver.and_then(|record| Did::parse(&record.accreditor).ok()) else {
                break;
            };
            certificate.accreditors.push(giver);
            held = accreditations(main, &giver).await?;
        }
        Ok(certificate)
    }
}

/// What a DID is accredited for, on the main chain.
pub(crate) async fn accreditations(
    main: &Client,
    issuer: &Did,
) -> Result<Vec<v1::AccreditationRecord>, Failure> {
    let request = v1::ListAccreditationsRequest {
        issuer: issuer.to_string(),
    };
    let answer = main.call(main.members().accreditations(request)).await?;
    Ok(answer.accreditations)
}

/// A DID's record: the newest, or one version.
pub(crate) async fn record(
    client: &Client,
    did: &str,
    version: u64,
) -> Result<v1::DidRecord, Failure> {
    let request = v1::ResolveRequest {
        did: did.to_owned(),
        version,
        ..v1::ResolveRequest::default()
    };
    let answer = client.call(client.dids().resolve(request)).await?;
    if let Some(record) = answer.record {
        return Ok(record);
    }
    if Did::parse(did).is_ok_and(|did| !did.is_account()) {
        return Err(Failure::usage(
            format!("{did} is a sub-chain as a whole, which has no record of its own"),
            "`starfire did resolve` says where its DIDs are resolved",
        ));
    }
    let newest = match version {
        0 => None,
        _ => Box::pin(record(client, did, 0)).await.ok(),
    };
    Err(match newest {
        None => Failure::new(
            "DID_NOT_FOUND",
            format!("{did} is not registered"),
            "register it by `starfire did create`",
        ),
        Some(newest) => Failure::new(
            "VERSION_NOT_FOUND",
            format!(
                "{did} has no version {version}; its newest is {}",
                newest.version
            ),
            "leave --version out for the newest",
        ),
    })
}

/// The node's own description of its chain. It vouches for nothing.
pub(crate) async fn bundle(client: &Client) -> Result<Bundle, Failure> {
    let answer = client
        .call(client.proofs().trust(v1::TrustRequest {}))
        .await?;
    Bundle::parse(&answer.bundle).map_err(|error| {
        Failure::new(
            "BAD_ANSWER",
            format!("{}: {error}", client.url()),
            "ask another node",
        )
    })
}

/// Values proved by a header above `committed`, the newest there is.
async fn newest(
    client: &Client,
    keys: Vec<Vec<u8>>,
    committed: u64,
) -> Result<v1::StateProof, Failure> {
    let start = clock::monotonic();
    loop {
        let proof = get(client, keys.clone(), 0).await?;
        let signed = <SignedHeader as Protobuf<RawSignedHeader>>::decode_vec(&proof.signed_header)
            .map_err(|_| {
                ClientError::new(
                    "BAD_ANSWER",
                    "the node's signed header does not decode",
                    "ask another node",
                )
            })?;
        if signed.header.height.value() > committed {
            return Ok(proof);
        }
        if clock::elapsed(start) > PATIENCE {
            return Err(Failure::new(
                "TIMEOUT",
                format!("{} has no header above {committed} yet", client.url()),
                "its chain may have stopped: `starfire devnet status` tells",
            ));
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn get(client: &Client, keys: Vec<Vec<u8>>, height: u64) -> Result<v1::StateProof, Failure> {
    Ok(client
        .call(client.proofs().get(v1::GetProofsRequest { keys, height }))
        .await?)
}

#[cfg(test)]
mod tests {
    use starfire_state::Changes;

    use super::*;
    use crate::gateway::fixture::{Node, did, registered};

    #[tokio::test]
    async fn a_version_that_is_not_there_is_told_from_a_did_that_is_not() {
        let mut node = Node::main(registered(1, None, 1)).await;
        node.block(Changes::new(), &[]);
        let client = Client::connect(&node.url).unwrap();
        let one = did(1, None).to_string();
        assert_eq!(record(&client, &one, 0).await.unwrap().version, 1);
        let refused = async |did: &str, version| record(&client, did, version).await.unwrap_err();
        let version = refused(&one, 9).await;
        assert_eq!(version.code, "VERSION_NOT_FOUND");
        assert!(version.message.contains("its newest is 1"), "{version}");
        for version in [0, 9] {
            let absent = refused(&did(2, None).to_string(), version).await;
            assert_eq!(absent.code, "DID_NOT_FOUND");
        }
        let chain = refused("did:bid:by01", 0).await;
        assert_eq!(chain.code, "USAGE");
        assert!(chain.hint.contains("did resolve"), "{chain}");
    }
}
