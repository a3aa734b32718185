//! A sub-chain's header, shown to the main chain with the signatures that prove it.
//!
//! Whoever submits it is not believed. The header is checked as a light client checks it, from the sub-chain's registered genesis
//! validators or from a header anchored before, with the main chain's time as the clock; then every signer must be registered, so
//! that validators cannot admit others on their own. What passes either extends the record of anchors, is known already, or
//! contradicts an anchor, and then freezes the sub-chain.

mod decode;
mod refusal;

use std::time::Duration;

use starfire_consensus::certificate::{self, CertificateError};
use starfire_did::ChainCode;
use starfire_proto::v1;
use starfire_state::{Env, Event, Overlay, Rejection, View};
use tendermint::block::signed_header::SignedHeader;
use tendermint::{Hash, Time, chain, validator};
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::ValidatorSet as RawValidatorSet;

pub use decode::{HEIGHT_MAX, PART_BYTES_MAX};

use crate::chain::{load, load_anchor};
use crate::code;
use crate::misbehaviour::{self, Conflict, Contradiction};
use crate::path;
use crate::registered;
use crate::unix_ms;

/// How long an anchored header's validators are trusted to vouch for later ones.
pub const TRUSTING_PERIOD: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How far a sub-chain's clock may be ahead of the main chain's.
pub const CLOCK_DRIFT: Duration = Duration::from_secs(10);

/// A header to anchor.
#[derive(Debug, Clone)]
pub struct Submit {
    chain_code: ChainCode,
    trusted_height: u64,
    header: SignedHeader,
    encoded: Vec<u8>,
    validators: validator::Set,
    next_validators: validator::Set,
    trusted_next_validators: validator::Set,
}

impl TryFrom<v1::AnchorSubmit> for Submit {
    type Error = Rejection;

    fn try_from(message: v1::AnchorSubmit) -> Result<Self, Rejection> {
        let chain_code = ChainCode::parse(&message.chain_code)
            .map_err(|error| Rejection::new(code::ANCHOR_MALFORMED, error.to_string()))?;
        let header = decode::header(&message.signed_header)?;
        Ok(Self {
            chain_code,
            trusted_height: message.trusted_height,
            header,
            encoded: message.signed_header,
            validators: decode::set(&message.validators, "validators")?,
            next_validators: decode::set(&message.next_validators, "next_validators")?,
            trusted_next_validators: decode::set(
                &message.trusted_next_validators,
                "trusted_next_validators",
            )?,
        })
    }
}

/// What the header is checked from.
struct Trust {
    time: Time,
    next_validators_hash: Hash,
    period: Duration,
}

impl Submit {
    /// Checks the header and anchors it. Showing an anchored header again changes nothing and is no error, since a sub-chain may
    /// have several gateways; a validly signed one that contradicts an anchor is no error either, and freezes the sub-chain.
    pub fn apply(self, state: &mut Overlay<'_>, env: &Env) -> Result<(), Rejection> {
        if !env.chain.chain_code.is_empty() {
            return Err(Rejection::new(
                code::ONLY_ON_MAIN_CHAIN,
                "send it to the main chain",
            ));
        }
        let Some(sub_chain) = load(state, self.chain_code.as_str()) else {
            return Err(Rejection::new(
                code::CHAIN_UNKNOWN,
                format!("no sub-chain is registered as {}", self.chain_code),
            ));
        };
        if sub_chain.status() == v1::SubChainStatus::Frozen {
            let detail = format!(
                "{} is frozen since height {}: {}",
                self.chain_code, sub_chain.frozen_height, sub_chain.frozen_reason
            );
            return Err(Rejection::new(code::CHAIN_FROZEN, detail));
        }
        if !sub_chain.gateways.contains(&env.sender) {
            return Err(Rejection::new(
                code::NOT_A_GATEWAY,
                format!("{} is no gateway of {}", env.sender, self.chain_code),
            ));
        }
        let header = &self.header.header;
        if header.chain_id.as_str() != sub_chain.chain_id {
            let detail = format!(
                "the header is of {}, registered is {}",
                header.chain_id, sub_chain.chain_id
            );
            return Err(Rejection::new(code::ANCHOR_WRONG_CHAIN, detail));
        }
        self.verify(state, env, &sub_chain)?;
        self.check_signers_registered(state)?;
        self.record(state, env, sub_chain)
    }

    fn verify(
        &self,
        state: &dyn View,
        env: &Env,
        sub_chain: &v1::SubChainRecord,
    ) -> Result<(), Rejection> {
        let trust = self.trust(state, env, sub_chain)?;
        if self.trusted_next_validators.hash() != trust.next_validators_hash {
            let detail = format!(
                "trusted_next_validators are not those after height {}",
                self.trusted_height
            );
            return Err(Rejection::new(code::ANCHOR_TRUST_MISMATCH, detail));
        }
        let chain_id =
            chain::Id::try_from(sub_chain.chain_id.clone()).expect("a registered chain id is one");
        let trusted = certificate::Trusted {
            chain_id: &chain_id,
            height: self.trusted_height,
            time: trust.time,
            next_validators: &self.trusted_next_validators,
            next_validators_hash: trust.next_validators_hash,
        };
        let options = certificate::Options {
            trusting_period: trust.period,
            clock_drift: CLOCK_DRIFT,
        };
        let verified = certificate::verify_from(
            &trusted,
            &self.header,
            &self.validators,
            Some(&self.next_validators),
            env.time,
            &options,
        );
        verified
            .map_err(|error| self.root_cause(error))
            .map_err(|error| Rejection::new(refusal::code(error), error.to_string()))
    }

    /// A header in between helps only where the header's own validators signed it. Without that, nothing does, and the
    /// submitter must hear so.
    fn root_cause(&self, error: CertificateError) -> CertificateError {
        if error != CertificateError::NotEnoughTrust {
            return error;
        }
        certificate::verify(&self.header, &self.validators)
            .err()
            .unwrap_or(error)
    }

    /// The sub-chain's genesis counts as its header at height 0.
    fn trust(
        &self,
        state: &dyn View,
        env: &Env,
        sub_chain: &v1::SubChainRecord,
    ) -> Result<Trust, Rejection> {
        if self.trusted_height == 0 {
            let genesis = <validator::Set as Protobuf<RawValidatorSet>>::decode_vec(
                &sub_chain.genesis_validators,
            );
            let genesis = genesis.expect("a registered validator set decodes");
            let time =
                unix_ms::to_time(sub_chain.genesis_time_ms).expect("a registered time is one");
            // Until something is anchored, the registration itself vouches for these validators, now as on its first day.
            let age = if sub_chain.anchors == 0 {
                env.time.duration_since(time).unwrap_or_default()
            } else {
                Duration::ZERO
            };
            return Ok(Trust {
                time,
                next_validators_hash: genesis.hash(),
                period: TRUSTING_PERIOD.saturating_add(age),
            });
        }
        let Some(anchor) = load_anchor(state, self.chain_code.as_str(), self.trusted_height) else {
            let detail = format!(
                "height {} of {} is not anchored",
                self.trusted_height, self.chain_code
            );
            return Err(Rejection::new(code::ANCHOR_TRUST_UNKNOWN, detail));
        };
        let hash = anchor
            .next_validators_hash
            .try_into()
            .expect("an anchor keeps a hash of 32 bytes");
        let time = unix_ms::to_time(anchor.time_ms).expect("an anchor keeps a header's time");
        Ok(Trust {
            time,
            next_validators_hash: Hash::Sha256(hash),
            period: TRUSTING_PERIOD,
        })
    }

    fn check_signers_registered(&self, state: &dyn View) -> Result<(), Rejection> {
        for address in self
            .header
            .commit
            .signatures
            .iter()
            .filter_map(|signature| signature.validator_address())
        {
            // The key follows: an address is a hash of it, and certificates check that it is this key's.
            if !registered::is(state, self.chain_code.as_str(), &address) {
                let detail = format!(
                    "{address} signed and is not a registered validator of {}",
                    self.chain_code
                );
                return Err(Rejection::new(code::ANCHOR_UNREGISTERED_VALIDATOR, detail));
            }
        }
        Ok(())
    }

    fn record(
        self,
        state: &mut Overlay<'_>,
        env: &Env,
        mut sub_chain: v1::SubChainRecord,
    ) -> Result<(), Rejection> {
        let header = &self.header.header;
        let height = header.height.value();
        let hash = header.hash().as_bytes().to_vec();
        let time_ms = unix_ms::from_time(header.time);
        if let Some(anchored) = load_anchor(state, self.chain_code.as_str(), height) {
            if anchored.header_hash != hash {
                self.freeze(state, env, sub_chain, &anchored, Conflict::Fork);
            }
            return Ok(());
        }
        if height < sub_chain.latest_height {
            let detail = format!(
                "{} is anchored up to height {}",
                self.chain_code, sub_chain.latest_height
            );
            return Err(Rejection::new(code::ANCHOR_STALE, detail));
        }
        if let Some(latest) = load_anchor(state, self.chain_code.as_str(), sub_chain.latest_height)
        {
            if time_ms <= latest.time_ms {
                self.freeze(state, env, sub_chain, &latest, Conflict::TimeBackwards);
                return Ok(());
            }
            self.require_recent_trust(&latest)?;
        }
        let anchor = v1::AnchorRecord {
            chain_code: sub_chain.chain_code.clone(),
            height,
            header_hash: hash.clone(),
            app_hash: header.app_hash.as_bytes().to_vec(),
            time_ms,
            next_validators_hash: header.next_validators_hash.as_bytes().to_vec(),
            main_height: env.height,
            main_time_ms: env.time_ms(),
            submitter: env.sender.clone(),
            previous_height: sub_chain.latest_height,
        };
        state.put_record(path::anchor(&sub_chain.chain_code, height), &anchor);
        sub_chain.latest_height = height;
        sub_chain.anchors = sub_chain.anchors.saturating_add(1);
        state.put_record(path::sub_chain(&sub_chain.chain_code), &sub_chain);
        state.emit(Event::new(
            "subchain.anchored",
            vec![
                ("chain_code", sub_chain.chain_code),
                ("height", height.to_string()),
                ("header_hash", hex::encode(hash)),
                ("submitter", env.sender.clone()),
            ],
        ));
        Ok(())
    }

    /// Validators that the sub-chain has replaced since vouch for nothing new: their keys may be anybody's by now. Those after the
    /// anchor before the latest one still do, since another gateway may have shown the latest just before.
    fn require_recent_trust(&self, latest: &v1::AnchorRecord) -> Result<(), Rejection> {
        let same = self.trusted_next_validators.hash().as_bytes() == latest.next_validators_hash;
        if same || self.trusted_height >= latest.previous_height {
            return Ok(());
        }
        let detail = format!(
            "the validators after height {} were replaced since: {} is anchored up to height {}",
            self.trusted_height, self.chain_code, latest.height
        );
        Err(Rejection::new(code::ANCHOR_TRUST_OUTDATED, detail))
    }

    fn freeze(
        &self,
        state: &mut Overlay<'_>,
        env: &Env,
        sub_chain: v1::SubChainRecord,
        anchored: &v1::AnchorRecord,
        conflict: Conflict,
    ) {
        let found = Contradiction {
            conflict,
            anchored,
            header: &self.header,
            encoded: self.encoded.clone(),
        };
        misbehaviour::freeze(state, env, sub_chain, found);
    }
}

#[cfg(test)]
mod tests;
