//! A disk that is full for a while.

use std::process::Command;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::*;

/// Set in the process whose files may not grow.
const SMALL_FILES: &str = "STARFIRE_TEST_SMALL_FILES";

/// A limit on file sizes stands for a full disk: writes fail in the same places. It holds for a whole process, so this test runs
/// itself in another one, where the signal that comes with the limit is ignored.
#[test]
fn writing_goes_on_after_the_disk_was_full() {
    if std::env::var_os(SMALL_FILES).is_some() {
        for kibibytes in [64, 300, 1024, 3000] {
            fill_the_disk(kibibytes);
        }
        return;
    }
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "--nocapture",
            "rocks::tests::full_disk::writing_goes_on_after_the_disk_was_full",
        ])
        .env(SMALL_FILES, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

fn fill_the_disk(kibibytes: u64) {
    let home = TempDir::new().unwrap();
    let mut memory = Memory::new();
    let mut rocks = Rocks::open(home.path()).unwrap();
    let reader = rocks.reader();
    let reads: Vec<Read> = vec![(b"a".to_vec(), Vec::new(), None, usize::MAX)];
    let unlimited = getrlimit(Resource::Fsize);
    let limit = |bytes: u64| {
        setrlimit(
            Resource::Fsize,
            Rlimit {
                current: Some(bytes),
                ..unlimited
            },
        )
        .unwrap();
    };
    let block = |height: u64| {
        let changes = Changes::from([(b"a".to_vec(), Some(height.to_be_bytes().to_vec()))]);
        let tree = [(height.to_be_bytes(), vec![7; 50_000])]
            .into_iter()
            .collect();
        batch(height, changes, tree, &[1])
    };

    // The log runs into the limit in the middle of a batch.
    limit(kibibytes << 10);
    let full_at = (0..1000)
        .find(|&height| {
            let failed = rocks.commit(block(height)).is_err();
            if !failed {
                memory.commit(block(height)).unwrap();
            }
            failed
        })
        .expect("the disk fills up");
    same(&reader, &memory, &reads, &[]);

    // Not a byte fits: nor does opening anew for writing succeed. Reads go on.
    limit(0);
    for _ in 0..3 {
        assert!(rocks.commit(block(full_at)).is_err());
        assert!(rocks.save_safety(b"vote", &SafetyBlocks::new()).is_err());
        same(&reader, &memory, &reads, &[]);
    }

    setrlimit(Resource::Fsize, unlimited).unwrap();
    for height in full_at..full_at + 20 {
        rocks
            .commit(block(height))
            .expect("with room again, blocks are stored at once");
        memory.commit(block(height)).unwrap();
    }
    rocks.save_safety(b"after", &SafetyBlocks::new()).unwrap();
    memory.save_safety(b"after", &SafetyBlocks::new()).unwrap();
    same(&reader, &memory, &reads, &[]);
    drop((rocks, reader));
    same(&Rocks::open(home.path()).unwrap(), &memory, &reads, &[]);
}
