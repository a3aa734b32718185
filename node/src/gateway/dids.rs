//! Resolving DIDs, each with the proof of what this chain says of it, be it that there is none.
//!
//! A DID of a sub-chain is resolved on the main chain too: its gateway is asked for a proof under the newest header that the main
//! chain has anchored, see [`super::resolution`]. Such an answer is as old as that anchor and needs no trust in whoever gave it.

use prost::Message;
use starfire_crosschain::chain_document;
use starfire_did::resolution::{self, At, Question, Representation};
use starfire_did::{ChainCode, Did};
use starfire_proto::v1;
use starfire_state::Rejection;
use tonic::{Request, Response, Status};

use super::accounts::parse_did;
use super::did_changes::Changes;
use super::error::{self, answer};
use super::resolution::Wanted;
use super::{Gateway, limits};
use crate::grpc::dids_server::Dids;

#[tonic::async_trait]
impl Dids for Gateway {
    async fn resolve(
        &self,
        request: Request<v1::ResolveRequest>,
    ) -> Result<Response<v1::ResolveResponse>, Status> {
        answer(self.resolve_did(request.into_inner()).await)
    }

    async fn batch_resolve(
        &self,
        request: Request<v1::BatchResolveRequest>,
    ) -> Result<Response<v1::BatchResolveResponse>, Status> {
        answer(self.resolve_batch(request.into_inner()).await)
    }

    async fn list(
        &self,
        request: Request<v1::ListDidsRequest>,
    ) -> Result<Response<v1::ListDidsResponse>, Status> {
        answer(self.list_dids(request.into_inner()).await)
    }

    async fn resources(
        &self,
        request: Request<v1::ListResourcesRequest>,
    ) -> Result<Response<v1::ListResourcesResponse>, Status> {
        answer(self.list_resources(request.into_inner()).await)
    }

    type ChangesStream = Changes;

    async fn changes(
        &self,
        request: Request<v1::DidChangesRequest>,
    ) -> Result<Response<Changes>, Status> {
        let peer = limits::peer(request.extensions());
        answer(self.subscribe_changes(request.into_inner(), peer).await)
    }
}

impl Gateway {
    pub(super) async fn resolve_did(
        &self,
        request: v1::ResolveRequest,
    ) -> Result<v1::ResolveResponse, Rejection> {
        let did = parse_did(&request.did)?;
        let at = match (request.version, request.version_time_ms) {
            (0, 0) => At::Newest,
            (version, 0) => At::Version(version),
            (0, time) => At::Time(time),
            (_, _) => {
                return Err(Rejection::new(
                    error::INVALID_PARAMETER,
                    "version and version_time_ms exclude one another",
                ));
            }
        };
        let question = Question { did, at };
        let wanted = Wanted {
            proof: !request.without_proof,
            fresh: request.no_cache,
        };
        let answer = self.look_up(question, wanted).await?.only(wanted);
        let form = Representation::JsonLd;
        let document = match &answer.found.record {
            Some(record) => resolution::rendered_text(record, answer.found.origin, form)
                .map_err(|problem| Rejection::new(error::RESOLVER_UNPROVEN, problem.detail))?,
            None => answer.sub_chain.as_ref().map(|record| {
                let result = chain_document::resolution_result(&question, Some(record), form);
                result["didDocument"].to_string()
            }),
        };
        Ok(v1::ResolveResponse {
            record: answer.found.record,
            document: document.unwrap_or_default(),
            proof: answer.proof,
            anchor_proof: answer.anchor,
        })
    }

    /// The code of this node's chain; `None` on the main chain. It never changes, so it is read once.
    pub(super) async fn chain_code(&self) -> Result<Option<ChainCode>, Rejection> {
        if let Some(known) = self.chain_code.get() {
            return Ok(*known);
        }
        let chain = self
            .read(|view| Ok(starfire_state::chain(view.state().as_ref())))
            .await?;
        let code = ChainCode::parse_optional(&chain.chain_code)
            .expect("genesis gave the chain a code, or none");
        Ok(*self.chain_code.get_or_init(|| code))
    }
}

/// The record that a proof's value holds, if the proof is not of absence. Another chain may keep what it likes at a path.
pub(super) fn value<M: Message + Default>(
    proof: &v1::StateProof,
    index: usize,
) -> Result<Option<M>, Rejection> {
    let Some(proved) = proof.values.get(index).filter(|proved| proved.present) else {
        return Ok(None);
    };
    match M::decode(proved.value.as_slice()) {
        Ok(record) => Ok(Some(record)),
        Err(_) => Err(Rejection::new(
            error::RESOLVER_UNPROVEN,
            "what the chain keeps at this path is not the record that belongs there",
        )),
    }
}

/// Refuses what another chain holds, and says where to ask.
pub(super) fn other_chain(did: &Did, here: Option<ChainCode>) -> Rejection {
    let name = |code: Option<ChainCode>| {
        code.map_or_else(
            || "the main chain".to_owned(),
            |code| format!("the sub-chain {code}"),
        )
    };
    let detail = format!(
        "{did} is of {}; this node serves {}, so ask a gateway of the former",
        // What a chain as a whole is, the main chain knows.
        name(did.chain_code().filter(|_| did.is_account())),
        name(here)
    );
    Rejection::new(error::DID_OTHER_CHAIN, detail)
}

#[cfg(test)]
mod tests {
    use starfire_crosschain::path;
    use starfire_did::path as did_path;
    use starfire_state::Changes;
    use tonic::Code;

    use super::*;
    use crate::gateway::fixture::{
        Node, check_proof, did, did_record, record, refusal, registered,
    };
    use crate::grpc::dids_client::DidsClient;

    /// A main chain on which `by01` is registered with this resolver and anchored by this header.
    async fn main_with(anchored: Option<&tendermint::block::Header>, resolver: &str) -> Node {
        let height = anchored.map_or(0, |header| header.height.value());
        let sub_chain = v1::SubChainRecord {
            chain_code: "by01".into(),
            resolvers: vec!["http://127.0.0.1:1".into(), resolver.into()],
            latest_height: height,
            ..Default::default()
        };
        let mut records = record(path::sub_chain("by01"), &sub_chain);
        if let Some(header) = anchored {
            let anchor = v1::AnchorRecord {
                height,
                header_hash: header.hash().as_bytes().to_vec(),
                ..Default::default()
            };
            records.extend(record(path::anchor("by01", height), &anchor));
        }
        let mut node = Node::main(records).await;
        node.block(Changes::new(), &[]);
        node
    }

    async fn resolve(node: &Node, did: &Did) -> Result<v1::ResolveResponse, Status> {
        let request = v1::ResolveRequest {
            did: did.to_string(),
            ..v1::ResolveRequest::default()
        };
        let answer = DidsClient::new(node.channel()).resolve(request).await;
        answer.map(Response::into_inner)
    }

    #[tokio::test]
    async fn an_unknown_did_is_proved_absent() {
        let mut node = Node::main(registered(1, None, 1)).await;
        node.block(Changes::new(), &[]);
        let answer = resolve(&node, &did(2, None)).await.unwrap();
        assert_eq!(answer.record, None);
        let proof = answer.proof.unwrap();
        assert_eq!(check_proof(&proof, &node), 1);
        assert_eq!(
            (proof.values[0].present, &proof.values[0].key),
            (false, &did_path::record(&did(2, None)))
        );
    }

    #[tokio::test]
    async fn a_did_is_rendered_from_the_record_that_is_proved() {
        let mut node = Node::main(registered(1, None, 7)).await;
        node.block(Changes::new(), &[]);
        let answer = resolve(&node, &did(1, None)).await.unwrap();
        assert_eq!(answer.record, Some(did_record(1, None, 7)));
        assert!(
            answer.document.contains("publicKeyMultibase"),
            "{}",
            answer.document
        );
        check_proof(&answer.proof.unwrap(), &node);
    }

    #[tokio::test]
    async fn a_sub_chains_did_is_resolved_on_main_as_of_the_newest_anchor() {
        let mut sub = Node::sub(registered(1, Some("by01"), 1)).await;
        let anchored = sub.block(registered(1, Some("by01"), 2), &[]);
        sub.block(Changes::new(), &[]);
        let main = main_with(Some(&anchored), &sub.url).await;

        let answer = resolve(&main, &did(1, Some("by01"))).await.unwrap();
        assert_eq!(
            answer.record.unwrap().version,
            1,
            "version 2 is younger than the anchor"
        );
        assert_eq!(check_proof(&answer.proof.unwrap(), &sub), 1);
        let anchor_proof = answer.anchor_proof.unwrap();
        check_proof(&anchor_proof, &main);
        assert_eq!(
            value::<v1::AnchorRecord>(&anchor_proof, 1)
                .unwrap()
                .unwrap()
                .height,
            1
        );

        let answer = resolve(&main, &did(2, Some("by01"))).await.unwrap();
        assert_eq!(answer.record, None);
        check_proof(&answer.proof.unwrap(), &sub);
    }

    #[tokio::test]
    async fn a_resolver_that_shows_another_header_is_not_believed() {
        let mut sub = Node::sub(registered(1, Some("by01"), 1)).await;
        let mut other = Node::sub(registered(1, Some("by01"), 9)).await;
        other.block(Changes::new(), &[]);
        let anchored = sub.block(Changes::new(), &[]);
        let main = main_with(Some(&anchored), &other.url).await;
        let status = resolve(&main, &did(1, Some("by01"))).await.unwrap_err();
        assert_eq!(
            refusal(&status),
            (Code::DataLoss, "RESOLVER_UNPROVEN".into())
        );
    }

    #[tokio::test]
    async fn a_sub_chain_out_of_reach_unanchored_or_unknown_is_said_to_be() {
        let mut sub = Node::sub(Changes::new()).await;
        let header = sub.block(Changes::new(), &[]);

        let main = main_with(Some(&header), "http://127.0.0.1:1").await;
        let status = resolve(&main, &did(1, Some("by01"))).await.unwrap_err();
        assert_eq!(
            refusal(&status),
            (Code::Unavailable, "RESOLVER_UNREACHABLE".into())
        );
        let answer = resolve(&main, &did(1, Some("by02"))).await.unwrap();
        assert_eq!((answer.record, answer.proof), (None, None));
        let proof = answer.anchor_proof.unwrap();
        check_proof(&proof, &main);
        assert_eq!(
            (&proof.values[0].key, proof.values[0].present),
            (&path::sub_chain("by02"), false)
        );

        let main = main_with(None, &sub.url).await;
        let status = resolve(&main, &did(1, Some("by01"))).await.unwrap_err();
        assert_eq!(
            refusal(&status),
            (Code::FailedPrecondition, "CHAIN_NOT_ANCHORED".into())
        );

        let status = resolve(&sub, &did(1, Some("by02"))).await.unwrap_err();
        assert_eq!(
            refusal(&status),
            (Code::FailedPrecondition, "DID_OTHER_CHAIN".into())
        );
    }
}
