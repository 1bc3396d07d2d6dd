//! Finds the messages of an mbox that is not proven to be as its index says.

use std::fs::File;
use std::path::Path;

use super::index::{Findings, Index};
use super::read::{Job, ScanError};
use super::scan::Message;
use crate::OpenError;
use crate::error::Doing;
use crate::index::Key;
use crate::opener::Shared;
use crate::stamp::Stamp;
use crate::uidl::{self, Digest};

/// A locked mbox to be looked through.
pub(super) struct Surveyor<'a> {
    pub(super) shared: &'a Shared,
    pub(super) key: &'a Key,
    pub(super) path: &'a Path,
    pub(super) file: &'a File,
    /// What it looks like now.
    pub(super) stamp: Stamp,
}

impl Surveyor<'_> {
    /// Parses what `known` does not know, or all, calling `keep` again and again meanwhile. Without `known`, `former` says which of
    /// equal messages each was.
    pub(super) fn run(
        &self,
        known: Option<&Index>,
        former: Vec<(Digest, u32)>,
        keep: &mut dyn FnMut(),
    ) -> Result<Index, OpenError> {
        let messages = match known {
            Some(index) => self.grown(index, keep)?,
            None => None,
        };
        let messages = match messages {
            Some(messages) => messages,
            None => self.parse(0, 0, keep).map_err(|error| error.at(self.path))?,
        };
        let before = known.map_or(former, Index::ordinals);
        let ordinals = uidl::ordinals(messages.iter().map(|message| message.digest), &before);
        let findings = Findings {
            messages: &messages,
            ordinals: &ordinals,
            parsed: self.stamp.size(),
            stamp: self.stamp,
        };
        Ok(Index::keep(self.shared, self.key, self.file, &findings, known)
            .doing("read the mailbox", self.path)?)
    }

    /// All messages, of which only the last that `index` knows and what follows it are parsed; `None` if that will not do.
    fn grown(&self, index: &Index, keep: &mut dyn FnMut()) -> Result<Option<Vec<Message>>, OpenError> {
        if !index.begins(self.file, &self.stamp).doing("read the mailbox", self.path)? {
            return Ok(None);
        }
        let mut messages = index.messages();
        let Some(last) = messages.pop() else { return Ok(None) };
        let mut added = match self.parse(last.start, messages.len(), keep) {
            Err(ScanError::NotAnMbox) => return Ok(None),
            added => added.map_err(|error| error.at(self.path))?,
        };
        if added.first().is_none_or(|first| first.start != last.start) {
            return Ok(None);
        }
        messages.append(&mut added);
        Ok(Some(messages))
    }

    /// The messages from offset `from` on, before which there are `before`.
    fn parse(&self, from: u64, before: usize, keep: &mut dyn FnMut()) -> Result<Vec<Message>, ScanError> {
        let limit = self.shared.settings.max_messages;
        let left = limit.saturating_sub(u32::try_from(before).unwrap_or(u32::MAX));
        let job = Job {
            file: self.file,
            path: self.path,
            settings: &self.shared.settings,
            from,
            size: self.stamp.size(),
            limit: left,
        };
        job.run(keep).map_err(|error| match error {
            ScanError::TooManyMessages { .. } => ScanError::TooManyMessages { limit },
            error => error,
        })
    }
}
