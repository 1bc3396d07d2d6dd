//! The program `mpopd-directory`: what to run, and a trial run with the settings.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use config::Config;
use ipc::directory::{DirectorySettings, FromDirectory, ToDirectory};
use ipc::receive;
use ipc::wire::{self, Wait};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, Signal};
use sys::memfd::{self, Mapping};
use sys::seqpacket;
use zeroize::Zeroizing;

use super::identity;
use crate::error::StartError;
use crate::process::child::{self, Identity, ProcessRole};
use crate::process::sandbox::Sandbox;

/// How long the program may take to read its settings. It waits for no server meanwhile.
const START_TIME: Duration = Duration::from_secs(10);

/// The program to run.
pub(crate) struct DirectoryProgram {
    path: PathBuf,
    identity: Identity,
    /// The first message, in memory that is mapped only while it is sent: no other role inherits a database's
    /// password.
    setup: OwnedFd,
}

/// A program that does not become ready.
#[derive(Debug)]
enum NotReady {
    /// It reports an error in its settings.
    Reported(String),
    /// It ended without a report.
    Ended,
    /// It takes too long.
    Silent,
    /// It cannot be run, or does not answer.
    Io(io::Error),
    /// It says something that makes no sense.
    Message(wire::Error),
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reported(problem) => f.write_str(problem),
            Self::Ended => f.write_str("it ended by itself"),
            Self::Silent => f.write_str("it does not say that it is ready"),
            Self::Io(error) => error.fmt(f),
            Self::Message(error) => error.fmt(f),
        }
    }
}

impl DirectoryProgram {
    /// The program for the sources of users that the settings name; `None` if they need none. It has been
    /// tried.
    ///
    /// # Errors
    ///
    /// The program or its user is missing, or it cannot use its settings.
    pub(crate) fn needed(config: &Config) -> Result<Option<Self>, StartError> {
        let Some(setup) = auth::directory_setup(config) else { return Ok(None) };
        let program = Self::new(beside_this_program()?, identity::of_directory()?, setup)?;
        program.try_out()?;
        Ok(Some(program))
    }

    fn new(path: PathBuf, identity: Identity, setup: DirectorySettings) -> Result<Self, StartError> {
        let message = wire::encode(&ToDirectory::Settings(Box::new(setup)))
            .map(Zeroizing::new)
            .map_err(|error| StartError::Role(format!("the settings of mpopd-directory: {error}")))?;
        let setup = memfd::sealed(&message).map_err(StartError::system("no memory for settings"))?;
        Ok(Self { path, identity, setup })
    }

    /// Starts it, waits until it has read its settings, and ends it.
    fn try_out(&self) -> Result<(), StartError> {
        let ready = self.run_until_ready();
        ready.map_err(|error| match error {
            // Its own words name the setting.
            NotReady::Reported(problem) => StartError::Role(problem),
            error => StartError::Role(format!("{}: {error}", self.path.display())),
        })
    }

    fn run_until_ready(&self) -> Result<(), NotReady> {
        // Otherwise a missing program would be noticed only in a child.
        rustix::fs::access(&self.path, rustix::fs::Access::EXEC_OK)
            .map_err(|error| NotReady::Io(error.into()))?;
        let (pid, channel) = self.start().map_err(NotReady::Io)?;
        let ready = wait_until_ready(&channel);
        drop(channel);
        if matches!(ready, Err(NotReady::Silent | NotReady::Io(_) | NotReady::Message(_) | NotReady::Ended)) {
            let _ = sys::process::signal(pid, Signal::KILL);
        }
        sys::process::await_end(pid).map_err(NotReady::Io)?;
        ready
    }

    /// Starts it. Returns the process, and the channel on which it has its settings.
    ///
    /// # Errors
    ///
    /// Errors of socketpair(2) or fork(2).
    pub(crate) fn start(&self) -> io::Result<(Pid, OwnedFd)> {
        let (ours, theirs) = seqpacket::pair()?;
        let setup = Mapping::new(self.setup.try_clone()?, wire::MOST_OCTETS as u64)?;
        seqpacket::send(&ours, &setup, &[], Wait::No)?;
        drop(setup);
        let run_program = |_, input: OwnedFd| {
            let error = Command::new(&self.path).env_clear().stdin(Stdio::from(input)).exec();
            tracing::error!("{} cannot be run: {error}", self.path.display());
            1
        };
        let keep = [theirs.as_fd()];
        let becomes = ProcessRole {
            name: c"mpopd-directory",
            identity: &self.identity,
            sandbox: Some(Sandbox::Modules),
        };
        let pid = child::start(&becomes, &keep, Vec::new(), || theirs.try_clone(), run_program)?;
        Ok((pid, ours))
    }
}

fn wait_until_ready(channel: &OwnedFd) -> Result<(), NotReady> {
    let until = Instant::now() + START_TIME;
    let mut buffer = vec![0; wire::MOST_OCTETS];
    loop {
        match receive::<FromDirectory>(channel, &mut buffer, Wait::No) {
            Ok(Some((FromDirectory::Ready, _))) => return Ok(()),
            Ok(Some((FromDirectory::Failed(problem), _))) => return Err(NotReady::Reported(problem)),
            Ok(None) => return Err(NotReady::Ended),
            Err(error) if error.would_block() => {}
            Err(error) => return Err(NotReady::Message(error)),
        }
        let left = until.saturating_duration_since(Instant::now());
        let Some(left) = Timespec::try_from(left).ok().filter(|_| !left.is_zero()) else {
            return Err(NotReady::Silent);
        };
        match rustix::event::poll(&mut [PollFd::new(channel, PollFlags::IN)], Some(&left)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(NotReady::Io(error.into())),
        }
    }
}

/// Where the program is: beside this one.
fn beside_this_program() -> Result<PathBuf, StartError> {
    let this = std::env::current_exe().map_err(StartError::system("where mpopd is"))?;
    Ok(this.parent().unwrap_or(Path::new("/")).join("mpopd-directory"))
}
