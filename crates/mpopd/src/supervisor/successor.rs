//! The program that is to take over, while it starts.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use rustix::event::PollFlags;
use rustix::process::{Pid, Signal};

use super::speaker::Speaker;

pub(super) struct Successor {
    pub(super) pid: Pid,
    /// On which it reports that it accepts, or why it does not.
    pub(super) report: OwnedFd,
    /// When it is given up.
    pub(super) until: Instant,
    /// The client of the control socket that asked for it.
    pub(super) client: u64,
}

impl Successor {
    pub(super) fn speaker(&self) -> (Speaker, BorrowedFd<'_>, PollFlags) {
        (Speaker::Successor, self.report.as_fd(), PollFlags::IN)
    }

    /// When it is given up.
    pub(super) fn until(&self) -> Instant {
        self.until
    }

    /// Ends it before it takes over.
    pub(super) fn kill(&self) {
        let _ = sys::process::signal(self.pid, Signal::KILL);
    }
}
