//! How every role comes into being: forked by the supervisor, without what it must not have.

use std::ffi::CStr;
use std::io;
use std::os::fd::BorrowedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use rustix::process::Pid;
use sys::process::{self, Forked};

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
        /// Confined to this directory.
        chroot: Option<PathBuf>,
    },
}

/// Forks a process that keeps only the descriptors in `keep`, becomes `identity` and runs `role`,
/// whose result is its exit status.
///
/// # Errors
///
/// What fork(2) says. What goes wrong in the child is logged there and ends it.
pub(crate) fn start(
    name: &'static CStr,
    keep: &[BorrowedFd<'_>],
    identity: &Identity,
    role: impl FnOnce() -> i32,
) -> io::Result<Pid> {
    let supervisor = rustix::process::getpid();
    match process::fork()? {
        Forked::Parent(pid) => Ok(pid),
        Forked::Child => {
            let status = catch_unwind(AssertUnwindSafe(|| match prepare(name, keep, identity, supervisor) {
                Ok(()) => role(),
                Err((step, error)) => {
                    tracing::error!("{} cannot start: {step}: {error}", name.to_string_lossy());
                    1
                }
            }));
            process::exit_now(status.unwrap_or(PANICKED))
        }
    }
}

fn prepare(
    name: &'static CStr,
    keep: &[BorrowedFd<'_>],
    identity: &Identity,
    supervisor: Pid,
) -> Result<(), (&'static str, io::Error)> {
    let at = |step: &'static str| move |error: io::Error| (step, error);
    process::set_name(name);
    process::close_all_but(keep).map_err(at("closing descriptors"))?;
    sys::signals::restore().map_err(at("restoring signals"))?;
    if let Identity::User { uid, gid, chroot } = identity {
        if let Some(directory) = chroot {
            sys::identity::confine_to(directory).map_err(at("chroot"))?;
        }
        sys::identity::become_user(*uid, *gid).map_err(at("changing the user"))?;
        process::no_new_privileges().map_err(at("no_new_privs"))?;
        process::not_dumpable().map_err(at("forbidding dumps"))?;
    }
    // Last, since changing the user clears it.
    process::die_with_parent(supervisor).map_err(at("binding its life to the supervisor's"))
}
