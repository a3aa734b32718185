//! Reading every row once, as RocksDB checks each block of its files by a checksum when it is read.

use rocksdb::ReadOptions;

use super::Rocks;
use super::tables::{self, BLOCKS, table};

/// A row that cannot be read, or is not there.
#[derive(Debug, thiserror::Error)]
#[error("table {table}, {row}: {problem}")]
pub struct BadRow {
    /// The table.
    pub table: &'static str,
    /// The row, or the last one before it.
    pub row: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Rocks {
    /// Reads all rows; says how many there are, or names the first that is bad.
    pub fn check_rows(&self) -> Result<u64, BadRow> {
        let mut count = 0;
        for name in tables::TABLES {
            count += self.check_table(name)?;
        }
        Ok(count)
    }

    fn check_table(&self, name: &'static str) -> Result<u64, BadRow> {
        let bad = |last: &[u8], problem: String| BadRow {
            table: name,
            row: if last.is_empty() {
                "first row".to_owned()
            } else {
                format!("row after {}", hex::encode(last))
            },
            problem,
        };
        self.reader.shared().with(|db| {
            let mut options = ReadOptions::default();
            options.set_total_order_seek(true);
            options.fill_cache(false);
            let mut rows = db.raw_iterator_cf_opt(table(db, name), options);
            let (mut count, mut last) = (0u64, Vec::new());
            rows.seek_to_first();
            while let Some(row) = rows.key() {
                if name == BLOCKS && !follows(&last, row) {
                    let problem = "a block without its commit, or a commit without its block";
                    return Err(bad(&last, problem.to_owned()));
                }
                count += 1;
                last = row.to_vec();
                rows.next();
            }
            rows.status()
                .map_err(|error| bad(&last, error.into_string()))?;
            Ok(count)
        })
    }
}

/// A block's row is followed by its commit's, and that by the justification's if there is one.
fn follows(last: &[u8], row: &[u8]) -> bool {
    match (last.split_last(), row.split_last()) {
        (Some((0, height)), Some((1, next))) | (Some((1, height)), Some((2, next))) => {
            height == next
        }
        (None | Some((1 | 2, _)), Some((0, _))) => true,
        _ => false,
    }
}
