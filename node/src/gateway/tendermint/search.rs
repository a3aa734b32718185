//! Looking up transactions and blocks, in pages.
//!
//! Only what an index or a height finds can be asked for: `tx.hash='…'`, `tx.height=N`, and for blocks a range of `block.height`.

use serde_json::{Value, json};

use super::call::Failure;
use super::params::Params;
use super::stored::{self, Stored};
use super::{inclusion, render};
use crate::gateway::ReadView;

/// Entries of a page, by default and at most, as in CometBFT.
const PER_PAGE_DEFAULT: i64 = 30;
const PER_PAGE_MAX: i64 = 100;
/// A page of blocks that is this long gets no further one, bytes.
const BLOCKS_BYTES_MAX: usize = 16 << 20;

/// Which part of a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    page: i64,
    per_page: i64,
}

impl Page {
    pub(super) fn of(params: &Params) -> Result<Self, Failure> {
        let per_page = match params.integer("per_page")? {
            Some(asked) if asked > 0 => asked.min(PER_PAGE_MAX),
            Some(_) | None => PER_PAGE_DEFAULT,
        };
        Ok(Self {
            page: params.integer("page")?.unwrap_or(1),
            per_page,
        })
    }

    /// Which entries of a list of this length, in CometBFT's words if there are none.
    pub(super) fn range(self, total: usize) -> Result<std::ops::Range<usize>, Failure> {
        let total = i64::try_from(total).expect("a length fits in 63 bits");
        // An empty list has one page, as in CometBFT.
        let pages = ((total - 1) / self.per_page + 1).max(1);
        if self.page < 1 || self.page > pages {
            return Err(Failure::internal(format!(
                "page should be within [1, {pages}] range, given {}",
                self.page
            )));
        }
        let begin = (self.page - 1) * self.per_page;
        let end = (begin + self.per_page).min(total);
        let index = |place: i64| usize::try_from(place).expect("a place in a list is not negative");
        Ok(index(begin)..index(end))
    }
}

/// A query with the page asked for.
#[derive(Debug)]
pub(super) struct Search {
    query: String,
    terms: Vec<Term>,
    page: Page,
    descending: bool,
}

/// `key operator value`.
#[derive(Debug, PartialEq, Eq)]
struct Term {
    key: String,
    operator: Operator,
    value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Less,
    AtMost,
    Equal,
    AtLeast,
    More,
}

/// As they are written; the longer ones first, since the shorter ones begin them.
const OPERATORS: [(&str, Operator); 5] = [
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("<", Operator::Less),
    (">", Operator::More),
    ("=", Operator::Equal),
];

impl Search {
    pub(super) fn of(params: &Params) -> Result<Self, Failure> {
        let query = params.text("query")?;
        let terms = query
            .split(" AND ")
            .map(Term::parse)
            .collect::<Option<Vec<_>>>();
        let descending = match params.text("order_by")?.as_str() {
            "desc" => true,
            "asc" | "" => false,
            _ => {
                return Err(Failure::internal(
                    "expected order_by to be either `asc` or `desc` or empty",
                ));
            }
        };
        Ok(Self {
            terms: terms.ok_or_else(|| unsupported(&query))?,
            page: Page::of(params)?,
            descending,
            query,
        })
    }
}

impl Term {
    fn parse(text: &str) -> Option<Self> {
        let (at, operator) = OPERATORS
            .iter()
            .filter_map(|operator| text.find(operator.0).map(|at| (at, operator)))
            .min_by_key(|(at, _)| *at)?;
        let (key, value) = (&text[..at], &text[at + operator.0.len()..]);
        Some(Self {
            key: key.trim().to_owned(),
            operator: operator.1,
            value: value.trim().trim_matches('\'').to_owned(),
        })
    }
}

fn unsupported(query: &str) -> Failure {
    Failure::internal(format!(
        "{query:?} cannot be searched for: transactions are found by tx.hash='…' or tx.height=N, blocks by block.height"
    ))
}

/// A transaction by its hash.
pub(super) fn transaction(view: &ReadView, hash: &[u8; 32], prove: bool) -> Result<Value, Failure> {
    let place = view.archive().transaction(hash);
    let Some((height, index)) = place.filter(|(height, _)| *height <= view.height()) else {
        return Err(Failure::internal(format!(
            "tx ({}) not found",
            render::hex(hash)
        )));
    };
    stored::kept(view, height)?;
    let index = usize::try_from(index).expect("an index of 32 bits fits");
    described(view, &stored::block(view, height)?, index..index + 1, prove)?
        .pop()
        .ok_or_else(|| Failure::internal("the index points at no transaction"))
}

pub(super) fn transactions(
    view: &ReadView,
    search: &Search,
    prove: bool,
) -> Result<Value, Failure> {
    let found = match search.terms.as_slice() {
        [term] if term.operator == Operator::Equal && term.key == "tx.hash" => {
            let hash = hex::decode(&term.value)
                .ok()
                .and_then(|hash| <[u8; 32]>::try_from(hash).ok())
                .ok_or_else(|| Failure::internal("tx.hash is 64 hex digits"))?;
            match view.archive().transaction(&hash) {
                Some(_) => (vec![transaction(view, &hash, prove)?], 1),
                None => (Vec::new(), 0),
            }
        }
        [term] if term.operator == Operator::Equal && term.key == "tx.height" => {
            of_height(view, search, &term.value, prove)?
        }
        _ => return Err(unsupported(&search.query)),
    };
    Ok(json!({ "txs": found.0, "total_count": found.1.to_string() }))
}

/// A page of a block's transactions, and how many it has.
fn of_height(
    view: &ReadView,
    search: &Search,
    height: &str,
    prove: bool,
) -> Result<(Vec<Value>, usize), Failure> {
    let height: u64 = height
        .parse()
        .map_err(|_| Failure::internal("tx.height is a height"))?;
    if height == 0 || height > view.height() {
        return Ok((Vec::new(), 0));
    }
    stored::kept(view, height)?;
    let stored = stored::block(view, height)?;
    let total = stored.transactions.len();
    let range = search.page.range(total)?;
    if !search.descending {
        return Ok((described(view, &stored, range, prove)?, total));
    }
    let mirrored = total - range.end..total - range.start;
    let mut found = described(view, &stored, mirrored, prove)?;
    found.reverse();
    Ok((found, total))
}

/// Transactions of a block, as `tx` answers them.
fn described(
    view: &ReadView,
    stored: &Stored,
    range: std::ops::Range<usize>,
    prove: bool,
) -> Result<Vec<Value>, Failure> {
    let height = stored.header.height.value();
    let receipts = stored::receipts(view, height)?;
    let tree = (prove && !stored.transactions.is_empty())
        .then(|| inclusion::Tree::of(&stored.transactions));
    let envelopes = stored.transactions.iter().zip(&receipts).enumerate();
    let described =
        envelopes
            .skip(range.start)
            .take(range.len())
            .map(|(index, (envelope, receipt))| {
                let mut described = json!({
                    "hash": render::hex(&receipt.hash),
                    "height": height.to_string(),
                    "index": index,
                    "tx_result": render::result(receipt),
                    "tx": render::base64(envelope),
                });
                if let Some(tree) = &tree {
                    described["proof"] = proof(tree, &stored.transactions, index);
                }
                described
            });
    Ok(described.collect())
}

fn proof(tree: &inclusion::Tree, envelopes: &[Vec<u8>], index: usize) -> Value {
    let path = tree.path(index);
    let aunts = path.aunts.iter().map(|aunt| render::base64(aunt));
    json!({
        "root_hash": render::hex(&path.root),
        "data": render::base64(&envelopes[index]),
        "proof": {
            "total": envelopes.len().to_string(),
            "index": index.to_string(),
            "leaf_hash": render::base64(&path.leaf),
            "aunts": aunts.collect::<Vec<_>>(),
        },
    })
}

/// Blocks of a range of heights.
pub(super) fn blocks(view: &ReadView, search: &Search) -> Result<Value, Failure> {
    let (mut first, mut last) = (stored::lowest(view), view.height());
    for term in &search.terms {
        let value = term.value.parse::<u64>().ok();
        let (Some(value), "block.height") = (value, term.key.as_str()) else {
            return Err(unsupported(&search.query));
        };
        match term.operator {
            Operator::Less => last = last.min(value.saturating_sub(1)),
            Operator::AtMost => last = last.min(value),
            Operator::Equal => (first, last) = (first.max(value), last.min(value)),
            Operator::AtLeast => first = first.max(value),
            Operator::More => first = first.max(value.saturating_add(1)),
        }
    }
    let first = first.max(1);
    let total = usize::try_from((last + 1).saturating_sub(first))
        .map_err(|_| Failure::internal("too many blocks"))?;
    let range = search.page.range(total)?;
    let mut blocks = Vec::new();
    let mut length = 0;
    for place in range {
        let place = u64::try_from(place).expect("a place in a list fits in 64 bits");
        let height = if search.descending {
            last - place
        } else {
            first + place
        };
        let stored = stored::block(view, height)?;
        length += stored.bytes;
        if length > BLOCKS_BYTES_MAX && !blocks.is_empty() {
            return Err(Failure::internal(
                "these blocks are too long for one answer: ask for fewer by per_page",
            ));
        }
        blocks.push(render::identified_block(&stored));
    }
    Ok(json!({ "blocks": blocks, "total_count": total.to_string() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_list_has_one_page() {
        for per_page in [1, 2, PER_PAGE_MAX] {
            let page = |page| Page { page, per_page }.range(0);
            assert_eq!(page(1).unwrap(), 0..0, "{per_page}");
            assert!(page(0).is_err() && page(2).is_err(), "{per_page}");
        }
    }
}
