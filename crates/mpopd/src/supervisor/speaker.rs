//! The sources of events, and waiting for them.

use std::os::fd::BorrowedFd;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec};

/// A source of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaker {
    /// The kernel, with a signal.
    Signals,
    /// A process of the generation with this number.
    Role(u32, RoleSpeaker),
    /// The program that is to take over.
    Successor,
    /// The control socket, to which a client connects.
    Clients,
    /// The client of the control socket with this number.
    Client(u64),
}

/// A process of a generation that has something to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RoleSpeaker {
    Session,
    /// The auth process in this slot.
    Auth(usize),
    Directory,
}

/// Waits until one of the sources can be read, or until the time. Returns those that can.
pub(super) fn wait<'a>(
    speakers: impl Iterator<Item = (Speaker, BorrowedFd<'a>, PollFlags)>,
    until: Option<Instant>,
) -> Vec<Speaker> {
    let (speakers, mut polled): (Vec<Speaker>, Vec<PollFd<'_>>) =
        speakers.map(|(speaker, fd, events)| (speaker, PollFd::from_borrowed_fd(fd, events))).unzip();
    let timeout =
        until.and_then(|until| Timespec::try_from(until.saturating_duration_since(Instant::now())).ok());
    if rustix::event::poll(&mut polled, timeout.as_ref()).is_err() {
        return Vec::new(); // interrupted: the loop comes again
    }
    let ready = speakers.iter().zip(&polled).filter(|(_, polled)| !polled.revents().is_empty());
    ready.map(|(speaker, _)| *speaker).collect()
}
