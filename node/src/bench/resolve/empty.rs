//! The process with the empty handlers: what HTTP, gRPC and the sockets cost when nothing is resolved.
//!
//! Its connections are those of the gateway, its runtime is that of a node, and nothing else runs in it: no limits, no routes but
//! these, no chain. So it is the most that this listener could answer on this machine.

use axum::Router;
use axum::routing::get;
use starfire_proto::v1;
use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use super::job::{Listen, Listening};
use crate::bench::client::{end_with_the_harness, hear, tell};
use crate::failure::Failure;
use crate::gateway::accept;
use crate::grpc::dids_server::{Dids, DidsServer};
use crate::run::WORKERS;

/// Serves until standard input ends.
pub(crate) fn run() -> Result<(), Failure> {
    let Listen {} = hear()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(|error| Failure::caused("RUNTIME", &error, ""))?;
    runtime.block_on(async {
        let fault = |error: std::io::Error| Failure::caused("BENCH", &error, "");
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(fault)?;
        let address = listener.local_addr().map_err(fault)?.to_string();
        tell(&Listening { address })?;
        std::thread::spawn(end_with_the_harness);
        let routes = Router::new().route("/1.0/identifiers/{*did}", get(async || ()));
        let routes = Routes::from(routes).add_service(DidsServer::new(Empty));
        accept(listener, routes.into_axum_router(), std::future::pending()).await;
        Ok(())
    })
}

/// Answers an empty message.
#[derive(Debug)]
struct Empty;

#[tonic::async_trait]
impl Dids for Empty {
    async fn resolve(
        &self,
        _request: Request<v1::ResolveRequest>,
    ) -> Result<Response<v1::ResolveResponse>, Status> {
        Ok(Response::new(v1::ResolveResponse::default()))
    }

    async fn batch_resolve(
        &self,
        _request: Request<v1::BatchResolveRequest>,
    ) -> Result<Response<v1::BatchResolveResponse>, Status> {
        Err(not_measured())
    }

    async fn list(
        &self,
        _request: Request<v1::ListDidsRequest>,
    ) -> Result<Response<v1::ListDidsResponse>, Status> {
        Err(not_measured())
    }

    async fn resources(
        &self,
        _request: Request<v1::ListResourcesRequest>,
    ) -> Result<Response<v1::ListResourcesResponse>, Status> {
        Err(not_measured())
    }

    type ChangesStream = futures::stream::Empty<Result<v1::DidChange, Status>>;

    async fn changes(
        &self,
        _request: Request<v1::DidChangesRequest>,
    ) -> Result<Response<Self::ChangesStream>, Status> {
        Err(not_measured())
    }
}

fn not_measured() -> Status {
    Status::unimplemented("only resolving is measured")
}
