//! No bytes from outside make a decoder panic, and a length that is claimed costs nothing before its bytes are there.
//!
//! `ROUNDS=100000` mutates each sample that often. `fuzz/` has the same decoders as targets of libFuzzer.

use starfire_tests::decoders::{DECODERS, Decoder};

use crate::sim::number;

/// Mutations of each sample in an ordinary run.
const ROUNDS: u64 = 200;

/// A few changes of the kinds that break parsers: bits, bytes, lengths, repeats, cuts, and pieces of another sample.
fn mutated(sample: &[u8], other: &[u8], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = sample.to_vec();
    for _ in 0..random.usize(1..4) {
        let at = random.usize(0..=bytes.len());
        match random.u32(0..8) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, random.u8(..)),
            2 if at < bytes.len() => bytes[at] ^= 1 << random.u32(0..8),
            3 if at < bytes.len() => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.usize(0..5)],
            // A length of 2^63, where one was.
            4 => drop(bytes.splice(at..at, [0xff; 9].into_iter().chain([1]))),
            5 => {
                let end = random.usize(at..=bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            6 => {
                let from = random.usize(0..=other.len());
                let piece = &other[from..random.usize(from..=other.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
            _ => {
                let end = random.usize(at..=bytes.len());
                bytes.drain(at..end);
            }
        }
    }
    bytes
}

fn attack(decoder: &Decoder) {
    let samples = (decoder.samples)();
    assert!(!samples.is_empty(), "{} has samples", decoder.name);
    let mut random = fastrand::Rng::with_seed(number("SEED").unwrap_or(1));
    for sample in &samples {
        (decoder.read)(sample);
        for length in 0..sample.len().min(400) {
            (decoder.read)(&sample[..length]);
        }
        for _ in 0..number("ROUNDS").unwrap_or(ROUNDS) {
            let other = &samples[random.usize(0..samples.len())];
            (decoder.read)(&mutated(sample, other, &mut random));
        }
    }
}

#[test]
fn no_bytes_make_a_decoder_panic() {
    for decoder in &DECODERS {
        attack(decoder);
    }
}

#[test]
fn nesting_without_end_is_refused_by_every_decoder() {
    let deep = [
        "[".repeat(100_000).into_bytes(),
        r#"{"a":"#.repeat(100_000).into_bytes(),
        // Messages within messages: field 1, a length, and again.
        (0..100_000u32)
            .flat_map(|_| [0x0a, 0xff, 0xff, 0x03])
            .collect(),
        // Groups within groups.
        vec![0x0b; 100_000],
    ];
    for decoder in &DECODERS {
        for bytes in &deep {
            (decoder.read)(bytes);
        }
    }
}

#[test]
fn every_decoder_has_a_fuzz_target() {
    let targets = include_str!("../../fuzz/Cargo.toml");
    for decoder in &DECODERS {
        let line = format!("name = \"{}\"", decoder.name);
        assert!(targets.contains(&line), "{} has no target", decoder.name);
    }
}
