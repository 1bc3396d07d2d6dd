//! The sizes and UIDLs of an opened maildrop, packed so that both sides can share the memory.
//!
//! Layout, with little-endian numbers: count (u32), zero (u32), total octets (u64); for each message its
//! octets (u64) and the end of its UIDL in the heap (u32); then the heap of UIDLs.

use std::io;

use crate::payload::PayloadOctets;

const HEADER: usize = 16;
const ENTRY: usize = 12;
/// The longest UIDL, in octets (RFC 1939, section 7).
pub const MOST_UIDL: usize = 70;
/// The most messages of a listing: the largest sensible `max_messages`.
pub const MOST_MESSAGES: u32 = 1 << 24;
/// The longest packed listing, in octets.
pub const MOST_OCTETS: u64 = (HEADER + MOST_MESSAGES as usize * (ENTRY + MOST_UIDL)) as u64;

/// Packs a listing message by message.
#[derive(Debug)]
pub struct ListingBuilder {
    entries: Vec<u8>,
    heap: Vec<u8>,
    count: u32,
    total: u64,
}

impl ListingBuilder {
    /// An empty listing with room for `count` messages.
    pub fn with_capacity(count: u32) -> Self {
        let count = count as usize;
        let mut entries = Vec::with_capacity(HEADER + count * (ENTRY + 34));
        entries.resize(HEADER, 0);
        Self { entries, heap: Vec::with_capacity(count * 34), count: 0, total: 0 }
    }

    /// Adds the next message.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a UIDL that violates RFC 1939 section 7, for too many messages, and for a sum of
    /// octets over 64 bits.
    pub fn push(&mut self, octets: u64, uidl: &[u8]) -> io::Result<()> {
        let total = self.total.checked_add(octets);
        match (total, u32::try_from(self.heap.len() + uidl.len())) {
            (Some(total), Ok(end)) if is_uidl(uidl) && self.count < MOST_MESSAGES => {
                self.entries.extend_from_slice(&octets.to_le_bytes());
                self.entries.extend_from_slice(&end.to_le_bytes());
                self.heap.extend_from_slice(uidl);
                self.count += 1;
                self.total = total;
                Ok(())
            }
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "message {} cannot be listed: {octets} octets, UIDL of {}",
                    self.count + 1,
                    uidl.len()
                ),
            )),
        }
    }

    /// The packed listing.
    pub fn finish(mut self) -> Vec<u8> {
        let header = [&self.count.to_le_bytes()[..], &[0; 4], &self.total.to_le_bytes()].concat();
        self.entries.splice(..HEADER, header);
        self.entries.append(&mut self.heap);
        self.entries
    }
}

/// An unpacked listing. Messages are numbered from 1.
#[derive(Debug)]
pub struct PackedListing {
    octets: PayloadOctets,
    count: u32,
    total: u64,
}

impl PackedListing {
    /// Checks a whole packed listing, so that no later access can fail.
    ///
    /// # Errors
    ///
    /// `InvalidData` if it is not a listing.
    pub fn parse(octets: PayloadOctets) -> io::Result<Self> {
        match check(&octets) {
            Some((count, total)) => Ok(Self { octets, count, total }),
            None => Err(io::Error::new(io::ErrorKind::InvalidData, "a malformed listing of a maildrop")),
        }
    }

    /// The number of messages.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The sum of the octets of all messages.
    pub fn total_octets(&self) -> u64 {
        self.total
    }

    /// The octets of message `n` on the wire before dot-stuffing; 0 for a number out of range.
    pub fn octets(&self, n: u32) -> u64 {
        entry(&self.octets, self.count, n).map_or(0, |(octets, _)| octets)
    }

    /// The UIDL of message `n`; empty for a number out of range.
    pub fn uidl(&self, n: u32) -> &[u8] {
        let start = entry(&self.octets, self.count, n.wrapping_sub(1)).map_or(0, |(_, end)| end);
        let end = entry(&self.octets, self.count, n).map_or(0, |(_, end)| end);
        heap(&self.octets, self.count).get(start..end).unwrap_or_default()
    }
}

fn is_uidl(uidl: &[u8]) -> bool {
    (1..=MOST_UIDL).contains(&uidl.len()) && uidl.iter().all(|octet| (0x21..=0x7e).contains(octet))
}

fn heap(octets: &[u8], count: u32) -> &[u8] {
    octets.get(HEADER + count as usize * ENTRY..).unwrap_or_default()
}

/// The octets of message `n` and the end of its UIDL in the heap.
fn entry(octets: &[u8], count: u32, n: u32) -> Option<(u64, usize)> {
    if n == 0 || n > count {
        return None;
    }
    let at = HEADER + (n as usize - 1) * ENTRY;
    let size = octets.get(at..at + 8)?.try_into().ok()?;
    let end = octets.get(at + 8..at + ENTRY)?.try_into().ok()?;
    Some((u64::from_le_bytes(size), u32::from_le_bytes(end) as usize))
}

fn check(octets: &[u8]) -> Option<(u32, u64)> {
    let count = u32::from_le_bytes(octets.get(..4)?.try_into().ok()?);
    let zero = u32::from_le_bytes(octets.get(4..8)?.try_into().ok()?);
    let total = u64::from_le_bytes(octets.get(8..HEADER)?.try_into().ok()?);
    if count > MOST_MESSAGES || zero != 0 || octets.len() < HEADER + count as usize * ENTRY {
        return None;
    }
    let heap = heap(octets, count);
    let (mut sum, mut start) = (0u64, 0);
    for n in 1..=count {
        let (size, end) = entry(octets, count, n)?;
        if !is_uidl(heap.get(start..end)?) {
            return None;
        }
        sum = sum.checked_add(size)?;
        start = end;
    }
    (sum == total && start == heap.len()).then_some((count, total))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn own(octets: Vec<u8>) -> PayloadOctets {
        PayloadOctets::Own(octets.into_boxed_slice())
    }

    proptest! {
        #[test]
        fn what_was_packed_is_read(messages in prop::collection::vec((0u64..1 << 40, "[!-~]{1,70}"), 0..50)) {
            let mut builder = ListingBuilder::with_capacity(u32::try_from(messages.len()).unwrap());
            for (octets, uidl) in &messages {
                builder.push(*octets, uidl.as_bytes()).unwrap();
            }
            let listing = PackedListing::parse(own(builder.finish())).unwrap();
            prop_assert_eq!(listing.count() as usize, messages.len());
            prop_assert_eq!(listing.total_octets(), messages.iter().map(|m| m.0).sum::<u64>());
            for (n, (octets, uidl)) in (1..).zip(&messages) {
                prop_assert_eq!(listing.octets(n), *octets);
                prop_assert_eq!(listing.uidl(n), uidl.as_bytes());
            }
            prop_assert_eq!(listing.octets(0), 0);
            prop_assert_eq!(listing.uidl(0), b"");
            prop_assert_eq!(listing.uidl(listing.count() + 1), b"");
        }

        #[test]
        fn no_octets_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..200), count in 0u32..9) {
            let mut octets = octets;
            if octets.len() >= 8 {
                octets[..4].copy_from_slice(&count.to_le_bytes());
                octets[4..8].fill(0);
            }
            if let Ok(listing) = PackedListing::parse(own(octets)) {
                for n in 0..=listing.count() {
                    let _ = (listing.octets(n), listing.uidl(n));
                }
            }
        }
    }

    #[test]
    fn a_uidl_out_of_bounds_is_refused_by_both_sides() {
        let mut builder = ListingBuilder::with_capacity(1);
        for uidl in [&b""[..], b"a b", b"\x7f", &[b'x'; 71]] {
            assert!(builder.push(1, uidl).is_err(), "{uidl:?}");
        }
        builder.push(1, b"x").unwrap();
        let mut packed = builder.finish();
        *packed.last_mut().unwrap() = b' ';
        assert!(PackedListing::parse(own(packed)).is_err());
    }
}
