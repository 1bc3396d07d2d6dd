//! The command line as types.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

#[derive(Parser)]
#[command(name = "mpopd", version, about = "A POP3 server", args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) daemon: DaemonOptions,
    #[command(subcommand)]
    pub(crate) command: Option<Subcommands>,
}

#[derive(Args)]
pub(crate) struct DaemonOptions {
    /// Read this configuration file
    #[arg(short = 'c', value_name = "FILE", default_value = "/etc/mpopd/mpopd.conf")]
    pub(crate) config: PathBuf,
    /// Stay in the foreground and log to standard error
    #[arg(short = 'F')]
    pub(crate) foreground: bool,
    /// Check the configuration and the files it names, then exit
    #[arg(short = 't')]
    pub(crate) test: bool,
    /// Print the settings in force, then exit
    #[arg(long)]
    pub(crate) print_config: bool,
    /// Serve one client on descriptor 0, as inetd(8) starts servers
    #[arg(long)]
    pub(crate) inetd: bool,
    /// Listen on this port instead of the one in the file
    #[arg(value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: Option<u16>,
}

#[derive(Subcommand)]
pub(crate) enum Subcommands {
    /// Serve one mailbox for one user, without a configuration and without root
    Try(TryOptions),
}

#[derive(Args)]
pub(crate) struct TryOptions {
    /// Listen on this address; port 0 takes any free port
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8110")]
    pub(crate) listen: SocketAddr,
    /// The user's name
    #[arg(long, value_name = "NAME", default_value = "try")]
    pub(crate) user: String,
    /// The user's password; a random one without this option
    #[arg(long, value_name = "PW")]
    pub(crate) password: Option<String>,
    /// Offer STLS, and TLS from the start on port 8995, with a certificate made for this run
    #[arg(long)]
    pub(crate) tls: bool,
    /// An mbox file or a Maildir; without it, a sample mailbox in a temporary folder
    pub(crate) mailbox: Option<PathBuf>,
}
