//! mpopdstats: reports from mpopd's logs who fetched how much mail, and when.
//!
//! The program, and its command line for programs that describe it. `log/` reads the logs line by line,
//! `tally.rs` adds them up, `report/` writes the results. Memory grows with the number of users and days, not
//! with the length of the logs.
#![forbid(unsafe_code)]

mod cli;
mod error;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod log;
mod moment;
mod report;
mod tally;

pub use cli::{command, run};
