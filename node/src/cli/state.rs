//! Records of the node's own chain, by their state paths: the node's word, as commands print it that prove nothing.

use prost::Message;
use starfire_proto::v1;

use crate::client::Client;
use crate::failure::Failure;

/// The record at a path.
pub(super) async fn record<M: Message + Default>(
    client: &Client,
    path: Vec<u8>,
) -> Result<Option<M>, Failure> {
    decoded(&values(client, vec![path], 0).await?, 0)
}

/// Values under one header; height 0 is the newest.
pub(super) async fn values(
    client: &Client,
    keys: Vec<Vec<u8>>,
    height: u64,
) -> Result<v1::StateProof, Failure> {
    let request = v1::GetProofsRequest { keys, height };
    Ok(client.call(client.proofs().get(request)).await?)
}

/// The record at one of the paths asked for.
pub(super) fn decoded<M: Message + Default>(
    proof: &v1::StateProof,
    position: usize,
) -> Result<Option<M>, Failure> {
    bytes(proof, position)
        .map(M::decode)
        .transpose()
        .map_err(|_| bad_answer("a record does not decode"))
}

/// What stands at one of the paths asked for.
pub(super) fn bytes(proof: &v1::StateProof, position: usize) -> Option<&[u8]> {
    let found = proof.values.get(position).filter(|value| value.present);
    found.map(|value| value.value.as_slice())
}

pub(super) fn bad_answer(what: &str) -> Failure {
    Failure::new("BAD_ANSWER", what, "ask another node")
}
