//! Where records of this domain stand in the main chain's state.
//!
//! A height has 20 digits, so that paths sort as heights do.

/// A sub-chain: [`starfire_proto::v1::SubChainRecord`].
pub fn sub_chain(chain_code: &str) -> Vec<u8> {
    format!("subchain/{chain_code}").into_bytes()
}

/// What all paths of [`sub_chain`] begin with. Those of its validators too: a record's path has no further `/`.
pub const SUB_CHAINS: &[u8] = b"subchain/";

/// A validator that a sub-chain may have: [`starfire_proto::v1::RegisteredValidator`].
pub fn validator(chain_code: &str, address: &tendermint::account::Id) -> Vec<u8> {
    format!(
        "subchain/{chain_code}/validator/{}",
        hex::encode(address.as_bytes())
    )
    .into_bytes()
}

/// What all paths of [`validator`] for a sub-chain begin with.
pub fn validators(chain_code: &str) -> Vec<u8> {
    format!("subchain/{chain_code}/validator/").into_bytes()
}

/// What all paths of [`anchor`] for a sub-chain begin with.
pub fn anchors(chain_code: &str) -> Vec<u8> {
    format!("anchor/{chain_code}/").into_bytes()
}

/// An anchored header: [`starfire_proto::v1::AnchorRecord`].
pub fn anchor(chain_code: &str, height: u64) -> Vec<u8> {
    format!("anchor/{chain_code}/{height:020}").into_bytes()
}

/// Two headers that disagree: [`starfire_proto::v1::ForkRecord`].
pub fn misbehaviour(chain_code: &str, height: u64) -> Vec<u8> {
    format!("misbehaviour/{chain_code}/{height:020}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_as_documented() {
        let address = tendermint::account::Id::new([0xab; 20]);
        assert_eq!(sub_chain("by01"), b"subchain/by01");
        assert_eq!(
            validator("by01", &address),
            format!("subchain/by01/validator/{}", "ab".repeat(20)).into_bytes()
        );
        assert_eq!(anchor("by01", 7), b"anchor/by01/00000000000000000007");
        assert_eq!(
            misbehaviour("by01", u64::MAX),
            b"misbehaviour/by01/18446744073709551615"
        );
    }
}
