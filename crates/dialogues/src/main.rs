//! `dialogues`: plays scripts against a server.
#![forbid(unsafe_code)]

use std::process::{Command, ExitCode};

use dialogues::{Account, Played, Script, play};

const USAGE: &str = "usage: dialogues [--before COMMAND] HOST PORT USER PASSWORD SCRIPT...\n\
                     COMMAND is run by sh before each script: it puts the mailbox back as it was.";

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
    let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let account = Account { address, user: user.clone(), password: password.clone() };
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
    println!("{kept} of {} dialogues as they should be, {left_out} left out", scripts.len());
    if failed == 0 && !scripts.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Puts the mailbox back, and plays one script.
fn played(path: &str, before: Option<&str>, account: &Account) -> Result<Played, String> {
    if let Some(command) = before {
        let status = Command::new("sh").args(["-c", command]).status();
        let status = status.map_err(|error| format!("--before: {error}"))?;
        if !status.success() {
            return Err(format!("--before ended with {status}"));
        }
    }
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let script = Script::parse(&text).map_err(|error| error.to_string())?;
    play(&script, account).map_err(|failure| failure.to_string())
}
