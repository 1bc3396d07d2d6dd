//! mpopdctl: controls mpopd, and answers questions about it and its maildrops.
//!
//! Exit status: 0 done, 1 failed, 2 wrong usage.
#![forbid(unsafe_code)]

mod check_migration;
mod cli;
mod client;
mod edit;
mod error;
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

/// Converts an old configuration as `mpopdctl import` does, for the fuzz target `legacy`: the new file, and
/// how many of its comments begin with `CHECK`.
///
/// # Errors
///
/// The file is too large, or a quoted text or bracket in it is never closed.
#[cfg(feature = "fuzzing")]
pub fn import(file: &std::path::Path, octets: &[u8]) -> Result<(String, usize), config::Fault> {
    import::legacy::import(file, octets).map(|imported| (imported.toml, imported.checks))
}
