//! The command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use config::Places;

use crate::client::Client;
use crate::failure::Failure;
use crate::{check_migration, import, kick, program, status, top, who};

#[derive(Parser)]
#[command(name = "mpopdctl", version, about = "Controls mpopd, the POP3 server")]
struct Cli {
    /// Read this configuration file
    #[arg(short = 'c', value_name = "FILE", default_value = "/etc/mpopd/mpopd.conf", global = true)]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show what the daemon is and what it has done
    Status(Form),
    /// List the connections
    Who(Form),
    /// End the sessions of a user, or one session; their deletions do not happen
    Kick {
        /// A user's name, or a session's id as `who` and the log write it. Names come first
        #[arg(value_name = "USER|ID")]
        who: String,
    },
    /// Watch sessions, rates and failures; q ends it
    Top,
    /// Check the configuration and the files it names
    Check,
    /// Show the UIDLs of a maildrop as another server made them and as mpopd makes them, and count the differences
    CheckMigration(check_migration::Options),
    /// Read a configuration of mpopd 2.x or Mail::POP3 3.x and write it in the new form; what needs a person is marked CHECK
    Import(import::Options),
}

/// How an answer is printed.
#[derive(clap::Args)]
struct Form {
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// The command line, for those who describe it.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the program.
pub fn run() -> ExitCode {
    let Cli { config, command } = Cli::parse();
    let done = match command {
        Command::Status(Form { json }) => client(&config).and_then(|daemon| status::run(&daemon, json)),
        Command::Who(Form { json }) => client(&config).and_then(|daemon| who::run(&daemon, json)),
        Command::Kick { who } => client(&config).and_then(|daemon| kick::run(&daemon, who)),
        Command::Top => places(&config).and_then(|places| top::run(&places.control_socket)),
        Command::Check => program::check(&config),
        Command::CheckMigration(options) => check_migration::run(&config, &options).map_err(Failure::from),
        Command::Import(options) => import::run(&options).map_err(Failure::from),
    };
    done.unwrap_or_else(|failure| {
        eprintln!("{failure}");
        ExitCode::FAILURE
    })
}

/// A connection to the daemon of this configuration.
fn client(config: &Path) -> Result<Client, Failure> {
    Client::connect(&places(config)?.control_socket)
}

fn places(config: &Path) -> Result<Places, Failure> {
    Ok(config::places(config, rustix::process::geteuid().as_raw())?)
}
