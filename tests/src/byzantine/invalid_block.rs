//! A proposer of invalid blocks: one field of the header is wrong, all the rest and the signature are right.

use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;
use starfire_consensus::candidate::Candidate;
use starfire_consensus::effect::Recipient;
use starfire_consensus::message::Message;
use starfire_proto::v1;
use tendermint::block::{Header, Height, Id, parts};
use tendermint::{AppHash, Hash, account, chain};
use tendermint_proto::Protobuf;
use tendermint_proto::v0_38::types::Header as RawHeader;

use super::{Behaviour, Hand, Letter, Lie};

pub(super) const LIE: Lie = Lie {
    name: "invalid block",
    convicts: false,
    make: |number| {
        let field = usize::try_from(number % FIELDS.len() as u64).expect("few fields");
        invalid_block(field)
    },
};

/// A way to spoil a header.
pub type Spoil = fn(&mut Header);

/// Every field of a header, spoiled. Where the field is a hash, it is a well-formed hash of something else.
pub const FIELDS: [(&str, Spoil); 15] = [
    ("version.block", |header| header.version.block += 1),
    ("version.app", |header| header.version.app += 1),
    ("chain_id", |header| {
        header.chain_id = chain::Id::try_from("another-chain-1").expect("a chain id");
    }),
    ("height", |header| {
        header.height = Height::try_from(header.height.value() + 1).expect("a height");
    }),
    ("time, far ahead", |header| {
        header.time = (header.time + Duration::from_secs(86_400)).expect("a time");
    }),
    ("last_block_id", |header| {
        header.last_block_id = Some(Id {
            hash: other(),
            part_set_header: parts::Header::new(1, other()).expect("a part"),
        });
    }),
    ("last_commit_hash", |header| {
        header.last_commit_hash = Some(other());
    }),
    ("data_hash", |header| header.data_hash = Some(other())),
    ("validators_hash", |header| header.validators_hash = other()),
    ("next_validators_hash", |header| {
        header.next_validators_hash = other();
    }),
    ("consensus_hash", |header| header.consensus_hash = other()),
    ("app_hash", |header| {
        header.app_hash = AppHash::try_from(vec![9; 32]).expect("a hash");
    }),
    ("last_results_hash", |header| {
        header.last_results_hash = Some(other());
    }),
    ("evidence_hash", |header| {
        header.evidence_hash = Some(other());
    }),
    ("proposer_address", |header| {
        header.proposer_address = account::Id::new([9; 20]);
    }),
];

fn other() -> Hash {
    Hash::Sha256([9; 32])
}

/// A proposer whose blocks are wrong in that one of [`FIELDS`].
pub fn invalid_block(field: usize) -> Box<dyn Behaviour> {
    Box::new(InvalidBlock {
        spoil: FIELDS[field].1,
    })
}

#[derive(Debug)]
struct InvalidBlock {
    spoil: Spoil,
}

impl Behaviour for InvalidBlock {
    fn send(&mut self, hand: &Hand<'_>, message: Message, to: Recipient) -> Vec<Letter> {
        let Message::Proposal(proposal) = &message else {
            return vec![Letter::new(to, &message)];
        };
        // What no longer decodes as a header has no identity to sign, so there is nothing to say.
        rewritten(&proposal.block, self.spoil)
            .map(|spoiled| Letter::new(to, &hand.propose(proposal, spoiled)))
            .into_iter()
            .collect()
    }
}

/// The block with a header that was changed, encoded anew; none if that is no header any more.
pub fn rewritten(block: &Candidate, change: impl FnOnce(&mut Header)) -> Option<Candidate> {
    let mut decoded = v1::Block::decode(&block.bytes()[..]).ok()?;
    let mut header = block.header().clone();
    change(&mut header);
    decoded.header = <Header as Protobuf<RawHeader>>::encode_vec(header);
    Candidate::decode(Arc::from(decoded.encode_to_vec())).ok()
}
