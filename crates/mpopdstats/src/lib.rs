//! mpopdstats: tells from mpopd's logs who fetched how much, and when.
//!
//! The program, and its command line for those who describe it. `log/` reads the logs line by line, `tally.rs` adds up,
//! `report/` tells. Memory goes with the number of users and days, not with the length of the logs.
#![forbid(unsafe_code)]

mod cli;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod log;
mod moment;
mod report;
mod tally;

pub use cli::{command, run};
