//! Processes: forking, ending and reaping them, and what they give up.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use rustix::process::{Pid, Signal, WaitOptions};

/// Which side of a [`fork`] this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forked {
    /// The process that called; the child has this pid.
    Parent(Pid),
    /// The new process.
    Child,
}

/// How a child ended (waitpid(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessEnd {
    /// It called exit with this status.
    Exited(i32),
    /// This signal ended it.
    Signalled(i32),
}

impl ProcessEnd {
    /// Whether the kernel killed the process because it violated its sandbox ([`crate::sandbox`]).
    pub fn is_sandbox_violation(self) -> bool {
        self == Self::Signalled(libc::SIGSYS)
    }
}

impl std::fmt::Display for ProcessEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "exit status {status}"),
            Self::Signalled(signal) if self.is_sandbox_violation() => {
                write!(
                    f,
                    "signal {signal}: it tried what is forbidden to it; somebody may have taken it over"
                )
            }
            Self::Signalled(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// Forks this process (fork(2)). The child must end with [`exit_now`].
///
/// # Errors
///
/// `EBUSY` if the process has more than one thread: only the calling thread would exist in the child, and
/// locks of the others, such as the allocator's, would stay locked for ever. Otherwise those of fork(2),
/// above all `EAGAIN` (process limit) and `ENOMEM`.
pub fn fork() -> io::Result<Forked> {
    if std::fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::from_raw_os_error(libc::EBUSY));
    }
    // SAFETY: the process has exactly one thread, checked above, and only that thread could start another. So
    // the child is a complete copy and may run any code.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Forked::Child),
        pid => Pid::from_raw(pid)
            .map(Forked::Parent)
            .ok_or_else(|| io::Error::other("fork(2) returned no valid process id")),
    }
}

/// Ends this process at once: no destructors, no `atexit` handlers, no flushing.
///
/// Every forked role ends with this: destructors of objects that it inherited must not run twice.
pub fn exit_now(status: i32) -> ! {
    // SAFETY: _exit(2) has no preconditions and does not return.
    unsafe { libc::_exit(status) }
}

/// Reaps one ended child, if there is one. Never blocks.
pub fn reap() -> Option<(Pid, ProcessEnd)> {
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => {
                let ending = match (status.exit_status(), status.terminating_signal()) {
                    (Some(code), _) => ProcessEnd::Exited(code),
                    (None, Some(signal)) => ProcessEnd::Signalled(signal),
                    (None, None) => continue, // stopped or continued: it lives
                };
                return Some((pid, ending));
            }
            Err(rustix::io::Errno::INTR) => continue,
            Ok(None) | Err(_) => return None,
        }
    }
}

/// Waits for the end of one child.
///
/// # Errors
///
/// What waitpid(2) says; `ECHILD` when it is none.
pub fn await_end(pid: Pid) -> io::Result<ProcessEnd> {
    loop {
        match rustix::process::waitpid(Some(pid), WaitOptions::empty()) {
            Ok(Some((_, status))) => match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => return Ok(ProcessEnd::Exited(code)),
                (None, Some(signal)) => return Ok(ProcessEnd::Signalled(signal)),
                (None, None) => {} // stopped or continued: it lives
            },
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Closes every descriptor above standard error that is not in `keep`.
///
/// A forked role calls this first, so that it has only its own descriptors. A socket that another process
/// keeps open would never report the end of its peer.
///
/// The caller must not use any inherited descriptor object that it did not list. The entry functions of roles
/// take what they keep by value and never return, so no other object is dropped.
///
/// # Errors
///
/// What close_range(2) says; `ENOSYS` before Linux 5.9.
pub fn close_all_but(keep: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut kept: Vec<RawFd> = keep.iter().map(AsRawFd::as_raw_fd).filter(|fd| *fd > 2).collect();
    kept.sort_unstable();
    kept.dedup();
    let mut first: u32 = 3;
    for fd in kept {
        let fd = u32::try_from(fd).map_err(|_| io::Error::from_raw_os_error(libc::EBADF))?;
        if first < fd {
            close_range(first, fd - 1)?;
        }
        first = fd + 1;
    }
    close_range(first, u32::MAX)
}

fn close_range(first: u32, last: u32) -> io::Result<()> {
    // SAFETY: close_range(2) touches no memory of ours. The contract of `close_all_but`, the only caller,
    // says that no live descriptor object refers to the range.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Names this process for ps(1) and the log: at most 15 octets are shown (`PR_SET_NAME`).
pub fn set_name(name: &std::ffi::CStr) {
    // Nothing depends on the name.
    let _ = rustix::thread::set_name(name);
}

/// Asks the kernel to send SIGKILL when the parent ends, so that no role outlives the supervisor.
///
/// A change of the user clears this, so a role calls it after [`crate::identity::become_user`]. `parent` is
/// the pid of the supervisor: if it is gone already, this process exits.
///
/// # Errors
///
/// What prctl(2) `PR_SET_PDEATHSIG` says.
pub fn die_with_parent(parent: Pid) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    if rustix::process::getppid() != Some(parent) {
        exit_now(1);
    }
    Ok(())
}

/// Makes this process and its children give up gaining rights by exec (`PR_SET_NO_NEW_PRIVS`).
///
/// # Errors
///
/// What prctl(2) says.
pub fn no_new_privileges() -> io::Result<()> {
    Ok(rustix::thread::set_no_new_privs(true)?)
}

/// Refuses ptrace(2), core dumps and `/proc/PID` access by processes of the same user.
///
/// A maildrop process has the uid of a user, but also descriptors that the user's other programs must not
/// get.
///
/// # Errors
///
/// What prctl(2) `PR_SET_DUMPABLE` says.
pub fn not_dumpable() -> io::Result<()> {
    Ok(rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?)
}

/// Enough open descriptors for any load that we serve, and the default maximum of Linux (`fs.nr_open`).
const ENOUGH_DESCRIPTORS: u64 = 1 << 20;

/// Raises the hard limit of open descriptors for this process and its children, if this is root. The soft
/// limit stays.
pub fn allow_enough_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    if now.maximum.is_some_and(|hard| hard < ENOUGH_DESCRIPTORS) {
        // If this is not permitted, the limit of the administrator stays.
        let _ = setrlimit(Resource::Nofile, Rlimit { maximum: Some(ENOUGH_DESCRIPTORS), ..now });
    }
}

/// The number of descriptors that this process may have open.
pub fn descriptor_limit() -> u64 {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current.unwrap_or(ENOUGH_DESCRIPTORS)
}

/// Raises the soft limit of open descriptors as far as this process may; returns the limit.
pub fn raise_descriptor_limit() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    let hard = now.maximum.unwrap_or(ENOUGH_DESCRIPTORS);
    match setrlimit(Resource::Nofile, Rlimit { current: Some(hard), maximum: now.maximum }) {
        Ok(()) => hard,
        Err(_) => now.current.unwrap_or(hard),
    }
}

/// Sends a signal to a process this one started.
///
/// # Errors
///
/// What kill(2) says; `ESRCH` when it is gone.
pub fn signal(pid: Pid, signal: Signal) -> io::Result<()> {
    Ok(rustix::process::kill_process(pid, signal)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    // The test harness has threads, so what follows a successful fork is tested by the whole-program tests.
    #[test]
    fn fork_refuses_a_process_with_threads() {
        let (ready, started) = std::sync::mpsc::channel();
        let (stop, wait) = std::sync::mpsc::channel::<()>();
        let other = std::thread::spawn(move || {
            ready.send(()).unwrap();
            let _ = wait.recv();
        });
        started.recv().unwrap();
        assert_eq!(fork().unwrap_err().raw_os_error(), Some(libc::EBUSY));
        drop(stop);
        other.join().unwrap();
    }

    #[test]
    fn the_descriptor_limit_is_never_lowered() {
        let before = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap();
        allow_enough_descriptors();
        let now = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        assert_eq!(now.current, Some(before), "the soft limit must not change");
        assert_eq!(raise_descriptor_limit(), now.maximum.unwrap());
    }
}
