//! Forks a role, and removes descriptors and rights that it must not have.

use std::ffi::CStr;
use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use rustix::process::Pid;
use sys::process::{self, Forked, ProcessEnd};

use crate::process::sandbox::Sandbox;

/// The exit status of a role that panicked; Rust's own for a panicking program.
const PANICKED: i32 = 101;

/// The exit status of a process whose check holds.
const YES: i32 = 0;
/// The exit status of a process whose check does not hold.
const NO: i32 = 3;

/// The user that a role runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Identity {
    /// The supervisor's: root for auth; for all roles when mpopd is not started as root.
    Unchanged,
    /// This user and group, with no way back.
    User {
        /// Never 0.
        uid: u32,
        /// The one group it has.
        gid: u32,
        /// A group that it may take for a single file access, and has in no other way.
        file_group: Option<u32>,
        /// Its root directory.
        chroot: Option<PathBuf>,
    },
}

/// The role of a forked process.
pub(crate) struct ProcessRole<'a> {
    /// The name that ps(1) shows.
    pub(crate) name: &'static CStr,
    /// Its user.
    pub(crate) identity: &'a Identity,
    /// The rights that it gives up, if any.
    pub(crate) sandbox: Option<Sandbox<'a>>,
}

/// A child that does not become its role: the step that failed.
#[derive(Debug)]
enum PrepareError<E> {
    Confining { step: &'static str, source: io::Error },
    Before(E),
}

impl<E: fmt::Display> fmt::Display for PrepareError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Confining { step, source } => write!(f, "{step}: {source}"),
            Self::Before(error) => error.fmt(f),
        }
    }
}

/// Forks a process that keeps only the descriptors in `keep` and the one of the log. The child calls
/// `before`, which still has the supervisor's rights, then confines itself as `becomes` says and runs `role`,
/// whose result is its exit status. The descriptors in `given` belong to the child: this process closes them.
///
/// # Errors
///
/// Errors of fork(2). An error in the child is logged there and ends it.
pub(crate) fn start<T, E: fmt::Display>(
    becomes: &ProcessRole<'_>,
    keep: &[BorrowedFd<'_>],
    given: Vec<OwnedFd>,
    before: impl FnOnce() -> Result<T, E>,
    role: impl FnOnce(Vec<OwnedFd>, T) -> i32,
) -> io::Result<Pid> {
    let supervisor = rustix::process::getpid();
    match process::fork()? {
        Forked::Parent(pid) => Ok(pid),
        Forked::Child => {
            let status = catch_unwind(AssertUnwindSafe(|| {
                let kept: Vec<_> = keep.iter().copied().chain(given.iter().map(AsFd::as_fd)).collect();
                let prepared = close(becomes.name, &kept).and_then(|()| {
                    let made = before().map_err(PrepareError::Before)?;
                    confine(becomes, supervisor)?;
                    Ok(made)
                });
                match prepared {
                    Ok(made) => role(given, made),
                    Err(error) => {
                        tracing::error!("{} cannot start: {error}", becomes.name.to_string_lossy());
                        1
                    }
                }
            }));
            process::exit_now(status.unwrap_or(PANICKED))
        }
    }
}

/// A check in a process of its own that failed.
#[derive(Debug)]
pub(crate) enum TryOutError {
    /// The error of the check.
    Check(String),
    /// The process ended in another way, or could not be run.
    Process(String),
}

impl TryOutError {
    fn process(error: impl fmt::Display) -> Self {
        Self::Process(error.to_string())
    }
}

impl fmt::Display for TryOutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Check(problem) => f.write_str(problem),
            Self::Process(problem) => write!(f, "a process to check the configuration: {problem}"),
        }
    }
}

/// Runs `check` in a separate process, so that everything it reads disappears with it. Returns its answer.
///
/// # Errors
///
/// The error of `check`, or why it could not be run.
pub(crate) fn try_out<E: fmt::Display>(check: impl FnOnce() -> Result<bool, E>) -> Result<bool, TryOutError> {
    let (reader, writer) = rustix::pipe::pipe().map_err(TryOutError::process)?;
    match process::fork().map_err(TryOutError::process)? {
        Forked::Child => {
            let (status, problem) = match catch_unwind(AssertUnwindSafe(check)) {
                Ok(Ok(true)) => (YES, String::new()),
                Ok(Ok(false)) => (NO, String::new()),
                Ok(Err(error)) => (1, error.to_string()),
                Err(_) => (1, "it panicked".to_owned()),
            };
            let written = std::fs::File::from(writer).write_all(problem.as_bytes());
            process::exit_now(if written.is_ok() { status } else { 1 })
        }
        Forked::Parent(pid) => {
            drop(writer);
            let mut problem = String::new();
            let read = std::fs::File::from(reader).read_to_string(&mut problem);
            let ending = process::await_end(pid).map_err(TryOutError::process)?;
            match (ending, read) {
                (ProcessEnd::Exited(YES), Ok(_)) => Ok(true),
                (ProcessEnd::Exited(NO), Ok(_)) => Ok(false),
                (_, Ok(_)) if !problem.is_empty() => Err(TryOutError::Check(problem)),
                (ending, _) => Err(TryOutError::process(ending)),
            }
        }
    }
}

fn close<E>(name: &'static CStr, keep: &[BorrowedFd<'_>]) -> Result<(), PrepareError<E>> {
    process::set_name(name);
    let keep: Vec<_> = keep.iter().copied().chain(logging::descriptor()).collect();
    process::close_all_but(&keep).map_err(at("closing descriptors"))?;
    sys::signals::restore().map_err(at("restoring signals"))
}

fn confine<E>(becomes: &ProcessRole<'_>, supervisor: Pid) -> Result<(), PrepareError<E>> {
    if becomes.sandbox.as_ref().is_some_and(Sandbox::is_narrow) {
        // No other process is forked from these roles, so none inherits what they free; and they need the
        // speed.
        sys::wiping::stop();
        process::raise_descriptor_limit();
        // Reads the time zone file now, while that is still allowed.
        sys::clock::utc_offset(0);
    }
    if let Identity::User { uid, gid, file_group, chroot } = becomes.identity {
        if let Some(directory) = chroot {
            sys::identity::enter_chroot(directory).map_err(at("chroot"))?;
        }
        sys::identity::become_user(*uid, *gid, *file_group).map_err(at("changing the user"))?;
        process::no_new_privileges().map_err(at("no_new_privs"))?;
        process::not_dumpable().map_err(at("forbidding dumps"))?;
    }
    // Not earlier: changing the user clears it.
    process::die_with_parent(supervisor).map_err(at("binding its life to the supervisor's"))?;
    match &becomes.sandbox {
        Some(sandbox) => sandbox.apply().map_err(at("sandboxing")),
        None => Ok(()),
    }
}

fn at<E>(step: &'static str) -> impl Fn(io::Error) -> PrepareError<E> {
    move |source| PrepareError::Confining { step, source }
}
