//! Plans how an mbox is rewritten: which messages are removed, which are marked as read, and where the rest
//! lies then.

use std::fs::File;

use super::journal::{FileRegion, JournalName, JournalPlace, Padding, RewriteFailure, RewriteJournal};
use super::journal::{Replaces, TailPart};
use super::message::MboxMessage;
use super::status_mark::StatusMark;
use crate::disk::retry;
use crate::lock::LockedMailbox;
use crate::shared::OwnerContext;
use crate::widths::{to_u64, to_usize};

/// A change to a file of `size` octets: everything from `cut` on is replaced by the pieces of `tail`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RewritePlan<'a> {
    cut: u64,
    size: u64,
    tail: Vec<TailPiece<'a>>,
}

/// A piece of what follows the first change.
#[derive(Debug, PartialEq, Eq)]
enum TailPiece<'a> {
    Kept(FileRegion),
    Added(&'a [u8]),
}

impl<'a> RewritePlan<'a> {
    /// Removes the messages numbered `deleted` from all messages of a file of `size` octets, and adds `marks`
    /// to others. Both are in ascending order. `None` if that changes nothing.
    pub(super) fn new(
        messages: &[MboxMessage],
        deleted: &[u32],
        marks: &'a [StatusMark],
        size: u64,
    ) -> Option<Self> {
        let removals = deleted.iter().filter_map(|&number| {
            let at = messages.get(to_usize(number) - 1)?.start;
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
            tail.extend((!added.is_empty()).then_some(TailPiece::Added(added)));
            from = at + removed;
        }
        tail.extend(kept(from, size));
        Some(Self { cut, size, tail })
    }

    /// The length of the file afterwards, in octets.
    pub(super) fn end(&self) -> u64 {
        self.cut + self.tail.iter().map(TailPiece::length).sum::<u64>()
    }

    /// Changes the mailbox.
    pub(super) fn run(
        &self,
        shared: &OwnerContext,
        mailbox: &LockedMailbox<'_>,
    ) -> Result<(), RewriteFailure> {
        // After a crash, a cut within a block may be half done. Cutting the whole file cannot.
        if self.tail.is_empty() && self.cut == 0 {
            let (disk, file) = (&shared.disk, mailbox.file());
            retry(|| disk.truncate(file, self.cut)).map_err(RewriteFailure::Untouched)?;
            return retry(|| disk.sync(file)).map_err(RewriteFailure::Interrupted);
        }
        let name = JournalName::of(mailbox.path(), mailbox.file()).map_err(RewriteFailure::Untouched)?;
        let place = JournalPlace::new(shared, &name, name.text()).map_err(RewriteFailure::Untouched)?;
        let parts: Vec<_> = self.tail.iter().map(|piece| piece.of(mailbox.file())).collect();
        let journal = match self.needs_padding() {
            false => {
                RewriteJournal::write(place, mailbox, self.replaced(self.size), &parts, Replaces::Nothing)?
            }
            true => {
                let padding = Padding::make(place, mailbox, self.size, self.end())?;
                let replaced = self.replaced(padding.until());
                RewriteJournal::write(place, mailbox, replaced, &parts, Replaces::Padding).map_err(
                    |failure| match failure {
                        RewriteFailure::Untouched(error) => padding.abandon(place, mailbox, error),
                        interrupted @ RewriteFailure::Interrupted(_) => interrupted,
                    },
                )?
            }
        };
        journal.complete(place, mailbox)
    }

    /// A removal must also work on a full disk, so it never needs padding. It always leaves enough octets
    /// behind the new end to write a marker on.
    fn needs_padding(&self) -> bool {
        let adds = self.tail.iter().any(|piece| matches!(piece, TailPiece::Added(_)));
        adds && Padding::is_needed(self.size, self.end())
    }

    fn replaced(&self, size: u64) -> FileRegion {
        FileRegion { offset: self.cut, length: size - self.cut }
    }
}

impl TailPiece<'_> {
    fn length(&self) -> u64 {
        match self {
            Self::Kept(region) => region.length,
            Self::Added(octets) => to_u64(octets.len()),
        }
    }

    fn of<'a>(&'a self, mailbox: &'a File) -> TailPart<'a> {
        match self {
            Self::Kept(region) => TailPart::Of(mailbox, *region),
            Self::Added(octets) => TailPart::Octets(octets),
        }
    }
}

fn kept<'a>(from: u64, until: u64) -> Option<TailPiece<'a>> {
    (until > from).then(|| TailPiece::Kept(FileRegion { offset: from, length: until - from }))
}

/// Where message `number` ends, with everything that belongs to it.
fn end_of(messages: &[MboxMessage], number: u32, size: u64) -> u64 {
    messages.get(to_usize(number)).map_or(size, |next| next.start)
}

/// The messages of a file of `size` octets where they lie once those numbered `deleted` are gone and the
/// `marks` are in place.
pub(super) fn after_rewrite(
    messages: &[MboxMessage],
    deleted: &[u32],
    marks: &[StatusMark],
    size: u64,
) -> Vec<MboxMessage> {
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
        let MboxMessage { start, content, end, octets, .. } = *message;
        let mut message =
            MboxMessage { start: moved(start), content: moved(content), end: moved(end), ..*message };
        if let Some(mark) = marks.next_if(|mark| mark.number == number) {
            let length = to_u64(mark.octets.len());
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

    fn messages(starts: &[u64]) -> Vec<MboxMessage> {
        let message = |&start| MboxMessage { start, content: start, end: start, ..MboxMessage::default() };
        starts.iter().map(message).collect()
    }

    fn mark(number: u32, at: u64, octets: &str) -> StatusMark {
        StatusMark { number, at, octets: octets.into(), on_wire: to_u64(octets.len()) + 1 }
    }

    #[test]
    fn kept_parts_are_joined() {
        let messages = messages(&[0, 10, 20, 30]);
        let marks = [mark(2, 11, "ab"), mark(3, 25, "c")];
        let plan = |deleted: &[u32], marks: &[StatusMark]| {
            let plan = RewritePlan::new(&messages, deleted, marks, 40)?;
            let parts = plan.tail.iter().map(|piece| match piece {
                TailPiece::Kept(region) => format!("{}-{}", region.offset, region.end()),
                TailPiece::Added(octets) => String::from_utf8_lossy(octets).into_owned(),
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
        let left = |deleted: &[u32], marks: &[StatusMark]| -> Vec<(u64, u64, u64)> {
            let left = after_rewrite(&messages, deleted, marks, 40);
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
