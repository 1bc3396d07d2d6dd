//! What a dialogue needs to know about an open maildrop.

use crate::MessageNumber;

/// The sizes and unique identifiers of the messages at the time when the maildrop was opened.
///
/// They must not change during the session (RFC 1939, section 4: messages keep their numbers). The dialogue
/// asks only for numbers from 1 to [`count`](Self::count), and drops the listing at QUIT, before the driver
/// carries out [`Step::Finish`](crate::Step::Finish).
pub trait MessageListing {
    /// The number of messages.
    fn count(&self) -> u32;

    /// The size of a message in octets as RETR sends it, before dot-stuffing (see [`octets`](crate::octets)).
    fn octets(&self, number: MessageNumber) -> u64;

    /// The unique identifier of a message: 1 to 70 octets from 0x21 to 0x7E (RFC 1939, section 7).
    fn uidl(&self, number: MessageNumber) -> &[u8];

    /// The sum of [`octets`](Self::octets) of all messages. Every STAT needs it, so the implementor should
    /// compute it once.
    fn total_octets(&self) -> u64;
}
