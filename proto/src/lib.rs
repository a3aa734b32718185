//! The protobuf messages: BIF's package `protocol` and ours, `starfire.v1`.
//!
//! Generated code only. Domain crates parse these once, at their edge, and never pass them on.

/// BIF-Core 1.x messages: the transaction envelope that existing clients encode.
pub mod protocol {
    include!(concat!(env!("OUT_DIR"), "/protocol.rs"));
}

/// Messages of this chain: operations, records in state, wire and gateway messages.
pub mod starfire {
    /// Version 1.
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/starfire.v1.rs"));
    }
}

pub use starfire::v1;
