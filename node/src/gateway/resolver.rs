//! Asking a sub-chain's gateway for values under a header that is anchored here, and believing only what the anchor proves.

use std::time::Duration;

use starfire_consensus::certificate;
use starfire_proto::v1;
use starfire_state::{Rejection, tree};
use tendermint::block::signed_header::SignedHeader;
use tendermint::validator;
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::{
    SignedHeader as RawSignedHeader, ValidatorSet as RawValidatorSet,
};
use tokio::time::timeout;

use super::error;
use crate::client::endpoint::endpoint;
use crate::grpc::proofs_client::ProofsClient;

/// How long one gateway may take, connecting included.
pub(super) const ANSWER_TIME_MAX: Duration = Duration::from_secs(3);
/// Gateways asked before giving up.
pub(super) const ATTEMPTS_MAX: usize = 3;
/// The longest answer.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// The values at `keys` under the anchored header, proved by the first of the sub-chain's gateways that can.
pub(super) async fn ask(
    chain: &v1::SubChainRecord,
    anchor: &v1::AnchorRecord,
    keys: Vec<Vec<u8>>,
) -> Result<v1::StateProof, Rejection> {
    let mut refusal = Rejection::new(
        error::RESOLVER_UNREACHABLE,
        format!("{} has registered no gateway to ask", chain.chain_code),
    );
    for url in chain.resolvers.iter().take(ATTEMPTS_MAX) {
        let answer = ask_one(url, anchor.height, keys.clone()).await;
        match answer.and_then(|proof| check(&proof, anchor, &keys).map(|()| proof)) {
            Ok(proof) => return Ok(proof),
            Err(rejection) => {
                tracing::debug!(%url, %rejection, "gateway of a sub-chain passed over");
                refusal = rejection;
            }
        }
    }
    Err(refusal)
}

async fn ask_one(url: &str, height: u64, keys: Vec<Vec<u8>>) -> Result<v1::StateProof, Rejection> {
    let unreachable =
        |why: String| Rejection::new(error::RESOLVER_UNREACHABLE, format!("{url}: {why}"));
    let endpoint = endpoint(url).map_err(|error| unreachable(error.to_string()))?;
    let mut client =
        ProofsClient::new(endpoint.connect_lazy()).max_decoding_message_size(ANSWER_BYTES_MAX);
    let answer = timeout(
        ANSWER_TIME_MAX,
        client.get(v1::GetProofsRequest { keys, height }),
    )
    .await;
    let answer = answer.map_err(|_| unreachable("no answer in time".to_owned()))?;
    Ok(answer
        .map_err(|status| unreachable(status.message().to_owned()))?
        .into_inner())
}

/// Whether an answer is the anchored header with its certificate, and every value is proved under it.
fn check(
    proof: &v1::StateProof,
    anchor: &v1::AnchorRecord,
    keys: &[Vec<u8>],
) -> Result<(), Rejection> {
    let unproven = |why: &str| {
        Rejection::new(
            error::RESOLVER_UNPROVEN,
            format!("the answer for {} {why}", anchor.chain_code),
        )
    };
    let signed = <SignedHeader as Protobuf<RawSignedHeader>>::decode_vec(&proof.signed_header);
    let signed = signed.map_err(|_| unproven("has no signed header"))?;
    if signed.header.hash().as_bytes() != anchor.header_hash {
        return Err(unproven("is not under the anchored header"));
    }
    let validators = <validator::Set as Protobuf<RawValidatorSet>>::decode_vec(&proof.validators);
    let validators = validators.map_err(|_| unproven("has no validators"))?;
    certificate::verify(&signed, &validators)
        .map_err(|error| unproven(&format!("is not signed: {error}")))?;

    let root = <[u8; 32]>::try_from(signed.header.app_hash.as_bytes())
        .map_err(|_| unproven("has no state root"))?;
    if proof.chain_id != signed.header.chain_id.as_str()
        || !proof.values.iter().map(|value| &value.key).eq(keys)
    {
        return Err(unproven("is about something else"));
    }
    let proved = |value: &v1::ProvedValue| {
        tree::verify(
            &root,
            &value.key,
            value.present.then_some(value.value.as_slice()),
            &value.proof,
        )
        .is_ok()
    };
    if proof.values.iter().all(proved) {
        Ok(())
    } else {
        Err(unproven("has a value that its header does not prove"))
    }
}
