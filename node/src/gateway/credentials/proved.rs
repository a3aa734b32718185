//! Values of state with their proofs: of this chain, or of a sub-chain as of its newest anchor here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use starfire_crosschain::{chain, path, unix_ms};
use starfire_did::{ChainCode, Did};
use starfire_proto::v1;
use starfire_state::Rejection;
use tendermint::block::signed_header::SignedHeader;
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::{Header as RawHeader, SignedHeader as RawSignedHeader};

use super::super::dids::{other_chain, value};
use super::super::{Gateway, error, resolver, seat};

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
        let _seat = seat(&self.resolves, "questions to other chains")?;
        let anchor = self
            .prove_newest(move |state| {
                let newest =
                    chain::load(state, code.as_str()).map_or(0, |record| record.latest_height);
                vec![
                    path::sub_chain(code.as_str()),
                    path::anchor(code.as_str(), newest),
                ]
            })
            .await?;
        let record: Option<v1::SubChainRecord> = value(&anchor, 0)?;
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
        let header = signed(&self.proof)?.header;
        Ok((header.height.value(), unix_ms::from_time(header.time)))
    }

    /// As other answers have it: a `StarfireStateProof2026`.
    pub(super) fn to_json(&self) -> Result<Value, Rejection> {
        let mut rendered = rendered(&self.proof)?;
        if let Some(anchor) = &self.anchor {
            let header = signed(&self.proof)?.header;
            let object = rendered.as_object_mut().ok_or_else(undecodable)?;
            object.remove("signedHeader");
            let header = Protobuf::<RawHeader>::encode_vec(header);
            object.insert("header".into(), STANDARD.encode(header).into());
            object.insert("anchoredBy".into(), self::rendered(anchor)?);
        }
        Ok(rendered)
    }
}

fn rendered(proof: &v1::StateProof) -> Result<Value, Rejection> {
    let height = signed(proof)?.header.height.value();
    let entry = |value: &v1::ProvedValue| {
        let shown = value.present.then(|| STANDARD.encode(&value.value));
        json!({
            "key": String::from_utf8_lossy(&value.key),
            "value": shown,
            "proof": STANDARD.encode(&value.proof),
        })
    };
    Ok(json!({
        "type": "StarfireStateProof2026",
        "chainId": proof.chain_id,
        "height": height,
        "signedHeader": STANDARD.encode(&proof.signed_header),
        "values": proof.values.iter().map(entry).collect::<Vec<_>>(),
    }))
}

fn signed(proof: &v1::StateProof) -> Result<SignedHeader, Rejection> {
    <SignedHeader as Protobuf<RawSignedHeader>>::decode_vec(&proof.signed_header)
        .map_err(|_| undecodable())
}

fn undecodable() -> Rejection {
    Rejection::new(error::RESOLVER_UNPROVEN, "the state proof does not decode")
}
