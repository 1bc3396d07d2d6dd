//! The program mpopd: finding it and running it.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};

use crate::failure::Failure;

/// `mpopdctl check`: what `mpopd -t` says, and its exit status.
pub(crate) fn check(config: &Path) -> Result<ExitCode, Failure> {
    let status = run(["-t".as_ref(), "-c".as_ref(), config.as_os_str()])?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The same, which says something only where there is a fault.
///
/// # Errors
///
/// There is.
pub(crate) fn check_quietly(config: &Path) -> Result<(), Failure> {
    let checked = command(["-t".as_ref(), "-c".as_ref(), config.as_os_str()]).output().map_err(cannot_run)?;
    if checked.status.success() {
        return Ok(());
    }
    std::io::stderr().write_all(&checked.stderr)?;
    Err("the configuration has faults; mpopd was not told, and stays as it is".into())
}

/// Runs mpopd with these arguments and waits for its end. What it says is said here.
///
/// # Errors
///
/// It cannot be run.
pub(crate) fn run(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<ExitStatus, Failure> {
    command(arguments).status().map_err(cannot_run)
}

fn command(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(path());
    command.args(arguments);
    command
}

fn cannot_run(error: std::io::Error) -> Failure {
    format!("cannot run {}: {error}; install it beside mpopdctl or in PATH", path().display()).into()
}

/// The one that was installed together with this program; else whichever PATH has.
fn path() -> PathBuf {
    let beside = std::env::current_exe().ok().map(|own| own.with_file_name("mpopd"));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| PathBuf::from("mpopd"))
}
