//! The checks as commands.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    source_checks::command::run(std::env::args().skip(1))
}
