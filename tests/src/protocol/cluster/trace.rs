//! The trace of a run: every event goes into one hash, so that equal seeds can be seen to be equal stories.

use super::super::network::Event;
use super::Cluster;

impl Cluster<'_> {
    pub(super) fn record(&mut self, event: &Event) {
        self.trace.update(&self.network.now_ms.to_le_bytes());
        match event {
            Event::Deliver { from, to, parcel } => {
                self.trace.update(&from.to_le_bytes());
                self.trace.update(&to.to_le_bytes());
                self.trace.update(&parcel.digest);
            }
            Event::Height { from, to, height } => {
                self.trace.update(&from.to_le_bytes());
                self.trace.update(&to.to_le_bytes());
                self.trace.update(&height.to_le_bytes());
            }
            Event::Timer { node, life, timer } => {
                self.trace.update(&node.to_le_bytes());
                self.trace.update(&life.to_le_bytes());
                self.trace.update(&timer.round.to_le_bytes());
            }
            Event::CatchUp(_)
            | Event::Work
            | Event::Crash { .. }
            | Event::Restart(_)
            | Event::Cut(_)
            | Event::Heal => {
                self.trace.update(format!("{event:?}").as_bytes());
            }
        }
    }
}
