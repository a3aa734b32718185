//! Fuzzes the decoder `answer` of `starfire_tests::decoders`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| starfire_fuzz::read("answer", bytes));
