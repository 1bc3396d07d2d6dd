//! The update of a session that ends with QUIT.

use std::io;

use crate::MessageNumbers;
use crate::payload::PayloadOctets;

/// The longest packed form, in octets.
pub const MOST_OCTETS: u64 = 8 + 2 * crate::numbers::MOST_OCTETS;

/// The messages to remove, and those that the client has read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionUpdate {
    /// The messages to remove.
    pub deleted: MessageNumbers,
    /// The messages that were read; empty unless the maildrop needs to know.
    pub read: MessageNumbers,
}

impl SessionUpdate {
    /// Packs it: the length of the first list (u64 little-endian), then both lists.
    pub fn pack(&self) -> Vec<u8> {
        let deleted = self.deleted.pack();
        let mut packed = (deleted.len() as u64).to_le_bytes().to_vec();
        packed.extend(deleted);
        packed.extend(self.read.pack());
        packed
    }

    /// Unpacks an update from another role, for a maildrop of `count` messages.
    ///
    /// # Errors
    ///
    /// `InvalidData` if it is malformed or names a message beyond `count`.
    pub fn unpack(octets: &PayloadOctets, count: u32) -> io::Result<Self> {
        let lists = octets.split_first_chunk().and_then(|(length, lists)| {
            lists.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)
        });
        let Some((deleted, read)) = lists else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a malformed update"));
        };
        Ok(Self {
            deleted: MessageNumbers::unpack(deleted, count)?,
            read: MessageNumbers::unpack(read, count)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn own(octets: Vec<u8>) -> PayloadOctets {
        PayloadOctets::Own(octets.into_boxed_slice())
    }

    fn numbers() -> impl Strategy<Value = MessageNumbers> {
        prop::collection::btree_set(1u32..100, 0..20)
            .prop_map(|set| MessageNumbers::new(set.into_iter().collect()).unwrap())
    }

    proptest! {
        #[test]
        fn what_was_packed_is_unpacked(deleted in numbers(), read in numbers()) {
            let update = SessionUpdate { deleted, read };
            prop_assert_eq!(SessionUpdate::unpack(&own(update.pack()), 99).unwrap(), update);
        }

        #[test]
        fn no_octets_make_unpacking_panic(octets in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = SessionUpdate::unpack(&own(octets), 50);
        }
    }

    #[test]
    fn lengths_beyond_the_end_are_refused() {
        for octets in [&[][..], &[0; 7], &[1, 0, 0, 0, 0, 0, 0, 0], &[255; 16]] {
            assert!(SessionUpdate::unpack(&own(octets.to_vec()), 50).is_err());
        }
    }
}
