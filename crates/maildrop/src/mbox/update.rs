//! The UPDATE state of an mbox: looks whether all is as the session saw it, plans the rewrite, and remembers what is left.

use std::fs::File;

use super::bodies;
use super::index::{Findings, Index};
use super::journal::Failure;
use super::read::{Job, ScanError};
use super::rewrite::{self, Plan};
use super::scan::Message;
use super::status::Mark;
use super::{Mbox, is_at, open_to_write};
use crate::CommitError;
use crate::disk::retry;
use crate::error::Doing;
use crate::lock::Mailbox;
use crate::maildrop::Update;
use crate::notice::Notice;
use crate::stamp::Stamp;
use crate::uidl;

impl Mbox {
    /// Carries out an update that is not empty.
    pub(super) fn rewrite(&self, update: Update<'_>) -> Result<(), CommitError> {
        let (shared, path) = (&*self.shared, &*self.path);
        let changed = || CommitError::Changed { path: path.to_owned() };
        let mailbox = open_to_write(path).doing("open the mailbox to rewrite it", path)?;
        let mut lock = shared.locker().lock(Mailbox { path, file: &mailbox, writable: true })?;
        let now = Stamp::of(&mailbox).doing("look at the mailbox", path)?;
        if !now.same_file(self.index.stamp()) || !is_at(path, &now) {
            return Err(changed());
        }
        let messages = self.messages_now(&mailbox, &now, &mut || lock.keep())?;
        let marks = self.marks(&mailbox, &messages, update).unwrap_or_else(|error| {
            self.not_marked(error);
            Vec::new()
        });
        if !lock.is_held() {
            return Err(CommitError::Locked {
                path: path.to_owned(),
                how: "another program broke our lock".to_owned(),
            });
        }
        let mut rewrite = |marks: &[Mark]| {
            let Some(plan) = Plan::new(&messages, update.deleted, marks, now.size()) else { return Ok(()) };
            plan.run(shared, path, &mailbox, &mut || lock.keep())?;
            if messages.len() == self.index.count() as usize {
                // All that is left has been listed to its owner: for the shell, there is no new mail. Only a courtesy.
                let _ = retry(|| shared.disk.touch(&mailbox, false));
            }
            let left = Left { messages: &messages, deleted: update.deleted, marks, size: now.size() };
            let _ = self.remember(&mailbox, &left, plan.end());
            Ok(())
        };
        let mut outcome = rewrite(&marks);
        // What is to go goes, also where there is no room for what is to come.
        if let Err(Failure::Untouched(_)) = &outcome
            && !marks.is_empty()
            && !update.deleted.is_empty()
        {
            let alone = rewrite(&[]);
            if let Err(Failure::Untouched(error)) = std::mem::replace(&mut outcome, alone) {
                self.not_marked(error);
            }
        }
        outcome.map_err(|failure| {
            let path = path.to_owned();
            match failure {
                Failure::Untouched(source) => CommitError::Io { doing: "rewrite the mailbox", path, source },
                Failure::Interrupted(source) => {
                    CommitError::Interrupted { doing: "rewrite the mailbox", path, source }
                }
            }
        })
    }

    /// The marks that messages lack which were read and stay.
    fn marks(&self, mailbox: &File, messages: &[Message], update: Update<'_>) -> std::io::Result<Vec<Mark>> {
        let mut deleted = update.deleted.iter().copied().peekable();
        let mut marks = Vec::new();
        for &number in update.read {
            while deleted.next_if(|&gone| gone < number).is_some() {}
            if deleted.peek() == Some(&number) {
                continue;
            }
            if let Some(message) = messages.get(number as usize - 1) {
                let boundaries = &self.shared.settings.boundaries;
                marks.extend(Mark::missing(mailbox, boundaries, number, message)?);
            }
        }
        Ok(marks)
    }

    pub(super) fn not_marked(&self, why: impl std::fmt::Display) {
        let (path, why) = (self.path.clone(), why.to_string());
        (self.shared.notify)(&Notice::NotMarkedRead { path, why });
    }

    /// Writes down where the messages lie now that the mailbox of `end` octets holds what is `left`.
    ///
    /// # Errors
    ///
    /// The index then stays as it was, and does not fit the file any more, which the next open finds out.
    fn remember(&self, mailbox: &File, left: &Left<'_>, end: u64) -> std::io::Result<()> {
        let Left { messages, deleted, marks, size } = *left;
        let mut left = rewrite::closed_up(messages, deleted, marks, size);
        if !marks.is_empty() {
            bodies::measure_surrogates(mailbox, &mut left, &mut || ())?;
        }
        let mut gone = deleted.iter().copied().peekable();
        let before = (1..).zip(self.index.ordinals());
        let before: Vec<_> =
            before.filter(|(number, _)| gone.next_if_eq(number).is_none()).map(|(_, one)| one).collect();
        let ordinals = uidl::ordinals(left.iter().map(|message| message.digest), &before);
        let stamp = Stamp::of(mailbox)?;
        let findings = Findings { messages: &left, ordinals: &ordinals, parsed: end, stamp };
        Index::keep(&self.shared, &self.key, mailbox, &findings, None)?;
        Ok(())
    }

    /// All messages of the file as it is now, those that the session knows first.
    fn messages_now(
        &self,
        mailbox: &File,
        now: &Stamp,
        keep: &mut dyn FnMut(),
    ) -> Result<Vec<Message>, CommitError> {
        let changed = || CommitError::Changed { path: self.path.clone() };
        let known = self.index.messages();
        if self.index.is_of(now) {
            return Ok(known);
        }
        if now.size() < self.index.stamp().size() {
            return Err(changed());
        }
        let job = Job {
            file: mailbox,
            path: &self.path,
            settings: &self.shared.settings,
            from: 0,
            size: now.size(),
            limit: u32::MAX,
        };
        let messages = match job.run(keep) {
            Ok(messages) => messages,
            Err(ScanError::Refused(refusal)) => return Err(refusal.into()),
            Err(_) => return Err(changed()),
        };
        let same = |(before, now): (&Message, &Message)| {
            (before.start, before.octets, before.digest) == (now.start, now.octets, now.digest)
        };
        let all_there = messages.len() >= known.len();
        if !all_there || !known.iter().zip(&messages).all(same) {
            return Err(changed());
        }
        Ok(messages)
    }
}

/// What is left of `messages`, which lay in a file of `size` octets.
struct Left<'a> {
    messages: &'a [Message],
    deleted: &'a [u32],
    marks: &'a [Mark],
    size: u64,
}
