//! The program mpopd: finding it and running it.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};

use crate::error::CtlError;

/// `mpopdctl check`: the output of `mpopd -t`, and whether it succeeds.
pub(crate) fn check(config: &Path) -> Result<ExitCode, CtlError> {
    let status = run(["-t".as_ref(), "-c".as_ref(), config.as_os_str()])?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The same, but prints only errors.
///
/// # Errors
///
/// The configuration is wrong.
pub(crate) fn check_quietly(config: &Path) -> Result<(), CtlError> {
    let checked = command(["-t".as_ref(), "-c".as_ref(), config.as_os_str()]).output().map_err(cannot_run)?;
    if checked.status.success() {
        return Ok(());
    }
    std::io::stderr().write_all(&checked.stderr)?;
    Err("the configuration has errors; mpopd was not told, and stays as it is".into())
}

/// Runs mpopd with these arguments and waits for its end. It prints to our output.
///
/// # Errors
///
/// It cannot be run.
pub(crate) fn run(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<ExitStatus, CtlError> {
    command(arguments).status().map_err(cannot_run)
}

fn command(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(path());
    command.args(arguments);
    command
}

fn cannot_run(error: std::io::Error) -> CtlError {
    format!("cannot run {}: {error}; install it beside mpopdctl or in PATH", path().display()).into()
}

/// The mpopd beside this program, or else the one in PATH.
fn path() -> PathBuf {
    let beside = std::env::current_exe().ok().map(|own| own.with_file_name("mpopd"));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| PathBuf::from("mpopd"))
}
