//! mpopd, the POP3 server: the program, and its command line for the tools that describe it.
//!
//! `start/` goes from the command line to the supervisor, `plan/` from the configuration to all that the
//! roles need, `supervisor/` starts the roles and restarts them, `process/` forks and confines each, and
//! `try_command/` is `mpopd try`.
#![forbid(unsafe_code)]

mod cli;
mod error;
mod options;
mod plan;
mod process;
mod start;
mod supervisor;
mod try_command;

pub use cli::{command, run};

#[global_allocator]
static MEMORY: sys::wiping::Wiping = sys::wiping::Wiping;
