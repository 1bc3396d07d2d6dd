//! The listing of the maildrop process, as the dialogue reads it.

use ipc::PackedListing;
use pop3::MessageNumber;

/// The messages of an open maildrop.
pub(super) struct MailListing(pub(super) PackedListing);

impl pop3::MessageListing for MailListing {
    fn count(&self) -> u32 {
        self.0.count()
    }

    fn octets(&self, number: MessageNumber) -> u64 {
        self.0.octets(number.get())
    }

    fn uidl(&self, number: MessageNumber) -> &[u8] {
        self.0.uidl(number.get())
    }

    fn total_octets(&self) -> u64 {
        self.0.total_octets()
    }
}
