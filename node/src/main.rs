//! The only binary: everything is in the library.

/// glibc's allocator took a seventh of a loaded validator's time: its threads free what others of them took. RocksDB uses this one too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    starfire_node::cli::main()
}
