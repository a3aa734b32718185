//! State by path, with the proof: `abci_query`. The application behind the interface: `abci_info`.
//!
//! `data` is a state path and the answer what stands there after block `height`, so it is proved by the header of `height + 1`. The one
//! operation of the proof is an encoded `cosmos.ics23.v1.CommitmentProof` of type [`PROOF_TYPE`], of existence or of absence.

use prost::Message;
use serde_json::{Value, json};
use starfire_proto::v1;
use starfire_state::view::KEY_BYTES_MAX;
use starfire_state::{Rejection, tree};
use tendermint_proto::v0_38::types::SignedHeader;

use super::call::Failure;
use super::params::Params;
use super::render;
use super::stored;
use crate::gateway::{Gateway, ReadView, error};

/// What the operation of a proof is called: ICS-23, with this chain's tree.
const PROOF_TYPE: &str = "ics23:starfire";
/// The one path. Clients that leave it out mean it too.
const STATE: &str = "/state";
/// What the application calls itself.
const APPLICATION: &str = "starfire";

/// What is asked for.
#[derive(Debug)]
pub(super) struct Query {
    key: Vec<u8>,
    height: Option<i64>,
    prove: bool,
}

impl Query {
    pub(super) fn of(params: &Params) -> Result<Self, Failure> {
        let path = params.text("path")?;
        if !path.is_empty() && path != STATE {
            return Err(Failure::internal(format!(
                "the path is {STATE}, and data the state path; not {path:?}"
            )));
        }
        let key = params.hex("data")?;
        if key.is_empty() || key.len() > KEY_BYTES_MAX || !key.iter().all(u8::is_ascii_graphic) {
            return Err(Failure::internal(format!(
                "data is a state path, 1 to {KEY_BYTES_MAX} printable ASCII characters"
            )));
        }
        Ok(Self {
            key,
            // CometBFT's word for the newest.
            height: params.integer("height")?.filter(|height| *height != 0),
            prove: params.flag("prove")?,
        })
    }
}

/// What stands at a path, and as of which block.
struct Found {
    key: Vec<u8>,
    value: Option<Vec<u8>>,
    proof: Option<Vec<u8>>,
    height: u64,
}

impl Gateway {
    /// Answers a query. The newest proved value is given with a header that is there, see `Gateway::prove_newest`.
    pub(super) async fn abci_query(&self, query: Query) -> Result<Value, Failure> {
        if query.prove && query.height.is_none() {
            let key = query.key.clone();
            let proof = self.prove_newest(move |_| vec![key.clone()]).await?;
            return Ok(newest(proof)?.render());
        }
        let found = self.read(move |view| Ok(find(view, query))).await??;
        Ok(found.render())
    }
}

fn find(view: &ReadView, query: Query) -> Result<Found, Failure> {
    let height = stored::height(view, query.height, view.height())?;
    let Query { key, prove, .. } = query;
    if !prove {
        let value = view.archive().state_at(height).get(&key);
        return Ok(Found {
            key,
            value,
            proof: None,
            height,
        });
    }
    let proved = tree::prove(view.archive(), height, &key);
    Ok(Found {
        key,
        value: proved.value,
        proof: Some(proved.proof),
        height,
    })
}

fn newest(proof: v1::StateProof) -> Result<Found, Rejection> {
    let missing = || Rejection::new(error::INTERNAL, "the proof has no value or no header");
    let signed = SignedHeader::decode(proof.signed_header.as_slice()).ok();
    let header = signed
        .and_then(|signed| signed.header)
        .ok_or_else(missing)?;
    let value = proof.values.into_iter().next().ok_or_else(missing)?;
    Ok(Found {
        key: value.key,
        value: value.present.then_some(value.value),
        proof: Some(value.proof),
        height: u64::try_from(header.height).map_err(|_| missing())? - 1,
    })
}

impl Found {
    fn render(self) -> Value {
        let Self {
            key,
            value,
            proof,
            height,
        } = self;
        let operation = |proof: Vec<u8>| json!({ "ops": [{ "type": PROOF_TYPE, "key": render::base64(&key), "data": render::base64(&proof) }] });
        json!({
            "response": {
                "code": 0,
                "log": if value.is_some() { "exists" } else { "does not exist" },
                "info": "",
                "index": "0",
                "key": render::base64(&key),
                "value": value.as_deref().map(render::base64),
                "proofOps": proof.map(operation),
                "height": height.to_string(),
                "codespace": "",
            }
        })
    }
}

pub(super) fn abci_info(view: &ReadView) -> Value {
    let height = view.height();
    json!({
        "response": {
            "data": APPLICATION,
            "version": env!("CARGO_PKG_VERSION"),
            "app_version": starfire_ledger::block::VERSION.app.to_string(),
            "last_block_height": height.to_string(),
            "last_block_app_hash": render::base64(&tree::root(view.archive(), height)),
        }
    })
}
