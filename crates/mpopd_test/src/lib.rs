//! mpopd_test: tests a POP3 server, and runs load tests that check what they download.
//!
//! The program, and its command line for programs that describe it.
#![forbid(unsafe_code)]

mod cli;
mod clock;
mod error;
mod failure;
mod fill;
mod ledger;
mod live;
mod load_run;
mod mbox;
mod measure;
mod numbers;
mod plan;
mod process;
mod reference;
mod report;
mod run;
mod session;
mod transcript;
mod users;

pub use cli::{command, run as main};
