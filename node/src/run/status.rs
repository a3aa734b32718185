//! What a node tells of itself, put together from its parts.

use starfire_proto::v1;
use tokio::sync::watch;

/// One status of what the core, the anchoring loop and catching up tell.
pub(super) async fn merge(
    mut core: watch::Receiver<v1::StatusResponse>,
    mut anchoring: watch::Receiver<Option<v1::AnchorLoopStatus>>,
    mut progress: watch::Receiver<Option<v1::SyncProgress>>,
    whole: watch::Sender<v1::StatusResponse>,
) {
    let mut anchors = true;
    loop {
        let sync = progress.borrow_and_update().clone();
        let status = v1::StatusResponse {
            syncing: sync.is_some(),
            sync,
            anchoring: anchoring.borrow_and_update().clone(),
            ..core.borrow_and_update().clone()
        };
        whole.send_replace(status);
        tokio::select! {
            changed = core.changed() => if changed.is_err() { return },
            changed = progress.changed() => if changed.is_err() { return },
            // Only a backbone anchors; elsewhere this side has closed.
            changed = anchoring.changed(), if anchors => anchors = changed.is_ok(),
        }
    }
}
