//! What STAT, LIST and UIDL say, and whether they agree.

use std::fmt;

use memchr::memchr_iter;

use crate::failure::{FailureKind, SessionFailure};
use crate::numbers::wide;

/// The maildrop as the server lists it. Sessions use its memory one after another.
#[derive(Debug, Default)]
pub(crate) struct CheckedListing {
    /// Messages, from STAT.
    pub(crate) count: u32,
    /// Octets of all, from STAT.
    total: u64,
    /// Octets of each, from LIST.
    sizes: Vec<u64>,
    uidls: Uidls,
    sorted: Vec<usize>,
}

/// The UIDLs of a maildrop, message 1 first.
#[derive(Debug, Default)]
struct Uidls {
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl CheckedListing {
    /// Discards the contents and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.count = 0;
        self.total = 0;
        self.sizes.clear();
        self.uidls.clear();
    }

    /// Octets of message `number`, from 1, if LIST was asked.
    pub(crate) fn octets(&self, number: u32) -> Option<u64> {
        self.sizes.get(usize::try_from(number).ok()?.checked_sub(1)?).copied()
    }

    /// The UIDLs in the order of the messages.
    pub(crate) fn uidls(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.uidls.ends.len()).map(|index| self.uidls.get(index))
    }

    /// Takes the text of the reply to STAT: `count octets` (RFC 1939, section 5).
    ///
    /// # Errors
    ///
    /// [`FailureKind::Listing`] with what is wrong.
    pub(crate) fn stat(&mut self, text: &[u8]) -> Result<(), SessionFailure> {
        let mut words = text.split(|&octet| octet == b' ');
        let count = words.next().and_then(number).and_then(|count| u32::try_from(count).ok());
        match (count, words.next().and_then(number)) {
            (Some(count), Some(total)) => (self.count, self.total) = (count, total),
            _ => return Err(bad(format_args!("no count and octets in \"{}\"", text.escape_ascii()))),
        }
        Ok(())
    }

    /// Takes the body of LIST. Its messages and octets must be those of STAT: nothing is deleted in between.
    ///
    /// # Errors
    ///
    /// [`FailureKind::Listing`] with what is wrong.
    pub(crate) fn list(&mut self, body: &[u8]) -> Result<(), SessionFailure> {
        let mut total = 0;
        for (expected, line) in (1..).zip(lines(body)) {
            let octets = entry(line, expected).and_then(number);
            let octets =
                octets.ok_or_else(|| bad(format_args!("line {expected} is \"{}\"", line.escape_ascii())))?;
            self.sizes.push(octets);
            total += octets;
        }
        if (wide(self.sizes.len()), total) != (u64::from(self.count), self.total) {
            return Err(bad(format_args!(
                "it has {} messages of {total} octets, but STAT said {} messages of {}",
                self.sizes.len(),
                self.count,
                self.total
            )));
        }
        Ok(())
    }

    /// Takes the body of UIDL: as many lines as messages, each UIDL 1 to 70 octets from 0x21 to 0x7E, none
    /// twice (RFC 1939, section 7).
    ///
    /// # Errors
    ///
    /// [`FailureKind::Listing`] with what is wrong.
    pub(crate) fn uidl(&mut self, body: &[u8]) -> Result<(), SessionFailure> {
        for (expected, line) in (1..).zip(lines(body)) {
            let well_formed = |uidl: &&[u8]| {
                (1..=70).contains(&uidl.len()) && uidl.iter().all(|octet| (0x21..=0x7E).contains(octet))
            };
            let uidl = entry(line, expected).filter(well_formed);
            let uidl =
                uidl.ok_or_else(|| bad(format_args!("line {expected} is \"{}\"", line.escape_ascii())))?;
            self.uidls.push(uidl);
        }
        let listed = self.uidls.ends.len();
        if wide(listed) != u64::from(self.count) {
            return Err(bad(format_args!("it has {listed} messages, but STAT said {}", self.count)));
        }
        self.sorted.clear();
        self.sorted.extend(0..listed);
        self.sorted.sort_unstable_by_key(|&index| self.uidls.get(index));
        for pair in self.sorted.windows(2) {
            let uidl = self.uidls.get(pair[0]);
            if uidl == self.uidls.get(pair[1]) {
                let (one, other) = (pair[0].min(pair[1]) + 1, pair[0].max(pair[1]) + 1);
                return Err(bad(format_args!(
                    "messages {one} and {other} are both \"{}\"",
                    uidl.escape_ascii()
                )));
            }
        }
        Ok(())
    }
}

impl Uidls {
    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    fn push(&mut self, uidl: &[u8]) {
        self.text.extend_from_slice(uidl);
        self.ends.push(self.text.len());
    }

    fn get(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[index]]
    }
}

/// The lines of a body, without their ends.
fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr_iter(b'\n', body).map(move |end| {
        let line = &body[start..end];
        start = end + 1;
        line.strip_suffix(b"\r").unwrap_or(line)
    })
}

/// What follows the message number of a line, if the number is the `expected` one.
fn entry(line: &[u8], expected: u64) -> Option<&[u8]> {
    let blank = line.iter().position(|&octet| octet == b' ')?;
    (number(&line[..blank])? == expected).then(|| &line[blank + 1..])
}

fn bad(what: fmt::Arguments<'_>) -> SessionFailure {
    SessionFailure::new(FailureKind::Listing, what.to_string())
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok().filter(|text| !text.starts_with('+'))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(stat: &str) -> CheckedListing {
        let mut listing = CheckedListing::default();
        listing.stat(stat.as_bytes()).unwrap();
        listing
    }

    #[test]
    fn stat_may_have_more_text_but_not_less() {
        assert_eq!(listing("2 320 octets in maildrop").count, 2);
        for wrong in ["", "2", "2 x", "x 2", "-1 2", "+1 2", "2  320"] {
            assert!(CheckedListing::default().stat(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn list_agrees_with_stat() {
        let mut good = listing("2 320");
        good.list(b"1 120\r\n2 200\r\n").unwrap();
        assert_eq!((good.octets(1), good.octets(2), good.octets(3)), (Some(120), Some(200), None));
        for wrong in
            ["1 120\r\n", "1 120\r\n2 201\r\n", "1 120\r\n3 200\r\n", "1 120\r\n2 two\r\n", "1\r\n2\r\n"]
        {
            assert!(listing("2 320").list(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn uidls_are_well_formed_and_different() {
        let mut good = listing("2 9");
        good.uidl(b"1 b\r\n2 a\r\n").unwrap();
        assert_eq!(good.uidls().collect::<Vec<_>>(), [b"b", b"a"]);
        good.clear();
        assert_eq!(good.uidls().count(), 0);
        let long = format!("1 {}\r\n2 b\r\n", "x".repeat(71));
        for wrong in
            ["1 a\r\n", "1 a\r\n2 a\r\n", "1 a\r\n2 b c\r\n", "1 a\r\n2 \r\n", &long, "1 a\r\n2 \x7F\r\n"]
        {
            assert!(listing("2 9").uidl(wrong.as_bytes()).is_err(), "{wrong}");
        }
        let twice = listing("3 9").uidl(b"1 a\r\n2 b\r\n3 a\r\n").unwrap_err();
        assert_eq!(twice.text, "messages 1 and 3 are both \"a\"");
    }
}
