//! `mpopdctl -e config`: edits the configuration, checks it, and reloads it on request.

use std::io::{self, BufRead, Write};
use std::path::Path;
use std::process::{Command, ExitCode};

use ipc::control::ReloadKind;

use crate::error::CtlError;
use crate::{program, reread};

/// Lets the user edit the file, and asks before reloading.
pub(crate) fn run(config: &Path) -> Result<ExitCode, CtlError> {
    edit(config)?;
    program::check_quietly(config)?;
    match confirmed()? {
        true => reread::run(config, ReloadKind::Config),
        false => Ok(ExitCode::SUCCESS),
    }
}

fn edit(config: &Path) -> Result<(), CtlError> {
    let chosen = |name| std::env::var(name).ok().filter(|editor| !editor.trim().is_empty());
    let editor = chosen("VISUAL").or_else(|| chosen("EDITOR")).unwrap_or_else(|| "vi".to_owned());
    // Runs a shell, since these variables may contain options.
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

/// Asks until there is an answer. End of input means no.
fn confirmed() -> Result<bool, CtlError> {
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
