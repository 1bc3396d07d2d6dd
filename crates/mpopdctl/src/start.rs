//! `mpopdctl start`, `stop` and `restart`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use config::Places;
use rustix::process::Signal;

use crate::error::CtlError;
use crate::program;
use crate::running::{self, DaemonState, RunningDaemon};

/// How long the daemon may take to end: it informs clients and completes commits under way.
const PATIENCE: Duration = Duration::from_secs(120);

/// How to start the daemon.
pub(crate) struct StartOptions<'a> {
    pub(crate) config: &'a Path,
    /// Whether to remove a pid file that a killed daemon left behind.
    pub(crate) force: bool,
    /// The port to use instead of the one in the file.
    pub(crate) port: Option<u16>,
}

/// Starts the daemon. On success it accepts connections when this returns.
pub(crate) fn start(options: &StartOptions<'_>) -> Result<ExitCode, CtlError> {
    let file = pid_file(options.config)?;
    match running::find(&file)? {
        DaemonState::Absent => {}
        DaemonState::Running(daemon) => {
            let pid = daemon.pid.as_raw_nonzero();
            return Err(format!("mpopd is running already, process {pid}; see mpopdctl status").into());
        }
        DaemonState::Stale if options.force => std::fs::remove_file(&file)
            .map_err(|error| format!("{} cannot be removed: {error}", file.display()))?,
        DaemonState::Stale => {
            return Err(
                format!("{} was left by a mpopd that was killed; -f removes it", file.display()).into()
            );
        }
    }
    launch(options.config, options.port, &file)
}

/// Ends the daemon and waits until it is gone.
pub(crate) fn stop(config: &Path) -> Result<ExitCode, CtlError> {
    end(&running::require(&pid_file(config)?)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Ends the daemon if it is running, and starts it on the port that it had.
pub(crate) fn restart(options: &StartOptions<'_>) -> Result<ExitCode, CtlError> {
    let file = pid_file(options.config)?;
    let DaemonState::Running(daemon) = running::find(&file)? else { return start(options) };
    // Checked first: with a wrong configuration the daemon could not start again.
    let port_of_file = config::load(options.config, rustix::process::geteuid().as_raw())?.config.port;
    program::check_quietly(options.config)?;
    end(&daemon)?;
    // Passed only if it differs: a later refresh follows the file.
    let port = options.port.or(daemon.port.filter(|port| *port != port_of_file));
    launch(options.config, port, &file)
}

fn end(daemon: &RunningDaemon) -> Result<(), CtlError> {
    daemon.signal(Signal::TERM)?;
    if !daemon.await_end(PATIENCE) {
        let (pid, seconds) = (daemon.pid.as_raw_nonzero(), PATIENCE.as_secs());
        return Err(format!("mpopd, process {pid}, has not ended within {seconds} s; see its log").into());
    }
    println!("mpopd halted");
    Ok(())
}

/// Runs mpopd, which detaches itself. Its first process ends when the daemon accepts connections or has
/// failed.
fn launch(config: &Path, port: Option<u16>, pid_file: &Path) -> Result<ExitCode, CtlError> {
    let mut arguments = vec![OsString::from("-c"), config.into()];
    arguments.extend(port.map(|port| port.to_string().into()));
    if !program::run(&arguments)?.success() {
        return Ok(ExitCode::FAILURE); // it has reported why
    }
    match running::require(pid_file)?.port {
        Some(port) => println!("mpopd started on port {port}"),
        None => return Err(format!("{} names no port", pid_file.display()).into()),
    }
    Ok(ExitCode::SUCCESS)
}

fn pid_file(config: &Path) -> Result<PathBuf, CtlError> {
    let Places { pid_file, .. } = config::places(config, rustix::process::geteuid().as_raw())?;
    Ok(pid_file)
}
