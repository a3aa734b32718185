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

#[cfg(test)]
mod tests {
    use starfire_ledger::path as ledger_path;
    use starfire_state::{Changes, key};

    use super::*;
    use crate::gateway::fixture::{Node, did, record};
    use crate::grpc::members_client::MembersClient;

    #[tokio::test]
    async fn the_newest_motions_come_first() {
        let count = (ledger_path::MOTION_COUNT.to_vec(), Some(b"3".to_vec()));
        let mut records = Changes::from([count]);
        for id in 1..=3 {
            let motion = v1::MotionRecord {
                id,
                ..Default::default()
            };
            records.extend(record(ledger_path::motion(id), &motion));
        }
        let node = Node::main(records).await;
        let mut client = MembersClient::new(node.channel());
        for (limit, expected) in [(2, &[3, 2][..]), (0, &[3, 2, 1]), (9, &[3, 2, 1])] {
            let motions = client
                .motions(v1::ListMotionsRequest { limit })
                .await
                .unwrap()
                .into_inner()
                .motions;
            assert!(
                motions.iter().map(|motion| &motion.id).eq(expected),
                "limit {limit}"
            );
        }
    }

    #[tokio::test]
    async fn members_and_accreditations_are_listed() {
        let issuer = did(1, None);
        let member = v1::MemberRecord {
            address: issuer.to_string(),
            ..Default::default()
        };
        let accreditation = v1::AccreditationRecord {
            issuer: issuer.to_string(),
            ..Default::default()
        };
        let mut records = record(key::member(&member.address), &member);
        records.extend(record(
            path::accreditation(&issuer, "origin", "CN"),
            &accreditation,
        ));
        let node = Node::main(records).await;
        let mut client = MembersClient::new(node.channel());
        let members = client
            .list(v1::ListMembersRequest {})
            .await
            .unwrap()
            .into_inner()
            .members;
        assert_eq!(members, [member]);
        let of = |issuer: &starfire_did::Did| v1::ListAccreditationsRequest {
            issuer: issuer.to_string(),
        };
        let found = client
            .accreditations(of(&issuer))
            .await
            .unwrap()
            .into_inner()
            .accreditations;
        assert_eq!(found, [accreditation]);
        let found = client
            .accreditations(of(&did(2, None)))
            .await
            .unwrap()
            .into_inner()
            .accreditations;
        assert!(found.is_empty());
    }
}
