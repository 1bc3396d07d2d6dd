//! Feeds a file to scanners, in large chunks, and a large file on several threads.

use std::fs::File;
use std::io;
use std::num::NonZero;
use std::os::unix::fs::FileExt;
use std::path::Path;

use memchr::memrchr;
use rustix::fs::Advice;

use super::bodies::{count_quoted, measure_surrogates};
use super::lines::LineScanner;
use super::message::{MboxMessage, ScanStop};
use super::scan::Scanner;
use crate::disk::retry;
use crate::error::{Doing, OpenError, OsError};
use crate::lock::LockedMailbox;
use crate::settings::Settings;
use crate::widths::{at_most, to_u64, to_usize};

/// Large enough to make system calls cheap, and small enough that a chunk and what is computed from it stay
/// in the second-level cache.
const CHUNK: usize = 256 * 1024;
/// How much of the file the kernel is asked to read ahead, in octets.
const AHEAD: u64 = 4 * 1024 * 1024;
/// The smallest part of a file that is worth a thread of its own, in octets.
const SHARE: u64 = 32 * 1024 * 1024;
/// The most threads that read one file. More would only wait for memory.
const MOST_THREADS: u64 = 4;

/// Why a file could not be scanned.
#[derive(Debug)]
pub(super) enum ScanError {
    NotAnMbox,
    TooManyMessages { limit: u32 },
    Os(OsError),
}

/// A scan of a file, or of the end of one.
pub(super) struct FileScan<'a> {
    pub(super) file: &'a File,
    pub(super) path: &'a Path,
    /// The rules by which messages are found.
    pub(super) settings: &'a Settings,
    /// Where to begin, in octets: at 0, or where a message is known to begin.
    pub(super) from: u64,
    /// Where to end: the size of the file, in octets.
    pub(super) size: u64,
    /// The most messages that may be found.
    pub(super) limit: u32,
}

impl FileScan<'_> {
    /// Finds the messages, and refreshes the locks of `mailbox` meanwhile.
    pub(super) fn run(&self, mailbox: &LockedMailbox<'_>) -> Result<Vec<MboxMessage>, ScanError> {
        let _ = rustix::fs::fadvise(self.file, 0, None, Advice::Sequential);
        let cores = std::thread::available_parallelism().map_or(1, |cores| to_u64(cores.get()));
        let length = self.size.saturating_sub(self.from);
        // With patterns, the meaning of a line may depend on all lines before it.
        let most = if self.settings.boundaries.patterns().is_some() { 1 } else { cores.min(MOST_THREADS) };
        let threads = (length / SHARE).clamp(1, most);
        let share = length / threads;
        let share_end = |number: u64| if number == threads { u64::MAX } else { self.from + share * number };
        let mut messages = std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads)
                .map(|number| {
                    let (from, until) = (share_end(number), share_end(number + 1));
                    scope.spawn(move || self.part(from, until, &|| ()))
                })
                .collect();
            let mut messages = self.part(self.from, share_end(1), &|| mailbox.refresh())?;
            for other in others {
                match other.join() {
                    Ok(part) => messages.append(&mut part?),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            Ok::<_, ScanError>(messages)
        })?;
        self.check(messages.len())?;
        messages.shrink_to_fit();
        count_quoted(self.file, &mut messages, self.settings.unescape_from, mailbox)
            .doing("read the mailbox", self.path)?;
        measure_surrogates(self.file, &mut messages, mailbox).doing("read the mailbox", self.path)?;
        Ok(messages)
    }

    /// The messages that begin at `from` or later and before `until`. Calls `refresh` before each chunk: one
    /// thread of several refreshes the locks.
    fn part(&self, from: u64, until: u64, refresh: &dyn Fn()) -> Result<Vec<MboxMessage>, ScanError> {
        let failed = |error: io::Error| OsError::new("read the mailbox", self.path, error);
        let mut at = self.line_before(from).map_err(failed)?;
        let mut scanner = match self.settings.boundaries.patterns() {
            None => AnyScanner::Usual(Scanner::new(at, from, until)),
            Some(patterns) => AnyScanner::Lines(LineScanner::new(patterns, at, until)),
        };
        let mut buffer = vec![0; CHUNK];
        let mut asked_for = at;
        while at < self.size {
            refresh();
            if at + AHEAD > asked_for {
                // In larger pieces than the kernel would choose: the disk reads the next one while this one
                // is scanned.
                let _ = rustix::fs::fadvise(self.file, asked_for, NonZero::new(AHEAD), Advice::WillNeed);
                asked_for += AHEAD;
            }
            let want = at_most(self.size - at, CHUNK);
            let length = retry(|| self.file.read_at(&mut buffer[..want], at)).map_err(failed)?;
            if length == 0 {
                // It became shorter, in spite of our locks.
                return Err(failed(io::ErrorKind::UnexpectedEof.into()).into());
            }
            match scanner.feed(&buffer[..length]) {
                Ok(()) => {}
                Err(ScanStop::Limit) => break,
                Err(ScanStop::NotAnMbox) => return Err(ScanError::NotAnMbox),
            }
            at += to_u64(length);
            self.check(scanner.found())?;
        }
        scanner.finish().map_err(|_| ScanError::NotAnMbox)
    }

    /// Where the last line before offset `from` begins.
    fn line_before(&self, from: u64) -> io::Result<u64> {
        let mut end = from.saturating_sub(1);
        let mut buffer = vec![0; at_most(end, CHUNK)];
        while end > 0 {
            let window = &mut buffer[..at_most(end, CHUNK)];
            let start = end - to_u64(window.len());
            self.file.read_exact_at(window, start)?;
            if let Some(feed) = memrchr(b'\n', window) {
                return Ok(start + to_u64(feed) + 1);
            }
            end = start;
        }
        Ok(0)
    }

    fn check(&self, found: usize) -> Result<(), ScanError> {
        let limit = self.limit;
        if found > to_usize(limit) { Err(ScanError::TooManyMessages { limit }) } else { Ok(()) }
    }
}

/// The scanner for the default boundaries, or the one for any others.
enum AnyScanner<'a> {
    Usual(Scanner),
    Lines(LineScanner<'a>),
}

impl AnyScanner<'_> {
    fn feed(&mut self, chunk: &[u8]) -> Result<(), ScanStop> {
        match self {
            Self::Usual(scanner) => scanner.feed(chunk),
            Self::Lines(scanner) => scanner.feed(chunk),
        }
    }

    fn found(&self) -> usize {
        match self {
            Self::Usual(scanner) => scanner.found(),
            Self::Lines(scanner) => scanner.found(),
        }
    }

    fn finish(self) -> Result<Vec<MboxMessage>, ScanStop> {
        match self {
            Self::Usual(scanner) => scanner.finish(),
            Self::Lines(scanner) => scanner.finish(),
        }
    }
}

impl From<OsError> for ScanError {
    fn from(error: OsError) -> Self {
        Self::Os(error)
    }
}

impl ScanError {
    /// The error as a reason why `path` was not opened.
    pub(super) fn at(self, path: &Path) -> OpenError {
        match self {
            Self::NotAnMbox => OpenError::NotAMaildrop {
                path: path.to_owned(),
                expected: "an mbox, whose first line is a start line (message_start, by default \"From \")",
                found: "a file that begins otherwise".to_owned(),
            },
            Self::TooManyMessages { limit } => OpenError::TooManyMessages { path: path.to_owned(), limit },
            Self::Os(error) => error.into(),
        }
    }
}
