//! The octets of Maildir messages.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::{FileType, Mode, OFlags};

use super::list::MaildirEntry;
use super::name;
use crate::disk::retry;
use crate::surrogate::{self, Surrogate};
use crate::widths::to_u64;
use crate::wire;

/// How much is read at a time, in octets. A smaller file is read as a whole: that costs no more than looking
/// at its end.
const CHUNK: usize = 64 * 1024;
/// How much of a large file is read, in octets, if its name tells its size: enough for its header.
const GLANCE: usize = 8 * 1024;
/// The smallest number of files that is worth a thread of its own.
const SHARE: usize = 256;
/// The most threads for one Maildir. There are more than cores because they wait for uncached files side by
/// side, and a disk answers sooner if it is asked for several files at once.
const MOST_THREADS: usize = 16;

/// What reading a message has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MessageSizes {
    /// Its octets as stored.
    pub(super) stored: u64,
    /// Its octets on the wire.
    pub(super) octets: u64,
    /// The octets on the wire of its surrogate, if it needs one.
    pub(super) surrogate: Option<u64>,
}

/// Measures the message of each entry; `None` for what is no file. Errors are returned as they are.
pub(super) fn measure_all(
    root: &File,
    mut entries: Vec<MaildirEntry>,
) -> Vec<(MaildirEntry, io::Result<Option<MessageSizes>>)> {
    let threads = (entries.len() / SHARE).clamp(1, MOST_THREADS);
    let share = entries.len().div_ceil(threads).max(1);
    // The order in which they lie on most disks, and their inodes in memory.
    entries.sort_unstable_by_key(|entry| entry.inode);
    let measure_some = |entries: Vec<MaildirEntry>| {
        let mut buffer = vec![0; CHUNK];
        let measured = entries.into_iter().map(|entry| {
            let measure = measure(root, &entry, &mut buffer);
            (entry, measure)
        });
        measured.collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let mut others = Vec::new();
        while entries.len() > share {
            let some = entries.split_off(entries.len() - share);
            others.push(scope.spawn(move || measure_some(some)));
        }
        let mut measures = measure_some(entries);
        for other in others {
            match other.join() {
                Ok(mut more) => measures.append(&mut more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        measures
    })
}

fn measure(root: &File, entry: &MaildirEntry, buffer: &mut [u8]) -> io::Result<Option<MessageSizes>> {
    let file = open(root, entry)?;
    let stat = rustix::fs::fstat(&file)?;
    if !FileType::from_raw_mode(stat.st_mode).is_file() {
        return Ok(None);
    }
    let stored = u64::try_from(stat.st_size).unwrap_or(0);
    if stored > to_u64(buffer.len())
        && let Some((claimed, wire)) = name::claimed_sizes(&entry.name)
        && claimed == stored
    {
        let mut last = [0];
        file.read_exact_at(&mut last, stored - 1)?;
        let octets = wire::octets(wire, 0, Some(last[0]));
        let glance = &mut buffer[..GLANCE];
        file.read_exact_at(glance, 0)?;
        let surrogate =
            if may_need_surrogate(glance, stored) { surrogate(&file, stored, octets)? } else { None };
        return Ok(Some(MessageSizes { stored, octets, surrogate }));
    }
    let (mut at, mut bare, mut last) = (0, 0, None);
    let mut eight_bit = false;
    loop {
        let length = retry(|| file.read_at(buffer, at))?;
        let chunk = &buffer[..length];
        eight_bit |= at == 0 && may_need_surrogate(chunk, stored);
        bare += wire::bare_feeds(last.unwrap_or(b'\n'), chunk);
        at += to_u64(length);
        last = chunk.last().copied().or(last);
        if length == 0 || at == stored {
            let octets = wire::octets(at, bare, last);
            let surrogate = if eight_bit { surrogate(&file, at, octets)? } else { None };
            return Ok(Some(MessageSizes { stored: at, octets, surrogate }));
        }
    }
}

/// Whether a message of `stored` octets that begins with `text` may need a surrogate, as far as `text` shows.
fn may_need_surrogate(text: &[u8], stored: u64) -> bool {
    let all_seen = surrogate::header_end(text).is_some() || to_u64(text.len()) >= stored;
    !all_seen || surrogate::is_needed(text)
}

/// The octets of the surrogate of a message, if it needs one.
fn surrogate(file: &File, stored: u64, octets: u64) -> io::Result<Option<u64>> {
    Ok(Surrogate::read(file, 0, stored)?.map(|surrogate| surrogate.octets(octets)))
}

/// Opens a message to look at it, without changing its access time if that is allowed.
pub(super) fn open(root: &File, entry: &MaildirEntry) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let path = entry.path();
    let file = match rustix::fs::openat(root, &path, flags | OFlags::NOATIME, Mode::empty()) {
        Err(rustix::io::Errno::PERM) => rustix::fs::openat(root, &path, flags, Mode::empty()),
        answer => answer,
    };
    Ok(File::from(file?))
}
