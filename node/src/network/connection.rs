//! One connection's part of the direct stream: a stream out that we write, a stream in that we read.
//!
//! Each side opens one stream for what it sends and keeps it as long as the connection lives, so a message costs no negotiation and
//! no round trip. Any failure on either stream is reported and ends the connection; dialling again is the one way to recover.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::swarm::handler::{ConnectionEvent, ConnectionHandler, ConnectionHandlerEvent};
use libp2p::swarm::{ConnectionId, StreamUpgradeError, SubstreamProtocol};
use libp2p::{Stream, StreamProtocol};

use super::allowance::Allowance;
use super::frame::{FrameError, Kind, Reader, Writer};
use super::outbox::Outbox;

/// What a connection tells the behaviour.
#[derive(Debug)]
pub(crate) enum Report {
    /// The stream out is open.
    Open,
    /// A frame came in.
    Frame(Kind, Vec<u8>),
    /// The connection is of no more use.
    Failed(Failure),
}

/// Why a connection is given up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the peer does not speak this chain's protocol")]
    OtherProtocol,
    #[error("the direct stream was not opened in time")]
    TooLate,
    #[error("the direct stream ended")]
    Stream(#[from] FrameError),
}

impl Failure {
    /// Whether the peer broke the protocol, as opposed to just being gone.
    pub(crate) fn is_violation(&self) -> bool {
        match self {
            Self::Stream(FrameError::TooLong(_) | FrameError::Kind(_) | FrameError::Empty) => true,
            Self::OtherProtocol
            | Self::TooLate
            | Self::Stream(FrameError::Ended | FrameError::Stream(_)) => false,
        }
    }
}

/// The behaviour tells the connection that it now writes.
#[derive(Debug)]
pub(crate) struct Write;

/// The handler of one connection.
#[derive(Debug)]
pub(crate) struct Connection {
    id: ConnectionId,
    protocol: StreamProtocol,
    outbox: Arc<Outbox>,
    outbound: Outbound,
    inbound: Option<Inbound>,
    allowance: Allowance,
    reports: VecDeque<Report>,
}

#[derive(Debug)]
enum Outbound {
    Wanted,
    Negotiating,
    Open(Stream, Writer),
    Gone,
}

#[derive(Debug)]
struct Inbound {
    stream: Stream,
    reader: Reader,
}

impl Connection {
    pub(crate) fn new(
        id: ConnectionId,
        protocol: StreamProtocol,
        outbox: Arc<Outbox>,
        allowance: Allowance,
    ) -> Self {
        Self {
            id,
            protocol,
            outbox,
            outbound: Outbound::Wanted,
            inbound: None,
            allowance,
            reports: VecDeque::new(),
        }
    }

    fn upgrade(&self) -> SubstreamProtocol<ReadyUpgrade<StreamProtocol>> {
        SubstreamProtocol::new(ReadyUpgrade::new(self.protocol.clone()), ())
    }

    fn poll_outbound(&mut self, cx: &mut Context<'_>) -> Result<(), FrameError> {
        let Outbound::Open(stream, writer) = &mut self.outbound else {
            return Ok(());
        };
        loop {
            while writer.has_room() {
                let Some((kind, frame)) = self.outbox.pop(self.id, cx) else {
                    break;
                };
                writer.add(kind, &frame);
            }
            if writer.is_empty() || writer.poll_write(stream, cx)?.is_pending() {
                return Ok(());
            }
        }
    }

    fn poll_inbound(&mut self, cx: &mut Context<'_>) -> Poll<Result<(Kind, Vec<u8>), FrameError>> {
        let Some(inbound) = &mut self.inbound else {
            return Poll::Pending;
        };
        if self.allowance.poll_ready(cx).is_pending() {
            return Poll::Pending;
        }
        let polled = inbound.reader.poll_frame(&mut inbound.stream, cx);
        if let Poll::Ready(Ok((_, frame))) = &polled {
            self.allowance.spend(frame.len());
        }
        polled
    }
}

type Event = ConnectionHandlerEvent<ReadyUpgrade<StreamProtocol>, (), Report>;

impl ConnectionHandler for Connection {
    type FromBehaviour = Write;
    type ToBehaviour = Report;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        self.upgrade()
    }

    fn on_behaviour_event(&mut self, _: Write) {
        // The outbox knows the writer already; the event only causes the next poll.
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if let Some(report) = self.reports.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(report));
        }
        if matches!(self.outbound, Outbound::Wanted) {
            self.outbound = Outbound::Negotiating;
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest {
                protocol: self.upgrade(),
            });
        }
        if let Err(error) = self.poll_outbound(cx) {
            self.outbound = Outbound::Gone;
            let report = Report::Failed(error.into());
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(report));
        }
        match self.poll_inbound(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok((kind, frame))) => {
                let report = Report::Frame(kind, frame);
                Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(report))
            }
            Poll::Ready(Err(error)) => {
                self.inbound = None;
                let report = Report::Failed(error.into());
                Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(report))
            }
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "libp2p's enum, which may grow"
    )]
    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol>,
    ) {
        match event {
            // A second stream in replaces the first: a peer holds at most one, and gains nothing by another.
            ConnectionEvent::FullyNegotiatedInbound(negotiated) => {
                self.inbound = Some(Inbound {
                    stream: negotiated.protocol,
                    reader: Reader::default(),
                });
            }
            ConnectionEvent::FullyNegotiatedOutbound(negotiated) => {
                self.outbound = Outbound::Open(negotiated.protocol, Writer::default());
                self.reports.push_back(Report::Open);
            }
            ConnectionEvent::DialUpgradeError(failed) => {
                self.outbound = Outbound::Gone;
                let failure = upgrade_failure(failed.error);
                self.reports.push_back(Report::Failed(failure));
            }
            _ => {}
        }
    }
}

fn upgrade_failure(error: StreamUpgradeError<Infallible>) -> Failure {
    match error {
        StreamUpgradeError::Timeout => Failure::TooLate,
        StreamUpgradeError::NegotiationFailed => Failure::OtherProtocol,
        StreamUpgradeError::Io(error) => FrameError::from(error).into(),
        StreamUpgradeError::Apply(never) => match never {},
    }
}
