//! mpopd, the POP3 server.
#![forbid(unsafe_code)]

mod cli;
mod control_socket;
mod listen;
mod log;
mod mail_group;
mod plan;
mod roles;
mod sample;
mod state;
mod tls;
mod try_mailbox;

fn main() -> std::process::ExitCode {
    cli::run()
}
