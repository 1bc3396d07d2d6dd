//! Runs the program, and its exit status: 0 done, 1 failed, 2 wrong usage.

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::options::{Cli, Subcommands};
use crate::start::daemon;
use crate::try_command;

/// The command line, for the tools that describe it.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the program.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Some(Subcommands::Try(options)) => try_command::run(options),
        None => daemon::run(&cli.daemon),
    };
    match done {
        Ok(status) => ExitCode::from(u8::try_from(status).unwrap_or(1)),
        Err(error) => {
            eprintln!("{}", error.for_stderr());
            ExitCode::FAILURE
        }
    }
}
