//! A gateway's client: what the command line and the backbone's anchoring loop speak.
//!
//! One connection, one tonic client a service, and the one thing that every sender needs: build a transaction with the right nonce,
//! sign it, submit it, wait for its receipt. Errors keep the node's code.

pub(crate) mod endpoint;
mod error;
mod hint;

use std::sync::Arc;
use std::time::Duration;

use starfire_did::{ChainCode, Did, PrivateKey};
use starfire_ledger::payload::native_type;
use starfire_ledger::transaction::Transaction;
use starfire_proto::protocol::{self, operation};
use starfire_proto::v1;
use tokio::sync::OnceCell;
use tonic::Status;
use tonic::transport::Channel;

use endpoint::EndpointError;
pub use error::ClientError;

use crate::clock;
use crate::failure::Failure;
use crate::grpc::{
    accounts_client::AccountsClient, blocks_client::BlocksClient, chains_client::ChainsClient,
    credentials_client::CredentialsClient, dids_client::DidsClient,
    evidence_client::EvidenceClient, members_client::MembersClient, node_client::NodeClient,
    proofs_client::ProofsClient, transactions_client::TransactionsClient,
};

/// How long a sender waits for its receipt.
pub const RECEIPT_WAIT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(40);
/// One `Wait` call; a longer wait is made of several.
const WAIT_SLICE: Duration = Duration::from_secs(10);
/// A block with its receipts, a list of proofs: larger than the default of 4 MiB, and bounded.
const ANSWER_BYTES_MAX: usize = 40 << 20;
/// Under a fee, what a sender is ready to pay at most.
const FEE_LIMIT: i64 = 100_000_000;
/// Two senders with one key may pick the same nonce; the later one tries again.
const NONCE_TRIES: u32 = 4;

/// A connection to a node's gateway. Clones share it.
#[derive(Debug, Clone)]
pub struct Client {
    url: String,
    channel: Channel,
    chain: Arc<OnceCell<v1::ChainRecord>>,
}

/// A committed transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct Committed {
    /// SHA-256 of the transaction's blob.
    pub hash: [u8; 32],
    /// The block that holds it.
    pub height: u64,
    /// Its place in the block.
    pub index: u32,
    /// Its result.
    pub receipt: v1::Receipt,
}

impl Committed {
    /// What an event of this kind says under a name.
    pub fn told(&self, event: &str, name: &str) -> Option<&str> {
        let events = self.receipt.events.iter();
        events
            .filter(|one| one.r#type == event)
            .flat_map(|one| &one.attributes)
            .find(|attribute| attribute.key == name)
            .map(|attribute| attribute.value.as_str())
    }
}

impl Client {
    /// A client of the gateway at this URL. The connection is made with the first request. Call inside of a tokio runtime.
    pub fn connect(url: &str) -> Result<Self, ClientError> {
        let endpoint = endpoint::endpoint(url).map_err(|error| {
            let hint = match error {
                EndpointError::Url(_) => {
                    "a node's URL looks like http://127.0.0.1:26680 or https://node.example"
                }
                EndpointError::NoCertificates => {
                    "install the system's certificates (ca-certificates), or name a file of them in SSL_CERT_FILE"
                }
            };
            ClientError::new(Failure::USAGE, error.to_string(), hint)
        })?;
        let endpoint = endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT);
        Ok(Self {
            url: url.to_owned(),
            channel: endpoint.connect_lazy(),
            chain: Arc::default(),
        })
    }

    /// The gateway's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Transactions: submit, get, wait.
    pub fn transactions(&self) -> TransactionsClient<Channel> {
        TransactionsClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Blocks with their signed headers.
    pub fn blocks(&self) -> BlocksClient<Channel> {
        BlocksClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Values of state with their proofs.
    pub fn proofs(&self) -> ProofsClient<Channel> {
        ProofsClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// DIDs.
    pub fn dids(&self) -> DidsClient<Channel> {
        DidsClient::new(self.channel.clone())
    }

    /// Credentials, and what stands on the chain about them.
    pub fn credentials(&self) -> CredentialsClient<Channel> {
        CredentialsClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Evidence.
    pub fn evidence(&self) -> EvidenceClient<Channel> {
        EvidenceClient::new(self.channel.clone())
    }

    /// The chain, its sub-chains and their anchors.
    pub fn chains(&self) -> ChainsClient<Channel> {
        ChainsClient::new(self.channel.clone())
    }

    /// Accounts.
    pub fn accounts(&self) -> AccountsClient<Channel> {
        AccountsClient::new(self.channel.clone())
    }

    /// Members, motions and accreditations.
    pub fn members(&self) -> MembersClient<Channel> {
        MembersClient::new(self.channel.clone())
    }

    /// The node itself.
    pub fn node(&self) -> NodeClient<Channel> {
        NodeClient::new(self.channel.clone())
    }

    /// The answer of a request, or its error in our words.
    pub async fn call<T>(
        &self,
        request: impl Future<Output = Result<tonic::Response<T>, Status>>,
    ) -> Result<T, ClientError> {
        match request.await {
            Ok(response) => Ok(response.into_inner()),
            Err(status) => Err(ClientError::of(&status, &self.url)),
        }
    }

    /// The node's status.
    pub async fn status(&self) -> Result<v1::StatusResponse, ClientError> {
        self.call(self.node().status(v1::StatusRequest {})).await
    }

    /// The chain's parameters, asked once.
    pub async fn chain(&self) -> Result<&v1::ChainRecord, ClientError> {
        self.chain
            .get_or_try_init(|| async {
                let answer = self
                    .call(self.chains().list(v1::ListChainsRequest {}))
                    .await?;
                answer.chain.ok_or_else(|| {
                    ClientError::new("BAD_ANSWER", "the node does not name its chain", "")
                })
            })
            .await
    }

    /// The chain's code; `None` on the main chain.
    pub async fn chain_code(&self) -> Result<Option<ChainCode>, ClientError> {
        ChainCode::parse_optional(&self.chain().await?.chain_code).map_err(|error| {
            ClientError::new("BAD_ANSWER", format!("the node's chain code: {error}"), "")
        })
    }

    /// The address that a key has on this chain.
    pub async fn address(&self, key: &PrivateKey) -> Result<Did, ClientError> {
        Ok(Did::derive(
            &key.public(),
            self.chain_code().await?.as_ref(),
        ))
    }

    /// The nonce that the next transaction of this address takes.
    pub async fn next_nonce(&self, address: &str) -> Result<i64, ClientError> {
        let request = v1::GetAccountRequest {
            address: address.to_owned(),
        };
        Ok(self.call(self.accounts().get(request)).await?.next_nonce)
    }

    /// Submits an encoded envelope; the answer is its hash. An error that is no refusal has the hash too.
    pub async fn submit(&self, envelope: Vec<u8>) -> Result<[u8; 32], ClientError> {
        let hash = Transaction::decode(&envelope).map(|decoded| decoded.hash);
        let mut transactions = self.transactions();
        let answer = match transactions.submit(v1::SubmitRequest { envelope }).await {
            Ok(response) => response.into_inner(),
            Err(status) => {
                let error = ClientError::of(&status, &self.url);
                return Err(match hash {
                    Ok(hash) if !ClientError::refuses(&status) => error.of_pending(hash),
                    Ok(_) | Err(_) => error,
                });
            }
        };
        answer.hash.try_into().map_err(|_| {
            ClientError::new("BAD_ANSWER", "the node's hash does not have 32 bytes", "")
        })
    }

    /// Waits for a transaction to be committed.
    pub async fn wait(&self, hash: [u8; 32], patience: Duration) -> Result<Committed, ClientError> {
        let waited = self.wait_for(hash, patience).await;
        waited.map_err(|error| error.of_pending(hash))
    }

    async fn wait_for(&self, hash: [u8; 32], patience: Duration) -> Result<Committed, ClientError> {
        let start = clock::monotonic();
        loop {
            let left = patience
                .saturating_sub(clock::elapsed(start))
                .min(WAIT_SLICE);
            let timeout_ms = u32::try_from(left.as_millis())
                .expect("a slice is short")
                .max(1);
            let request = v1::WaitTransactionRequest {
                hash: hash.to_vec(),
                timeout_ms,
            };
            let status = self.call(self.transactions().wait(request)).await?;
            if let (v1::transaction_status::State::Committed, Some(receipt)) =
                (status.state(), status.receipt.clone())
            {
                return Ok(Committed {
                    hash,
                    height: status.height,
                    index: status.index,
                    receipt,
                });
            }
            if clock::elapsed(start) >= patience {
                return Err(ClientError::new(
                    "TIMEOUT",
                    format!("transaction {} is not committed yet", hex::encode(hash)),
                    "",
                ));
            }
        }
    }

    /// Builds, signs and submits a transaction of the key's own account, and waits for its receipt. A refusal is an error.
    pub async fn send(
        &self,
        key: &PrivateKey,
        operations: Vec<protocol::Operation>,
    ) -> Result<Committed, ClientError> {
        let source = self.address(key).await?;
        self.send_as(&source, key, operations).await
    }

    /// The same for an account that the key signs for: a DID whose keys were rotated keeps its address.
    pub async fn send_as(
        &self,
        source: &Did,
        key: &PrivateKey,
        operations: Vec<protocol::Operation>,
    ) -> Result<Committed, ClientError> {
        self.send_signed(source, &[key], operations).await
    }

    /// The same with signatures of others beside: controllers or guardians of the same DID, a sponsor. The first key is the
    /// source's.
    pub async fn send_signed(
        &self,
        source: &Did,
        keys: &[&PrivateKey],
        operations: Vec<protocol::Operation>,
    ) -> Result<Committed, ClientError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self
                .send_once(source.to_string(), keys, operations.clone())
                .await
            {
                Err(error) if error.code == "BAD_SEQUENCE" && tries < NONCE_TRIES => {}
                Err(error) => return Err(error),
                Ok(committed) => return Ok(committed),
            }
        }
    }

    async fn send_once(
        &self,
        source: String,
        keys: &[&PrivateKey],
        operations: Vec<protocol::Operation>,
    ) -> Result<Committed, ClientError> {
        let nonce = self.next_nonce(&source).await?;
        let body = transaction(self.chain().await?, source, nonce, operations);
        let hash = self.submit(Transaction::sign(&body, keys)).await?;
        let committed = self.wait(hash, RECEIPT_WAIT).await?;
        if committed.receipt.code != 0 {
            return Err(ClientError::of_receipt(&committed.receipt));
        }
        Ok(committed)
    }
}

/// A transaction's body for this chain.
pub fn transaction(
    chain: &v1::ChainRecord,
    source_address: String,
    nonce: i64,
    operations: Vec<protocol::Operation>,
) -> protocol::Transaction {
    protocol::Transaction {
        source_address,
        nonce,
        operations,
        fee_limit: if chain.gas_price == 0 { 0 } else { FEE_LIMIT },
        gas_price: chain.gas_price,
        chain_id: chain.bif_chain_id,
        ..protocol::Transaction::default()
    }
}

/// A native operation with the type that its field calls for.
pub fn operation(native: operation::Native) -> protocol::Operation {
    protocol::Operation {
        r#type: native_type(&native).into(),
        native: Some(native),
        ..protocol::Operation::default()
    }
}

#[cfg(test)]
mod tests {
    use starfire_did::KeyAlgorithm;
    use starfire_state::{Changes, Code, Rejection};

    use super::*;
    use crate::gateway::fixture::Node;

    #[tokio::test]
    async fn what_was_sent_and_not_refused_is_named_by_its_hash() {
        let mut node = Node::main(Changes::new()).await;
        node.block(Changes::new(), &[]);
        let client = Client::connect(&node.url).unwrap();
        let key = PrivateKey::generate([1; 32], KeyAlgorithm::Ed25519);
        let add = || {
            let add = v1::EvidenceAdd::default();
            vec![operation(operation::Native::EvidenceAdd(add))]
        };

        let refuse = async {
            let submission = node.submissions.recv().await.unwrap();
            let code = Code::new("EVIDENCE_EXISTS", 3);
            let word = vec![Err(Rejection::new(code, "used"))];
            submission.reply.send(word).unwrap();
        };
        let (refused, ()) = tokio::join!(client.send(&key, add()), refuse);
        let refused = refused.unwrap_err();
        assert_eq!(
            (refused.code.as_str(), refused.pending),
            ("EVIDENCE_EXISTS", None)
        );

        let take = async {
            // Nobody says what became of it.
            let submission = node.submissions.recv().await.unwrap();
            Transaction::decode(&submission.envelopes[0]).unwrap().hash
        };
        let (lost, hash) = tokio::join!(client.send(&key, add()), take);
        let lost = lost.unwrap_err();
        assert_eq!(lost.pending, Some(hash));
        assert!(lost.message.contains(&hex::encode(hash)), "{lost}");

        let late = client.wait(hash, Duration::from_millis(1)).await;
        let late = late.unwrap_err();
        assert_eq!((late.code.as_str(), late.pending), ("TIMEOUT", Some(hash)));

        let nobody = Client::connect("http://127.0.0.1:9").unwrap();
        let unsent = nobody.send(&key, add()).await.unwrap_err();
        assert_eq!(unsent.pending, None);
    }

    #[tokio::test]
    async fn something_else_than_a_url_is_refused() {
        assert_eq!(Client::connect("main-1").unwrap_err().code, "USAGE");
        assert_eq!(Client::connect("http://").unwrap_err().code, "USAGE");
    }
}
