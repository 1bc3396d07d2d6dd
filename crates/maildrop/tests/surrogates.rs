//! Surrogates for clients that do not accept UTF-8 (RFC 6856), in every kind of maildrop: their octets are
//! counted exactly, and nothing else changes.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Disk, Format, Maildir, Mbox, Ram, delivered, on_the_wire, quick, read, uidls};
use maildrop::{
    Delivered, Maildrop, MaildropUpdate, Opener, ReceivedHeader, SessionOptions, Settings, StoredMessage,
};
use std::fs;
use vocabulary::{Location, Storage, UnescapeFrom};

/// Messages with UTF-8 in their headers, messages without, and some that only look like it.
fn messages() -> Vec<Vec<u8>> {
    let long = format!("Subject: {}\nTo: {}\n\nbody\n", "ü".repeat(3000), "ä <a@b.example>,\n ".repeat(500));
    [
        "Subject: plain\n\nü in the body\n".as_bytes(),
        "From: Jürgen <j@b.example>\nSubject: Grüße\n\nbody\n.dot\n".as_bytes(),
        "Subject: Grüße\r\n\r\nCRLF\r\n".as_bytes(),
        "From: ü@bü.example\nTo: a@b.example\n\n".as_bytes(),
        "Subject: plain too\n\n>From ü\n".as_bytes(),
        "Subject: ü\n\n>From here\n>>From there\n".as_bytes(),
        "Subject: ü, and no body\n".as_bytes(),
        long.as_bytes(),
        b"Subject: Latin-1 \xfc\n\nbody\n",
        // An mbox allows that only at its end.
        "Subject: the last, without a newline ü".as_bytes(),
    ]
    .map(<[u8]>::to_vec)
    .to_vec()
}

const AS_STORED: SessionOptions = SessionOptions { keep_spool: false, received_for: None, as_stored: true };

fn whole(body: &StoredMessage) -> Vec<u8> {
    on_the_wire(&[&body.prefix[..], &read(body)].concat())
}

/// All messages as a client gets them. Each is as long as the listing says.
fn served(mail: &mut dyn Maildrop, window: u32) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    while all.len() < mail.count() as usize {
        let first = u32::try_from(all.len()).unwrap() + 1;
        let bodies = mail.fetch(first, window).unwrap();
        assert!(!bodies.is_empty() && bodies.len() <= window as usize);
        all.extend(bodies.iter().map(whole));
    }
    for (number, message) in (1..).zip(&all) {
        let octets = mail.listing(number).unwrap().octets;
        assert_eq!(octets, message.len() as u64, "message {number}: {}", String::from_utf8_lossy(message));
    }
    all
}

fn header(message: &[u8]) -> &[u8] {
    let end = message.windows(4).position(|octets| octets == b"\r\n\r\n").map_or(message.len(), |at| at + 2);
    &message[..end]
}

fn check_all<F: Format>(settings: &Settings) {
    let maildrop = F::new();
    for message in messages() {
        maildrop.deliver(&message);
    }
    // The second one comes from the index of the first.
    for (window, opener) in [
        (1, maildrop.place().opener_with(settings.clone())),
        (32, maildrop.place().opener_with(settings.clone())),
    ] {
        let mut stored = opener.open_for(&maildrop.location(), &AS_STORED).unwrap();
        let originals = served(&mut *stored, window);
        let names = uidls(&*stored);
        let fingerprint = stored.fingerprint();
        drop(stored);
        let mut mail = opener.open(&maildrop.location()).unwrap();
        assert_eq!(uidls(&*mail), names, "the messages must be the same");
        assert!(fingerprint.is_none() || mail.fingerprint() != fingerprint, "the listings must differ");
        let got = served(&mut *mail, window);
        for (number, (original, got)) in originals.iter().zip(&got).enumerate() {
            let is_utf8 = str::from_utf8(header(original)).is_ok();
            assert!(header(got).is_ascii() || !is_utf8, "message {}", number + 1);
            assert_eq!(got[header(got).len()..], original[header(original).len()..], "the rest must stay");
            assert_eq!(got == original, header(original).is_ascii() || !is_utf8);
        }
    }
    // The message itself is removed, whatever was served instead.
    let mail = maildrop.place().opener_with(settings.clone()).open(&maildrop.location()).unwrap();
    let names = uidls(&*mail);
    mail.commit(MaildropUpdate::deleting(&[1, 2, 4])).unwrap();
    let mut mail = maildrop.place().opener_with(settings.clone()).open(&maildrop.location()).unwrap();
    assert_eq!(uidls(&*mail), [&names[2..3], &names[4..]].concat());
    served(&mut *mail, 8);
}

#[test]
fn every_kind_of_maildrop_counts_them_exactly() {
    check_all::<Mbox>(&quick());
    check_all::<Ram>(&quick());
    check_all::<Disk>(&quick());
    check_all::<Maildir>(&quick());
}

#[test]
fn also_where_quoting_is_undone() {
    let settings = Settings { unescape_from: UnescapeFrom::Mboxrd, ..quick() };
    check_all::<Mbox>(&settings);
    check_all::<Ram>(&settings);
    check_all::<Disk>(&settings);
}

#[test]
fn also_with_other_boundaries() {
    let boundaries = maildrop::Boundaries::new("^From .*", r"^\s*$").unwrap();
    check_all::<Mbox>(&Settings { boundaries, ..quick() });
}

#[test]
fn also_with_a_received_line_before_them() {
    fn case<F: Format>() {
        let received =
            ReceivedHeader { from: "a.example".to_owned(), by: "b.example".to_owned(), zone: Some(0) };
        let maildrop = F::new();
        for message in messages() {
            maildrop.deliver(&message);
        }
        let opener = maildrop.place().opener_with(Settings { received: Some(received), ..quick() });
        let wishes = SessionOptions { received_for: Some("alice".to_owned()), ..SessionOptions::default() };
        let mut mail = opener.open_for(&maildrop.location(), &wishes).unwrap();
        let first = mail.delivered(2);
        assert!(matches!(first, Some(Delivered::At(_) | Delivered::Clock(_))));
        for message in served(&mut *mail, 3) {
            assert!(
                message.starts_with(b"Received: from a.example by b.example (mpopd) for <alice@a.example>")
            );
        }
    }
    case::<Mbox>();
    case::<Maildir>();
}

#[test]
fn an_mbox_that_grew_and_messages_that_were_marked_as_read_keep_exact_sizes() {
    let mbox = Mbox::of(messages()[..3].iter().flat_map(|message| delivered(message)).collect::<Vec<_>>());
    let settings = Settings { status_header: true, ..quick() };
    let open = || mbox.place().opener_with(settings.clone()).open(&mbox.location()).unwrap();
    served(&mut *open(), 4);
    for message in &messages()[3..] {
        mbox.deliver(message);
    }
    let mut mail = open();
    assert_eq!(served(&mut *mail, 4).len(), messages().len());
    let names = uidls(&*mail);
    mail.commit(MaildropUpdate { deleted: &[1], read: &[2, 3, 4] }).unwrap();
    // From the index that the rewrite left, and without an index.
    let after = served(&mut *open(), 4);
    assert!(after[0].windows(10).any(|octets| octets == b"Status: RO"));
    assert_eq!(uidls(&*open()), names[1..]);
    fs::remove_dir_all(mbox.place().path("state/index")).unwrap();
    assert_eq!(served(&mut *open(), 4), after);
}

#[test]
fn a_maildir_file_whose_name_tells_its_size_is_looked_at_for_its_header() {
    let maildir = Maildir::new();
    for (number, header) in [
        (1, "Subject: ü\n\n"),
        (2, "Subject: u\n\n"),
        (3, &*format!("X-Long: {}\nSubject: ü\n\n", "x".repeat(9000))),
    ] {
        let message = format!("{header}{}", "ü in the body\n".repeat(10_000));
        let wire = on_the_wire(message.as_bytes()).len();
        let name = format!("170000000{number}.M1P1.host,S={},W={wire}", message.len());
        fs::write(maildir.file("cur", &name), message).unwrap();
    }
    let mut mail = maildir.place().opener().open(&maildir.location()).unwrap();
    let got = served(&mut *mail, 1);
    assert!(
        got[0].starts_with(b"Subject: =?UTF-8?Q?=C3=BC?=\r\n\r\n\xc3\xbc")
            && got[1].starts_with(b"Subject: u\r\n")
    );
    assert!(header(&got[2]).is_ascii());
}

#[test]
fn ordinary_messages_are_served_from_the_mailbox_itself() {
    let mbox = Mbox::of(messages()[..2].iter().flat_map(|message| delivered(message)).collect::<Vec<_>>());
    let opener: Opener = mbox.place().opener();
    let mut mail = opener.open(&Location { storage: Storage::Mbox, path: mbox.path() }).unwrap();
    let bodies = mail.fetch(1, 2).unwrap();
    assert!(bodies[0].prefix.is_empty());
    // The other one, too, is ordinary except for its header.
    let [ordinary, surrogate] = [&bodies[0], &bodies[1]].map(|body| std::sync::Arc::as_ptr(&body.source));
    assert_eq!(ordinary, surrogate);
    assert!(!bodies[1].prefix.is_empty() && read(&bodies[1]).starts_with(b"\nbody"));
}
