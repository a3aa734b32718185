//! Sub-chains as the main chain knows them: who they are, and whose signatures count.

use starfire_did::{ChainCode, Did};
use starfire_proto::v1;
use starfire_state::{Overlay, View, record};
use tendermint::{chain, validator};
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::ValidatorSet as RawValidatorSet;

use crate::path;
use crate::registered;
use crate::unix_ms;
use crate::validators;

/// The most gateways, and the most resolvers, of a sub-chain.
pub const ENDPOINTS_MAX: usize = 16;
/// The longest name, owner or resolver URL, bytes.
pub const TEXT_BYTES_MAX: usize = 256;

/// Why a sub-chain cannot be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationError {
    /// Not four of a-z and 0-9.
    #[error("the chain code {0:?} is not four lower-case letters or digits")]
    ChainCode(String),
    /// Not `starfire-{code}-{revision}`.
    #[error("the chain id {0:?} is not starfire-{{chain code}}-{{revision}}, at most 50 bytes")]
    ChainId(String),
    /// None, too many, twice the same, without power or with too much of it.
    #[error("the validators are malformed: {0}")]
    Validators(&'static str),
    /// None, too many, or not addresses of the main chain.
    #[error("the gateways are malformed: {0}")]
    Gateways(&'static str),
    /// Not a time in the years 1 to 9999.
    #[error("the genesis time is out of range")]
    GenesisTime,
    /// A text is too long, or there are too many.
    #[error("{0} is too long")]
    TooLong(&'static str),
    /// The chain code is taken.
    #[error("the chain code {0} is registered already")]
    Registered(ChainCode),
}

/// A validator that a sub-chain may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validator {
    /// Its Ed25519 key.
    pub public_key: [u8; 32],
    /// Its voting power at genesis.
    pub power: u64,
    /// Who runs it: a DID or a name.
    pub owner: String,
}

/// All that the main chain must know of a sub-chain before its first anchor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Four lower-case letters or digits, e.g. `by01`.
    pub chain_code: String,
    /// The Tendermint chain id, e.g. `starfire-by01-1`.
    pub chain_id: String,
    /// For people.
    pub name: String,
    /// SHA-256 of its canonical genesis file.
    pub genesis_hash: [u8; 32],
    /// Its genesis time, Unix milliseconds.
    pub genesis_time_ms: i64,
    /// The validators of its first block.
    pub validators: Vec<Validator>,
    /// Main-chain addresses that may anchor it.
    pub gateways: Vec<String>,
    /// URLs that resolve its DIDs.
    pub resolvers: Vec<String>,
}

impl Registration {
    /// Checks it and writes its records.
    pub fn write(self, state: &mut Overlay<'_>) -> Result<(), RegistrationError> {
        let code = ChainCode::parse(&self.chain_code)
            .map_err(|_| RegistrationError::ChainCode(self.chain_code.clone()))?;
        if !is_chain_id_of(&self.chain_id, &code) {
            return Err(RegistrationError::ChainId(self.chain_id));
        }
        if load(state, code.as_str()).is_some() {
            return Err(RegistrationError::Registered(code));
        }
        if unix_ms::to_time(self.genesis_time_ms).is_none() {
            return Err(RegistrationError::GenesisTime);
        }
        self.check_lengths()?;
        check_gateways(&self.gateways)?;
        let keys: Vec<_> = self
            .validators
            .iter()
            .map(|validator| (&validator.public_key, validator.power))
            .collect();
        let infos = validators::infos(&keys).map_err(RegistrationError::Validators)?;
        for (info, validator) in infos.iter().zip(&self.validators) {
            registered::write(state, code.as_str(), info.pub_key, &validator.owner);
        }
        let set = validator::Set::without_proposer(infos);
        let sub_chain = v1::SubChainRecord {
            chain_code: self.chain_code,
            chain_id: self.chain_id,
            name: self.name,
            genesis_hash: self.genesis_hash.to_vec(),
            genesis_validators: Protobuf::<RawValidatorSet>::encode_vec(set),
            genesis_time_ms: self.genesis_time_ms,
            gateways: self.gateways,
            resolvers: self.resolvers,
            status: v1::SubChainStatus::Active.into(),
            ..v1::SubChainRecord::default()
        };
        state.put_record(path::sub_chain(code.as_str()), &sub_chain);
        Ok(())
    }

    fn check_lengths(&self) -> Result<(), RegistrationError> {
        if self.name.len() > TEXT_BYTES_MAX {
            return Err(RegistrationError::TooLong("the name"));
        }
        if self.resolvers.len() > ENDPOINTS_MAX
            || self.resolvers.iter().any(|url| url.len() > TEXT_BYTES_MAX)
        {
            return Err(RegistrationError::TooLong(
                "the list of resolvers, or one of them,",
            ));
        }
        if self
            .validators
            .iter()
            .any(|validator| validator.owner.len() > TEXT_BYTES_MAX)
        {
            return Err(RegistrationError::TooLong("a validator's owner"));
        }
        Ok(())
    }
}

/// Is this `starfire-{code}-{revision}`, the revision a number without leading zeros?
fn is_chain_id_of(chain_id: &str, code: &ChainCode) -> bool {
    let revision = chain_id
        .strip_prefix("starfire-")
        .and_then(|rest| rest.strip_prefix(code.as_str()));
    let Some(revision) = revision.and_then(|rest| rest.strip_prefix('-')) else {
        return false;
    };
    let number = revision.bytes().all(|digit| digit.is_ascii_digit())
        && !revision.starts_with('0')
        && !revision.is_empty();
    number && chain::Id::try_from(chain_id.to_owned()).is_ok()
}

fn check_gateways(gateways: &[String]) -> Result<(), RegistrationError> {
    if gateways.is_empty() || gateways.len() > ENDPOINTS_MAX {
        return Err(RegistrationError::Gateways("there must be 1 to 16"));
    }
    let on_main = |address: &String| {
        Did::parse(address).is_ok_and(|did| did.is_account() && did.chain_code().is_none())
    };
    if !gateways.iter().all(on_main) {
        return Err(RegistrationError::Gateways(
            "each is an address of the main chain",
        ));
    }
    Ok(())
}

/// The record of a sub-chain.
pub fn load(view: &dyn View, chain_code: &str) -> Option<v1::SubChainRecord> {
    record(view, &path::sub_chain(chain_code))
}

/// All sub-chains, by chain code.
pub fn list(view: &dyn View) -> Vec<v1::SubChainRecord> {
    let mut found: Vec<v1::SubChainRecord> = Vec::new();
    let mut after = path::SUB_CHAINS.to_vec();
    while let Some((key, value)) = view.scan(path::SUB_CHAINS, Some(&after), 1).pop() {
        found.push(
            prost::Message::decode(value.as_slice())
                .expect("a record in state decodes as the message that wrote it"),
        );
        // Past the records of its validators, which begin with its own path and a slash.
        after = [&key[..], b"/\xff"].concat();
    }
    found
}

/// An anchored header.
pub fn load_anchor(view: &dyn View, chain_code: &str, height: u64) -> Option<v1::AnchorRecord> {
    record(view, &path::anchor(chain_code, height))
}

/// The newest anchors, newest first.
pub fn newest_anchors(view: &dyn View, chain_code: &str, limit: usize) -> Vec<v1::AnchorRecord> {
    let latest = load(view, chain_code).map_or(0, |sub_chain| sub_chain.latest_height);
    let first = load_anchor(view, chain_code, latest);
    std::iter::successors(first, |anchor| {
        load_anchor(view, chain_code, anchor.previous_height)
    })
    .take(limit)
    .collect()
}

/// Anchors from this height on, oldest first.
pub fn anchors_from(
    view: &dyn View,
    chain_code: &str,
    height: u64,
    limit: usize,
) -> Vec<v1::AnchorRecord> {
    let after = height
        .checked_sub(1)
        .map(|before| path::anchor(chain_code, before));
    let found = view.scan(&path::anchors(chain_code), after.as_deref(), limit);
    let decode = |value: Vec<u8>| {
        prost::Message::decode(value.as_slice())
            .expect("a record in state decodes as the message that wrote it")
    };
    found.into_iter().map(|(_, value)| decode(value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn check(change: impl FnOnce(&mut Registration), refused: Option<&str>) {
        let mut registration = fixture::registration();
        change(&mut registration);
        let nothing = fixture::Nothing;
        let mut state = Overlay::new(&nothing);
        let written = registration
            .write(&mut state)
            .map_err(|error| error.to_string());
        match refused {
            None => assert_eq!(written, Ok(())),
            Some(why) => assert!(
                written.clone().is_err_and(|error| error.contains(why)),
                "{written:?}"
            ),
        }
    }

    #[test]
    fn a_registration_is_checked() {
        check(|_| (), None);
        check(|it| it.chain_code = "BY01".to_owned(), Some("chain code"));
        check(|it| it.chain_code = "by001".to_owned(), Some("chain code"));
        check(
            |it| it.chain_id = "starfire-by02-1".to_owned(),
            Some("chain id"),
        );
        check(
            |it| it.chain_id = "starfire-by01-01".to_owned(),
            Some("chain id"),
        );
        check(
            |it| it.chain_id = format!("starfire-by01-{}", "1".repeat(40)),
            Some("chain id"),
        );
        check(|it| it.validators.clear(), Some("1 to 64"));
        check(
            |it| it.validators[1] = it.validators[0].clone(),
            Some("twice"),
        );
        check(|it| it.validators[1].power = 0, Some("power"));
        check(|it| it.validators[1].power = u64::MAX, Some("power"));
        check(|it| it.gateways.clear(), Some("gateways"));
        check(
            |it| it.gateways[0] = it.gateways[0].replace("did:bid:", "did:bid:by01:"),
            Some("main chain"),
        );
        check(|it| it.genesis_time_ms = i64::MAX, Some("genesis time"));
        check(|it| it.name = "n".repeat(257), Some("too long"));
    }

    #[test]
    fn chains_are_listed_without_their_validators() {
        let nothing = fixture::Nothing;
        let mut state = Overlay::new(&nothing);
        for code in ["zz99", "by01", "0000"] {
            let mut registration = fixture::registration();
            registration.chain_code = code.to_owned();
            registration.chain_id = format!("starfire-{code}-1");
            registration.clone().write(&mut state).unwrap();
            assert!(matches!(
                registration.write(&mut state),
                Err(RegistrationError::Registered(_))
            ));
        }
        let codes: Vec<String> = list(&state)
            .into_iter()
            .map(|record| record.chain_code)
            .collect();
        assert_eq!(codes, ["0000", "by01", "zz99"]);
        assert_eq!(load(&state, "by01").unwrap().chain_id, "starfire-by01-1");
        assert!(load(&state, "none").is_none());
    }
}
