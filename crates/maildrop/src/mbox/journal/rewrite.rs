//! The journal of a rewrite.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::place::{JournalPlace, Replaces, RewriteFailure};
use super::record::{MARKER, RewriteRecord};
use super::region::{CHUNK, FileRegion};
use crate::disk::{retry, write_all_at};
use crate::lock::LockedMailbox;
use crate::widths::{to_u64, to_usize};

const _: () = assert!(MARKER <= CHUNK);

/// The length of the checksum at a journal's end, in octets.
const CHECKSUM: usize = 32;

/// A complete journal: the tail, the record, the record's length (4 octets), and a checksum of the tail and
/// the record.
pub(crate) struct RewriteJournal {
    file: File,
    record: RewriteRecord,
}

/// A part of a tail.
#[derive(Clone, Copy)]
pub(crate) enum TailPart<'a> {
    /// What lies in a file.
    Of(&'a File, FileRegion),
    Octets(&'a [u8]),
}

/// What a mailbox looks like, compared with its journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RewriteState {
    /// The file has not been cut yet: the rewrite must be completed.
    Pending,
    /// The file has been cut: the rewrite is complete.
    Done,
    /// Neither: another program has changed the mailbox since.
    Foreign,
}

impl RewriteJournal {
    /// Prepares to replace the region `replaced` of the mailbox, which reached to its end when it was parsed,
    /// by the tail `parts`. The mailbox itself is not changed.
    pub(crate) fn write(
        place: JournalPlace<'_>,
        mailbox: &LockedMailbox<'_>,
        replaced: FileRegion,
        parts: &[TailPart<'_>],
        replaces: Replaces,
    ) -> Result<Self, RewriteFailure> {
        place.install(replaces, |file| Self::fill(place, file, mailbox, replaced, parts, replaces))
    }

    /// The journal in a file, if it is whole.
    pub(super) fn open(file: File) -> io::Result<Option<Self>> {
        let size = file.metadata()?.len();
        let Some(end) = size.checked_sub(to_u64(CHECKSUM + 4)) else { return Ok(None) };
        let mut trailer = [0; CHECKSUM + 4];
        file.read_exact_at(&mut trailer, end)?;
        let (length, checksum) = trailer.split_at(4);
        let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]);
        let Some(tail) = end.checked_sub(u64::from(length)) else { return Ok(None) };
        let mut record = vec![0; to_usize(length.min(RewriteRecord::MOST))];
        file.read_exact_at(&mut record, tail)?;
        let mut hasher = blake3::Hasher::new();
        FileRegion { offset: 0, length: tail }.each_chunk(&file, &mut |_, chunk| {
            hasher.update(chunk);
            Ok(())
        })?;
        hasher.update(&record);
        let whole = hasher.finalize() == *<&[u8; CHECKSUM]>::try_from(checksum).unwrap_or(&[0; CHECKSUM]);
        let record = RewriteRecord::decode(&record).filter(|record| whole && record.kept == tail);
        Ok(record.map(|record| Self { file, record }))
    }

    /// Finds out whether the rewrite is still to be completed.
    ///
    /// Until the file has been cut, it is at least as long as it was, and once the marker is durable, the
    /// marker is there. After the cut, the tail is in place, and the random marker is gone. Before the marker
    /// is durable, nothing else has been written: behind the place of the tail, the file is unchanged, except
    /// that the marker may be half written.
    ///
    /// A cut zeroes the rest of the block that it falls in, and that may reach the disk without the new
    /// length (XFS even makes sure of it). So zeros in place of the marker mean that the file is still to be
    /// cut.
    pub(super) fn state(&self, mailbox: &File) -> io::Result<RewriteState> {
        let record = &self.record;
        let size = mailbox.metadata()?.len();
        if size < record.size {
            let done = size >= record.end() && self.tail_is_in_place(mailbox)?;
            return Ok(if done { RewriteState::Done } else { RewriteState::Foreign });
        }
        let mut there = vec![0; record.marker.len()];
        mailbox.read_exact_at(&mut there, record.end())?;
        let zeros = there.iter().take_while(|&&octet| octet == 0).count();
        if there == record.marker || zeros > 0 && there[zeros..] == record.marker[zeros..] {
            return Ok(RewriteState::Pending);
        }
        let of_both = |(there, (marker, original)): (&u8, (&u8, &u8))| there == marker || there == original;
        let is_halfway = there.iter().zip(record.marker.iter().zip(&record.original)).all(of_both)
            && record.rest().hash(mailbox)? == record.rest_hash;
        match there == record.original {
            // A part of the marker must not stay. There may be no tail that could tell.
            false if is_halfway => Ok(RewriteState::Pending),
            // Nor must the padding, and nobody can have delivered it once more.
            true if is_halfway && record.padded => Ok(RewriteState::Pending),
            _ if self.tail_is_in_place(mailbox)? => Ok(RewriteState::Done),
            true if is_halfway => Ok(RewriteState::Pending),
            _ => Ok(RewriteState::Foreign),
        }
    }

    /// Completes the rewrite of a mailbox in [`RewriteState::Pending`], and removes the journal.
    pub(crate) fn complete(
        mut self,
        place: JournalPlace<'_>,
        mailbox: &LockedMailbox<'_>,
    ) -> Result<(), RewriteFailure> {
        let file = mailbox.file();
        loop {
            let size = file.metadata().map_err(RewriteFailure::Interrupted)?.len();
            if size < self.record.size {
                let shorter = io::Error::other("another program made the mailbox shorter meanwhile");
                return Err(RewriteFailure::Interrupted(shorter));
            }
            // Mail that was appended since the journal was written belongs to the tail.
            if size > self.record.size {
                self = self.extended(place, mailbox, size)?;
            }
            let disk = place.disk;
            let put = |bytes: &[u8], at| write_all_at(disk, file, bytes, at);
            let done: io::Result<bool> = (|| {
                put(&self.record.marker, self.record.end())?;
                retry(|| disk.sync(file))?;
                self.tail().each_chunk(&self.file, &mut |at, chunk| {
                    mailbox.refresh();
                    put(chunk, self.record.cut + at)
                })?;
                retry(|| disk.sync(file))?;
                // An agent that honours none of our locks may have delivered right now.
                if file.metadata()?.len() != self.record.size {
                    return Ok(false);
                }
                retry(|| disk.truncate(file, self.record.end()))?;
                retry(|| disk.sync(file))?;
                place.remove()?;
                Ok(true)
            })();
            if done.map_err(RewriteFailure::Interrupted)? {
                return Ok(());
            }
        }
    }

    /// The journal of the same rewrite, with the mail behind the mailbox's old end, up to `size`, added to
    /// the tail.
    fn extended(
        self,
        place: JournalPlace<'_>,
        mailbox: &LockedMailbox<'_>,
        size: u64,
    ) -> Result<Self, RewriteFailure> {
        let added = FileRegion { offset: self.record.size, length: size - self.record.size };
        let parts = [TailPart::Of(&self.file, self.tail()), TailPart::Of(mailbox.file(), added)];
        let replaced = FileRegion { offset: self.record.cut, length: size - self.record.cut };
        // If this fails, the journal that we have is still there.
        Self::write(place, mailbox, replaced, &parts, Replaces::Journal)
            .map_err(|failure| RewriteFailure::Interrupted(failure.into_error()))
    }

    /// Writes a journal into `file`.
    fn fill(
        place: JournalPlace<'_>,
        file: &File,
        mailbox: &LockedMailbox<'_>,
        replaced: FileRegion,
        parts: &[TailPart<'_>],
        replaces: Replaces,
    ) -> io::Result<Self> {
        let disk = place.disk;
        let mut hasher = blake3::Hasher::new();
        let mut at = 0;
        let mut add = |chunk: &[u8]| {
            mailbox.refresh();
            hasher.update(chunk);
            write_all_at(disk, file, chunk, at)?;
            at += to_u64(chunk.len());
            Ok(())
        };
        for part in parts {
            match *part {
                TailPart::Of(source, region) => region.each_chunk(source, &mut |_, chunk| add(chunk))?,
                TailPart::Octets(octets) => add(octets)?,
            }
        }
        // Not the size that the mailbox has by now: mail that an agent without locks has added is in no part.
        let padded = replaces == Replaces::Padding;
        let mut record = RewriteRecord::new(place.path, replaced.offset, at, replaced.end(), padded)?;
        let end = record.end();
        mailbox.file().read_exact_at(&mut record.original, end)?;
        record.rest_hash = record.rest().hash(mailbox.file())?;
        let mut end = record.encode();
        hasher.update(&end);
        let length = u32::try_from(end.len()).map_err(io::Error::other)?;
        end.extend(length.to_le_bytes());
        end.extend(hasher.finalize().as_bytes());
        write_all_at(disk, file, &end, at)?;
        // The agent that appended the last mail need not have made it durable.
        retry(|| disk.sync(mailbox.file()))?;
        Ok(Self { file: file.try_clone()?, record })
    }

    /// The tail in the journal's file.
    fn tail(&self) -> FileRegion {
        FileRegion { offset: 0, length: self.record.kept }
    }

    fn tail_is_in_place(&self, mailbox: &File) -> io::Result<bool> {
        let mut there = vec![0; CHUNK];
        let mut same = true;
        self.tail().each_chunk(&self.file, &mut |at, chunk| {
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
