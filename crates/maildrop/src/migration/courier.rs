//! Courier's list of the numbers and sizes of a Maildir's messages, the file `courierpop3dsizelist`.
//!
//! It begins with `/VERSION NEXT [UIDVALIDITY]`; each message has a line `FILENAME SIZE
//! NUMBER[:UIDVALIDITY[:UTF8]]`. Version 3 has all of these; version 2 lacks UTF8, and version 1 also lacks
//! UIDVALIDITY. Before there were versions, lines were `FILENAME SIZE`. The UIDL is `UIDnumber-uidvalidity`.
//! Without a UIDVALIDITY it is `UIDnumber`, and without a number it is the file name, with unusual characters
//! written as `+XX`. Observed with courier-pop 1.0.16 (versions 2 and 3); for the older versions, its source
//! says what they were.

use std::collections::HashMap;

use super::numbering::{UidNumbering, number};
use crate::maildir::name::unique;

pub(super) const FILE: &str = "courierpop3dsizelist";

/// The contents of such a file.
#[derive(Debug, Default)]
pub(super) struct CourierList<'a> {
    /// The numbering of the mailbox; `None` if the file was not written by Courier.
    pub(super) base: Option<UidNumbering>,
    entries: HashMap<&'a [u8], CourierEntry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CourierEntry {
    /// 0 if the file name is the UIDL.
    uid: u32,
    validity: u32,
}

/// A function that reads a line of one version.
type ReadLine = fn(&[u8]) -> Option<(&[u8], CourierEntry)>;

impl<'a> CourierList<'a> {
    /// Parses the file. A line that was not written to its end is left out.
    pub(super) fn parse(text: &'a [u8]) -> Self {
        let mut lines = text
            .split_inclusive(|&octet| octet == b'\n')
            .filter_map(|line| line.strip_suffix(b"\n"))
            .peekable();
        let (base, entry): (_, ReadLine) = match lines.peek() {
            Some([b'/', first @ ..]) => match header(first) {
                Some(base) => {
                    lines.next();
                    (base, entry)
                }
                None => return CourierList::default(),
            },
            Some(_) => (UidNumbering { validity: 0, next: 1 }, unnumbered),
            None => return CourierList::default(),
        };
        let mut entries = HashMap::new();
        for (name, entry) in lines.filter_map(entry) {
            entries.entry(unique(name)).or_insert(entry);
        }
        CourierList { base: Some(base), entries }
    }

    /// Courier's UIDL of the message whose file name has this unique part; `None` if Courier did not know it
    /// when `base` was the numbering.
    pub(super) fn uidl(&self, name: &[u8], base: Option<UidNumbering>) -> Option<Vec<u8>> {
        let base = UidNumbering::agreed(self.base, base)?;
        let &CourierEntry { uid, validity } = self.entries.get(name).filter(|entry| entry.uid < base.next)?;
        Some(match (uid, validity) {
            (0, _) => escaped(name),
            (uid, 0) => format!("UID{uid}").into_bytes(),
            (uid, validity) => format!("UID{uid}-{validity}").into_bytes(),
        })
    }
}

/// The first line, after its slash.
fn header(line: &[u8]) -> Option<UidNumbering> {
    let mut words = line.split(|&octet| octet == b' ');
    if !matches!(words.next()?, b"1" | b"2" | b"3") {
        return None;
    }
    let next = number(words.next()?)?;
    let validity = words.next().map_or(Some(0), number)?;
    Some(UidNumbering { validity, next })
}

/// Parses a line of a numbered list. A file name may contain spaces.
fn entry(line: &[u8]) -> Option<(&[u8], CourierEntry)> {
    let mut words = line.rsplitn(3, |&octet| octet == b' ');
    let (numbers, _size, name) = (words.next()?, words.next()?, words.next()?);
    let mut numbers = numbers.split(|&octet| octet == b':').map(number_or_zero);
    let uid = numbers.next()??;
    let validity = numbers.next().unwrap_or(Some(0))?;
    (!name.is_empty()).then_some((name, CourierEntry { uid, validity }))
}

/// Parses a line of a list from before there were numbers.
fn unnumbered(line: &[u8]) -> Option<(&[u8], CourierEntry)> {
    let space = memchr::memrchr(b' ', line)?;
    number_or_zero(&line[space + 1..])?;
    Some((&line[..space], CourierEntry { uid: 0, validity: 0 })).filter(|(name, _)| !name.is_empty())
}

fn number_or_zero(digits: &[u8]) -> Option<u32> {
    let zeros = !digits.is_empty() && digits.iter().all(|&digit| digit == b'0');
    if zeros { Some(0) } else { number(digits) }
}

/// A file name as Courier wrote it into a UIDL.
fn escaped(name: &[u8]) -> Vec<u8> {
    let plain = |octet: u8| octet.is_ascii_graphic() && !matches!(octet, b'\'' | b'"' | b'+');
    let escape = |&octet: &u8| match plain(octet) {
        true => vec![octet],
        false => format!("+{octet:02X}").into_bytes(),
    };
    name.iter().flat_map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn uidl(text: &str, name: &str) -> Option<String> {
        let list = CourierList::parse(text.as_bytes());
        list.uidl(name.as_bytes(), list.base).map(|uidl| String::from_utf8(uidl).unwrap())
    }

    #[test]
    fn versions() {
        let three = "/3 5 1795424140\n17.M1P1.host:2, 20 1:1795424140:0\n17.a b:2, 14 4:1795424140:1\n\
            18.c 9 3:77:0\n";
        assert_eq!(uidl(three, "17.M1P1.host").unwrap(), "UID1-1795424140");
        assert_eq!(uidl(three, "17.a b").unwrap(), "UID4-1795424140");
        assert_eq!(uidl(three, "18.c").unwrap(), "UID3-77");
        let two = "/2 3 77\n17.M1P1.host:2, 20 1:77\n18.b:2,S 20 0:0\n";
        assert_eq!(uidl(two, "17.M1P1.host").unwrap(), "UID1-77");
        assert_eq!(uidl(two, "18.b").unwrap(), "18.b");
        assert_eq!(uidl("/1 3\n17.a:2, 20 2\n", "17.a").unwrap(), "UID2");
        assert_eq!(uidl("17.a+'\"\u{e9} b:2,S 20\n", "17.a+'\"\u{e9} b").unwrap(), "17.a+2B+27+22+C3+A9+20b");
    }

    #[test]
    fn what_makes_no_sense_is_left_out() {
        for text in ["", "/4 5 7\n17.a 2 1:7:0\n", "/3\n17.a 2 1:7:0\n", "/3 x\n17.a 2 1:7:0\n", "/3 5 7"] {
            assert_eq!(CourierList::parse(text.as_bytes()).base, None, "{text:?}");
        }
        for line in [
            "17.a 2 1:7:0",
            "17.a\n",
            "17.a 1:7:0\n",
            " 2 1:7:0\n",
            "17.a 2 :7:0\n",
            "17.a 2 x\n",
            "17.a 2 9:7:0\n",
        ] {
            assert_eq!(uidl(&format!("/3 5 7\n{line}"), "17.a"), None, "{line:?}");
        }
        let list = CourierList::parse(b"/3 5 7\n17.a 2 1:7:0\n");
        assert_eq!(list.uidl(b"17.a", Some(UidNumbering { validity: 8, next: 5 })), None, "made anew");
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            CourierList::parse(&octets);
            CourierList::parse(&[b"/3 5 7\n", &octets[..]].concat());
        }
    }
}
