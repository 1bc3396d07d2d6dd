//! The command line, and the exit status: 0 done, 1 failed, 2 wrong usage.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser};

use crate::error::Error;
use crate::log::{central, files, lines, user};
use crate::report::{ReportSubject, html, json, text};
use crate::tally::LogTally;

/// Reports from mpopd's logs who fetched how much mail, and when
#[derive(Parser)]
#[command(name = "mpopdstats", version)]
struct Cli {
    /// Configuration file, whose user_log_dir is the folder of the users' logs
    #[arg(short = 'c', value_name = "FILE", default_value = "/etc/mpopd/mpopd.conf")]
    config: PathBuf,
    #[command(flatten)]
    source: LogSource,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// Also write the report as an HTML page with plots
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct LogSource {
    /// Report on this user, from the user's own log
    user: Option<String>,
    /// Report on all users who have their own log, ordered by bytes fetched
    #[arg(long)]
    all: bool,
    /// Report on all users in this log of mpopd itself (debug_log); - is standard input
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

/// The command line, for programs that describe it.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the program.
pub fn run() -> ExitCode {
    match report(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mpopdstats: {error}");
            ExitCode::FAILURE
        }
    }
}

fn report(cli: &Cli) -> Result<(), Error> {
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
        let page = html::page(&subject, &tally);
        std::fs::write(html, page).map_err(|error| Error::Page(html.clone(), error))?;
    }
    let text = if cli.json {
        json::text(&subject, &tally).map_err(Error::Json)?
    } else {
        text::text(&subject, &tally)
    };
    io::stdout().write_all(text.as_bytes()).map_err(Error::Output)
}

/// The folder of the users' logs.
fn folder(config: &Path) -> Result<PathBuf, Error> {
    let euid = rustix::process::geteuid().as_raw();
    Ok(config::load(config, euid).map_err(Error::Config)?.config.user_log_dir)
}

fn one(tally: &mut LogTally, folder: &Path, name: &str) -> Result<(), Error> {
    config::path_part(name).map_err(|why| Error::UserName(name.to_owned(), why))?;
    let logs = listed(folder)?;
    let logs = logs.get(name).ok_or_else(|| Error::NoLog(name.to_owned(), folder.to_owned()))?;
    logs.iter().try_for_each(|log| read_user(tally, name, log))
}

/// Counts all users' logs. One that cannot be read is reported on standard error, and the others count.
fn everybody(tally: &mut LogTally, folder: &Path) -> Result<(), Error> {
    for (name, logs) in listed(folder)? {
        for log in logs {
            if let Err(error) = read_user(tally, &name, &log) {
                eprintln!("mpopdstats: {error}");
            }
        }
    }
    Ok(())
}

fn listed(folder: &Path) -> Result<BTreeMap<String, Vec<PathBuf>>, Error> {
    files::all(folder).map_err(|error| Error::Folder(folder.to_owned(), error))
}

fn read_user(tally: &mut LogTally, name: &str, log: &Path) -> Result<(), Error> {
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

fn read_central(tally: &mut LogTally, log: &Path) -> Result<(), Error> {
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

fn counted(tally: &mut LogTally, end: io::Result<lines::LogEnd>, log: &Path) -> Result<(), Error> {
    let end = end.map_err(|error| Error::Log(log.to_owned(), error))?;
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
