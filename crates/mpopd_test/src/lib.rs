//! mpopd_test: tries a POP3 server, and is a load test that checks what it downloads.
//! The program, and its command line for those who describe it.
#![forbid(unsafe_code)]

mod cli;
mod clock;
mod fault;
mod fill;
mod ledger;
mod live;
mod mbox;
mod measure;
mod net;
mod plan;
mod process;
mod reference;
mod report;
mod run;
mod session;
mod transcript;
mod users;

pub use cli::{command, run as main};
