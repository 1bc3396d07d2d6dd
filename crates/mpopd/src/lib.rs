//! mpopd, the POP3 server: the program, and its command line for those who describe it.
#![forbid(unsafe_code)]

mod cli;
mod control_socket;
mod daemon;
mod detach;
mod handover;
mod herald;
mod listen;
mod log;
mod mail_group;
mod passed;
mod plan;
mod reach;
mod roles;
mod sample;
mod self_signed;
mod service_manager;
mod settings_file;
mod state;
mod tls;
mod try_mailbox;
mod user_logs;

pub use cli::{command, run};

#[global_allocator]
static MEMORY: sys::wiping::Wiping = sys::wiping::Wiping;
