//! What every kind of maildrop can do.

use std::fs::File;
use std::sync::Arc;

use crate::delivered::Delivered;
use crate::error::{CommitError, FetchError};
use crate::uidl::Uidl;

/// One opened maildrop, held by one session. Dropping it gives it up unchanged.
///
/// Messages are numbered from 1 in a fixed order. Their numbers, octets and UIDLs stay the same while the
/// maildrop is open, whatever is delivered meanwhile.
pub trait Maildrop: Send {
    /// How many messages there are.
    fn count(&self) -> u32;

    /// What LIST and UIDL say about message `number`; `None` beyond [`count`](Self::count).
    fn listing(&self, number: u32) -> Option<ListedMessage>;

    /// Two maildrops with the same fingerprint have the same listing. `None` if that cannot be known without
    /// looking at all messages.
    fn fingerprint(&self) -> Option<[u8; 32]> {
        None
    }

    /// When message `number` was delivered, if the maildrop knows. The answer is always the same for a
    /// message that did not change.
    fn delivered(&self, number: u32) -> Option<Delivered> {
        let _ = number;
        None
    }

    /// Where to read message `first` and up to `window - 1` of the messages after it. There may be fewer, but
    /// they are in order and without gaps.
    ///
    /// # Errors
    ///
    /// Only errors about message `first` itself are returned.
    fn fetch(&mut self, first: u32, window: u32) -> Result<Vec<StoredMessage>, FetchError>;

    /// Whether [`MaildropUpdate::read`] matters here.
    fn marks_read(&self) -> bool {
        false
    }

    /// Carries out the update and ends the session: the UPDATE state of RFC 1939, section 6.
    ///
    /// # Errors
    ///
    /// [`CommitError::remaining`] says which of the deleted messages are still there. If messages could not
    /// be marked as read, that is no error but a [`Notice`](crate::Notice).
    fn commit(self: Box<Self>, update: MaildropUpdate<'_>) -> Result<(), CommitError>;
}

/// What is to be done after a session that ended with QUIT. Both lists hold message numbers in ascending
/// order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MaildropUpdate<'a> {
    /// The messages to be removed.
    pub deleted: &'a [u32],
    /// The messages that the client has read. Those that stay are marked as read, if the maildrop does that
    /// at all.
    pub read: &'a [u32],
}

impl<'a> MaildropUpdate<'a> {
    /// An update that only removes messages.
    pub fn deleting(deleted: &'a [u32]) -> Self {
        MaildropUpdate { deleted, read: &[] }
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.deleted.is_empty() && self.read.is_empty()
    }

    /// Checks that all numbers belong to messages and are in ascending order.
    pub(crate) fn check(&self, count: u32) -> Result<(), CommitError> {
        for numbers in [self.deleted, self.read] {
            let mut before = 0;
            for &number in numbers {
                if number <= before || number > count {
                    return Err(CommitError::NoSuchMessage { number });
                }
                before = number;
            }
        }
        Ok(())
    }
}

/// What a session says about a message before anyone reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedMessage {
    /// The octets that a client receives for the message, before dot-stuffing and without the final dot:
    /// every line ends in CRLF, and a missing last line end is added.
    pub octets: u64,
    /// The same for its surrogate, if clients that did not ask for UTF-8 need one
    /// ([`SessionOptions::as_stored`](crate::SessionOptions)).
    pub surrogate: Option<u64>,
    /// The message's unique id.
    pub uidl: Uidl,
}

/// Where the stored octets of a message are read: a region of a file that nobody writes through this
/// descriptor.
#[derive(Debug, Clone)]
pub struct StoredMessage {
    /// What to read from, by offset only: all users of the descriptor share its position.
    pub source: Arc<File>,
    /// Where the message begins, in octets.
    pub offset: u64,
    /// Its length as stored, in octets.
    pub length: u64,
    /// Whole header lines that come before the stored octets, each ended by CRLF.
    pub prefix: Vec<u8>,
}

/// A maildrop that does not exist yet.
pub(crate) struct MissingMaildrop;

impl Maildrop for MissingMaildrop {
    fn count(&self) -> u32 {
        0
    }

    fn listing(&self, _: u32) -> Option<ListedMessage> {
        None
    }

    fn fetch(&mut self, first: u32, _: u32) -> Result<Vec<StoredMessage>, FetchError> {
        Err(FetchError::NoSuchMessage { number: first })
    }

    fn commit(self: Box<Self>, update: MaildropUpdate<'_>) -> Result<(), CommitError> {
        update.check(0)
    }
}
