//! State proofs as they are written: straight from what a gateway gave, or as a tree of values.

use prost::Message;
use serde::Serialize;
use serde_json::Value;
use starfire_proto::v1;
use tendermint::block::signed_header::SignedHeader;
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::{Header as RawHeader, SignedHeader as RawSignedHeader};

use super::TYPE;
use crate::text::{Base64, Base64Of, Decimal};

/// A proof as an answer carries it, its members in the byte order of their names: the text is the same whether it is written straight
/// from here or from a tree of values.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProofView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    anchored_by: Option<Box<Self>>,
    chain_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<Base64>,
    height: Decimal,
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_header: Option<Base64Of<'a>>,
    #[serde(rename = "type")]
    kind: &'static str,
    values: Vec<ValueView<'a>>,
}

#[derive(Debug, Serialize)]
struct ValueView<'a> {
    key: &'a str,
    proof: Base64Of<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Base64Of<'a>>,
}

/// What of a signed header tells its height; protobuf passes over the rest.
#[derive(Clone, PartialEq, Message)]
struct SignedHeight {
    /// tendermint.types.Header
    #[prost(message, optional, tag = "1")]
    header: Option<HeaderHeight>,
}

#[derive(Clone, PartialEq, Message)]
struct HeaderHeight {
    #[prost(int64, tag = "3")]
    height: i64,
}

impl<'a> ProofView<'a> {
    /// `anchor` is the main chain's proof of a sub-chain's header, for a value of a sub-chain. `None`: what a gateway gave does not
    /// decode.
    pub fn new(proof: &'a v1::StateProof, anchor: Option<&'a v1::StateProof>) -> Option<Self> {
        let mut shown = Self::alone(proof)?;
        if let Some(anchor) = anchor {
            let signed = shown.signed_header.take()?;
            let signed = <SignedHeader as Protobuf<RawSignedHeader>>::decode_vec(signed.0).ok()?;
            shown.header = Some(Base64(Protobuf::<RawHeader>::encode_vec(signed.header)));
            shown.anchored_by = Some(Box::new(Self::alone(anchor)?));
        }
        Some(shown)
    }

    fn alone(proof: &'a v1::StateProof) -> Option<Self> {
        let signed = SignedHeight::decode(proof.signed_header.as_slice()).ok()?;
        let value = |value: &'a v1::ProvedValue| {
            Some(ValueView {
                key: str::from_utf8(&value.key).ok()?,
                proof: Base64Of(&value.proof),
                value: value.present.then_some(Base64Of(&value.value)),
            })
        };
        Some(Self {
            anchored_by: None,
            chain_id: &proof.chain_id,
            header: None,
            height: Decimal(u64::try_from(signed.header?.height).ok()?),
            signed_header: Some(Base64Of(&proof.signed_header)),
            kind: TYPE,
            values: proof.values.iter().map(value).collect::<Option<_>>()?,
        })
    }
}

/// A proof as an answer carries it, as a tree of values. `None`: what a gateway gave does not decode.
pub fn state_proof(proof: &v1::StateProof, anchor: Option<&v1::StateProof>) -> Option<Value> {
    serde_json::to_value(ProofView::new(proof, anchor)?).ok()
}
