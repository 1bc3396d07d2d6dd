//! Unique ids of messages (RFC 1939, section 7).

use std::fmt;

/// A message's unique id: 1 to 70 characters from `!` to `~`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uidl {
    length: u8,
    octets: [u8; Self::MOST],
}

impl Uidl {
    /// The longest id, in characters.
    pub const MOST: usize = 70;

    /// An id of these characters; `None` if there are none or too many, or if some are not allowed.
    pub fn new(text: &[u8]) -> Option<Self> {
        let fits = (1..=Self::MOST).contains(&text.len());
        if !fits || !text.iter().all(u8::is_ascii_graphic) {
            return None;
        }
        let mut octets = [0; Self::MOST];
        octets.get_mut(..text.len())?.copy_from_slice(text);
        Some(Self { length: u8::try_from(text.len()).ok()?, octets })
    }

    /// The id of a message with this `digest`: 32 hexadecimal digits. The second and later messages with the
    /// same digest in one maildrop get `-2`, `-3` and so on.
    pub(crate) fn of_digest(digest: &Digest, ordinal: u32) -> Self {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut uidl = Self { length: 0, octets: [0; Self::MOST] };
        for byte in digest {
            uidl.push(HEX[usize::from(byte >> 4)]);
            uidl.push(HEX[usize::from(byte & 15)]);
        }
        if ordinal > 1 {
            uidl.push(b'-');
            ordinal.to_string().bytes().for_each(|digit| uidl.push(digit));
        }
        uidl
    }

    /// Whether [`of_digest`](Self::of_digest) could have made it.
    pub(crate) fn is_like_a_digest(&self) -> bool {
        let digest = self.as_bytes().split_first_chunk::<{ 2 * size_of::<Digest>() }>();
        digest.is_some_and(|(digest, ordinal)| {
            digest.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
                && matches!(ordinal, [] | [b'-', ..])
        })
    }

    fn push(&mut self, character: u8) {
        if let Some(place) = self.octets.get_mut(usize::from(self.length)) {
            *place = character;
            self.length += 1;
        }
    }

    /// The characters.
    pub fn as_bytes(&self) -> &[u8] {
        &self.octets[..usize::from(self.length)]
    }

    /// The characters as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl fmt::Display for Uidl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Uidl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uidl({self})")
    }
}

/// 128 bits that identify a message.
pub(crate) type Digest = [u8; 16];

/// The first 128 bits of a BLAKE3 hash.
pub(crate) fn digest(hasher: &blake3::Hasher) -> Digest {
    let mut digest = Digest::default();
    hasher.finalize_xof().fill(&mut digest);
    digest
}

/// For each digest, which of the messages with that digest this one is, from 1.
///
/// `before` says the same about the messages as they were last seen, in the same order. A message that is
/// still there keeps its number when one before it was removed, and a new message gets the next number. If
/// `before` is not known, messages are counted from 1. Messages with the same digest are alike in everything
/// that it covers, so it does no harm if the second one becomes the first.
pub(crate) fn ordinals(digests: impl ExactSizeIterator<Item = Digest>, before: &[(Digest, u32)]) -> Vec<u32> {
    let mut ordinals = vec![1; digests.len()];
    let mut sorted: Vec<(Digest, usize)> = digests.zip(0..).collect();
    sorted.sort_unstable();
    // A stable sort: messages with the same digest must stay in their order.
    let mut before = before.to_vec();
    before.sort_by_key(|&(digest, _)| digest);
    let mut before = before.as_slice();
    for alike in sorted.chunk_by(|a, b| a.0 == b.0) {
        let Some(&(digest, _)) = alike.first() else { continue };
        before = &before[before.partition_point(|known| known.0 < digest)..];
        let (known, rest) = before.split_at(before.partition_point(|known| known.0 == digest));
        before = rest;
        let next = known.iter().map(|known| known.1).max().unwrap_or(0) + 1;
        let numbers = known.iter().map(|known| known.1).chain(next..);
        for (&(_, index), number) in alike.iter().zip(numbers) {
            ordinals[index] = number;
        }
    }
    ordinals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_rfc_1939_allows() {
        assert!(Uidl::new(b"").is_none());
        assert!(Uidl::new(&[b'a'; 71]).is_none());
        assert!(Uidl::new(b"a b").is_none());
        assert!(Uidl::new(b"a\x7f").is_none());
        assert!(Uidl::new(b"\xe9").is_none());
        assert_eq!(Uidl::new(&[b'~'; 70]).unwrap().as_bytes(), [b'~'; 70]);
        assert_eq!(Uidl::new(b"!").unwrap().to_string(), "!");
    }

    #[test]
    fn digests_are_written_in_hexadecimal_with_ordinals() {
        let digest = *b"\x00\x01\x0a\xa0\xff456789abcdef";
        let plain = "00010aa0ff343536373839616263646566";
        assert_eq!(Uidl::of_digest(&digest[..16].try_into().unwrap(), 1).as_str(), &plain[..32]);
        for (ordinal, suffix) in [(2, "-2"), (10, "-10"), (1_203, "-1203"), (u32::MAX, "-4294967295")] {
            let uidl = Uidl::of_digest(&digest[..16].try_into().unwrap(), ordinal);
            assert_eq!(uidl.as_str(), format!("{}{suffix}", &plain[..32]));
        }
    }

    #[test]
    fn equal_digests_are_counted_in_the_order_of_the_messages() {
        let digests = [3, 1, 3, 2, 1, 3].map(|n| [n; 16]);
        assert_eq!(ordinals(digests.into_iter(), &[]), [1, 1, 2, 1, 2, 3]);
        assert_eq!(ordinals([].into_iter(), &[]), []);
    }

    #[test]
    fn ordinals_stay_when_others_come_and_go() {
        let digest = |n: u8| [n; 16];
        let all = |numbers: &[u8]| numbers.iter().map(|&n| digest(n)).collect::<Vec<_>>().into_iter();
        let before = [(3, 2), (1, 1), (3, 4)].map(|(n, ordinal)| (digest(n), ordinal));
        assert_eq!(ordinals(all(&[3, 1, 3]), &before), [2, 1, 4]);
        assert_eq!(ordinals(all(&[3, 1, 3, 3, 1, 2]), &before), [2, 1, 4, 5, 2, 1]);
        assert_eq!(ordinals(all(&[3]), &before), [2]);
        assert_eq!(ordinals(all(&[]), &before), []);
    }
}
