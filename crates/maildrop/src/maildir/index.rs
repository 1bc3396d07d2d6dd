//! What an index says about a Maildir: its messages in serving order, and what its folders looked like.
//!
//! The folders' times prove that nothing was delivered, renamed or removed since. If they do not, the folders
//! are read again, but the index still describes the files that it knows: a file in a Maildir never changes
//! its contents.
//!
//! Layout: two stamps, the number of messages (u32), an entry for each message, and the names one after the
//! other.

use std::sync::Arc;

use super::list::{Folder, MaildirEntry};
use super::message_sizes::MessageSizes;
use crate::file_stamp::FileStamp;
use crate::index::codec::Decoder;
use crate::index::{Checksummed, IndexKey, IndexVersion};
use crate::shared::OwnerContext;
use crate::uidl::{self, Uidl};
use crate::widths::{to_u32, to_usize};

/// Stored octets, octets on the wire, inode, octets of the surrogate plus 1 or 0 (u64 each), where the name
/// ends (u32), ordinal (u32), folder (u32), zero (u32).
const ENTRY: usize = 48;
/// Where in an entry the end of the name is stored.
const NAME_END: usize = 32;
const HEADER: usize = 2 * FileStamp::ENCODED + 4;

/// An index in memory, in the form in which it is stored.
#[derive(Clone)]
pub(super) struct MaildirIndex {
    stored: Arc<Checksummed>,
    stamps: [FileStamp; 2],
    count: u32,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MaildirMessage {
    /// Where it was last seen.
    pub(super) entry: MaildirEntry,
    pub(super) measure: MessageSizes,
    /// For files with the same unique name, which of them this one is, from 1.
    pub(super) ordinal: u32,
}

impl MaildirMessage {
    /// The unique part of its name. A digest of it takes its place if it is no UIDL, not unique, or could be
    /// mistaken for a digest.
    pub(super) fn uidl(&self) -> Uidl {
        let unique = self.entry.unique();
        match Uidl::new(unique) {
            Some(uidl) if self.ordinal == 1 && !uidl.is_like_a_digest() => uidl,
            _ => Uidl::of_digest(&uidl::digest(blake3::Hasher::new().update(unique)), self.ordinal),
        }
    }
}

impl MaildirIndex {
    /// Decodes a stored index; `None` if it is not the index of a Maildir.
    pub(super) fn of(stored: Arc<Checksummed>) -> Option<Self> {
        if stored.version() != IndexVersion::Current {
            return None;
        }
        let mut reader = Decoder(stored.body());
        let mut stamps = [FileStamp::decode(&mut reader)?, FileStamp::decode(&mut reader)?];
        let count = reader.u32()?;
        let names = to_usize(count).checked_mul(ENTRY).and_then(|entries| reader.0.get(entries..))?;
        if !stored.is_of_this_boot() {
            stamps = stamps.map(FileStamp::unsettled);
        }
        let index = Self { stamps, count, stored: Arc::clone(&stored) };
        let end = to_usize(count).checked_sub(1).map_or(Some(0), |last| index.name_end(last));
        (end == Some(names.len())).then_some(index)
    }

    /// The stored form of an index. The stamps must have been taken before the folders were read.
    fn encode(stamps: &[FileStamp; 2], messages: &[MaildirMessage]) -> Vec<u8> {
        let names: usize = messages.iter().map(|message| message.entry.name.len()).sum();
        let mut out = Vec::with_capacity(HEADER + messages.len() * ENTRY + names);
        for stamp in stamps {
            stamp.encode(&mut out);
        }
        out.extend(to_u32(messages.len()).to_le_bytes());
        let mut end = 0;
        for MaildirMessage { entry, measure, ordinal } in messages {
            end += to_u32(entry.name.len());
            let surrogate = measure.surrogate.map_or(0, |octets| octets + 1);
            for number in [measure.stored, measure.octets, entry.inode, surrogate] {
                out.extend(number.to_le_bytes());
            }
            for number in [end, *ordinal, entry.folder.number(), 0] {
                out.extend(number.to_le_bytes());
            }
        }
        for message in messages {
            out.extend(&message.entry.name);
        }
        out
    }

    /// Makes the index of a Maildir with these messages and keeps it for the next time, unless it equals
    /// `before`.
    pub(super) fn keep(
        shared: &OwnerContext,
        key: &IndexKey,
        stamps: [FileStamp; 2],
        messages: &[MaildirMessage],
        before: Option<Self>,
    ) -> Self {
        let body = Self::encode(&stamps, messages);
        if let Some(before) = before
            && before.stored.is_of_this_boot()
            && before.stored.body() == body
        {
            return before;
        }
        // It costs less to find nothing again than to write that down.
        let stored = match messages.is_empty() {
            true => shared.indexes.remember(key, &body),
            false => shared.keep_index(key, &body),
        };
        Self { stored, stamps, count: to_u32(messages.len()) }
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    pub(super) fn stamps(&self) -> [FileStamp; 2] {
        self.stamps
    }

    /// The index as it is stored.
    pub(super) fn stored(&self) -> &Checksummed {
        &self.stored
    }

    /// Whether a Maildir whose folders look like `now` still has exactly these messages.
    pub(super) fn describes(&self, now: &[FileStamp; 2]) -> bool {
        self.stamps.iter().zip(now).all(|(then, now)| then.proves_unchanged(now))
    }

    /// The message at `at`, counted from 0.
    pub(super) fn message(&self, at: usize) -> Option<MaildirMessage> {
        let mut reader = Decoder(self.entry(at)?);
        let (stored, octets, inode) = (reader.u64()?, reader.u64()?, reader.u64()?);
        let surrogate = reader.u64()?.checked_sub(1);
        let (end, ordinal) = (to_usize(reader.u32()?), reader.u32()?);
        let folder = if reader.u32()? == Folder::New.number() { Folder::New } else { Folder::Cur };
        let start = at.checked_sub(1).map_or(Some(0), |before| self.name_end(before))?;
        let names = HEADER + to_usize(self.count) * ENTRY;
        let name = self.stored.body().get(names..)?.get(start..end)?;
        let entry = MaildirEntry::new(folder, name.into(), inode, true);
        Some(MaildirMessage { entry, measure: MessageSizes { stored, octets, surrogate }, ordinal })
    }

    fn entry(&self, at: usize) -> Option<&[u8]> {
        let start = HEADER + at.checked_mul(ENTRY)?;
        self.stored.body().get(start..start + ENTRY).filter(|_| at < to_usize(self.count))
    }

    fn name_end(&self, at: usize) -> Option<usize> {
        Decoder(self.entry(at)?.get(NAME_END..)?).u32().map(to_usize)
    }
}
