//! The record in a journal: what is to be done.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::region::FileRegion;
use crate::widths::{at_most, to_u32, to_u64, to_usize};

/// The length of a marker in octets, if the file becomes shorter by at least as much.
pub(super) const MARKER: usize = 32;

const MAGIC: &[u8; 16] = b"mpopd journal 2\n";

/// The rewrite of one mailbox. Offsets and lengths are in octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RewriteRecord {
    /// The place of the tail: where the first change begins.
    pub(super) cut: u64,
    /// The length of the tail.
    pub(super) kept: u64,
    /// The size of the mailbox before the rewrite.
    pub(super) size: u64,
    /// Whether the mailbox ended in padding: zeros, in which no mail ends.
    pub(super) padded: bool,
    /// What is written at the new end until the file has been cut.
    pub(super) marker: Vec<u8>,
    /// What was there before the marker.
    pub(super) original: Vec<u8>,
    /// A hash of what lies between the marker and the file's old end.
    pub(super) rest_hash: [u8; 32],
    /// Where the mailbox lay.
    pub(super) path: Vec<u8>,
}

impl RewriteRecord {
    /// The longest encoded record, in octets.
    pub(super) const MOST: u32 = 8192;

    /// A record with a new marker. What is read from the mailbox, `original` and `rest_hash`, is still
    /// missing.
    pub(super) fn new(path: &Path, cut: u64, kept: u64, size: u64, padded: bool) -> io::Result<Self> {
        let removed = cut.checked_add(kept).and_then(|end| size.checked_sub(end));
        let removed =
            removed.ok_or_else(|| io::Error::other("the mailbox is shorter than what is kept of it"))?;
        let mut marker = vec![0; at_most(removed, MARKER)];
        getrandom::fill(&mut marker).map_err(io::Error::other)?;
        let original = vec![0; marker.len()];
        let path = path.as_os_str().as_bytes().to_vec();
        Ok(Self { cut, kept, size, padded, marker, original, rest_hash: [0; 32], path })
    }

    /// Where the mailbox will end.
    pub(super) fn end(&self) -> u64 {
        self.cut + self.kept
    }

    /// From behind the marker to the old end.
    pub(super) fn rest(&self) -> FileRegion {
        let offset = self.end() + to_u64(self.marker.len());
        FileRegion { offset, length: self.size.saturating_sub(offset) }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        for number in [self.cut, self.kept, self.size, u64::from(self.padded)] {
            out.extend(number.to_le_bytes());
        }
        out.extend(to_u32(self.marker.len()).to_le_bytes());
        for octets in [&self.marker[..], &self.original, &self.rest_hash, &self.path] {
            out.extend(octets);
        }
        out
    }

    pub(super) fn decode(octets: &[u8]) -> Option<Self> {
        let mut rest = octets.strip_prefix(MAGIC)?;
        let mut number = || {
            let (number, after) = rest.split_first_chunk::<8>()?;
            rest = after;
            Some(u64::from_le_bytes(*number))
        };
        let (cut, kept, size, padded) = (number()?, number()?, number()?, number()? != 0);
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = to_usize(u32::from_le_bytes(*length));
        let (marker, rest) = rest.split_at_checked(length)?;
        let (original, rest) = rest.split_at_checked(length)?;
        let (rest_hash, path) = rest.split_first_chunk::<32>()?;
        let removed = size.checked_sub(cut.checked_add(kept)?)?;
        (length == at_most(removed, MARKER)).then(|| Self {
            cut,
            kept,
            size,
            padded,
            marker: marker.to_vec(),
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
                RewriteRecord::new(Path::new("/var/mail/alice"), 10, 20, 30 + removed, removed == 6).unwrap();
            assert_eq!(to_u64(record.marker.len()), removed.min(32));
            assert_eq!(record.rest().offset + record.rest().length, record.size);
            let octets = record.encode();
            assert!(octets.len() < to_usize(RewriteRecord::MOST));
            assert_eq!(RewriteRecord::decode(&octets), Some(record));
        }
        assert!(RewriteRecord::new(Path::new("/m"), 10, 20, 29, false).is_err());
        assert!(RewriteRecord::new(Path::new("/m"), 10, u64::MAX, 29, false).is_err());
    }

    proptest! {
        #[test]
        fn no_octets_make_decoding_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = RewriteRecord::decode(&octets);
            let _ = RewriteRecord::decode(&[&MAGIC[..], &octets].concat());
        }
    }
}
