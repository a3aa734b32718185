//! The port: every gRPC service, reflection, health, and the HTTP routes, with their limits.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use futures::{FutureExt, StreamExt};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tonic::service::Routes;
use tonic::transport::server::Connected;
use tonic_health::ServingStatus;
use tonic_reflection::server::Builder as Reflection;
use tower::{Service, ServiceExt};

use super::backend::Backend;
use super::connection::{self, Connection};
use super::limits::Requests;
use super::transactions::{BATCH_MAX, ENVELOPE_BYTES_MAX};
use super::{Gateway, credentials, feeds, http, resolution};
use crate::grpc;
use crate::grpc::accounts_server::{self, AccountsServer};
use crate::grpc::blocks_server::{self, BlocksServer};
use crate::grpc::chains_server::{self, ChainsServer};
use crate::grpc::credentials_server::{self, CredentialsServer};
use crate::grpc::dids_server::{self, DidsServer};
use crate::grpc::evidence_server::{self, EvidenceServer};
use crate::grpc::members_server::{self, MembersServer};
use crate::grpc::node_server::{self, NodeServer};
use crate::grpc::proofs_server::{self, ProofsServer};
use crate::grpc::transactions_server::{self, TransactionsServer};

/// What health speaks of, besides the node as a whole.
const SERVICES: [&str; 10] = [
    accounts_server::SERVICE_NAME,
    blocks_server::SERVICE_NAME,
    chains_server::SERVICE_NAME,
    credentials_server::SERVICE_NAME,
    dids_server::SERVICE_NAME,
    evidence_server::SERVICE_NAME,
    members_server::SERVICE_NAME,
    node_server::SERVICE_NAME,
    proofs_server::SERVICE_NAME,
    transactions_server::SERVICE_NAME,
];
/// Resolving over gRPC.
const RESOLVE: &str = "/starfire.v1.Dids/Resolve";
/// The longest request but for a submission and a credential.
const REQUEST_BYTES_MAX: usize = 64 << 10;
/// The longest submission: the envelopes and their framing.
const SUBMIT_BYTES_MAX: usize = ENVELOPE_BYTES_MAX + 8 * BATCH_MAX;
/// The longest header of a request.
const HEADER_BYTES_MAX: u32 = 16 << 10;
/// Requests at once on one connection.
const STREAMS_MAX: u32 = 256;
/// How often a silent connection is asked whether it still lives, and how long it may take to answer.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// How long requests under way may take to end when the node goes down.
const DRAIN_MAX: Duration = Duration::from_secs(3);

/// Serves on `listener` until `stop`. Everything that the gateway does ends with this future.
pub async fn serve(
    listener: TcpListener,
    backend: Backend,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let (feeds, driver) = feeds::feeds();
    let surfaces = Arc::new(Surfaces::new(Gateway::new(backend, feeds)).await);
    let answer = tower::service_fn(move |request| {
        let surfaces = Arc::clone(&surfaces);
        async move { Ok(surfaces.answer(request).await) }
    });
    let stop = stop.shared();
    let feeds = async {
        tokio::select! {
            () = driver.drive() => {}
            () = stop.clone() => {}
        }
    };
    futures::future::join(accept(listener, answer, stop.clone()), feeds).await;
}

/// Takes connections until `stop`, and then lets those that are there end their requests.
pub(crate) async fn accept<A>(
    listener: TcpListener,
    answer: A,
    stop: impl Future<Output = ()> + Clone + Send + 'static,
) where
    A: Service<Request, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static,
{
    let mut connections = pin!(connection::connections(listener));
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.clone() => break,
            Some(connection) = connections.next() => match connection {
                Ok(connection) => drop(open.spawn(converse(connection, answer.clone(), stop.clone()))),
                Err(error) => tracing::debug!(%error, "connection not taken"),
            },
            Some(_) = open.join_next() => {}
        }
    }
    // Over time: the rest is cut off with the set.
    drop(
        timeout(DRAIN_MAX, async {
            while open.join_next().await.is_some() {}
        })
        .await,
    );
}

/// Answers the requests of one connection, HTTP/1 or HTTP/2, until either side ends it. A websocket takes the connection over.
async fn converse<A>(connection: Connection, answer: A, stop: impl Future<Output = ()>)
where
    A: Service<Request, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static,
{
    let peer = connection.connect_info();
    let service = tower::service_fn(move |mut request: Request<_>| {
        request.extensions_mut().insert(peer.clone());
        answer.clone().oneshot(request.map(Body::new))
    });
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new());
    server
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_BYTES_MAX)
        .keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE);
    let mut serving = pin!(server.serve_connection_with_upgrades(
        TokioIo::new(connection),
        TowerToHyperService::new(service)
    ));
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection broke");
    }
}

/// Everything that the port answers with.
///
/// Resolving DIDs is what a gateway does most. It has a path of its own to where the router would lead as well, since the router makes
/// a copy of the gateway, and of its own parts, for each request.
#[derive(Debug)]
struct Surfaces {
    requests: Requests,
    gateway: Gateway,
    dids: DidsServer<Gateway>,
    routes: Router,
}

impl Surfaces {
    async fn new(gateway: Gateway) -> Self {
        Self {
            requests: Requests::new(),
            dids: dids(&gateway),
            routes: routes(gateway.clone()).await,
            gateway,
        }
    }

    async fn answer(&self, request: Request) -> Response {
        let dispatch = |request| self.dispatch(request);
        self.requests.limit(request, dispatch).await
    }

    // Boxed, each of them: their futures are large, and would be copied on their way into that of the connection.
    async fn dispatch(&self, request: Request) -> Response {
        if resolution::is_resolution(&request) {
            return Box::pin(resolution::resolve(&self.gateway, request)).await;
        }
        let answered = if request.uri().path() == RESOLVE {
            let answered = self.dids.clone().call(request).await;
            answered.map(|response| response.map(Body::new))
        } else {
            Box::pin(self.routes.clone().oneshot(request)).await
        };
        answered.unwrap_or_else(|never| match never {})
    }
}

fn dids(gateway: &Gateway) -> DidsServer<Gateway> {
    DidsServer::new(gateway.clone()).max_decoding_message_size(REQUEST_BYTES_MAX)
}

/// Every service over the HTTP routes, which also answer for whatever has no route.
async fn routes(gateway: Gateway) -> Router {
    let (health, health_server) = tonic_health::server::health_reporter();
    for service in SERVICES {
        health
            .set_service_status(service, ServingStatus::Serving)
            .await;
    }
    let reflection = || {
        Reflection::configure()
            .register_encoded_file_descriptor_set(grpc::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let reflection_server = reflection()
        .build_v1()
        .expect("the generated descriptors decode");
    let old_reflection_server = reflection()
        .build_v1alpha()
        .expect("the generated descriptors decode");

    let routes = Routes::from(http::router(gateway.clone()))
        .add_service(
            TransactionsServer::new(gateway.clone()).max_decoding_message_size(SUBMIT_BYTES_MAX),
        )
        .add_service(
            BlocksServer::new(gateway.clone()).max_decoding_message_size(REQUEST_BYTES_MAX),
        )
        .add_service(
            ProofsServer::new(gateway.clone()).max_decoding_message_size(REQUEST_BYTES_MAX),
        )
        .add_service(
            CredentialsServer::new(gateway.clone())
                .max_decoding_message_size(credentials::GRPC_BYTES_MAX),
        )
        .add_service(dids(&gateway))
        .add_service(
            EvidenceServer::new(gateway.clone()).max_decoding_message_size(REQUEST_BYTES_MAX),
        )
        .add_service(
            ChainsServer::new(gateway.clone()).max_decoding_message_size(REQUEST_BYTES_MAX),
        )
        .add_service(
            AccountsServer::new(gateway.clone()).max_decoding_message_size(REQUEST_BYTES_MAX),
        )
        .add_service(
            MembersServer::new(gateway.clone()).max_decoding_message_size(REQUEST_BYTES_MAX),
        )
        .add_service(NodeServer::new(gateway).max_decoding_message_size(REQUEST_BYTES_MAX))
        .add_service(health_server.max_decoding_message_size(REQUEST_BYTES_MAX))
        .add_service(reflection_server.max_decoding_message_size(REQUEST_BYTES_MAX))
        .add_service(old_reflection_server.max_decoding_message_size(REQUEST_BYTES_MAX));
    routes.into_axum_router()
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use starfire_proto::v1;
    use starfire_state::Changes;
    use tonic::Code;
    use tonic_health::pb::health_client::HealthClient;
    use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus};
    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

    use super::{ENVELOPE_BYTES_MAX, SUBMIT_BYTES_MAX};
    use crate::gateway::fixture::raw::exchange;
    use crate::gateway::fixture::{Node, did, refusal, registered};
    use crate::grpc::proofs_client::ProofsClient;
    use crate::grpc::transactions_client::TransactionsClient;

    #[tokio::test]
    async fn reflection_lists_every_service() {
        let node = Node::main(Changes::new()).await;
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let answers = ServerReflectionClient::new(node.channel())
            .server_reflection_info(futures::stream::iter([request]))
            .await
            .unwrap();
        let answer = answers.into_inner().next().await.unwrap().unwrap();
        let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
            panic!("{answer:?}")
        };
        let names: Vec<_> = list
            .service
            .iter()
            .map(|service| service.name.as_str())
            .collect();
        for name in [
            "Transactions",
            "Blocks",
            "Proofs",
            "Credentials",
            "Dids",
            "Evidence",
            "Chains",
            "Accounts",
            "Members",
            "Node",
        ] {
            assert!(
                names.contains(&format!("starfire.v1.{name}").as_str()),
                "{names:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_question_has_the_same_answer_whichever_way_leads_to_it() {
        let mut node = Node::main(registered(1, None, 7)).await;
        node.block(Changes::new(), &[]);
        for (subject, accept) in [
            (1, "application/did"),
            (1, "application/did-resolution"),
            (2, "application/did-resolution"),
        ] {
            let path = format!("/1.0/identifiers/{}", did(subject, None));
            let accept = format!("accept: {accept}\r\n");
            let (_, straight) = exchange(&node.url, "GET", &path, &accept, "").await;
            // Only GET has a way of its own.
            let (_, routed) = exchange(&node.url, "POST", &path, &accept, "").await;
            assert_eq!(straight, routed, "{path}");
            let (head, body) = exchange(&node.url, "HEAD", &path, &accept, "").await;
            assert!(body.is_empty(), "{head}");
        }
        let (head, _) = exchange(&node.url, "GET", "/1.0/identifiers", "", "").await;
        assert!(head.starts_with("http/1.1 200"), "the list: {head}");
    }

    #[tokio::test]
    async fn health_is_serving() {
        let node = Node::main(Changes::new()).await;
        for service in ["", "starfire.v1.Dids"] {
            let answer = HealthClient::new(node.channel())
                .check(HealthCheckRequest {
                    service: service.into(),
                })
                .await
                .unwrap();
            assert_eq!(answer.into_inner().status(), ServingStatus::Serving);
        }
    }

    #[tokio::test]
    async fn an_oversize_request_is_refused_by_every_kind_of_call() {
        let node = Node::main(Changes::new()).await;
        let keys = vec![vec![b'k'; 70_000]];
        let status = ProofsClient::new(node.channel())
            .get(v1::GetProofsRequest { keys, height: 0 })
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::OutOfRange, "{status}");

        let mut client = TransactionsClient::new(node.channel());
        let status = client
            .submit(v1::SubmitRequest {
                envelope: vec![0; SUBMIT_BYTES_MAX + 1],
            })
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::OutOfRange, "{status}");
        let status = client
            .submit(v1::SubmitRequest {
                envelope: vec![0; ENVELOPE_BYTES_MAX + 1],
            })
            .await
            .unwrap_err();
        assert_eq!(
            refusal(&status),
            (Code::InvalidArgument, "INVALID_PARAMETER".into())
        );
    }
}
