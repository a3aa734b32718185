//! How a chain is founded by people who do not trust each other's machines.
//!
//! Each operator makes a home ([`establish()`]) and hands out its member card ([`MemberCard`]), signed by the keys that it names.
//! From the cards somebody drafts the genesis ([`Terms::draft`]); every founder looks at it and signs its hash; the file with all
//! signatures starts the chain. The devnet does the same, with all operators on one machine.

mod card;
mod establish;
mod terms;

pub(crate) use card::CARD_BYTES_MAX;
pub use card::{CardError, CardKeys, MemberCard, Membership};
pub use establish::{establish, make_directories};
pub use terms::{Terms, sub_chain_record};
