//! `mpopdctl -e config`: edits the configuration, checks it, and has it read again if that is wanted.

use std::io::{self, BufRead, Write};
use std::path::Path;
use std::process::{Command, ExitCode};

use ipc::control::ReloadKind;

use crate::failure::Failure;
use crate::{program, reread};

/// Lets the user edit the file, and asks before the daemon is told.
pub(crate) fn run(config: &Path) -> Result<ExitCode, Failure> {
    edit(config)?;
    program::check_quietly(config)?;
    match confirmed()? {
        true => reread::run(config, ReloadKind::Config),
        false => Ok(ExitCode::SUCCESS),
    }
}

fn edit(config: &Path) -> Result<(), Failure> {
    let chosen = |name| std::env::var(name).ok().filter(|editor| !editor.trim().is_empty());
    let editor = chosen("VISUAL").or_else(|| chosen("EDITOR")).unwrap_or_else(|| "vi".to_owned());
    // By a shell, since these variables may hold options too.
    let status = Command::new("/bin/sh")
        .args(["-c", &format!("exec {editor} \"$1\""), "sh"])
        .arg(config)
        .status()
        .map_err(|error| format!("the editor {editor} cannot be run: {error}"))?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("the editor {editor} failed, {status}; mpopd was not told").into()),
    }
}

/// Asks until there is an answer. The end of the input is a no.
fn confirmed() -> Result<bool, Failure> {
    let mut answers = io::stdin().lock();
    loop {
        print!("Re-read the config file now [y/n]? ");
        io::stdout().flush()?;
        let mut answer = String::new();
        if answers.read_line(&mut answer).map_err(|error| format!("no answer: {error}"))? == 0 {
            println!();
            return Ok(false);
        }
        match answer.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => return Ok(true),
            "n" | "no" => return Ok(false),
            _ => {}
        }
    }
}
