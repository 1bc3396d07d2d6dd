//! What an index says of a Maildir: its messages in serving order, and what its folders looked like.
//!
//! The folders' times prove that nothing was delivered, renamed or removed since. Where they do not, the folders are read again,
//! and the index still says what the files are that it knows: a file in a Maildir never changes its contents.
//!
//! Layout: two stamps, the number of messages (u32), an entry for each, the names one after the other.

use std::sync::Arc;

use super::list::{Folder, Place};
use super::measure::Measure;
use crate::index::codec::Reader;
use crate::index::{Key, Sealed, Version};
use crate::opener::Shared;
use crate::stamp::Stamp;

/// Stored octets, octets on the wire, inode, octets of the surrogate plus 1 or 0 (u64 each), where the name ends (u32), ordinal (u32),
/// folder (u32), zero (u32).
const ENTRY: usize = 48;
/// Where in an entry the end of the name lies.
const NAME_END: usize = 32;
const HEADER: usize = 2 * Stamp::ENCODED + 4;

/// An index in memory, in the form in which it is stored.
#[derive(Clone)]
pub(super) struct Index {
    sealed: Arc<Sealed>,
    stamps: [Stamp; 2],
    count: u32,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// Where it was last seen.
    pub(super) place: Place,
    pub(super) measure: Measure,
    /// For files of one unique name, which of them this is, from 1.
    pub(super) ordinal: u32,
}

impl Index {
    /// Understands a stored index; `None` if it is none of a Maildir.
    pub(super) fn of(sealed: Arc<Sealed>) -> Option<Index> {
        if sealed.version() != Version::Present {
            return None;
        }
        let mut reader = Reader(sealed.body());
        let mut stamps = [Stamp::decode(&mut reader)?, Stamp::decode(&mut reader)?];
        let count = reader.u32()?;
        let names = (count as usize).checked_mul(ENTRY).and_then(|entries| reader.0.get(entries..))?;
        if !sealed.is_of_this_boot() {
            stamps = stamps.map(Stamp::unsettled);
        }
        let index = Index { stamps, count, sealed: Arc::clone(&sealed) };
        let end = (count as usize).checked_sub(1).map_or(Some(0), |last| index.name_end(last));
        (end == Some(names.len())).then_some(index)
    }

    /// The stored form of an index. The stamps are from before the folders were read.
    fn encode(stamps: &[Stamp; 2], messages: &[Message]) -> Vec<u8> {
        let names: usize = messages.iter().map(|message| message.place.name.len()).sum();
        let mut out = Vec::with_capacity(HEADER + messages.len() * ENTRY + names);
        for stamp in stamps {
            stamp.encode(&mut out);
        }
        out.extend((messages.len() as u32).to_le_bytes());
        let mut end = 0;
        for Message { place, measure, ordinal } in messages {
            end += place.name.len() as u32;
            let surrogate = measure.surrogate.map_or(0, |octets| octets + 1);
            for number in [measure.stored, measure.octets, place.inode, surrogate] {
                out.extend(number.to_le_bytes());
            }
            for number in [end, *ordinal, place.folder as u32, 0] {
                out.extend(number.to_le_bytes());
            }
        }
        for message in messages {
            out.extend(&message.place.name);
        }
        out
    }

    /// Makes the index of a Maildir with these messages and keeps it for the next time, unless it says what `before` said.
    pub(super) fn keep(
        shared: &Shared,
        key: &Key,
        stamps: [Stamp; 2],
        messages: &[Message],
        before: Option<Index>,
    ) -> Index {
        let body = Index::encode(&stamps, messages);
        if let Some(before) = before
            && before.sealed.is_of_this_boot()
            && before.sealed.body() == body
        {
            return before;
        }
        // To find that there is nothing costs less than to write that down.
        let sealed = match messages.is_empty() {
            true => shared.indexes.remember(key, &body),
            false => shared.keep_index(key, &body),
        };
        Index { sealed, stamps, count: messages.len() as u32 }
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    pub(super) fn stamps(&self) -> [Stamp; 2] {
        self.stamps
    }

    /// What is stored.
    pub(super) fn sealed(&self) -> &Sealed {
        &self.sealed
    }

    /// Whether a Maildir whose folders look like `now` still has exactly these messages.
    pub(super) fn is_of(&self, now: &[Stamp; 2]) -> bool {
        self.stamps.iter().zip(now).all(|(then, now)| then.proves_unchanged(now))
    }

    /// The message at `at`, counted from 0.
    pub(super) fn message(&self, at: usize) -> Option<Message> {
        let mut reader = Reader(self.entry(at)?);
        let (stored, octets, inode) = (reader.u64()?, reader.u64()?, reader.u64()?);
        let surrogate = reader.u64()?.checked_sub(1);
        let (end, ordinal) = (reader.u32()? as usize, reader.u32()?);
        let folder = if reader.u32()? == Folder::New as u32 { Folder::New } else { Folder::Cur };
        let start = at.checked_sub(1).map_or(Some(0), |before| self.name_end(before))?;
        let names = HEADER + self.count as usize * ENTRY;
        let name = self.sealed.body().get(names..)?.get(start..end)?;
        let place = Place::new(folder, name.into(), inode, true);
        Some(Message { place, measure: Measure { stored, octets, surrogate }, ordinal })
    }

    fn entry(&self, at: usize) -> Option<&[u8]> {
        let start = HEADER + at.checked_mul(ENTRY)?;
        self.sealed.body().get(start..start + ENTRY).filter(|_| at < self.count as usize)
    }

    fn name_end(&self, at: usize) -> Option<usize> {
        Reader(self.entry(at)?.get(NAME_END..)?).u32().map(|end| end as usize)
    }
}
