//! The journal: what makes closing up a mailbox in place safe against a crash at any instruction.
//!
//! To remove messages, the kept mail behind the first of them (the tail) moves forward, and the file is cut.
//! The steps, each durable before the next:
//!
//! 1. The journal, with the tail and a [`Record`] of what is to be done, is written and gets its name.
//! 2. A random mark is written where the file will end. From now on it is certain that the file has not been cut.
//! 3. The tail is written to its new place.
//! 4. The file is cut, which removes the mark.
//! 5. The journal is removed.
//!
//! After a crash, delivery agents may append mail before we see the mailbox again, cut or not; that mail is kept, too:
//! see [`Journal::state`] for how the cases are told apart. Completing is idempotent, so a crash while completing
//! is no other case.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::record::{MARK, Record};
use crate::disk::{Disk, retry, write_all_at};

/// How much is copied at a time, in octets.
const CHUNK: usize = 1024 * 1024;
/// The length of the checksum at a journal's end.
const CHECKSUM: usize = 32;

/// A complete journal: the tail, the record, the record's length (4 octets), and a checksum over the
/// first two.
pub(super) struct Journal {
    file: File,
    record: Record,
}

/// Where journals lie, and how anything is written.
#[derive(Clone, Copy)]
pub(super) struct Desk<'a> {
    pub(super) disk: &'a dyn Disk,
    pub(super) folder: &'a File,
}

/// A part of a file, in octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// What a mailbox looks like beside its journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// The file has not been cut yet: the journal must be completed.
    Pending,
    /// The file has been cut: the journal has done its work.
    Done,
    /// Neither: another program has changed the mailbox since.
    Foreign,
}

/// How far a rewrite got before it failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The mailbox is as it was, and no journal is left.
    Untouched(io::Error),
    /// The journal is left, and completes the rewrite when the mailbox is opened again.
    Interrupted(io::Error),
}

impl Journal {
    /// Prepares to replace the part `replaced` of `mailbox`, which reached to its end when it was parsed, by the parts `kept`.
    /// Nothing in the mailbox has changed after that.
    pub(super) fn write(
        desk: Desk<'_>,
        name: &str,
        path: &Path,
        mailbox: &File,
        replaced: Extent,
        kept: &[Extent],
        keep: &mut dyn FnMut(),
    ) -> Result<Journal, Failure> {
        let parts: Vec<_> = kept.iter().map(|&extent| (mailbox, extent)).collect();
        Journal::write_parts(desk, name, path, mailbox, replaced, &parts, keep)
    }

    /// Opens the journal called `name` and checks that it is whole; `None` if it is not.
    pub(super) fn open(desk: Desk<'_>, name: &str) -> io::Result<Option<Journal>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(desk.folder, name, flags, Mode::empty())?);
        let size = file.metadata()?.len();
        let Some(end) = size.checked_sub((CHECKSUM + 4) as u64) else { return Ok(None) };
        let mut trailer = [0; CHECKSUM + 4];
        file.read_exact_at(&mut trailer, end)?;
        let (length, checksum) = trailer.split_at(4);
        let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]);
        let Some(tail) = end.checked_sub(u64::from(length)) else { return Ok(None) };
        let mut record = vec![0; length.min(Record::MOST) as usize];
        file.read_exact_at(&mut record, tail)?;
        let mut hasher = blake3::Hasher::new();
        each_chunk(&file, Extent { offset: 0, length: tail }, &mut |_, chunk| {
            hasher.update(chunk);
            Ok(())
        })?;
        hasher.update(&record);
        let whole = hasher.finalize() == *<&[u8; CHECKSUM]>::try_from(checksum).unwrap_or(&[0; CHECKSUM]);
        let record = Record::decode(&record).filter(|record| whole && record.kept == tail);
        Ok(record.map(|record| Journal { file, record }))
    }

    /// Looks whether the rewrite is still to be completed.
    ///
    /// As long as the file has not been cut, it is at least as long as it was; once the mark is durable,
    /// it is there. Once the file has been cut, the tail is in place, and the random mark is not. Before the mark
    /// is durable, nothing else has been written: behind the place of the tail, the file is as it was, but
    /// for the mark half written.
    ///
    /// A cut zeroes the rest of the block that it falls in, and that may reach the disk without the new length (XFS
    /// even sees to it). So zeros in place of the mark say that the file is still to be cut.
    pub(super) fn state(&self, mailbox: &File) -> io::Result<State> {
        let record = &self.record;
        let size = mailbox.metadata()?.len();
        if size < record.size {
            let done = size >= record.end() && self.tail_is_in_place(mailbox)?;
            return Ok(if done { State::Done } else { State::Foreign });
        }
        let mut there = vec![0; record.mark.len()];
        mailbox.read_exact_at(&mut there, record.end())?;
        let zeros = there.iter().take_while(|&&octet| octet == 0).count();
        if there == record.mark || zeros > 0 && there[zeros..] == record.mark[zeros..] {
            return Ok(State::Pending);
        }
        let of_both = |(there, (mark, original)): (&u8, (&u8, &u8))| there == mark || there == original;
        let is_halfway = there.iter().zip(record.mark.iter().zip(&record.original)).all(of_both)
            && rest_hash(mailbox, record.rest())? == record.rest_hash;
        match there == record.original {
            // A part of the mark must not stay. There may be no tail that could tell.
            false if is_halfway => Ok(State::Pending),
            _ if self.tail_is_in_place(mailbox)? => Ok(State::Done),
            true if is_halfway => Ok(State::Pending),
            _ => Ok(State::Foreign),
        }
    }

    /// Completes the rewrite of a mailbox that is in [`State::Pending`], and removes the journal `name`.
    pub(super) fn complete(
        mut self,
        desk: Desk<'_>,
        name: &str,
        mailbox: &File,
        keep: &mut dyn FnMut(),
    ) -> Result<(), Failure> {
        loop {
            // Mail was appended since the journal was written: it belongs to the tail.
            let size = mailbox.metadata().map_err(Failure::Interrupted)?.len();
            if size < self.record.size {
                let shorter = io::Error::other("another program made the mailbox shorter meanwhile");
                return Err(Failure::Interrupted(shorter));
            }
            if size > self.record.size {
                self = self.extended(desk, name, mailbox, size, keep)?;
            }
            let disk = desk.disk;
            let put = |bytes: &[u8], at| write_all_at(disk, mailbox, bytes, at);
            let done: io::Result<bool> = (|| {
                put(&self.record.mark, self.record.end())?;
                retry(|| disk.sync(mailbox))?;
                each_chunk(&self.file, Extent { offset: 0, length: self.record.kept }, &mut |at, chunk| {
                    keep();
                    put(chunk, self.record.cut + at)
                })?;
                retry(|| disk.sync(mailbox))?;
                // An agent that honours none of our locks may have delivered right now.
                if mailbox.metadata()?.len() != self.record.size {
                    return Ok(false);
                }
                retry(|| disk.truncate(mailbox, self.record.end()))?;
                retry(|| disk.sync(mailbox))?;
                remove(desk, name)?;
                Ok(true)
            })();
            if done.map_err(Failure::Interrupted)? {
                return Ok(());
            }
        }
    }

    /// The journal of the same rewrite with the mail behind its old end, up to `size`, added to the tail.
    fn extended(
        self,
        desk: Desk<'_>,
        name: &str,
        mailbox: &File,
        size: u64,
        keep: &mut dyn FnMut(),
    ) -> Result<Journal, Failure> {
        let added = Extent { offset: self.record.size, length: size - self.record.size };
        let parts = [(&self.file, Extent { offset: 0, length: self.record.kept }), (mailbox, added)];
        let path = Path::new(std::ffi::OsStr::from_bytes(&self.record.path));
        let replaced = Extent { offset: self.record.cut, length: size - self.record.cut };
        Journal::write_parts(desk, name, path, mailbox, replaced, &parts, keep).map_err(|failure| {
            match failure {
                // The journal that we have is still there.
                Failure::Untouched(error) | Failure::Interrupted(error) => Failure::Interrupted(error),
            }
        })
    }

    fn write_parts(
        desk: Desk<'_>,
        name: &str,
        path: &Path,
        mailbox: &File,
        replaced: Extent,
        parts: &[(&File, Extent)],
        keep: &mut dyn FnMut(),
    ) -> Result<Journal, Failure> {
        let draft = draft_name(name);
        let journal = Journal::draft(desk, &draft, path, mailbox, replaced, parts, keep);
        let journal = journal.inspect_err(|_| drop(desk.disk.unlink(desk.folder.as_fd(), Path::new(&draft))));
        let journal = journal.map_err(Failure::Untouched)?;
        let (from, to) = (Path::new(&draft), Path::new(name));
        if let Err(error) = retry(|| desk.disk.rename(desk.folder.as_fd(), from, to)) {
            let _ = desk.disk.unlink(desk.folder.as_fd(), from);
            return Err(Failure::Untouched(error));
        }
        match retry(|| desk.disk.sync(desk.folder)) {
            Ok(()) => Ok(journal),
            // Without the mark it may go as well as stay; but it must not stay unknown to us.
            Err(error) => Err(match remove(desk, name) {
                Ok(()) => Failure::Untouched(error),
                Err(_) => Failure::Interrupted(error),
            }),
        }
    }

    /// Writes a journal under a name that no one looks for.
    fn draft(
        desk: Desk<'_>,
        draft: &str,
        path: &Path,
        mailbox: &File,
        replaced: Extent,
        parts: &[(&File, Extent)],
        keep: &mut dyn FnMut(),
    ) -> io::Result<Journal> {
        let disk = desk.disk;
        let draft = Path::new(draft);
        let file = match retry(|| disk.create(desk.folder.as_fd(), draft)) {
            // Left behind by a crash, since only the holder of the session lock writes it.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                retry(|| disk.unlink(desk.folder.as_fd(), draft))?;
                retry(|| disk.create(desk.folder.as_fd(), draft))?
            }
            answer => answer?,
        };
        let mut hasher = blake3::Hasher::new();
        let mut at = 0;
        for &(source, extent) in parts {
            each_chunk(source, extent, &mut |_, chunk| {
                keep();
                hasher.update(chunk);
                write_all_at(disk, &file, chunk, at)?;
                at += chunk.len() as u64;
                Ok(())
            })?;
        }
        // Not the size that the mailbox has by now: what an agent without locks has added is in none of the parts.
        let size = replaced.offset + replaced.length;
        let mut record = Record::new(path, replaced.offset, at, size)?;
        let end = record.end();
        mailbox.read_exact_at(&mut record.original, end)?;
        record.rest_hash = rest_hash(mailbox, record.rest())?;
        let mut end = record.encode();
        hasher.update(&end);
        end.extend((end.len() as u32).to_le_bytes());
        end.extend(hasher.finalize().as_bytes());
        write_all_at(disk, &file, &end, at)?;
        retry(|| disk.sync(&file))?;
        // The agent that appended the last mail need not have made it durable.
        retry(|| disk.sync(mailbox))?;
        Ok(Journal { file, record })
    }

    fn tail_is_in_place(&self, mailbox: &File) -> io::Result<bool> {
        let mut there = vec![0; CHUNK];
        let mut same = true;
        each_chunk(&self.file, Extent { offset: 0, length: self.record.kept }, &mut |at, chunk| {
            if same {
                let there = &mut there[..chunk.len()];
                mailbox.read_exact_at(there, self.record.cut + at)?;
                same = there == chunk;
            }
            Ok(())
        })?;
        Ok(same)
    }
}

/// Removes the journal `name`, durably.
pub(super) fn remove(desk: Desk<'_>, name: &str) -> io::Result<()> {
    retry(|| desk.disk.unlink(desk.folder.as_fd(), Path::new(name)))?;
    retry(|| desk.disk.sync(desk.folder))
}

/// What a journal is called while it is being written.
fn draft_name(name: &str) -> String {
    format!("{name}{DRAFT}")
}

/// What the draft called `name` would have become, if it is one.
pub(super) fn of_draft(name: &str) -> Option<&str> {
    name.strip_suffix(DRAFT)
}

const DRAFT: &str = ".new";

fn rest_hash(file: &File, extent: Extent) -> io::Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    each_chunk(file, extent, &mut |_, chunk| {
        hasher.update(chunk);
        Ok(())
    })?;
    Ok(*hasher.finalize().as_bytes())
}

/// Reads a part of a file chunk by chunk, each with its offset in the part.
fn each_chunk(
    file: &File,
    extent: Extent,
    act: &mut dyn FnMut(u64, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK.min(extent.length as usize)];
    let mut done = 0;
    while done < extent.length {
        let want = usize::try_from(extent.length - done).map_or(buffer.len(), |left| left.min(buffer.len()));
        let chunk = &mut buffer[..want];
        file.read_exact_at(chunk, extent.offset + done)?;
        act(done, chunk)?;
        done += want as u64;
    }
    Ok(())
}

const _: () = assert!(MARK <= CHUNK);
