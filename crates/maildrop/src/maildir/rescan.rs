//! Finds the messages of a Maildir whose index is missing or out of date.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;

use super::index::{MaildirIndex, MaildirMessage};
use super::list::{self, MaildirEntry};
use super::message_sizes::{self, MessageSizes};
use crate::error::{Doing, OpenError};
use crate::file_stamp::FileStamp;
use crate::notice::Notice;
use crate::widths::to_usize;

/// What was found.
pub(super) struct Rescanned {
    /// In serving order.
    pub(super) messages: Vec<MaildirMessage>,
    /// What the folders looked like before.
    pub(super) stamps: [FileStamp; 2],
}

/// A Maildir whose messages are to be found.
pub(super) struct MaildirRescan<'a> {
    pub(super) root: &'a File,
    pub(super) path: &'a Path,
    /// The most messages that it may have.
    pub(super) limit: u32,
    pub(super) notify: &'a dyn Fn(&Notice),
}

impl MaildirRescan<'_> {
    /// Lists both folders, and reads the files that `known` does not cover.
    pub(super) fn run(&self, known: Option<&MaildirIndex>) -> Result<Rescanned, OpenError> {
        let list::FolderListing { mut entries, mut stamps } = self.list()?;
        let limit = self.limit;
        if entries.len() > to_usize(limit) {
            return Err(OpenError::TooManyMessages { path: self.path.to_owned(), limit });
        }
        entries.sort_unstable_by(|a, b| a.order().cmp(&b.order()));
        let measures = known.map_or_else(|| vec![None; entries.len()], |index| remembered(index, &entries));
        let mut messages = Vec::with_capacity(entries.len());
        let mut unknown = Vec::new();
        for (entry, measure) in entries.into_iter().zip(measures) {
            match measure {
                Some(measure) => messages.push(MaildirMessage { entry, measure, ordinal: 1 }),
                None => unknown.push(entry),
            }
        }
        let all_last = unknown.iter().all(|entry| entry.is_regular);
        let all_read = self.read(unknown, &mut messages)?;
        if !all_last || !all_read {
            // The contents of these files may change without a trace in the folders.
            stamps = stamps.map(FileStamp::unsettled);
        }
        sort_and_number(&mut messages);
        Ok(Rescanned { messages, stamps })
    }

    fn list(&self) -> Result<list::FolderListing, OpenError> {
        Ok(list::list(self.root).doing("list the Maildir", self.path)?)
    }

    /// Measures the files of `entries`. Returns `false` if not all of them became messages.
    fn read(
        &self,
        entries: Vec<MaildirEntry>,
        messages: &mut Vec<MaildirMessage>,
    ) -> Result<bool, OpenError> {
        let mut all = true;
        let mut moved = Vec::new();
        for (entry, measure) in message_sizes::measure_all(self.root, entries) {
            match measure {
                Ok(Some(measure)) => messages.push(MaildirMessage { entry, measure, ordinal: 1 }),
                Ok(None) => all = false,
                Err(error) if error.kind() == io::ErrorKind::NotFound => moved.push(entry),
                Err(error) => {
                    self.unreadable(&entry, error)?;
                    all = false;
                }
            }
        }
        // A file that was renamed since the folders were read is looked for once more.
        if !moved.is_empty() {
            all = false;
            let mut now = by_unique_name(self.list()?.entries);
            let found: Vec<_> = moved.iter().filter_map(|entry| now.remove(entry.unique())).collect();
            for (entry, measure) in message_sizes::measure_all(self.root, found) {
                match measure {
                    Ok(Some(measure)) => messages.push(MaildirMessage { entry, measure, ordinal: 1 }),
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        self.unreadable(&entry, error)?
                    }
                    Ok(None) | Err(_) => {}
                }
            }
        }
        Ok(all)
    }

    /// A file that its owner may not read, or a link that leads nowhere, does not prevent the others from
    /// being served. Any other error does.
    fn unreadable(&self, entry: &MaildirEntry, source: io::Error) -> Result<(), OpenError> {
        let path = self.path.join(entry.path());
        let about_this_file = [rustix::io::Errno::ACCESS, rustix::io::Errno::LOOP, rustix::io::Errno::NOTDIR];
        if rustix::io::Errno::from_io_error(&source).is_some_and(|errno| about_this_file.contains(&errno)) {
            (self.notify)(&Notice::Unreadable { path, source });
            return Ok(());
        }
        Err(OpenError::Io { doing: "read a message", path, source })
    }
}

/// What `index` says about the files of `entries`, which are in serving order like its messages.
///
/// A file is recognized by the unique part of its name and its inode: a mail program may have changed its
/// flags or its folder, but a file that took its place is another one.
fn remembered(index: &MaildirIndex, entries: &[MaildirEntry]) -> Vec<Option<MessageSizes>> {
    let mut messages = (0..to_usize(index.count())).map_while(|at| index.message(at)).peekable();
    let mut alike: Vec<MaildirMessage> = Vec::new();
    let mut measures = Vec::with_capacity(entries.len());
    for entry in entries {
        let order = (entry.delivered, entry.unique());
        alike.retain(|message| message.entry.unique() == entry.unique());
        while let Some(message) =
            messages.next_if(|message| (message.entry.delivered, message.entry.unique()) <= order)
        {
            if message.entry.unique() == entry.unique() {
                alike.push(message);
            }
        }
        let known = alike.iter().find(|message| entry.is_regular && message.entry.inode == entry.inode);
        measures.push(known.map(|message| message.measure));
    }
    measures
}

fn sort_and_number(messages: &mut Vec<MaildirMessage>) {
    messages.sort_unstable_by(|a, b| a.entry.order().cmp(&b.entry.order()));
    // One file under two names with the same unique part: a program was interrupted between link(2) and
    // unlink(2).
    messages.dedup_by(|later, first| {
        later.entry.unique() == first.entry.unique() && later.entry.inode == first.entry.inode
    });
    for index in 1..messages.len() {
        let (before, after) = messages.split_at_mut(index);
        if let (Some(before), Some(after)) = (before.last(), after.first_mut())
            && before.entry.unique() == after.entry.unique()
        {
            after.ordinal = before.ordinal + 1;
        }
    }
}

pub(super) fn by_unique_name(entries: Vec<MaildirEntry>) -> HashMap<Box<[u8]>, MaildirEntry> {
    entries.into_iter().map(|entry| (entry.unique().into(), entry)).collect()
}
