//! What is special to Maildirs.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::os::unix::ffi::OsStrExt;

use common::*;
use maildrop::{FetchError, MaildropUpdate};
use vocabulary::{Location, Storage};

fn three() -> Maildir {
    Maildir::with(&[b"one\n", b"two\n", b"three\n"])
}

#[test]
fn both_folders_are_read_and_ordered_by_time_and_name() {
    let maildir = Maildir::new();
    for (folder, name) in [
        ("cur", "1700000003.c:2,S"),
        ("new", "1700000002.b"),
        ("new", "1700000002.a"),
        ("cur", "1700000001.z:2,"),
        ("new", "200.early"),
        ("cur", "odd name"),
        ("tmp", "1700000009.half"),
        ("new", ".hidden"),
    ] {
        fs::write(maildir.file(folder, name), format!("{name}\n")).unwrap();
    }
    fs::create_dir(maildir.file("cur", "1700000004.directory")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, maildir.file("new", "1.fifo"), rustix::fs::Mode::RWXU).unwrap();
    std::os::unix::fs::symlink("/dev/null", maildir.file("new", "1.device")).unwrap();
    let mut maildrop = maildir.open();
    let names: Vec<_> = contents(&mut *maildrop).into_iter().map(|c| String::from_utf8(c).unwrap()).collect();
    assert_eq!(
        names,
        [
            "odd name\n",
            "200.early\n",
            "1700000001.z:2,\n",
            "1700000002.a\n",
            "1700000002.b\n",
            "1700000003.c:2,S\n"
        ]
    );
    maildrop.commit(MaildropUpdate::deleting(&[1, 2, 3, 4, 5, 6])).unwrap();
    assert!(maildir.file("tmp", "1700000009.half").exists() && maildir.file("new", ".hidden").exists());
}

#[test]
fn a_message_without_a_last_newline() {
    let maildir = Maildir::with(&[b"x", b"", b"x\r"]);
    let maildrop = maildir.open();
    let octets: Vec<_> = (1..=3).map(|number| maildrop.listing(number).unwrap().octets).collect();
    assert_eq!(octets, [3, 0, 4]);
}

/// Found by the fuzz target `maildir`.
#[test]
fn a_name_that_looks_like_a_digest_takes_no_other_messages_uidl() {
    let maildir = Maildir::new();
    for name in ["1.with space", "2.with space:2,S"] {
        fs::write(maildir.file("cur", name), "abc\n").unwrap();
    }
    fs::write(maildir.file("new", "2.with space"), "another of that name\n").unwrap();
    let before = uidls(&*maildir.open());
    for uidl in &before {
        fs::write(maildir.file("cur", uidl), "named so\n").unwrap();
    }
    let after = uidls(&*maildir.open());
    assert!(before.iter().all(|uidl| after.iter().filter(|other| *other == uidl).count() == 1), "{after:?}");
    let different: std::collections::BTreeSet<_> = after.iter().collect();
    assert_eq!(different.len(), 2 * before.len(), "{after:?}");
}

#[test]
fn uidls_are_the_names_where_these_will_do() {
    let maildir = Maildir::new();
    let long = format!("1.{}", "x".repeat(230));
    let names: [&[u8]; 5] =
        [b"5.M1P2.host,S=3,W=4:2,RS", b"6.with space", b"7.caf\xe9:2,", long.as_bytes(), b"8.M1P2.host"];
    for name in names {
        fs::write(maildir.path().join("cur").join(std::ffi::OsStr::from_bytes(name)), "abc\n").unwrap();
    }
    let ids = uidls(&*maildir.open());
    assert_eq!(ids[1], "5.M1P2.host,S=3,W=4");
    assert_eq!(ids[4], "8.M1P2.host");
    // Clients remember these UIDLs: they must never change.
    assert_eq!(ids[0], &blake3::hash(long.as_bytes()).to_hex()[..32]);
    assert_eq!(ids[2], &blake3::hash(b"6.with space").to_hex()[..32]);
    assert_eq!(ids[3], &blake3::hash(b"7.caf\xe9").to_hex()[..32]);
    assert_eq!(contents(&mut *maildir.open()).len(), 5);
    maildir.open().commit(MaildropUpdate::deleting(&[1, 2, 3, 4, 5])).unwrap();
    assert!(maildir.files().is_empty());
}

#[test]
fn flags_and_moves_by_another_program_during_the_session() {
    let maildir = three();
    let before = uidls(&*maildir.open());
    let mut maildrop = maildir.open();
    let rename =
        |from: &str, to: &str| fs::rename(maildir.path().join(from), maildir.path().join(to)).unwrap();
    rename("new/1700000001.M1P1.host", "cur/1700000001.M1P1.host:2,S");
    assert_eq!(content(&mut *maildrop, 1), b"one\n");
    rename("cur/1700000001.M1P1.host:2,S", "cur/1700000001.M1P1.host:2,FS");
    rename("new/1700000002.M2P1.host", "cur/1700000002.M2P1.host:2,");
    assert_eq!(content(&mut *maildrop, 2), b"two\n");
    assert_eq!(contents(&mut *maildrop), [&b"one\n"[..], b"two\n", b"three\n"]);
    rename("cur/1700000002.M2P1.host:2,", "cur/1700000002.M2P1.host:2,R");
    maildrop.commit(MaildropUpdate::deleting(&[1, 2])).unwrap();
    assert_eq!(maildir.files(), ["new/1700000003.M3P1.host"]);
    assert_eq!(uidls(&*maildir.open()), before[2..]);
}

#[test]
fn a_message_that_vanished_hurts_no_other() {
    let maildir = three();
    let mut maildrop = maildir.open();
    fs::remove_file(maildir.file("new", "1700000002.M2P1.host")).unwrap();
    assert!(matches!(maildrop.fetch(2, 5), Err(FetchError::Vanished { number: 2 })));
    assert_eq!(maildrop.fetch(1, 5).unwrap().len(), 1);
    assert_eq!(content(&mut *maildrop, 3), b"three\n");
    maildrop.commit(MaildropUpdate::deleting(&[1, 2])).unwrap();
    assert_eq!(maildir.files(), ["new/1700000003.M3P1.host"]);
}

#[test]
fn a_message_that_was_changed_is_not_served() {
    let maildir = three();
    let mut maildrop = maildir.open();
    fs::write(maildir.file("new", "1700000002.M2P1.host"), "longer than before\n").unwrap();
    assert!(matches!(maildrop.fetch(2, 1), Err(FetchError::Changed { number: 2 })));
}

#[test]
fn sizes_in_names_are_believed_only_where_they_can_be_true() {
    let body = "x".repeat(99) + "\n";
    let text = body.repeat(1000);
    let (stored, octets) = (100_000, 101_000);
    for (name, listed) in [
        (format!("1.a,S={stored},W={octets}"), octets),
        (format!("1.a,S={stored},W={octets}:2,S"), octets),
        (format!("1.a,S=99999,W={octets}"), octets),
        (format!("1.a,S={stored},W=99999"), octets),
        (format!("1.a,S={stored},W=300000"), octets),
        (format!("1.a,S={stored}"), octets),
        // The size is not true, and it is believed: that saves reading the message. The agent that wrote the
        // name is responsible.
        (format!("1.a,S={stored},W=101005"), 101_005),
    ] {
        let maildir = Maildir::new();
        fs::write(maildir.file("cur", &name), &text).unwrap();
        assert_eq!(maildir.open().listing(1).unwrap().octets, listed, "{name}");
    }
    // Such a size does not include the line end that a client gets.
    let maildir = Maildir::new();
    fs::write(maildir.file("cur", "1.a,S=99999,W=100998"), &text[..99_999]).unwrap();
    assert_eq!(maildir.open().listing(1).unwrap().octets, 101_000);
}

#[test]
fn two_files_of_one_unique_name() {
    let maildir = Maildir::new();
    fs::write(maildir.file("new", "1.a"), "new\n").unwrap();
    fs::write(maildir.file("cur", "1.a:2,S"), "cur\n").unwrap();
    fs::write(maildir.file("new", "2.b"), "linked\n").unwrap();
    fs::hard_link(maildir.file("new", "2.b"), maildir.file("cur", "2.b:2,S")).unwrap();
    let mut maildrop = maildir.open();
    assert_eq!(contents(&mut *maildrop), [&b"new\n"[..], b"cur\n", b"linked\n"]);
    let ids = uidls(&*maildrop);
    assert_eq!((&*ids[0], &*ids[2]), ("1.a", "2.b"));
    assert!(ids[1].ends_with("-2"));
}

#[test]
fn what_the_owner_may_not_read_is_noticed_and_the_rest_served() {
    if !rustix::process::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "needs root");
        eprintln!("skipped: needs root to become another user");
        return;
    }
    let maildir = three();
    let closed = maildir.file("new", "1700000002.M2P1.host");
    fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
    let (place, location) = (maildir.place(), maildir.location());
    let (root, state) = (&location.path, place.path("state"));
    for path in [place.folder.path(), &root.join("new"), &root.join("cur"), root, &state] {
        std::os::unix::fs::chown(path, Some(65534), Some(65534)).unwrap();
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Only this thread becomes another user: the system call knows nothing about processes.
            rustix::thread::set_thread_uid(rustix::process::Uid::from_raw(65534)).unwrap();
            assert_eq!(place.opener().open(&location).unwrap().count(), 2);
        });
    });
    assert!(maildir.place().notices()[0].contains("cannot be read"));
}

#[test]
fn a_directory_without_its_folders_is_none() {
    let place = Place::new();
    for (make, missing) in [("cur", "without \"new\""), ("new", "")] {
        fs::create_dir_all(place.path("Maildir").join(make)).unwrap();
        match place.opener().open(&Location { storage: Storage::Maildir, path: place.path("Maildir") }) {
            Ok(maildrop) => assert!(missing.is_empty() && maildrop.count() == 0),
            Err(error) => assert!(!missing.is_empty() && error.to_string().contains(missing), "{error}"),
        }
    }
}

#[test]
fn what_is_deleted_is_taken_off_the_quota_in_one_line() {
    let maildir = Maildir::new();
    let sizes = maildir.path().join("maildirsize");
    for (folder, name) in [
        ("new", "1.a,S=5"),
        ("cur", "2.b,S=1000,W=1010:2,S"),
        ("new", "3.c"),
        ("cur", "4.trash,S=50:2,ST"),
        ("cur", "5.kept,S=7:2,"),
    ] {
        fs::write(maildir.file(folder, name), "1234\n").unwrap();
    }
    maildir.open().commit(MaildropUpdate::deleting(&[1])).unwrap();
    assert!(!sizes.exists(), "only the delivery agent may create it");
    fs::write(maildir.file("new", "1.a,S=5"), "1234\n").unwrap();
    fs::write(&sizes, "100000S,1000C\n1017 4\n").unwrap();
    maildir.open().commit(MaildropUpdate::deleting(&[])).unwrap();
    maildir.open().commit(MaildropUpdate::deleting(&[4])).unwrap();
    assert_eq!(fs::read_to_string(&sizes).unwrap(), "100000S,1000C\n1017 4\n");
    // Another program removes a message before we do, and subtracts it itself.
    let maildrop = maildir.open();
    fs::remove_file(maildir.file("new", "3.c")).unwrap();
    maildrop.commit(MaildropUpdate::deleting(&[1, 2, 3])).unwrap();
    assert_eq!(fs::read_to_string(&sizes).unwrap(), "100000S,1000C\n1017 4\n-1005 -2\n");
}

#[test]
fn a_quota_file_that_is_none_does_no_harm() {
    let maildir = three();
    let sizes = maildir.path().join("maildirsize");
    let elsewhere = maildir.place().path("elsewhere");
    fs::write(&elsewhere, "mine\n").unwrap();
    std::os::unix::fs::symlink(&elsewhere, &sizes).unwrap();
    maildir.open().commit(MaildropUpdate::deleting(&[1])).unwrap();
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "mine\n");
    fs::remove_file(&sizes).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &sizes, rustix::fs::Mode::RWXU).unwrap();
    maildir.open().commit(MaildropUpdate::deleting(&[1])).unwrap();
    fs::remove_file(&sizes).unwrap();
    fs::create_dir(&sizes).unwrap();
    maildir.open().commit(MaildropUpdate::deleting(&[1])).unwrap();
    assert!(maildir.files().is_empty());
}

#[test]
fn odd_names_are_served_and_deleted_and_subfolders_are_not_looked_into() {
    let maildir = Maildir::new();
    let long = [b"9.".as_slice(), &[b'x'; 248]].concat();
    let names: [&[u8]; 6] =
        [b"1.new\nline", b"2. two  spaces ", b"3.caf\xe9\xff", b"4.%s\\\"'`$(x)", b"5.-rf *", &long];
    for name in names {
        fs::write(maildir.path().join("new").join(std::ffi::OsStr::from_bytes(name)), name).unwrap();
    }
    for folder in [".Sent/new", ".Sent/cur", ".Trash/cur", "new/folder"] {
        fs::create_dir_all(maildir.path().join(folder)).unwrap();
        fs::write(maildir.path().join(folder).join("1.other"), "not in the inbox\n").unwrap();
    }
    let mut maildrop = maildir.open();
    assert_eq!(contents(&mut *maildrop), names);
    assert!(uidls(&*maildrop).iter().all(|uidl| uidl.bytes().all(|byte| byte.is_ascii_graphic())));
    maildrop.commit(MaildropUpdate::deleting(&[1, 2, 3, 4, 5, 6])).unwrap();
    assert_eq!(maildir.open().count(), 0);
    assert!(
        maildir.path().join(".Sent/new/1.other").exists()
            && maildir.path().join("new/folder/1.other").exists()
    );
}

#[test]
fn a_link_to_a_file_is_a_message_and_only_the_link_is_deleted() {
    let maildir = Maildir::new();
    let elsewhere = maildir.place().path("elsewhere");
    fs::write(&elsewhere, "kept elsewhere\n").unwrap();
    std::os::unix::fs::symlink(&elsewhere, maildir.file("new", "1.link")).unwrap();
    std::os::unix::fs::symlink("/nonexistent", maildir.file("new", "2.dangling")).unwrap();
    std::os::unix::fs::symlink("3.loop", maildir.file("new", "3.loop")).unwrap();
    std::os::unix::fs::symlink("/etc", maildir.file("new", "4.folder")).unwrap();
    let mut maildrop = maildir.open();
    assert_eq!(contents(&mut *maildrop), [b"kept elsewhere\n"]);
    maildrop.commit(MaildropUpdate::deleting(&[1])).unwrap();
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "kept elsewhere\n");
    assert!(!maildir.file("new", "1.link").exists());
}
