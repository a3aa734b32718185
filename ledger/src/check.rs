//! What can be said of a transaction without any state: it is for this chain, and every signature on it is good.
//!
//! One transaction that fails here makes a block invalid as a whole, so validators never vote for one. What depends on state
//! (nonce, weights, quota, the operations) is judged in execution and yields a coded receipt. A transaction is checked once:
//! [`Checked`] is the proof, and a node remembers it by [`Transaction::id`].
//!
//! The consents that creations of DIDs carry are checked here too, in one batch, so that ten thousand of them are no work for the core.
//! They follow from the chain's id and the transaction alone. A wrong one is no reason to refuse a whole block: its operation is
//! kept as the rejection that its execution ends in.

use std::ops::Deref;
use std::sync::Arc;

use starfire_did::create::Claim;
use starfire_did::signature::Item;
use starfire_did::{ChainCode, signature};
use starfire_proto::v1;
use starfire_state::{Code, Rejection};

use crate::block::{Block, InvalidBlock};
use crate::code;
use crate::signature_work::BLOCK_SIGNATURE_WORK_MAX;
use crate::transaction::{EnvelopeError, Signature, Transaction};

/// What of a chain's parameters decides whether a transaction is meant for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainRules {
    /// The chain's id, which consents name.
    pub chain_id: String,
    /// The code that source addresses carry; `None` on the main chain.
    pub chain_code: Option<ChainCode>,
    /// BIF's number of the chain.
    pub bif_chain_id: i64,
}

impl ChainRules {
    /// The rules of the chain with these parameters.
    ///
    /// # Panics
    /// When the chain code is not one: the record is written from a checked genesis.
    pub fn of(chain: &v1::ChainRecord) -> Self {
        let chain_code = ChainCode::parse_optional(&chain.chain_code)
            .expect("the chain's record holds a chain code that genesis has checked");
        Self {
            chain_id: chain.chain_id.clone(),
            chain_code,
            bif_chain_id: chain.bif_chain_id,
        }
    }
}

/// A transaction that passed [`check`]: for this chain, every signature good.
#[derive(Debug)]
pub struct Checked(Transaction);

impl Deref for Checked {
    type Target = Transaction;

    fn deref(&self) -> &Transaction {
        &self.0
    }
}

/// Why a transaction can never be executed here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTransaction {
    /// It does not decode.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// BIF's chain number is another chain's.
    #[error("the transaction is for the chain number {found}, this chain has {expected}")]
    ChainId {
        /// This chain's.
        expected: i64,
        /// The transaction's.
        found: i64,
    },
    /// An address carries the code of another chain, or none on a sub-chain.
    #[error("the address {0} belongs to another chain")]
    ChainCode(String),
    /// Nonces begin at 1.
    #[error("the nonce {0} is below 1")]
    Nonce(i64),
    /// A business domain other than 0.
    #[error("this chain has no business domain {0}")]
    Domain(i32),
    /// Conditions for execution are not offered, and must not be overlooked.
    #[error("the transaction has a condition, which this chain does not offer")]
    Condition,
    /// A negative fee limit or gas price.
    #[error("the fee limit and the gas price must not be negative")]
    Fee,
    /// A negative last height.
    #[error("the ceiling of the ledger sequence must not be negative")]
    Ceiling,
    /// A signature is wrong.
    #[error("the signature by {0} is wrong")]
    Signature(String),
}

impl InvalidTransaction {
    /// The code that a BIF client knows.
    pub fn code(&self) -> Code {
        match self {
            Self::Envelope(error) => error.code(),
            Self::ChainId { .. } => code::WRONG_CHAIN,
            Self::ChainCode(_) => code::INVALID_ADDRESS,
            Self::Nonce(_) => code::BAD_SEQUENCE,
            Self::Domain(_) => code::DOMAIN_NOT_EXIST,
            Self::Condition | Self::Ceiling => code::INVALID_PARAMETER,
            Self::Fee => code::FEE_INVALID,
            Self::Signature(_) => code::INVALID_SIGNATURE,
        }
    }

    /// As an answer to a client.
    pub fn rejection(&self) -> Rejection {
        Rejection::new(self.code(), self.to_string())
    }
}

/// Checks one transaction.
pub fn check(transaction: Transaction, rules: &ChainRules) -> Result<Checked, InvalidTransaction> {
    check_all(vec![transaction], rules)
        .pop()
        .expect("one transaction in, one answer out")
}

/// Checks many at once: their signatures are verified together. Of what is for another chain, none is.
pub fn check_all(
    transactions: Vec<Transaction>,
    rules: &ChainRules,
) -> Vec<Result<Checked, InvalidTransaction>> {
    let contents: Vec<_> = transactions
        .iter()
        .map(|transaction| check_content(transaction, rules))
        .collect();
    let meant = transactions.into_iter().zip(&contents);
    let meant = meant
        .filter(|(_, content)| content.is_ok())
        .map(|(transaction, _)| transaction);
    let mut signatures = check_signatures(meant.collect(), rules).into_iter();
    let mut next = || signatures.next().expect("one answer for each");
    contents
        .into_iter()
        .map(|content| content.and_then(|()| next()))
        .collect()
}

fn check_content(transaction: &Transaction, rules: &ChainRules) -> Result<(), InvalidTransaction> {
    if transaction.chain_id != rules.bif_chain_id {
        return Err(InvalidTransaction::ChainId {
            expected: rules.bif_chain_id,
            found: transaction.chain_id,
        });
    }
    let sources = transaction
        .operations
        .iter()
        .filter_map(|operation| operation.source.as_ref());
    for address in std::iter::once(&transaction.source).chain(sources) {
        if address.chain_code() != rules.chain_code {
            return Err(InvalidTransaction::ChainCode(address.to_string()));
        }
    }
    if transaction.nonce < 1 {
        return Err(InvalidTransaction::Nonce(transaction.nonce));
    }
    if transaction.domain_id != 0 {
        return Err(InvalidTransaction::Domain(transaction.domain_id));
    }
    if !transaction.expr_condition.is_empty() {
        return Err(InvalidTransaction::Condition);
    }
    if transaction.fee_limit < 0 || transaction.gas_price < 0 {
        return Err(InvalidTransaction::Fee);
    }
    if transaction.ceil_ledger_seq < 0 {
        return Err(InvalidTransaction::Ceiling);
    }
    Ok(())
}

/// Verifies signatures, and the consents of what is well signed. A transaction is given up at the first that is wrong.
fn check_signatures(
    mut transactions: Vec<Transaction>,
    rules: &ChainRules,
) -> Vec<Result<Checked, InvalidTransaction>> {
    let wrong = wrong_signatures(&transactions);
    let well_signed = transactions.iter().zip(&wrong);
    let claims: Vec<Vec<Claim>> = well_signed
        .map(|(transaction, wrong)| match wrong {
            Some(_) => Vec::new(),
            None => claims(transaction, rules),
        })
        .collect();
    let consents: Vec<Vec<Item<'_>>> = claims
        .iter()
        .map(|claims| claims.iter().map(consent).collect())
        .collect();
    let settled = transactions
        .iter_mut()
        .zip(signature::first_wrong(&consents));
    for ((transaction, wrong_consent), wrong) in settled.zip(&wrong) {
        if wrong.is_none() {
            transaction.settle(wrong_consent);
        }
    }
    transactions
        .into_iter()
        .zip(wrong)
        .map(|(transaction, wrong)| match wrong {
            Some(signer) => Err(InvalidTransaction::Signature(signer)),
            None => Ok(Checked(transaction)),
        })
        .collect()
}

/// Of each transaction somebody whose signature is wrong.
fn wrong_signatures(transactions: &[Transaction]) -> Vec<Option<String>> {
    let signed: Vec<Vec<&Signature>> = transactions.iter().map(in_order).collect();
    let items: Vec<Vec<Item<'_>>> = transactions
        .iter()
        .zip(&signed)
        .map(|(transaction, signatures)| {
            let blob = transaction.blob();
            signatures
                .iter()
                .map(|one| (&one.key, blob, one.signature.as_slice()))
                .collect()
        })
        .collect();
    signature::first_wrong(&items)
        .into_iter()
        .zip(&signed)
        .map(|(wrong, signatures)| Some(signatures[wrong?].signer.to_string()))
        .collect()
}

/// A transaction's signatures as they are best checked: the source's own first, and those by Ed25519, which cost least.
fn in_order(transaction: &Transaction) -> Vec<&Signature> {
    let mut signatures: Vec<&Signature> = transaction.signatures.iter().collect();
    signatures.sort_by_key(|one| (one.signer != transaction.source, one.key.algorithm()));
    signatures
}

fn claims(transaction: &Transaction, rules: &ChainRules) -> Vec<Claim> {
    let creations = transaction.creations();
    creations
        .filter_map(|create| create.claim(&rules.chain_id))
        .collect()
}

fn consent(claim: &Claim) -> Item<'_> {
    (&claim.key, &claim.message, &claim.signature)
}

/// Transactions of a block that are checked in one batch: more are cheaper by nothing.
const CHECKED_TOGETHER: usize = 256;

/// A block whose transactions are all checked: what validators vote for and what is executed. Clones share it.
#[derive(Debug, Clone)]
pub struct CheckedBlock {
    block: Arc<Block>,
    transactions: Arc<[Arc<Checked>]>,
}

impl CheckedBlock {
    /// Checks the transactions of a block, once it is known that they ask for no more work than they may. Those that `known` finds by
    /// their id were checked before, on admission. Their work counts too, or nodes that know different ones would disagree on a block.
    pub fn new(
        block: Block,
        rules: &ChainRules,
        known: impl Fn(&[u8; 32]) -> Option<Arc<Checked>>,
    ) -> Result<Self, InvalidBlock> {
        let mut transactions: Vec<Option<Arc<Checked>>> = block.ids().iter().map(known).collect();
        let mut decoded = Vec::new();
        for (index, bytes) in block.transactions.iter().enumerate() {
            if transactions[index].is_none() {
                let transaction =
                    Transaction::decode(bytes).map_err(|error| InvalidBlock::Transaction {
                        index,
                        error: error.into(),
                    })?;
                decoded.push((index, transaction));
            }
        }
        let known = transactions.iter().flatten().map(|known| &***known);
        let work = signature_work(known.chain(decoded.iter().map(|(_, transaction)| transaction)));
        if work > BLOCK_SIGNATURE_WORK_MAX {
            return Err(InvalidBlock::TooMuchSignatureWork(work));
        }
        // Behind the first part of which something is wrong nothing is checked: the block is lost.
        let mut decoded = decoded.into_iter().peekable();
        while decoded.peek().is_some() {
            let part = decoded.by_ref().take(CHECKED_TOGETHER);
            let (indexes, part): (Vec<usize>, Vec<Transaction>) = part.unzip();
            for (index, checked) in indexes.into_iter().zip(check_all(part, rules)) {
                let checked =
                    checked.map_err(|error| InvalidBlock::Transaction { index, error })?;
                transactions[index] = Some(Arc::new(checked));
            }
        }
        let transactions = transactions
            .into_iter()
            .map(|checked| checked.expect("each is known or was checked above"))
            .collect();
        Ok(Self {
            block: Arc::new(block),
            transactions,
        })
    }

    /// The block.
    pub fn block(&self) -> &Block {
        &self.block
    }

    /// Its transactions, in order.
    pub fn transactions(&self) -> &[Arc<Checked>] {
        &self.transactions
    }
}

/// What all these ask for. They are fewer than a block has bytes, each within its own bound, so the sum fits.
fn signature_work<'a>(transactions: impl Iterator<Item = &'a Transaction>) -> u64 {
    transactions
        .map(|transaction| transaction.signature_work)
        .sum()
}
