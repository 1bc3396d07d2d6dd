//! Numbers that clients write: message numbers and line counts.

use std::fmt;
use std::num::NonZeroU32;

/// A message number: 1 is the first message of the maildrop (RFC 1939, section 5).
///
/// That a number is valid does not mean that the message exists: the maildrop may have fewer messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageNumber(NonZeroU32);

impl MessageNumber {
    /// The first message, 1.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// `None` for 0.
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// Reads a decimal number. `None` for 0, for signs, blanks and other junk, and for numbers over 32 bits.
    pub fn parse(text: &[u8]) -> Option<Self> {
        u32::try_from(decimal(text)?).ok().and_then(Self::new)
    }

    /// The number as the client writes it, from 1.
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    /// The index in a table that starts at 0.
    pub fn index(self) -> usize {
        as_usize(self.0.get() - 1)
    }

    /// The next number.
    pub(crate) fn following(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }

    /// The message at `index` in a table that starts at 0. `None` if the number needs more than 32 bits.
    pub(crate) fn from_index(index: usize) -> Option<Self> {
        index.checked_add(1).and_then(|number| u32::try_from(number).ok()).and_then(Self::new)
    }
}

impl fmt::Display for MessageNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Widens a 32-bit count or position; `usize` has at least 32 bits wherever the server runs.
pub(crate) fn as_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Reads one or more decimal digits and nothing else. `None` if the number needs more than 64 bits.
pub(crate) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_numbers_from_1_are_read() {
        for (text, number) in [("1", 1), ("42", 42), ("007", 7), ("4294967295", u32::MAX)] {
            assert_eq!(MessageNumber::parse(text.as_bytes()), MessageNumber::new(number), "{text}");
        }
    }

    #[test]
    fn zero_signs_overflow_and_junk_are_no_number() {
        let junk = ["", "0", "000", "+1", "-1", "1.0", "0x1", " 1", "1 ", "one", "1\0", "\u{0661}"];
        let large = ["4294967296", "4294967297", "18446744073709551617"];
        for text in junk.iter().chain(&large) {
            assert_eq!(MessageNumber::parse(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn line_counts_stop_at_64_bits() {
        assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(decimal(b"18446744073709551616"), None);
        assert_eq!(decimal(b"99999999999999999999"), None);
    }

    #[test]
    fn the_index_begins_at_zero() {
        let first = MessageNumber::new(1).unwrap();
        assert_eq!(first.index(), 0);
        assert_eq!(MessageNumber::from_index(0), Some(first));
        assert_eq!(MessageNumber::from_index(as_usize(u32::MAX)), None);
    }
}
