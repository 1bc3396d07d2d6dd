//! mpopd-directory against real servers: PostgreSQL, MariaDB, SQLite, slapd, and a small HTTP server of these
//! tests. All of them listen on this machine only, and stop with the test that started them.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the verdict, also in what tests share")]

mod certificate;
mod daemon;
mod directory;
mod keys;
mod ldap;
#[path = "../../../../tests/whole/harness/memory.rs"]
mod memory;
mod mysql;
#[path = "../../../../tests/whole/harness/port.rs"]
mod port;
mod postgres;
mod process;
mod program;
mod silence;
mod sqlite;
mod tokens;
