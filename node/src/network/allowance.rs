//! How fast a peer may send on its direct streams.
//!
//! A peer has one allowance, however many connections and streams it opens, and whoever comes back in the same window finds it as it
//! was left. A peer that sends faster is not cut off but read more slowly; the windows of Yamux and TCP then slow it down.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use libp2p::PeerId;
use tokio::time::{Sleep, sleep_until};

use crate::clock;

/// What one peer may send in a window.
const WINDOW: Duration = Duration::from_secs(1);
const WINDOW_FRAMES: u32 = 4_000;
const WINDOW_BYTES: usize = 64 * 1024 * 1024;

/// The allowances of connected peers, and of those that went lately.
#[derive(Debug, Default)]
pub(crate) struct Allowances(BTreeMap<PeerId, Arc<Mutex<Window>>>);

impl Allowances {
    /// The peer's allowance, for one of its connections.
    pub(crate) fn of(&mut self, peer: PeerId) -> Allowance {
        let now = clock::monotonic();
        self.0
            .retain(|_, window| Arc::strong_count(window) > 1 || !lock(window).is_over(now));
        Allowance {
            window: Arc::clone(self.0.entry(peer).or_default()),
            pause: None,
        }
    }
}

/// A peer's allowance as one of its connections has it. All have the same.
#[derive(Debug)]
pub(crate) struct Allowance {
    window: Arc<Mutex<Window>>,
    /// Until the next window. A peer below the limit costs no wake-up.
    pause: Option<Pin<Box<Sleep>>>,
}

impl Allowance {
    /// Ready when another frame may be read.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            let Some(next) = lock(&self.window).used_up_until() else {
                return Poll::Ready(());
            };
            self.pause = Some(Box::pin(sleep_until(next.into())));
        }
    }

    pub(crate) fn spend(&mut self, bytes: usize) {
        lock(&self.window).spend(bytes);
    }
}

fn lock(window: &Mutex<Window>) -> MutexGuard<'_, Window> {
    window
        .lock()
        .expect("nobody panics while holding an allowance")
}

/// What a peer may still send. A window opens with its first frame and lasts at least its time, and as long as it is not used up.
#[derive(Debug)]
struct Window {
    frames: u32,
    bytes: usize,
    ends: Option<Instant>,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            frames: WINDOW_FRAMES,
            bytes: WINDOW_BYTES,
            ends: None,
        }
    }
}

impl Window {
    /// When the next one begins, if this one is used up.
    fn used_up_until(&mut self) -> Option<Instant> {
        if self.frames > 0 && self.bytes > 0 {
            return None;
        }
        let next = self.ends.filter(|end| clock::monotonic() < *end);
        if next.is_none() {
            *self = Self::default();
        }
        next
    }

    fn spend(&mut self, bytes: usize) {
        self.ends.get_or_insert_with(|| clock::monotonic() + WINDOW);
        self.frames = self.frames.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    fn is_over(&self, now: Instant) -> bool {
        self.ends.is_none_or(|end| end <= now)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures::task::noop_waker;

    use super::*;

    fn is_ready(allowance: &mut Allowance) -> bool {
        let waker = noop_waker();
        let mut cx = Context::from_waker(&waker);
        allowance.poll_ready(&mut cx).is_ready()
    }

    #[tokio::test]
    async fn a_fast_peer_waits_for_the_next_window() {
        let mut allowance = Allowances::default().of(PeerId::random());
        for _ in 0..WINDOW_FRAMES {
            assert!(is_ready(&mut allowance));
            allowance.spend(10);
        }
        assert!(!is_ready(&mut allowance));
        poll_fn(|cx| allowance.poll_ready(cx)).await;

        allowance.spend(WINDOW_BYTES);
        assert!(!is_ready(&mut allowance));
        poll_fn(|cx| allowance.poll_ready(cx)).await;
    }

    #[tokio::test]
    async fn neither_another_connection_nor_a_new_one_has_an_allowance_of_its_own() {
        let (mut allowances, peer) = (Allowances::default(), PeerId::random());
        let (mut one, mut two) = (allowances.of(peer), allowances.of(peer));
        assert!(is_ready(&mut two));
        one.spend(WINDOW_BYTES);
        assert!(!is_ready(&mut two));
        drop((one, two));
        assert!(is_ready(&mut allowances.of(PeerId::random())));
        let mut again = allowances.of(peer);
        assert!(!is_ready(&mut again));
        poll_fn(|cx| again.poll_ready(cx)).await;

        drop(again);
        allowances.of(PeerId::random());
        assert_eq!(
            allowances.0.len(),
            1,
            "who went and spent nothing is forgotten"
        );
    }
}
