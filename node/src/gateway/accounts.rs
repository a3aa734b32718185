//! Accounts: what state says of one, and which nonce its next transaction takes.

use starfire_did::Did;
use starfire_proto::v1;
use starfire_state::{Account, Rejection};
use tonic::{Request, Response, Status};

use super::Gateway;
use super::error::{self, answer};
use crate::grpc::accounts_server::Accounts;

#[tonic::async_trait]
impl Accounts for Gateway {
    async fn get(
        &self,
        request: Request<v1::GetAccountRequest>,
    ) -> Result<Response<v1::GetAccountResponse>, Status> {
        answer(self.account(&request.into_inner().address).await)
    }
}

impl Gateway {
    pub(super) async fn account(&self, address: &str) -> Result<v1::GetAccountResponse, Rejection> {
        let address = parse_did(address)?.to_string();
        // The pool first: what leaves it for a block is in state by then, so no transaction is left uncounted.
        let waiting = self
            .backend
            .pool
            .read()
            .ok()
            .and_then(|pool| pool.next_nonces.get(address.as_str()).copied());
        let account = self
            .read(move |view| Ok(Account::load(view.state().as_ref(), &address)))
            .await?;
        let committed = account
            .as_ref()
            .map_or(0, |account| account.record.nonce)
            .saturating_add(1);
        Ok(v1::GetAccountResponse {
            found: account.is_some(),
            next_nonce: waiting.map_or(committed, |waiting| waiting.max(committed)),
            account: account.map(|account| account.record),
        })
    }
}

pub(super) fn parse_did(text: &str) -> Result<Did, Rejection> {
    Did::parse(text).map_err(|error| Rejection::new(error::INVALID_ADDRESS, error.to_string()))
}

#[cfg(test)]
mod tests {
    use starfire_state::{Changes, key};

    use super::*;
    use crate::gateway::fixture::{Node, did, record};
    use crate::grpc::accounts_client::AccountsClient;

    #[tokio::test]
    async fn the_next_nonce_counts_what_waits() {
        let address = did(1, None).to_string();
        let account = v1::AccountRecord {
            address: address.clone(),
            nonce: 4,
            ..Default::default()
        };
        let mut node = Node::main(record(key::account(&address), &account)).await;
        node.block(Changes::new(), &[]);
        let mut client = AccountsClient::new(node.channel());
        let mut next = async |address: &str| {
            let answer = client
                .get(v1::GetAccountRequest {
                    address: address.into(),
                })
                .await
                .unwrap()
                .into_inner();
            (answer.found, answer.next_nonce)
        };
        assert_eq!(next(&address).await, (true, 5));
        assert_eq!(next(&did(2, None).to_string()).await, (false, 1));
        node.pool
            .write()
            .unwrap()
            .next_nonces
            .insert(address.as_str().into(), 8);
        assert_eq!(next(&address).await, (true, 8));
    }
}
