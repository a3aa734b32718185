//! Generates the gRPC services of `gateway.proto`: code for `src/grpc.rs`, descriptors for reflection. No protoc binary.
//!
//! Messages are not generated again: they are those of `starfire-proto`, which every crate shares.

use std::path::PathBuf;

/// Cargo runs this in the package's directory, wherever the checkout lies now; a path compiled in would be the first checkout's.
const PROTO: &str = "../proto/proto";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed={PROTO}");
    let mut compiler = protox::Compiler::new([PROTO])?;
    compiler
        .include_imports(true)
        .include_source_info(true)
        .open_file("starfire/v1/gateway.proto")?;

    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(
        out.join("gateway.fds"),
        compiler.encode_file_descriptor_set(),
    )?;
    tonic_prost_build::configure()
        .extern_path(".starfire.v1", "::starfire_proto::v1")
        .extern_path(".protocol", "::starfire_proto::protocol")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
