//! What all tests use: a daemon or `mpopd try` in a folder of its own, mailboxes with known messages, a POP3
//! client that hides nothing (`pop3_client`), and a view of the processes.

pub(crate) mod ctl;
mod daemon;
pub(crate) mod mailbox;
pub(crate) mod memory;
pub(crate) mod messages;
pub(crate) mod need;
mod port;
pub(crate) mod process;
mod scratch;
mod trial;

use std::thread;
use std::time::{Duration, Instant};

pub(crate) use daemon::Daemon;
pub(crate) use mailbox::{Format, Snapshot};
pub(crate) use messages::Message;
pub(crate) use pop3_client::blocking::{PATIENCE, Pop3Client, TestAccount};
pub(crate) use port::Port;
pub(crate) use process::Process;
pub(crate) use scratch::{Scratch, give};
pub(crate) use trial::{RunBy, Trial};

/// A uid (and gid) that owns virtual users' mail and has no passwd entry.
pub(crate) const OWNER: u32 = 54_321;

/// A second such owner.
pub(crate) const OTHER_OWNER: u32 = 54_322;

/// The program under test, as Cargo built it.
pub(crate) const MPOPD: &str = env!("CARGO_BIN_EXE_mpopd");

/// Calls `probe` again and again until it returns something.
///
/// # Panics
///
/// After [`PATIENCE`], with `what`.
pub(crate) fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < end, "did not happen within {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Do the tests run as root? Only then do roles change their uids.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
