//! mpopd, the POP3 server: the program, and its command line for the tools that describe it.
#![forbid(unsafe_code)]

mod cli;
mod start;
mod supervisor;
mod try_command;

pub use cli::{command, run};

#[global_allocator]
static MEMORY: sys::wiping::Wiping = sys::wiping::Wiping;
