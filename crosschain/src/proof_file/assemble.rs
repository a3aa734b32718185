//! Making a proof file out of what gateways answer. Nothing is checked here that a verifier does not check again.

use starfire_proto::v1;
use tendermint::block::signed_header::SignedHeader;
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::{Header as RawHeader, SignedHeader as RawSignedHeader};

use super::Subject;
use super::content::{Entry, FORMAT, MainPart, PROOF_BYTES_MAX, ProofFile, SubPart};
use crate::succession::Change;
use crate::text::{Base64, Hex};
use crate::trust::Bundle;

/// What changes of the validators may take in a proof file, bytes: half of it.
const CHANGES_BYTES_MAX: usize = PROOF_BYTES_MAX / 2;

/// Why no proof file can be made of the answers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssembleError {
    /// The subject is of a sub-chain, whose proof is missing, or of the main chain, and there is one.
    #[error("the subject's chain and the proofs given do not fit")]
    Chain,
    /// The main chain's signed header does not decode.
    #[error("the main chain's signed header does not decode")]
    MainHeader,
    /// The sub-chain's signed header does not decode.
    #[error("the sub-chain's signed header does not decode")]
    SubHeader,
    /// An answer lacks a value that the file must hold.
    #[error("the answer of {chain_id} does not prove {path}")]
    Missing {
        /// Whose answer.
        chain_id: String,
        /// The path.
        path: String,
    },
}

/// Makes the file. `bundle` describes the main chain, and knows its validators up to the header; `main` proves [`Subject::main_paths`] and `sub`, for a subject of a sub-chain, [`Subject::sub_paths`]: under an
/// anchored header, whose height the main paths name.
pub fn assemble(
    subject: Subject,
    bundle: &Bundle,
    main: &v1::StateProof,
    sub: Option<&v1::StateProof>,
) -> Result<Vec<u8>, AssembleError> {
    let (sub_part, anchored) = match (subject.chain_code(), sub) {
        (None, None) => (None, None),
        (Some(code), Some(proof)) => {
            let signed =
                <SignedHeader as Protobuf<RawSignedHeader>>::decode_vec(&proof.signed_header);
            let header = signed.map_err(|_| AssembleError::SubHeader)?.header;
            let height = header.height.value();
            let header = Base64(Protobuf::<RawHeader>::encode_vec(header));
            (
                Some(SubPart {
                    chain_code: code.to_string(),
                    header,
                }),
                Some(height),
            )
        }
        (None, Some(_)) | (Some(_), None) => return Err(AssembleError::Chain),
    };
    let file = ProofFile {
        format: FORMAT.to_owned(),
        main: MainPart {
            chain_id: main.chain_id.clone(),
            changes: changes_before(bundle, main)?,
            genesis_hash: Hex(*bundle.genesis_hash()),
            signed_header: Base64(main.signed_header.clone()),
            validators: Base64(main.validators.clone()),
        },
        main_values: select(main, &subject.main_paths(anchored))?,
        sub: sub_part,
        sub_values: sub.map_or(Ok(Vec::new()), |proof| select(proof, &subject.sub_paths()))?,
        subject,
    };
    Ok(file.encode())
}

/// What a verifier with an old bundle needs to know of the validators: the newest changes before the header, as many as there is
/// room for. Who has pinned the chain before even those needs a newer bundle.
fn changes_before(bundle: &Bundle, main: &v1::StateProof) -> Result<Vec<Change>, AssembleError> {
    if bundle.changes().is_empty() {
        return Ok(Vec::new());
    }
    let signed = <SignedHeader as Protobuf<RawSignedHeader>>::decode_vec(&main.signed_header);
    let height = signed
        .map_err(|_| AssembleError::MainHeader)?
        .header
        .height
        .value();
    let mut room = CHANGES_BYTES_MAX;
    let mut changes = Vec::new();
    for change in bundle.changes().iter().rev() {
        if change.height().is_ok_and(|at| at >= height) {
            continue;
        }
        let Some(left) = room.checked_sub(change.size()) else {
            break;
        };
        room = left;
        changes.push(change.clone());
    }
    changes.reverse();
    Ok(changes)
}

fn select(proof: &v1::StateProof, paths: &[Vec<u8>]) -> Result<Vec<Entry>, AssembleError> {
    let entry = |path: &Vec<u8>| {
        let key = String::from_utf8_lossy(path).into_owned();
        let Some(found) = proof.values.iter().find(|value| value.key == *path) else {
            return Err(AssembleError::Missing {
                chain_id: proof.chain_id.clone(),
                path: key,
            });
        };
        let value = found.present.then(|| Base64(found.value.clone()));
        Ok(Entry {
            key,
            value,
            proof: Base64(found.proof.clone()),
        })
    };
    paths.iter().map(entry).collect()
}
