//! Fuzzes the decoder `credential` of `starfire_tests::decoders`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| starfire_fuzz::read("credential", bytes));
