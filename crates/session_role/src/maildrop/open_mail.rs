//! One open maildrop, as a session uses it: a ticket of the maildrop process, and bodies fetched ahead.

use std::collections::BTreeSet;
use std::os::fd::AsFd;
use std::sync::Arc;

use ipc::mail::{NotFetched, Outcome, ToMaildrop};
use ipc::user_log::Detail;
use ipc::{Numbers, Payload, Ticket, Update};
use logging::{StepTimer, step};

use super::body::MessageBody;
use super::channel::{MaildropAnswer, MaildropChannel, MaildropLost};
use super::fetch_window::FetchWindow;
use super::notes::UserLogNotes;
use crate::table::StopSignal;

/// An open maildrop. Dropping it without [`OpenMail::finish`] closes the maildrop and removes nothing.
pub(crate) struct OpenMail {
    channel: Arc<MaildropChannel>,
    ticket: Ticket,
    user: String,
    /// The messages that were sent whole, if the maildrop wants to know them.
    read: Option<BTreeSet<u32>>,
    finished: bool,
    window: FetchWindow,
    notes: UserLogNotes,
}

/// Why there is no body.
pub(crate) enum NoBody {
    /// The maildrop process cannot provide it.
    NotFetched(NotFetched),
    /// The maildrop process is gone.
    Lost,
}

impl OpenMail {
    /// `user` is the name as auth determined it; `marks_read`: whether the maildrop wants to know which
    /// messages were read.
    pub(super) fn new(
        channel: Arc<MaildropChannel>,
        ticket: Ticket,
        user: String,
        user_log: Option<Detail>,
        marks_read: bool,
    ) -> Self {
        let (window, notes) = (FetchWindow::default(), UserLogNotes::new(user_log));
        let read = marks_read.then(BTreeSet::new);
        Self { channel, ticket, user, read, finished: false, window, notes }
    }

    /// The notes for the user's own log. The last ones are written at the end of the session.
    pub(crate) fn notes(&mut self) -> &mut UserLogNotes {
        &mut self.notes
    }

    /// Passes the notes so far to the maildrop process, if there are any.
    pub(crate) async fn write_notes(&mut self) {
        let notes = self.notes.take();
        if !notes.is_empty() {
            let request = ToMaildrop::Note { ticket: self.ticket, notes };
            // Without its maildrop process the session ends anyway.
            let _ = self.channel.ask(self.ticket, &request, &[]).await;
        }
    }

    /// The user's name, as auth determined it.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// Stops the connection when the maildrop process is lost.
    pub(crate) fn attach(&self, stop: &Arc<StopSignal>) {
        self.channel.attach(self.ticket, stop);
    }

    /// The body of a message, fetched ahead or now. `session` is the connection's number, for the log.
    ///
    /// # Errors
    ///
    /// The body cannot be provided.
    pub(crate) async fn body(&mut self, message: u32, session: u64) -> Result<MessageBody, NoBody> {
        if let Some(body) = self.window.take(message) {
            return Ok(body);
        }
        let window = self.window.widen(message);
        let request = ToMaildrop::Fetch { ticket: self.ticket, first: message, window };
        step!(session, "session", "fetch", "fetch asked", first = message, window);
        let timer = StepTimer::start();
        let answer = self.channel.ask(self.ticket, &request, &[]).await;
        step!(session, "session", "fetch", "fetch answered", us = timer.micros());
        match answer {
            Ok(MaildropAnswer::Fetched { first, extents, descriptors }) => {
                self.window.fill(first, extents, descriptors);
                self.window.take(message).ok_or(NoBody::NotFetched(NotFetched::Temporary))
            }
            Ok(MaildropAnswer::NotFetched(why)) => Err(NoBody::NotFetched(why)),
            Ok(MaildropAnswer::Finished(_) | MaildropAnswer::Noted) | Err(MaildropLost) => Err(NoBody::Lost),
        }
    }

    /// Records that the client has received all of a message.
    pub(crate) fn was_read(&mut self, message: u32) {
        if let Some(read) = &mut self.read {
            read.insert(message);
        }
    }

    /// Ends the session with QUIT: removes messages and closes the maildrop. When the answer arrives, the
    /// maildrop is unlocked, so a client that reads `+OK` can log in again at once.
    ///
    /// # Errors
    ///
    /// The maildrop process is lost; how many messages it has removed is unknown.
    pub(crate) async fn finish(mut self, deleted: Numbers) -> Result<Outcome, MaildropLost> {
        let read = self.read.take().unwrap_or_default().into_iter().collect();
        let packed = Numbers::new(read).and_then(|read| Payload::pack(Update { deleted, read }.pack()));
        let (update, memory) = packed.map_err(|error| {
            tracing::error!("what is to be removed cannot be passed on: {error}");
            MaildropLost
        })?;
        let memory: Vec<_> = memory.iter().map(AsFd::as_fd).collect();
        let request = ToMaildrop::Finish { ticket: self.ticket, update, notes: self.notes.take() };
        match self.channel.ask(self.ticket, &request, &memory).await {
            Ok(MaildropAnswer::Finished(outcome)) => {
                self.finished = true;
                Ok(outcome)
            }
            Ok(MaildropAnswer::Fetched { .. } | MaildropAnswer::NotFetched(_) | MaildropAnswer::Noted)
            | Err(MaildropLost) => Err(MaildropLost),
        }
    }
}

impl Drop for OpenMail {
    fn drop(&mut self) {
        self.channel.leave(self.ticket, self.finished, self.notes.take());
    }
}
