//! The log role: takes the lines of all roles from one queue and writes them where the configuration says.
//!
//! It alone has the log file. It may wait for a disk or a syslog daemon; nobody waits for it: what finds no room in
//! the queue is dropped by its sender, who counts it. What cannot be written now is kept, up to a bound, and tried again.
#![forbid(unsafe_code)]

mod datagrams;
mod file;
mod keeper;

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use ipc::log::{Line, ToLog};
use ipc::receive;
use ipc::wire::{self, Wait};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use vocabulary::{LogFormat, LogLevel, LogTarget};

use keeper::Keeper;

/// Lines that come so soon after one another are written with one call: it is waking up that costs.
const GATHER: Duration = Duration::from_millis(10);

/// The most lines that are written with one call.
const MOST_GATHERED: usize = 1000;

/// What the configuration says of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where it goes.
    pub target: LogTarget,
    /// The least important lines that are logged, if any are.
    pub level: LogLevel,
    /// How a line is written in a file, to standard error and to syslog. The journal gets fields.
    pub format: LogFormat,
    /// Whether standard error gets every line, too.
    pub stderr: bool,
}

impl Settings {
    /// The least important lines that somebody will read; `None` when nobody reads any.
    pub fn level(&self) -> Option<LogLevel> {
        (self.stderr || self.target != LogTarget::None).then_some(self.level)
    }
}

/// The ends of the channels that this role has.
pub struct Channels<'a> {
    /// The lines of all roles.
    pub lines: &'a OwnedFd,
    /// From the supervisor.
    pub orders: &'a OwnedFd,
}

/// Runs the role until the supervisor closes the channel of the orders; then it writes what is in the queue and
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
                    // The folder may be another one than when this process was sealed. The next one will see it.
                    return 1;
                }
            }
            Err(error) if error.would_block() => {}
            Ok(None) | Err(_) => ending = true,
        }
    }
}

/// Takes what is in the queue. Returns how many messages that was.
fn take_lines(lines: &OwnedFd, keeper: &mut Keeper, buffer: &mut [u8]) -> usize {
    for taken in 0..MOST_GATHERED {
        match receive::<Line>(lines, buffer, Wait::No) {
            Ok(Some((line, _))) => keeper.take(&line),
            // What is no line counts as one that was lost; the next may be one.
            Err(wire::Error::Malformed(_) | wire::Error::TooLong(_)) => keeper.lost(1),
            Err(wire::Error::Io(error)) if error.kind() == io::ErrorKind::InvalidData => keeper.lost(1),
            Ok(None) | Err(wire::Error::Io(_)) => return taken,
        }
    }
    MOST_GATHERED
}

/// Waits for an order, or for lines if they are waited for. Returns whether there is an order.
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
