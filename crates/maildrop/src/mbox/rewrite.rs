//! Removes messages from an mbox, and completes what a crash interrupted.

use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::journal::{self, Desk, Extent, Failure, Journal, State};
use super::scan::Message;
use crate::disk::retry;
use crate::notice::Notice;
use crate::opener::Shared;

/// What becomes of a file of `size` octets: all from `cut` on is replaced by the parts `kept`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    cut: u64,
    size: u64,
    kept: Vec<Extent>,
}

impl Plan {
    /// The removal of the messages numbered `deleted`, in ascending order, out of all messages of a file of `size` octets;
    /// `None` if nothing is removed.
    pub(super) fn new(messages: &[Message], deleted: &[u32], size: u64) -> Option<Plan> {
        let index = |number: u32| number as usize - 1;
        let end_of = |number: u32| messages.get(number as usize).map_or(size, |next| next.start);
        let cut = messages.get(index(*deleted.first()?))?.start;
        let mut kept = Vec::new();
        let mut keep = |from: u64, until: u64| {
            if until > from {
                kept.push(Extent { offset: from, length: until - from });
            }
        };
        let mut from = cut;
        for &number in deleted {
            keep(from, messages.get(index(number))?.start);
            from = end_of(number);
        }
        keep(from, size);
        Some(Plan { cut, size, kept })
    }

    /// How long the file will be, in octets.
    pub(super) fn end(&self) -> u64 {
        self.cut + self.kept.iter().map(|part| part.length).sum::<u64>()
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
        if self.kept.is_empty() && self.cut == 0 {
            retry(|| shared.disk.truncate(mailbox, self.cut)).map_err(Failure::Untouched)?;
            return retry(|| shared.disk.sync(mailbox)).map_err(Failure::Interrupted);
        }
        let desk = desk(shared).map_err(Failure::Untouched)?;
        let name = Name::of(path, mailbox).map_err(Failure::Untouched)?;
        let replaced = Extent { offset: self.cut, length: self.size - self.cut };
        let journal = Journal::write(desk, &name.text, &name.path, mailbox, replaced, &self.kept, keep)?;
        journal.complete(desk, &name.text, mailbox, keep)
    }
}

/// Completes the rewrite of this mailbox that a crash interrupted, if there is one. The mailbox must be locked.
pub(super) fn settle(shared: &Shared, path: &Path, mailbox: &File, keep: &mut dyn FnMut()) -> io::Result<()> {
    // Without a folder there is no journal.
    let Ok(desk) = desk(shared) else { return Ok(()) };
    let names = list(desk.folder)?;
    if names.is_empty() {
        return Ok(());
    }
    let ours = Name::of(path, mailbox)?;
    for name in names {
        if let Some(finished) = journal::of_draft(&name) {
            if ours.resembles(finished).1 {
                journal::remove(desk, &name)?;
            }
            continue;
        }
        // Devices are numbered anew at each start of the machine, so a journal is known by path or inode.
        let (same_inode, same_path) = ours.resembles(&name);
        if !same_inode && !same_path {
            continue;
        }
        let Some(journal) = Journal::open(desk, &name)? else {
            if same_path {
                set_aside(shared, path, &name)?;
            }
            continue;
        };
        match journal.state(mailbox)? {
            State::Pending => {
                journal.complete(desk, &name, mailbox, keep).map_err(|failure| match failure {
                    Failure::Untouched(error) | Failure::Interrupted(error) => error,
                })?;
                (shared.notify)(&Notice::Replayed { path: path.to_owned() });
            }
            State::Done if same_path => journal::remove(desk, &name)?,
            State::Foreign if same_path => set_aside(shared, path, &name)?,
            // Another mailbox's, on another file system.
            State::Done | State::Foreign => {}
        }
    }
    Ok(())
}

/// Whether no rewrite of any mailbox can be waiting to be completed.
pub(super) fn nothing_waits(shared: &Shared) -> io::Result<bool> {
    desk(shared).map_or(Ok(true), |desk| Ok(list(desk.folder)?.is_empty()))
}

/// Keeps a journal that cannot be used, for an administrator to look at.
fn set_aside(shared: &Shared, path: &Path, name: &str) -> io::Result<()> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let aside = format!("{ASIDE}{}-{name}", now.as_nanos());
    let desk = desk(shared)?;
    let folder = std::os::fd::AsFd::as_fd(desk.folder);
    retry(|| desk.disk.rename(folder, Path::new(name), Path::new(&aside)))?;
    retry(|| desk.disk.sync(desk.folder))?;
    (shared.notify)(&Notice::JournalSetAside { path: path.to_owned(), name: aside });
    Ok(())
}

const ASIDE: &str = "aside-";

fn desk(shared: &Shared) -> io::Result<Desk<'_>> {
    match &shared.journals {
        Ok(folder) => Ok(Desk { disk: &*shared.disk, folder }),
        Err(error) => Err(error.kind().into()),
    }
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

/// Where the messages of a file lie once those numbered `deleted` are gone.
pub(super) fn closed_up(messages: &[Message], deleted: &[u32], size: u64) -> Vec<Message> {
    let mut deleted = deleted.iter().copied().peekable();
    let mut gone = 0;
    let mut left = Vec::with_capacity(messages.len());
    for (number, message) in (1..).zip(messages) {
        if deleted.next_if_eq(&number).is_some() {
            gone += messages.get(number as usize).map_or(size, |next| next.start) - message.start;
            continue;
        }
        let Message { start, content, end, .. } = *message;
        left.push(Message { start: start - gone, content: content - gone, end: end - gone, ..*message });
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(starts: &[u64]) -> Vec<Message> {
        let message =
            |&start| Message { start, content: start, end: start, octets: 0, digest: [0; 16], quoted: 0 };
        starts.iter().map(message).collect()
    }

    #[test]
    fn kept_parts_are_joined() {
        let messages = messages(&[0, 10, 20, 30]);
        let plan = |deleted: &[u32]| {
            Plan::new(&messages, deleted, 40)
                .map(|plan| (plan.cut, plan.kept.iter().map(|e| (e.offset, e.length)).collect::<Vec<_>>()))
        };
        assert_eq!(plan(&[]), None);
        assert_eq!(plan(&[5]), None);
        assert_eq!(plan(&[1]), Some((0, vec![(10, 30)])));
        assert_eq!(plan(&[2]), Some((10, vec![(20, 20)])));
        assert_eq!(plan(&[1, 3]), Some((0, vec![(10, 10), (30, 10)])));
        assert_eq!(plan(&[4]), Some((30, vec![])));
        assert_eq!(plan(&[3, 4]), Some((20, vec![])));
        assert_eq!(plan(&[1, 2, 3, 4]), Some((0, vec![])));
    }

    #[test]
    fn what_is_left_is_where_it_was_moved_to() {
        let messages = messages(&[5, 10, 20, 32]);
        let left = |deleted: &[u32]| -> Vec<u64> {
            closed_up(&messages, deleted, 40).iter().map(|message| message.start).collect()
        };
        assert_eq!(left(&[]), [5, 10, 20, 32]);
        assert_eq!(left(&[1]), [5, 15, 27]);
        assert_eq!(left(&[2, 3]), [5, 10]);
        assert_eq!(left(&[4]), [5, 10, 20]);
        assert_eq!(left(&[1, 2, 3, 4]), []);
    }
}
