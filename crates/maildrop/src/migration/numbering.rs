//! The numbers that another server gave to a mailbox and its messages.

/// The numbers of another server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UidNumbering {
    /// The mailbox's number (UIDVALIDITY of RFC 3501, section 2.3.1.1); 0 if the server gave it none.
    pub(super) validity: u32,
    /// The first number that no message has yet.
    pub(super) next: u32,
}

impl UidNumbering {
    /// The `remembered` numbering, if what a list says of itself agrees with it.
    pub(super) fn agreed(listed: Option<Self>, remembered: Option<Self>) -> Option<Self> {
        remembered.filter(|base| listed.is_some_and(|listed| listed.validity == base.validity))
    }
}

/// A decimal number from 1.
pub(super) fn number(digits: &[u8]) -> Option<u32> {
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(digits).ok().filter(|_| plain)?;
    text.parse().ok().filter(|&number| number > 0)
}
