//! Striking out a validator of a sub-chain.

use starfire_crosschain::registered;
use starfire_did::ChainCode;
use starfire_did::deactivate::REASON_BYTES_MAX;
use starfire_proto::v1;
use starfire_state::{Env, Overlay, Rejection};
use tendermint::PublicKey;

use super::member::invalid;
use super::register::{check_main, parse_code, parse_key};

/// Takes a key from those that a sub-chain may have, on the main chain. The sub-chain must have done without it before: no header
/// that it signed is anchored from then on.
#[derive(Debug, Clone)]
pub(super) struct Strike {
    chain_code: ChainCode,
    validator_key: PublicKey,
    reason: String,
}

impl TryFrom<v1::StrikeValidator> for Strike {
    type Error = Rejection;

    fn try_from(message: v1::StrikeValidator) -> Result<Self, Rejection> {
        if message.reason.len() > REASON_BYTES_MAX {
            return Err(invalid(format!(
                "a reason has at most {REASON_BYTES_MAX} bytes"
            )));
        }
        Ok(Self {
            chain_code: parse_code(&message.chain_code)?,
            validator_key: parse_key(&message.validator_key)?,
            reason: message.reason,
        })
    }
}

impl Strike {
    pub(super) fn check(&self, env: &Env) -> Result<(), Rejection> {
        check_main(env)
    }

    pub(super) fn apply(self, state: &mut Overlay<'_>) -> Result<(), Rejection> {
        let code = self.chain_code.as_str();
        registered::strike(state, code, self.validator_key, &self.reason)
    }
}
