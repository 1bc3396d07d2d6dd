//! mpopd, the POP3 server: the program, and its command line for those who describe it.
#![forbid(unsafe_code)]

mod cli;
mod control_socket;
mod listen;
mod log;
mod mail_group;
mod plan;
mod roles;
mod sample;
mod self_signed;
mod state;
mod tls;
mod try_mailbox;
mod user_logs;

pub use cli::{command, run};
