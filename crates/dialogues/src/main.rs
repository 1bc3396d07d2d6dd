//! `dialogues`: plays scripts against a server.
#![forbid(unsafe_code)]

use std::fmt;
use std::io;
use std::process::{Command, ExitCode, ExitStatus};

use dialogues::{BadScript, Played, Script, ScriptFailure, play};
use pop3_client::blocking::TestAccount;

const USAGE: &str = "usage: dialogues [--before COMMAND] HOST PORT USER PASSWORD SCRIPT...\n\
                     Before each script, sh runs COMMAND, which restores the mailbox.";

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let before = match arguments.first().map(String::as_str) {
        Some("--before") if arguments.len() > 1 => {
            arguments.remove(0);
            Some(arguments.remove(0))
        }
        _ => None,
    };
    let [host, port, user, password, scripts @ ..] = arguments.as_slice() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let Ok(port) = port.parse() else {
        eprintln!("dialogues: {port} is not a port\n{USAGE}");
        return ExitCode::from(2);
    };
    let account = TestAccount { host: host.clone(), port, user: user.clone(), password: password.clone() };
    let mut left_out = 0;
    let mut failed = 0;
    for path in scripts {
        match played(path, before.as_deref(), &account) {
            Ok(Played::Whole) => {}
            Ok(Played::LeftOut(capability)) => {
                left_out += 1;
                println!("{path}: left out, CAPA has no {capability}");
            }
            Err(why) => {
                failed += 1;
                println!("{path}: {why}");
            }
        }
    }
    let kept = scripts.len() - failed - left_out;
    println!("{kept} of {} dialogues as expected, {left_out} left out", scripts.len());
    if failed == 0 && !scripts.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Puts the mailbox back, and plays one script.
fn played(path: &str, before: Option<&str>, account: &TestAccount) -> Result<Played, NotPlayed> {
    if let Some(command) = before {
        let status = Command::new("sh").args(["-c", command]).status().map_err(NotPlayed::NoShell)?;
        if !status.success() {
            return Err(NotPlayed::BeforeFailed(status));
        }
    }
    let text = std::fs::read_to_string(path).map_err(NotPlayed::Unreadable)?;
    let script = Script::parse(&text).map_err(NotPlayed::BadScript)?;
    play(&script, account).map_err(NotPlayed::Failed)
}

/// Why a script was not played to its end.
#[derive(Debug)]
enum NotPlayed {
    NoShell(io::Error),
    BeforeFailed(ExitStatus),
    Unreadable(io::Error),
    BadScript(BadScript),
    Failed(ScriptFailure),
}

impl fmt::Display for NotPlayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoShell(error) => write!(f, "--before: {error}"),
            Self::BeforeFailed(status) => write!(f, "--before ended with {status}"),
            Self::Unreadable(error) => error.fmt(f),
            Self::BadScript(bad) => bad.fmt(f),
            Self::Failed(failure) => failure.fmt(f),
        }
    }
}
