//! Octets that may be too long for a message: inline if they are short, or in sealed memory that is sent along.

use std::io;
use std::ops::Deref;
use std::os::fd::OwnedFd;

use serde::{Deserialize, Serialize};
use sys::memfd;

/// The most octets that are sent inline.
pub const MOST_INLINE: usize = 32 * 1024;

/// The part of a message that represents the octets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Payload {
    /// They are in the message.
    Inline(#[serde(with = "serde_bytes")] Vec<u8>),
    /// They are in sealed memory, the only descriptor of the message.
    Sealed,
}

impl Payload {
    /// Packs octets. Returns the payload and, if needed, the descriptor to send along.
    ///
    /// # Errors
    ///
    /// What [`memfd::sealed`] says.
    pub fn pack(octets: Vec<u8>) -> io::Result<(Self, Option<OwnedFd>)> {
        if octets.len() <= MOST_INLINE {
            return Ok((Self::Inline(octets), None));
        }
        Ok((Self::Sealed, Some(memfd::sealed(&octets)?)))
    }

    /// Unpacks a received payload of at most `most` octets.
    ///
    /// # Errors
    ///
    /// `InvalidData` if the memory is missing, not sealed or too long.
    pub fn unpack(self, descriptor: Option<OwnedFd>, most: u64) -> io::Result<PayloadOctets> {
        match (self, descriptor) {
            (Self::Inline(octets), _) => Ok(PayloadOctets::Own(octets.into_boxed_slice())),
            (Self::Sealed, Some(memory)) => Ok(PayloadOctets::Mapped(memfd::Mapping::new(memory, most)?)),
            (Self::Sealed, None) => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "a message without its memory"))
            }
        }
    }
}

/// Unpacked octets.
#[derive(Debug)]
pub enum PayloadOctets {
    /// They were in the message.
    Own(Box<[u8]>),
    /// They are in sealed memory.
    Mapped(memfd::Mapping),
}

impl Deref for PayloadOctets {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Own(octets) => octets,
            Self::Mapped(mapping) => mapping,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_octets_survive() {
        for length in [0, 1, MOST_INLINE, MOST_INLINE + 1, 1 << 20] {
            let octets: Vec<u8> = (0..length).map(|i| u8::try_from(i % 251).unwrap()).collect();
            let (payload, memory) = Payload::pack(octets.clone()).unwrap();
            assert_eq!(memory.is_some(), length > MOST_INLINE);
            assert_eq!(&*payload.unpack(memory, 1 << 20).unwrap(), &octets[..]);
        }
    }

    #[test]
    fn sealed_octets_without_memory_or_over_the_bound_are_refused() {
        assert!(Payload::Sealed.unpack(None, 100).is_err());
        let (payload, memory) = Payload::pack(vec![1; MOST_INLINE + 1]).unwrap();
        assert!(payload.unpack(memory, 100).is_err());
    }
}
