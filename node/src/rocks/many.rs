//! Many reads at a time.
//!
//! A read of what no cache holds waits for the disk, or at least for the kernel's copy of it. One after the other, a block's reads
//! would add up while processors and disk have time. Here some threads share them. They live for one call: to start them takes less
//! than one of them needs for its share.

use std::panic::resume_unwind;
use std::thread::{self, ScopedJoinHandle};

/// Threads that share the reads of one call, with the one that asks.
const READERS_MAX: usize = 4;
/// A thread has so many reads at least.
pub(super) const SHARE_MIN: usize = 32;

/// What `read` says of each key, in their order.
pub(super) fn read_all<K: Sync, V: Send>(keys: &[K], read: impl Fn(&K) -> V + Sync) -> Vec<V> {
    let share = keys.len().div_ceil(READERS_MAX).max(SHARE_MIN);
    let read_part = |part: &[K]| part.iter().map(&read).collect::<Vec<V>>();
    let (own, others) = keys.split_at(share.min(keys.len()));
    thread::scope(|scope| {
        let others: Vec<_> = others
            .chunks(share)
            .map(|part| {
                let reader = thread::Builder::new().name("read".to_owned());
                (part, reader.spawn_scoped(scope, || read_part(part)).ok())
            })
            .collect();
        let mut values = read_part(own);
        for (part, reader) in others {
            // Where no thread is to be had, the one that asks reads it all.
            let read = reader.map_or_else(|| read_part(part), join);
            values.extend(read);
        }
        values
    })
}

/// What a thread found; a read that fails ends the thread that asked, as it would have without help.
fn join<T>(reader: ScopedJoinHandle<'_, T>) -> T {
    reader.join().unwrap_or_else(|cause| resume_unwind(cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_read_in_their_order_however_many_they_are() {
        for count in [0, 1, SHARE_MIN, SHARE_MIN + 1, 5 * SHARE_MIN, 1_000] {
            let keys: Vec<usize> = (0..count).collect();
            let doubled: Vec<usize> = keys.iter().map(|key| 2 * key).collect();
            assert_eq!(read_all(&keys, |key| 2 * key), doubled);
        }
    }

    #[test]
    fn a_read_that_fails_ends_the_thread_that_asked_with_its_reason() {
        let keys: Vec<usize> = (0..1_000).collect();
        let ended = thread::spawn(move || {
            read_all(&keys, |key| {
                if *key == 999 {
                    std::panic::panic_any("damaged");
                }
            })
        });
        assert_eq!(ended.join().unwrap_err().downcast_ref(), Some(&"damaged"));
    }
}
