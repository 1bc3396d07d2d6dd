//! One opened maildrop, as the session role has it: a ticket, and descriptors of the bodies that
//! are likely to be wanted next.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use ipc::mail::{Extent, MOST_WINDOW, NotFetched, Outcome, ToMaildrop};
use ipc::user_log::Detail;
use ipc::{Listing, Numbers, Payload, Ticket, Update};

use crate::ending::Ending;
use crate::link::{Answer, Link, Lost};
use crate::notes::Notes;

/// Dropping it without [`OpenMail::finish`] gives the maildrop up and removes nothing.
pub(crate) struct OpenMail {
    link: Arc<Link>,
    ticket: Ticket,
    user: String,
    /// Until the dialogue takes it.
    listing: Option<Listing>,
    /// The messages that were sent whole, where the maildrop wants to know that.
    read: Option<BTreeSet<u32>>,
    finished: bool,
    window: Window,
    notes: Notes,
}

/// The bodies at hand.
#[derive(Default)]
struct Window {
    /// The number of the first of `extents`.
    first: u32,
    extents: Vec<Extent>,
    /// Closed as soon as the reader is past them.
    descriptors: Vec<Option<Arc<OwnedFd>>>,
    /// The last message that was asked for.
    last: u32,
    /// How many to ask for at a time: grows while the reader goes from one message to the next.
    size: u32,
}

/// A message's body.
pub(crate) struct Body {
    pub(crate) descriptor: Arc<OwnedFd>,
    /// Where it begins, in octets.
    pub(crate) offset: u64,
    /// How long it is, in octets as stored.
    pub(crate) length: u64,
    /// Header lines that come before it.
    pub(crate) prefix: Vec<u8>,
}

/// Why there is no body.
pub(crate) enum NoBody {
    /// The maildrop process says so.
    NotFetched(NotFetched),
    /// The maildrop process is gone.
    Lost,
}

impl OpenMail {
    /// `marks_read`: whether the maildrop wants to know what was read.
    pub(crate) fn new(
        link: Arc<Link>,
        ticket: Ticket,
        user: String,
        user_log: Option<Detail>,
        marks_read: bool,
    ) -> OpenMail {
        let (window, notes) = (Window::default(), Notes::new(user_log));
        let read = marks_read.then(BTreeSet::new);
        OpenMail { link, ticket, user, listing: None, read, finished: false, window, notes }
    }

    /// What is noted for the user's own log. The last notes go with the end of the session.
    pub(crate) fn notes(&mut self) -> &mut Notes {
        &mut self.notes
    }

    /// Hands over what was noted, if anything was.
    pub(crate) async fn hand_over_notes(&mut self) {
        let notes = self.notes.take();
        if !notes.is_empty() {
            let request = ToMaildrop::Note { ticket: self.ticket, notes };
            // Without its maildrop process the session ends anyway.
            let _ = self.link.ask(self.ticket, &request, &[]).await;
        }
    }

    pub(crate) fn set_listing(&mut self, listing: Listing) {
        self.listing = Some(listing);
    }

    pub(crate) fn take_listing(&mut self) -> Option<Listing> {
        self.listing.take()
    }

    /// The user's name as auth settled it.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// From now on the connection is told when the maildrop process is lost.
    pub(crate) fn attach(&self, ending: &Arc<Ending>) {
        self.link.attach(self.ticket, ending);
    }

    /// The body of a message, from the window or from the maildrop process.
    pub(crate) async fn body(&mut self, message: u32) -> Result<Body, NoBody> {
        if let Some(body) = self.window.take(message) {
            return Ok(body);
        }
        let window = self.window.widen(message);
        let request = ToMaildrop::Fetch { ticket: self.ticket, first: message, window };
        match self.link.ask(self.ticket, &request, &[]).await {
            Ok(Answer::Fetched { first, extents, descriptors }) => {
                self.window.first = first;
                self.window.extents = extents;
                self.window.descriptors = descriptors.into_iter().map(|fd| Some(Arc::new(fd))).collect();
                self.window.take(message).ok_or(NoBody::NotFetched(NotFetched::Temporary))
            }
            Ok(Answer::NotFetched(why)) => Err(NoBody::NotFetched(why)),
            Ok(Answer::Finished(_) | Answer::Noted) | Err(Lost) => Err(NoBody::Lost),
        }
    }

    /// The client has got all of a message.
    pub(crate) fn was_read(&mut self, message: u32) {
        if let Some(read) = &mut self.read {
            read.insert(message);
        }
    }

    /// Ends the session with QUIT: removes messages and gives the maildrop up. With the answer its
    /// locks are gone, so a client that is told +OK can come back at once.
    pub(crate) async fn finish(mut self, deleted: Numbers) -> Result<Outcome, Lost> {
        let read = self.read.take().unwrap_or_default().into_iter().collect();
        let packed = Numbers::new(read).and_then(|read| Payload::pack(Update { deleted, read }.pack()));
        let (update, memory) = packed.map_err(|error| no_memory(&error))?;
        let memory: Vec<_> = memory.iter().map(AsFd::as_fd).collect();
        let request = ToMaildrop::Finish { ticket: self.ticket, update, notes: self.notes.take() };
        match self.link.ask(self.ticket, &request, &memory).await {
            Ok(Answer::Finished(outcome)) => {
                self.finished = true;
                Ok(outcome)
            }
            _ => Err(Lost),
        }
    }
}

fn no_memory(error: &io::Error) -> Lost {
    tracing::error!("what is to be removed cannot be passed on: {error}");
    Lost
}

impl Drop for OpenMail {
    fn drop(&mut self) {
        self.link.leave(self.ticket, self.finished, self.notes.take());
    }
}

impl Window {
    /// The body of a message in the window. Descriptors before it are closed.
    fn take(&mut self, message: u32) -> Option<Body> {
        let at = message.checked_sub(self.first)? as usize;
        let extent = self.extents.get(at)?;
        let used = usize::from(extent.descriptor);
        for passed in self.descriptors.iter_mut().take(used) {
            *passed = None;
        }
        let descriptor = self.descriptors.get(used)?.clone()?;
        self.last = message;
        Some(Body { descriptor, offset: extent.offset, length: extent.length, prefix: extent.prefix.clone() })
    }

    /// How many bodies to ask for now that `message` is not in the window.
    fn widen(&mut self, message: u32) -> u32 {
        let sequential = self.last != 0 && message == self.last.saturating_add(1);
        self.size = if sequential { (self.size * 2).clamp(1, MOST_WINDOW) } else { 1 };
        self.last = message;
        self.size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(first: u32, descriptors: &[u8]) -> Window {
        let fd = || Some(Arc::new(OwnedFd::from(std::fs::File::open("/dev/null").unwrap())));
        let count = descriptors.iter().max().map_or(0, |most| usize::from(*most) + 1);
        Window {
            first,
            extents: descriptors
                .iter()
                .map(|descriptor| Extent {
                    descriptor: *descriptor,
                    offset: 0,
                    length: 1,
                    prefix: Vec::new(),
                })
                .collect(),
            descriptors: (0..count).map(|_| fd()).collect(),
            ..Window::default()
        }
    }

    #[test]
    fn a_reader_in_sequence_gets_doubling_windows() {
        let mut window = Window::default();
        let mut sizes = Vec::new();
        for message in 1..=8 {
            sizes.push(window.widen(message));
        }
        assert_eq!(sizes, [1, 2, 4, 8, 16, 32, 32, 32]);
        assert_eq!(window.widen(3), 1, "a jump starts over");
    }

    #[test]
    fn descriptors_behind_the_reader_are_closed() {
        let mut window = window(5, &[0, 1, 2]);
        assert!(window.take(6).is_some());
        assert!(window.take(6).is_some(), "TOP and RETR of the same message");
        assert!(window.take(5).is_none(), "its descriptor is closed");
        assert!(window.take(4).is_none() && window.take(8).is_none());
        assert!(window.take(7).is_some());
    }

    #[test]
    fn one_descriptor_serves_a_whole_mbox() {
        let mut window = window(1, &[0, 0, 0]);
        for message in [3, 1, 2] {
            assert!(window.take(message).is_some());
        }
    }
}
