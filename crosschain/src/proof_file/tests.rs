//! Proof files over two real chains: what holds, and everything that must not.

mod certificate;
mod evidence;
mod forgery;
mod succession;
mod world;
