//! Room at the end of a mailbox that does not become shorter, or not by much.
//!
//! A [`Journal`] closes up: it needs a part of the file behind the new end for its mark. Where messages get a `Status:` line there
//! may be none. Then the file first grows by zeros, to [`MARK`] octets more than it had or will have, and the rewrite takes
//! away what is left of them.
//!
//! A record of the room is durable before the file grows, under the name of the journal, which takes its place. So after a crash
//! the zeros are known for ours, also when mail was appended to them, and are taken away: no message has been touched then.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::journal::{Desk, Extent, Failure, Journal, Over, Part, install};
use super::record::MARK;
use crate::disk::{retry, write_all_at};

/// How much of the mailbox is looked at to know it again, in octets before its end.
const ANCHOR: u64 = 64 * 1024;

const MAGIC: &[u8; 16] = b"mpopd room 1\n\0\0\0";

/// The room that a mailbox was given, or is about to be given.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// Where it begins: the size of the mailbox before, in octets.
    from: u64,
    /// Where it ends.
    until: u64,
    /// A hash of what comes before it.
    anchor: [u8; 32],
}

impl Room {
    /// Whether a rewrite after which a file of `size` octets has `end` octets needs room.
    pub(super) fn is_needed(size: u64, end: u64) -> bool {
        end + MARK as u64 > size
    }

    /// Gives `mailbox` of `size` octets room for a rewrite after which it has `end` octets.
    pub(super) fn make(
        desk: Desk<'_>,
        mailbox: &File,
        size: u64,
        end: u64,
        keep: &mut dyn FnMut(),
    ) -> Result<Room, Failure> {
        let room = install(desk, Over::Nothing, |file| {
            let until = size.max(end) + MARK as u64;
            let room = Room { from: size, until, anchor: anchor(mailbox, size)? };
            write_all_at(desk.disk, file, &room.encode(), 0)?;
            // What the anchor is made of must be there after a crash.
            retry(|| desk.disk.sync(mailbox))?;
            Ok(room)
        })?;
        let made = retry(|| desk.disk.extend(mailbox, room.until))
            .and_then(|()| retry(|| desk.disk.sync(mailbox)))
            .and_then(|()| room.is_all_of_the_end(mailbox));
        match made {
            Ok(()) => Ok(room),
            Err(error) => Err(room.given_up(desk, mailbox, error, keep)),
        }
    }

    /// How long the file is with its room, in octets.
    pub(super) fn until(&self) -> u64 {
        self.until
    }

    /// What has become of a rewrite that failed with `error` before it had its journal.
    pub(super) fn given_up(
        &self,
        desk: Desk<'_>,
        mailbox: &File,
        error: io::Error,
        keep: &mut dyn FnMut(),
    ) -> Failure {
        match self.take_away(desk, mailbox, keep) {
            Ok(true) => Failure::Untouched(error),
            Ok(false) | Err(_) => Failure::Interrupted(error),
        }
    }

    /// Takes away what there is of the room, then its record; `false`, and nothing done, if this is another mailbox or was changed by
    /// another program.
    pub(super) fn take_away(
        &self,
        desk: Desk<'_>,
        mailbox: &File,
        keep: &mut dyn FnMut(),
    ) -> io::Result<bool> {
        let size = mailbox.metadata()?.len();
        if size < self.from || anchor(mailbox, self.from)? != self.anchor {
            return Ok(false);
        }
        match self.find(mailbox, size)? {
            Some(zeros) if zeros.end() == size => {
                retry(|| desk.disk.truncate(mailbox, zeros.offset))?;
                retry(|| desk.disk.sync(mailbox))?;
                desk.remove()?;
            }
            // The mail behind it moves up, as behind a message that is removed.
            Some(zeros) => {
                let replaced = Extent { offset: zeros.offset, length: size - zeros.offset };
                let mail = Extent { offset: zeros.end(), length: size - zeros.end() };
                Journal::write(desk, mailbox, replaced, &[Part::Of(mailbox, mail)], Over::Room, keep)
                    .and_then(|journal| journal.complete(desk, mailbox, keep))
                    .map_err(Failure::into_error)?;
            }
            None => desk.remove()?,
        }
        Ok(true)
    }

    /// The zeros in a mailbox of `size` octets that are the room.
    ///
    /// They come first, and mail that was appended follows; unless an agent that honours none of our locks was faster, and its
    /// mail comes first.
    fn find(&self, mailbox: &File, size: u64) -> io::Result<Option<Extent>> {
        let until = self.until.min(size);
        let mut there = vec![0; until.saturating_sub(self.from) as usize];
        mailbox.read_exact_at(&mut there, self.from)?;
        let first = there.iter().take_while(|&&octet| octet == 0).count() as u64;
        let last = there.iter().rev().take_while(|&&octet| octet == 0).count() as u64;
        Ok(match (first, last) {
            (1.., _) => Some(Extent { offset: self.from, length: first }),
            (0, 1..) if until == self.until => Some(Extent { offset: until - last, length: last }),
            _ => None,
        })
    }

    fn is_all_of_the_end(&self, mailbox: &File) -> io::Result<()> {
        let size = mailbox.metadata()?.len();
        let all = Extent { offset: self.from, length: self.until - self.from };
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

    /// How long its record is, in octets.
    pub(super) const ENCODED: usize = 16 + 8 + 8 + 32 + 32;

    /// What [`Room::make`] wrote, if `octets` are all of it.
    pub(super) fn decode(octets: &[u8; Room::ENCODED]) -> Option<Room> {
        let (text, checksum) = octets.split_last_chunk::<32>()?;
        let rest = text.strip_prefix(MAGIC).filter(|_| blake3::hash(text) == *checksum)?;
        let (from, rest) = rest.split_first_chunk()?;
        let (until, rest) = rest.split_first_chunk()?;
        let anchor = *rest.first_chunk()?;
        Some(Room { from: u64::from_le_bytes(*from), until: u64::from_le_bytes(*until), anchor })
    }
}

fn anchor(mailbox: &File, end: u64) -> io::Result<[u8; 32]> {
    let length = end.min(ANCHOR);
    let mut text = vec![0; length as usize];
    mailbox.read_exact_at(&mut text, end - length)?;
    Ok(*blake3::hash(&text).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    #[test]
    fn a_record_is_whole_or_none() {
        let room = Room { from: 7, until: 1 << 40, anchor: [3; 32] };
        let octets: [u8; Room::ENCODED] = room.encode().try_into().unwrap();
        assert_eq!(Room::decode(&octets), Some(room));
        for at in 0..octets.len() {
            let mut torn = octets;
            torn[at] ^= 1;
            assert_eq!(Room::decode(&torn), None, "{at}");
        }
    }

    #[test]
    fn its_zeros_are_found_before_mail_and_behind_it() {
        let room = Room { from: 4, until: 10, anchor: [0; 32] };
        let find = |text: &[u8]| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(text).unwrap();
            room.find(&file, text.len() as u64).unwrap().map(|zeros| (zeros.offset, zeros.end()))
        };
        assert_eq!(find(b"abcd"), None);
        assert_eq!(find(b"abcdFrom a\n"), None);
        assert_eq!(find(b"abcd\0\0\0\0\0\0"), Some((4, 10)));
        assert_eq!(find(b"abcd\0\0\0\0\0\0\0\0"), Some((4, 10)));
        assert_eq!(find(b"abcd\0\0\0\0\0\0From a\n"), Some((4, 10)));
        assert_eq!(find(b"abcd\0\0From a\n"), Some((4, 6)));
        assert_eq!(find(b"abcdFro\0\0\0"), Some((7, 10)));
        assert_eq!(find(b"abcdFro\0\0\0From b\n"), Some((7, 10)));
        // Not so long that the room could be behind it.
        assert_eq!(find(b"abcdFro\0\0"), None);
    }

    proptest! {
        #[test]
        fn room_is_what_a_mark_needs(size in 0u64..1000, end in 0u64..1000) {
            let needed = Room::is_needed(size, end);
            let size = if needed { size.max(end) + MARK as u64 } else { size };
            prop_assert!(size - end >= MARK as u64);
        }
    }
}
