//! What is special to mbox files.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use common::*;
use maildrop::{CommitError, MaildropUpdate, OpenError, Settings};
use rustix::fs::FlockOperation;
use vocabulary::LockMethod;

fn three() -> Mbox {
    Mbox::with(&[b"Subject: 1\n\none\n", b"Subject: 2\n\ntwo\n", b"Subject: 3\n\nthree\n"])
}

#[test]
fn the_rewrite_keeps_every_other_byte_and_the_inode() {
    let mbox = Mbox::of(
        "\nFrom a\nA: 1\n\n1\n\n\n\nFrom b  \r\nB: 2\r\n\r\n2\r\n\r\nFrom c\nC: 3\n\n3\n \t\nFrom d\n\n4",
    );
    let inode = fs::metadata(mbox.path()).unwrap().ino();
    mbox.open().commit(MaildropUpdate::deleting(&[2, 3])).unwrap();
    assert_eq!(mbox.bytes(), b"\nFrom a\nA: 1\n\n1\n\n\n\nFrom d\n\n4");
    mbox.append(b"\n\nFrom e\n\n5\n\n");
    mbox.open().commit(MaildropUpdate::deleting(&[1])).unwrap();
    assert_eq!(mbox.bytes(), b"\nFrom d\n\n4\n\nFrom e\n\n5\n\n");
    assert_eq!(fs::metadata(mbox.path()).unwrap().ino(), inode);
    assert_eq!(fs::read_dir(mbox.place().path("state/journal")).unwrap().count(), 0);
}

#[test]
fn a_message_without_a_last_newline() {
    let mbox = Mbox::of("From a\nSubject: x\n\nbody");
    let mut maildrop = mbox.open();
    assert_eq!(content(&mut *maildrop, 1), b"Subject: x\n\nbody");
    assert_eq!(maildrop.listing(1).unwrap().octets, 12 + 2 + 4 + 2);
    let ids = uidls(&*maildrop);
    // The agent that delivers the next message adds the newline. To us the message is the same.
    mbox.append(b"\n\nFrom b\n\nnext\n");
    assert_eq!(content(&mut *maildrop, 1), b"Subject: x\n\nbody");
    maildrop.commit(MaildropUpdate::deleting(&[])).unwrap();
    assert_eq!(uidls(&*mbox.open())[0], ids[0]);

    mbox.open().commit(MaildropUpdate::deleting(&[1])).unwrap();
    assert_eq!(mbox.bytes(), b"From b\n\nnext\n");

    let mbox = Mbox::of("From a\nSubject: x\n\nbody");
    let maildrop = mbox.open();
    mbox.append(b"\n\nFrom b\n\nnext\n");
    maildrop.commit(MaildropUpdate::deleting(&[1])).unwrap();
    assert_eq!(mbox.bytes(), b"From b\n\nnext\n");
}

#[test]
fn a_mailbox_with_crlf_has_the_same_uidls_and_octets() {
    let unix = three();
    let text = String::from_utf8(unix.bytes()).unwrap();
    let dos = Mbox::of(text.replace('\n', "\r\n"));
    let (unix, dos) = (unix.open(), dos.open());
    for number in 1..=3 {
        assert_eq!(unix.listing(number), dos.listing(number));
    }
}

#[test]
fn marking_messages_as_read_changes_no_uidl() {
    let mbox = three();
    let ids = uidls(&*mbox.open());
    let text = String::from_utf8(mbox.bytes()).unwrap();
    fs::write(mbox.path(), text.replace("Subject: 2\n", "Subject: 2\nStatus: RO\nX-Status: A\n")).unwrap();
    assert_eq!(uidls(&*mbox.open()), ids);
}

/// Whatever another program does to the mailbox, except appending to it: nothing is deleted.
#[test]
fn changed_under_us_deletes_nothing() {
    type Change = (&'static str, fn(&Mbox));
    let changes: [Change; 8] = [
        ("a flag", |mbox| replace(mbox, "Subject: 1\n", "Subject: 1\nStatus: R\n")),
        ("another subject of the same length", |mbox| replace(mbox, "Subject: 2", "Subject: x")),
        ("another start line", |mbox| replace(mbox, "sender@", "sander@")),
        ("a shorter body", |mbox| replace(mbox, "three", "3")),
        ("a message in between", |mbox| replace(mbox, "one\n\n", "one\n\nFrom x\n\nnew\n\n")),
        ("the first removed", |mbox| mbox.remove_behind_the_back(0)),
        ("all removed", |mbox| fs::write(mbox.path(), "").unwrap()),
        ("replaced by a copy", |mbox| {
            fs::copy(mbox.path(), mbox.place().path("copy")).unwrap();
            fs::rename(mbox.place().path("copy"), mbox.path()).unwrap();
        }),
    ];
    for (what, change) in changes {
        for deleted in [&[1][..], &[2], &[3], &[1, 2, 3]] {
            let mbox = three();
            let maildrop = mbox.open();
            change(&mbox);
            let before = mbox.bytes();
            let error = maildrop.commit(MaildropUpdate::deleting(deleted)).expect_err(what);
            assert!(matches!(error, CommitError::Changed { .. }), "{what}: {error}");
            assert_eq!(error.remaining(deleted), deleted);
            assert_eq!(mbox.bytes(), before, "{what}");
            assert!(!mbox.place().path("mbox.lock").exists());
        }
    }
}

fn replace(mbox: &Mbox, from: &str, to: &str) {
    let text = String::from_utf8(mbox.bytes()).unwrap();
    assert!(text.contains(from));
    fs::write(mbox.path(), text.replacen(from, to, 1)).unwrap();
}

#[test]
fn removed_during_the_session() {
    let mbox = three();
    let maildrop = mbox.open();
    fs::remove_file(mbox.path()).unwrap();
    assert!(maildrop.commit(MaildropUpdate::deleting(&[1])).is_err());
    assert!(!mbox.path().exists());
}

#[test]
fn a_body_changed_in_place_is_not_served_when_its_header_moved() {
    let mbox = three();
    let mut maildrop = mbox.open();
    replace(&mbox, "one\n", "one and more\n");
    assert!(maildrop.fetch(3, 1).is_err());
}

#[test]
fn locked_by_another_program() {
    let mbox = three();
    let held = |method, held: bool| {
        let opener = mbox.place().opener_with(Settings { lock_methods: vec![method], ..quick() });
        match opener.open(&mbox.location()) {
            Ok(_) => assert!(!held, "{method:?}"),
            Err(OpenError::Locked { .. }) => assert!(held, "{method:?}"),
            Err(error) => panic!("{method:?}: {error}"),
        }
    };

    fs::write(mbox.place().path("mbox.lock"), "1:elsewhere").unwrap();
    held(LockMethod::Dotlock, true);
    held(LockMethod::Fcntl, false);
    held(LockMethod::Flock, false);
    let error = mbox.place().opener().open(&mbox.location()).err().unwrap();
    assert!(error.to_string().contains("process 1 on elsewhere"), "{error}");
    fs::remove_file(mbox.place().path("mbox.lock")).unwrap();

    let file = File::options().read(true).write(true).open(mbox.path()).unwrap();
    assert!(sys::ofd::set(&file, sys::ofd::RecordLock::Write, sys::ofd::LockRange::All).unwrap());
    held(LockMethod::Dotlock, false);
    held(LockMethod::Fcntl, true);
    held(LockMethod::Flock, false);
    drop(file);

    let file = File::open(mbox.path()).unwrap();
    rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
    held(LockMethod::Dotlock, false);
    held(LockMethod::Fcntl, false);
    held(LockMethod::Flock, true);
    assert!(!mbox.place().path("mbox.lock").exists(), "the dotlock must be released");
}

#[test]
fn locked_at_the_end_deletes_nothing() {
    let mbox = three();
    let maildrop = mbox.open();
    assert!(!mbox.place().path("mbox.lock").exists(), "agents must be able to deliver during the session");
    fs::write(mbox.place().path("mbox.lock"), "1:elsewhere").unwrap();
    let before = mbox.bytes();
    assert!(matches!(maildrop.commit(MaildropUpdate::deleting(&[1])), Err(CommitError::Locked { .. })));
    assert_eq!(mbox.bytes(), before);
}

#[test]
fn a_stale_dotlock_is_broken_and_noticed() {
    let mut child = std::process::Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    let host = rustix::system::uname();
    let content = format!("{}:{}", child.id(), host.nodename().to_str().unwrap());
    let mbox = three();
    fs::write(mbox.place().path("mbox.lock"), content).unwrap();
    assert_eq!(mbox.open().count(), 3);
    assert!(mbox.place().notices()[0].contains("which is gone"));
}

#[test]
fn the_session_gets_a_descriptor_for_reading_only() {
    let mbox = three();
    let body = mbox.open().fetch(1, 1).unwrap().remove(0);
    let flags = rustix::fs::fcntl_getfl(&*body.source).unwrap();
    assert!(!flags.intersects(rustix::fs::OFlags::RDWR | rustix::fs::OFlags::WRONLY));
}

#[test]
fn a_symlink_is_followed_and_stays_one() {
    let mbox = three();
    fs::rename(mbox.path(), mbox.place().path("real")).unwrap();
    std::os::unix::fs::symlink("real", mbox.path()).unwrap();
    mbox.open().commit(MaildropUpdate::deleting(&[1])).unwrap();
    assert_eq!(mbox.open().count(), 2);
    assert!(fs::symlink_metadata(mbox.path()).unwrap().is_symlink());
}

#[test]
fn access_rights_survive() {
    let mbox = three();
    fs::set_permissions(mbox.path(), fs::Permissions::from_mode(0o640)).unwrap();
    mbox.open().commit(MaildropUpdate::deleting(&[1])).unwrap();
    assert_eq!(fs::metadata(mbox.path()).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn for_the_shell_there_is_new_mail_only_if_some_arrived() {
    let times = |mbox: &Mbox| {
        let data = fs::metadata(mbox.path()).unwrap();
        ((data.atime(), data.atime_nsec()), (data.mtime(), data.mtime_nsec()))
    };
    let mbox = three();
    mbox.open().commit(MaildropUpdate::deleting(&[2])).unwrap();
    let (accessed, modified) = times(&mbox);
    assert!(accessed >= modified);
}

#[test]
fn more_than_four_gigabytes() {
    let mbox = three();
    let file = File::options().write(true).open(mbox.path()).unwrap();
    let end = (5 << 30) + 10_000;
    file.set_len(end).unwrap();
    mbox.append(b"\n\nFrom z\nSubject: behind\n\nx\n");
    let mut maildrop = mbox.open();
    assert_eq!(maildrop.count(), 4);
    assert_eq!(content(&mut *maildrop, 4), b"Subject: behind\n\nx\n");
    let total: u64 = (1..=4).map(|number| maildrop.listing(number).unwrap().octets).sum();
    assert!(total > 5 << 30);
    maildrop.commit(MaildropUpdate::deleting(&[3])).unwrap();
    assert_eq!(mbox.bytes().len(), three().bytes().len() - delivered(b"Subject: 3\n\nthree\n").len() + 26);
}

#[test]
fn a_large_mailbox_is_read_in_parts() {
    // At least two threads get a part, and the parts are cut inside messages.
    let mbox = Mbox::new();
    let mut bytes = Vec::new();
    let mut lengths = Vec::new();
    for number in 0..900 {
        let line = format!("{number} {}\n", "x".repeat(number % 90));
        let message = format!("Subject: {number}\n\n{}", line.repeat(1100 + number));
        lengths.push(message.len() as u64 + message.matches('\n').count() as u64);
        bytes.extend(delivered(message.as_bytes()));
    }
    assert!(bytes.len() > 64 << 20);
    mbox.append(&bytes);
    let maildrop = mbox.open();
    let listed: Vec<u64> =
        (1..=maildrop.count()).map(|number| maildrop.listing(number).unwrap().octets).collect();
    assert_eq!(listed, lengths);
}
