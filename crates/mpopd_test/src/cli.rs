//! The command line, and the exit status: 0 done, 1 something failed, 2 wrong usage.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgAction, CommandFactory, Parser, ValueEnum};

use crate::fill::{self, Fill, Format};
use crate::plan::{Mode, Output, Pace, Plan, Tls};
use crate::{net, report, run, users};

/// Connections of `--rate` when --connections does not say.
const OPEN_CONNECTIONS: usize = 1000;

/// Tries a POP3 server: connects, logs in and quits again and again, with a running count, until Ctrl-C.
///
/// With any of --connections, --rate, --count, --duration or --mode it is a load test that checks what it downloads and
/// prints a summary. Certificates are not checked.
#[derive(Debug, Parser)]
#[command(name = "mpopd_test", version, disable_help_flag = true)]
struct Cli {
    /// The server's name or address
    #[arg(short = 'h', long, value_name = "HOST", default_value = "localhost")]
    host: String,
    /// Its port; without it 110, or 995 with --tls pop3s
    #[arg(short = 'n', long, value_name = "PORT")]
    port: Option<u16>,
    /// Log in as this user
    #[arg(short = 'u', long, value_name = "USER", required_unless_present_any = ["users", "fill"])]
    user: Option<String>,
    /// The password, of all users that have no other
    #[arg(short = 'p', long, value_name = "PASSWORD", default_value = "", hide_default_value = true)]
    password: String,
    /// Rest between two sessions of a connection; without it 1, or 0 in a load test
    #[arg(short = 'i', long, value_name = "SECONDS", value_parser = seconds, conflicts_with = "rate")]
    interval: Option<Duration>,

    /// So many connections at a time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Load")]
    connections: Option<u32>,
    /// Begin so many sessions a second, whatever the server does; times count from when a session was due
    #[arg(long, value_name = "R", value_parser = rate, help_heading = "Load")]
    rate: Option<f64>,
    /// Begin sessions for so many seconds; without it and --count 10, in drain mode until all users had a session
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = "Load")]
    duration: Option<Duration>,
    /// Begin so many sessions
    #[arg(long, value_name = "N", help_heading = "Load")]
    count: Option<u64>,
    /// What a session does
    #[arg(long, value_enum, help_heading = "Load")]
    mode: Option<Mode>,
    /// Many users: a pattern like 'u%d:0-99', or a file with a line `user` or `user:password` each
    #[arg(long, value_name = "FILE|PATTERN", conflicts_with = "user", help_heading = "Load")]
    users: Option<String>,
    /// Download at most so many messages a session; with --fill, write so many
    #[arg(long, value_name = "N", help_heading = "Load")]
    messages: Option<u32>,
    /// Speak TLS: after STLS, or from the start
    #[arg(long, value_enum, default_value = "none", help_heading = "Load")]
    tls: TlsChoice,
    /// Send up to 32 commands at a time
    #[arg(long, help_heading = "Load")]
    pipeline: bool,
    /// Threads; one keeps up with most servers
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Load")]
    threads: u16,
    /// How long the server may be silent
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds, help_heading = "Load")]
    timeout: Duration,

    /// Compare each message with this mbox or Maildir; %u stands for the user's name
    #[arg(long, value_name = "DIR", help_heading = "Checks")]
    verify: Option<String>,
    /// Take messages as they come: no octet counts, no line ends, no LIST before RETR
    #[arg(long, conflicts_with = "verify", help_heading = "Checks")]
    no_check: bool,

    /// Tell the CPU and memory of a local server: this process and its descendants
    #[arg(long, value_name = "PID", help_heading = "Report")]
    pid: Option<u32>,
    /// Print the summary as JSON
    #[arg(long, help_heading = "Report")]
    json: bool,
    /// Write a page with plots
    #[arg(long, value_name = "FILE", help_heading = "Report")]
    html: Option<PathBuf>,

    /// Make a mailbox, or with --users one for each user below DIR, and end; FORMAT is mbox or maildir
    #[arg(long, num_args = 2, value_names = ["FORMAT", "DIR"], help_heading = "Mailboxes to try with")]
    fill: Option<Vec<String>>,
    /// The same number makes the same mailboxes
    #[arg(
        long,
        value_name = "N",
        default_value = "1",
        requires = "fill",
        help_heading = "Mailboxes to try with"
    )]
    seed: u64,
    /// Half of the messages are smaller than this, in octets
    #[arg(long, value_name = "OCTETS", default_value = "12000", requires = "fill", value_parser = clap::value_parser!(u32).range(500..=1_000_000), help_heading = "Mailboxes to try with")]
    size: u32,

    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: (),
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TlsChoice {
    None,
    Stls,
    Pop3s,
}

/// The command line, for those who describe it.
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
        Err(Failure::Usage(text)) => Cli::command().error(ErrorKind::ValueValidation, text).exit(),
        Err(Failure::Failed(text)) => {
            eprintln!("mpopd_test: {text}");
            ExitCode::FAILURE
        }
    }
}

enum Failure {
    Usage(String),
    Failed(String),
}

fn load(plan: Plan) -> Result<ExitCode, Failure> {
    let summary = run::run(plan).map_err(Failure::Failed)?;
    report::publish(&summary).map_err(Failure::Failed)?;
    Ok(if summary.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn fill(cli: &Cli, arguments: &[String]) -> Result<ExitCode, Failure> {
    let [format, folder] = arguments else { return Err(Failure::Usage("--fill FORMAT DIR".to_owned())) };
    let format = match format.as_str() {
        "mbox" => Format::Mbox,
        "maildir" => Format::Maildir,
        _ => return Err(Failure::Usage(format!("--fill {format}: the format is mbox or maildir"))),
    };
    let users =
        cli.users.as_ref().map(|argument| users::parse(argument, "")).transpose().map_err(Failure::Usage)?;
    let order = Fill { format, seed: cli.seed, messages: cli.messages.unwrap_or(50), median: cli.size };
    let filled = fill::fill(&order, folder.as_ref(), users.as_deref()).map_err(Failure::Failed)?;
    println!("{filled}");
    Ok(ExitCode::SUCCESS)
}

fn plan(cli: Cli) -> Result<Plan, Failure> {
    let users = match (&cli.users, &cli.user) {
        (Some(argument), _) => users::parse(argument, &cli.password),
        (None, user) => {
            users::user(user.as_deref().unwrap_or_default(), &cli.password).map(|user| vec![user])
        }
    };
    let users = users.map_err(Failure::Usage)?;
    let load = cli.connections.is_some()
        || cli.rate.is_some()
        || cli.duration.is_some()
        || cli.count.is_some()
        || cli.mode.is_some();
    if !load && (cli.json || cli.html.is_some()) {
        let text = "--json and --html belong to a load test: say --duration, --count or --mode as well";
        return Err(Failure::Usage(text.to_owned()));
    }
    let mode = cli.mode.unwrap_or(Mode::Login);
    if cli.verify.is_some() && !matches!(mode, Mode::Retr | Mode::Drain) {
        return Err(Failure::Usage("--verify needs --mode retr or --mode drain".to_owned()));
    }
    if cli.no_check && mode == Mode::Drain {
        return Err(Failure::Usage("--mode drain always checks: what it deletes is gone".to_owned()));
    }
    let connections = cli.connections.map(|connections| connections as usize);
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
        (None, None) if mode == Mode::Drain => (None, Some(users.len() as u64)),
        (None, None) => (Some(Duration::from_secs(10)), None),
        limits => limits,
    };
    let connector = || net::connector().map_err(Failure::Failed);
    let (tls, port) = match cli.tls {
        TlsChoice::None => (Tls::None, 110),
        TlsChoice::Stls => (Tls::Stls(connector()?), 110),
        TlsChoice::Pop3s => (Tls::Pop3s(connector()?), 995),
    };
    Ok(Plan {
        host: cli.host,
        port: cli.port.unwrap_or(port),
        users,
        mode,
        tls,
        pace,
        pipeline: cli.pipeline,
        check: !cli.no_check,
        messages: cli.messages,
        duration,
        count,
        patience: cli.timeout,
        give_up: load.then(|| pace.connections().clamp(10, 100) as u64),
        threads: usize::from(cli.threads),
        verify: cli.verify,
        pid: cli.pid,
        output: match load {
            true => Output::Summary { json: cli.json, html: cli.html },
            false => Output::Classic,
        },
    })
}

/// Seconds, with a fraction or not; `90`, `0.5`.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "this is no number of seconds".to_owned())?;
    // A year is longer than any run, and short enough for every clock.
    match (0.0..=31_536_000.0).contains(&seconds) {
        true => Ok(Duration::from_secs_f64(seconds)),
        false => Err("this is not between 0 and a year of seconds".to_owned()),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "this is no number".to_owned())?;
    match (0.001..=1_000_000.0).contains(&rate) {
        true => Ok(rate),
        false => Err("this is not between 0.001 and 1000000 sessions a second".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(arguments: &str) -> Result<Plan, String> {
        let words = std::iter::once("mpopd_test").chain(arguments.split_ascii_whitespace());
        let cli = Cli::try_parse_from(words).map_err(|error| error.to_string())?;
        plan(cli).map_err(|failure| match failure {
            Failure::Usage(text) | Failure::Failed(text) => text,
        })
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_first_five_flags_are_those_of_the_original() {
        let plan = planned("-h mail.example.org -n 8110 -u alice -p secret -i 0.5").unwrap();
        assert_eq!((plan.host.as_str(), plan.port, plan.mode), ("mail.example.org", 8110, Mode::Login));
        assert_eq!(plan.users, [users::user("alice", "secret").unwrap()]);
        assert_eq!(plan.pace, Pace::Closed { connections: 1, pause: Duration::from_millis(500) });
        assert!(matches!(plan.output, Output::Classic) && plan.duration.is_none() && plan.count.is_none());
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
