//! Values of state with their proofs: of this chain, or of a sub-chain as of its newest anchor here.

use serde_json::Value;
use starfire_crosschain::{proof_file, unix_ms};
use starfire_did::{ChainCode, Did};
use starfire_proto::v1;
use starfire_state::Rejection;
use tendermint::block::signed_header::SignedHeader;
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::SignedHeader as RawSignedHeader;

use super::super::dids::{other_chain, value};
use super::super::facts::not_frozen;
use super::super::resolution::anchor_keys;
use super::super::{Gateway, error, resolver};

/// Values with what proves them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Proved {
    /// Of the chain that was asked about.
    pub(super) proof: v1::StateProof,
    /// Of a sub-chain's header, by the main chain.
    pub(super) anchor: Option<v1::StateProof>,
}

impl Gateway {
    /// The newest values at these paths of the chain that a DID is of.
    pub(super) async fn proved_of(
        &self,
        did: &Did,
        keys: Vec<Vec<u8>>,
    ) -> Result<Proved, Rejection> {
        match (self.chain_code().await?, did.chain_code()) {
            (here, of) if here == of => Ok(Proved {
                proof: self.prove_newest(move |_| keys.clone()).await?,
                anchor: None,
            }),
            (None, Some(code)) => self.proved_on(did, code, keys).await,
            (here, _) => Err(other_chain(did, here)),
        }
    }

    async fn proved_on(
        &self,
        did: &Did,
        code: ChainCode,
        keys: Vec<Vec<u8>>,
    ) -> Result<Proved, Rejection> {
        let _seat = self.ask_seat(code)?;
        let anchor = self
            .prove_newest(move |state| anchor_keys(state, code))
            .await?;
        let record: Option<v1::SubChainRecord> = value(&anchor, 0)?;
        if let Some(record) = &record {
            not_frozen(record)?;
        }
        let newest: Option<v1::AnchorRecord> = value(&anchor, 1)?;
        let (Some(record), Some(newest)) = (record, newest) else {
            return Err(Rejection::new(
                error::CHAIN_NOT_ANCHORED,
                format!("{did} is of {code}, of which no header is anchored here"),
            ));
        };
        Ok(Proved {
            proof: resolver::ask(&record, &newest, keys).await?,
            anchor: Some(anchor),
        })
    }
}

impl Proved {
    /// The height and time of the header that proves the values.
    pub(super) fn header(&self) -> Result<(u64, i64), Rejection> {
        let signed =
            <SignedHeader as Protobuf<RawSignedHeader>>::decode_vec(&self.proof.signed_header)
                .map_err(|_| undecodable())?;
        let header = signed.header;
        Ok((header.height.value(), unix_ms::from_time(header.time)))
    }

    /// As answers about DIDs have it.
    pub(super) fn to_json(&self) -> Result<Value, Rejection> {
        proof_file::state_proof(&self.proof, self.anchor.as_ref()).ok_or_else(undecodable)
    }
}

fn undecodable() -> Rejection {
    Rejection::new(error::RESOLVER_UNPROVEN, "the state proof does not decode")
}
