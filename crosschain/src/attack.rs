//! A sub-chain's fork in Tendermint's own types, for light clients and the tools around them.
//!
//! A light client that is shown two histories forms [`LightClientAttackEvidence`]. [`submission`] turns it into the anchor that
//! freezes the sub-chain, and [`evidence`] turns what the main chain keeps of a fork back into it. Neither judges: an anchor is
//! judged where all are, in [`crate::anchor`], and evidence by whoever reads it.

use starfire_did::ChainCode;
use starfire_proto::v1;
use tendermint::block::Height;
use tendermint::block::signed_header::SignedHeader;
use tendermint::evidence::{ConflictingBlock, LightClientAttackEvidence};
use tendermint::validator;
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::{
    SignedHeader as RawSignedHeader, ValidatorSet as RawValidatorSet,
};

use crate::unix_ms;

/// Where both histories were still one.
#[derive(Debug, Clone, Copy)]
pub struct Common<'a> {
    /// The last anchored header before the fork.
    pub anchor: &'a v1::AnchorRecord,
    /// The validators that it names for the next height.
    pub next_validators: &'a validator::Set,
}

/// Why a record or evidence cannot be said in the other's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AttackError {
    /// The record's header does not decode.
    #[error("the record holds no signed header")]
    Encoding,
    /// The validators are not those that the header names.
    #[error("the validators are not those that the header names")]
    Validators,
    /// The anchor is not one from before the fork.
    #[error("the anchor is not of this sub-chain from before the fork")]
    Common,
}

/// The evidence of a fork that the main chain keeps.
///
/// It names the validators that signed the conflicting header and were trusted before. Where that header follows the rules, those of
/// them are at fault that signed the anchored one too.
pub fn evidence(
    fork: &v1::ForkRecord,
    validators: &validator::Set,
    common: Common<'_>,
) -> Result<LightClientAttackEvidence, AttackError> {
    let encoded = fork.conflicting_signed_header.as_slice();
    let signed_header = <SignedHeader as Protobuf<RawSignedHeader>>::decode_vec(encoded)
        .map_err(|_| AttackError::Encoding)?;
    let Common {
        anchor,
        next_validators,
    } = common;
    if validators.hash() != signed_header.header.validators_hash
        || next_validators.hash().as_bytes() != anchor.next_validators_hash
    {
        return Err(AttackError::Validators);
    }
    if anchor.chain_code != fork.chain_code || anchor.height >= fork.height {
        return Err(AttackError::Common);
    }
    let signatures = signed_header.commit.signatures.iter();
    let signers = signatures.filter_map(|signature| signature.validator_address());
    let mut byzantine_validators: Vec<_> = signers
        .filter_map(|address| next_validators.validator(address))
        .collect();
    byzantine_validators.sort_by_key(|validator| (validator.power, validator.address));
    Ok(LightClientAttackEvidence {
        common_height: Height::try_from(anchor.height).map_err(|_| AttackError::Common)?,
        total_voting_power: next_validators.total_voting_power(),
        timestamp: unix_ms::to_time(anchor.time_ms).ok_or(AttackError::Common)?,
        byzantine_validators,
        conflicting_block: ConflictingBlock {
            signed_header,
            validator_set: validators.clone(),
        },
    })
}

/// The anchor that shows the evidence's header to the main chain.
///
/// `next_validators` are those that the header names for the height after it. The trusted validators are those after an anchored
/// height, or at height 0 those of the sub-chain's genesis.
pub fn submission(
    evidence: &LightClientAttackEvidence,
    chain_code: ChainCode,
    next_validators: &validator::Set,
    trusted_height: u64,
    trusted_next_validators: &validator::Set,
) -> Result<v1::AnchorSubmit, AttackError> {
    let shown = &evidence.conflicting_block;
    let header = &shown.signed_header.header;
    if shown.validator_set.hash() != header.validators_hash
        || next_validators.hash() != header.next_validators_hash
    {
        return Err(AttackError::Validators);
    }
    let encode = |set: &validator::Set| Protobuf::<RawValidatorSet>::encode_vec(set.clone());
    Ok(v1::AnchorSubmit {
        chain_code: chain_code.to_string(),
        trusted_height,
        signed_header: Protobuf::<RawSignedHeader>::encode_vec(shown.signed_header.clone()),
        validators: encode(&shown.validator_set),
        next_validators: encode(next_validators),
        trusted_next_validators: encode(trusted_next_validators),
    })
}

#[cfg(test)]
mod tests {
    use starfire_state::Overlay;
    use tendermint::evidence::Evidence;
    use tendermint_proto::v0_38::types::Evidence as RawEvidence;

    use super::*;
    use crate::anchor::Submit;
    use crate::fixture::{Chain, Nothing, encode, env, gateway, registration, sub_validators};
    use crate::{chain, path};

    /// Anchors a header; from genesis on.
    fn anchor(state: &mut Overlay<'_>, height: u64, message: v1::AnchorSubmit) {
        Submit::try_from(message)
            .unwrap()
            .apply(state, &env(height, &gateway()))
            .unwrap();
    }

    #[test]
    fn a_light_clients_evidence_freezes_the_sub_chain_and_is_kept_as_such() {
        let validators = sub_validators();
        let set = validators.set();
        let mut sub = Chain::new(
            "starfire-by01-1",
            validators.clone(),
            [(b"k".to_vec(), Some(b"v".to_vec()))].into(),
        );
        sub.block([].into());
        sub.block([].into());
        let mut state = Overlay::new(&Nothing);
        registration().write(&mut state).unwrap();
        for height in [1, 2] {
            let message = v1::AnchorSubmit {
                chain_code: "by01".to_owned(),
                trusted_height: 0,
                signed_header: encode(validators.sign(&sub.header(height), &[0, 1, 2])),
                validators: validators.encoded(),
                next_validators: validators.encoded(),
                trusted_next_validators: validators.encoded(),
            };
            anchor(&mut state, 10, message);
        }
        let common = chain::load_anchor(&state, "by01", 1).unwrap();
        let common = Common {
            anchor: &common,
            next_validators: &set,
        };

        let mut other = sub.header(2);
        other.data_hash = Some(tendermint::Hash::Sha256([9; 32]));
        let shown = LightClientAttackEvidence {
            conflicting_block: ConflictingBlock {
                signed_header: validators.sign(&other, &[1, 2, 3]),
                validator_set: set.clone(),
            },
            common_height: Height::from(1_u32),
            byzantine_validators: set.validators()[1..].to_vec(),
            total_voting_power: set.total_voting_power(),
            timestamp: sub.header(1).time,
        };
        let code = ChainCode::parse("by01").unwrap();
        anchor(
            &mut state,
            11,
            submission(&shown, code, &set, 1, &set).unwrap(),
        );
        let record = chain::load(&state, "by01").unwrap();
        assert_eq!(record.status(), v1::SubChainStatus::Frozen);

        let fork: v1::ForkRecord =
            starfire_state::record(&state, &path::misbehaviour("by01", 2)).unwrap();
        let kept = evidence(&fork, &set, common).unwrap();
        assert_eq!(kept, shown);
        let sent = Protobuf::<RawEvidence>::encode_vec(Evidence::from(kept.clone()));
        assert_eq!(
            <Evidence as Protobuf<RawEvidence>>::decode_vec(&sent).unwrap(),
            Evidence::from(kept)
        );

        let others = crate::fixture::Validators::new(60, 4, 10).set();
        assert_eq!(
            evidence(&fork, &others, common),
            Err(AttackError::Validators)
        );
        assert_eq!(
            submission(&shown, code, &others, 1, &set),
            Err(AttackError::Validators)
        );
        let late = chain::load_anchor(&state, "by01", 2).unwrap();
        let late = Common {
            anchor: &late,
            ..common
        };
        assert_eq!(evidence(&fork, &set, late), Err(AttackError::Common));
    }
}
