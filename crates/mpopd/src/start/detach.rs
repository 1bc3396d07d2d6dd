//! Becoming a daemon (daemon(7), "SysV Daemons"), while whoever started it waits until it serves.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use sys::process::{self, Forked};

/// What the daemon says to the process that started it when it serves. Anything else is the reason why it does not.
const READY: &[u8] = b"\0";

/// Which of the two processes this is after [`detach`].
pub(crate) enum Detached {
    /// The daemon: a session of its own, without a terminal, in the folder `/`, with `/dev/null` for standard input,
    /// output and error.
    Daemon(Starter),
    /// The one that was started, after all is settled: whether the daemon serves, or why it does not.
    Caller(Result<(), String>),
}

/// The process that waits for the daemon.
pub(crate) struct Starter(OwnedFd);

impl Starter {
    /// A process that reads the other end of this pipe.
    pub(crate) fn on(pipe: OwnedFd) -> Starter {
        Starter(pipe)
    }

    /// The daemon serves.
    pub(crate) fn ready(self) {
        self.say(READY);
    }

    /// The daemon ends without having served.
    pub(crate) fn failed(self, why: &str) {
        self.say(why.as_bytes());
    }

    fn say(self, what: &[u8]) {
        // Whoever does not wait any more does not need to know.
        let _ = std::fs::File::from(self.0).write_all(what);
    }
}

/// Splits this process in two: the caller, and the daemon.
///
/// # Errors
///
/// What pipe(2), fork(2), setsid(2) or open(2) says.
pub(crate) fn detach() -> io::Result<Detached> {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    match process::fork()? {
        Forked::Parent(child) => {
            drop(writer);
            let told = told(reader);
            // The child is only the parent of the daemon, and has ended by now.
            process::await_end(child)?;
            Ok(Detached::Caller(told))
        }
        Forked::Child => {
            drop(reader);
            let starter = Starter(writer);
            // A second fork: who leads a session gets a controlling terminal by opening one.
            let forked = rustix::process::setsid().map_err(io::Error::from).and_then(|_| process::fork());
            match forked {
                Ok(Forked::Parent(_)) => process::exit_now(0),
                Ok(Forked::Child) => {}
                Err(error) => {
                    starter.failed(&format!("cannot detach: {error}"));
                    process::exit_now(1);
                }
            }
            rustix::process::umask(Mode::WGRP | Mode::WOTH);
            let quiet = rustix::process::chdir("/").map_err(io::Error::from).and_then(|()| silence());
            match quiet {
                Ok(()) => Ok(Detached::Daemon(starter)),
                Err(error) => {
                    starter.failed(&format!("cannot detach: {error}"));
                    process::exit_now(1);
                }
            }
        }
    }
}

/// Has `/dev/null` be standard input, output and error.
///
/// # Errors
///
/// What open(2) or dup2(2) says.
pub(crate) fn silence() -> io::Result<()> {
    let null = rustix::fs::open(Path::new("/dev/null"), OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    Ok(rustix::stdio::dup2_stderr(&null)?)
}

/// Waits for what is said on the other end of a [`Starter`]'s pipe.
///
/// # Errors
///
/// Why the daemon does not serve.
pub(crate) fn told(reader: OwnedFd) -> Result<(), String> {
    let mut said = Vec::new();
    match std::fs::File::from(reader).read_to_end(&mut said) {
        Ok(_) if said == READY => Ok(()),
        Ok(0) => Err("the daemon ended before it served: the log says why".to_owned()),
        Ok(_) => Err(String::from_utf8_lossy(&said).into_owned()),
        Err(error) => Err(format!("nothing is heard of the daemon: {error}")),
    }
}
