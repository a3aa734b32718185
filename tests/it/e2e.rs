//! Real processes: the binary, its sockets, its disk, its signatures. One subject a file.
//!
//! Every chain here is a devnet of its own in a directory of its own, on free ports, and is torn down whatever becomes of the test;
//! no log of it may hold a panic. Waiting means polling up to a bound. The binary stands in the target directory that these tests
//! run from: `cargo build --bin starfire` puts it there.

mod anchors;
mod bad_input;
mod bench;
mod catch_up;
mod ceremony;
mod clients;
mod credentials;
mod damaged;
mod devnet;
mod dids;
mod factory;
mod faults;
mod headers;
mod http;
mod idle;
mod interfaces;
mod killed;
mod light_client;
mod netns;
mod proofs;
mod registrar;
mod registry;
mod stranger;
mod system_calls;
mod testimony;
