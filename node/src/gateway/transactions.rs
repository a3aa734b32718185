//! Submitting transactions and following them to their block.

use std::time::Duration;

use prost::Message;
use starfire_ledger::transaction::BATCH_ENVELOPE_BYTES_MAX;
use starfire_proto::v1;
use starfire_proto::v1::transaction_status::State;
use starfire_state::Rejection;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use tonic::{Request, Response, Status};

use super::backend::{ReadView, Submission};
use super::error::{self, answer};
use super::{Gateway, seat};
use crate::grpc::transactions_server::Transactions;

/// The longest envelope, and the most bytes of a batch of them. What of it may be longer than others the ledger decides.
pub(crate) const ENVELOPE_BYTES_MAX: usize = BATCH_ENVELOPE_BYTES_MAX;
/// Envelopes in a batch.
pub(crate) const BATCH_MAX: usize = 1024;
/// The pool's word on each envelope of a submission: its transaction's hash, or why it is refused.
pub(super) type Verdicts = oneshot::Receiver<Vec<Result<[u8; 32], Rejection>>>;

/// The longest time that a client may wait for a transaction in one call; it may call again.
const WAIT_MAX: Duration = Duration::from_secs(60);

#[tonic::async_trait]
impl Transactions for Gateway {
    async fn submit(
        &self,
        request: Request<v1::SubmitRequest>,
    ) -> Result<Response<v1::SubmitResponse>, Status> {
        let hash = self.admit(request.into_inner().envelope).await;
        answer(hash.map(|hash| v1::SubmitResponse {
            hash: hash.to_vec(),
        }))
    }

    async fn submit_batch(
        &self,
        request: Request<v1::SubmitBatchRequest>,
    ) -> Result<Response<v1::SubmitBatchResponse>, Status> {
        let verdicts = self.admit_batch(request.into_inner().envelopes).await;
        answer(verdicts.map(|verdicts| v1::SubmitBatchResponse {
            verdicts: verdicts.into_iter().map(verdict).collect(),
        }))
    }

    async fn get(
        &self,
        request: Request<v1::GetTransactionRequest>,
    ) -> Result<Response<v1::TransactionStatus>, Status> {
        answer(self.transaction(&request.into_inner().hash).await)
    }

    async fn wait(
        &self,
        request: Request<v1::WaitTransactionRequest>,
    ) -> Result<Response<v1::TransactionStatus>, Status> {
        let v1::WaitTransactionRequest { hash, timeout_ms } = request.into_inner();
        let timeout = Duration::from_millis(u64::from(timeout_ms)).min(WAIT_MAX);
        answer(self.committed(&hash, timeout).await)
    }
}

impl Gateway {
    /// Hands an envelope to the pool and waits for its word.
    pub(super) async fn admit(&self, envelope: Vec<u8>) -> Result<[u8; 32], Rejection> {
        let mut verdicts = self.hand_in(envelope)?.await.map_err(|_| stopping())?;
        verdicts.pop().ok_or_else(stopping)?
    }

    async fn admit_batch(
        &self,
        envelopes: Vec<Vec<u8>>,
    ) -> Result<Vec<Result<[u8; 32], Rejection>>, Rejection> {
        let bytes: usize = envelopes.iter().map(Vec::len).sum();
        if envelopes.is_empty() || envelopes.len() > BATCH_MAX || bytes > ENVELOPE_BYTES_MAX {
            let detail = format!(
                "a batch has 1 to {BATCH_MAX} envelopes and at most {ENVELOPE_BYTES_MAX} bytes, not {} and {bytes}",
                envelopes.len()
            );
            return Err(Rejection::new(error::INVALID_PARAMETER, detail));
        }
        self.hand_in_all(envelopes)?.await.map_err(|_| stopping())
    }

    /// Hands an envelope to the pool, whose word may be waited for or not.
    pub(super) fn hand_in(&self, envelope: Vec<u8>) -> Result<Verdicts, Rejection> {
        if envelope.is_empty() || envelope.len() > ENVELOPE_BYTES_MAX {
            let detail = format!(
                "an envelope has 1 to {ENVELOPE_BYTES_MAX} bytes, not {}",
                envelope.len()
            );
            return Err(Rejection::new(error::INVALID_PARAMETER, detail));
        }
        self.hand_in_all(vec![envelope])
    }

    /// Hands envelopes to the pool, or refuses at once when submissions already queue.
    fn hand_in_all(&self, envelopes: Vec<Vec<u8>>) -> Result<Verdicts, Rejection> {
        let (reply, verdicts) = oneshot::channel();
        self.backend
            .submit
            .try_send(Submission { envelopes, reply })
            .map_err(|refused| match refused {
                TrySendError::Full(_) => Rejection::new(
                    error::BUSY,
                    "too many transactions arrive at once; try again shortly",
                ),
                TrySendError::Closed(_) => stopping(),
            })?;
        Ok(verdicts)
    }

    async fn transaction(&self, hash: &[u8]) -> Result<v1::TransactionStatus, Rejection> {
        let hash = parse_hash(hash)?;
        // The pool first: a transaction leaves it only once the archive has it, so asked in this order none is overlooked.
        let pending = self
            .backend
            .pool
            .read()
            .is_ok_and(|pool| pool.pending.contains(&hash));
        let committed = self.read(move |view| Ok(find(view, &hash))).await?;
        let state = if pending {
            State::Pending
        } else {
            State::Unknown
        };
        Ok(committed.unwrap_or_else(|| v1::TransactionStatus {
            state: state.into(),
            ..v1::TransactionStatus::default()
        }))
    }

    /// The transaction's status once it is committed, or when the time is over.
    pub(super) async fn committed(
        &self,
        hash: &[u8],
        timeout: Duration,
    ) -> Result<v1::TransactionStatus, Rejection> {
        let _seat = seat(&self.waits, "calls wait for transactions")?;
        let deadline = Instant::now() + timeout;
        let mut published = self.backend.published.clone();
        loop {
            published.borrow_and_update();
            let status = self.transaction(hash).await?;
            if status.state() == State::Committed
                || !matches!(timeout_at(deadline, published.changed()).await, Ok(Ok(())))
            {
                return Ok(status);
            }
        }
    }
}

/// The transaction with this hash, if a published block has it.
fn find(view: &ReadView, hash: &[u8; 32]) -> Option<v1::TransactionStatus> {
    let (height, index) = view
        .archive()
        .transaction(hash)
        .filter(|(height, _)| *height <= view.height())?;
    let position = usize::try_from(index).expect("an index of 32 bits fits");
    let receipt = view
        .archive()
        .receipts(height)
        .and_then(|mut receipts| receipts.get_mut(position).map(std::mem::take));
    // The index may still name a block that is being pruned.
    let receipt = receipt?;
    let (block, _) = view.archive().block(height)?;
    let mut block = v1::Block::decode(block.as_slice()).expect("a stored block decodes");
    Some(v1::TransactionStatus {
        state: State::Committed.into(),
        height,
        index,
        receipt: Some(v1::Receipt::decode(receipt.as_slice()).expect("a stored receipt decodes")),
        envelope: block
            .transactions
            .get_mut(position)
            .map(std::mem::take)
            .expect("the index points at a transaction"),
    })
}

fn verdict(verdict: Result<[u8; 32], Rejection>) -> v1::SubmitVerdict {
    match verdict {
        Ok(hash) => v1::SubmitVerdict {
            hash: hash.to_vec(),
            ..v1::SubmitVerdict::default()
        },
        Err(rejection) => v1::SubmitVerdict {
            hash: Vec::new(),
            code: rejection.code.name.to_owned(),
            detail: rejection.detail,
        },
    }
}

fn parse_hash(bytes: &[u8]) -> Result<[u8; 32], Rejection> {
    <[u8; 32]>::try_from(bytes).map_err(|_| {
        Rejection::new(
            error::INVALID_PARAMETER,
            format!("a transaction's hash has 32 bytes, not {}", bytes.len()),
        )
    })
}

fn stopping() -> Rejection {
    Rejection::new(error::STOPPING, "this node is going down; ask another one")
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use starfire_state::{Changes, Code as RejectionCode};
    use tonic::Code;

    use super::*;
    use crate::gateway::fixture::{Node, hash, refusal};
    use crate::grpc::transactions_client::TransactionsClient;

    #[tokio::test]
    async fn the_core_judges_submissions_and_its_word_is_passed_on() {
        let mut node = Node::main(Changes::new()).await;
        let mut client = TransactionsClient::new(node.channel());
        let mut submit = client.clone();
        let asked = tokio::spawn(async move {
            submit
                .submit(v1::SubmitRequest {
                    envelope: b"good".to_vec(),
                })
                .await
        });
        let submission = node.submissions.recv().await.unwrap();
        assert_eq!(submission.envelopes, [b"good"]);
        submission.reply.send(vec![Ok([9; 32])]).unwrap();
        assert_eq!(asked.await.unwrap().unwrap().into_inner().hash, [9; 32]);

        let asked = tokio::spawn(async move {
            client
                .submit(v1::SubmitRequest {
                    envelope: b"bad".to_vec(),
                })
                .await
        });
        let rejection = Rejection::new(RejectionCode::new("BAD_SEQUENCE", 99), "the nonce is used");
        node.submissions
            .recv()
            .await
            .unwrap()
            .reply
            .send(vec![Err(rejection)])
            .unwrap();
        assert_eq!(
            refusal(&asked.await.unwrap().unwrap_err()),
            (Code::FailedPrecondition, "BAD_SEQUENCE".into())
        );
    }

    #[tokio::test]
    async fn a_batch_is_answered_one_by_one_and_in_order() {
        let mut node = Node::main(Changes::new()).await;
        let mut client = TransactionsClient::new(node.channel());
        let envelopes = vec![b"one".to_vec(), b"two".to_vec()];
        let request = v1::SubmitBatchRequest { envelopes };
        let mut submit = client.clone();
        let asked = tokio::spawn(async move { submit.submit_batch(request).await });
        let submission = node.submissions.recv().await.unwrap();
        assert_eq!(submission.envelopes, [b"one", b"two"]);
        let rejection = Rejection::new(RejectionCode::new("BAD_SEQUENCE", 99), "the nonce is used");
        let verdicts = vec![Err(rejection), Ok([9; 32])];
        submission.reply.send(verdicts).unwrap();
        let verdicts = asked.await.unwrap().unwrap().into_inner().verdicts;
        assert_eq!(
            (verdicts[0].code.as_str(), verdicts[0].hash.as_slice()),
            ("BAD_SEQUENCE", &[][..])
        );
        assert_eq!(
            (verdicts[1].code.as_str(), verdicts[1].hash.as_slice()),
            ("", &[9; 32][..])
        );

        for envelopes in [vec![], vec![b"e".to_vec(); BATCH_MAX + 1]] {
            let status = client
                .submit_batch(v1::SubmitBatchRequest { envelopes })
                .await
                .unwrap_err();
            assert_eq!(
                refusal(&status),
                (Code::InvalidArgument, "INVALID_PARAMETER".into())
            );
        }
    }

    #[tokio::test]
    async fn submissions_beyond_the_queue_are_told_to_come_back() {
        let node = Node::main(Changes::new()).await;
        // The fixture's queue holds two, and nobody takes them.
        let calls = (0..4).map(|_| {
            let mut client = TransactionsClient::new(node.channel());
            async move {
                client
                    .submit(v1::SubmitRequest {
                        envelope: b"e".to_vec(),
                    })
                    .await
            }
        });
        let mut calls: futures::stream::FuturesUnordered<_> = calls.collect();
        for _ in 0..2 {
            let status = calls.next().await.unwrap().unwrap_err();
            assert_eq!(
                refusal(&status),
                (Code::ResourceExhausted, "GATEWAY_BUSY".into())
            );
            assert!(status.metadata().contains_key("grpc-retry-pushback-ms"));
        }
    }

    #[tokio::test]
    async fn a_transaction_is_followed_from_the_pool_into_its_block() {
        let mut node = Node::main(Changes::new()).await;
        let mut client = TransactionsClient::new(node.channel());
        let hash = hash(b"second").to_vec();
        let get = v1::GetTransactionRequest { hash: hash.clone() };
        assert_eq!(
            client.get(get.clone()).await.unwrap().into_inner().state(),
            State::Unknown
        );
        node.pool
            .write()
            .unwrap()
            .pending
            .insert(hash.clone().try_into().unwrap());
        assert_eq!(
            client.get(get).await.unwrap().into_inner().state(),
            State::Pending
        );

        let status = client
            .wait(v1::WaitTransactionRequest {
                hash: hash.clone(),
                timeout_ms: 10,
            })
            .await
            .unwrap()
            .into_inner();
        assert_eq!(status.state(), State::Pending, "the time was over");
        let mut waiting = client.clone();
        let wait = v1::WaitTransactionRequest {
            hash: hash.clone(),
            timeout_ms: 30_000,
        };
        let waiting = tokio::spawn(async move { waiting.wait(wait).await });
        node.awaited().await;
        node.block(Changes::new(), &[]);
        node.block(Changes::new(), &[b"first", b"second"]);
        let status = waiting.await.unwrap().unwrap().into_inner();
        assert_eq!(
            (status.state(), status.height, status.index),
            (State::Committed, 2, 1)
        );
        assert_eq!(
            (status.envelope.as_slice(), status.receipt.unwrap().hash),
            (b"second".as_slice(), hash)
        );
    }
}
