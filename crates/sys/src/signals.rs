//! Signals as a descriptor (signalfd(2)), so that a poll loop can wait for them.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// The signals that the supervisor handles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM or SIGINT: end.
    Terminate,
    /// SIGHUP: close all connections, read the configuration and bind the ports again.
    Hangup,
    /// SIGUSR1: read the configuration again.
    User1,
    /// SIGUSR2: reopen the log files.
    User2,
    /// SIGCHLD: a child ended.
    Child,
}

const LISTENED: [(libc::c_int, Signal); 6] = [
    (libc::SIGTERM, Signal::Terminate),
    (libc::SIGINT, Signal::Terminate),
    (libc::SIGHUP, Signal::Hangup),
    (libc::SIGUSR1, Signal::User1),
    (libc::SIGUSR2, Signal::User2),
    (libc::SIGCHLD, Signal::Child),
];

/// A descriptor that is readable when one of the [`Signal`]s has arrived.
#[derive(Debug)]
pub struct Signals(OwnedFd);

impl Signals {
    /// Blocks the usual effects of the signals and opens the descriptor. Children inherit the blocking and
    /// call [`restore`].
    ///
    /// # Errors
    ///
    /// What sigprocmask(2) or signalfd(2) says.
    pub fn listen() -> io::Result<Self> {
        let set = listened_set();
        // SAFETY: `set` is an initialised sigset_t, the old mask is not requested, and -1 requests a new
        // descriptor, which only we own.
        unsafe {
            if libc::sigprocmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()) != 0 {
                return Err(io::Error::last_os_error());
            }
            match libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) {
                -1 => Err(io::Error::last_os_error()),
                fd => Ok(Self(OwnedFd::from_raw_fd(fd))),
            }
        }
    }

    /// The next signal that arrived, if any. Never blocks. Equal signals may have been merged.
    ///
    /// # Errors
    ///
    /// What read(2) says.
    pub fn next(&self) -> io::Result<Option<Signal>> {
        let mut info = [0u8; size_of::<libc::signalfd_siginfo>()];
        loop {
            match rustix::io::read(&self.0, &mut info) {
                Ok(length) if length == info.len() => {
                    let number = i32::from_ne_bytes([info[0], info[1], info[2], info[3]]); // ssi_signo
                    if let Some((_, signal)) = LISTENED.iter().find(|(listened, _)| *listened == number) {
                        return Ok(Some(*signal));
                    }
                }
                Ok(_) => return Err(io::Error::other("signalfd returned part of a signal")),
                Err(rustix::io::Errno::AGAIN) => return Ok(None),
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Signals {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.0.as_raw_fd()
    }
}

/// For a forked role: unblocks all signals. The role ignores the signals that a terminal, an init system or
/// an administrator may send to a whole process group: only the supervisor handles them, and it ends the
/// roles in an order that loses nothing. SIGXFSZ is ignored too, so that a file over its size limit is an
/// error of write(2) instead of the end of the process.
///
/// # Errors
///
/// What sigprocmask(2) or signal(2) says.
pub fn restore() -> io::Result<()> {
    // SAFETY: sigemptyset initialises the set, the calls keep no pointers, and SIG_IGN is a valid handler.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        let group = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGUSR1, libc::SIGUSR2];
        for signal in group.into_iter().chain([libc::SIGXFSZ]) {
            if libc::signal(signal, libc::SIG_IGN) == libc::SIG_ERR {
                return Err(io::Error::last_os_error());
            }
        }
        if libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

fn listened_set() -> libc::sigset_t {
    // SAFETY: sigset_t is plain data that sigemptyset initialises; the signal numbers are valid.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        for (number, _) in LISTENED {
            libc::sigaddset(&mut set, number);
        }
        set
    }
}
