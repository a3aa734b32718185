//! The voting rules by themselves: four validators, one of which backs everything, one height, three rounds.
//!
//! A state is what the three honest validators signed. Any proposer may propose whatever the rules allow, any certificate that
//! the signatures make possible exists, and reaches whom it likes when it likes; a validator may even enter a round without
//! taking in the certificate that opened it. That is more than the network and the liar can do to the real machine, so what
//! holds here rests on the predicates of [`SafetyRecord`] and nothing else.
//!
//! The rule "a timeout closes its round and every earlier one" must be read so. [`Reading::RoundOnly`] closes the one round, and
//! two blocks are committed.

use std::collections::BTreeMap;
use std::time::Duration;

use starfire_consensus::candidate::Candidate;
use starfire_consensus::message::Proposal;
use starfire_consensus::quorum::{QuorumCertificate, TimeoutCertificate, TimeoutSignature};
use starfire_consensus::safety::{Ballot, SafetyRecord};
use starfire_model::chain::Chain;
use stateright::{Checker, Expectation, HasDiscoveries, Model, Property};
use tendermint::Signature;

const HONEST: usize = 3;
const ROUNDS: usize = 3;
/// States of an ordinary run under the right rule.
const STATES: usize = 150_000;
/// How long to look for what the wrong reading allows.
const SEARCH_MAX: Duration = Duration::from_secs(300);

/// One of the two blocks.
type Block = u8;

/// How the timeout rule is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// A timeout closes its round and every earlier one.
    UpTo,
    /// A timeout closes its round.
    RoundOnly,
}

/// What an honest validator signed, by round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
struct Validator {
    round: u8,
    prevotes: [Option<Block>; ROUNDS],
    precommits: [Option<Block>; ROUNDS],
    /// The certificate round that the timeout reports.
    timeouts: [Option<Option<u8>>; ROUNDS],
    /// The highest certificate taken in.
    high: Option<u8>,
}

/// The honest validators, sorted: who is who makes no difference.
type State = [Validator; HONEST];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    /// On a proposal whose timeouts report `highest` at most.
    Prevote {
        who: usize,
        round: usize,
        block: Block,
        highest: Option<u8>,
    },
    Precommit {
        who: usize,
        round: usize,
        block: Block,
    },
    /// By its timer, having entered the round; or joining others, which enters nothing.
    TimeOut {
        who: usize,
        round: usize,
        enters: bool,
    },
}

struct Rules {
    reading: Reading,
    blocks: [Candidate; 2],
    signature: Signature,
    /// By round, block, justification and report; see [`Self::proposal`].
    proposals: BTreeMap<(usize, Block, Option<usize>, Option<u8>), Proposal>,
}

impl Rules {
    fn new(reading: Reading) -> Self {
        let chain = Chain::new(4);
        let mut rules = Self {
            reading,
            blocks: [chain.block(None, 0, 0), chain.block(None, 0, 1)],
            signature: Signature::try_from(&[0; 64][..]).unwrap(),
            proposals: BTreeMap::new(),
        };
        for round in 0..ROUNDS {
            let earlier = || (0..round).map(Some).chain([None]);
            for (block, justify) in (0..2).flat_map(|block| earlier().map(move |it| (block, it))) {
                for highest in earlier() {
                    let highest = highest.map(|round| u8::try_from(round).unwrap());
                    let proposal = rules.proposal(round, block, justify, highest);
                    let key = (round, block, justify, highest);
                    rules.proposals.insert(key, proposal);
                }
            }
        }
        rules
    }

    fn ballot(&self, votes: &[Option<Block>; ROUNDS]) -> Option<Ballot> {
        let last = (0..ROUNDS).rev().find(|round| votes[*round].is_some())?;
        Some(Ballot {
            round: u32::try_from(last).unwrap(),
            block_id: self.blocks[usize::from(votes[last]?)].id(),
        })
    }

    /// The record of a validator, as the rule under test sees it when it judges `round`.
    fn record(&self, validator: &Validator, round: usize) -> SafetyRecord {
        let last = (0..ROUNDS)
            .rev()
            .find(|round| validator.timeouts[*round].is_some());
        let closed = match self.reading {
            Reading::UpTo => last,
            Reading::RoundOnly => Some(round).filter(|round| validator.timeouts[*round].is_some()),
        };
        SafetyRecord {
            height: 1,
            prevote: self.ballot(&validator.prevotes),
            precommit: self.ballot(&validator.precommits),
            timeout_round: closed.map(|round| u32::try_from(round).unwrap()),
            ..SafetyRecord::default()
        }
    }

    fn certificate(&self, round: usize, block: Block) -> QuorumCertificate {
        let block = &self.blocks[usize::from(block)];
        QuorumCertificate {
            height: 1,
            round: u32::try_from(round).unwrap(),
            block_id: block.id(),
            time: block.time(),
            signatures: Vec::new(),
        }
    }

    /// A proposal of `block` in `round`, after timeouts that report `highest`.
    fn proposal(
        &self,
        round: usize,
        block: Block,
        justify: Option<usize>,
        highest: Option<u8>,
    ) -> Proposal {
        let candidate = &self.blocks[usize::from(block)];
        let proposer = candidate.header().proposer_address;
        let ended = round.checked_sub(1).map(|ended| {
            Box::new(TimeoutCertificate {
                height: 1,
                round: u32::try_from(ended).unwrap(),
                timeouts: vec![TimeoutSignature {
                    validator: proposer,
                    high_qc_round: highest.map(u32::from),
                    signature: self.signature.clone(),
                }],
                high_qc: None,
            })
        });
        Proposal {
            round: u32::try_from(round).unwrap(),
            block: candidate.clone(),
            justify: justify.map(|justify| Box::new(self.certificate(justify, block))),
            timeout_certificate: ended,
            proposer,
            signature: None,
        }
    }

    fn may_prevote(
        &self,
        state: &State,
        who: usize,
        round: usize,
        block: Block,
        highest: Option<u8>,
    ) -> bool {
        let record = self.record(&state[who], round);
        let justifications = (0..round)
            .filter(|earlier| certified(state, *earlier, block))
            .map(Some)
            .chain([None]);
        let number = u32::try_from(round).unwrap();
        justifications.into_iter().any(|justify| {
            record.may_prevote(number, &self.proposals[&(round, block, justify, highest)])
        })
    }
}

/// Two honest validators and the liar are a quorum.
fn count(state: &State, says: impl Fn(&Validator) -> bool) -> usize {
    state.iter().filter(|validator| says(validator)).count()
}

fn certified(state: &State, round: usize, block: Block) -> bool {
    count(state, |validator| validator.prevotes[round] == Some(block)) >= 2
}

fn committed(state: &State, block: Block) -> bool {
    (0..ROUNDS).any(|round| {
        count(state, |validator| {
            validator.precommits[round] == Some(block)
        }) >= 2
    })
}

/// What the timeout certificates that can be made of a round report: the highest of two honest validators, the liar none.
fn ended(state: &State, round: usize) -> Vec<Option<u8>> {
    let reports: Vec<Option<u8>> = state
        .iter()
        .filter_map(|validator| validator.timeouts[round])
        .collect();
    let mut pairs = Vec::new();
    for (place, one) in reports.iter().enumerate() {
        for two in &reports[place + 1..] {
            pairs.push(*one.max(two));
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

impl Model for Rules {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::default()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let block_used = state
            .iter()
            .any(|validator| validator.prevotes.iter().any(Option::is_some));
        for (who, validator) in state.iter().enumerate() {
            for round in usize::from(validator.round)..ROUNDS {
                let number = u32::try_from(round).unwrap();
                // Of the certificates that open the round, the one that reports least allows most.
                let opened: Vec<Option<u8>> = match round.checked_sub(1) {
                    None => vec![None],
                    Some(before) => ended(state, before).into_iter().take(1).collect(),
                };
                // The blocks are alike: the first that is voted for is called 0.
                for block in 0..=Block::from(block_used) {
                    for highest in &opened {
                        if self.may_prevote(state, who, round, block, *highest) {
                            actions.push(Action::Prevote {
                                who,
                                round,
                                block,
                                highest: *highest,
                            });
                        }
                    }
                    let allowed = certified(state, round, block)
                        && self
                            .record(validator, round)
                            .may_precommit(number, &self.certificate(round, block));
                    if allowed {
                        actions.push(Action::Precommit { who, round, block });
                    }
                }
                let here = round == usize::from(validator.round) || !opened.is_empty();
                let amplified = state.iter().enumerate().any(|(other, others)| {
                    other != who && others.timeouts[round..].iter().any(Option::is_some)
                });
                let known = validator.high.is_none_or(|high| usize::from(high) <= round);
                let may = self.record(validator, round).may_time_out(number);
                // Giving up the last round opens nothing.
                if known && may && round + 1 < ROUNDS {
                    let ways = [(here, true), (amplified, false)];
                    actions.extend(ways.into_iter().filter_map(|(possible, enters)| {
                        possible.then_some(Action::TimeOut { who, round, enters })
                    }));
                }
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = *last;
        match action {
            Action::Prevote {
                who, round, block, ..
            } => {
                state[who].round = u8::try_from(round).unwrap();
                state[who].prevotes[round] = Some(block);
            }
            Action::Precommit { who, round, block } => {
                let round_number = u8::try_from(round).unwrap();
                state[who].round = round_number;
                state[who].precommits[round] = Some(block);
                state[who].high = state[who].high.max(Some(round_number));
            }
            Action::TimeOut { who, round, enters } => {
                if enters {
                    state[who].round = u8::try_from(round).unwrap();
                }
                state[who].timeouts[round] = Some(state[who].high);
            }
        }
        state.sort_unstable();
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property {
                expectation: Expectation::Always,
                name: "one block is committed",
                condition: |_, state| !(committed(state, 0) && committed(state, 1)),
            },
            Property {
                expectation: Expectation::Sometimes,
                name: "the other block is committed after a failed round",
                condition: |_, state| committed(state, 1) && !committed(state, 0),
            },
        ]
    }
}

#[test]
fn the_voting_rules_commit_one_block() {
    let checker = Rules::new(Reading::UpTo)
        .checker()
        .target_state_count(starfire_model::states(STATES))
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    println!(
        "rules, breadth first: {} states, {} unique, depth {}, exhausted: {}",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth(),
        checker.state_count() < starfire_model::states(STATES)
    );
    checker.assert_no_discovery("one block is committed");
    let walks = Rules::new(Reading::UpTo)
        .checker()
        .target_state_count(starfire_model::states(STATES))
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_simulation(1, stateright::UniformChooser)
        .join();
    println!("rules, random walks: {} states", walks.state_count());
    walks.assert_no_discovery("one block is committed");
}

#[test]
fn a_timeout_that_closes_its_own_round_only_lets_two_blocks_be_committed() {
    let checker = Rules::new(Reading::RoundOnly)
        .checker()
        .finish_when(HasDiscoveries::AnyFailures)
        .timeout(SEARCH_MAX)
        .spawn_bfs()
        .join();
    let path = checker.assert_any_discovery("one block is committed");
    println!(
        "rules read wrongly: two blocks committed after {} steps, {} states",
        path.into_actions().len(),
        checker.state_count()
    );
}
