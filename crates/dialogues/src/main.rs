//! `dialogues`: plays scripts against a server.
#![forbid(unsafe_code)]

use std::process::{Command, ExitCode};

use dialogues::{Account, Script, play};

const USAGE: &str = "usage: dialogues [--before COMMAND] HOST:PORT USER PASSWORD SCRIPT...\n\
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
    let [address, user, password, scripts @ ..] = arguments.as_slice() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let account = Account { address: address.clone(), user: user.clone(), password: password.clone() };
    let failed = scripts.iter().filter(|path| !passes(path, before.as_deref(), &account)).count();
    println!("{} of {} dialogues as they should be", scripts.len() - failed, scripts.len());
    if failed == 0 && !scripts.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn passes(path: &str, before: Option<&str>, account: &Account) -> bool {
    if let Some(command) = before {
        match Command::new("sh").args(["-c", command]).status() {
            Ok(status) if status.success() => {}
            Ok(status) => {
                println!("{path}: --before ended with {status}");
                return false;
            }
            Err(error) => {
                println!("{path}: --before: {error}");
                return false;
            }
        }
    }
    let played = std::fs::read_to_string(path)
        .map_err(|error| error.to_string())
        .and_then(|text| Script::parse(&text).map_err(|error| error.to_string()))
        .and_then(|script| play(&script, account).map_err(|failure| failure.to_string()));
    match played {
        Ok(()) => true,
        Err(why) => {
            println!("{path}: {why}");
            false
        }
    }
}
