//! The TRANSACTION state (RFC 1939, section 5): a maildrop is open.

use crate::{CommandError, Deletions, LoginName, MessageListing, MessageNumber};

/// What the session knows in the TRANSACTION state.
pub(crate) struct TransactionState<L> {
    pub(crate) user: LoginName,
    pub(crate) listing: L,
    pub(crate) deletions: Deletions,
    /// The highest message number that RETR has accessed, for LAST (RFC 1460).
    pub(crate) last: Option<MessageNumber>,
}

impl<L: MessageListing> TransactionState<L> {
    pub(crate) fn new(user: LoginName, listing: L) -> Self {
        Self { user, listing, deletions: Deletions::default(), last: None }
    }

    /// Number of messages that are not marked as deleted.
    pub(crate) fn kept(&self) -> u32 {
        self.listing.count().saturating_sub(self.deletions.len())
    }

    /// Octets of the messages that are not marked as deleted.
    pub(crate) fn kept_octets(&self) -> u64 {
        self.listing.total_octets().saturating_sub(self.deletions.octets())
    }

    /// Checks that a message exists and is not marked as deleted.
    pub(crate) fn message(&self, number: MessageNumber) -> Result<MessageNumber, CommandError> {
        if number.get() > self.listing.count() {
            return Err(CommandError::NoSuchMessage(self.listing.count()));
        }
        if self.deletions.contains(number) {
            return Err(CommandError::Deleted);
        }
        Ok(number)
    }
}
