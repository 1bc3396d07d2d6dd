//! The journal: what makes closing up a mailbox in place safe against a crash at any instruction.
//!
//! From the first change on, all of the file is replaced by a new tail: the kept mail, moved up, and what is put in. Then the file is
//! cut; where it would not become shorter it first gets [`Room`]. The steps, each durable before the next:
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
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::record::{MARK, Record};
use super::room::Room;
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

/// Where the journal of a mailbox lies, and how anything is written.
#[derive(Clone, Copy)]
pub(super) struct Desk<'a> {
    pub(super) disk: &'a dyn Disk,
    pub(super) folder: &'a File,
    /// The journal's name in the folder.
    pub(super) name: &'a str,
    /// Where the mailbox lies, for whoever looks into a journal.
    pub(super) path: &'a Path,
}

/// What lies under the name of a journal.
pub(super) enum Entry {
    Rewrite(Journal),
    Room(Room),
    /// Nothing that is whole.
    Broken,
}

/// What a journal takes the place of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    Nothing,
    Room,
    Journal,
}

/// A part of a file, in octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) offset: u64,
    pub(super) length: u64,
}

impl Extent {
    pub(super) fn end(&self) -> u64 {
        self.offset + self.length
    }
}

/// A part of a tail.
#[derive(Clone, Copy)]
pub(super) enum Part<'a> {
    /// What lies in a file.
    Of(&'a File, Extent),
    Octets(&'a [u8]),
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

impl Failure {
    pub(super) fn into_error(self) -> io::Error {
        match self {
            Failure::Untouched(error) | Failure::Interrupted(error) => error,
        }
    }
}

impl Desk<'_> {
    /// Removes what lies under the name, durably.
    pub(super) fn remove(&self) -> io::Result<()> {
        retry(|| self.disk.unlink(self.folder.as_fd(), Path::new(self.name)))?;
        retry(|| self.disk.sync(self.folder))
    }

    /// Looks what lies under the name.
    pub(super) fn look(&self) -> io::Result<Entry> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(self.folder, self.name, flags, Mode::empty())?);
        let mut octets = [0; Room::ENCODED];
        if file.metadata()?.len() == octets.len() as u64 {
            file.read_exact_at(&mut octets, 0)?;
            if let Some(room) = Room::decode(&octets) {
                return Ok(Entry::Room(room));
            }
        }
        Ok(Journal::open(file)?.map_or(Entry::Broken, Entry::Rewrite))
    }
}

impl Journal {
    /// Prepares to replace the part `replaced` of `mailbox`, which reached to its end when it was parsed, by the tail `parts`.
    /// Nothing in the mailbox has changed after that.
    pub(super) fn write(
        desk: Desk<'_>,
        mailbox: &File,
        replaced: Extent,
        parts: &[Part<'_>],
        over: Over,
        keep: &mut dyn FnMut(),
    ) -> Result<Journal, Failure> {
        let record = |file: &File| Journal::fill(desk, file, mailbox, replaced, parts, over, keep);
        install(desk, over, record)
    }

    /// The journal in a file, if it is whole.
    fn open(file: File) -> io::Result<Option<Journal>> {
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
            // Nor must the room, and nobody can have delivered it once more.
            true if is_halfway && record.room => Ok(State::Pending),
            _ if self.tail_is_in_place(mailbox)? => Ok(State::Done),
            true if is_halfway => Ok(State::Pending),
            _ => Ok(State::Foreign),
        }
    }

    /// Completes the rewrite of a mailbox that is in [`State::Pending`], and removes the journal.
    pub(super) fn complete(
        mut self,
        desk: Desk<'_>,
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
                self = self.extended(desk, mailbox, size, keep)?;
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
                desk.remove()?;
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
        mailbox: &File,
        size: u64,
        keep: &mut dyn FnMut(),
    ) -> Result<Journal, Failure> {
        let tail = Extent { offset: 0, length: self.record.kept };
        let added = Extent { offset: self.record.size, length: size - self.record.size };
        let parts = [Part::Of(&self.file, tail), Part::Of(mailbox, added)];
        let replaced = Extent { offset: self.record.cut, length: size - self.record.cut };
        // Where it fails, the journal that we have is still there.
        Journal::write(desk, mailbox, replaced, &parts, Over::Journal, keep)
            .map_err(|failure| Failure::Interrupted(failure.into_error()))
    }

    /// Writes a journal into `file`.
    fn fill(
        desk: Desk<'_>,
        file: &File,
        mailbox: &File,
        replaced: Extent,
        parts: &[Part<'_>],
        over: Over,
        keep: &mut dyn FnMut(),
    ) -> io::Result<Journal> {
        let disk = desk.disk;
        let mut hasher = blake3::Hasher::new();
        let mut at = 0;
        let mut add = |chunk: &[u8]| {
            keep();
            hasher.update(chunk);
            write_all_at(disk, file, chunk, at)?;
            at += chunk.len() as u64;
            Ok(())
        };
        for part in parts {
            match *part {
                Part::Of(source, extent) => each_chunk(source, extent, &mut |_, chunk| add(chunk))?,
                Part::Octets(octets) => add(octets)?,
            }
        }
        // Not the size that the mailbox has by now: what an agent without locks has added is in none of the parts.
        let mut record = Record::new(desk.path, replaced.offset, at, replaced.end(), over == Over::Room)?;
        let end = record.end();
        mailbox.read_exact_at(&mut record.original, end)?;
        record.rest_hash = rest_hash(mailbox, record.rest())?;
        let mut end = record.encode();
        hasher.update(&end);
        end.extend((end.len() as u32).to_le_bytes());
        end.extend(hasher.finalize().as_bytes());
        write_all_at(disk, file, &end, at)?;
        // The agent that appended the last mail need not have made it durable.
        retry(|| disk.sync(mailbox))?;
        Ok(Journal { file: file.try_clone()?, record })
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

/// Lays under the desk's name what `fill` writes into a file: whole and durable, or not at all.
pub(super) fn install<T>(
    desk: Desk<'_>,
    over: Over,
    fill: impl FnOnce(&File) -> io::Result<T>,
) -> Result<T, Failure> {
    let name = draft_name(desk.name);
    let draft = Desk { name: &name, ..desk };
    let folder = desk.folder.as_fd();
    let (from, to) = (Path::new(&name), Path::new(desk.name));
    let written = fill_draft(draft, fill)
        .and_then(|filled| retry(|| desk.disk.rename(folder, from, to)).map(|()| filled))
        .inspect_err(|_| drop(desk.disk.unlink(folder, from)))
        .map_err(Failure::Untouched)?;
    match retry(|| desk.disk.sync(desk.folder)) {
        Ok(()) => Ok(written),
        // It may stay as well as go, since nothing was done yet; but it must not stay unknown to us.
        Err(error) if over == Over::Nothing && desk.remove().is_ok() => Err(Failure::Untouched(error)),
        Err(error) => Err(Failure::Interrupted(error)),
    }
}

/// Makes a file under a name that no one looks for, and what `fill` writes into it durable.
fn fill_draft<T>(desk: Desk<'_>, fill: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
    let (disk, folder, name) = (desk.disk, desk.folder.as_fd(), Path::new(desk.name));
    let file = match retry(|| disk.create(folder, name)) {
        // Left behind by a crash, since only the holder of the session lock writes it.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            retry(|| disk.unlink(folder, name))?;
            retry(|| disk.create(folder, name))?
        }
        answer => answer?,
    };
    let filled = fill(&file)?;
    retry(|| disk.sync(&file))?;
    Ok(filled)
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
