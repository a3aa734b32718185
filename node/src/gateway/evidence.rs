//! Evidence: one by its issuer and name, or whatever stands under a file's digest, each with proof and revocation.

use starfire_proto::v1;
use starfire_proto::v1::DigestAlgorithm;
use starfire_registry::{add, lookup, path};
use starfire_state::{Rejection, View};
use tonic::{Request, Response, Status};

use super::accounts::parse_did;
use super::dids::{other_chain, value};
use super::error::{self, answer};
use super::{Gateway, proofs};
use crate::grpc::evidence_server::Evidence;

/// Issuers whose evidence is shown for one digest.
const FOUND_MAX: usize = proofs::KEYS_MAX / 2;
/// What every digest algorithm makes of a file.
const DIGEST_BYTES: usize = 32;

#[tonic::async_trait]
impl Evidence for Gateway {
    async fn get(
        &self,
        request: Request<v1::GetEvidenceRequest>,
    ) -> Result<Response<v1::EvidenceView>, Status> {
        let v1::GetEvidenceRequest { issuer, id } = request.into_inner();
        answer(self.evidence_by(&issuer, &id).await)
    }

    async fn find(
        &self,
        request: Request<v1::FindEvidenceRequest>,
    ) -> Result<Response<v1::FindEvidenceResponse>, Status> {
        let request = request.into_inner();
        let found = self.evidence_of(request.algorithm(), &request.digest).await;
        answer(found.map(|found| v1::FindEvidenceResponse { found }))
    }
}

impl Gateway {
    async fn evidence_by(&self, issuer: &str, id: &str) -> Result<v1::EvidenceView, Rejection> {
        let issuer = parse_did(issuer)?;
        if !add::is_id(id) {
            return Err(Rejection::new(
                error::INVALID_PARAMETER,
                "an id is 64 lower-case hex digits",
            ));
        }
        let here = self.chain_code().await?;
        if issuer.chain_code() != here {
            return Err(other_chain(&issuer, here));
        }
        let keys = keys(&issuer.to_string(), id).to_vec();
        view(self.prove_newest(move |_| keys.clone()).await?)
    }

    /// Public evidence of a digest, in the order of its issuers.
    pub(super) async fn evidence_of(
        &self,
        algorithm: DigestAlgorithm,
        digest: &[u8],
    ) -> Result<Vec<v1::EvidenceView>, Rejection> {
        let digest = <[u8; DIGEST_BYTES]>::try_from(digest)
            .ok()
            .filter(|_| algorithm != DigestAlgorithm::Unspecified);
        let Some(digest) = digest else {
            return Err(Rejection::new(
                error::INVALID_PARAMETER,
                format!("a digest is {DIGEST_BYTES} bytes of SHA-256, SM3 or BLAKE3"),
            ));
        };
        let found = move |state: &dyn View| {
            let found = lookup::by_digest(state, algorithm, &digest, None, FOUND_MAX);
            found
                .iter()
                .flat_map(|(issuer, id)| keys(issuer, id))
                .collect()
        };
        let proof = self.prove_newest(found).await?;
        // Values stand in pairs, and each pair is an answer of its own.
        let pairs = proof.values.chunks(2).map(|values| v1::StateProof {
            values: values.to_vec(),
            ..header_of(&proof)
        });
        pairs.map(view).collect()
    }
}

/// Where evidence and its revocation stand.
fn keys(issuer: &str, id: &str) -> [Vec<u8>; 2] {
    [path::evidence(issuer, id), path::revocation(issuer, id)]
}

fn view(proof: v1::StateProof) -> Result<v1::EvidenceView, Rejection> {
    Ok(v1::EvidenceView {
        record: value(&proof, 0)?,
        revocation: value(&proof, 1)?,
        proof: Some(proof),
    })
}

fn header_of(proof: &v1::StateProof) -> v1::StateProof {
    v1::StateProof {
        chain_id: proof.chain_id.clone(),
        signed_header: proof.signed_header.clone(),
        validators: proof.validators.clone(),
        values: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use starfire_did::Did;
    use starfire_state::Changes;

    use super::*;
    use crate::gateway::fixture::{Node, check_proof, did, hash, record};
    use crate::grpc::evidence_client::EvidenceClient;

    fn evidence(issuer: &Did, digest: [u8; 32]) -> (Changes, String) {
        let (issuer, id) = (issuer.to_string(), hex::encode(digest));
        let evidence = v1::EvidenceRecord {
            id: id.clone(),
            issuer: issuer.clone(),
            commitment: digest.to_vec(),
            ..Default::default()
        };
        let mut changes = record(path::evidence(&issuer, &id), &evidence);
        let index = path::digest(DigestAlgorithm::Sha256, &digest, &issuer).unwrap();
        changes.insert(index, Some(id.clone().into_bytes()));
        (changes, id)
    }

    #[tokio::test]
    async fn evidence_is_found_by_its_digest_with_its_revocation() {
        let digest = hash(b"a file");
        let (mut changes, id) = evidence(&did(1, None), digest);
        changes.extend(evidence(&did(2, None), digest).0);
        let issuer = did(2, None).to_string();
        let revocation = v1::RevocationRecord {
            id: id.clone(),
            issuer: issuer.clone(),
            reason: "wrong file".into(),
            ..Default::default()
        };
        changes.extend(record(path::revocation(&issuer, &id), &revocation));
        let mut node = Node::main(changes).await;
        node.block(Changes::new(), &[]);

        let mut client = EvidenceClient::new(node.channel());
        let request = v1::FindEvidenceRequest {
            algorithm: DigestAlgorithm::Sha256.into(),
            digest: digest.to_vec(),
        };
        let found = client.find(request).await.unwrap().into_inner().found;
        assert_eq!(found.len(), 2);
        for view in &found {
            check_proof(view.proof.as_ref().unwrap(), &node);
            let revoked = view.record.as_ref().unwrap().issuer == issuer;
            assert_eq!(view.revocation, revoked.then(|| revocation.clone()));
        }
        let one = client
            .get(v1::GetEvidenceRequest { issuer, id })
            .await
            .unwrap()
            .into_inner();
        assert!(found.contains(&one));
    }
}
