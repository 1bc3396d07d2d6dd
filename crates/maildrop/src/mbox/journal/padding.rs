//! Padding at the end of a mailbox that a rewrite does not make shorter, or not by much.
//!
//! A [`RewriteJournal`] needs a part of the file behind the new end for its marker. If messages get a
//! `Status:` line there may be none. Then the file is first extended with zeros, to [`MARKER`] octets more
//! than it had or will have. The rewrite removes those that are left.
//!
//! A record of the padding is durable before the file grows. It lies under the name of the journal, which
//! replaces it. So after a crash we know that the zeros are ours, even if mail was appended to them, and
//! remove them: no message has been touched at that point.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::place::{JournalPlace, Replaces, RewriteFailure};
use super::record::MARKER;
use super::region::FileRegion;
use super::rewrite::{RewriteJournal, TailPart};
use crate::disk::{retry, write_all_at};
use crate::lock::LockedMailbox;
use crate::widths::{at_most, to_u64};

/// How much of the mailbox is hashed to recognize it, in octets before its end.
const ANCHOR: usize = 64 * 1024;

const MAGIC: &[u8; 16] = b"mpopd room 1\n\0\0\0";

/// Padding that a mailbox has got, or is about to get.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Padding {
    /// Where it begins: the size of the mailbox before, in octets.
    from: u64,
    /// Where it ends.
    until: u64,
    /// A hash of what comes before it.
    anchor: [u8; 32],
}

impl Padding {
    /// Whether a rewrite that changes the size of a file from `size` to `end` octets needs padding.
    pub(crate) fn is_needed(size: u64, end: u64) -> bool {
        end + to_u64(MARKER) > size
    }

    /// Pads the mailbox of `size` octets for a rewrite after which it has `end` octets.
    pub(crate) fn make(
        place: JournalPlace<'_>,
        mailbox: &LockedMailbox<'_>,
        size: u64,
        end: u64,
    ) -> Result<Self, RewriteFailure> {
        let (disk, file) = (place.disk, mailbox.file());
        let padding = place.install(Replaces::Nothing, |draft| {
            let until = size.max(end) + to_u64(MARKER);
            let padding = Self { from: size, until, anchor: anchor(file, size)? };
            write_all_at(disk, draft, &padding.encode(), 0)?;
            // What was hashed must be there after a crash.
            retry(|| disk.sync(file))?;
            Ok(padding)
        })?;
        let made = retry(|| disk.extend(file, padding.until))
            .and_then(|()| retry(|| disk.sync(file)))
            .and_then(|()| padding.is_all_of_the_end(file));
        match made {
            Ok(()) => Ok(padding),
            Err(error) => Err(padding.abandon(place, mailbox, error)),
        }
    }

    /// The length of the file with its padding, in octets.
    pub(crate) fn until(&self) -> u64 {
        self.until
    }

    /// Removes the padding after a rewrite has failed with `error` before it had its journal. Returns how far
    /// the rewrite got.
    pub(crate) fn abandon(
        &self,
        place: JournalPlace<'_>,
        mailbox: &LockedMailbox<'_>,
        error: io::Error,
    ) -> RewriteFailure {
        match self.remove(place, mailbox) {
            Ok(true) => RewriteFailure::Untouched(error),
            Ok(false) | Err(_) => RewriteFailure::Interrupted(error),
        }
    }

    /// Removes what there is of the padding, then its record. Returns `false` and does nothing if this is
    /// another mailbox, or if another program has changed it.
    pub(super) fn remove(&self, place: JournalPlace<'_>, mailbox: &LockedMailbox<'_>) -> io::Result<bool> {
        let (disk, file) = (place.disk, mailbox.file());
        let size = file.metadata()?.len();
        if size < self.from || anchor(file, self.from)? != self.anchor {
            return Ok(false);
        }
        match self.find(file, size)? {
            Some(zeros) if zeros.end() == size => {
                retry(|| disk.truncate(file, zeros.offset))?;
                retry(|| disk.sync(file))?;
                place.remove()?;
            }
            // The mail behind it moves up, as it does behind a message that is removed.
            Some(zeros) => {
                let replaced = FileRegion { offset: zeros.offset, length: size - zeros.offset };
                let mail = FileRegion { offset: zeros.end(), length: size - zeros.end() };
                RewriteJournal::write(
                    place,
                    mailbox,
                    replaced,
                    &[TailPart::Of(file, mail)],
                    Replaces::Padding,
                )
                .and_then(|journal| journal.complete(place, mailbox))
                .map_err(RewriteFailure::into_error)?;
            }
            None => place.remove()?,
        }
        Ok(true)
    }

    /// The zeros in a mailbox of `size` octets that are the padding.
    ///
    /// They come first, and mail that was appended follows. But if an agent that honours none of our locks
    /// was faster, its mail comes first.
    fn find(&self, mailbox: &File, size: u64) -> io::Result<Option<FileRegion>> {
        let until = self.until.min(size);
        let length = usize::try_from(until.saturating_sub(self.from)).map_err(io::Error::other)?;
        let mut there = vec![0; length];
        mailbox.read_exact_at(&mut there, self.from)?;
        let first = to_u64(there.iter().take_while(|&&octet| octet == 0).count());
        let last = to_u64(there.iter().rev().take_while(|&&octet| octet == 0).count());
        Ok(match (first, last) {
            (1.., _) => Some(FileRegion { offset: self.from, length: first }),
            (0, 1..) if until == self.until => Some(FileRegion { offset: until - last, length: last }),
            _ => None,
        })
    }

    fn is_all_of_the_end(&self, mailbox: &File) -> io::Result<()> {
        let size = mailbox.metadata()?.len();
        let all = FileRegion { offset: self.from, length: self.until - self.from };
        match size == self.until && self.find(mailbox, size)? == Some(all) {
            true => Ok(()),
            false => Err(io::Error::other("another program added mail in spite of our locks")),
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend(self.from.to_le_bytes());
        out.extend(self.until.to_le_bytes());
        out.extend(self.anchor);
        out.extend(blake3::hash(&out).as_bytes());
        out
    }

    /// The length of its record, in octets.
    pub(super) const ENCODED: usize = 16 + 8 + 8 + 32 + 32;

    /// The padding whose record [`Padding::make`] wrote, if `octets` are all of it.
    pub(super) fn decode(octets: &[u8; Self::ENCODED]) -> Option<Self> {
        let (text, checksum) = octets.split_last_chunk::<32>()?;
        let rest = text.strip_prefix(MAGIC).filter(|_| blake3::hash(text) == *checksum)?;
        let (from, rest) = rest.split_first_chunk()?;
        let (until, rest) = rest.split_first_chunk()?;
        let anchor = *rest.first_chunk()?;
        Some(Self { from: u64::from_le_bytes(*from), until: u64::from_le_bytes(*until), anchor })
    }
}

fn anchor(mailbox: &File, end: u64) -> io::Result<[u8; 32]> {
    let length = at_most(end, ANCHOR);
    let mut text = vec![0; length];
    mailbox.read_exact_at(&mut text, end - to_u64(length))?;
    Ok(*blake3::hash(&text).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    #[test]
    fn a_record_is_whole_or_none() {
        let padding = Padding { from: 7, until: 1 << 40, anchor: [3; 32] };
        let octets: [u8; Padding::ENCODED] = padding.encode().try_into().unwrap();
        assert_eq!(Padding::decode(&octets), Some(padding));
        for at in 0..octets.len() {
            let mut torn = octets;
            torn[at] ^= 1;
            assert_eq!(Padding::decode(&torn), None, "{at}");
        }
    }

    #[test]
    fn its_zeros_are_found_before_mail_and_behind_it() {
        let padding = Padding { from: 4, until: 10, anchor: [0; 32] };
        let find = |text: &[u8]| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(text).unwrap();
            padding.find(&file, to_u64(text.len())).unwrap().map(|zeros| (zeros.offset, zeros.end()))
        };
        assert_eq!(find(b"abcd"), None);
        assert_eq!(find(b"abcdFrom a\n"), None);
        assert_eq!(find(b"abcd\0\0\0\0\0\0"), Some((4, 10)));
        assert_eq!(find(b"abcd\0\0\0\0\0\0\0\0"), Some((4, 10)));
        assert_eq!(find(b"abcd\0\0\0\0\0\0From a\n"), Some((4, 10)));
        assert_eq!(find(b"abcd\0\0From a\n"), Some((4, 6)));
        assert_eq!(find(b"abcdFro\0\0\0"), Some((7, 10)));
        assert_eq!(find(b"abcdFro\0\0\0From b\n"), Some((7, 10)));
        // Too short for the padding to be behind it.
        assert_eq!(find(b"abcdFro\0\0"), None);
    }

    proptest! {
        #[test]
        fn padding_is_what_a_marker_needs(size in 0u64..1000, end in 0u64..1000) {
            let needed = Padding::is_needed(size, end);
            let size = if needed { size.max(end) + to_u64(MARKER) } else { size };
            prop_assert!(size - end >= to_u64(MARKER));
        }
    }
}
