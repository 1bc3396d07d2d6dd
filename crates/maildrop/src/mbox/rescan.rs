//! Finds the messages of an mbox whose index is missing or not proven to be true.

use std::fs::File;

use super::index::{FoundMessages, MboxIndex};
use super::message::MboxMessage;
use super::read::{FileScan, ScanError};
use crate::error::{Doing, OpenError};
use crate::file_stamp::FileStamp;
use crate::index::IndexKey;
use crate::lock::LockedMailbox;
use crate::shared::OwnerContext;
use crate::uidl::{self, Digest};
use crate::widths::to_u32;

/// A locked mbox whose messages are to be found.
pub(super) struct MboxRescan<'a> {
    pub(super) shared: &'a OwnerContext,
    pub(super) key: &'a IndexKey,
    pub(super) mailbox: &'a LockedMailbox<'a>,
    /// The descriptor from which the session reads, of the same file.
    pub(super) file: &'a File,
    /// What the file looks like now.
    pub(super) stamp: FileStamp,
}

impl MboxRescan<'_> {
    /// Parses what `known` does not cover, or the whole file. Without `known`, `previous` says which of
    /// several equal messages each one was.
    pub(super) fn run(
        &self,
        known: Option<&MboxIndex>,
        previous: Vec<(Digest, u32)>,
    ) -> Result<MboxIndex, OpenError> {
        let path = self.mailbox.path();
        let messages = match known {
            Some(index) => self.grown(index)?,
            None => None,
        };
        let messages = match messages {
            Some(messages) => messages,
            None => self.parse(0, 0).map_err(|error| error.at(path))?,
        };
        let before = known.map_or(previous, MboxIndex::ordinals);
        let ordinals = uidl::ordinals(messages.iter().map(|message| message.digest), &before);
        let findings = FoundMessages {
            messages: &messages,
            ordinals: &ordinals,
            parsed: self.stamp.size(),
            stamp: self.stamp,
        };
        Ok(MboxIndex::keep(self.shared, self.key, self.file, &findings, known)
            .doing("read the mailbox", path)?)
    }

    /// All messages, for which only the last one that `index` knows and what follows it are parsed. `None` if
    /// the whole file must be parsed.
    fn grown(&self, index: &MboxIndex) -> Result<Option<Vec<MboxMessage>>, OpenError> {
        let path = self.mailbox.path();
        if !index.begins(self.file, &self.stamp).doing("read the mailbox", path)? {
            return Ok(None);
        }
        let mut messages = index.messages();
        let Some(last) = messages.pop() else { return Ok(None) };
        let mut added = match self.parse(last.start, messages.len()) {
            Err(ScanError::NotAnMbox) => return Ok(None),
            added => added.map_err(|error| error.at(path))?,
        };
        if added.first().is_none_or(|first| first.start != last.start) {
            return Ok(None);
        }
        messages.append(&mut added);
        Ok(Some(messages))
    }

    /// The messages from offset `from` on. There are `before` messages before it.
    fn parse(&self, from: u64, before: usize) -> Result<Vec<MboxMessage>, ScanError> {
        let limit = self.shared.settings.max_messages;
        let scan = FileScan {
            file: self.file,
            path: self.mailbox.path(),
            settings: &self.shared.settings,
            from,
            size: self.stamp.size(),
            limit: limit.saturating_sub(to_u32(before)),
        };
        scan.run(self.mailbox).map_err(|error| match error {
            ScanError::TooManyMessages { .. } => ScanError::TooManyMessages { limit },
            error @ (ScanError::NotAnMbox | ScanError::Os(_)) => error,
        })
    }
}
