//! Message numbers, packed as runs: those that a session deletes, and those that its client has read.

use std::io;

/// The longest packed form, in octets: every second message of the largest maildrop.
pub(crate) const MOST_OCTETS: u64 = (crate::listing::MOST_MESSAGES as u64 / 2) * 8;

/// Message numbers from 1, ascending, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageNumbers(Vec<u32>);

impl MessageNumbers {
    /// Checks ascending numbers.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if they start at 0, are not ascending or repeat one.
    pub fn new(numbers: Vec<u32>) -> io::Result<Self> {
        let ascending = numbers.windows(2).all(|pair| matches!(pair, [a, b] if a < b));
        if !ascending || numbers.first() == Some(&0) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "message numbers out of order"));
        }
        Ok(Self(numbers))
    }

    /// The numbers.
    pub fn numbers(&self) -> &[u32] {
        &self.0
    }

    /// Packs them as pairs of first number and count, both u32 little-endian.
    pub fn pack(&self) -> Vec<u8> {
        let mut packed = Vec::new();
        for run in self.0.chunk_by(|a, b| a + 1 == *b) {
            if let Some(first) = run.first() {
                packed.extend_from_slice(&first.to_le_bytes());
                packed.extend_from_slice(&count(run).to_le_bytes());
            }
        }
        packed
    }

    /// Unpacks numbers from another role, for a maildrop of `count` messages.
    ///
    /// # Errors
    ///
    /// `InvalidData` if they are malformed or beyond `count`.
    pub fn unpack(octets: &[u8], count: u32) -> io::Result<Self> {
        parse(octets, count)
            .map(MessageNumbers)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a malformed list of messages"))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a run has at most as many numbers as a u32 has values")]
fn count(run: &[u32]) -> u32 {
    run.len() as u32
}

fn parse(octets: &[u8], count: u32) -> Option<Vec<u32>> {
    let mut numbers = Vec::new();
    let mut next = 1u32;
    let mut rest = octets;
    while !rest.is_empty() {
        let (pair, after) = rest.split_at_checked(8)?;
        let first = u32::from_le_bytes(pair.get(..4)?.try_into().ok()?);
        let length = u32::from_le_bytes(pair.get(4..)?.try_into().ok()?);
        let last = first.checked_add(length.checked_sub(1)?)?;
        if first < next || last > count {
            return None;
        }
        numbers.extend(first..=last);
        next = last.checked_add(1)?;
        rest = after;
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_packed_is_unpacked(set in prop::collection::btree_set(1u32..200, 0..100)) {
            let numbers = MessageNumbers::new(set.into_iter().collect()).unwrap();
            prop_assert_eq!(&MessageNumbers::unpack(&numbers.pack(), 199).unwrap(), &numbers);
        }

        #[test]
        fn no_octets_name_a_message_that_is_not_there(octets in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(numbers) = MessageNumbers::unpack(&octets, 50) {
                prop_assert!(numbers.numbers().iter().all(|n| (1..=50).contains(n)));
                prop_assert!(MessageNumbers::new(numbers.numbers().to_vec()).is_ok());
            }
        }
    }

    #[test]
    fn numbers_out_of_order_are_refused() {
        for numbers in [vec![0], vec![2, 1], vec![1, 1]] {
            assert!(MessageNumbers::new(numbers).is_err());
        }
        for pairs in [[2u32, 1, 2, 1], [0, 1, 5, 1], [1, 0, 2, 1], [3, 1, 1, 1], [1, 60, 61, 1]] {
            let packed: Vec<u8> = pairs.iter().flat_map(|n| n.to_le_bytes()).collect();
            assert!(MessageNumbers::unpack(&packed, 50).is_err(), "{pairs:?}");
        }
    }
}
