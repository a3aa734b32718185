//! Members, the motions they vote on, and who may issue which certificates.

use prost::Message;
use starfire_did::path;
use starfire_ledger::motion;
use starfire_proto::v1;
use starfire_state::{Rejection, View};
use tonic::{Request, Response, Status};

use super::Gateway;
use super::accounts::parse_did;
use super::error::answer;
use crate::grpc::members_server::Members;

/// Members in one answer.
const MEMBERS_MAX: usize = 1_000;
/// Motions in one answer.
const MOTIONS_MAX: u32 = 100;
/// Accreditations in one answer.
const ACCREDITATIONS_MAX: usize = 1_000;

#[tonic::async_trait]
impl Members for Gateway {
    async fn list(
        &self,
        _request: Request<v1::ListMembersRequest>,
    ) -> Result<Response<v1::ListMembersResponse>, Status> {
        let members = self.read(|view| {
            Ok(records(
                view.state().as_ref(),
                starfire_ledger::path::MEMBERS,
                MEMBERS_MAX,
            ))
        });
        answer(
            members
                .await
                .map(|members| v1::ListMembersResponse { members }),
        )
    }

    async fn motions(
        &self,
        request: Request<v1::ListMotionsRequest>,
    ) -> Result<Response<v1::ListMotionsResponse>, Status> {
        let limit = match request.into_inner().limit {
            0 => MOTIONS_MAX,
            limit => limit.min(MOTIONS_MAX),
        };
        let motions = self.read(move |view| Ok(newest_motions(view.state().as_ref(), limit)));
        answer(
            motions
                .await
                .map(|motions| v1::ListMotionsResponse { motions }),
        )
    }

    async fn accreditations(
        &self,
        request: Request<v1::ListAccreditationsRequest>,
    ) -> Result<Response<v1::ListAccreditationsResponse>, Status> {
        answer(self.accreditations_of(&request.into_inner().issuer).await)
    }
}

impl Gateway {
    async fn accreditations_of(
        &self,
        issuer: &str,
    ) -> Result<v1::ListAccreditationsResponse, Rejection> {
        let paths = path::accreditations(&parse_did(issuer)?);
        let accreditations = self
            .read(move |view| Ok(records(view.state().as_ref(), &paths, ACCREDITATIONS_MAX)))
            .await?;
        Ok(v1::ListAccreditationsResponse { accreditations })
    }
}

/// The records whose paths begin with `prefix`, in the order of their paths.
fn records<M: Message + Default>(state: &dyn View, prefix: &[u8], limit: usize) -> Vec<M> {
    let found = state.scan(prefix, None, limit);
    found
        .iter()
        .map(|(_, value)| {
            M::decode(value.as_slice())
                .expect("a record in state decodes as the message that wrote it")
        })
        .collect()
}

/// The newest motions, newest first.
fn newest_motions(state: &dyn View, limit: u32) -> Vec<v1::MotionRecord> {
    let newest = motion::count(state);
    let ids = (1..=newest)
        .rev()
        .take(usize::try_from(limit).expect("a limit of 32 bits fits"));
    ids.map(|id| motion::load(state, id).expect("motions are numbered without gaps"))
        .collect()
}
