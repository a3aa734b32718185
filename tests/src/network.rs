//! The network and the clock of the simulation: events in the order of a simulated time.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::sync::Arc;

use starfire_ledger::Checked;
use starfire_node::replica::ReplicaTimer;

/// A replica of the simulation; twins have numbers of their own.
pub type Node = usize;

/// Something that will happen.
#[derive(Debug, Clone)]
pub enum Event {
    /// A consensus message arrives.
    Message {
        /// From whom.
        from: Node,
        /// For whom.
        to: Node,
        /// Encoded.
        bytes: Arc<[u8]>,
    },
    /// A transaction arrives, from a client or by gossip.
    Transaction {
        /// Where.
        to: Node,
        /// Which.
        transaction: Arc<Checked>,
    },
    /// A node hears how high another is.
    Height {
        /// From whom.
        from: Node,
        /// For whom.
        to: Node,
        /// The claim.
        height: u64,
    },
    /// A node that fell behind asks somebody for blocks.
    CatchUp(Node),
    /// A timer runs out, unless the replica that set it has crashed since.
    Timer {
        /// Whose.
        node: Node,
        /// Which life of the node set it.
        life: u32,
        /// Which.
        timer: ReplicaTimer,
    },
    /// The node's process dies, in the middle of its next writes.
    Crash(Node),
    /// The node's process starts again.
    Restart(Node),
    /// The node's disk takes no more writes.
    Fill(Node),
    /// It takes writes again.
    Free(Node),
    /// A node's clock is set.
    Jump {
        /// Whose.
        node: Node,
        /// By how much, milliseconds.
        by_ms: i64,
    },
    /// The network is cut.
    Cut,
    /// The cut is over.
    Join,
    /// Faults end here: from now on every message arrives and every node lives.
    Heal,
}

/// How unkind the network is.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    /// Messages lost, of a hundred.
    pub loss_percent: u32,
    /// Messages that arrive twice, of a hundred.
    pub double_percent: u32,
    /// The longest delay, milliseconds.
    pub delay_ms_max: u64,
}

impl Weather {
    /// Nothing is lost; a millisecond or a few.
    pub const CALM: Self = Self {
        loss_percent: 0,
        double_percent: 0,
        delay_ms_max: 8,
    };
}

/// Events that wait, and who can hear whom.
#[derive(Debug)]
pub struct Network {
    queue: BinaryHeap<Reverse<(u64, u64, Queued)>>,
    next: u64,
    /// Milliseconds since the start.
    pub now_ms: u64,
    /// What happens to messages.
    pub weather: Weather,
    /// Links that carry nothing, by direction.
    pub cut: BTreeSet<(Node, Node)>,
    random: fastrand::Rng,
}

#[derive(Debug)]
struct Queued(Event);

// Order is by time and number, both before this in the tuple; the event itself never decides.
impl PartialEq for Queued {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl Eq for Queued {}
impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Queued {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

impl Network {
    /// An empty queue at time 0.
    pub fn new(seed: u64, weather: Weather) -> Self {
        Self {
            queue: BinaryHeap::new(),
            next: 0,
            now_ms: 0,
            weather,
            cut: BTreeSet::new(),
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// Puts an event into the future.
    pub fn schedule(&mut self, after_ms: u64, event: Event) {
        self.queue
            .push(Reverse((self.now_ms + after_ms, self.next, Queued(event))));
        self.next += 1;
    }

    /// Sends something over a link: it may be cut, lost, late or doubled.
    pub fn send(&mut self, from: Node, to: Node, event: Event) {
        if self.cut.contains(&(from, to)) || self.random.u32(0..100) < self.weather.loss_percent {
            return;
        }
        let copies = if self.random.u32(0..100) < self.weather.double_percent {
            2
        } else {
            1
        };
        for _ in 0..copies {
            let delay = self.random.u64(1..=self.weather.delay_ms_max);
            self.schedule(delay, event.clone());
        }
    }

    /// Whether `from` can reach `to` at the moment.
    pub fn reaches(&self, from: Node, to: Node) -> bool {
        !self.cut.contains(&(from, to))
    }

    /// The next event; time moves on to it.
    pub fn pop(&mut self) -> Option<Event> {
        let Reverse((at, _, Queued(event))) = self.queue.pop()?;
        assert!(at >= self.now_ms, "time does not go back");
        self.now_ms = at;
        Some(event)
    }
}
