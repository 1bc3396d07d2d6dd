//! `mpopdctl start`, `stop` and `restart`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use config::Places;
use rustix::process::Signal;

use crate::failure::Failure;
use crate::program;
use crate::running::{self, Running, State};

/// How long the daemon may take for its end: farewells, and commits under way.
const PATIENCE: Duration = Duration::from_secs(120);

/// How to start.
pub(crate) struct How<'a> {
    pub(crate) config: &'a Path,
    /// A pid file that a killed daemon left is removed.
    pub(crate) force: bool,
    /// In place of the file's.
    pub(crate) port: Option<u16>,
}

/// Starts the daemon. When this returns with success, it accepts connections.
pub(crate) fn start(how: &How<'_>) -> Result<ExitCode, Failure> {
    let file = pid_file(how.config)?;
    match running::find(&file)? {
        State::Absent => {}
        State::Running(daemon) => {
            let pid = daemon.pid.as_raw_nonzero();
            return Err(format!("mpopd is running already, process {pid}; see mpopdctl status").into());
        }
        State::Stale if how.force => std::fs::remove_file(&file)
            .map_err(|error| format!("{} cannot be removed: {error}", file.display()))?,
        State::Stale => {
            return Err(
                format!("{} was left by a mpopd that was killed; -f removes it", file.display()).into()
            );
        }
    }
    launch(how.config, how.port, &file)
}

/// Ends the daemon and waits until it is gone.
pub(crate) fn stop(config: &Path) -> Result<ExitCode, Failure> {
    end(&running::require(&pid_file(config)?)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Ends the daemon, if it runs, and starts it on the port that it had.
pub(crate) fn restart(how: &How<'_>) -> Result<ExitCode, Failure> {
    let file = pid_file(how.config)?;
    let State::Running(daemon) = running::find(&file)? else { return start(how) };
    // Not one connection is lost to a configuration with which it could not come back.
    let port_of_file = config::load(how.config, rustix::process::geteuid().as_raw())?.config.port;
    program::check_quietly(how.config)?;
    end(&daemon)?;
    // Told only where it differs: a later refresh follows the file.
    let port = how.port.or(daemon.port.filter(|port| *port != port_of_file));
    launch(how.config, port, &file)
}

fn end(daemon: &Running) -> Result<(), Failure> {
    daemon.signal(Signal::TERM)?;
    if !daemon.await_end(PATIENCE) {
        let (pid, seconds) = (daemon.pid.as_raw_nonzero(), PATIENCE.as_secs());
        return Err(format!("mpopd, process {pid}, has not ended within {seconds} s; see its log").into());
    }
    println!("mpopd halted");
    Ok(())
}

/// The program itself detaches, and its first process ends when the daemon accepts connections or has failed.
fn launch(config: &Path, port: Option<u16>, pid_file: &Path) -> Result<ExitCode, Failure> {
    let mut arguments = vec![OsString::from("-c"), config.into()];
    arguments.extend(port.map(|port| port.to_string().into()));
    if !program::run(&arguments)?.success() {
        return Ok(ExitCode::FAILURE); // it has said why
    }
    match running::require(pid_file)?.port {
        Some(port) => println!("mpopd started on port {port}"),
        None => return Err(format!("{} names no port", pid_file.display()).into()),
    }
    Ok(ExitCode::SUCCESS)
}

fn pid_file(config: &Path) -> Result<PathBuf, Failure> {
    let Places { pid_file, .. } = config::places(config, rustix::process::geteuid().as_raw())?;
    Ok(pid_file)
}
