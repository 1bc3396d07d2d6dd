//! What a journal says is to be done.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::journal::Extent;

/// The length of a mark, if the file becomes shorter by as much, in octets.
pub(super) const MARK: usize = 32;

const MAGIC: &[u8; 16] = b"mpopd journal 2\n";

/// The rewrite of one mailbox. Offsets and lengths are in octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// The place of the tail: where the first removed message begins.
    pub(super) cut: u64,
    /// The length of the tail.
    pub(super) kept: u64,
    /// The size of the mailbox before.
    pub(super) size: u64,
    /// Whether the last of these octets were room: zeros, which no mail ends in.
    pub(super) room: bool,
    /// What is written at the new end while the file has not been cut.
    pub(super) mark: Vec<u8>,
    /// What was there before the mark.
    pub(super) original: Vec<u8>,
    /// A hash of what lies from there to the file's old end.
    pub(super) rest_hash: [u8; 32],
    /// Where the mailbox lay.
    pub(super) path: Vec<u8>,
}

impl Record {
    /// The longest encoded record, in octets.
    pub(super) const MOST: u32 = 8192;

    /// A record with a fresh mark, and without what is read from the mailbox: `original` and `rest_hash`.
    pub(super) fn new(path: &Path, cut: u64, kept: u64, size: u64, room: bool) -> io::Result<Record> {
        let removed = cut.checked_add(kept).and_then(|end| size.checked_sub(end));
        let removed =
            removed.ok_or_else(|| io::Error::other("the mailbox is shorter than what is kept of it"))?;
        let mut mark = vec![0; MARK.min(removed as usize)];
        getrandom::fill(&mut mark).map_err(io::Error::other)?;
        let original = vec![0; mark.len()];
        let path = path.as_os_str().as_bytes().to_vec();
        Ok(Record { cut, kept, size, room, mark, original, rest_hash: [0; 32], path })
    }

    /// Where the mailbox will end.
    pub(super) fn end(&self) -> u64 {
        self.cut + self.kept
    }

    /// From behind the mark to the old end.
    pub(super) fn rest(&self) -> Extent {
        let offset = self.end() + self.mark.len() as u64;
        Extent { offset, length: self.size.saturating_sub(offset) }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        for number in [self.cut, self.kept, self.size, u64::from(self.room)] {
            out.extend(number.to_le_bytes());
        }
        out.extend((self.mark.len() as u32).to_le_bytes());
        for octets in [&self.mark[..], &self.original, &self.rest_hash, &self.path] {
            out.extend(octets);
        }
        out
    }

    pub(super) fn decode(octets: &[u8]) -> Option<Record> {
        let mut rest = octets.strip_prefix(MAGIC)?;
        let mut number = || {
            let (number, after) = rest.split_first_chunk::<8>()?;
            rest = after;
            Some(u64::from_le_bytes(*number))
        };
        let (cut, kept, size, room) = (number()?, number()?, number()?, number()? != 0);
        let (mark_length, rest) = rest.split_first_chunk::<4>()?;
        let mark_length = u32::from_le_bytes(*mark_length) as usize;
        let (mark, rest) = rest.split_at_checked(mark_length)?;
        let (original, rest) = rest.split_at_checked(mark_length)?;
        let (rest_hash, path) = rest.split_first_chunk::<32>()?;
        let removed = size.checked_sub(cut.checked_add(kept)?)?;
        (mark_length == MARK.min(removed as usize)).then(|| Record {
            cut,
            kept,
            size,
            room,
            mark: mark.to_vec(),
            original: original.to_vec(),
            rest_hash: *rest_hash,
            path: path.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn survives_and_refuses_what_is_inconsistent() {
        for removed in [1, 6, 31, 32, 1_000_000] {
            let record =
                Record::new(Path::new("/var/mail/alice"), 10, 20, 30 + removed, removed == 6).unwrap();
            assert_eq!(record.mark.len() as u64, removed.min(32));
            assert_eq!(record.rest().offset + record.rest().length, record.size);
            let octets = record.encode();
            assert!(octets.len() < Record::MOST as usize);
            assert_eq!(Record::decode(&octets), Some(record));
        }
        assert!(Record::new(Path::new("/m"), 10, 20, 29, false).is_err());
        assert!(Record::new(Path::new("/m"), 10, u64::MAX, 29, false).is_err());
    }

    proptest! {
        #[test]
        fn no_octets_make_decoding_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Record::decode(&octets);
            let _ = Record::decode(&[&MAGIC[..], &octets].concat());
        }
    }
}
