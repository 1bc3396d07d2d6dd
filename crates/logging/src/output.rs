//! Where the lines of this process, and of those it forks, go.

use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use ipc::log::LogLine;
use ipc::wire::Wait;
use rustix::net::sockopt;

use crate::render;

/// How much of the queue the kernel keeps, in octets: some thousand lines.
const QUEUE: usize = 1 << 20;

static OUTPUT: OnceLock<Output> = OnceLock::new();
/// The lines that did not fit into the queue since the last one that did.
static LOST: AtomicU32 = AtomicU32::new(0);

pub(crate) enum Output {
    StandardError,
    Queue(OwnedFd),
}

impl Output {
    /// A queue, and its other end for the log role.
    ///
    /// # Errors
    ///
    /// What socketpair(2) reports.
    pub(crate) fn queue() -> io::Result<(Self, OwnedFd)> {
        let (far, near) = sys::seqpacket::pair()?;
        // Only root may exceed the system's usual limit; with less room, lines are lost earlier.
        if sockopt::set_socket_send_buffer_size_force(&near, QUEUE).is_err() {
            let _ = sockopt::set_socket_send_buffer_size(&near, QUEUE);
        }
        Ok((Self::Queue(near), far))
    }

    /// Makes this the output of the process. A second call, which only a test could make, changes nothing.
    pub(crate) fn set(self) {
        let _ = OUTPUT.set(self);
    }
}

/// The descriptor that a process must keep open to go on logging.
pub fn descriptor() -> Option<BorrowedFd<'static>> {
    match OUTPUT.get() {
        Some(Output::Queue(queue)) => Some(queue.as_fd()),
        Some(Output::StandardError) | None => None,
    }
}

/// Writes a line, without waiting: one that does not fit into the queue is dropped and counted.
pub(crate) fn write(mut line: LogLine) {
    match OUTPUT.get() {
        Some(Output::Queue(queue)) => {
            line.lost = LOST.swap(0, Ordering::Relaxed);
            if ipc::send(queue, &line, &[], Wait::No).is_err() {
                LOST.fetch_add(line.lost.saturating_add(1), Ordering::Relaxed);
            }
        }
        Some(Output::StandardError) => {
            let mut text = Vec::with_capacity(256);
            render::text(&line, &mut text);
            // If standard error is closed, nobody wants to read it.
            let _ = io::stderr().write_all(&text);
        }
        None => {}
    }
}
