//! Signed headers as a gateway hands them out, and as somebody would sign who holds a chain's validator keys.

use starfire_consensus::sign_bytes;
use starfire_node::client::Client;
use starfire_node::signer::Signer;
use tendermint::block::signed_header::SignedHeader;
use tendermint::block::{Commit, CommitSig, Header, Id, Round, parts};
use tendermint::{Hash, Signature, validator, vote};
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::{
    SignedHeader as RawSignedHeader, ValidatorSet as RawValidatorSet,
};

use super::devnet::{Devnet, block};

/// A header with its commit, and the validators of its height.
#[derive(Debug, Clone)]
pub(super) struct Signed {
    pub(super) header: SignedHeader,
    pub(super) validators: validator::Set,
}

/// The signed header of a committed block.
pub(super) async fn signed_header(client: &Client, height: u64) -> Signed {
    let view = block(client, height).await;
    let header = <SignedHeader as Protobuf<RawSignedHeader>>::decode_vec(&view.signed_header);
    let validators = <validator::Set as Protobuf<RawValidatorSet>>::decode_vec(&view.validators);
    Signed {
        header: header.expect("a gateway's signed header decodes"),
        validators: validators.expect("a gateway's validators decode"),
    }
}

/// The validators' keys of a chain, from the key files of its nodes.
pub(super) fn signers(devnet: &Devnet, code: &str) -> Vec<Signer> {
    let nodes = devnet.chain(code).nodes;
    let signers = nodes
        .iter()
        .map(|node| Signer::new(&devnet.key(&node.name, "validator")));
    signers
        .collect::<Result<_, _>>()
        .expect("validator keys are Ed25519")
}

/// A header signed by those validators of the set whose keys are given, with votes of this type.
pub(super) fn sign(
    header: &Header,
    set: &validator::Set,
    signers: &[Signer],
    vote_type: vote::Type,
) -> SignedHeader {
    let block_id = Id {
        hash: header.hash(),
        part_set_header: parts::Header::new(1, Hash::Sha256([7; 32])).expect("one part"),
    };
    let height = header.height.value();
    let bytes = sign_bytes::vote(
        &header.chain_id,
        vote_type,
        height,
        0,
        block_id,
        header.time,
    );
    let place = |validator: &validator::Info| {
        let Some(signer) = signers
            .iter()
            .find(|signer| signer.address() == validator.address)
        else {
            return CommitSig::BlockIdFlagAbsent;
        };
        let signature =
            Signature::try_from(signer.sign(&bytes).as_slice()).expect("64 bytes are a signature");
        CommitSig::BlockIdFlagCommit {
            validator_address: validator.address,
            timestamp: header.time,
            signature: Some(signature),
        }
    };
    let commit = Commit {
        height: header.height,
        round: Round::default(),
        block_id,
        signatures: set.validators().iter().map(place).collect(),
    };
    SignedHeader::new(header.clone(), commit).expect("header and commit have one height")
}

/// The same header with the first `count` of its signatures.
pub(super) fn with_signatures(header: &SignedHeader, count: usize) -> SignedHeader {
    let mut commit = header.commit.clone();
    let present = commit
        .signatures
        .iter_mut()
        .filter(|place| !place.is_absent());
    for place in present.skip(count) {
        *place = CommitSig::BlockIdFlagAbsent;
    }
    SignedHeader::new(header.header.clone(), commit).expect("header and commit have one height")
}
