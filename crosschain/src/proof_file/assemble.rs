//! Making a proof file out of what gateways answer. Nothing is checked here that a verifier does not check again.

use starfire_proto::v1;
use tendermint::block::signed_header::SignedHeader;
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::{Header as RawHeader, SignedHeader as RawSignedHeader};

use super::Subject;
use super::content::{Entry, FORMAT, MainPart, ProofFile, SubPart};
use crate::text::{Base64, Hex};

/// Why no proof file can be made of the answers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssembleError {
    /// The subject is of a sub-chain, whose proof is missing, or of the main chain, and there is one.
    #[error("the subject's chain and the proofs given do not fit")]
    Chain,
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

/// Makes the file. `main` proves [`Subject::main_paths`] and `sub`, for a subject of a sub-chain, [`Subject::sub_paths`]: under an
/// anchored header, whose height the main paths name.
pub fn assemble(
    subject: Subject,
    genesis_hash: [u8; 32],
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
            genesis_hash: Hex(genesis_hash),
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
