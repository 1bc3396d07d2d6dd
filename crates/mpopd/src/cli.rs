//! The command line, and the exit status: 0 done, 1 failed, 2 wrong usage.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};
use config::Faults;

use crate::start::daemon;
use crate::try_command;

#[derive(Parser)]
#[command(name = "mpopd", version, about = "A POP3 server", args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(flatten)]
    daemon: Daemon,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Args)]
pub(crate) struct Daemon {
    /// Read this configuration file
    #[arg(short = 'c', value_name = "FILE", default_value = "/etc/mpopd/mpopd.conf")]
    pub(crate) config: PathBuf,
    /// Stay in the foreground and log to standard error
    #[arg(short = 'F')]
    pub(crate) foreground: bool,
    /// Check the configuration and the files it names, then end
    #[arg(short = 't')]
    pub(crate) test: bool,
    /// Print the settings in force, then end
    #[arg(long)]
    pub(crate) print_config: bool,
    /// Serve one client on descriptor 0, as inetd(8) starts servers
    #[arg(long)]
    pub(crate) inetd: bool,
    /// Listen on this port in place of the file's
    #[arg(value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: Option<u16>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve one mailbox for one user, without a configuration and without root
    Try(Try),
}

#[derive(Args)]
pub(crate) struct Try {
    /// Listen here; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8110")]
    pub(crate) listen: SocketAddr,
    /// The user's name
    #[arg(long, value_name = "NAME", default_value = "try")]
    pub(crate) user: String,
    /// The user's password; without it, one is made up
    #[arg(long, value_name = "PW")]
    pub(crate) password: Option<String>,
    /// Offer STLS too, and TLS from the start on port 8995, with a certificate made up for this run
    #[arg(long)]
    pub(crate) tls: bool,
    /// An mbox file or a Maildir; without it, a sample mailbox in a temporary folder
    pub(crate) mailbox: Option<PathBuf>,
}

/// What keeps the program from its work, in the words that go to standard error.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The configuration's: a line `FILE:LINE: KEY: what is wrong` for each fault.
    Faults(Faults),
    /// Anything else, one line: what failed and what to do.
    Other(String),
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Failure {
        Failure::Faults(faults)
    }
}

impl From<String> for Failure {
    fn from(what: String) -> Failure {
        Failure::Other(what)
    }
}

impl From<&str> for Failure {
    fn from(what: &str) -> Failure {
        Failure::Other(what.to_owned())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Faults(faults) => faults.fmt(f),
            Failure::Other(what) => write!(f, "mpopd: {what}"),
        }
    }
}

/// The command line, for those who describe it.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the program.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Some(Command::Try(options)) => try_command::run(options),
        None => daemon::run(&cli.daemon),
    };
    match done {
        Ok(status) => ExitCode::from(u8::try_from(status).unwrap_or(1)),
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}
