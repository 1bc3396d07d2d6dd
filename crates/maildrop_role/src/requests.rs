//! Requests of the session role: bodies of messages, and the end of sessions.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use ipc::mail::{
    Extent, FromMaildrop, MOST_EXTENTS, MOST_PREFIXES, MOST_WINDOW, NotFetched, Outcome, ToMaildrop,
};
use ipc::user_log::Note;
use ipc::wire::{self, Wait};
use ipc::{Payload, Ticket, receive};
use logging::{StepTimer, Untrusted, step};
use maildrop::{CommitError, FetchError, MaildropUpdate, StoredMessage};

use crate::open_maildrops::OpenMaildrop;
use crate::worker::Worker;

impl Worker<'_> {
    /// One thread's loop over the sessions' requests. Ends the process when the session role is gone.
    pub(crate) fn serve_sessions(&self) {
        let mut buffer = vec![0; wire::MOST_OCTETS];
        loop {
            match receive::<ToMaildrop>(self.channels.sessions, &mut buffer, Wait::Forever) {
                Ok(Some((request, descriptors))) => {
                    let work = self.work.read();
                    self.serve(request, descriptors);
                    drop(work);
                    self.exit_when_done();
                }
                Ok(None) => self.exit(0),
                Err(error) => {
                    tracing::error!("maildrop ends: {error}");
                    self.exit(1);
                }
            }
        }
    }

    fn serve(&self, request: ToMaildrop, descriptors: Vec<OwnedFd>) {
        match request {
            ToMaildrop::Fetch { ticket, first, window } => self.fetch(ticket, first, window),
            ToMaildrop::Finish { ticket, update, notes } => {
                let outcome = self.finish(ticket, update, descriptors, &notes);
                self.answer(&FromMaildrop::Finished { ticket, outcome }, &[]);
            }
            ToMaildrop::Abandon { ticket, notes } => {
                if let Some(open) = self.close(ticket, &notes) {
                    step!(open.session, "maildrop", "abandon", "maildrop given up, nothing removed");
                }
            }
            ToMaildrop::Note { ticket, notes } => {
                self.open.with(ticket, |open| open.note(&notes));
                self.answer(&FromMaildrop::Noted { ticket }, &[]);
            }
        }
    }

    fn fetch(&self, ticket: Ticket, first: u32, window: u32) {
        let timer = StepTimer::start();
        let sent = self.open.with(ticket, |open| match open.mail.fetch(first, window) {
            Ok(bodies) => {
                let (extents, descriptors) = pack(&bodies);
                let messages = extents.len();
                step!(
                    open.session,
                    "maildrop",
                    "fetch",
                    "messages fetched",
                    first,
                    messages,
                    us = timer.micros()
                );
                self.answer(&FromMaildrop::Fetched { ticket, first, extents }, &descriptors);
                Ok(())
            }
            Err(error) => {
                let user = Untrusted(open.user.as_bytes());
                tracing::warn!("message {first} of user={user} not read: {error}");
                Err(match error {
                    FetchError::Vanished { .. } => NotFetched::Vanished,
                    FetchError::NoSuchMessage { .. } | FetchError::Changed { .. } | FetchError::Io { .. } => {
                        NotFetched::Temporary
                    }
                })
            }
        });
        if let Err(why) = sent.unwrap_or(Err(NotFetched::Temporary)) {
            self.answer(&FromMaildrop::NotFetched { ticket, why }, &[]);
        }
    }

    fn finish(&self, ticket: Ticket, update: Payload, descriptors: Vec<OwnedFd>, notes: &[Note]) -> Outcome {
        let timer = StepTimer::start();
        let Some(OpenMaildrop { session, user, mail, .. }) = self.close(ticket, notes) else {
            return Outcome::Changed;
        };
        let count = mail.count();
        let user = Untrusted(user.as_bytes());
        let update = update
            .unpack(descriptors.into_iter().next(), ipc::update::MOST_OCTETS)
            .and_then(|octets| ipc::Update::unpack(&octets, count));
        let update = match update {
            Ok(update) => update,
            Err(error) => {
                tracing::error!("nothing removed for user={user}: {error}");
                return Outcome::Changed;
            }
        };
        let update = MaildropUpdate { deleted: update.deleted.numbers(), read: update.read.numbers() };
        if update.is_empty() {
            step!(session, "maildrop", "finish", "nothing to delete", us = timer.micros());
            return Outcome::Removed;
        }
        let outcome = match mail.commit(update) {
            Ok(()) => Outcome::Removed,
            Err(error) => {
                tracing::error!("deletions of user={user} incomplete: {error}");
                match error {
                    CommitError::Changed { .. } => Outcome::Changed,
                    CommitError::NoSuchMessage { .. }
                    | CommitError::Locked { .. }
                    | CommitError::Io { .. }
                    | CommitError::Interrupted { .. }
                    | CommitError::Partial { .. } => {
                        let remaining = error.remaining(update.deleted).len();
                        Outcome::Remaining(u32::try_from(remaining).unwrap_or(u32::MAX))
                    }
                }
            }
        };
        let deleted = update.deleted.len();
        step!(session, "maildrop", "finish", "deletions committed", deleted, us = timer.micros());
        outcome
    }

    /// Takes a maildrop out of the table, after the last notes for the user's log. Dropping it releases its
    /// locks.
    fn close(&self, ticket: Ticket, notes: &[Note]) -> Option<OpenMaildrop> {
        let mut open = self.open.take(ticket)?;
        open.note(notes);
        Some(open)
    }
}

/// The extents of as many bodies as fit into one answer, and their descriptors.
fn pack(bodies: &[StoredMessage]) -> (Vec<Extent>, Vec<BorrowedFd<'_>>) {
    let mut descriptors: Vec<BorrowedFd<'_>> = Vec::new();
    let mut extents = Vec::with_capacity(bodies.len().min(MOST_EXTENTS));
    let mut prefixes = 0;
    for body in bodies.iter().take(MOST_EXTENTS) {
        prefixes += body.prefix.len();
        if prefixes > MOST_PREFIXES {
            break;
        }
        let source = body.source.as_fd();
        // Neighbours share a descriptor (mbox) or have one each (Maildir).
        if descriptors.last().is_none_or(|last| last.as_raw_fd() != source.as_raw_fd()) {
            descriptors.push(source);
        }
        // More than fit into one packet: the session asks again for those.
        let Some(descriptor) =
            u8::try_from(descriptors.len() - 1).ok().filter(|at| u32::from(*at) < MOST_WINDOW)
        else {
            descriptors.pop();
            break;
        };
        let (offset, length, prefix) = (body.offset, body.length, body.prefix.clone());
        extents.push(Extent { descriptor, offset, length, prefix });
    }
    (extents, descriptors)
}
