//! mpopdctl: controls mpopd, and answers questions about it and its maildrops.
//!
//! Exit status: 0 done, 1 failed, 2 wrong usage.
#![forbid(unsafe_code)]

mod check_migration;
mod cli;
mod client;
mod edit;
mod failure;
mod import;
mod kick;
mod program;
mod reread;
mod running;
mod start;
mod status;
mod top;
mod upgrade;
mod who;

pub use cli::{command, run};
