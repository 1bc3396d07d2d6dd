//! The program `mpopd-directory`, which asks databases, LDAP and OAuth servers for the auth processes.
//!
//! It gets what `[sql]`, `[ldap]` and `[oauth]` say, passwords included, and serves one channel for each auth
//! process. The supervisor keeps both ends of those channels, so that each side can be restarted without the
//! other.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use ipc::directory::{FromDirectory, ToDirectory};
use ipc::wire::Wait;
use ipc::{receive, send};
use rustix::process::{Pid, Signal};
use sys::seqpacket::{self, MOST_DESCRIPTORS};

use super::restart::Restart;
use crate::plan::directory_program::DirectoryProgram;

/// The program, running or due to be restarted.
pub(super) struct DirectoryRole {
    program: DirectoryProgram,
    running: Option<DirectoryProcess>,
    restart: Restart,
    /// One for each auth process.
    channels: Vec<AuthChannel>,
}

struct DirectoryProcess {
    pid: Pid,
    control: OwnedFd,
    /// It has reported that it can use its settings.
    ready: bool,
}

struct AuthChannel {
    auth_end: OwnedFd,
    program_end: OwnedFd,
}

impl DirectoryRole {
    pub(super) fn new(program: DirectoryProgram, auth_processes: usize, now: Instant) -> io::Result<Self> {
        let channel =
            || seqpacket::pair().map(|(auth_end, program_end)| AuthChannel { auth_end, program_end });
        let channels = (0..auth_processes).map(|_| channel()).collect::<io::Result<_>>()?;
        Ok(Self { program, running: None, restart: Restart::new(now), channels })
    }

    /// The end that the auth process in this slot asks on.
    pub(super) fn channel(&self, slot: usize) -> Option<&OwnedFd> {
        self.channels.get(slot).map(|channel| &channel.auth_end)
    }

    /// What to wait for: the report of a program that was just started.
    pub(super) fn awaited(&self) -> Option<&OwnedFd> {
        self.running.as_ref().filter(|running| !running.ready).map(|running| &running.control)
    }

    /// Reads that report, if it has arrived, and passes the program its channels.
    pub(super) fn attend(&mut self, buffer: &mut [u8]) {
        let Some(running) = self.running.as_mut().filter(|running| !running.ready) else { return };
        match receive::<FromDirectory>(&running.control, buffer, Wait::No) {
            Ok(Some((FromDirectory::Ready, _))) => {
                running.ready = true;
                let ends: Vec<BorrowedFd<'_>> =
                    self.channels.iter().map(|channel| channel.program_end.as_fd()).collect();
                for some in ends.chunks(MOST_DESCRIPTORS) {
                    if let Err(error) = send(&running.control, &ToDirectory::Serve, some, Wait::No) {
                        tracing::error!("mpopd-directory takes no channels: {error}");
                    }
                }
            }
            Ok(Some((FromDirectory::Failed(why), _))) => {
                tracing::error!("mpopd-directory cannot use its settings: {why}");
            }
            // It ended, and SIGCHLD says so.
            Ok(None) => {}
            Err(error) if error.would_block() => {}
            Err(error) => {
                tracing::error!("mpopd-directory is ended: {error}");
                let _ = sys::process::signal(running.pid, Signal::KILL);
            }
        }
    }

    /// When to start it, if it is not running.
    pub(super) fn due(&self) -> Option<Instant> {
        self.running.is_none().then(|| self.restart.due())
    }

    pub(super) fn start_due(&mut self, now: Instant) {
        if self.due().is_none_or(|due| due > now) {
            return;
        }
        self.restart.started(now);
        match self.program.start() {
            Ok((pid, control)) => self.running = Some(DirectoryProcess { pid, control, ready: false }),
            Err(error) => {
                tracing::error!("mpopd-directory cannot be started: {error}");
                self.restart.ended(now);
            }
        }
    }

    /// Whether this child was the program. It is then due to be restarted.
    pub(super) fn ended(&mut self, pid: Pid) -> bool {
        let it = self.running.as_ref().is_some_and(|running| running.pid == pid);
        if it {
            self.running = None;
            self.restart.ended(Instant::now());
        }
        it
    }

    pub(super) fn pid(&self) -> Option<Pid> {
        self.running.as_ref().map(|running| running.pid)
    }
}
