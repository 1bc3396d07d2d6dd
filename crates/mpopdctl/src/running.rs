//! The daemon that runs, as its pid file names it.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use sys::pid_file::{self, PidFileContent};

use crate::failure::Failure;

/// A daemon that lives, or did a moment ago: never another process that has got its number since.
pub(crate) struct Running {
    pub(crate) pid: Pid,
    /// The port in the pid file's second line.
    pub(crate) port: Option<u16>,
    process: OwnedFd,
}

/// What the pid file says.
pub(crate) enum State {
    /// There is none.
    Absent,
    /// A daemon that was killed left it behind.
    Stale,
    Running(Running),
}

/// Finds the daemon of this pid file.
///
/// # Errors
///
/// The file cannot be read, or the daemon is in the middle of its start.
pub(crate) fn find(file: &Path) -> Result<State, Failure> {
    let shown = file.display();
    let read = || pid_file::read(file).map_err(|error| format!("{shown}: {error}"));
    let Some(found) = read()? else { return Ok(State::Absent) };
    let PidFileContent { pid, port, held } = found;
    if !held {
        return Ok(State::Stale);
    }
    let Some(pid) = pid else {
        return Err(format!("{shown}: mpopd is just starting; try again").into());
    };
    let process = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(process) => process,
        Err(Errno::SRCH) => return Ok(State::Stale),
        Err(errno) => return Err(format!("process {}: {errno}", pid.as_raw_nonzero()).into()),
    };
    // The lock that is still held says that the process just opened is the daemon, not its successor in that number.
    match read()? {
        Some(again) if again.held && again.pid == Some(pid) => {
            Ok(State::Running(Running { pid, port, process }))
        }
        _ => Err(format!("{shown}: mpopd was just stopped or started; try again").into()),
    }
}

/// The daemon of this pid file, which must run.
///
/// # Errors
///
/// It does not; or as for [`find`].
pub(crate) fn require(file: &Path) -> Result<Running, Failure> {
    match find(file)? {
        State::Running(running) => Ok(running),
        State::Absent => Err(format!("mpopd is not running: there is no {}", file.display()).into()),
        State::Stale => {
            Err(format!("mpopd is not running: {} was left by one that was killed", file.display()).into())
        }
    }
}

impl Running {
    /// Sends a signal to the supervisor.
    ///
    /// # Errors
    ///
    /// It is gone, or this user may not.
    pub(crate) fn signal(&self, signal: Signal) -> Result<(), Failure> {
        pidfd_send_signal(&self.process, signal).map_err(|errno| {
            let advice = if errno == Errno::PERM { "; run this as root" } else { "" };
            format!("cannot signal mpopd, process {}: {errno}{advice}", self.pid.as_raw_nonzero()).into()
        })
    }

    /// Waits until the process is gone. Returns whether it is, after `patience` at the latest.
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
