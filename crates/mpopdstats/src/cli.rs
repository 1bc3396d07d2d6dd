//! The command line, and the exit status: 0 done, 1 failed, 2 wrong usage.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser};

use crate::log::{central, files, lines, user};
use crate::report::{self, ReportSubject};
use crate::tally::LogTally;

/// Tells from mpopd's logs who fetched how much, and when
#[derive(Parser)]
#[command(name = "mpopdstats", version)]
struct Cli {
    /// Read this configuration file; its user_log_dir says where the users' logs are
    #[arg(short = 'c', value_name = "FILE", default_value = "/etc/mpopd/mpopd.conf")]
    config: PathBuf,
    #[command(flatten)]
    source: LogSource,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
    /// Write a page with plots to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct LogSource {
    /// Tell of this user, from the user's own log
    user: Option<String>,
    /// Tell of all users who have a log of their own, whoever fetched most first
    #[arg(long)]
    all: bool,
    /// Read mpopd's own log (debug_log) and tell of all users in it; - is standard input
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

/// The command line, for those who describe it.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the program.
pub fn run() -> ExitCode {
    match told(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("mpopdstats: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn told(cli: &Cli) -> Result<(), String> {
    let mut tally = LogTally::default();
    let subject = match (&cli.source.user, &cli.source.log) {
        (Some(user), _) => {
            one(&mut tally, &folder(&cli.config)?, user)?;
            ReportSubject::User(user.clone())
        }
        (None, Some(log)) => {
            read_central(&mut tally, log)?;
            ReportSubject::Everybody
        }
        (None, None) => {
            everybody(&mut tally, &folder(&cli.config)?)?;
            ReportSubject::Everybody
        }
    };
    if let Some(html) = &cli.html {
        let page = report::html::page(&subject, &tally);
        std::fs::write(html, page).map_err(|error| format!("--html {}: {error}", html.display()))?;
    }
    let text =
        if cli.json { report::json::text(&subject, &tally)? } else { report::text::text(&subject, &tally) };
    io::stdout().write_all(text.as_bytes()).map_err(|error| format!("standard output: {error}"))
}

/// The folder of the users' logs.
fn folder(config: &Path) -> Result<PathBuf, String> {
    let euid = rustix::process::geteuid().as_raw();
    Ok(config::load(config, euid).map_err(|faults| faults.to_string())?.config.user_log_dir)
}

fn one(tally: &mut LogTally, folder: &Path, name: &str) -> Result<(), String> {
    config::path_part(name).map_err(|why| format!("{name:?} is no user name: {why}"))?;
    let logs = listed(folder)?;
    let logs = logs.get(name).ok_or_else(|| {
        format!("there is no log of {name} in {}; [user_log] in mpopd.conf makes one", folder.display())
    })?;
    logs.iter().try_for_each(|log| read_user(tally, name, log))
}

/// A log that cannot be read is told, and the others count.
fn everybody(tally: &mut LogTally, folder: &Path) -> Result<(), String> {
    for (name, logs) in listed(folder)? {
        for log in logs {
            if let Err(failure) = read_user(tally, &name, &log) {
                eprintln!("mpopdstats: {failure}");
            }
        }
    }
    Ok(())
}

fn listed(folder: &Path) -> Result<BTreeMap<String, Vec<PathBuf>>, String> {
    files::all(folder).map_err(|error| format!("user_log_dir {}: {error}", folder.display()))
}

fn read_user(tally: &mut LogTally, name: &str, log: &Path) -> Result<(), String> {
    let end = files::open(log).and_then(|file| count_user(tally, name, file));
    counted(tally, end, log)
}

/// Counts what a user's own log says.
pub(crate) fn count_user(tally: &mut LogTally, name: &str, log: File) -> io::Result<lines::LogEnd> {
    lines::each(log, |line| match user::read(line) {
        user::UserLogLine::Event(event, when) => tally.count(name, event, when),
        user::UserLogLine::Torn => tally.torn += 1,
        user::UserLogLine::Nothing => {}
    })
}

fn read_central(tally: &mut LogTally, log: &Path) -> Result<(), String> {
    let file = if log == Path::new("-") { File::open("/dev/stdin") } else { File::open(log) };
    let end = file.and_then(|file| count_central(tally, file));
    counted(tally, end, log)
}

/// Counts what the central log says.
pub(crate) fn count_central(tally: &mut LogTally, log: File) -> io::Result<lines::LogEnd> {
    lines::each(log, |line| match central::read(line) {
        central::CentralLogLine::Event { user, events, when } => {
            events.into_iter().flatten().for_each(|event| tally.count(&user, event, when));
        }
        central::CentralLogLine::Torn => tally.torn += 1,
        central::CentralLogLine::Nothing => {}
    })
}

fn counted(tally: &mut LogTally, end: io::Result<lines::LogEnd>, log: &Path) -> Result<(), String> {
    let end = end.map_err(|error| format!("{}: {error}", log.display()))?;
    tally.torn += u64::from(end == lines::LogEnd::Torn);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn one_source_is_named() {
        for (arguments, fits) in [
            ("alice", true),
            ("--all", true),
            ("--log x", true),
            ("", false),
            ("alice --all", false),
            ("--all --log x", false),
        ] {
            let words = std::iter::once("mpopdstats").chain(arguments.split_whitespace());
            assert_eq!(Cli::try_parse_from(words).is_ok(), fits, "{arguments}");
        }
    }
}
