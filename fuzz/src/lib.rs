//! Fuzz targets: each file in `targets/` hands libFuzzer's bytes to one of the simulator crate's decoders.

use starfire_tests::decoders::DECODERS;

/// Lets the named decoder read the bytes.
///
/// # Panics
/// When there is no such decoder, or when it panics: that is what is looked for.
pub fn read(name: &str, bytes: &[u8]) {
    let decoder = DECODERS
        .iter()
        .find(|decoder| decoder.name == name)
        .expect("every target is named after a decoder");
    (decoder.read)(bytes);
}
