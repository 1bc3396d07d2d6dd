//! The running daemon, found by its pid file.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use sys::pid_file::{self, PidFileContent};

use crate::error::CtlError;

/// A daemon that is running, or was a moment ago. Never another process that has got its pid since.
pub(crate) struct RunningDaemon {
    pub(crate) pid: Pid,
    /// The port in the second line of the pid file.
    pub(crate) port: Option<u16>,
    process: OwnedFd,
}

/// What the pid file shows.
pub(crate) enum DaemonState {
    /// There is no pid file.
    Absent,
    /// A daemon that was killed left it behind.
    Stale,
    Running(RunningDaemon),
}

/// Finds the daemon of this pid file.
///
/// # Errors
///
/// The file cannot be read, or the daemon is in the middle of its start.
pub(crate) fn find(file: &Path) -> Result<DaemonState, CtlError> {
    let shown = file.display();
    let read = || pid_file::read(file).map_err(|error| format!("{shown}: {error}"));
    let Some(found) = read()? else { return Ok(DaemonState::Absent) };
    let PidFileContent { pid, port, held } = found;
    if !held {
        return Ok(DaemonState::Stale);
    }
    let Some(pid) = pid else {
        return Err(format!("{shown}: mpopd is just starting; try again").into());
    };
    let process = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(process) => process,
        Err(Errno::SRCH) => return Ok(DaemonState::Stale),
        Err(errno) => return Err(format!("process {}: {errno}", pid.as_raw_nonzero()).into()),
    };
    // The lock is still held, so the process that we opened is the daemon and not a later one with its pid.
    match read()? {
        Some(again) if again.held && again.pid == Some(pid) => {
            Ok(DaemonState::Running(RunningDaemon { pid, port, process }))
        }
        _ => Err(format!("{shown}: mpopd was just stopped or started; try again").into()),
    }
}

/// Finds the daemon of this pid file, which must be running.
///
/// # Errors
///
/// It is not running; or as for [`find`].
pub(crate) fn require(file: &Path) -> Result<RunningDaemon, CtlError> {
    match find(file)? {
        DaemonState::Running(running) => Ok(running),
        DaemonState::Absent => Err(format!("mpopd is not running: there is no {}", file.display()).into()),
        DaemonState::Stale => {
            Err(format!("mpopd is not running: {} was left by one that was killed", file.display()).into())
        }
    }
}

impl RunningDaemon {
    /// Sends a signal to the supervisor.
    ///
    /// # Errors
    ///
    /// It is gone, or this user may not signal it.
    pub(crate) fn signal(&self, signal: Signal) -> Result<(), CtlError> {
        pidfd_send_signal(&self.process, signal).map_err(|errno| {
            let advice = if errno == Errno::PERM { "; run this as root" } else { "" };
            format!("cannot signal mpopd, process {}: {errno}{advice}", self.pid.as_raw_nonzero()).into()
        })
    }

    /// Waits until the process is gone, at most for `patience`. Returns whether it is gone.
    pub(crate) fn await_end(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let mut polled = [PollFd::new(&self.process, PollFlags::IN)];
            match rustix::event::poll(&mut polled, Timespec::try_from(left).ok().as_ref()) {
                Ok(0) => return false,
                Ok(_) => return true,
                Err(Errno::INTR) => {}
                Err(_) => return false,
            }
        }
    }
}
