//! The command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use config::Places;
use ipc::control::ReloadKind;

use crate::client::DaemonClient;
use crate::error::CtlError;
use crate::start::StartOptions;
use crate::{check_migration, edit, import, kick, program, reread, start, status, top, upgrade, who};

#[derive(Parser)]
#[command(name = "mpopdctl", version, about = "Controls mpopd, the POP3 server")]
struct Cli {
    /// Read this configuration file
    #[arg(short = 'c', value_name = "FILE", default_value = "/etc/mpopd/mpopd.conf", global = true)]
    config: PathBuf,
    /// Remove the pid file that a killed daemon left behind (start, restart)
    #[arg(short = 'f', global = true)]
    force: bool,
    /// Listen on this port instead of the one in the file (start, restart)
    #[arg(short = 'p', value_name = "PORT", global = true, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Edit the configuration first (config)
    #[arg(short = 'e', global = true)]
    edit: bool,
    #[command(subcommand)]
    command: CtlCommand,
}

#[derive(Subcommand)]
enum CtlCommand {
    /// Start the daemon, and return when it accepts connections
    Start,
    /// Stop the daemon, and return when it is gone
    Stop,
    /// Stop the daemon, and start it again on the same port
    Restart,
    /// Close all sessions, reload the configuration and bind the ports again
    Refresh,
    /// Reload the configuration for sessions that start later
    Config,
    /// Close and reopen the log files
    ReopenLogs,
    /// Show version, ports, uptime and statistics of the daemon
    Status(OutputFormat),
    /// List the connections
    Who(OutputFormat),
    /// End the sessions of a user, or one session, without their deletions
    Kick {
        /// A user name, or the id of a session as in the log. A user of that name has precedence
        #[arg(value_name = "USER|ID")]
        who: String,
    },
    /// Let the installed mpopd take over from the running one. No client is refused, and running sessions
    /// continue
    Upgrade,
    /// Watch sessions, rates and failures; q quits
    Top,
    /// Check the configuration and the files that it names
    Check,
    /// Compare the UIDLs of a maildrop from another server with those of mpopd, and count the differences
    CheckMigration(check_migration::Options),
    /// Convert a configuration of mpopd 2.x or Mail::POP3 3.x. Lines that you must check are marked CHECK
    Import(import::Options),
}

/// How the result is printed.
#[derive(clap::Args)]
struct OutputFormat {
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// The command line, for manual pages and completions.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the program.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    cli.refuse_stray_options();
    let Cli { config, force, port, edit, command } = cli;
    let options = StartOptions { config: &config, force, port };
    let done = match command {
        CtlCommand::Start => start::start(&options),
        CtlCommand::Stop => start::stop(&config),
        CtlCommand::Restart => start::restart(&options),
        CtlCommand::Refresh => reread::run(&config, ReloadKind::Refresh),
        CtlCommand::Config if edit => edit::run(&config),
        CtlCommand::Config => reread::run(&config, ReloadKind::Config),
        CtlCommand::ReopenLogs => reread::reopen_logs(&config),
        CtlCommand::Status(OutputFormat { json }) => {
            client(&config).and_then(|daemon| status::run(&daemon, json))
        }
        CtlCommand::Who(OutputFormat { json }) => client(&config).and_then(|daemon| who::run(&daemon, json)),
        CtlCommand::Kick { who } => client(&config).and_then(|daemon| kick::run(&daemon, who)),
        CtlCommand::Upgrade => client(&config).and_then(|daemon| upgrade::run(&daemon)),
        CtlCommand::Top => places(&config).and_then(|places| top::run(&places.control_socket)),
        CtlCommand::Check => program::check(&config),
        CtlCommand::CheckMigration(options) => check_migration::run(&config, &options),
        CtlCommand::Import(options) => import::run(&options),
    };
    done.unwrap_or_else(|failure| {
        eprintln!("{failure}");
        ExitCode::FAILURE
    })
}

impl Cli {
    /// Ends the program if an option does not belong to the command: it would be ignored.
    fn refuse_stray_options(&self) {
        let starts = matches!(self.command, CtlCommand::Start | CtlCommand::Restart);
        let stray = [
            ("-f", self.force && !starts, "start and restart"),
            ("-p", self.port.is_some() && !starts, "start and restart"),
            ("-e", self.edit && !matches!(self.command, CtlCommand::Config), "config"),
        ];
        if let Some((option, _, commands)) = stray.iter().find(|(_, is_stray, _)| *is_stray) {
            let what = format!("{option} belongs to {commands}");
            Self::command().error(ErrorKind::ArgumentConflict, what).exit();
        }
    }
}

/// Connects to the daemon of this configuration.
fn client(config: &Path) -> Result<DaemonClient, CtlError> {
    DaemonClient::connect(&places(config)?.control_socket)
}

fn places(config: &Path) -> Result<Places, CtlError> {
    Ok(config::places(config, rustix::process::geteuid().as_raw())?)
}
