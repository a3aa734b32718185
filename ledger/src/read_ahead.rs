//! What a block is going to read, as far as its transactions tell before they run.

use starfire_proto::v1;
use starfire_state::key;

use crate::account::address;
use crate::check::Checked;
use crate::payload::Payload;

/// Paths that the transactions' execution reads, most likely: of each its source, and whom its first operation pays.
///
/// Never more than two a transaction, and each transaction's source is read in any case: what is read ahead is within twice of what the
/// block may read without it, whatever its operations name. What is no address of the chain is not looked for.
pub(crate) fn paths<'a>(
    chain: &'a v1::ChainRecord,
    transactions: impl IntoIterator<Item = &'a Checked>,
) -> impl Iterator<Item = Vec<u8>> {
    let of_each = transactions.into_iter();
    of_each
        .flat_map(|transaction| [Some(source(transaction)), paid(chain, transaction)])
        .flatten()
}

/// Of whom the first operation pays.
fn paid(chain: &v1::ChainRecord, transaction: &Checked) -> Option<Vec<u8>> {
    let Ok(Payload::PayCoin(payment)) = &transaction.operations.first()?.payload else {
        return None;
    };
    let destination = payment.destination();
    address(destination, chain).ok()?;
    Some(key::account(destination))
}

/// The path that a transaction's admission reads first.
pub fn source(transaction: &Checked) -> Vec<u8> {
    key::account(&transaction.sender)
}

#[cfg(test)]
mod tests {
    use starfire_did::{Did, KeyAlgorithm, PrivateKey};
    use starfire_proto::protocol::{self, operation::Type};
    use starfire_proto::v1;

    use super::*;
    use crate::transaction::Transaction;
    use crate::{ChainRules, check};

    fn key_of(seed: u8) -> PrivateKey {
        PrivateKey::generate([seed; 32], KeyAlgorithm::Ed25519)
    }

    fn address_of(seed: u8) -> String {
        Did::derive(&key_of(seed).public(), None).to_string()
    }

    fn pay(destination: String) -> protocol::Operation {
        protocol::Operation {
            r#type: Type::PayCoin.into(),
            pay_coin: Some(protocol::OperationPayCoin {
                dest_address: destination,
                amount: 1,
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    fn transaction(source: u8, operations: Vec<protocol::Operation>) -> Checked {
        let body = protocol::Transaction {
            source_address: address_of(source),
            nonce: 1,
            operations,
            ..Default::default()
        };
        let envelope = Transaction::sign(&body, &[&key_of(source)]);
        let rules = ChainRules::of(&v1::ChainRecord::default());
        check(Transaction::decode(&envelope).unwrap(), &rules).unwrap()
    }

    #[test]
    fn two_paths_a_transaction_at_most_whatever_it_pays() {
        let log = protocol::Operation {
            r#type: Type::Log.into(),
            log: Some(protocol::OperationLog::default()),
            ..Default::default()
        };
        let transactions = [
            transaction(1, [2, 3, 4].map(|seed| pay(address_of(seed))).into()),
            transaction(5, vec![log, pay(address_of(6))]),
        ];
        let expected = [1, 2, 5].map(|seed| key::account(&address_of(seed)));
        let chain = v1::ChainRecord::default();
        assert!(paths(&chain, &transactions).eq(expected));
    }

    #[test]
    fn what_is_no_address_is_not_looked_for() {
        let other_chain = Did::derive(&key_of(2).public(), Some(&"by01".parse().unwrap()));
        let texts = ["x".repeat(40_000), String::new(), other_chain.to_string()];
        let transactions = texts.map(|text| transaction(1, vec![pay(text)]));
        let expected = [1, 1, 1].map(|seed| key::account(&address_of(seed)));
        let chain = v1::ChainRecord::default();
        assert!(paths(&chain, &transactions).eq(expected));
    }
}
