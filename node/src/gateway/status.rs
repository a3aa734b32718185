//! This node as it sees itself.

use starfire_proto::v1;
use tonic::{Request, Response, Status};

use super::Gateway;
use crate::clock;
use crate::grpc::node_server::Node;

#[tonic::async_trait]
impl Node for Gateway {
    async fn status(
        &self,
        _request: Request<v1::StatusRequest>,
    ) -> Result<Response<v1::StatusResponse>, Status> {
        Ok(Response::new(self.node_status()))
    }
}

impl Gateway {
    /// The newest snapshot, and how old the newest block is by now.
    pub(super) fn node_status(&self) -> v1::StatusResponse {
        let mut status = self.backend.status.borrow().clone();
        if status.time_ms > 0 {
            status.since_commit_ms = clock::unix_ms().saturating_sub(status.time_ms).max(0);
        }
        status
    }
}
