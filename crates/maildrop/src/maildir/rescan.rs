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
        let list::FolderListing { mut places, mut stamps } = self.list()?;
        let limit = self.limit;
        if places.len() > to_usize(limit) {
            return Err(OpenError::TooManyMessages { path: self.path.to_owned(), limit });
        }
        places.sort_unstable_by(|a, b| a.order().cmp(&b.order()));
        let measures = known.map_or_else(|| vec![None; places.len()], |index| remembered(index, &places));
        let mut messages = Vec::with_capacity(places.len());
        let mut unknown = Vec::new();
        for (place, measure) in places.into_iter().zip(measures) {
            match measure {
                Some(measure) => messages.push(MaildirMessage { place, measure, ordinal: 1 }),
                None => unknown.push(place),
            }
        }
        let all_last = unknown.iter().all(|place| place.lasts);
        let all_read = self.read(unknown, &mut messages)?;
        if !all_last || !all_read {
            // The contents of these files may change without a trace in the folders.
            stamps = stamps.map(FileStamp::unsettled);
        }
        put_in_order(&mut messages);
        Ok(Rescanned { messages, stamps })
    }

    fn list(&self) -> Result<list::FolderListing, OpenError> {
        Ok(list::list(self.root).doing("list the Maildir", self.path)?)
    }

    /// Measures the files of `places`. Returns `false` if not all of them became messages.
    fn read(&self, places: Vec<MaildirEntry>, messages: &mut Vec<MaildirMessage>) -> Result<bool, OpenError> {
        let mut all = true;
        let mut moved = Vec::new();
        for (place, measure) in message_sizes::measure_all(self.root, places) {
            match measure {
                Ok(Some(measure)) => messages.push(MaildirMessage { place, measure, ordinal: 1 }),
                Ok(None) => all = false,
                Err(error) if error.kind() == io::ErrorKind::NotFound => moved.push(place),
                Err(error) => {
                    self.unreadable(&place, error)?;
                    all = false;
                }
            }
        }
        // A file that was renamed since the folders were read is looked for once more.
        if !moved.is_empty() {
            all = false;
            let mut now = by_unique_name(self.list()?.places);
            let found: Vec<_> = moved.iter().filter_map(|place| now.remove(place.unique())).collect();
            for (place, measure) in message_sizes::measure_all(self.root, found) {
                match measure {
                    Ok(Some(measure)) => messages.push(MaildirMessage { place, measure, ordinal: 1 }),
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        self.unreadable(&place, error)?
                    }
                    Ok(None) | Err(_) => {}
                }
            }
        }
        Ok(all)
    }

    /// A file that its owner may not read, or a link that leads nowhere, does not prevent the others from
    /// being served. Any other error does.
    fn unreadable(&self, place: &MaildirEntry, source: io::Error) -> Result<(), OpenError> {
        let path = self.path.join(place.path());
        let about_this_file = [rustix::io::Errno::ACCESS, rustix::io::Errno::LOOP, rustix::io::Errno::NOTDIR];
        if rustix::io::Errno::from_io_error(&source).is_some_and(|errno| about_this_file.contains(&errno)) {
            (self.notify)(&Notice::Unreadable { path, source });
            return Ok(());
        }
        Err(OpenError::Io { doing: "read a message", path, source })
    }
}

/// What `index` says about the files of `places`, which are in serving order like its messages.
///
/// A file is recognized by the unique part of its name and its inode: a mail program may have changed its
/// flags or its folder, but a file that took its place is another one.
fn remembered(index: &MaildirIndex, places: &[MaildirEntry]) -> Vec<Option<MessageSizes>> {
    let mut messages = (0..to_usize(index.count())).map_while(|at| index.message(at)).peekable();
    let mut alike: Vec<MaildirMessage> = Vec::new();
    let mut measures = Vec::with_capacity(places.len());
    for place in places {
        let order = (place.delivered, place.unique());
        alike.retain(|message| message.place.unique() == place.unique());
        while let Some(message) =
            messages.next_if(|message| (message.place.delivered, message.place.unique()) <= order)
        {
            if message.place.unique() == place.unique() {
                alike.push(message);
            }
        }
        let known = alike.iter().find(|message| place.lasts && message.place.inode == place.inode);
        measures.push(known.map(|message| message.measure));
    }
    measures
}

fn put_in_order(messages: &mut Vec<MaildirMessage>) {
    messages.sort_unstable_by(|a, b| a.place.order().cmp(&b.place.order()));
    // One file under two names with the same unique part: a program was interrupted between link(2) and
    // unlink(2).
    messages.dedup_by(|later, first| {
        later.place.unique() == first.place.unique() && later.place.inode == first.place.inode
    });
    for index in 1..messages.len() {
        let (before, after) = messages.split_at_mut(index);
        if let (Some(before), Some(after)) = (before.last(), after.first_mut())
            && before.place.unique() == after.place.unique()
        {
            after.ordinal = before.ordinal + 1;
        }
    }
}

pub(super) fn by_unique_name(places: Vec<MaildirEntry>) -> HashMap<Box<[u8]>, MaildirEntry> {
    places.into_iter().map(|place| (place.unique().into(), place)).collect()
}
