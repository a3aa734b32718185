//! How many requests are answered at once.
//!
//! A request keeps its seat until the last byte of its answer is on its way, so the numbers below bound memory: seats, times the
//! most that each may carry. Those that carry much have few seats of their own.

use std::net::{IpAddr, Ipv4Addr};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{Extensions, Method, header};
use axum::response::Response;
use http_body::{Frame, SizeHint};
use starfire_state::Rejection;
use tokio::time::timeout;
use tonic::transport::server::TcpConnectInfo;

use super::{credentials, error, tendermint};
use crate::seats::{Seat, Seats};

/// Submissions, of up to 1 MiB each.
const SUBMISSIONS: (usize, usize) = (256, 128);
/// Whole blocks, of up to 16 MiB each, and many DIDs at once.
const BLOCKS: (usize, usize) = (32, 8);
/// Calls of Tendermint clients, of which each may ask for a whole block or a batch of answers, of up to 32 MiB.
const TENDERMINT: (usize, usize) = (64, 32);
/// Checks of credentials, of up to 1 MiB each, and what is made of them.
const CHECKS: (usize, usize) = (64, 16);
/// Everything else, subscriptions too: some KiB as a rule, and a transaction of 1 MiB at most.
const OTHERS: (usize, usize) = (4_096, 2_048);

/// How long one request may take, the longest wait included.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(70);
/// An answer leaves in pieces of this many bytes.
const PIECE_BYTES_MAX: usize = 64 << 10;

/// Seats by what a request may carry: in all, and for one address.
#[derive(Debug, Clone)]
pub(super) struct Requests {
    submissions: Seats,
    blocks: Seats,
    tendermint: Seats,
    checks: Seats,
    others: Seats,
}

impl Requests {
    pub(super) fn new() -> Self {
        let seats = |(max, per_peer_max)| Seats::new(max, per_peer_max);
        Self {
            submissions: seats(SUBMISSIONS),
            blocks: seats(BLOCKS),
            tendermint: seats(TENDERMINT),
            checks: seats(CHECKS),
            others: seats(OTHERS),
        }
    }

    fn seats(&self, method: &Method, path: &str) -> &Seats {
        match path {
            "/starfire.v1.Transactions/Submit" | "/starfire.v1.Transactions/SubmitBatch" => {
                &self.submissions
            }
            "/1.0/create" | "/1.0/update" | "/1.0/deactivate" | "/1.0/createResource" => {
                &self.submissions
            }
            "/starfire.v1.Blocks/Get" => &self.blocks,
            "/starfire.v1.Dids/BatchResolve" | "/1.0/identifiers:batch" => &self.blocks,
            "/" if method == Method::POST => &self.tendermint,
            _ if credentials::carries_much(path) => &self.checks,
            _ if tendermint::carries_much(path) => &self.tendermint,
            _ => &self.others,
        }
    }
}

impl Requests {
    /// Has the request answered if there is a seat for it.
    pub(super) async fn limit<F>(
        &self,
        request: Request,
        answer: impl FnOnce(Request) -> F,
    ) -> Response
    where
        F: Future<Output = Response>,
    {
        let peer = peer(request.extensions());
        let grpc = is_grpc(&request);
        let seats = self.seats(request.method(), request.uri().path());
        let Some(seat) = seats.take(peer) else {
            let busy = Rejection::new(error::BUSY, "too many requests at once; try again shortly");
            return refuse(&busy, grpc);
        };
        let mut answer = pin!(answer(request));
        // Most answers are there at once, and need no timer.
        let mut response = match futures::poll!(answer.as_mut()) {
            Poll::Ready(response) => response,
            Poll::Pending => timeout(REQUEST_TIME_MAX, answer)
                .await
                .unwrap_or_else(|_| refuse(&overdue(), grpc)),
        };
        error::name_transport_refusal(response.headers_mut());
        response.map(|body| {
            Body::new(Seated {
                body,
                rest: Bytes::new(),
                _seat: seat,
            })
        })
    }
}

/// The address that a request came from.
pub(super) fn peer(from: &Extensions) -> IpAddr {
    let peer = from
        .get::<TcpConnectInfo>()
        .and_then(TcpConnectInfo::remote_addr);
    peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip())
}

fn refuse(rejection: &Rejection, grpc: bool) -> Response {
    if grpc {
        error::status(rejection).into_http()
    } else {
        error::response(rejection)
    }
}

fn overdue() -> Rejection {
    Rejection::new(
        error::BUSY,
        format!("no answer in {REQUEST_TIME_MAX:?}; try again shortly"),
    )
}

/// The body of an answer, with the seat that it keeps until it is sent or given up.
///
/// It is handed on in pieces: the connection takes whatever it is given into its own buffer, and asks for the next piece only when
/// the client has room. So an answer that nobody reads stays here, with its seat, and not there without.
struct Seated {
    body: Body,
    rest: Bytes,
    _seat: Seat,
}

impl HttpBody for Seated {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        let piece = self.rest.len().min(PIECE_BYTES_MAX);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = u64::try_from(self.rest.len()).expect("a length fits in 64 bits");
        let body = self.body.size_hint();
        let mut hint = SizeHint::new();
        if let Some(upper) = body.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint.set_lower(body.lower().saturating_add(rest));
        hint
    }
}

/// Whether a request speaks gRPC.
pub(super) fn is_grpc(request: &Request) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

#[cfg(test)]
mod tests {
    use starfire_proto::v1;
    use starfire_state::Changes;
    use tonic::Code;

    use super::*;
    use crate::gateway::fixture::{Node, refusal};
    use crate::grpc::blocks_client::BlocksClient;

    #[tokio::test]
    async fn an_answer_that_nobody_reads_keeps_its_seat() {
        let mut node = Node::main(Changes::new()).await;
        // More than a connection's window takes at once.
        node.block(Changes::new(), &[&[7; 4 << 20]]);
        let unread = (0..BLOCKS.1).map(|_| {
            node.ask_unread(
                "/starfire.v1.Blocks/Get",
                &v1::GetBlockRequest { height: 1 },
            )
        });
        let unread = futures::future::join_all(unread).await;
        let mut client = BlocksClient::new(node.channel()).max_decoding_message_size(8 << 20);
        let status = client
            .get(v1::GetBlockRequest { height: 1 })
            .await
            .map(drop)
            .unwrap_err();
        assert_eq!(
            refusal(&status),
            (Code::ResourceExhausted, "GATEWAY_BUSY".into())
        );
        drop(unread);
        while client.get(v1::GetBlockRequest { height: 1 }).await.is_err() {
            tokio::task::yield_now().await;
        }
    }
}
