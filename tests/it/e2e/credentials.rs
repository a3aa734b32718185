//! Credentials by the binary: against published JavaScript libraries in every format, and a life of one on a running chain.

mod desk;
mod handed;
mod javascript;
mod story;
mod tree;
