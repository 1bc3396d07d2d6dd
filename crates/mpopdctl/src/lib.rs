//! mpopdctl: controls mpopd, and answers questions about its maildrops.
//!
//! Exit status: 0 done, 1 failed, 2 wrong usage.
#![forbid(unsafe_code)]

mod check_migration;
mod import;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

#[derive(Parser)]
#[command(name = "mpopdctl", version, about = "Controls mpopd")]
struct Cli {
    /// Read this configuration file
    #[arg(short = 'c', value_name = "FILE", default_value = "/etc/mpopd/mpopd.conf")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show the UIDLs of a maildrop as another server made them and as mpopd makes them, and count the differences
    CheckMigration(check_migration::Options),
    /// Read a configuration of mpopd 2.x or Mail::POP3 3.x and write it in the new form; what needs a person is marked CHECK
    Import(import::Options),
}

/// The command line, for those who describe it.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the program.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::CheckMigration(options) => check_migration::run(&cli.config, &options),
        Command::Import(options) => import::run(&options),
    };
    done.unwrap_or_else(|failure| {
        eprintln!("mpopdctl: {failure}");
        ExitCode::FAILURE
    })
}
