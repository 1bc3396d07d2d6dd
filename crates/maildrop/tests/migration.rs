//! UIDLs of other servers, in whole mailboxes. What those servers wrote was observed: see the modules of
//! `migration`.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::os::unix::fs::symlink;

use common::*;
use maildrop::{Maildrop, MaildropUpdate, Settings, UidlScheme};

fn open<F: Format>(format: &F, scheme: &str) -> Box<dyn Maildrop> {
    let settings = Settings { uidl: UidlScheme::parse(scheme).unwrap(), ..quick() };
    format.place().opener_with(settings).open(&format.location()).unwrap()
}

fn uidls_by<F: Format>(format: &F, scheme: &str) -> Vec<String> {
    uidls(&*open(format, scheme))
}

fn three() -> Maildir {
    Maildir::with(&[b"one\n", b"two\n", b"three\n"])
}

const DOVECOT: &str = "3 V1795424235 N4 G19e05b11ebff036ba64e000083ecc375\n\
    1 W20 :1700000001.M1P1.host\n2 W20 :1700000002.M2P1.host\n3 W20 :1700000003.M3P1.host\n";
const COURIER: &str = "/3 4 1795424140\n1700000001.M1P1.host:2, 20 1:1795424140:0\n\
    1700000002.M2P1.host:2, 20 2:1795424140:0\n1700000003.M3P1.host:2, 20 3:1795424140:0\n";

#[test]
fn dovecots_and_couriers_lists_name_what_they_know_and_nothing_changes_later() {
    for (scheme, file, list, first) in [
        ("dovecot", "dovecot-uidlist", DOVECOT, "000000016b03ffeb"),
        ("%v.%u", "dovecot-uidlist", DOVECOT, "1795424235.1"),
        ("courier", "courierpop3dsizelist", COURIER, "UID1-1795424140"),
    ] {
        let maildir = three();
        fs::write(maildir.path().join(file), list).unwrap();
        let before = uidls_by(&maildir, scheme);
        assert_eq!(before[0], first, "{scheme}");
        assert!(before.iter().all(|uidl| !uidl.contains("host")), "{before:?}");

        maildir.deliver(b"after the move\n");
        let now = uidls_by(&maildir, scheme);
        assert_eq!((&now[..3], &*now[3]), (&before[..], "1700000004.M4P1.host"), "{scheme}");
        // The old server is still in use, perhaps for IMAP, and numbers the new message.
        let more = match file {
            "dovecot-uidlist" => "4 :1700000004.M4P1.host\n",
            _ => "1700000004.M4P1.host:2, 20 4:1795424140:0\n",
        };
        fs::write(maildir.path().join(file), list.to_owned() + more).unwrap();
        assert_eq!(uidls_by(&maildir, scheme), now, "{scheme}");
        open(&maildir, scheme).commit(MaildropUpdate::deleting(&[1, 3])).unwrap();
        assert_eq!(uidls_by(&maildir, scheme), [&*now[1], &*now[3]], "{scheme}");
    }
}

#[test]
fn a_list_made_anew_names_nothing_wrongly() {
    let maildir = three();
    let path = maildir.path().join("dovecot-uidlist");
    fs::write(&path, DOVECOT).unwrap();
    let before = uidls_by(&maildir, "dovecot");
    fs::write(&path, "3 V1795429999 N3\n1 :1700000003.M3P1.host\n2 :1700000001.M1P1.host\n").unwrap();
    let names = ["1700000001.M1P1.host", "1700000002.M2P1.host", "1700000003.M3P1.host"];
    assert_eq!(uidls_by(&maildir, "dovecot"), names);
    fs::write(&path, DOVECOT).unwrap();
    assert_eq!(uidls_by(&maildir, "dovecot"), before);
}

#[test]
fn a_list_that_cannot_be_read_refuses_the_session_rather_than_changing_uidls() {
    let maildir = three();
    let path = maildir.path().join("dovecot-uidlist");
    fs::create_dir(&path).unwrap();
    let settings = Settings { uidl: UidlScheme::parse("dovecot").unwrap(), ..quick() };
    let refused = maildir.place().opener_with(settings).open(&maildir.location()).err().unwrap();
    assert!(refused.to_string().contains("dovecot-uidlist is no file"), "{refused}");
    fs::remove_dir(&path).unwrap();
    symlink("/dev/zero", &path).unwrap();
    let settings = Settings { uidl: UidlScheme::parse("dovecot").unwrap(), ..quick() };
    assert!(maildir.place().opener_with(settings).open(&maildir.location()).is_err());
}

#[test]
fn an_mbox_keeps_dovecots_numbers_when_the_message_that_holds_the_base_is_gone() {
    let mbox = Mbox::with(&[
        b"Subject: 1\nX-IMAPbase: 1795424263 0000000005\nX-UID: 1   \n\n1\n",
        b"Subject: 2\nX-UID: 4\n\n2\n",
        b"Subject: 3\nX-UID: 4\n\ndoubled\n",
        b"Subject: 4\nX-UID: 5\n\n4\n",
        b"Subject: 5\n\nnot seen by Dovecot\n",
        b"Subject: 6\nX-UID: 6\nX-IMAPbase: 9 99\n\nmade up by its sender\n",
    ]);
    let plain = uidls(&*mbox.open());
    let before = uidls_by(&mbox, "dovecot");
    let dovecots =
        ["000000016b040007", "000000046b040007", &plain[2], "000000056b040007", &plain[4], &plain[5]];
    assert_eq!(before, dovecots);
    open(&mbox, "dovecot").commit(MaildropUpdate::deleting(&[1, 2, 4, 5])).unwrap();
    assert_eq!(uidls_by(&mbox, "dovecot"), [&*plain[2], &*plain[5]]);
    mbox.deliver(b"Subject: 7\nX-UID: 5\n\nhides only itself\n");
    assert_eq!(uidls_by(&mbox, "dovecot")[..2], [&*plain[2], &*plain[5]]);
}

#[test]
fn what_is_marked_as_read_keeps_its_uidl_by_every_scheme() {
    for scheme in [
        "default",
        "dovecot",
        "%m",
        "%v.%u",
        "message-id",
        "original-3x",
        "qpopper",
        "popa3d",
        "courier",
        "qmail",
    ] {
        let mbox = Mbox::with(&[
            b"X-IMAPbase: 1795424263 0000000005\nX-UID: 1\nMessage-Id: <1@x>\nX-UIDL: one\n\n1\n",
            b"Received: by x\n\tat y\nDate: 2\nMessage-Id: <2@x>\nStatus: O\nX-UID: 2\nX-UIDL: two\n\n2\n",
            b"Delivered-To: a\nDate: 3\nMessage-Id: <3@x>\nX-UID: 3\nX-UIDL: three\n\n3\n",
        ]);
        let before = uidls_by(&mbox, scheme);
        let uidl = UidlScheme::parse(scheme).unwrap();
        let settings = Settings { uidl, status_header: true, ..quick() };
        let maildrop = mbox.place().opener_with(settings).open(&mbox.location()).unwrap();
        maildrop.commit(MaildropUpdate { deleted: &[], read: &[1, 2, 3] }).unwrap();
        let text = String::from_utf8(mbox.bytes()).unwrap();
        assert_eq!(text.matches("Status: RO\n").count(), 3, "{scheme}");
        assert_eq!(uidls_by(&mbox, scheme), before, "{scheme}");
    }
}

#[test]
fn headers_doubled_missing_and_invalid() {
    let long = format!("Message-Id: <{}@example.org>\n\n", "x".repeat(70));
    let messages: [&[u8]; 6] = [
        b"Message-Id: <a@example.org>\nX-UIDL: $one\n\n1\n",
        b"Message-Id: <a@example.org>\nX-UIDL: two words\n\n2\n",
        b"Subject: none\n\nMessage-Id: <body@example.org>\n",
        b"Message-Id: <caf\xe9@example.org>\n\n4\n",
        long.as_bytes(),
        b"message-id:\n <z@example.org>\n\n6\n",
    ];
    fn check<F: Format>(format: &F) {
        let plain = uidls(&*format.open());
        let ids = uidls_by(format, "message-id");
        assert_eq!((&*ids[0], &*ids[5]), ("<a@example.org>", "<z@example.org>"));
        assert_eq!(ids[1..5], plain[1..5]);
        // The first message is gone; the second one got another UIDL, and keeps it.
        open(format, "message-id").commit(MaildropUpdate::deleting(&[1])).unwrap();
        assert_eq!(uidls_by(format, "message-id"), ids[1..]);
        assert_eq!(uidls_by(format, "qpopper"), plain[1..]);
    }
    let mbox = Mbox::with(&messages);
    let plain = uidls(&*mbox.open());
    assert_eq!(uidls_by(&mbox, "qpopper")[..2], ["$one", &plain[1]]);
    let original = uidls_by(&mbox, "original-3x");
    assert_eq!((&*original[0], &*original[5]), ("<a@example.org>", &*plain[5]));
    assert_eq!(uidls_by(&mbox, "popa3d").iter().filter(|uidl| uidl.len() == 16).count(), 5);
    check(&mbox);
    let maildir = Maildir::with(&messages);
    assert_eq!(uidls_by(&maildir, "original-3x")[0], "1700000001.M1P1.host");
    check(&maildir);
}

#[test]
fn a_full_disk_keeps_nobody_from_the_mail() {
    let mbox = Mbox::with(&[b"Message-Id: <a@b>\n\n1\n", b"Message-Id: <a@b>\n\n2\n"]);
    let folder = mbox.place().path("state/uidl");
    mbox.open();
    fs::remove_dir(&folder).unwrap();
    // A missing folder stands for one that cannot be written, because root may write anywhere.
    fs::create_dir(&folder).unwrap();
    let settings = Settings { uidl: UidlScheme::parse("message-id").unwrap(), ..quick() };
    let opener = mbox.place().opener_with(settings);
    fs::remove_dir(&folder).unwrap();
    assert_eq!(opener.open(&mbox.location()).unwrap().count(), 2);
    assert!(mbox.place().notices()[0].contains("may change"));
}

#[test]
fn old_and_new_side_by_side() {
    let maildir = three();
    fs::write(maildir.path().join("courierpop3dsizelist"), COURIER.replace("\n1700000002", "\nx")).unwrap();
    let scheme = |text| UidlScheme::parse(text).unwrap();
    let compare = |ours, theirs| {
        let opener = maildir.place().opener_with(Settings { uidl: scheme(ours), ..quick() });
        opener.compare(&maildir.location(), &scheme(theirs)).unwrap()
    };
    let same: Vec<_> = compare("courier", "courier").iter().map(|moved| moved.is_same()).collect();
    assert_eq!(same, [true, false, true]);
    let moved = compare("default", "courier");
    assert_eq!(moved[0].old.as_deref(), Some(&b"UID1-1795424140"[..]));
    assert_eq!((moved[0].new.as_str(), &moved[1].old), ("1700000001.M1P1.host", &None));
    assert!(moved.iter().all(|moved| !moved.is_same()));
    assert!(compare("default", "qmail").iter().all(maildrop::UidlComparison::is_same));
}
