//! How every role comes into being: forked by the supervisor, without what it must not have.

use std::ffi::CStr;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use rustix::process::Pid;
use sys::process::{self, Ending, Forked};

/// The exit status of a role that panicked; Rust's own for a panicking program.
const PANICKED: i32 = 101;

/// As whom a role runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Identity {
    /// As the supervisor: root for auth; for all roles when mpopd is not started as root.
    Unchanged,
    /// As this user and group, with no way back.
    User {
        /// Never 0.
        uid: u32,
        /// The one group it has.
        gid: u32,
        /// A group that it may take for the moment of a file access, and has in no other way.
        file_group: Option<u32>,
        /// Confined to this directory.
        chroot: Option<PathBuf>,
    },
}

/// Forks a process that keeps only the descriptors in `keep` and that of the log, does what it needs the supervisor's
/// rights for (`before`), becomes `identity` and runs `role`, whose result is its exit status.
/// The descriptors in `given` are its own: this process has them no more.
///
/// # Errors
///
/// What fork(2) says. What goes wrong in the child is logged there and ends it.
pub(crate) fn start<T>(
    name: &'static CStr,
    keep: &[BorrowedFd<'_>],
    given: Vec<OwnedFd>,
    identity: &Identity,
    before: impl FnOnce() -> Result<T, String>,
    role: impl FnOnce(Vec<OwnedFd>, T) -> i32,
) -> io::Result<Pid> {
    let supervisor = rustix::process::getpid();
    match process::fork()? {
        Forked::Parent(pid) => Ok(pid),
        Forked::Child => {
            let status = catch_unwind(AssertUnwindSafe(|| {
                let kept: Vec<_> = keep.iter().copied().chain(given.iter().map(AsFd::as_fd)).collect();
                let prepared = close(name, &kept).and_then(|()| {
                    let with = before()?;
                    confine(identity, supervisor)?;
                    Ok(with)
                });
                match prepared {
                    Ok(with) => role(given, with),
                    Err(why) => {
                        tracing::error!("{} cannot start: {why}", name.to_string_lossy());
                        1
                    }
                }
            }));
            process::exit_now(status.unwrap_or(PANICKED))
        }
    }
}

/// Does something in a process of its own that ends with it, and passes on what went wrong.
///
/// # Errors
///
/// What `check` says, or why it could not be run.
pub(crate) fn try_out(check: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| format!("a process to check the configuration: {error}");
    let (reader, writer) = rustix::pipe::pipe().map_err(|error| failed(&error))?;
    match process::fork().map_err(|error| failed(&error))? {
        Forked::Child => {
            let said = catch_unwind(AssertUnwindSafe(check));
            let said = said.unwrap_or_else(|_| Err("it panicked".to_owned()));
            let what = said.err().unwrap_or_default();
            let written = std::fs::File::from(writer).write_all(what.as_bytes());
            process::exit_now(i32::from(!what.is_empty() || written.is_err()))
        }
        Forked::Parent(pid) => {
            drop(writer);
            let mut what = String::new();
            let read = std::fs::File::from(reader).read_to_string(&mut what);
            let ending = process::await_end(pid).map_err(|error| failed(&error))?;
            match (ending, read) {
                (Ending::Exited(0), Ok(_)) => Ok(()),
                (_, Ok(_)) if !what.is_empty() => Err(what),
                (ending, _) => Err(failed(&ending)),
            }
        }
    }
}

fn close(name: &'static CStr, keep: &[BorrowedFd<'_>]) -> Result<(), String> {
    process::set_name(name);
    let keep: Vec<_> = keep.iter().copied().chain(crate::log::descriptor()).collect();
    process::close_all_but(&keep).map_err(at("closing descriptors"))?;
    sys::signals::restore().map_err(at("restoring signals"))
}

fn confine(identity: &Identity, supervisor: Pid) -> Result<(), String> {
    if let Identity::User { uid, gid, file_group, chroot } = identity {
        if let Some(directory) = chroot {
            sys::identity::confine_to(directory).map_err(at("chroot"))?;
        }
        sys::identity::become_user(*uid, *gid, *file_group).map_err(at("changing the user"))?;
        process::no_new_privileges().map_err(at("no_new_privs"))?;
        process::not_dumpable().map_err(at("forbidding dumps"))?;
    }
    // Last, since changing the user clears it.
    process::die_with_parent(supervisor).map_err(at("binding its life to the supervisor's"))
}

fn at(step: &'static str) -> impl Fn(io::Error) -> String {
    move |error| format!("{step}: {error}")
}
