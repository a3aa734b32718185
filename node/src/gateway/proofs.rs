//! Proofs: values of state under a signed header, and the description of the chain that a verifier pins.
//!
//! The header of height H carries the root of the state after H-1. So what block N wrote is proved by header N+1, which follows at
//! once when N had transactions. [`Gateway::prove_newest`] bridges that moment, so that a client that saw its transaction committed
//! and asks right away gets its own change, with the proof.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prost::Message;
use starfire_crosschain::succession::{CHANGES_MAX, Change};
use starfire_proto::v1;
use starfire_state::view::KEY_BYTES_MAX;
use starfire_state::{Archive, Rejection, View, key, tree};
use tendermint_proto::v0_38::types::{Commit, Header, SignedHeader};
use tokio::time::{Instant, timeout_at};
use tonic::{Request, Response, Status};

use super::Gateway;
use super::backend::ReadView;
use super::error::{self, answer};
use crate::grpc::proofs_server::Proofs;

/// Values in one proof.
pub(crate) const KEYS_MAX: usize = 64;
/// So few values are proved on the gateway's own thread: handing them over to another one takes longer.
const KEYS_AT_ONCE_MAX: usize = 4;
/// How long an answer waits for the header that proves what the newest block changed.
const PROOF_BLOCK_WAIT: Duration = Duration::from_secs(1);

#[tonic::async_trait]
impl Proofs for Gateway {
    async fn get(
        &self,
        request: Request<v1::GetProofsRequest>,
    ) -> Result<Response<v1::StateProof>, Status> {
        let v1::GetProofsRequest { keys, height } = request.into_inner();
        answer(self.proved(keys, height).await)
    }

    async fn trust(
        &self,
        _request: Request<v1::TrustRequest>,
    ) -> Result<Response<v1::TrustResponse>, Status> {
        answer(self.trust_bundle().await)
    }
}

impl Gateway {
    /// The genesis facts, with every change of the validators that state holds.
    async fn trust_bundle(&self) -> Result<v1::TrustResponse, Rejection> {
        let changes = self.read(|view| {
            let records = view.state().scan(key::VALIDATOR_CHANGES, None, CHANGES_MAX);
            let change = |(_, bytes): (Vec<u8>, Vec<u8>)| {
                let record = v1::ValidatorChange::decode(bytes.as_slice())
                    .expect("a record in state decodes as the message that wrote it");
                Change::of(&record)
            };
            Ok(records.into_iter().filter_map(change).collect::<Vec<_>>())
        });
        let changes = changes.await?;
        let trust = &self.backend.trust;
        Ok(v1::TrustResponse {
            bundle: trust.encode_with(changes),
            fingerprint: trust.fingerprint(),
        })
    }

    async fn proved(&self, keys: Vec<Vec<u8>>, height: u64) -> Result<v1::StateProof, Rejection> {
        check_keys(&keys)?;
        match height {
            0 => self.prove_newest(move |_| keys.clone()).await,
            height => self.read(move |view| prove(view, height, &keys)).await,
        }
    }

    /// Proves the newest values at the paths that `keys` names for a state.
    ///
    /// When the newest block changed one of them, this waits for the header that proves the change; should none come, the values
    /// before the change are proved, since nothing else can be.
    pub(super) async fn prove_newest<F>(&self, keys: F) -> Result<v1::StateProof, Rejection>
    where
        F: Fn(&dyn View) -> Vec<Vec<u8>> + Clone + Send + 'static,
    {
        let view = self.view();
        let wanted = keys(view.state().as_ref());
        let unchanged = if wanted.len() <= KEYS_AT_ONCE_MAX {
            prove_unchanged(&view, &self.heads, wanted, &keys)?
        } else {
            let (keys, heads) = (keys.clone(), Arc::clone(&self.heads));
            // This may be a later height than that of the view above.
            self.read(move |view| {
                let wanted = keys(view.state().as_ref());
                prove_unchanged(view, &heads, wanted, &keys)
            })
            .await?
        };
        let height = match unchanged {
            Ok(proof) => return Ok(proof),
            Err(height) => height,
        };
        let deadline = Instant::now() + PROOF_BLOCK_WAIT;
        let mut published = self.backend.published.clone();
        // Over time or going down: what can be proved is served, see above.
        drop(
            timeout_at(
                deadline,
                published.wait_for(|published| published.height > height),
            )
            .await,
        );
        self.read(move |view| {
            if view.height() == 0 {
                return Err(Rejection::new(
                    error::HEIGHT_UNKNOWN,
                    "no block is committed yet, so there is no header to prove by",
                ));
            }
            // Not a later header: under load each next block would change what was asked for again.
            let header = view.height().min(height + 1);
            let keys = keys(view.archive().state_at(header - 1).as_ref());
            prove(view, header, &keys)
        })
        .await
    }
}

/// The values at the paths that `keys` names for the newest state, `wanted`, under the newest header. The height, if the newest block
/// changed one of them: then the header does not prove it.
fn prove_unchanged(
    view: &ReadView,
    heads: &Heads,
    wanted: Vec<Vec<u8>>,
    keys: &impl Fn(&dyn View) -> Vec<Vec<u8>>,
) -> Result<Result<v1::StateProof, u64>, Rejection> {
    let Some(before) = view.height().checked_sub(1) else {
        return Ok(Err(view.height()));
    };
    if keys(view.archive().state_at(before).as_ref()) != wanted {
        return Ok(Err(view.height()));
    }
    let proof = heads.prove_newest(view, &wanted)?;
    Ok(proof.ok_or(view.height()))
}

/// The values at `keys` after block `height - 1`, proved by the header of `height`.
pub(super) fn prove(
    view: &ReadView,
    height: u64,
    keys: &[Vec<u8>],
) -> Result<v1::StateProof, Rejection> {
    let head = Head::read(view, height)?;
    let values = keys.iter().map(|key| {
        let proved = tree::prove(view.archive(), height - 1, key);
        proved_value(key, proved.value, proved.proof)
    });
    Ok(head.over(values.collect()))
}

/// What every proof under one header has in common.
#[derive(Debug)]
struct Head {
    height: u64,
    chain_id: String,
    validators: Vec<u8>,
    signed_header: Vec<u8>,
}

impl Head {
    fn read(view: &ReadView, height: u64) -> Result<Self, Rejection> {
        let signed = signed_header(view, height)?;
        Ok(Self {
            height,
            chain_id: signed
                .header
                .as_ref()
                .map(|header| header.chain_id.clone())
                .unwrap_or_default(),
            validators: validators(view, height)?,
            signed_header: signed.encode_to_vec(),
        })
    }

    fn over(&self, values: Vec<v1::ProvedValue>) -> v1::StateProof {
        v1::StateProof {
            chain_id: self.chain_id.clone(),
            validators: self.validators.clone(),
            values,
            signed_header: self.signed_header.clone(),
        }
    }
}

fn proved_value(key: &[u8], value: Option<Vec<u8>>, proof: Vec<u8>) -> v1::ProvedValue {
    v1::ProvedValue {
        key: key.to_vec(),
        present: value.is_some(),
        value: value.unwrap_or_default(),
        proof,
    }
}

/// What newest proofs have in common, remembered: the header, which stands in a block that may have megabytes of transactions to be read
/// past, and the tree's pages near the root.
#[derive(Debug, Default)]
pub(super) struct Heads {
    newest: Mutex<Option<Arc<Head>>>,
    pages: tree::Pages,
}

impl Heads {
    /// The newest values at `keys` under the newest header, unless its block changed one of them.
    fn prove_newest(
        &self,
        view: &ReadView,
        keys: &[Vec<u8>],
    ) -> Result<Option<v1::StateProof>, Rejection> {
        let head = self.of(view)?;
        let newest = view.state();
        let values = keys.iter().map(|key| {
            let value = newest.get(key);
            let (archive, before) = (view.archive(), head.height - 1);
            let proof = tree::prove_value(&self.pages, archive, before, key, value.as_deref())?;
            Some(proved_value(key, value, proof))
        });
        Ok(values
            .collect::<Option<_>>()
            .map(|values| head.over(values)))
    }

    /// The head of the newest height that this view knows.
    fn of(&self, view: &ReadView) -> Result<Arc<Head>, Rejection> {
        let known = self.held().clone();
        if let Some(head) = known.filter(|head| head.height == view.height()) {
            return Ok(head);
        }
        let head = Arc::new(Head::read(view, view.height())?);
        *self.held() = Some(Arc::clone(&head));
        Ok(head)
    }

    fn held(&self) -> MutexGuard<'_, Option<Arc<Head>>> {
        // A panic elsewhere cannot leave a head half written, so the lock's poison means nothing.
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The header of a committed block with the commit that decided it.
pub(super) fn signed_header(view: &ReadView, height: u64) -> Result<SignedHeader, Rejection> {
    let known = (1..=view.height()).contains(&height);
    if known && !view.archive().keeps(height) {
        return Err(pruned(view.archive(), height));
    }
    let Some((block, commit)) = known.then(|| view.archive().block(height)).flatten() else {
        let detail = format!(
            "no block {height} is known; the newest is {}",
            view.height()
        );
        return Err(Rejection::new(error::HEIGHT_UNKNOWN, detail));
    };
    let block = v1::Block::decode(block.as_slice()).expect("a stored block decodes");
    let header = Header::decode(block.header.as_slice()).expect("a stored header decodes");
    let commit = Commit::decode(commit.as_slice()).expect("a stored commit decodes");
    assert!(
        header.height == commit.height,
        "a block is stored with the commit that decided it"
    );
    Ok(SignedHeader {
        header: Some(header),
        commit: Some(commit),
    })
}

/// The refusal to answer for a height that is not kept.
pub(super) fn pruned(archive: &dyn Archive, height: u64) -> Rejection {
    let detail = format!(
        "block {height} is not kept here, but those from {} on are; ask a node that keeps all",
        archive.base()
    );
    Rejection::new(error::PRUNED, detail)
}

/// The validators that sign the header of `height`, which is at most the one after the newest. The state after a height names
/// them; the one before may be pruned.
pub(super) fn validators(view: &ReadView, height: u64) -> Result<Vec<u8>, Rejection> {
    let (height, path) = match height.checked_sub(1) {
        Some(before) if before >= view.height() => (view.height(), key::VALIDATORS),
        Some(_) | None => (height, key::VALIDATORS_LAST),
    };
    let state = view.archive().state_at(height);
    // Genesis wrote them: what is missing is pruned.
    state
        .get(path)
        .ok_or_else(|| pruned(view.archive(), height))
}

fn check_keys(keys: &[Vec<u8>]) -> Result<(), Rejection> {
    if keys.is_empty() || keys.len() > KEYS_MAX {
        return Err(Rejection::new(
            error::INVALID_PARAMETER,
            format!(
                "one to {KEYS_MAX} keys can be proved at once, not {}",
                keys.len()
            ),
        ));
    }
    let fits = |key: &Vec<u8>| {
        !key.is_empty() && key.len() <= KEY_BYTES_MAX && key.iter().all(u8::is_ascii_graphic)
    };
    if !keys.iter().all(fits) {
        return Err(Rejection::new(
            error::INVALID_PARAMETER,
            format!("a key is 1 to {KEY_BYTES_MAX} printable ASCII characters"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use starfire_did::path as did_path;
    use starfire_state::Changes;
    use tonic::Code;

    use super::*;
    use crate::gateway::dids::value;
    use crate::gateway::fixture::{Node, check_proof, did, refusal, registered};
    use crate::grpc::dids_client::DidsClient;
    use crate::grpc::proofs_client::ProofsClient;

    #[tokio::test]
    async fn what_the_newest_block_wrote_is_answered_with_the_header_that_proves_it() {
        let mut node = Node::main(Changes::new()).await;
        node.block(Changes::new(), &[]);
        node.block(registered(1, None, 1), &[b"create"]);
        let mut client = DidsClient::new(node.channel());
        let request = v1::ResolveRequest {
            did: did(1, None).to_string(),
            ..v1::ResolveRequest::default()
        };
        let asked = tokio::spawn(async move { client.resolve(request).await });
        node.awaited().await;
        node.block(Changes::new(), &[]);
        let answer = asked.await.unwrap().unwrap().into_inner();
        assert_eq!(answer.record.unwrap().version, 1);
        assert_eq!(check_proof(&answer.proof.unwrap(), &node), 3);
    }

    #[tokio::test]
    async fn a_proof_may_be_asked_under_any_committed_header() {
        let mut node = Node::main(registered(1, None, 1)).await;
        node.block(registered(1, None, 2), &[]);
        node.block(Changes::new(), &[]);
        let mut client = ProofsClient::new(node.channel());
        let keys = vec![did_path::record(&did(1, None)), b"did/none".to_vec()];
        for (height, version) in [(1, 1), (2, 2), (0, 2)] {
            let proof = client
                .get(v1::GetProofsRequest {
                    keys: keys.clone(),
                    height,
                })
                .await
                .unwrap()
                .into_inner();
            assert_eq!(
                check_proof(&proof, &node),
                if height == 0 { 2 } else { height }
            );
            assert_eq!(
                value::<v1::DidRecord>(&proof, 0).unwrap().unwrap().version,
                version
            );
            assert!(!proof.values[1].present);
        }
        for (keys, height, code) in [
            (keys, 3, "HEIGHT_UNKNOWN"),
            (Vec::new(), 0, "INVALID_PARAMETER"),
            (vec![b"k".to_vec(); 65], 0, "INVALID_PARAMETER"),
            (vec![vec![b'k'; 513]], 0, "INVALID_PARAMETER"),
            (vec![b"not graphic".to_vec()], 0, "INVALID_PARAMETER"),
            (vec![Vec::new()], 0, "INVALID_PARAMETER"),
        ] {
            let status = client
                .get(v1::GetProofsRequest { keys, height })
                .await
                .unwrap_err();
            assert_eq!(refusal(&status).1, code);
        }
    }

    #[tokio::test]
    async fn before_the_first_block_nothing_can_be_proved() {
        let node = Node::main(Changes::new()).await;
        let status = ProofsClient::new(node.channel())
            .get(v1::GetProofsRequest {
                keys: vec![b"chain".to_vec()],
                height: 0,
            })
            .await;
        assert_eq!(
            refusal(&status.unwrap_err()),
            (Code::NotFound, "HEIGHT_UNKNOWN".into())
        );
    }
}
