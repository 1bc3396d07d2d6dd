//! What every kind of maildrop can do.

use std::fs::File;
use std::sync::Arc;

use crate::{CommitError, Delivered, FetchError, Uidl};

/// One opened maildrop, held by one session; dropping it gives it up unchanged.
///
/// Messages are numbered from 1 in a fixed order, and keep number, octets and UIDL as long as it is open, whatever
/// is delivered meanwhile.
pub trait Maildrop: Send {
    /// How many messages there are.
    fn count(&self) -> u32;

    /// What LIST and UIDL say of message `number`; `None` beyond [`count`](Self::count).
    fn listing(&self, number: u32) -> Option<Listing>;

    /// Two maildrops with one fingerprint have one listing; `None` where that cannot be said without looking at all messages.
    fn fingerprint(&self) -> Option<[u8; 32]> {
        None
    }

    /// When message `number` was delivered, if the maildrop says so. Every time the same for a message that did not change.
    fn delivered(&self, number: u32) -> Option<Delivered> {
        let _ = number;
        None
    }

    /// Where to read message `first` and up to `window - 1` of those after it; fewer is fine, in order and without gaps.
    ///
    /// # Errors
    ///
    /// Only for what befalls message `first` itself.
    fn fetch(&mut self, first: u32, window: u32) -> Result<Vec<Body>, FetchError>;

    /// Removes the messages `deleted` (numbers in ascending order) and ends the session: the UPDATE state of
    /// RFC 1939, section 6.
    ///
    /// # Errors
    ///
    /// [`CommitError::remaining`] says which of the messages are still there.
    fn commit(self: Box<Self>, deleted: &[u32]) -> Result<(), CommitError>;
}

/// What a session tells of a message before anyone reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// What a client receives for the message before dot-stuffing and without the final dot: every line ended by CRLF, a missing last
    /// line end added.
    pub octets: u64,
    /// The message's unique id.
    pub uidl: Uidl,
}

/// Where the stored octets of a message are read: a part of a file that nobody will write through this descriptor.
#[derive(Debug, Clone)]
pub struct Body {
    /// What to read from, by offset only: the descriptor's own position is shared.
    pub source: Arc<File>,
    /// Where the message begins, in octets.
    pub offset: u64,
    /// How long it is as stored, in octets.
    pub length: u64,
    /// Whole header lines that come before what is stored, ended by CRLF.
    pub prefix: Vec<u8>,
}

/// A maildrop that does not exist yet.
pub(crate) struct Empty;

impl Maildrop for Empty {
    fn count(&self) -> u32 {
        0
    }

    fn listing(&self, _: u32) -> Option<Listing> {
        None
    }

    fn fetch(&mut self, first: u32, _: u32) -> Result<Vec<Body>, FetchError> {
        Err(FetchError::NoSuchMessage { number: first })
    }

    fn commit(self: Box<Self>, deleted: &[u32]) -> Result<(), CommitError> {
        check_deleted(deleted, 0)
    }
}

/// Whether `deleted` are numbers of messages, in ascending order.
pub(crate) fn check_deleted(deleted: &[u32], count: u32) -> Result<(), CommitError> {
    let mut before = 0;
    for &number in deleted {
        if number <= before || number > count {
            return Err(CommitError::NoSuchMessage { number });
        }
        before = number;
    }
    Ok(())
}
