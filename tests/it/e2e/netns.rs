//! A network of strangers' machines: each node in a network namespace of its own, with an address and a link of its own.
//!
//! Links are cut, one way or both, and lose packets by packet filter rules; a relay delays them. All of it lives in a user
//! namespace, so it needs no rights on the machine, cannot touch the machine's own network, and is gone with the last process.
//! `STARFIRE_SKIP_NETNS=1` leaves these tests out where namespaces are forbidden.

mod chain;
mod founding;
mod kills;
mod manual;
mod newcomer;
mod partitions;
mod world;
