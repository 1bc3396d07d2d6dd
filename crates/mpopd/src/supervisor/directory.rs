//! The program `mpopd-directory`, which asks databases, LDAP and OAuth servers for the auth processes.
//!
//! It is told what `[sql]`, `[ldap]` and `[oauth]` say, passwords included, and serves one channel for each auth process. The
//! supervisor has both ends of those, so that each side can be started again without the other.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ipc::directory::{FromDirectory, Setup, ToDirectory};
use ipc::wire::{self, Wait};
use ipc::{receive, send};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, Signal};
use sys::sealed::{self, Mapping};
use sys::seqpacket::{self, MOST_DESCRIPTORS};
use zeroize::Zeroizing;

use super::restart::Restart;
use crate::supervisor::child::{self, Identity, Part};
use crate::supervisor::seal::Seal;

/// How long the program may take until it has read its settings. It waits for no server meanwhile.
const PATIENCE: Duration = Duration::from_secs(10);

/// What to run.
pub(crate) struct Program {
    path: PathBuf,
    identity: Identity,
    /// The first message, in memory that is mapped only while it is sent: no other role inherits a database's password.
    setup: OwnedFd,
}

impl Program {
    /// The program at `path`, to be run as `identity` with the settings `setup`.
    ///
    /// # Errors
    ///
    /// When the settings are too long for a message, or there is no memory for them.
    pub(crate) fn new(path: PathBuf, identity: Identity, setup: Setup) -> Result<Program, String> {
        let message = wire::encode(&ToDirectory::Setup(Box::new(setup)))
            .map(Zeroizing::new)
            .map_err(|error| format!("the settings of mpopd-directory: {error}"))?;
        let setup = sealed::seal(&message).map_err(|error| format!("no memory for settings: {error}"))?;
        Ok(Program { path, identity, setup })
    }

    /// Starts it, hears whether it can use its settings, and ends it.
    ///
    /// # Errors
    ///
    /// What is wrong with the settings or the program.
    pub(crate) fn try_out(&self) -> Result<(), String> {
        let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", self.path.display());
        // A program that is not there would be missed only in a child.
        rustix::fs::access(&self.path, rustix::fs::Access::EXEC_OK).map_err(|error| failed(&error))?;
        let (pid, channel) = self.start().map_err(|error| failed(&error))?;
        let verdict = hear(&channel).map_err(|error| failed(&error));
        drop(channel);
        if verdict.is_err() {
            let _ = sys::process::signal(pid, Signal::KILL);
        }
        sys::process::await_end(pid).map_err(|error| failed(&error))?;
        match verdict? {
            FromDirectory::Ready => Ok(()),
            FromDirectory::Failed(why) => Err(why),
        }
    }

    /// The process, and the channel on which it has its settings.
    fn start(&self) -> io::Result<(Pid, OwnedFd)> {
        let (ours, theirs) = seqpacket::pair()?;
        let setup = Mapping::of(self.setup.try_clone()?, wire::MOST_OCTETS as u64)?;
        seqpacket::send(&ours, &setup, &[], Wait::No)?;
        drop(setup);
        let become_it = |_, input: OwnedFd| {
            let error = Command::new(&self.path).env_clear().stdin(Stdio::from(input)).exec();
            tracing::error!("{} cannot be run: {error}", self.path.display());
            1
        };
        let input = || theirs.try_clone().map_err(|error| error.to_string());
        let keep = [theirs.as_fd()];
        let part = Part { name: c"mpopd-directory", identity: &self.identity, seal: Some(Seal::Modules) };
        let pid = child::start(&part, &keep, Vec::new(), input, become_it)?;
        Ok((pid, ours))
    }
}

/// What the program says first, if it does in time.
fn hear(channel: &OwnedFd) -> Result<FromDirectory, String> {
    let until = Instant::now() + PATIENCE;
    let mut buffer = vec![0; wire::MOST_OCTETS];
    loop {
        match receive::<FromDirectory>(channel, &mut buffer, Wait::No) {
            Ok(Some((said, _))) => return Ok(said),
            Ok(None) => return Err("it ended by itself".to_owned()),
            Err(error) if error.would_block() => {}
            Err(error) => return Err(error.to_string()),
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err("it does not say that it is ready".to_owned());
        }
        let left = Timespec::try_from(left).map_err(|error| error.to_string())?;
        match rustix::event::poll(&mut [PollFd::new(channel, PollFlags::IN)], Some(&left)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// The program as it runs, or will again.
pub(super) struct Directory {
    program: Program,
    running: Option<Running>,
    restart: Restart,
    /// One for each auth process.
    channels: Vec<Channel>,
}

struct Running {
    pid: Pid,
    control: OwnedFd,
    /// It has said that it can use its settings.
    ready: bool,
}

struct Channel {
    auths: OwnedFd,
    programs: OwnedFd,
}

impl Directory {
    pub(super) fn new(program: Program, auth_processes: usize, now: Instant) -> io::Result<Directory> {
        let channel = || seqpacket::pair().map(|(auths, programs)| Channel { auths, programs });
        let channels = (0..auth_processes).map(|_| channel()).collect::<io::Result<_>>()?;
        Ok(Directory { program, running: None, restart: Restart::new(now), channels })
    }

    /// The end that the auth process in this slot asks on.
    pub(super) fn channel(&self, slot: usize) -> Option<&OwnedFd> {
        self.channels.get(slot).map(|channel| &channel.auths)
    }

    /// What to wait for: the word of a program that was just started.
    pub(super) fn awaited(&self) -> Option<&OwnedFd> {
        self.running.as_ref().filter(|running| !running.ready).map(|running| &running.control)
    }

    /// Takes that word, if it has come, and gives the program its channels.
    pub(super) fn attend(&mut self, buffer: &mut [u8]) {
        let Some(running) = self.running.as_mut().filter(|running| !running.ready) else { return };
        match receive::<FromDirectory>(&running.control, buffer, Wait::No) {
            Ok(Some((FromDirectory::Ready, _))) => {
                running.ready = true;
                let ends: Vec<BorrowedFd<'_>> =
                    self.channels.iter().map(|channel| channel.programs.as_fd()).collect();
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
            Ok((pid, control)) => self.running = Some(Running { pid, control, ready: false }),
            Err(error) => {
                tracing::error!("mpopd-directory cannot be started: {error}");
                self.restart.ended(now);
            }
        }
    }

    /// Whether this child was it. It runs no more then.
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

/// Where the program is: beside this one.
///
/// # Errors
///
/// When this program cannot tell where it is.
pub(crate) fn beside_this_program() -> Result<PathBuf, String> {
    let this = std::env::current_exe().map_err(|error| format!("where mpopd is: {error}"))?;
    Ok(this.parent().unwrap_or(Path::new("/")).join("mpopd-directory"))
}
