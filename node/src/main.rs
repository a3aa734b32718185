//! The only binary: everything is in the library.

fn main() -> std::process::ExitCode {
    starfire_node::cli::main()
}
