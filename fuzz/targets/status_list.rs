//! Fuzzes the decoder `status_list` of `starfire_tests::decoders`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| starfire_fuzz::read("status_list", bytes));
