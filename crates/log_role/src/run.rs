//! The role's loop: takes lines from the queue and has them written.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use ipc::log::{Line, ToLog};
use ipc::receive;
use ipc::wire::{self, Wait};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::keeper::Keeper;
use crate::settings::{Channels, Settings};

/// After a write, lines are gathered this long and written with one call: waking up is what costs.
const GATHER: Duration = Duration::from_millis(10);

/// The most lines that are written with one call.
const MOST_GATHERED: usize = 1000;

/// Runs the role until the supervisor closes the channel of the orders; then writes what is in the queue and
/// ends. Returns the exit status.
pub fn run(channels: Channels<'_>, settings: &Settings) -> i32 {
    let mut keeper = Keeper::new(settings);
    let mut buffer = vec![0; wire::MOST_OCTETS];
    let mut ending = false;
    loop {
        let taken = take_lines(channels.lines, &mut keeper, &mut buffer);
        keeper.write(Instant::now());
        if ending {
            match taken {
                0 => return 0,
                _ => continue,
            }
        }
        let (lines, until) = match taken {
            0 => (Some(channels.lines), keeper.next_try()),
            MOST_GATHERED.. => continue,
            _ => (None, Some(Instant::now() + GATHER)),
        };
        if !await_either(channels.orders, lines, until) {
            continue;
        }
        match receive::<ToLog>(channels.orders, &mut buffer, Wait::No) {
            Ok(Some((ToLog::Reopen, _))) => {
                if !keeper.reopen(Instant::now()) {
                    // The folder may have been replaced since this process was sandboxed. The next process
                    // will see it.
                    return 1;
                }
            }
            Err(error) if error.would_block() => {}
            Ok(None) | Err(_) => ending = true,
        }
    }
}

/// Takes what is in the queue. Returns the number of messages.
fn take_lines(lines: &OwnedFd, keeper: &mut Keeper, buffer: &mut [u8]) -> usize {
    for taken in 0..MOST_GATHERED {
        match receive::<Line>(lines, buffer, Wait::No) {
            Ok(Some((line, _))) => keeper.take(&line),
            // A message that is no line counts as a lost one; the next one may be good.
            Err(wire::Error::Malformed(_) | wire::Error::TooLong(_)) => keeper.lost(1),
            Err(wire::Error::Io(error)) if error.kind() == io::ErrorKind::InvalidData => keeper.lost(1),
            Ok(None) | Err(wire::Error::Io(_)) => return taken,
        }
    }
    MOST_GATHERED
}

/// Waits for an order, and for lines if `lines` is given. Returns whether there is an order.
fn await_either(orders: &OwnedFd, lines: Option<&OwnedFd>, until: Option<Instant>) -> bool {
    let timeout =
        until.and_then(|until| Timespec::try_from(until.saturating_duration_since(Instant::now())).ok());
    let mut polled: Vec<PollFd<'_>> =
        [Some(orders), lines].into_iter().flatten().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
    match poll(&mut polled, timeout.as_ref()) {
        Ok(_) => polled.first().is_some_and(|orders| !orders.revents().is_empty()),
        Err(_) => false, // interrupted: the loop comes again
    }
}
