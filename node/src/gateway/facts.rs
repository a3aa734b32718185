//! Values of state for judging credentials: those of this node's own chain as of its newest block, and those of a sub-chain as its
//! newest anchor proves them.

use starfire_crosschain::code::CHAIN_FROZEN;
use starfire_crosschain::unix_ms;
use starfire_did::ChainCode;
use starfire_proto::v1;
use starfire_state::Rejection;
use tendermint::block::signed_header::SignedHeader;
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::SignedHeader as RawSignedHeader;

use super::dids::value;
use super::resolution::anchor_keys;
use super::{Gateway, ReadView, error, proofs, resolver};
use crate::credential::source::Known;

impl Gateway {
    /// The values at these paths of a chain's state; `None` is the main chain.
    pub(crate) async fn facts(
        &self,
        chain: Option<ChainCode>,
        paths: Vec<Vec<u8>>,
    ) -> Result<Known, Rejection> {
        let here = self.chain_code().await?;
        match chain {
            of if of == here => self.read(move |view| own(view, &paths)).await,
            Some(code) if here.is_none() => self.facts_of(code, paths).await,
            Some(_) | None => {
                let detail = "this node knows its own chain alone; ask a node of the main chain";
                Err(Rejection::new(error::DID_OTHER_CHAIN, detail))
            }
        }
    }

    async fn facts_of(&self, code: ChainCode, paths: Vec<Vec<u8>>) -> Result<Known, Rejection> {
        let _seat = self.ask_seat(code)?;
        let anchor_proof = self
            .prove_newest(move |state| anchor_keys(state, code))
            .await?;
        let Some(record) = value::<v1::SubChainRecord>(&anchor_proof, 0)? else {
            return Ok(Known {
                values: vec![None; paths.len()],
                time_ms: time_of(&anchor_proof)?,
            });
        };
        not_frozen(&record)?;
        let Some(anchor) = value::<v1::AnchorRecord>(&anchor_proof, 1)? else {
            let detail = format!("no header of {code} is anchored yet");
            return Err(Rejection::new(error::CHAIN_NOT_ANCHORED, detail));
        };
        let proof = resolver::ask(&record, &anchor, paths).await?;
        let values = proof
            .values
            .iter()
            .map(|proved| proved.present.then(|| proved.value.clone()))
            .collect();
        Ok(Known {
            values,
            time_ms: time_of(&proof)?,
        })
    }
}

/// A chain that signed two headers for one height proves nothing: either may be the lie.
pub(super) fn not_frozen(record: &v1::SubChainRecord) -> Result<(), Rejection> {
    if record.status() != v1::SubChainStatus::Frozen {
        return Ok(());
    }
    let (chain, height, reason) = (
        &record.chain_code,
        record.frozen_height,
        &record.frozen_reason,
    );
    Err(Rejection::new(
        CHAIN_FROZEN,
        format!(
            "{chain} is frozen since height {height}: {reason}; nothing that it says is believed"
        ),
    ))
}

/// Values as of the newest block, and its time.
fn own(view: &ReadView, paths: &[Vec<u8>]) -> Result<Known, Rejection> {
    let signed = proofs::signed_header(view, view.height())?;
    let time = signed.header.and_then(|header| header.time);
    let time = time.expect("a stored header has a time");
    let state = view.state();
    Ok(Known {
        values: paths.iter().map(|path| state.get(path)).collect(),
        time_ms: time
            .seconds
            .saturating_mul(1_000)
            .saturating_add(i64::from(time.nanos / 1_000_000)),
    })
}

fn time_of(proof: &v1::StateProof) -> Result<i64, Rejection> {
    let signed = <SignedHeader as Protobuf<RawSignedHeader>>::decode_vec(&proof.signed_header)
        .map_err(|_| {
            Rejection::new(
                error::RESOLVER_UNPROVEN,
                "the proof's signed header does not decode",
            )
        })?;
    Ok(unix_ms::from_time(signed.header.time))
}

#[cfg(test)]
mod tests;
