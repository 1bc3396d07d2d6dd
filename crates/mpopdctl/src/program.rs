//! The program mpopd: finding it and running it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};

use crate::failure::Failure;

/// `mpopdctl check`: what `mpopd -t` says, and its exit status.
pub(crate) fn check(config: &Path) -> Result<ExitCode, Failure> {
    let status = run(["-t".as_ref(), "-c".as_ref(), config.as_os_str()])?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs mpopd with these arguments and waits for its end. What it says is said here.
///
/// # Errors
///
/// It cannot be run.
pub(crate) fn run<'a>(arguments: impl IntoIterator<Item = &'a OsStr>) -> Result<ExitStatus, Failure> {
    let program = path();
    Command::new(&program).args(arguments).status().map_err(|error| {
        format!("cannot run {}: {error}; install it beside mpopdctl or in PATH", program.display()).into()
    })
}

/// The one that was installed together with this program; else whichever PATH has.
fn path() -> PathBuf {
    let beside = std::env::current_exe().ok().map(|own| own.with_file_name("mpopd"));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| PathBuf::from("mpopd"))
}
