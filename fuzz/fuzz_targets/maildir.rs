//! Maildirs, on a file system in memory. Whatever the names are, every message is listed once, in the order
//! of delivery, with its octets and a UIDL of its own. The UIDL stays when flags change, when another message
//! is removed and when the index is lost, whatever another server's list of UIDLs says. QUIT removes what was
//! deleted.
//!
//! Input: the scheme of UIDLs, which messages are deleted, and which change their flags; then the names, one
//! per line, an empty line, and the contents of a file of UIDLs.
#![no_main]

use fuzz::{Input, Place, on_wire, quick, received};
use libfuzzer_sys::fuzz_target;
use maildrop::fuzzing::{MaildirName, name};
use maildrop::{Maildrop, MaildropUpdate, Settings, UidlScheme};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use vocabulary::{Location, Storage};

const SCHEMES: [&str; 8] =
    ["default", "dovecot", "courier", "qmail", "original-3x", "message-id", "%f", "%g"];
/// More files would only take time.
const MOST_FILES: usize = 12;

/// What a client sees: UIDL and message.
type Seen = Vec<(String, Vec<u8>)>;

fuzz_target!(|data: &[u8]| {
    let Some(Input { control: &[scheme, deleted, flagged], content }) = Input::new(data, 3) else { return };
    let (names, list) = halves(content);
    names.split(|octet| *octet == b'\n').for_each(check_name);

    let place = Place::new();
    let root = place.path("Maildir");
    let files = fill(&root, names, list);
    let text = SCHEMES[usize::from(scheme) % SCHEMES.len()];
    let Ok(uidl) = UidlScheme::parse(text) else { return };
    let settings = || Settings { uidl: uidl.clone(), ..quick() };
    let location = Location { storage: Storage::Maildir, path: root.clone() };
    let open = || place.opener(settings()).open(&location).expect("a Maildir");

    let all = seen(&mut *open());
    let expected: Vec<Vec<u8>> = files.values().map(|message| on_wire(message)).collect();
    let messages: Vec<Vec<u8>> = all.iter().map(|(_, message)| message.clone()).collect();
    assert_eq!(messages, expected, "{:?}", files.keys());
    let uidls: BTreeSet<&str> = all.iter().map(|(uidl, _)| uidl.as_str()).collect();
    assert_eq!(uidls.len(), all.len(), "UIDLs are different");
    assert!(
        uidls
            .iter()
            .all(|uidl| (1..=70).contains(&uidl.len()) && uidl.bytes().all(|c| (0x21..=0x7e).contains(&c)))
    );
    assert_eq!(seen(&mut *open()), all, "again");

    change_flags(&root, flagged);
    assert_eq!(seen(&mut *open()), all, "with other flags");
    let _ = fs::remove_dir_all(place.path("state/index"));
    assert_eq!(seen(&mut *open()), all, "without an index");

    let gone: Vec<u32> = (1..=all.len() as u32).filter(|number| deleted >> (number % 8) & 1 != 0).collect();
    open().commit(MaildropUpdate::deleting(&gone)).expect("files that can be removed");
    let left = all.into_iter().zip(1..).filter(|(_, number)| !gone.contains(number));
    assert_eq!(seen(&mut *open()), left.map(|(seen, _)| seen).collect::<Seen>(), "after QUIT");
});

fn halves(content: &[u8]) -> (&[u8], &[u8]) {
    match content.windows(2).position(|pair| pair == b"\n\n") {
        Some(at) => (&content[..at], &content[at + 2..]),
        None => (content, b""),
    }
}

/// The names according to maildir(5), Maildir++ and Dovecot's page, parsed a second time.
fn check_name(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    let unique = text.split(':').next().unwrap_or_default();
    let digits =
        |text: &str| text.bytes().all(|octet| octet.is_ascii_digit()).then(|| text.parse::<u64>().ok())?;
    let last = |key: &str| {
        let fields: Vec<&str> =
            unique.split(',').skip(1).filter_map(|field| field.strip_prefix(key)).collect();
        (fields.last().and_then(|field| digits(field)), fields.iter().find_map(|field| digits(field)))
    };
    let ((stored, counted), (wire, _)) = (last("S="), last("W="));
    let true_sizes = |(stored, wire): &(u64, u64)| (*stored..=stored.saturating_mul(2)).contains(wire);
    let number: String = text.chars().take_while(char::is_ascii_digit).collect();
    let flags = text.strip_prefix(unique).and_then(|rest| rest.strip_prefix(":2,"));
    let read = name(octets);
    assert_eq!(read.unique, octets.split(|octet| *octet == b':').next().unwrap_or_default());
    let expected = MaildirName {
        unique: read.unique,
        delivered: number.parse().unwrap_or(0),
        sizes: stored.zip(wire).filter(true_sizes),
        counted,
        trash: flags.is_some_and(|flags| flags.contains('T')),
    };
    assert_eq!(read, expected, "{text}");
}

/// Makes the files. Returns the messages in the order in which they are served. No two of them have the same
/// unique name.
fn fill<'a>(root: &Path, names: &'a [u8], list: &[u8]) -> BTreeMap<(u64, &'a [u8]), Vec<u8>> {
    for folder in ["", "new", "cur", "tmp"] {
        fs::create_dir(root.join(folder)).expect("a folder");
    }
    for name in ["dovecot-uidlist", "courierpop3dsizelist", "maildirsize"] {
        fs::write(root.join(name), list).expect("a list");
    }
    let mut files = BTreeMap::new();
    for (nth, name_octets) in names.split(|octet| *octet == b'\n').take(MOST_FILES).enumerate() {
        let usable = (1..=200).contains(&name_octets.len())
            && !name_octets.iter().any(|octet| matches!(octet, 0 | b'/'));
        if !usable || matches!(name_octets, b"." | b"..") {
            continue;
        }
        let key = (name(name_octets).delivered, name(name_octets).unique);
        let message = format!("Message-Id: <{nth}@example.org>\n\nmessage {nth}\n.\r\nend").into_bytes();
        if key.1.is_empty() || files.contains_key(&key) {
            continue;
        }
        let folder = if nth % 3 == 0 { "new" } else { "cur" };
        fs::write(root.join(folder).join(OsStr::from_bytes(name_octets)), &message).expect("a message");
        // Files whose names begin with a dot are not messages.
        if !name_octets.starts_with(b".") {
            files.insert(key, message);
        }
    }
    files
}

/// Changes flags as a mail program does: a new message moves to `cur` with its flags.
fn change_flags(root: &Path, flagged: u8) {
    let mut nth = 0;
    for folder in ["new", "cur"] {
        let entries = fs::read_dir(root.join(folder)).expect("a folder");
        let names: Vec<_> = entries.map(|entry| entry.expect("a message").file_name()).collect();
        for old in names {
            nth += 1;
            let unique = name(old.as_bytes()).unique;
            if flagged >> (nth % 8) & 1 == 0 || unique.starts_with(b".") {
                continue;
            }
            let new = [unique, b":2,RS"].concat();
            fs::rename(root.join(folder).join(&old), root.join("cur").join(OsStr::from_bytes(&new)))
                .expect("a message");
        }
    }
}

fn seen(maildrop: &mut dyn Maildrop) -> Seen {
    let mut all = Vec::new();
    for number in 1..=maildrop.count() {
        let listing = maildrop.listing(number).expect("a message that is counted");
        let bodies = maildrop.fetch(number, 1).expect("a message that is there");
        let body = bodies.first().expect("what was asked for");
        let message = received(body);
        assert_eq!(message.len() as u64, listing.octets);
        all.push((listing.uidl.to_string(), message));
    }
    all
}
