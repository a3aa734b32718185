//! The gRPC services, generated from `gateway.proto` by `build.rs`: one server and one client module a service.
//!
//! Only services are here. Messages are `starfire_proto::v1`, so that a domain's record is the same type on disk and on the wire.

#[allow(
    missing_debug_implementations,
    missing_docs,
    unused_qualifications,
    unreachable_pub,
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::disallowed_types,
    clippy::use_self,
    clippy::uninlined_format_args,
    clippy::semicolon_if_nothing_returned,
    reason = "generated code"
)]
mod services {
    include!(concat!(env!("OUT_DIR"), "/starfire.v1.rs"));
}

pub use services::*;

/// Descriptors of the services and of every message they name, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/gateway.fds"));
