//! Becoming a daemon (daemon(7), "SysV Daemons"), while the original process waits until it serves.

use std::io;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use sys::process::{self, Forked};

use crate::supervisor::startup_report::{self, NotServing, StartupReport};

/// The two processes after [`detach`].
pub(crate) enum Detached {
    /// The daemon: in a session of its own, without a terminal, in the folder `/`, with `/dev/null` for
    /// standard input, output and error.
    Daemon(StartupReport),
    /// The original process, once the daemon has reported whether it serves.
    Caller(Result<(), NotServing>),
}

/// Splits this process in two: the caller and the daemon.
///
/// # Errors
///
/// Errors of pipe(2), fork(2), setsid(2) or open(2).
pub(crate) fn detach() -> io::Result<Detached> {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    match process::fork()? {
        Forked::Parent(child) => {
            drop(writer);
            let reported = startup_report::wait(reader);
            // The child is only the parent of the daemon, and has ended by now.
            process::await_end(child)?;
            Ok(Detached::Caller(reported))
        }
        Forked::Child => {
            drop(reader);
            let report = StartupReport::on(writer);
            // A second fork: the leader of a session gets a controlling terminal when it opens one.
            let forked = rustix::process::setsid().map_err(io::Error::from).and_then(|_| process::fork());
            match forked {
                Ok(Forked::Parent(_)) => process::exit_now(0),
                Ok(Forked::Child) => {}
                Err(error) => {
                    report.failed(&format!("cannot detach: {error}"));
                    process::exit_now(1);
                }
            }
            rustix::process::umask(Mode::WGRP | Mode::WOTH);
            let quiet = rustix::process::chdir("/").map_err(io::Error::from).and_then(|()| silence());
            match quiet {
                Ok(()) => Ok(Detached::Daemon(report)),
                Err(error) => {
                    report.failed(&format!("cannot detach: {error}"));
                    process::exit_now(1);
                }
            }
        }
    }
}

/// Makes `/dev/null` standard input, output and error.
fn silence() -> io::Result<()> {
    let null = rustix::fs::open(Path::new("/dev/null"), OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    Ok(rustix::stdio::dup2_stderr(&null)?)
}
