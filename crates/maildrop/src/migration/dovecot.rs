//! Dovecot's list of the numbers of a Maildir's messages, the file `dovecot-uidlist`.
//!
//! Version 3 begins with `3 V<UIDVALIDITY> N<next number> ...`. After that, each message has a line `NUMBER
//! FIELDS :FILENAME`, with ascending numbers. A field is a letter and a value: `G` is the GUID, and `P` is
//! the UIDL that was saved, or empty for the file name. Version 1 has `1 UIDVALIDITY NEXT` and `NUMBER
//! FILENAME`. Source: <https://doc.dovecot.org/2.3/admin_manual/mailbox_formats/maildir/>, and observed with
//! Dovecot 2.3.19.

use std::collections::HashMap;

use memchr::{memchr, memmem};

use super::numbering::{UidNumbering, number};
use super::template::{UidlFacts, UidlTemplate};
use crate::maildir::name::unique;

pub(super) const FILE: &str = "dovecot-uidlist";

/// The contents of such a file.
#[derive(Debug, Default)]
pub(super) struct DovecotList<'a> {
    /// The numbering of the mailbox; `None` if the file was not written by Dovecot.
    pub(super) base: Option<UidNumbering>,
    entries: HashMap<&'a [u8], DovecotEntry<'a>>,
}

#[derive(Debug, Clone, Copy)]
struct DovecotEntry<'a> {
    uid: u32,
    guid: Option<&'a [u8]>,
    saved: Option<&'a [u8]>,
}

impl<'a> DovecotList<'a> {
    /// Parses the file. A line that was not written to its end is left out.
    pub(super) fn parse(text: &'a [u8]) -> Self {
        let mut lines =
            text.split_inclusive(|&octet| octet == b'\n').filter_map(|line| line.strip_suffix(b"\n"));
        let Some((version, base)) = lines.next().and_then(header) else { return DovecotList::default() };
        let mut next = base.next;
        let mut before = 0;
        let mut entries = HashMap::new();
        for line in lines {
            let Some((name, entry)) = entry(version, line) else { continue };
            if entry.uid > before {
                before = entry.uid;
                // Dovecot adds lines without rewriting the first line.
                next = next.max(entry.uid.saturating_add(1));
                entries.entry(unique(name)).or_insert(entry);
            }
        }
        DovecotList { base: Some(UidNumbering { next, ..base }), entries }
    }

    /// Dovecot's UIDL of the message whose file name has this unique part; `None` if Dovecot did not know it
    /// when `base` was the numbering.
    pub(super) fn uidl(
        &self,
        name: &[u8],
        base: Option<UidNumbering>,
        template: &UidlTemplate,
    ) -> Option<Vec<u8>> {
        let base = UidNumbering::agreed(self.base, base)?;
        let entry = self.entries.get(name).filter(|entry| entry.uid < base.next)?;
        match entry.saved {
            Some([]) => Some(name.to_vec()),
            Some(saved) => Some(saved.to_vec()),
            None => template.fill(&UidlFacts {
                uid: Some(entry.uid),
                validity: Some(base.validity),
                file: Some(name),
                guid: Some(entry.guid.unwrap_or(name)),
                md5: None,
            }),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum DovecotVersion {
    One,
    Three,
}

fn header(line: &[u8]) -> Option<(DovecotVersion, UidNumbering)> {
    let mut words = line.split(|&octet| octet == b' ');
    match words.next()? {
        b"1" => Some((
            DovecotVersion::One,
            UidNumbering { validity: number(words.next()?)?, next: number(words.next()?)? },
        )),
        b"3" => {
            let (mut validity, mut next) = (None, Some(1));
            for word in words {
                match word.split_first() {
                    Some((b'V', digits)) => validity = number(digits),
                    Some((b'N', digits)) => next = number(digits),
                    _ => {}
                }
            }
            Some((DovecotVersion::Three, UidNumbering { validity: validity?, next: next? }))
        }
        _ => None,
    }
}

fn entry(version: DovecotVersion, line: &[u8]) -> Option<(&[u8], DovecotEntry<'_>)> {
    let space = memchr(b' ', line)?;
    let uid = number(&line[..space])?;
    let (mut guid, mut saved) = (None, None);
    let name = match version {
        DovecotVersion::One => &line[space + 1..],
        DovecotVersion::Three => {
            let colon = memmem::find(line, b" :")?;
            for field in line.get(space + 1..colon).unwrap_or_default().split(|&octet| octet == b' ') {
                match field.split_first() {
                    Some((b'G', value)) => guid = Some(value).filter(|value| !value.is_empty()),
                    Some((b'P', value)) => saved = Some(value),
                    _ => {}
                }
            }
            &line[colon + 2..]
        }
    };
    (!name.is_empty()).then_some((name, DovecotEntry { uid, guid, saved }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &[u8] = b"3 V1795424235 N3 G19e05b11ebff036ba64e000083ecc375\n\
        1 W20 :1700000001.M1P1.host\n\
        3 W20 P :1700000003.M3P1.host:2,S\n\
        2 :out of order\n\
        0 :none\n\
        x :none either\n\
        4 Gguid Pold-4 S20 :with space,S=20\n\
        no colon\n\
        5\n\
        6 :1700000001.M1P1.host\n\
        7 :torn";

    fn uidl(
        list: &DovecotList<'_>,
        template: &str,
        name: &str,
        base: Option<UidNumbering>,
    ) -> Option<String> {
        let template = UidlTemplate::parse(template).unwrap();
        list.uidl(name.as_bytes(), base, &template).map(|uidl| String::from_utf8(uidl).unwrap())
    }

    #[test]
    fn what_dovecot_called_its_messages() {
        let list = DovecotList::parse(TEXT);
        let base = list.base;
        assert_eq!(base, Some(UidNumbering { validity: 1_795_424_235, next: 7 }));
        let of = |template, name| uidl(&list, template, name, base);
        assert_eq!(of("%08Xu%08Xv", "1700000001.M1P1.host").unwrap(), "000000016b03ffeb");
        assert_eq!(of("%g", "1700000001.M1P1.host").unwrap(), "1700000001.M1P1.host");
        assert_eq!(of("%u", "1700000003.M3P1.host").unwrap(), "1700000003.M3P1.host");
        assert_eq!(of("%g", "with space,S=20").unwrap(), "old-4");
        assert_eq!(of("%m", "1700000001.M1P1.host"), None);
        for name in ["out of order", "none", "none either", "torn", "unknown"] {
            assert_eq!(of("%u", name), None, "{name}");
        }
    }

    #[test]
    fn only_what_it_knew_when_we_first_looked_counts() {
        let list = DovecotList::parse(TEXT);
        let base = |validity, next| Some(UidNumbering { validity, next });
        assert_eq!(uidl(&list, "%u", "1700000001.M1P1.host", base(1_795_424_235, 2)).unwrap(), "1");
        assert_eq!(uidl(&list, "%u", "with space,S=20", base(1_795_424_235, 4)), None);
        assert_eq!(uidl(&list, "%u", "1700000001.M1P1.host", base(7, 7)), None, "another list");
        assert_eq!(uidl(&list, "%u", "1700000001.M1P1.host", None), None);
    }

    #[test]
    fn versions() {
        let list = DovecotList::parse(b"1 77 3\n1 a.host:2,S\n2 b.host\n");
        assert_eq!(list.base, Some(UidNumbering { validity: 77, next: 3 }));
        assert_eq!(uidl(&list, "%v.%u", "a.host", list.base).unwrap(), "77.1");
        assert_eq!(uidl(&list, "%v.%u", "b.host", list.base).unwrap(), "77.2");
        for text in ["", "3 V7 N2", "2 7 3\n", "3 N2\n", "3 V0 N2\n", "3 Vx\n", "1 7\n", "\0\n"] {
            assert_eq!(DovecotList::parse(text.as_bytes()).base, None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            DovecotList::parse(&octets);
            DovecotList::parse(&[TEXT, b"\n", &octets].concat());
        }
    }
}
