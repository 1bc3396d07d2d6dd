//! The UPDATE state of an mbox (RFC 1939, section 6): checks that everything is as the session saw it,
//! rewrites the mailbox, and remembers what is left.

use std::io;
use std::path::Path;

use super::bodies;
use super::index::{FoundMessages, MboxIndex};
use super::journal::RewriteFailure;
use super::message::MboxMessage;
use super::open_file::{is_at, open_to_write};
use super::plan::{self, RewritePlan};
use super::read::{FileScan, ScanError};
use super::status_mark::StatusMark;
use crate::disk::retry;
use crate::error::{CommitError, Doing};
use crate::file_stamp::FileStamp;
use crate::index::IndexKey;
use crate::lock::LockedMailbox;
use crate::maildrop::MaildropUpdate;
use crate::notice::Notice;
use crate::shared::OwnerContext;
use crate::uidl;
use crate::widths::to_usize;

/// A session with an mbox that is about to end.
#[derive(Clone, Copy)]
pub(super) struct MboxUpdate<'a> {
    pub(super) shared: &'a OwnerContext,
    pub(super) path: &'a Path,
    pub(super) key: &'a IndexKey,
    /// What the session knows of the mailbox.
    pub(super) index: &'a MboxIndex,
}

impl MboxUpdate<'_> {
    /// Removes and marks messages. If marking alone fails, that is not an error but a notice.
    pub(super) fn run(self, update: MaildropUpdate<'_>) -> Result<(), CommitError> {
        let outcome = if update.is_empty() { Ok(()) } else { self.rewrite(update) };
        match outcome {
            Err(error) if update.deleted.is_empty() => {
                self.not_marked(error);
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// Carries out an update that is not empty.
    fn rewrite(self, update: MaildropUpdate<'_>) -> Result<(), CommitError> {
        let Self { shared, path, .. } = self;
        let changed = || CommitError::Changed { path: path.to_owned() };
        let file = open_to_write(path).doing("open the mailbox to rewrite it", path)?;
        let mailbox = shared.locker().lock(path, file, true)?;
        let now = FileStamp::of(mailbox.file()).doing("look at the mailbox", path)?;
        if !now.same_file(self.index.stamp()) || !is_at(path, &now) {
            return Err(changed());
        }
        let messages = self.messages_now(&mailbox, &now)?;
        let marks = self.marks(&mailbox, &messages, update).unwrap_or_else(|error| {
            self.not_marked(error);
            Vec::new()
        });
        if !mailbox.is_held() {
            return Err(CommitError::Locked {
                path: path.to_owned(),
                how: "another program broke our lock".to_owned(),
            });
        }
        let rewrite = |marks: &[StatusMark]| {
            let Some(plan) = RewritePlan::new(&messages, update.deleted, marks, now.size()) else {
                return Ok(());
            };
            plan.run(shared, &mailbox)?;
            if messages.len() == to_usize(self.index.count()) {
                // The owner has seen a listing of all that is left, so the shell need not report new mail.
                // This is only a courtesy.
                let _ = retry(|| shared.disk.touch(mailbox.file(), false));
            }
            let left = Remaining { messages: &messages, deleted: update.deleted, marks, size: now.size() };
            let _ = self.remember(&mailbox, &left, plan.end());
            Ok(())
        };
        let mut outcome = rewrite(&marks);
        // Deletions must work even if there is no space for marks.
        if let Err(RewriteFailure::Untouched(_)) = &outcome
            && !marks.is_empty()
            && !update.deleted.is_empty()
        {
            let alone = rewrite(&[]);
            if let Err(RewriteFailure::Untouched(error)) = std::mem::replace(&mut outcome, alone) {
                self.not_marked(error);
            }
        }
        outcome.map_err(|failure| {
            let (doing, path) = ("rewrite the mailbox", path.to_owned());
            match failure {
                RewriteFailure::Untouched(source) => CommitError::Io { doing, path, source },
                RewriteFailure::Interrupted(source) => CommitError::Interrupted { doing, path, source },
            }
        })
    }

    /// The marks that are missing from messages that were read and stay.
    fn marks(
        self,
        mailbox: &LockedMailbox<'_>,
        messages: &[MboxMessage],
        update: MaildropUpdate<'_>,
    ) -> io::Result<Vec<StatusMark>> {
        let mut deleted = update.deleted.iter().copied().peekable();
        let mut marks = Vec::new();
        for &number in update.read {
            while deleted.next_if(|&gone| gone < number).is_some() {}
            if deleted.peek() == Some(&number) {
                continue;
            }
            if let Some(message) = messages.get(to_usize(number) - 1) {
                let boundaries = &self.shared.settings.boundaries;
                marks.extend(StatusMark::missing(mailbox.file(), boundaries, number, message)?);
            }
        }
        Ok(marks)
    }

    fn not_marked(self, why: impl std::fmt::Display) {
        let (path, why) = (self.path.to_owned(), why.to_string());
        (self.shared.notify)(&Notice::NotMarkedRead { path, why });
    }

    /// Writes down where the messages lie, now that the mailbox has `end` octets and holds what is `left`.
    ///
    /// # Errors
    ///
    /// The index stays as it was and no longer fits the file; the next open finds that out.
    fn remember(self, mailbox: &LockedMailbox<'_>, left: &Remaining<'_>, end: u64) -> io::Result<()> {
        let Remaining { messages, deleted, marks, size } = *left;
        let mut left = plan::after_rewrite(messages, deleted, marks, size);
        if !marks.is_empty() {
            left.iter_mut().try_for_each(|message| bodies::measure_surrogate(mailbox.file(), message))?;
        }
        let mut gone = deleted.iter().copied().peekable();
        let before = (1..).zip(self.index.ordinals());
        let before: Vec<_> = before
            .filter(|(number, _)| gone.next_if_eq(number).is_none())
            .map(|(_, ordinal)| ordinal)
            .collect();
        let ordinals = uidl::ordinals(left.iter().map(|message| message.digest), &before);
        let stamp = FileStamp::of(mailbox.file())?;
        let findings = FoundMessages { messages: &left, ordinals: &ordinals, parsed: end, stamp };
        MboxIndex::keep(self.shared, self.key, mailbox.file(), &findings, None)?;
        Ok(())
    }

    /// All messages of the file as it is now. Those that the session knows come first.
    fn messages_now(
        self,
        mailbox: &LockedMailbox<'_>,
        now: &FileStamp,
    ) -> Result<Vec<MboxMessage>, CommitError> {
        let changed = || CommitError::Changed { path: self.path.to_owned() };
        let known = self.index.messages();
        if self.index.describes(now) {
            return Ok(known);
        }
        if now.size() < self.index.stamp().size() {
            return Err(changed());
        }
        let scan = FileScan {
            file: mailbox.file(),
            path: self.path,
            settings: &self.shared.settings,
            from: 0,
            size: now.size(),
            limit: u32::MAX,
        };
        let messages = match scan.run(mailbox) {
            Ok(messages) => messages,
            Err(ScanError::Os(error)) => return Err(error.into()),
            Err(ScanError::NotAnMbox | ScanError::TooManyMessages { .. }) => return Err(changed()),
        };
        let same = |(before, now): (&MboxMessage, &MboxMessage)| {
            (before.start, before.octets, before.digest) == (now.start, now.octets, now.digest)
        };
        let all_there = messages.len() >= known.len();
        if !all_there || !known.iter().zip(&messages).all(same) {
            return Err(changed());
        }
        Ok(messages)
    }
}

/// The rest of `messages`, which lay in a file of `size` octets.
struct Remaining<'a> {
    messages: &'a [MboxMessage],
    deleted: &'a [u32],
    marks: &'a [StatusMark],
    size: u64,
}
