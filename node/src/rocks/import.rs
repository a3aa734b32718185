//! Beginning with a state that others executed, instead of genesis.
//!
//! Entries come slice by slice. Until the last step there is no height, and a mark says that the store is half full: whoever opens
//! it discards what is there and begins anew. The last step writes the block that the state stands on, and the height, at once.

use starfire_state::tree::{self, Cache, TreeUpdate};
use starfire_state::{Archive, Batch, Changes, StoreError};

use super::tables::{self, DIDS, META, RECORDS, STATE, TREE, table};
use super::{Rocks, did_index, fill_block};

/// Above every row of a table: no path, no row of the tree and none of the index begins with this byte.
pub(super) const END: &[u8] = &[0xff];

impl Rocks {
    /// Whether a state was being taken over and is not whole.
    pub fn is_importing(&self) -> bool {
        self.meta(tables::IMPORT_KEY).is_some()
    }

    /// Deletes what is there of a state that is not whole.
    ///
    /// # Panics
    /// When the store has a height: its state is whole.
    pub fn discard_import(&mut self) -> Result<(), StoreError> {
        assert!(self.height().is_none(), "a state in use is not discarded");
        self.write(&|db, writes| {
            writes.delete_range_cf(table(db, STATE), &[] as &[u8], END);
            writes.delete_range_cf(table(db, TREE), &[] as &[u8], END);
            writes.delete_range_cf(table(db, DIDS), &[] as &[u8], END);
            writes.delete_range_cf(table(db, RECORDS), &[] as &[u8], END);
            writes.delete_cf(table(db, META), tables::IMPORT_KEY);
        })
    }

    /// Adds entries to the state after `height`, each once; returns the root of what is there so far. Durable only with
    /// [`Self::finish_import`].
    ///
    /// # Panics
    /// When the store has a height already.
    pub fn import(
        &mut self,
        cache: &mut Cache,
        height: u64,
        entries: &Changes,
    ) -> Result<[u8; 32], StoreError> {
        assert!(
            self.height().is_none(),
            "only an empty store takes over a state"
        );
        let TreeUpdate {
            root,
            writes: nodes,
        } = tree::import(cache, self, height, entries);
        self.write_opt(false, &|db, writes| {
            writes.put_cf(table(db, META), tables::IMPORT_KEY, height.to_be_bytes());
            for (path, value) in entries {
                let value = value.as_deref().expect("an entry has a value");
                writes.put_cf(table(db, STATE), tables::state_row(path, height), value);
            }
            did_index::fill_imported(entries, height, db, writes);
            for (row, value) in &nodes {
                writes.put_cf(table(db, TREE), row, value);
            }
        })?;
        Ok(root)
    }

    /// Makes the imported state the store's: `batch` holds the block that it stands on, and no changes. Headers before the next one
    /// prove nothing here, since their states are not.
    ///
    /// # Panics
    /// When nothing was imported.
    pub fn finish_import(&mut self, batch: &Batch) -> Result<(), StoreError> {
        assert!(
            self.meta(tables::IMPORT_KEY).as_deref() == Some(&batch.height.to_be_bytes()),
            "the block is that of the imported state"
        );
        assert!(
            batch.changes.is_empty() && batch.tree.is_empty(),
            "the state was imported before"
        );
        let (height, base) = (batch.height, batch.height + 1);
        self.write(&|db, writes| {
            fill_block(batch, db, writes);
            writes.put_cf(table(db, META), tables::HEIGHT_KEY, height.to_be_bytes());
            writes.put_cf(table(db, META), tables::BASE_KEY, base.to_be_bytes());
            // The block of the height itself is needed until the next one is there.
            writes.put_cf(table(db, META), tables::SWEPT_KEY, height.to_be_bytes());
            writes.delete_cf(table(db, META), tables::IMPORT_KEY);
        })?;
        self.reader.shared().set_base(base);
        self.reader.shared().set_height(height);
        Ok(())
    }
}
