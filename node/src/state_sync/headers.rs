//! The header that a snapshot is believed for, verified as a light client does: from a trusted one, by as few headers in between as
//! the validators' changes ask for.

use libp2p::PeerId;
use starfire_consensus::certificate::{self, CertificateError, Options, Trusted};
use starfire_crosschain::anchor::{CLOCK_DRIFT, PART_BYTES_MAX, TRUSTING_PERIOD};
use starfire_ledger::Genesis;
use starfire_proto::v1::{self, sync_request::Request, sync_response::Response};
use tendermint::block::Header;
use tendermint::block::signed_header::SignedHeader;
use tendermint::{Hash, Time, chain, validator};
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::{
    SignedHeader as RawSignedHeader, ValidatorSet as RawValidatorSet,
};

use super::TrustedHeader;
use crate::clock;
use crate::network::{Network, RequestError};

/// Headers fetched to verify one.
const STEPS_MAX: usize = 256;

/// Why a peer does not show a header that holds.
#[derive(Debug)]
pub(super) enum Fault {
    /// It did not answer.
    Silent(RequestError),
    /// It does not have the header.
    Absent,
    /// At the trusted height it has another header than the operator trusts.
    Other(u64),
    /// What it sent does not hold.
    Lie(String),
    /// What trust begins with is too old.
    Expired,
}

/// A header that is believed, as far as later ones are verified by it.
#[derive(Debug, Clone)]
pub(super) struct Believed {
    height: u64,
    time: Time,
    next_validators: validator::Set,
    /// As the header names them.
    next_validators_hash: Hash,
    /// None: genesis.
    header: Option<Header>,
}

impl Believed {
    /// Genesis counts as the header at height 0.
    pub(super) fn genesis(genesis: &Genesis) -> Self {
        Self {
            height: 0,
            time: genesis.time(),
            next_validators: genesis.validators().clone(),
            next_validators_hash: genesis.validators().hash(),
            header: None,
        }
    }

    fn of(block: LightBlock) -> Self {
        let header = block.signed.header;
        Self {
            height: header.height.value(),
            time: header.time,
            next_validators: block.next_validators,
            next_validators_hash: header.next_validators_hash,
            header: Some(header),
        }
    }
}

/// A header with its validators, decoded and not believed.
#[derive(Debug, Clone)]
struct LightBlock {
    signed: SignedHeader,
    validators: validator::Set,
    next_validators: validator::Set,
}

/// The operator's trusted header, which a peer shows.
pub(super) async fn pinned(
    network: &Network,
    peer: PeerId,
    trust: TrustedHeader,
) -> Result<Believed, Fault> {
    let block = fetch(network, peer, trust.height).await?;
    let header = &block.signed.header;
    if header.hash() != Hash::Sha256(trust.hash) {
        return Err(Fault::Other(trust.height));
    }
    if block.next_validators.hash() != header.next_validators_hash {
        return Err(Fault::Lie(
            "its validators are not those that the trusted header names".to_owned(),
        ));
    }
    Ok(Believed::of(block))
}

/// Verifies the header of `height`, with what the peer has, from a believed one.
pub(super) async fn verify(
    network: &Network,
    peer: PeerId,
    believed: &Believed,
    chain_id: &chain::Id,
    height: u64,
) -> Result<Header, Fault> {
    if height <= believed.height {
        // What is before the trusted header cannot be verified by it; the header itself is.
        let itself = believed.header.clone();
        return itself
            .filter(|header| header.height.value() == height)
            .ok_or(Fault::Absent);
    }
    let mut believed = believed.clone();
    let mut open = vec![fetch(network, peer, height).await?];
    for _ in 0..STEPS_MAX {
        let Some(block) = open.pop() else { break };
        match check(&believed, &block, chain_id) {
            Ok(()) if open.is_empty() => return Ok(block.signed.header),
            Ok(()) => believed = Believed::of(block),
            Err(CertificateError::Expired) => return Err(Fault::Expired),
            Err(CertificateError::NotEnoughTrust) => {
                let middle = believed.height.midpoint(block.signed.header.height.value());
                if middle == believed.height {
                    return Err(Fault::Lie(CertificateError::NotEnoughTrust.to_string()));
                }
                open.push(block);
                open.push(fetch(network, peer, middle).await?);
            }
            Err(error) => return Err(Fault::Lie(error.to_string())),
        }
    }
    Err(Fault::Lie(format!(
        "more than {STEPS_MAX} headers do not connect its header to the trusted one"
    )))
}

fn check(
    believed: &Believed,
    block: &LightBlock,
    chain_id: &chain::Id,
) -> Result<(), CertificateError> {
    let trusted = Trusted {
        chain_id,
        height: believed.height,
        time: believed.time,
        next_validators: &believed.next_validators,
        next_validators_hash: believed.next_validators_hash,
    };
    let options = Options {
        trusting_period: TRUSTING_PERIOD,
        clock_drift: CLOCK_DRIFT,
    };
    certificate::verify_from(
        &trusted,
        &block.signed,
        &block.validators,
        Some(&block.next_validators),
        clock::now(),
        &options,
    )
}

async fn fetch(network: &Network, peer: PeerId, height: u64) -> Result<LightBlock, Fault> {
    match network.request(peer, Request::Header(height)).await {
        Ok(Response::Header(block)) => decode(&block, height).map_err(Fault::Lie),
        Ok(Response::Absent(_)) => Err(Fault::Absent),
        Ok(
            Response::Blocks(_)
            | Response::Snapshots(_)
            | Response::Manifest(_)
            | Response::Block(_)
            | Response::Chunk(_),
        ) => Err(Fault::Lie(RequestError::OtherAnswer.to_string())),
        Err(error) => Err(Fault::Silent(error)),
    }
}

fn decode(block: &v1::LightBlock, height: u64) -> Result<LightBlock, String> {
    let v1::LightBlock {
        signed_header,
        validators,
        next_validators,
    } = block;
    if signed_header.len() > PART_BYTES_MAX {
        return Err(format!("its header has more than {PART_BYTES_MAX} bytes"));
    }
    let signed = <SignedHeader as Protobuf<RawSignedHeader>>::decode_vec(signed_header)
        .map_err(|_| "its header does not decode".to_owned())?;
    if signed.header.height.value() != height {
        return Err("its header is of another height".to_owned());
    }
    Ok(LightBlock {
        signed,
        validators: decode_set(validators)?,
        next_validators: decode_set(next_validators)?,
    })
}

/// A validator set within bounds.
pub(super) fn decode_set(bytes: &[u8]) -> Result<validator::Set, String> {
    if bytes.len() > PART_BYTES_MAX {
        return Err(format!(
            "its validators take more than {PART_BYTES_MAX} bytes"
        ));
    }
    <validator::Set as Protobuf<RawValidatorSet>>::decode_vec(bytes)
        .map_err(|_| "its validators do not decode".to_owned())
}
