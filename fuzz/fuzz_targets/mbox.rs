//! Whole mailboxes of one file, on a file system in memory. Whether a mailbox is read at once or while it
//! grows, with an index, without one or with a damaged one, it has the same messages. Each has the octets
//! that were announced. QUIT leaves what was not deleted, octet for octet, under the same UIDLs.
//!
//! Input: an octet of switches, where the file is cut at first, which messages are deleted, how the index is
//! damaged; then the file.
#![no_main]

use fuzz::{Input, Place, quick, received};
use libfuzzer_sys::fuzz_target;
use maildrop::{Boundaries, Maildrop, MaildropUpdate, OpenError, SessionOptions, Settings};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use vocabulary::{Location, Storage, UnescapeFrom};

/// Messages that were read get a `Status:` line.
const MARKS: u8 = 1;
/// Quoting is undone.
const MBOXO: u8 = 2;
const MBOXRD: u8 = 4;
/// The boundaries are patterns, with the same meaning.
const PATTERNS: u8 = 8;
/// The mailbox is served from a copy in memory.
const COPY: u8 = 16;

/// A message as a client sees it.
type Seen = (String, Vec<u8>);

fuzz_target!(|data: &[u8]| {
    let Some(Input { control: [switches, cut, deleted, damage], content: file }) = Input::new(data, 4) else {
        return;
    };
    let settings = || settings(*switches);
    let place = Place::new();
    let path = place.path("mbox");
    let location = match switches & COPY {
        0 => Location { storage: Storage::Mbox, path: path.clone() },
        _ => Location { storage: Storage::Ram, path: path.clone() },
    };

    // It is read while it grows.
    let cut = usize::from(*cut) * file.len() / 255;
    fs::write(&path, &file[..cut]).expect("a mailbox");
    let before = seen(place.opener(settings()).open(&location));
    let mut mbox = fs::File::options().append(true).open(&path).expect("the mailbox");
    mbox.write_all(&file[cut..]).expect("mail");
    let grown = seen(place.opener(settings()).open(&location));

    // At once, from another state folder.
    let fresh = Place::new();
    let whole = seen(fresh.opener(settings()).open(&location));
    assert_eq!(grown, whole);
    let Some(whole) = whole else { return };
    damage_index(&place.path("state/index"), *damage);
    assert_eq!(seen(place.opener(settings()).open(&location)).as_ref(), Some(&whole));
    // For clients that accept UTF-8 in headers, and for those that do not.
    let wishes = SessionOptions { as_stored: true, ..SessionOptions::default() };
    let stored = seen(place.opener(settings()).open_for(&location, &wishes)).expect("the same mailbox");
    assert!(stored.iter().map(|(uidl, _)| uidl).eq(whole.iter().map(|(uidl, _)| uidl)));
    if std::str::from_utf8(file).is_ok() {
        let surrogates =
            whole.iter().map(|(_, message)| header(message)).filter(|header| has_fields_only(header));
        surrogates.for_each(|header| assert!(header.is_ascii(), "{}", String::from_utf8_lossy(header)));
    }
    let uidls: BTreeSet<&String> = whole.iter().map(|(uidl, _)| uidl).collect();
    assert_eq!(uidls.len(), whole.len(), "UIDLs are different");
    if let Some(before) = before {
        // All messages but the last were already whole.
        let known = before.len().saturating_sub(1);
        assert_eq!(before[..known], whole[..known]);
    }

    let gone: Vec<u32> = (1..=whole.len() as u32).filter(|number| deleted >> (number % 8) & 1 != 0).collect();
    let read: Vec<u32> = (1..=whole.len() as u32).filter(|number| number % 2 == 0).collect();
    let session = place.opener(settings()).open(&location).expect("a mailbox that could be opened");
    session.commit(MaildropUpdate { deleted: &gone, read: &read }).expect("room in memory");
    let left = seen(place.opener(settings()).open(&location)).expect("a mailbox that could be opened");
    let left_stored = seen(place.opener(settings()).open_for(&location, &wishes)).expect("the same mailbox");
    let kept = |all: &[Seen]| -> Vec<Seen> {
        all.iter()
            .zip(1..)
            .filter(|(_, number)| !gone.contains(number))
            .map(|(seen, _)| seen.clone())
            .collect()
    };
    if switches & MARKS == 0 {
        assert_eq!(left, kept(&whole));
    }
    assert_eq!(left_stored.len(), kept(&stored).len());
    for ((uidl, message), (uidl_before, message_before)) in left_stored.iter().zip(kept(&stored)) {
        assert_eq!(*uidl, uidl_before);
        match switches & MARKS {
            0 => assert_eq!(*message, message_before),
            _ => assert!(is_marked(message, &message_before), "{message:?} {message_before:?}"),
        }
    }
    // A reader that knows nothing about the rewrite sees the same, except the numbers in the UIDLs of equal
    // messages.
    let again = seen(fresh.opener(settings()).open(&location)).expect("a mailbox that could be opened");
    let messages = |seen: &[Seen]| seen.iter().map(|(_, message)| message.clone()).collect::<Vec<_>>();
    assert_eq!(messages(&again), messages(&left));
});

fn settings(switches: u8) -> Settings {
    let unescape_from = match switches & (MBOXO | MBOXRD) {
        MBOXO => UnescapeFrom::Mboxo,
        MBOXRD => UnescapeFrom::Mboxrd,
        _ => UnescapeFrom::None,
    };
    let boundaries = match switches & PATTERNS {
        0 => Boundaries::default(),
        _ => Boundaries::new("^From( )", Boundaries::END).expect("patterns"),
    };
    Settings { unescape_from, boundaries, status_header: switches & MARKS != 0, ..quick() }
}

/// All messages, with the octets that a client gets; nothing if it is no mailbox.
fn seen(opened: Result<Box<dyn Maildrop>, OpenError>) -> Option<Vec<Seen>> {
    let mut maildrop = match opened {
        Ok(maildrop) => maildrop,
        Err(OpenError::NotAMaildrop { .. }) => return None,
        Err(error) => panic!("{error}"),
    };
    let mut all = Vec::new();
    for number in 1..=maildrop.count() {
        let listing = maildrop.listing(number).expect("a message that is counted");
        let bodies = maildrop.fetch(number, 1).expect("a message that is there");
        let body = bodies.first().expect("what was asked for");
        let message = received(body);
        assert_eq!(message.len() as u64, listing.octets, "message {number}");
        all.push((listing.uidl.to_string(), message));
    }
    assert!(maildrop.listing(0).is_none() && maildrop.listing(maildrop.count() + 1).is_none());
    Some(all)
}

fn header(message: &[u8]) -> &[u8] {
    let end = message.windows(4).position(|octets| octets == b"\r\n\r\n");
    &message[..end.unwrap_or(message.len())]
}

/// Whether each line is a field or continues one. Other lines are not touched.
fn has_fields_only(header: &[u8]) -> bool {
    let mut lines = header.split(|octet| *octet == b'\n');
    let is_field = |line: &[u8]| {
        let name = line.split(|octet| *octet == b':').next().unwrap_or_default();
        name.len() < line.len() && !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
    };
    let first = lines.next().unwrap_or_default();
    is_field(first) && lines.all(|line| is_field(line) || line.starts_with(b" ") || line.starts_with(b"\t"))
}

/// Whether a message is unchanged, or has only got its `Status:`.
fn is_marked(now: &[u8], before: &[u8]) -> bool {
    let without = |message: &[u8]| -> Vec<u8> {
        let mut header = true;
        let lines = message.split_inclusive(|octet| *octet == b'\n').filter(|line| {
            header = header && !line.trim_ascii().is_empty();
            !(header && line.to_ascii_lowercase().starts_with(b"status"))
        });
        lines.collect::<Vec<_>>().concat()
    };
    now == before || without(now) == without(before)
}

/// Changes one octet of each index, or cuts it.
fn damage_index(folder: &Path, damage: u8) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let mut octets = fs::read(entry.path()).expect("an index");
        if octets.is_empty() || damage == 0 {
            continue;
        }
        let at = usize::from(damage) * (octets.len() - 1) / 255;
        match damage % 3 {
            0 => octets.truncate(at),
            _ => octets[at] ^= damage,
        }
        fs::write(entry.path(), octets).expect("an index");
    }
}
