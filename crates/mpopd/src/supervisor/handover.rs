//! What one mpopd passes to its successor, which may be a newer program: the listening sockets, the control
//! socket and the lock of the pid file, as descriptors that stay open over exec. The environment says which
//! is which.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::io::FdFlags;
use rustix::process::Pid;
use sys::process::{self, Forked};

use super::startup_report::StartupReport;
use crate::error::StartError;

/// Names the descriptors: `KEY=NUMBER` each, `listener` any number of times.
const DESCRIPTORS: &str = "MPOPD_HANDOVER";
/// Names the folder of the session locks, which both must share.
const STATE_DIR: &str = "MPOPD_HANDOVER_STATE_DIR";

/// What a successor gets from its predecessor.
pub(crate) struct Inherited {
    /// Sockets that listen.
    pub(crate) listeners: Vec<OwnedFd>,
    /// The control socket.
    pub(crate) control: OwnedFd,
    /// The pid file, locked.
    pub(crate) pid_file: OwnedFd,
    /// To the predecessor, which waits until the successor serves.
    pub(crate) starter: StartupReport,
    /// The folder of the session locks.
    pub(crate) state_dir: PathBuf,
}

/// What the predecessor passes on.
pub(crate) struct Given<'a> {
    pub(crate) listeners: Vec<BorrowedFd<'a>>,
    pub(crate) control: BorrowedFd<'a>,
    pub(crate) pid_file: BorrowedFd<'a>,
    pub(crate) state_dir: &'a Path,
}

impl Inherited {
    /// From the environment; `None` if this process succeeds none. To be called once.
    ///
    /// # Errors
    ///
    /// The environment makes no sense: it was not set by an mpopd, or by one of another kind.
    pub(crate) fn from_environment() -> Result<Option<Self>, StartError> {
        let Some(text) = env::var_os(DESCRIPTORS) else { return Ok(None) };
        let senseless = || StartError::Caller(format!("{DESCRIPTORS}: no mpopd of this kind has set it"));
        let (mut listeners, mut control, mut pid_file, mut starter) = (Vec::new(), None, None, None);
        for word in text.to_str().ok_or_else(senseless)?.split(' ') {
            let (key, number) = word.split_once('=').ok_or_else(senseless)?;
            let number = number.parse().map_err(|_| senseless())?;
            let taken = sys::inherited::take(number)
                .map_err(|error| StartError::Caller(format!("{DESCRIPTORS}: {error}")))?;
            match key {
                "listener" => listeners.push(taken),
                "control" => control = Some(taken),
                "pid_file" => pid_file = Some(taken),
                "starter" => starter = Some(StartupReport::on(taken)),
                _ => return Err(senseless()),
            }
        }
        let state_dir = env::var_os(STATE_DIR).map(PathBuf::from);
        match (control, pid_file, starter, state_dir) {
            (Some(control), Some(pid_file), Some(starter), Some(state_dir)) => {
                Ok(Some(Self { listeners, control, pid_file, starter, state_dir }))
            }
            _ => Err(senseless()),
        }
    }
}

/// Starts the program that is where this one was started from, with these arguments. Returns its process, and
/// the pipe on which it reports that it serves ([`super::startup_report::wait`]).
///
/// # Errors
///
/// What pipe(2) or fork(2) reports. What goes wrong later is reported on the pipe.
pub(crate) fn start(arguments: &[OsString], given: &Given<'_>) -> io::Result<(Pid, OwnedFd)> {
    let program = program()?;
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    match process::fork()? {
        Forked::Parent(pid) => Ok((pid, reader)),
        Forked::Child => {
            let error = become_successor(&program, arguments, given, &writer);
            StartupReport::on(writer).failed(&format!("{}: {error}", program.display()));
            process::exit_now(1)
        }
    }
}

/// Where this program is, or where it was if another one has taken its place.
fn program() -> io::Result<PathBuf> {
    let path = env::current_exe()?.into_os_string().into_vec();
    // The kernel adds this to the name of a file that no longer exists (proc(5), /proc/PID/exe).
    let path = path.strip_suffix(b" (deleted)").map(<[u8]>::to_vec).unwrap_or(path);
    Ok(OsString::from_vec(path).into())
}

fn become_successor(
    program: &Path,
    arguments: &[OsString],
    given: &Given<'_>,
    starter: &OwnedFd,
) -> io::Error {
    let mut named =
        vec![("control", given.control), ("pid_file", given.pid_file), ("starter", starter.as_fd())];
    named.extend(given.listeners.iter().map(|listener| ("listener", *listener)));
    let kept: Vec<_> = named.iter().map(|(_, descriptor)| *descriptor).collect();
    let opened = process::close_all_but(&kept).and_then(|()| {
        kept.iter().try_for_each(|descriptor| Ok(rustix::io::fcntl_setfd(descriptor, FdFlags::empty())?))
    });
    if let Err(error) = opened {
        return error;
    }
    let words = named.iter().map(|(key, descriptor)| format!("{key}={}", descriptor.as_raw_fd()));
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env(DESCRIPTORS, words.collect::<Vec<_>>().join(" "))
        .env(STATE_DIR, given.state_dir);
    if env::var_os("WATCHDOG_PID").is_some() {
        command.env("WATCHDOG_PID", std::process::id().to_string());
    }
    command.exec()
}
