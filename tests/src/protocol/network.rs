//! Simulated time: events that wait, and links that lose, double, delay or carry nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use starfire_consensus::effect::Timer;

use super::chain::Parcel;

/// A machine of the simulation. Twins are two machines of one validator.
pub type Node = usize;

/// Something that will happen.
#[derive(Debug, Clone)]
pub enum Event {
    /// A message arrives.
    Deliver {
        /// From whom.
        from: Node,
        /// For whom.
        to: Node,
        /// What.
        parcel: Arc<Parcel>,
    },
    /// A node hears how high another is.
    Height {
        /// From whom.
        from: Node,
        /// For whom.
        to: Node,
        /// The newest committed height.
        height: u64,
    },
    /// A node that fell behind asks somebody for blocks.
    CatchUp(Node),
    /// A timer runs out, unless its machine died since.
    Timer {
        /// Whose.
        node: Node,
        /// Which life of the node set it.
        life: u32,
        /// Which.
        timer: Timer,
    },
    /// One more height has something to decide.
    Work,
    /// The node dies after that many more effects.
    Crash {
        /// Who.
        node: Node,
        /// How far it gets.
        effects: u32,
    },
    /// The node starts again.
    Restart(Node),
    /// These directed links carry nothing any more; the rest do.
    Cut(BTreeSet<(Node, Node)>),
    /// Faults end here.
    Heal,
}

/// How unkind the links are.
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
    /// Nothing is lost; a few milliseconds.
    pub const CALM: Self = Self {
        loss_percent: 0,
        double_percent: 0,
        delay_ms_max: 8,
    };
    /// One millisecond, always.
    pub const STILL: Self = Self {
        loss_percent: 0,
        double_percent: 0,
        delay_ms_max: 1,
    };
}

/// Events in the order of time, then of their making.
#[derive(Debug)]
pub struct Network {
    queue: BTreeMap<(u64, u64), Event>,
    made: u64,
    random: fastrand::Rng,
    /// Milliseconds since the start.
    pub now_ms: u64,
    /// What happens to messages.
    pub weather: Weather,
    /// Directed links that carry nothing.
    pub cut: BTreeSet<(Node, Node)>,
}

impl Network {
    /// No events, time 0.
    pub fn new(seed: u64, weather: Weather) -> Self {
        Self {
            queue: BTreeMap::new(),
            made: 0,
            random: fastrand::Rng::with_seed(seed),
            now_ms: 0,
            weather,
            cut: BTreeSet::new(),
        }
    }

    /// Puts an event into the future.
    pub fn schedule(&mut self, after_ms: u64, event: Event) {
        self.queue
            .insert((self.now_ms + after_ms, self.made), event);
        self.made += 1;
    }

    /// Sends something over a link.
    pub fn send(&mut self, from: Node, to: Node, event: &Event) {
        if self.cut.contains(&(from, to)) || self.chance(self.weather.loss_percent) {
            return;
        }
        let copies = 1 + u32::from(self.chance(self.weather.double_percent));
        for _ in 0..copies {
            let delay = self.random.u64(1..=self.weather.delay_ms_max);
            self.schedule(delay, event.clone());
        }
    }

    /// Whether two nodes can ask and answer each other.
    pub fn connected(&self, one: Node, two: Node) -> bool {
        !self.cut.contains(&(one, two)) && !self.cut.contains(&(two, one))
    }

    /// The next event; time moves on to it.
    pub fn pop(&mut self) -> Option<Event> {
        let ((at, _), event) = self.queue.pop_first()?;
        self.now_ms = at;
        Some(event)
    }

    fn chance(&mut self, percent: u32) -> bool {
        percent > 0 && self.random.u32(0..100) < percent
    }
}
