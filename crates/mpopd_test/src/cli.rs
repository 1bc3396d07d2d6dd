//! The command line, and the exit status: 0 done, 1 something failed, 2 wrong usage.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgAction, CommandFactory, Parser};

use crate::error::Error;
use crate::fill::{self, FillSpec, MailboxFormat};
use crate::numbers::wide;
use crate::plan::{LoadPlan, Pace, ReportOutput, SessionMode, TlsMode};
use crate::users::{self, UsersError};
use crate::{report, run};

/// The most connections of `--rate` without `--connections`.
const OPEN_CONNECTIONS: usize = 1000;

/// Tests a POP3 server: connects, logs in and quits again and again, with a running count, until Ctrl-C.
///
/// With --connections, --rate, --count, --duration or --mode it runs a load test that checks what it
/// downloads and prints a summary. Certificates are not checked.
#[derive(Debug, Parser)]
#[command(name = "mpopd_test", version, disable_help_flag = true)]
struct Cli {
    /// Host name or address of the server
    #[arg(short = 'h', long, value_name = "HOST", default_value = "localhost")]
    host: String,
    /// Port of the server (default: 110, or 995 with --tls pop3s)
    #[arg(short = 'n', long, value_name = "PORT")]
    port: Option<u16>,
    /// Log in as this user
    #[arg(short = 'u', long, value_name = "USER", required_unless_present_any = ["users", "fill"])]
    user: Option<String>,
    /// Password for all users without one of their own
    #[arg(short = 'p', long, value_name = "PASSWORD", default_value = "", hide_default_value = true)]
    password: String,
    /// Pause between two sessions of a connection (default: 1, or 0 in a load test)
    #[arg(short = 'i', long, value_name = "SECONDS", value_parser = seconds, conflicts_with = "rate")]
    interval: Option<Duration>,

    /// Number of concurrent connections (default: 1, or at most 1000 with --rate)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Load")]
    connections: Option<u32>,
    /// Begin this many sessions per second, however fast the server is; times count from when a session was
    /// due
    #[arg(long, value_name = "R", value_parser = rate, help_heading = "Load")]
    rate: Option<f64>,
    /// Begin sessions for this long (default: 10 without --count; in drain mode, until each user has had a
    /// session)
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = "Load")]
    duration: Option<Duration>,
    /// Number of sessions to begin
    #[arg(long, value_name = "N", help_heading = "Load")]
    count: Option<u64>,
    /// What each session does
    #[arg(long, value_enum, help_heading = "Load")]
    mode: Option<SessionMode>,
    /// Log in as many users: a pattern like 'u%d:0-99', or a file with one `user` or `user:password` per line
    #[arg(long, value_name = "FILE|PATTERN", conflicts_with = "user", help_heading = "Load")]
    users: Option<String>,
    /// Maximum number of messages to download per session; with --fill, the number to write (default: 50)
    #[arg(long, value_name = "N", help_heading = "Load")]
    messages: Option<u32>,
    /// Use TLS, either after STLS or from the start
    #[arg(long, value_enum, default_value = "none", help_heading = "Load")]
    tls: TlsMode,
    /// Send up to 32 commands at once
    #[arg(long, help_heading = "Load")]
    pipeline: bool,
    /// Number of threads; one keeps up with most servers
    #[arg(
        long,
        value_name = "N",
        default_value = "1",
        value_parser = clap::value_parser!(u16).range(1..=256),
        help_heading = "Load"
    )]
    threads: u16,
    /// How long the server may stay silent
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds, help_heading = "Load")]
    timeout: Duration,

    /// Compare each message with this mbox or Maildir; %u stands for the user's name
    #[arg(long, value_name = "DIR", help_heading = "Checks")]
    verify: Option<String>,
    /// Do not check octet counts and line ends, and send no LIST before RETR
    #[arg(long, conflicts_with = "verify", help_heading = "Checks")]
    no_check: bool,

    /// Report CPU and memory of a local server: this process and its descendants
    #[arg(long, value_name = "PID", help_heading = "Report")]
    pid: Option<u32>,
    /// Print the summary as JSON
    #[arg(long, help_heading = "Report")]
    json: bool,
    /// Write an HTML page with plots
    #[arg(long, value_name = "FILE", help_heading = "Report")]
    html: Option<PathBuf>,

    /// Only make a mailbox, or with --users one per user below DIR; FORMAT is mbox or maildir
    #[arg(long, num_args = 2, value_names = ["FORMAT", "DIR"], help_heading = "Test mailboxes")]
    fill: Option<Vec<String>>,
    /// Seed: the same number always makes the same mailboxes
    #[arg(long, value_name = "N", default_value = "1", requires = "fill", help_heading = "Test mailboxes")]
    seed: u64,
    /// Median message size in octets
    #[arg(
        long,
        value_name = "OCTETS",
        default_value = "12000",
        requires = "fill",
        value_parser = clap::value_parser!(u32).range(500..=1_000_000),
        help_heading = "Test mailboxes"
    )]
    size: u32,

    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: (),
}

/// The command line, for programs that describe it.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the program.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.fill {
        Some(arguments) => fill(&cli, arguments),
        None => plan(cli).and_then(load),
    };
    match done {
        Ok(status) => status,
        Err(Error::Usage(text)) => Cli::command().error(ErrorKind::ValueValidation, text).exit(),
        Err(error) => {
            eprintln!("mpopd_test: {error}");
            ExitCode::FAILURE
        }
    }
}

fn load(plan: LoadPlan) -> Result<ExitCode, Error> {
    let summary = run::carry_out(plan)?;
    report::publish(&summary)?;
    Ok(if summary.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn fill(cli: &Cli, arguments: &[String]) -> Result<ExitCode, Error> {
    let [format, folder] = arguments else { return Err(Error::Usage("--fill FORMAT DIR".to_owned())) };
    let format = match format.as_str() {
        "mbox" => MailboxFormat::Mbox,
        "maildir" => MailboxFormat::Maildir,
        _ => return Err(Error::Usage(format!("--fill {format}: the format is mbox or maildir"))),
    };
    let users = cli.users.as_ref().map(|argument| users::parse(argument, "")).transpose().map_err(usage)?;
    let order = FillSpec { format, seed: cli.seed, messages: cli.messages.unwrap_or(50), median: cli.size };
    let filled = fill::fill(&order, folder.as_ref(), users.as_deref())?;
    println!("{filled}");
    Ok(ExitCode::SUCCESS)
}

fn plan(cli: Cli) -> Result<LoadPlan, Error> {
    let users = match (&cli.users, &cli.user) {
        (Some(argument), _) => users::parse(argument, &cli.password),
        (None, user) => users::user(user.as_deref().unwrap_or_default(), &cli.password)
            .map(|user| vec![user])
            .map_err(UsersError::NotSendable),
    };
    let users = users.map_err(usage)?;
    let load = cli.connections.is_some()
        || cli.rate.is_some()
        || cli.duration.is_some()
        || cli.count.is_some()
        || cli.mode.is_some();
    if !load && (cli.json || cli.html.is_some()) {
        let text = "--json and --html belong to a load test: say --duration, --count or --mode as well";
        return Err(Error::Usage(text.to_owned()));
    }
    let mode = cli.mode.unwrap_or(SessionMode::Login);
    if cli.verify.is_some() && !matches!(mode, SessionMode::Retr | SessionMode::Drain) {
        return Err(Error::Usage("--verify needs --mode retr or --mode drain".to_owned()));
    }
    if cli.no_check && mode == SessionMode::Drain {
        return Err(Error::Usage("--mode drain always checks: what it deletes is gone".to_owned()));
    }
    let connections = cli.connections.map(|connections| usize::try_from(connections).unwrap_or(usize::MAX));
    let pace = match cli.rate {
        Some(rate) => Pace::Open { rate, connections: connections.unwrap_or(OPEN_CONNECTIONS) },
        None => {
            let rest = if load { 0 } else { 1 };
            let pause = cli.interval.unwrap_or(Duration::from_secs(rest));
            Pace::Closed { connections: connections.unwrap_or(1), pause }
        }
    };
    let (duration, count) = match (cli.duration, cli.count) {
        (None, None) if !load => (None, None),
        (None, None) if mode == SessionMode::Drain => (None, Some(wide(users.len()))),
        (None, None) => (Some(Duration::from_secs(10)), None),
        limits => limits,
    };
    let port = match cli.tls {
        TlsMode::None | TlsMode::Stls => 110,
        TlsMode::Pop3s => 995,
    };
    Ok(LoadPlan {
        host: cli.host,
        port: cli.port.unwrap_or(port),
        users,
        mode,
        tls: cli.tls,
        pace,
        pipeline: cli.pipeline,
        check: !cli.no_check,
        messages: cli.messages,
        duration,
        count,
        patience: cli.timeout,
        give_up: load.then(|| wide(pace.connections().clamp(10, 100))),
        threads: usize::from(cli.threads),
        verify: cli.verify,
        pid: cli.pid,
        output: match load {
            true => ReportOutput::Summary { json: cli.json, html: cli.html },
            false => ReportOutput::Classic,
        },
    })
}

fn usage(error: UsersError) -> Error {
    Error::Usage(error.to_string())
}

/// Seconds, with or without a fraction: `90`, `0.5`.
fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds: f64 = text.parse().map_err(|_| "this is not a number of seconds")?;
    // A year is longer than any run, and short enough for every clock.
    match (0.0..=31_536_000.0).contains(&seconds) {
        true => Ok(Duration::from_secs_f64(seconds)),
        false => Err("this is not between 0 and a year of seconds"),
    }
}

fn rate(text: &str) -> Result<f64, &'static str> {
    let rate: f64 = text.parse().map_err(|_| "this is not a number")?;
    match (0.001..=1_000_000.0).contains(&rate) {
        true => Ok(rate),
        false => Err("this is not between 0.001 and 1000000 sessions per second"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(arguments: &str) -> Result<LoadPlan, String> {
        let words = std::iter::once("mpopd_test").chain(arguments.split_ascii_whitespace());
        let cli = Cli::try_parse_from(words).map_err(|error| error.to_string())?;
        plan(cli).map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_first_five_flags_are_those_of_the_original() {
        let plan = planned("-h mail.example.org -n 8110 -u alice -p secret -i 0.5").unwrap();
        assert_eq!(
            (plan.host.as_str(), plan.port, plan.mode),
            ("mail.example.org", 8110, SessionMode::Login)
        );
        assert_eq!(plan.users, [users::user("alice", "secret").unwrap()]);
        assert_eq!(plan.pace, Pace::Closed { connections: 1, pause: Duration::from_millis(500) });
        assert!(
            matches!(plan.output, ReportOutput::Classic) && plan.duration.is_none() && plan.count.is_none()
        );
        let plan = planned("-u alice").unwrap();
        assert_eq!(plan.pace, Pace::Closed { connections: 1, pause: Duration::from_secs(1) });
        assert_eq!((plan.host.as_str(), plan.port), ("localhost", 110));
    }

    #[test]
    fn a_load_test_ends_by_itself() {
        let ten = Some(Duration::from_secs(10));
        assert_eq!(planned("-u a --connections 5").unwrap().duration, ten);
        assert_eq!(planned("-u a --rate 5").unwrap().duration, ten);
        assert_eq!(planned("-u a --count 5").unwrap().duration, None);
        let drain = planned("--users u%d:1-7 --mode drain").unwrap();
        assert_eq!((drain.duration, drain.count), (None, Some(7)));
    }

    #[test]
    fn ports_follow_tls() {
        assert_eq!(planned("-u a --tls pop3s").unwrap().port, 995);
        assert_eq!(planned("-u a --tls stls").unwrap().port, 110);
        assert_eq!(planned("-u a --tls pop3s -n 8995").unwrap().port, 8995);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (arguments, says) in [
            ("", "--user"),
            ("-u a --users u%d:0-1", "cannot be used with"),
            ("-u a --json", "--duration"),
            ("-u a --verify /x", "--mode retr"),
            ("-u a --mode drain --no-check", "always checks"),
            ("-u a --rate 0", "0.001"),
            ("-u a --rate 5 -i 1", "cannot be used with"),
            ("-u a --duration=-1", "a year"),
            ("-u a --connections 0", "--connections"),
            ("--users /nonexistent", "pattern"),
        ] {
            let error = planned(arguments).unwrap_err();
            assert!(error.contains(says), "{arguments}: {error}");
        }
    }
}
