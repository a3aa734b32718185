//! Two signed headers of a sub-chain that disagree, and what follows: the sub-chain is frozen in the same block.
//!
//! A chain that can sign two histories proves nothing any more, whichever of them was anchored first. So nothing more is anchored,
//! and every proof that hangs on the sub-chain is refused from then on, until people have decided what holds.

use starfire_proto::v1;
use starfire_state::{Env, Event, Overlay};
use tendermint::block::signed_header::SignedHeader;

use crate::path;

/// In which way the headers disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// Another header at an anchored height.
    Fork,
    /// A later height, but not a later time.
    TimeBackwards,
}

impl Conflict {
    fn reason(self) -> &'static str {
        match self {
            Self::Fork => "two signed headers at one height",
            Self::TimeBackwards => "a signed header is not later than the one anchored before it",
        }
    }
}

/// A header, fully signed, that contradicts an anchored one.
pub(crate) struct Contradiction<'a> {
    pub(crate) conflict: Conflict,
    pub(crate) anchored: &'a v1::AnchorRecord,
    pub(crate) header: &'a SignedHeader,
    pub(crate) encoded: Vec<u8>,
}

/// Keeps the proof and freezes the sub-chain.
pub(crate) fn freeze(
    state: &mut Overlay<'_>,
    env: &Env,
    mut sub_chain: v1::SubChainRecord,
    found: Contradiction<'_>,
) {
    let height = found.header.header.height.value();
    let code = sub_chain.chain_code.clone();
    let signers = found
        .header
        .commit
        .signatures
        .iter()
        .filter_map(|signature| signature.validator_address());
    let fork = v1::ForkRecord {
        chain_code: code.clone(),
        height,
        anchored_hash: found.anchored.header_hash.clone(),
        conflicting_signed_header: found.encoded,
        signers: signers
            .map(|address| hex::encode(address.as_bytes()))
            .collect(),
        main_height: env.height,
    };
    state.put_record(path::misbehaviour(&code, height), &fork);
    sub_chain.set_status(v1::SubChainStatus::Frozen);
    sub_chain.frozen_height = env.height;
    sub_chain.frozen_reason = found.conflict.reason().to_owned();
    sub_chain.frozen_at_height = height;
    state.put_record(path::sub_chain(&code), &sub_chain);
    state.emit(Event::new(
        "subchain.frozen",
        vec![
            ("chain_code", code),
            ("height", height.to_string()),
            ("reason", sub_chain.frozen_reason),
            ("anchored_hash", hex::encode(&found.anchored.header_hash)),
            (
                "conflicting_hash",
                hex::encode(found.header.header.hash().as_bytes()),
            ),
        ],
    ));
}
