//! The validators that a sub-chain may have: whose signatures count on the main chain.
//!
//! The sub-chain's registration names the first ones. All others are registered, and any is struck out, by those who govern the main
//! chain; the sub-chain's validators have no say in it, however many of them agree. A key that a sub-chain no longer uses may stay
//! registered: alone it vouches for nothing.

use starfire_proto::v1;
use starfire_state::{Event, Overlay, Rejection, View};
use tendermint::{PublicKey, account};

use crate::{chain, code, path};

/// The most validators that are registered for a sub-chain: four times as many as it has at one height.
pub const REGISTERED_MAX: usize = 256;

/// Whether the validator with this address is registered. The key follows from it: an address is its hash.
pub fn is(view: &dyn View, chain_code: &str, address: &account::Id) -> bool {
    view.get(&path::validator(chain_code, address)).is_some()
}

/// Registers one more.
pub fn register(
    state: &mut Overlay<'_>,
    chain_code: &str,
    key: PublicKey,
    owner: &str,
) -> Result<(), Rejection> {
    check_known(state, chain_code)?;
    let address = account::Id::from(key);
    if is(state, chain_code, &address) {
        let detail = format!("{address} is registered for {chain_code} already");
        return Err(Rejection::new(code::VALIDATOR_REGISTERED, detail));
    }
    let registered = state.scan(&path::validators(chain_code), None, REGISTERED_MAX);
    if registered.len() >= REGISTERED_MAX {
        let detail = format!("{REGISTERED_MAX} validators are registered for {chain_code}");
        return Err(Rejection::new(code::REGISTERED_VALIDATORS_LIMIT, detail));
    }
    write(state, chain_code, key, owner);
    state.emit(Event::new(
        "subchain.validator_registered",
        vec![
            ("chain_code", chain_code.to_owned()),
            ("validator_key", hex::encode(key.to_bytes())),
            ("owner", owner.to_owned()),
        ],
    ));
    Ok(())
}

/// Strikes one out.
pub fn strike(
    state: &mut Overlay<'_>,
    chain_code: &str,
    key: PublicKey,
    reason: &str,
) -> Result<(), Rejection> {
    check_known(state, chain_code)?;
    let address = account::Id::from(key);
    if !is(state, chain_code, &address) {
        let detail = format!("{address} is not registered for {chain_code}");
        return Err(Rejection::new(code::VALIDATOR_NOT_REGISTERED, detail));
    }
    state.delete(path::validator(chain_code, &address));
    state.emit(Event::new(
        "subchain.validator_struck",
        vec![
            ("chain_code", chain_code.to_owned()),
            ("validator_key", hex::encode(key.to_bytes())),
            ("reason", reason.to_owned()),
        ],
    ));
    Ok(())
}

pub(crate) fn write(state: &mut Overlay<'_>, chain_code: &str, key: PublicKey, owner: &str) {
    let registered = v1::RegisteredValidator {
        public_key: key.to_bytes(),
        owner: owner.to_owned(),
    };
    let address = account::Id::from(key);
    state.put_record(path::validator(chain_code, &address), &registered);
}

fn check_known(view: &dyn View, chain_code: &str) -> Result<(), Rejection> {
    if chain::load(view, chain_code).is_some() {
        return Ok(());
    }
    let detail = format!("no sub-chain is registered as {chain_code}");
    Err(Rejection::new(code::CHAIN_UNKNOWN, detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Nothing, key, registration};

    fn validator(seed: u8) -> PublicKey {
        PublicKey::from_raw_ed25519(key(seed).public().raw()).unwrap()
    }

    fn main_chain() -> Overlay<'static> {
        let mut state = Overlay::new(&Nothing);
        registration().write(&mut state).unwrap();
        state
    }

    #[test]
    fn validators_are_registered_once_and_struck_out_once() {
        let mut state = main_chain();
        let name = |result: Result<(), Rejection>| result.map_err(|rejection| rejection.code.name);
        let mut register =
            |code: &str, seed| name(register(&mut state, code, validator(seed), "one"));
        assert_eq!(register("by02", 30), Err("CHAIN_UNKNOWN"));
        assert_eq!(register("by01", 20), Err("VALIDATOR_REGISTERED"));
        assert_eq!(register("by01", 30), Ok(()));
        assert_eq!(register("by01", 30), Err("VALIDATOR_REGISTERED"));
        let mut strike = |code: &str, seed| name(strike(&mut state, code, validator(seed), "left"));
        assert_eq!(strike("by02", 30), Err("CHAIN_UNKNOWN"));
        assert_eq!(strike("by01", 30), Ok(()));
        assert_eq!(strike("by01", 30), Err("VALIDATOR_NOT_REGISTERED"));
        assert_eq!(strike("by01", 20), Ok(()));
        assert!(!is(&state, "by01", &account::Id::from(validator(20))));
        assert!(is(&state, "by01", &account::Id::from(validator(21))));
    }

    #[test]
    fn so_many_are_registered_and_no_more() {
        let mut state = main_chain();
        // Four stand in the registration.
        for seed in (0..=u8::MAX).filter(|seed| !(20..24).contains(seed)) {
            register(&mut state, "by01", validator(seed), "one").unwrap();
        }
        let one_more = starfire_did::PrivateKey::generate(
            [[7; 16], [8; 16]].concat().try_into().unwrap(),
            starfire_did::KeyAlgorithm::Ed25519,
        );
        let one_more = PublicKey::from_raw_ed25519(one_more.public().raw()).unwrap();
        let refused = register(&mut state, "by01", one_more, "one").unwrap_err();
        assert_eq!(refused.code.name, "REGISTERED_VALIDATORS_LIMIT");
        strike(&mut state, "by01", validator(0), "").unwrap();
        register(&mut state, "by01", one_more, "one").unwrap();
    }
}
