//! Where facts of chains come from: this node's own newest state, or values that a node proved to a distrustful client.

use starfire_did::ChainCode;
use starfire_did::credential::evidence::Unknown;

use super::proved::Proved;
use crate::gateway::Gateway;

/// Values that one state has at some paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    /// Of each path, in order; `None`: there is nothing, which is certain.
    pub(crate) values: Vec<Option<Vec<u8>>>,
    /// The time of the state, Unix milliseconds.
    pub(crate) time_ms: i64,
}

/// What to do about a node that does not answer, or not with what it should.
pub(crate) const ASK_ANOTHER: &str = "ask another node";

/// Where facts come from.
#[derive(Debug, Clone)]
pub(crate) enum Source<'a> {
    /// A gateway: its own newest read view, and a sub-chain's gateway for what stands there, as its anchor proves it.
    View(&'a Gateway),
    /// A node that is not trusted: each value is proved, and the proof hangs on the pinned main chain.
    Proved(&'a Proved),
    /// Nobody is asked. Only what was handed in is known.
    Offline,
}

impl Source<'_> {
    /// The values at these paths of a chain's state; `None` is the main chain.
    pub(crate) async fn values(
        &self,
        chain: Option<ChainCode>,
        paths: Vec<Vec<u8>>,
    ) -> Result<Known, Unknown> {
        match self {
            Self::View(gateway) => gateway
                .facts(chain, paths)
                .await
                .map_err(|refusal| Unknown::new(refusal.to_string(), ASK_ANOTHER)),
            Self::Proved(proved) => proved.values(chain, paths).await,
            Self::Offline => Err(Unknown::new(
                "no node is asked, and nothing was handed in",
                "name a node by --node; or hand in documents by --documents, status lists by --status-list, a gateway's answers with their proofs by --proofs",
            )),
        }
    }
}
