//! The command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use config::Places;
use ipc::control::ReloadKind;

use crate::client::Client;
use crate::failure::Failure;
use crate::start::How;
use crate::{check_migration, edit, import, kick, program, reread, start, status, top, upgrade, who};

#[derive(Parser)]
#[command(name = "mpopdctl", version, about = "Controls mpopd, the POP3 server")]
struct Cli {
    /// Read this configuration file
    #[arg(short = 'c', value_name = "FILE", default_value = "/etc/mpopd/mpopd.conf", global = true)]
    config: PathBuf,
    /// Remove the pid file that a killed daemon left (start, restart)
    #[arg(short = 'f', global = true)]
    force: bool,
    /// Listen on this port in place of the file's (start, restart)
    #[arg(short = 'p', value_name = "PORT", global = true, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Edit the configuration first (config)
    #[arg(short = 'e', global = true)]
    edit: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the daemon, and return when it accepts connections
    Start,
    /// End the daemon, and return when it is gone
    Stop,
    /// Stop, then start on the port that it was running on
    Restart,
    /// Close all sessions, read the configuration again and bind the ports anew
    Refresh,
    /// Read the configuration again, for sessions that begin later
    Config,
    /// Close the log files and open them anew
    ReopenLogs,
    /// Show what the daemon is and what it has done
    Status(Form),
    /// List the connections
    Who(Form),
    /// End the sessions of a user, or one session; their deletions do not happen
    Kick {
        /// A user's name, or a session's id as it stands in the log. Names come first
        #[arg(value_name = "USER|ID")]
        who: String,
    },
    /// Have the installed mpopd take over from the running one. Nobody is refused, and running sessions go on
    Upgrade,
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
    let cli = Cli::parse();
    cli.refuse_stray_options();
    let Cli { config, force, port, edit, command } = cli;
    let how = How { config: &config, force, port };
    let done = match command {
        Command::Start => start::start(&how),
        Command::Stop => start::stop(&config),
        Command::Restart => start::restart(&how),
        Command::Refresh => reread::run(&config, ReloadKind::Refresh),
        Command::Config if edit => edit::run(&config),
        Command::Config => reread::run(&config, ReloadKind::Config),
        Command::ReopenLogs => reread::reopen_logs(&config),
        Command::Status(Form { json }) => client(&config).and_then(|daemon| status::run(&daemon, json)),
        Command::Who(Form { json }) => client(&config).and_then(|daemon| who::run(&daemon, json)),
        Command::Kick { who } => client(&config).and_then(|daemon| kick::run(&daemon, who)),
        Command::Upgrade => client(&config).and_then(|daemon| upgrade::run(&daemon)),
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

impl Cli {
    /// Ends the program where an option was given that the command knows nothing of: it would be ignored.
    fn refuse_stray_options(&self) {
        let starts = matches!(self.command, Command::Start | Command::Restart);
        let stray = [
            ("-f", self.force && !starts, "start and restart"),
            ("-p", self.port.is_some() && !starts, "start and restart"),
            ("-e", self.edit && !matches!(self.command, Command::Config), "config"),
        ];
        if let Some((option, _, commands)) = stray.iter().find(|(_, is_stray, _)| *is_stray) {
            let what = format!("{option} belongs to {commands}");
            Self::command().error(ErrorKind::ArgumentConflict, what).exit();
        }
    }
}

/// A connection to the daemon of this configuration.
fn client(config: &Path) -> Result<Client, Failure> {
    Client::connect(&places(config)?.control_socket)
}

fn places(config: &Path) -> Result<Places, Failure> {
    Ok(config::places(config, rustix::process::geteuid().as_raw())?)
}
