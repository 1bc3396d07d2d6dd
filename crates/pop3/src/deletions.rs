//! The messages that are marked as deleted.

use crate::MessageNumber;
use crate::number::as_usize;
use std::fmt;

/// The messages that a session has marked as deleted. Nothing is removed before QUIT (RFC 1939, section 6).
///
/// One bit per message, allocated at the first mark, so a session that only reads costs nothing.
#[derive(Default)]
pub struct Deletions {
    words: Vec<u64>,
    messages: u32,
    octets: u64,
}

impl Deletions {
    /// Number of marked messages.
    pub fn len(&self) -> u32 {
        self.messages
    }

    /// Whether no message is marked.
    pub fn is_empty(&self) -> bool {
        self.messages == 0
    }

    /// The octets of the marked messages, as LIST counts them.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Whether a message is marked.
    pub fn contains(&self, number: MessageNumber) -> bool {
        let (word, bit) = place(number);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    /// The marked messages in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = MessageNumber> + '_ {
        let words = self.words.iter().enumerate();
        words.flat_map(|(index, word)| {
            SetBits(*word).filter_map(move |bit| MessageNumber::from_index(index * 64 + bit))
        })
    }

    /// Marks a message in a maildrop of `count` messages. `octets` is its size as LIST counts it. Returns
    /// false if it was marked already.
    pub(crate) fn mark(&mut self, number: MessageNumber, octets: u64, count: u32) -> bool {
        if self.words.is_empty() {
            self.words = vec![0; as_usize(count).div_ceil(64)];
        }
        let (word, bit) = place(number);
        match self.words.get_mut(word) {
            Some(word) if *word & bit == 0 => *word |= bit,
            _ => return false,
        }
        self.messages += 1;
        self.octets = self.octets.saturating_add(octets);
        true
    }

    /// The first message at or after `from` that is not marked, in a maildrop of `count` messages.
    pub(crate) fn next_kept(&self, from: MessageNumber, count: u32) -> Option<MessageNumber> {
        let mut index = from.index();
        while index < as_usize(count) {
            let marked = self.words.get(index / 64).map_or(0, |word| word >> (index % 64));
            let run = as_usize(marked.trailing_ones());
            if run == 0 {
                return MessageNumber::from_index(index);
            }
            // The shift fills with zeros from above, so a run never goes past its word.
            index += run;
        }
        None
    }
}

impl fmt::Debug for Deletions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Deletions({} messages, {} octets)", self.messages, self.octets)
    }
}

/// The word of a message and the bit in it.
fn place(number: MessageNumber) -> (usize, u64) {
    (number.index() / 64, 1 << (number.index() % 64))
}

/// The positions of the set bits of a word, from the lowest.
struct SetBits(u64);

impl Iterator for SetBits {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let lowest = (self.0 != 0).then(|| as_usize(self.0.trailing_zeros()))?;
        self.0 &= self.0 - 1;
        Some(lowest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(n: u32) -> MessageNumber {
        MessageNumber::new(n).unwrap()
    }

    #[test]
    fn a_mark_counts_once() {
        let mut deletions = Deletions::default();
        assert!(deletions.mark(number(2), 200, 3));
        assert!(!deletions.mark(number(2), 200, 3));
        assert_eq!((deletions.len(), deletions.octets()), (1, 200));
        assert!(deletions.contains(number(2)) && !deletions.contains(number(1)));
        assert!(!deletions.contains(number(u32::MAX)));
    }

    #[test]
    fn marks_come_back_in_ascending_order() {
        let mut deletions = Deletions::default();
        for n in [200, 64, 65, 1, 128, 129] {
            assert!(deletions.mark(number(n), 1, 200));
        }
        assert_eq!(deletions.iter().map(MessageNumber::get).collect::<Vec<_>>(), [1, 64, 65, 128, 129, 200]);
    }

    #[test]
    fn kept_messages_are_found_over_long_runs_of_marks() {
        let mut deletions = Deletions::default();
        assert_eq!(deletions.next_kept(number(1), 0), None);
        assert_eq!(deletions.next_kept(number(3), 3), Some(number(3)));
        for n in (1..=1000).filter(|n| *n != 700) {
            deletions.mark(number(n), 1, 1000);
        }
        assert_eq!(deletions.next_kept(number(1), 1000), Some(number(700)));
        assert_eq!(deletions.next_kept(number(701), 1000), None);
    }

    #[test]
    fn nothing_is_allocated_before_the_first_mark() {
        assert_eq!(Deletions::default().words.capacity(), 0);
    }
}
