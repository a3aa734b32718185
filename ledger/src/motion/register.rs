//! Registering a validator that a sub-chain may have.

use starfire_crosschain::{code as crosschain_code, registered};
use starfire_did::ChainCode;
use starfire_proto::v1;
use starfire_state::{Env, Overlay, Rejection};
use tendermint::PublicKey;

use super::member::{invalid, not_proved};
use crate::membership::{address_problem, is_possessed, is_validator_key, text_problem};

/// Registers a key for a sub-chain, on the main chain, so that headers which it signs are anchored.
#[derive(Debug, Clone)]
pub(super) struct Register {
    chain_code: ChainCode,
    address: String,
    owner: String,
    validator_key: PublicKey,
    possession: Vec<u8>,
}

impl TryFrom<v1::RegisterValidator> for Register {
    type Error = Rejection;

    fn try_from(message: v1::RegisterValidator) -> Result<Self, Rejection> {
        let chain_code = parse_code(&message.chain_code)?;
        if address_problem(&message.address, chain_code.as_str()).is_some() {
            let detail = format!(
                "address: {:?} is no account of {chain_code}",
                message.address
            );
            return Err(invalid(detail));
        }
        if let Some(problem) = text_problem(&message.owner) {
            return Err(invalid(format!("owner: {problem}")));
        }
        Ok(Self {
            chain_code,
            address: message.address,
            owner: message.owner,
            validator_key: parse_key(&message.validator_key)?,
            possession: message.possession,
        })
    }
}

impl Register {
    /// This is the main chain, and the key has signed for the sub-chain's member.
    pub(super) fn check(&self, env: &Env) -> Result<(), Rejection> {
        check_main(env)?;
        if is_possessed(
            &self.address,
            &self.validator_key.to_bytes(),
            &self.possession,
        ) {
            Ok(())
        } else {
            Err(not_proved(&self.address))
        }
    }

    pub(super) fn apply(self, state: &mut Overlay<'_>) -> Result<(), Rejection> {
        let code = self.chain_code.as_str();
        registered::register(state, code, self.validator_key, &self.owner)
    }
}

pub(super) fn check_main(env: &Env) -> Result<(), Rejection> {
    if env.chain.chain_code.is_empty() {
        return Ok(());
    }
    Err(Rejection::new(
        crosschain_code::ONLY_ON_MAIN_CHAIN,
        "the main chain registers the validators of sub-chains",
    ))
}

pub(super) fn parse_code(text: &str) -> Result<ChainCode, Rejection> {
    ChainCode::parse(text).map_err(|error| invalid(format!("chain_code: {error}")))
}

pub(super) fn parse_key(bytes: &[u8]) -> Result<PublicKey, Rejection> {
    let key = is_validator_key(bytes).then(|| PublicKey::from_raw_ed25519(bytes));
    key.flatten()
        .ok_or_else(|| invalid("validator_key: is not an Ed25519 key"))
}
