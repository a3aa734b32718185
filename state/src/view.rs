//! Reading state: a map from byte paths to bytes, in byte order.

/// The longest path, bytes.
pub const KEY_BYTES_MAX: usize = 512;

/// The longest value, bytes: twice a transaction, so that a record which one transaction fills always fits.
/// A proof carries up to two values, hence its bound hangs on this one.
pub const VALUE_BYTES_MAX: usize = 2 << 20;

/// State as of one moment.
///
/// Reads do not fail: an I/O error below this line is a crash, never a different answer on one node.
pub trait View {
    /// The value at `key`.
    fn get(&self, key: &[u8]) -> Option<Vec<u8>>;

    /// Up to `limit` entries whose key begins with `prefix` and is greater than `after`, in byte order.
    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Vec<(Vec<u8>, Vec<u8>)>;

    /// Says that the values at these paths will be asked for soon: a store may look for several at a time, and may leave off when the first
    /// of them tell that it need not. Changes no answer.
    fn read_ahead(&self, _paths: &mut dyn Iterator<Item = Vec<u8>>) {}
}

/// Decodes the protobuf record at `key`.
///
/// # Panics
/// When the stored bytes are not such a record: state is written by this program alone, so the store is damaged.
pub fn record<M: prost::Message + Default>(view: &dyn View, key: &[u8]) -> Option<M> {
    let bytes = view.get(key)?;
    Some(
        M::decode(bytes.as_slice())
            .expect("a record in state decodes as the message that wrote it"),
    )
}
