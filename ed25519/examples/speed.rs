//! How many signatures one core checks a second, by batch size and against `ed25519-consensus`.

use std::process::ExitCode;

use ed25519_dalek::{Signer, SigningKey};
use starfire_ed25519::{Key, Signed, all_hold};

fn main() -> ExitCode {
    let keys: Vec<SigningKey> = (0..1024_u32)
        .map(|index| {
            let mut seed = [7; 32];
            seed[..4].copy_from_slice(&index.to_le_bytes());
            SigningKey::from_bytes(&seed)
        })
        .collect();
    let message = [5; 300];
    let signed: Vec<([u8; 32], [u8; 64])> = keys
        .iter()
        .map(|key| {
            (
                key.verifying_key().to_bytes(),
                key.sign(&message).to_bytes(),
            )
        })
        .collect();
    let parsed: Vec<Key> = signed
        .iter()
        .filter_map(|(key, _)| Key::parse(key))
        .collect();
    let items: Vec<Signed<'_>> = parsed
        .iter()
        .zip(&signed)
        .map(|(key, (_, signature))| Signed {
            key,
            message: &message,
            signature,
        })
        .collect();
    report("single, parsed key", 1024, || {
        items.iter().all(Signed::holds)
    });
    report("key parsed", 1024, || {
        signed.iter().all(|(key, _)| Key::parse(key).is_some())
    });
    for size in [3, 8, 32, 64, 128, 256, 512, 1024] {
        report(&format!("batch of {size}, parsed keys"), 1024, || {
            items.chunks(size).all(all_hold)
        });
    }
    report("ed25519-consensus, single", 1024, || {
        signed.iter().all(|(key, signature)| {
            ed25519_consensus::VerificationKey::try_from(*key).is_ok_and(|key| {
                key.verify(&ed25519_consensus::Signature::from(*signature), &message)
                    .is_ok()
            })
        })
    });
    ExitCode::SUCCESS
}

#[expect(clippy::print_stdout, reason = "a measurement")]
fn report(what: &str, count: u64, check: impl Fn() -> bool) {
    let mut best = u64::MAX;
    for _ in 0..5 {
        let start = processor_time_ns();
        assert!(check(), "what was signed holds");
        best = best.min(processor_time_ns() - start);
    }
    println!("{what}: {} ns", best / count);
}

/// Of this thread, so that whatever else runs on the machine counts little. Linux.
fn processor_time_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux has /proc");
    let first = text.split(' ').next().expect("a line has words");
    first.parse().expect("the first of them is a number")
}
