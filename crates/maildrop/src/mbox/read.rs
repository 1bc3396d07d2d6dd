//! Feeds a file to scanners: in large chunks, and a large file on several threads.

use std::fs::File;
use std::io;
use std::num::NonZero;
use std::os::unix::fs::FileExt;
use std::path::Path;

use memchr::memrchr;
use rustix::fs::Advice;

use super::bodies::{count_quoted, measure_surrogates};
use super::lines::LineScanner;
use super::scan::{Message, Scanner, Stop};
use crate::Settings;
use crate::disk::retry;
use crate::error::{Doing, OpenError, Refusal};

/// Large enough to make system calls cheap, small enough to stay in the second-level cache with what is done there.
const CHUNK: usize = 256 * 1024;
/// How much of the file the kernel is asked to read ahead, in octets.
const AHEAD: u64 = 4 * 1024 * 1024;
/// What a thread must have to read to be worth its start, in octets.
const SHARE: u64 = 32 * 1024 * 1024;
/// The most threads that read one file. More would only wait for memory.
const MOST_THREADS: usize = 4;

/// Why a file could not be scanned.
#[derive(Debug)]
pub(super) enum ScanError {
    NotAnMbox,
    TooManyMessages { limit: u32 },
    Refused(Refusal),
}

/// A scan to be done.
pub(super) struct Job<'a> {
    pub(super) file: &'a File,
    pub(super) path: &'a Path,
    /// What the messages are.
    pub(super) settings: &'a Settings,
    /// Where to begin, in octets: at 0, or where a message is known to begin.
    pub(super) from: u64,
    /// Where to end: the size of the file, in octets.
    pub(super) size: u64,
    /// The most messages that may be found.
    pub(super) limit: u32,
}

impl Job<'_> {
    /// Finds the messages, calling `keep` again and again meanwhile.
    pub(super) fn run(&self, keep: &mut dyn FnMut()) -> Result<Vec<Message>, ScanError> {
        let _ = rustix::fs::fadvise(self.file, 0, None, Advice::Sequential);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let length = self.size.saturating_sub(self.from);
        // With patterns, what a line is may depend on all lines before it.
        let most = if self.settings.boundaries.patterns().is_some() { 1 } else { cores.min(MOST_THREADS) };
        let threads = ((length / SHARE) as usize).clamp(1, most) as u64;
        let share = length / threads;
        let share_end = |number: u64| if number == threads { u64::MAX } else { self.from + share * number };
        let mut messages = std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads)
                .map(|number| {
                    let (from, until) = (share_end(number), share_end(number + 1));
                    scope.spawn(move || self.part(from, until, &mut || ()))
                })
                .collect();
            let mut messages = self.part(self.from, share_end(1), keep)?;
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
        count_quoted(self.file, &mut messages, self.settings.unescape_from, keep)
            .doing("read the mailbox", self.path)?;
        measure_surrogates(self.file, &mut messages, keep).doing("read the mailbox", self.path)?;
        Ok(messages)
    }

    /// The messages that begin from `from` on and before `until`.
    fn part(&self, from: u64, until: u64, keep: &mut dyn FnMut()) -> Result<Vec<Message>, ScanError> {
        let refused = |error: io::Error| Refusal::new("read the mailbox", self.path, error);
        let mut at = self.line_before(from).map_err(refused)?;
        let mut scanner = match self.settings.boundaries.patterns() {
            None => Either::Usual(Scanner::new(at, from, until)),
            Some(patterns) => Either::Lines(LineScanner::new(patterns, at, until)),
        };
        let mut buffer = vec![0; CHUNK];
        let mut asked_for = at;
        while at < self.size {
            keep();
            if at + AHEAD > asked_for {
                // In larger pieces than the kernel would by itself: the disk is at work on the next one while this one is counted.
                let _ = rustix::fs::fadvise(self.file, asked_for, NonZero::new(AHEAD), Advice::WillNeed);
                asked_for += AHEAD;
            }
            let want = usize::try_from(self.size - at).map_or(CHUNK, |left| left.min(CHUNK));
            let length = retry(|| self.file.read_at(&mut buffer[..want], at)).map_err(refused)?;
            if length == 0 {
                // It became shorter, in spite of our locks.
                return Err(refused(io::ErrorKind::UnexpectedEof.into()).into());
            }
            match scanner.feed(&buffer[..length]) {
                Ok(()) => {}
                Err(Stop::Limit) => break,
                Err(Stop::NotAnMbox) => return Err(ScanError::NotAnMbox),
            }
            at += length as u64;
            self.check(scanner.found())?;
        }
        scanner.finish().map_err(|_| ScanError::NotAnMbox)
    }

    /// Where the last line before offset `from` begins.
    fn line_before(&self, from: u64) -> io::Result<u64> {
        let mut end = from.saturating_sub(1);
        let mut buffer = vec![0; CHUNK.min(end as usize)];
        while end > 0 {
            let start = end.saturating_sub(buffer.len() as u64);
            let window = &mut buffer[..(end - start) as usize];
            self.file.read_exact_at(window, start)?;
            if let Some(feed) = memrchr(b'\n', window) {
                return Ok(start + feed as u64 + 1);
            }
            end = start;
        }
        Ok(0)
    }

    fn check(&self, found: usize) -> Result<(), ScanError> {
        let limit = self.limit;
        if found > limit as usize { Err(ScanError::TooManyMessages { limit }) } else { Ok(()) }
    }
}

/// The scanner for the default boundaries, or the one for any others.
enum Either<'a> {
    Usual(Scanner),
    Lines(LineScanner<'a>),
}

impl Either<'_> {
    fn feed(&mut self, chunk: &[u8]) -> Result<(), Stop> {
        match self {
            Either::Usual(scanner) => scanner.feed(chunk),
            Either::Lines(scanner) => scanner.feed(chunk),
        }
    }

    fn found(&self) -> usize {
        match self {
            Either::Usual(scanner) => scanner.found(),
            Either::Lines(scanner) => scanner.found(),
        }
    }

    fn finish(self) -> Result<Vec<Message>, Stop> {
        match self {
            Either::Usual(scanner) => scanner.finish(),
            Either::Lines(scanner) => scanner.finish(),
        }
    }
}

impl From<Refusal> for ScanError {
    fn from(refusal: Refusal) -> ScanError {
        ScanError::Refused(refusal)
    }
}

impl ScanError {
    /// As a reason why `path` was not opened.
    pub(super) fn at(self, path: &Path) -> OpenError {
        match self {
            ScanError::NotAnMbox => OpenError::NotAMaildrop {
                path: path.to_owned(),
                wanted: "an mbox, whose first line is a start line (message_start, by default \"From \")",
                found: "a file that begins otherwise".to_owned(),
            },
            ScanError::TooManyMessages { limit } => {
                OpenError::TooManyMessages { path: path.to_owned(), limit }
            }
            ScanError::Refused(refusal) => refusal.into(),
        }
    }
}
