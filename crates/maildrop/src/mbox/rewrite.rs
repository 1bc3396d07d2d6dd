//! Removes messages from an mbox and marks others as read, and completes what a crash interrupted.

use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::journal::{self, Desk, Entry, Extent, Failure, Journal, Over, Part, State};
use super::room::Room;
use super::scan::Message;
use super::status::Mark;
use crate::disk::retry;
use crate::notice::Notice;
use crate::opener::Shared;

/// What becomes of a file of `size` octets: all from `cut` on is replaced by the parts of `tail`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan<'a> {
    cut: u64,
    size: u64,
    tail: Vec<Piece<'a>>,
}

/// A part of what follows the first change.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Kept(Extent),
    Added(&'a [u8]),
}

impl<'a> Plan<'a> {
    /// The removal of the messages numbered `deleted` out of all messages of a file of `size` octets, and the `marks` of others, both in
    /// ascending order; `None` if that changes nothing.
    pub(super) fn new(
        messages: &[Message],
        deleted: &[u32],
        marks: &'a [Mark],
        size: u64,
    ) -> Option<Plan<'a>> {
        let removals = deleted.iter().filter_map(|&number| {
            let at = messages.get(number as usize - 1)?.start;
            Some((at, end_of(messages, number, size) - at, &[][..]))
        });
        let additions = marks.iter().map(|mark| (mark.at, 0, &mark.octets[..]));
        let mut changes: Vec<(u64, u64, &[u8])> = removals.chain(additions).collect();
        changes.sort_unstable_by_key(|&(at, ..)| at);
        let cut = changes.first()?.0;
        let mut tail = Vec::new();
        let mut from = cut;
        for (at, removed, added) in changes {
            tail.extend(kept(from, at));
            tail.extend((!added.is_empty()).then_some(Piece::Added(added)));
            from = at + removed;
        }
        tail.extend(kept(from, size));
        Some(Plan { cut, size, tail })
    }

    /// How long the file will be, in octets.
    pub(super) fn end(&self) -> u64 {
        self.cut + self.tail.iter().map(Piece::length).sum::<u64>()
    }

    /// Does it. The mailbox must be locked; `keep` is called again and again meanwhile.
    pub(super) fn run(
        &self,
        shared: &Shared,
        path: &Path,
        mailbox: &File,
        keep: &mut dyn FnMut(),
    ) -> Result<(), Failure> {
        // A cut within a block may be seen by halves after a crash, but there is no half of nothing.
        if self.tail.is_empty() && self.cut == 0 {
            retry(|| shared.disk.truncate(mailbox, self.cut)).map_err(Failure::Untouched)?;
            return retry(|| shared.disk.sync(mailbox)).map_err(Failure::Interrupted);
        }
        let name = Name::of(path, mailbox).map_err(Failure::Untouched)?;
        let desk = desk(shared, &name, &name.text).map_err(Failure::Untouched)?;
        let parts: Vec<_> = self.tail.iter().map(|piece| piece.of(mailbox)).collect();
        let journal = match self.needs_room() {
            false => Journal::write(desk, mailbox, self.replaced(self.size), &parts, Over::Nothing, keep)?,
            true => {
                let room = Room::make(desk, mailbox, self.size, self.end(), keep)?;
                Journal::write(desk, mailbox, self.replaced(room.until()), &parts, Over::Room, keep).map_err(
                    |failure| match failure {
                        Failure::Untouched(error) => room.given_up(desk, mailbox, error, keep),
                        interrupted => interrupted,
                    },
                )?
            }
        };
        journal.complete(desk, mailbox, keep)
    }

    /// Removing alone must work on a full disk too, and leaves more than nothing to write a mark on.
    fn needs_room(&self) -> bool {
        let adds = self.tail.iter().any(|piece| matches!(piece, Piece::Added(_)));
        adds && Room::is_needed(self.size, self.end())
    }

    fn replaced(&self, size: u64) -> Extent {
        Extent { offset: self.cut, length: size - self.cut }
    }
}

impl Piece<'_> {
    fn length(&self) -> u64 {
        match self {
            Piece::Kept(extent) => extent.length,
            Piece::Added(octets) => octets.len() as u64,
        }
    }

    fn of<'a>(&'a self, mailbox: &'a File) -> Part<'a> {
        match self {
            Piece::Kept(extent) => Part::Of(mailbox, *extent),
            Piece::Added(octets) => Part::Octets(octets),
        }
    }
}

fn kept<'a>(from: u64, until: u64) -> Option<Piece<'a>> {
    (until > from).then(|| Piece::Kept(Extent { offset: from, length: until - from }))
}

/// Where what belongs to message `number` ends.
fn end_of(messages: &[Message], number: u32, size: u64) -> u64 {
    messages.get(number as usize).map_or(size, |next| next.start)
}

/// Completes the rewrite of this mailbox that a crash interrupted, if there is one. The mailbox must be locked.
pub(super) fn settle(shared: &Shared, path: &Path, mailbox: &File, keep: &mut dyn FnMut()) -> io::Result<()> {
    // Without a folder there is no journal.
    let Ok(folder) = folder(shared) else { return Ok(()) };
    let names = list(folder)?;
    if names.is_empty() {
        return Ok(());
    }
    let ours = Name::of(path, mailbox)?;
    for name in names {
        let desk = desk(shared, &ours, &name)?;
        if let Some(finished) = journal::of_draft(&name) {
            if ours.resembles(finished).1 {
                desk.remove()?;
            }
            continue;
        }
        // Devices are numbered anew at each start of the machine, so a journal is known by path or inode.
        let (same_inode, same_path) = ours.resembles(&name);
        if !same_inode && !same_path {
            continue;
        }
        let journal = match desk.look()? {
            Entry::Rewrite(journal) => journal,
            Entry::Room(room) => {
                // No mail is in there that could be of use to anybody.
                if !room.take_away(desk, mailbox, keep)? && same_path {
                    desk.remove()?;
                }
                continue;
            }
            Entry::Broken => {
                if same_path {
                    set_aside(shared, path, desk)?;
                }
                continue;
            }
        };
        match journal.state(mailbox)? {
            State::Pending => {
                journal.complete(desk, mailbox, keep).map_err(Failure::into_error)?;
                (shared.notify)(&Notice::Replayed { path: path.to_owned() });
            }
            State::Done if same_path => desk.remove()?,
            State::Foreign if same_path => set_aside(shared, path, desk)?,
            // Another mailbox's, on another file system.
            State::Done | State::Foreign => {}
        }
    }
    Ok(())
}

/// Whether no rewrite of any mailbox can be waiting to be completed.
pub(super) fn nothing_waits(shared: &Shared) -> io::Result<bool> {
    folder(shared).map_or(Ok(true), |folder| Ok(list(folder)?.is_empty()))
}

/// Keeps a journal that cannot be used, for an administrator to look at.
fn set_aside(shared: &Shared, path: &Path, desk: Desk<'_>) -> io::Result<()> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let aside = format!("{ASIDE}{}-{}", now.as_nanos(), desk.name);
    let folder = std::os::fd::AsFd::as_fd(desk.folder);
    retry(|| desk.disk.rename(folder, Path::new(desk.name), Path::new(&aside)))?;
    retry(|| desk.disk.sync(desk.folder))?;
    (shared.notify)(&Notice::JournalSetAside { path: path.to_owned(), name: aside });
    Ok(())
}

const ASIDE: &str = "aside-";

fn folder(shared: &Shared) -> io::Result<&File> {
    shared.journals.as_ref().map_err(|error| error.kind().into())
}

/// For the journal `name` of the mailbox `ours`.
fn desk<'a>(shared: &'a Shared, ours: &'a Name, name: &'a str) -> io::Result<Desk<'a>> {
    Ok(Desk { disk: &*shared.disk, folder: folder(shared)?, name, path: &ours.path })
}

/// All names in the folder of journals but those that were set aside.
fn list(folder: &File) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(folder)? {
        let name = String::from_utf8_lossy(entry?.file_name().to_bytes()).into_owned();
        if !name.starts_with('.') && !name.starts_with(ASIDE) {
            names.push(name);
        }
    }
    Ok(names)
}

/// What a mailbox's journal is called: its inode, and a hash of its path.
struct Name {
    path: std::path::PathBuf,
    text: String,
}

impl Name {
    fn of(path: &Path, mailbox: &File) -> io::Result<Name> {
        let path = std::fs::canonicalize(path)?;
        let hash = blake3::hash(path.as_os_str().as_bytes()).to_hex();
        let text = format!("{:x}-{}", rustix::fs::fstat(mailbox)?.st_ino, &hash[..32]);
        Ok(Name { path, text })
    }

    /// Whether the journal `other` has our inode, and our path.
    fn resembles(&self, other: &str) -> (bool, bool) {
        let pair = self.text.split_once('-').zip(other.split_once('-'));
        pair.map_or((false, false), |(ours, theirs)| (ours.0 == theirs.0, ours.1 == theirs.1))
    }
}

/// Where the messages of a file lie once those numbered `deleted` are gone and the `marks` are in place.
pub(super) fn closed_up(messages: &[Message], deleted: &[u32], marks: &[Mark], size: u64) -> Vec<Message> {
    let mut deleted = deleted.iter().copied().peekable();
    let mut marks = marks.iter().peekable();
    let (mut gone, mut added) = (0, 0);
    let mut left = Vec::with_capacity(messages.len());
    for (number, message) in (1..).zip(messages) {
        if deleted.next_if_eq(&number).is_some() {
            gone += end_of(messages, number, size) - message.start;
            continue;
        }
        let moved = |at: u64| at + added - gone;
        let Message { start, content, end, octets, .. } = *message;
        let mut message =
            Message { start: moved(start), content: moved(content), end: moved(end), ..*message };
        if let Some(mark) = marks.next_if(|mark| mark.number == number) {
            let length = mark.octets.len() as u64;
            message.end += length;
            message.octets = octets + mark.on_wire;
            added += length;
        }
        left.push(message);
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(starts: &[u64]) -> Vec<Message> {
        let message = |&start| Message { start, content: start, end: start, ..Message::default() };
        starts.iter().map(message).collect()
    }

    fn mark(number: u32, at: u64, octets: &str) -> Mark {
        Mark { number, at, octets: octets.into(), on_wire: octets.len() as u64 + 1 }
    }

    #[test]
    fn kept_parts_are_joined() {
        let messages = messages(&[0, 10, 20, 30]);
        let marks = [mark(2, 11, "ab"), mark(3, 25, "c")];
        let plan = |deleted: &[u32], marks: &[Mark]| {
            let plan = Plan::new(&messages, deleted, marks, 40)?;
            let parts = plan.tail.iter().map(|piece| match piece {
                Piece::Kept(extent) => format!("{}-{}", extent.offset, extent.end()),
                Piece::Added(octets) => String::from_utf8_lossy(octets).into_owned(),
            });
            Some((plan.cut, parts.collect::<Vec<_>>().join(" "), plan.end()))
        };
        let of = |cut, parts: &str, end| Some((cut, parts.to_owned(), end));
        assert_eq!(plan(&[], &[]), None);
        assert_eq!(plan(&[5], &[]), None);
        assert_eq!(plan(&[1], &[]), of(0, "10-40", 30));
        assert_eq!(plan(&[2], &[]), of(10, "20-40", 30));
        assert_eq!(plan(&[1, 3], &[]), of(0, "10-20 30-40", 20));
        assert_eq!(plan(&[4], &[]), of(30, "", 30));
        assert_eq!(plan(&[3, 4], &[]), of(20, "", 20));
        assert_eq!(plan(&[1, 2, 3, 4], &[]), of(0, "", 0));
        assert_eq!(plan(&[], &marks), of(11, "ab 11-25 c 25-40", 43));
        assert_eq!(plan(&[1, 4], &marks), of(0, "10-11 ab 11-25 c 25-30", 23));
        assert_eq!(plan(&[3], &marks[..1]), of(11, "ab 11-20 30-40", 32));
    }

    #[test]
    fn what_is_left_is_where_it_was_moved_to() {
        let messages = messages(&[5, 10, 20, 32]);
        let left = |deleted: &[u32], marks: &[Mark]| -> Vec<(u64, u64, u64)> {
            let left = closed_up(&messages, deleted, marks, 40);
            left.iter().map(|message| (message.start, message.end, message.octets)).collect()
        };
        let plain = |starts: &[u64]| -> Vec<_> { starts.iter().map(|&start| (start, start, 0)).collect() };
        assert_eq!(left(&[], &[]), plain(&[5, 10, 20, 32]));
        assert_eq!(left(&[1], &[]), plain(&[5, 15, 27]));
        assert_eq!(left(&[2, 3], &[]), plain(&[5, 10]));
        assert_eq!(left(&[4], &[]), plain(&[5, 10, 20]));
        assert_eq!(left(&[1, 2, 3, 4], &[]), plain(&[]));
        let marks = [mark(2, 10, "ab"), mark(4, 32, "c")];
        assert_eq!(left(&[], &marks), [(5, 5, 0), (10, 12, 3), (22, 22, 0), (34, 35, 2)]);
        assert_eq!(left(&[1], &marks), [(5, 7, 3), (17, 17, 0), (29, 30, 2)]);
    }
}
