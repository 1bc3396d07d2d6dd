//! Tests of the source tree itself. They need no build of the server, so `cargo test -p source_checks` is the
//! first test to run in a new checkout.
//!
//! - [`circles`]: no two files of a crate import each other.
//! - [`names`]: a type name means one thing in the tree.
//! - [`dependencies`]: each crate sees only the crates that its process may know.
//! - [`documents`]: links lead somewhere, lines fit, retired names are gone.
//!
//! Each is also a command: `cargo run -p source_checks -- circles maildrop`.
#![forbid(unsafe_code)]

pub mod circles;
pub mod command;
pub mod dependencies;
pub mod documents;
mod modules;
pub mod names;
mod tree;

pub use tree::Tree;
