//! Writes what each decoder takes, a file each, where a fuzz target looks for what to begin with.
//!
//! ```text
//! cargo run -p starfire-tests --example samples -- DIRECTORY
//! ```

use std::path::PathBuf;
use std::{env, fs, io};

use starfire_tests::decoders::DECODERS;

fn main() -> io::Result<()> {
    let directory = env::args_os().nth(1).map(PathBuf::from);
    let directory = directory.ok_or_else(|| io::Error::other("name a directory"))?;
    for decoder in &DECODERS {
        let corpus = directory.join(decoder.name);
        fs::create_dir_all(&corpus)?;
        for (number, sample) in (decoder.samples)().iter().enumerate() {
            fs::write(corpus.join(format!("sample-{number}")), sample)?;
        }
    }
    Ok(())
}
