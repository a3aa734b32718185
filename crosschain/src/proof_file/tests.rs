//! Proof files over two real chains: what holds, and everything that must not.

mod accreditation;
mod certificate;
mod evidence;
mod forgery;
mod resolved;
mod succession;
mod world;
