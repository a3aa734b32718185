//! Fuzzes the decoder `consensus_message` of `starfire_tests::decoders`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| starfire_fuzz::read("consensus_message", bytes));
