//! Chains: this one, the sub-chains registered on it, and their anchored headers.

use starfire_crosschain::chain;
use starfire_did::ChainCode;
use starfire_proto::v1;
use starfire_state::Rejection;
use tonic::{Request, Response, Status};

use super::Gateway;
use super::error::{self, answer};
use crate::grpc::chains_server::Chains;

/// Anchors in one answer.
const ANCHORS_MAX: usize = 100;

/// A chain's parameters, and its sub-chains with their newest anchors.
type ChainsWithAnchors = (
    v1::ChainRecord,
    Vec<(v1::SubChainRecord, Option<v1::AnchorRecord>)>,
);

#[tonic::async_trait]
impl Chains for Gateway {
    async fn list(
        &self,
        _request: Request<v1::ListChainsRequest>,
    ) -> Result<Response<v1::ListChainsResponse>, Status> {
        answer(self.chains().await)
    }

    async fn anchors(
        &self,
        request: Request<v1::ListAnchorsRequest>,
    ) -> Result<Response<v1::ListAnchorsResponse>, Status> {
        answer(self.anchors_of(request.into_inner()).await)
    }
}

impl Gateway {
    pub(super) async fn chains(&self) -> Result<v1::ListChainsResponse, Rejection> {
        self.read(|view| {
            let state = view.state();
            Ok(v1::ListChainsResponse {
                chain: Some(starfire_state::chain(state.as_ref())),
                sub_chains: chain::list(state.as_ref()),
            })
        })
        .await
    }

    /// This chain, and each sub-chain with its newest anchor.
    pub(super) async fn chains_with_anchors(&self) -> Result<ChainsWithAnchors, Rejection> {
        self.read(|view| {
            let state = view.state();
            let sub_chains = chain::list(state.as_ref()).into_iter().map(|record| {
                let newest =
                    chain::load_anchor(state.as_ref(), &record.chain_code, record.latest_height);
                (record, newest)
            });
            Ok((starfire_state::chain(state.as_ref()), sub_chains.collect()))
        })
        .await
    }

    pub(super) async fn anchors_of(
        &self,
        request: v1::ListAnchorsRequest,
    ) -> Result<v1::ListAnchorsResponse, Rejection> {
        let v1::ListAnchorsRequest {
            chain_code,
            limit,
            from_height,
        } = request;
        let code = parse_code(&chain_code)?;
        let limit = usize::try_from(limit).map_or(ANCHORS_MAX, |limit| limit.clamp(1, ANCHORS_MAX));
        let anchors = self.read(move |view| {
            let state = view.state();
            Ok(match from_height {
                0 => chain::newest_anchors(state.as_ref(), code.as_str(), limit),
                from => chain::anchors_from(state.as_ref(), code.as_str(), from, limit),
            })
        });
        Ok(v1::ListAnchorsResponse {
            anchors: anchors.await?,
        })
    }
}

fn parse_code(text: &str) -> Result<ChainCode, Rejection> {
    ChainCode::parse(text)
        .map_err(|error| Rejection::new(error::INVALID_PARAMETER, error.to_string()))
}
