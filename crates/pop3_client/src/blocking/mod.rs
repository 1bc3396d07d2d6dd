//! The client that blocks, for tests and dialogue scripts.
//!
//! [`Pop3Connection`] sends octets and reads lines as they are. [`Pop3Client`] is built on it for tests: it
//! knows the commands and panics when the server does not answer as expected.

mod account;
mod client;
mod connection;
mod stream;

pub use account::TestAccount;
pub use client::Pop3Client;
pub use connection::{PATIENCE, Pop3Connection};
