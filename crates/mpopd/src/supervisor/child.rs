//! How every role comes into being: forked by the supervisor, without what it must not have.

use std::ffi::CStr;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use rustix::process::Pid;
use sys::process::{self, Ending, Forked};

use super::seal::Seal;

/// The exit status of a role that panicked; Rust's own for a panicking program.
const PANICKED: i32 = 101;

/// The exit status of a process that has found something to be so, or not to be so.
const YES: i32 = 0;
const NO: i32 = 3;

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

/// What a process is to become.
pub(crate) struct Part<'a> {
    /// For ps(1).
    pub(crate) name: &'static CStr,
    /// As whom.
    pub(crate) identity: &'a Identity,
    /// What it gives up, if anything.
    pub(crate) seal: Option<Seal<'a>>,
}

/// Forks a process that keeps only the descriptors in `keep` and that of the log, does what it needs the supervisor's
/// rights for (`before`), becomes what `part` says and runs `role`, whose result is its exit status.
/// The descriptors in `given` are its own: this process has them no more.
///
/// # Errors
///
/// What fork(2) says. What goes wrong in the child is logged there and ends it.
pub(crate) fn start<T>(
    part: &Part<'_>,
    keep: &[BorrowedFd<'_>],
    given: Vec<OwnedFd>,
    before: impl FnOnce() -> Result<T, String>,
    role: impl FnOnce(Vec<OwnedFd>, T) -> i32,
) -> io::Result<Pid> {
    let supervisor = rustix::process::getpid();
    match process::fork()? {
        Forked::Parent(pid) => Ok(pid),
        Forked::Child => {
            let status = catch_unwind(AssertUnwindSafe(|| {
                let kept: Vec<_> = keep.iter().copied().chain(given.iter().map(AsFd::as_fd)).collect();
                let prepared = close(part.name, &kept).and_then(|()| {
                    let with = before()?;
                    confine(part, supervisor)?;
                    Ok(with)
                });
                match prepared {
                    Ok(with) => role(given, with),
                    Err(why) => {
                        tracing::error!("{} cannot start: {why}", part.name.to_string_lossy());
                        1
                    }
                }
            }));
            process::exit_now(status.unwrap_or(PANICKED))
        }
    }
}

/// Finds something out in a process of its own, with which all ends that it has read. Passes on the answer, or what went wrong.
///
/// # Errors
///
/// What `check` says, or why it could not be run.
pub(crate) fn try_out(check: impl FnOnce() -> Result<bool, String>) -> Result<bool, String> {
    let failed = |error: &dyn std::fmt::Display| format!("a process to check the configuration: {error}");
    let (reader, writer) = rustix::pipe::pipe().map_err(|error| failed(&error))?;
    match process::fork().map_err(|error| failed(&error))? {
        Forked::Child => {
            let said = catch_unwind(AssertUnwindSafe(check));
            let said = said.unwrap_or_else(|_| Err("it panicked".to_owned()));
            let status = match &said {
                Ok(true) => YES,
                Ok(false) => NO,
                Err(_) => 1,
            };
            let what = said.err().unwrap_or_default();
            let written = std::fs::File::from(writer).write_all(what.as_bytes());
            process::exit_now(if written.is_ok() { status } else { 1 })
        }
        Forked::Parent(pid) => {
            drop(writer);
            let mut what = String::new();
            let read = std::fs::File::from(reader).read_to_string(&mut what);
            let ending = process::await_end(pid).map_err(|error| failed(&error))?;
            match (ending, read) {
                (Ending::Exited(YES), Ok(_)) => Ok(true),
                (Ending::Exited(NO), Ok(_)) => Ok(false),
                (_, Ok(_)) if !what.is_empty() => Err(what),
                (ending, _) => Err(failed(&ending)),
            }
        }
    }
}

fn close(name: &'static CStr, keep: &[BorrowedFd<'_>]) -> Result<(), String> {
    process::set_name(name);
    let keep: Vec<_> = keep.iter().copied().chain(logging::descriptor()).collect();
    process::close_all_but(&keep).map_err(at("closing descriptors"))?;
    sys::signals::restore().map_err(at("restoring signals"))
}

fn confine(part: &Part<'_>, supervisor: Pid) -> Result<(), String> {
    let narrow = part.seal.as_ref().is_some_and(Seal::is_narrow);
    if narrow {
        // The roles that see many sessions have their speed for it.
        sys::wiping::stop();
        process::raise_descriptor_limit();
        // It is read from a file, once.
        sys::clock::utc_offset(0);
    }
    if let Identity::User { uid, gid, file_group, chroot } = part.identity {
        if let Some(directory) = chroot {
            sys::identity::confine_to(directory).map_err(at("chroot"))?;
        }
        sys::identity::become_user(*uid, *gid, *file_group).map_err(at("changing the user"))?;
        process::no_new_privileges().map_err(at("no_new_privs"))?;
        process::not_dumpable().map_err(at("forbidding dumps"))?;
    }
    // Not sooner, since changing the user clears it.
    process::die_with_parent(supervisor).map_err(at("binding its life to the supervisor's"))?;
    match &part.seal {
        Some(seal) => seal.apply().map_err(at("sealing")),
        None => Ok(()),
    }
}

fn at(step: &'static str) -> impl Fn(io::Error) -> String {
    move |error| format!("{step}: {error}")
}
