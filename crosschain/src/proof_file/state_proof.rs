//! `StarfireStateProof2026`: values of a chain's state, as gateways' answers carry them, and the header that they hang on.
//!
//! On the main chain the header is signed by validators that the verifier knows. On a sub-chain it stands without signatures, and a
//! proof of the main chain beside it says that exactly this header was anchored.

mod view;

use serde::Deserialize;
use serde_json::Value;
use starfire_did::ChainCode;
use tendermint::Hash;
use tendermint::block::Header;
use tendermint::block::signed_header::SignedHeader;
use tendermint_proto::v0_38::types::{Header as RawHeader, SignedHeader as RawSignedHeader};

use super::content::{Entry, SubPart, Values};
use super::headers::{self, Believed};
use super::proven::Verifier;
use super::report::{Ended, Reason, Report, Stop, stop};
use crate::path;
use crate::succession::one_form;
use crate::text::{Base64, Decimal};
use crate::trust::Bundle;

pub use view::{ProofView, state_proof};

/// The type of such proofs.
const TYPE: &str = "StarfireStateProof2026";

/// Values of a chain's state, under a header of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct StateProof {
    #[serde(rename = "type")]
    kind: String,
    chain_id: String,
    // DID Core §7.3: metadata is made of strings, maps, lists, booleans and nulls, whatever the depth. It has no numbers.
    height: Decimal,
    /// tendermint.types.SignedHeader; on a sub-chain the header alone, whose signatures the main chain has checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signed_header: Option<Base64>,
    /// tendermint.types.Header
    #[serde(default, skip_serializing_if = "Option::is_none")]
    header: Option<Base64>,
    pub(super) values: Vec<Entry>,
    /// That the main chain anchored the header of the sub-chain; without values of a sub-chain, that it knows no such chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) anchored_by: Option<Box<Self>>,
}

impl StateProof {
    /// The one proof of a set, as metadata has it.
    pub(super) fn of_set(mut proofs: Value) -> Result<Self, Stop> {
        let one = proofs.as_array_mut().filter(|proofs| proofs.len() == 1);
        let one = one
            .and_then(Vec::pop)
            .ok_or_else(|| stop(Reason::ProofMalformed, "its proof is no set of exactly one"))?;
        Self::parse(one)
    }

    /// A proof that stands by itself.
    pub(super) fn parse(proof: Value) -> Result<Self, Stop> {
        let proof: Self = serde_json::from_value(proof)
            .map_err(|error| stop(Reason::ProofMalformed, format!("its proof: {error}")))?;
        if proof.kind != TYPE {
            return Err(stop(Reason::ProofMalformed, "its proof is of another type"));
        }
        Ok(proof)
    }

    /// The paths of its values, in their order.
    pub(super) fn keys(&self) -> Vec<Vec<u8>> {
        let keys = self.values.iter();
        keys.map(|entry| entry.key.clone().into_bytes()).collect()
    }

    /// The main chain's header that all of it hangs on.
    pub(super) fn main_header(
        &self,
        report: &mut Report,
        verifier: &Verifier<'_>,
    ) -> Result<Believed, Ended> {
        let main = self.anchored_by.as_deref().unwrap_or(self);
        let signed = report.step("pinned chain", on_pinned_chain(main, verifier.bundle))?;
        let height = signed.header.height.value();
        let validators = verifier.bundle.succession().at(height).clone();
        report.step(
            "main header",
            headers::main_header(&signed, &validators, verifier.now_ms),
        )
    }

    /// The header of the chain that the values belong to: the main chain's own, or one of a sub-chain's that it anchored.
    pub(super) fn header_of(
        &self,
        chain: Option<ChainCode>,
        main: &Believed,
        now_ms: i64,
    ) -> Result<Believed, Stop> {
        match (chain, &self.anchored_by) {
            (None, None) => Ok(Believed { ..*main }),
            (Some(code), Some(anchor)) => on_sub_chain(code.as_str(), self, anchor, main, now_ms),
            (Some(code), None) => Err(stop(
                Reason::WrongChain,
                format!("it belongs to {code}, and no header of {code} is proved"),
            )),
            (None, Some(_)) => Err(stop(
                Reason::WrongChain,
                "it belongs to the main chain, and the proof is of a sub-chain",
            )),
        }
    }
}

/// The proof names the pinned chain and a header whose signers the verifier knows. Whether they signed is checked next.
fn on_pinned_chain(proof: &StateProof, bundle: &Bundle) -> Result<(SignedHeader, String), Stop> {
    let signed = proof
        .signed_header
        .as_ref()
        .filter(|_| proof.header.is_none() && proof.anchored_by.is_none() && proof.kind == TYPE)
        .and_then(|bytes| one_form::<SignedHeader, RawSignedHeader>(&bytes.0))
        .filter(|signed| signed.header.height.value() == proof.height.0)
        .ok_or_else(|| {
            stop(
                Reason::MainHeaderMalformed,
                "the main header does not decode, or is of another height",
            )
        })?;
    let other = |what: &str| {
        Err(stop(
            Reason::ChainNotPinned,
            format!("the proof is of a main chain with another {what}"),
        ))
    };
    if proof.chain_id != bundle.chain_id().as_str() || signed.header.chain_id != *bundle.chain_id()
    {
        return other("chain id");
    }
    let succession = bundle.succession();
    let expected: Hash = succession.at(proof.height.0).hash();
    if signed.header.validators_hash != expected {
        return other("validator set; `starfire trust update` fetches changes");
    }
    let detail = format!(
        "the validators of height {}, by {} known changes",
        proof.height.0,
        succession.count()
    );
    Ok((signed, detail))
}

/// The sub-chain's header, which the main chain has anchored.
fn on_sub_chain(
    code: &str,
    proof: &StateProof,
    anchor: &StateProof,
    main: &Believed,
    now_ms: i64,
) -> Result<Believed, Stop> {
    let malformed = || {
        stop(
            Reason::SubHeaderMalformed,
            "the sub-chain's header does not decode, or is not the one named",
        )
    };
    let bytes = proof
        .header
        .as_ref()
        .filter(|_| proof.signed_header.is_none())
        .ok_or_else(malformed)?;
    let header = one_form::<Header, RawHeader>(&bytes.0)
        .filter(|header| {
            header.height.value() == proof.height.0 && header.chain_id.as_str() == proof.chain_id
        })
        .ok_or_else(malformed)?;
    let part = SubPart {
        chain_code: code.to_owned(),
        header: bytes.clone(),
    };
    let expected = [path::sub_chain(code), path::anchor(code, proof.height.0)];
    let (values, _) = Values::prove(&main.app_hash, &anchor.values, &expected)?;
    headers::sub_chain(&values, &part, &header)?;
    let ((believed, _), _) = headers::anchor(&values, &part, &header, now_ms)?;
    Ok(believed)
}
