//! Conversions between integers of different widths that never lose anything on the machines that mpopd runs
//! on. `From` does not exist for them, because Rust leaves the width of `usize` open.

const _: () = assert!(usize::BITS >= u32::BITS && usize::BITS <= u64::BITS);

/// A length or an index as an offset in a file.
pub(crate) const fn to_u64(number: usize) -> u64 {
    number as u64
}

/// A count or a message number as an index.
pub(crate) const fn to_usize(number: u32) -> usize {
    number as usize
}

/// A number of messages. No maildrop holds more than [`u32::MAX`]: `max_messages` is a `u32`.
pub(crate) fn to_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// How much of `octets` fits into a buffer of `most` octets.
pub(crate) fn at_most(octets: u64, most: usize) -> usize {
    usize::try_from(octets).map_or(most, |octets| octets.min(most))
}
