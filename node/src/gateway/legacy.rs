//! Identifiers of earlier generations (`starfire_did::id::LegacyDid`). A chain of BIF's profile knows them by name: no key proves
//! them, so nobody can have registered one. Other chains do not know them at all.

use starfire_did::id::parse_legacy;

use super::Gateway;

/// Tells the log that a request named legacy identifiers, of which this is one.
pub(super) fn tell(did: &str) {
    tracing::info!(did, "an identifier of an earlier generation");
}

impl Gateway {
    /// What is said of a legacy identifier; `None` of any other text, and on other chains. Whoever answers a request tells the log, once.
    pub(super) async fn legacy(&self, text: &str) -> Option<String> {
        let legacy = parse_legacy(text)?;
        let chain = self
            .read(|view| Ok(starfire_state::chain(view.state().as_ref())))
            .await;
        if !chain.is_ok_and(|chain| chain.bif_profile) {
            return None;
        }
        Some(format!(
            "{text} is one of {}: none is registered",
            legacy.generation()
        ))
    }
}
