//! What every kind of maildrop promises, run on each of them.

#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use maildrop::{CommitError, FetchError, MaildropUpdate, OpenError, Settings};

/// Messages of every kind that could cause trouble.
fn messages() -> Vec<Vec<u8>> {
    let header = |subject: &str| format!("Subject: {subject}\n\n").into_bytes();
    let with = |subject: &str, body: &[u8]| [&header(subject)[..], body].concat();
    vec![
        with("plain", b"hello\n"),
        with("dots", b".\n..\n.leading\n"),
        with("nul", b"a\0b\0\n"),
        with("8 bit", b"\xff\xfe\xe9t\xe9\n"),
        with("no body", b""),
        b"Subject: no end of header\n".to_vec(),
        b"Subject: crlf\r\n\r\none\r\ntwo\r\n".to_vec(),
        with("mixed line ends", b"one\r\ntwo\nthree\r\r\n\rfour\r\n\n"),
        with("from", b"not after a blank line\nFrom here on\n>From quoted\n"),
        with("blank lines", b"\n\n\nx\n\n"),
        with("a long line", &[&vec![b'x'; 3_000_000][..], b"\n"].concat()),
        with("a long header", b"\n"),
        [&b"Subject: "[..], &vec![b'y'; 200_000], b"\n\nbody\n"].concat(),
        with("plain", b"hello\n"),
        with("plain", b"hello\n"),
    ]
}

fn refs(messages: &[Vec<u8>]) -> Vec<&[u8]> {
    messages.iter().map(Vec::as_slice).collect()
}

fn small() -> Vec<Vec<u8>> {
    (1..=5).map(|number| format!("Subject: {number}\n\nbody {number}\n").into_bytes()).collect()
}

/// `all` without the messages numbered `deleted`.
fn without<T: Clone>(all: &[T], deleted: &[u32]) -> Vec<T> {
    (1..).zip(all).filter(|(number, _)| !deleted.contains(number)).map(|(_, item)| item.clone()).collect()
}

const DELETIONS: [&[u32]; 8] = [&[], &[1], &[3], &[5], &[1, 2], &[2, 4], &[4, 5], &[1, 2, 3, 4, 5]];

fn octets_order_and_contents<F: Format>() {
    let messages = messages();
    let format = F::with(&refs(&messages));
    let mut maildrop = format.open();
    assert_eq!(maildrop.count() as usize, messages.len());
    for (number, message) in (1..).zip(&messages) {
        assert!(content(&mut *maildrop, number) == *message, "message {number}");
        let octets = maildrop.listing(number).unwrap().octets;
        assert_eq!(octets, on_the_wire(message).len() as u64, "message {number}");
    }
}

fn fetch_windows<F: Format>() {
    let messages = small();
    let format = F::with(&refs(&messages));
    let mut maildrop = format.open();
    for first in 1..=5 {
        for window in [0, 1, 2, 5, 6, u32::MAX] {
            let bodies = maildrop.fetch(first, window).unwrap();
            assert!(!bodies.is_empty() && bodies.len() <= window.max(1) as usize);
            for (body, message) in bodies.iter().zip(&messages[first as usize - 1..]) {
                assert_eq!(&read(body), message);
            }
        }
    }
}

fn numbers_that_are_no_messages<F: Format>() {
    let format = F::with(&refs(&small()));
    let before = snapshot(format.location().path.parent().unwrap());
    for number in [0, 6, u32::MAX] {
        let mut maildrop = format.open();
        assert!(maildrop.listing(number).is_none());
        assert!(matches!(maildrop.fetch(number, 3), Err(FetchError::NoSuchMessage { .. })));
        let error = maildrop.commit(MaildropUpdate::deleting(&[number])).unwrap_err();
        assert!(matches!(error, CommitError::NoSuchMessage { .. }));
        assert_eq!(error.remaining(&[number]), [number]);
    }
    for deleted in [&[2, 1][..], &[1, 1], &[1, 6]] {
        for update in [MaildropUpdate::deleting(deleted), MaildropUpdate { deleted: &[], read: deleted }] {
            let outcome = format.open().commit(update);
            assert!(matches!(outcome, Err(CommitError::NoSuchMessage { .. })));
        }
    }
    assert_eq!(snapshot(format.location().path.parent().unwrap()), before);
}

fn deletions<F: Format>() {
    let messages = small();
    for deleted in DELETIONS {
        let format = F::with(&refs(&messages));
        let maildrop = format.open();
        let ids = uidls(&*maildrop);
        maildrop.commit(MaildropUpdate::deleting(deleted)).unwrap();
        let mut maildrop = format.open();
        assert_eq!(contents(&mut *maildrop), without(&messages, deleted), "{deleted:?}");
        assert_eq!(uidls(&*maildrop), without(&ids, deleted), "{deleted:?}");
    }
}

fn deletions_of_every_kind_of_message<F: Format>() {
    let messages = messages();
    for number in 1..=u32::try_from(messages.len()).unwrap() {
        let format = F::with(&refs(&messages));
        format.open().commit(MaildropUpdate::deleting(&[number])).unwrap();
        assert!(contents(&mut *format.open()) == without(&messages, &[number]), "message {number}");
    }
}

fn messages_that_were_read<F: Format>() {
    let messages = messages();
    let all: Vec<u32> = (1..=u32::try_from(messages.len()).unwrap()).collect();
    let setups: [(&[u32], &[u32]); 7] = [
        (&[], &[1]),
        (&[], &[5]),
        (&[], &all),
        (&[2], &[1, 2, 4]),
        (&[5, 6], &all),
        (&[15], &[15]),
        (&all, &all),
    ];
    for (nth, (deleted, read)) in setups.into_iter().enumerate() {
        let format = F::with(&refs(&messages));
        let settings = Settings { status_header: true, ..quick() };
        let opener = format.place().opener_with(settings);
        let open = || opener.open(&format.location()).unwrap();
        let maildrop = open();
        assert_eq!(maildrop.marks_read(), F::MARKS_READ);
        let ids = uidls(&*maildrop);
        format.deliver(b"Subject: late\n\nhello\n");
        maildrop.commit(MaildropUpdate { deleted, read }).unwrap();
        let marked = |&number: &u32| match read.contains(&number) && F::MARKS_READ {
            true => marked(&messages[number as usize - 1]),
            false => messages[number as usize - 1].clone(),
        };
        let mut expected: Vec<_> = without(&all, deleted).iter().map(marked).collect();
        expected.push(b"Subject: late\n\nhello\n".to_vec());
        let mut maildrop = open();
        assert!(contents(&mut *maildrop) == expected, "{nth}");
        let listed = (1..).zip(&expected).all(|(number, message)| {
            maildrop.listing(number).unwrap().octets == on_the_wire(message).len() as u64
        });
        assert!(listed, "{nth}");
        assert_eq!(uidls(&*maildrop)[..expected.len() - 1], without(&ids, deleted), "{nth}");
        let before = snapshot(&format.location().path);
        maildrop
            .commit(MaildropUpdate {
                deleted: &[],
                read: &(1..u32::try_from(expected.len()).unwrap()).collect::<Vec<_>>(),
            })
            .unwrap();
        if deleted.is_empty() && read.len() == all.len() {
            assert!(
                snapshot(&format.location().path) == before,
                "all messages must already have their marks"
            );
        }
        assert_eq!(uidls(&*open())[..expected.len() - 1], without(&ids, deleted), "{nth}");
        assert_eq!(format.place().notices(), [""; 0]);
    }
}

/// One of `messages` with its mark.
fn marked(message: &[u8]) -> Vec<u8> {
    // The part of its header that is looked at has no place for a mark.
    if message.len() > 100_000 && message.starts_with(b"Subject: y") {
        return message.to_vec();
    }
    [b"Status: RO\n", message].concat()
}

fn what_was_read_is_written_down_only_if_it_is_asked_for<F: Format>() {
    let format = F::with(&refs(&small()));
    let before = snapshot(&format.location().path);
    let maildrop = format.open();
    assert!(!maildrop.marks_read());
    maildrop.commit(MaildropUpdate { deleted: &[], read: &[1, 2, 3] }).unwrap();
    assert_eq!(snapshot(&format.location().path), before);
    format.open().commit(MaildropUpdate { deleted: &[1], read: &[1, 2, 3] }).unwrap();
    assert_eq!(contents(&mut *format.open()), small()[1..]);
}

fn mail_that_arrives_meanwhile<F: Format>() {
    let messages = small();
    let late = b"Subject: late\n\nhello\n".to_vec();
    for deleted in DELETIONS {
        let format = F::with(&refs(&messages));
        let mut maildrop = format.open();
        format.deliver(&late);
        assert_eq!(maildrop.count(), 5);
        assert_eq!(contents(&mut *maildrop), messages);
        maildrop.commit(MaildropUpdate::deleting(deleted)).unwrap();
        let mut left = without(&messages, deleted);
        left.push(late.clone());
        assert_eq!(contents(&mut *format.open()), left, "{deleted:?}");
    }
}

fn nothing_changes_without_commit<F: Format>() {
    let format = F::with(&refs(&messages()));
    let before = snapshot(format.location().path.parent().unwrap());
    let mut maildrop = format.open();
    contents(&mut *maildrop);
    drop(maildrop);
    format.open().commit(MaildropUpdate::deleting(&[])).unwrap();
    assert!(snapshot(format.location().path.parent().unwrap()) == before);
}

fn one_session_at_a_time<F: Format>() {
    let format = F::with(&refs(&small()));
    let opener = format.place().opener();
    let location = format.location();
    let in_use = |what: &str| {
        let error = opener.open(&location).err();
        assert!(matches!(error, Some(OpenError::InUse)), "{what}: {error:?}");
        let error = format.place().opener().open(&location).err();
        assert!(matches!(error, Some(OpenError::InUse)), "{what}, another process: {error:?}");
    };

    let maildrop = opener.open(&location).unwrap();
    in_use("while open");
    drop(maildrop);
    let maildrop = opener.open(&location).expect("must be released when dropped");
    in_use("after a refusal");
    maildrop.commit(MaildropUpdate::deleting(&[1])).unwrap();
    let maildrop = format.place().opener().open(&location).expect("must be released by commit");
    in_use("opened by another process");
    maildrop.commit(MaildropUpdate::deleting(&[9])).unwrap_err();
    opener.open(&location).expect("must be released by a commit that failed");

    let other = F::with(&refs(&small()));
    let _ours = opener.open(&location).unwrap();
    opener.open(&other.location()).expect("another maildrop must be free");
}

fn uidls_are_unique_and_stay<F: Format>() {
    let messages = messages();
    let format = F::with(&refs(&messages));
    let first = uidls(&*format.open());
    let mut sorted = first.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), messages.len(), "equal messages must have different UIDLs");
    for uidl in &first {
        assert!((1..=70).contains(&uidl.len()) && uidl.bytes().all(|byte| byte.is_ascii_graphic()));
    }
    assert_eq!(uidls(&*format.open()), first, "UIDLs must be the same when opened again");
    format.deliver(b"Subject: one more\n\n");
    assert_eq!(
        uidls(&*format.open())[..messages.len()],
        first[..],
        "UIDLs must be the same after mail has arrived"
    );
    let deleted = [2, 3, 7, 15];
    format.open().commit(MaildropUpdate::deleting(&deleted)).unwrap();
    let left = without(&first, &deleted);
    assert_eq!(
        uidls(&*format.open())[..left.len()],
        left[..],
        "UIDLs must be the same after others were deleted"
    );
}

fn removed_by_another_program<F: Format>() {
    let messages = small();
    let format = F::with(&refs(&messages));
    let mut maildrop = format.open();
    format.remove_behind_the_back(4);
    let gone = |error| matches!(error, FetchError::Vanished { .. } | FetchError::Changed { .. });
    match maildrop.fetch(5, 1) {
        Ok(bodies) => assert!(F::IS_COPY && read(&bodies[0]) == messages[4]),
        Err(error) => assert!(!F::IS_COPY && gone(error)),
    }
    assert_eq!(read(&maildrop.fetch(4, 8).unwrap()[0]), messages[3]);
    // Either everything that was there is removed, or nothing is and the error says so.
    let left = match maildrop.commit(MaildropUpdate::deleting(&[1, 5])) {
        Ok(()) => &messages[1..4],
        Err(error) => {
            assert!(matches!(error, CommitError::Changed { .. }));
            &messages[..4]
        }
    };
    assert_eq!(contents(&mut *format.open()), left);
}

fn a_missing_maildrop_is_empty<F: Format>() {
    let format = F::new();
    let location = format.location();
    let path = &location.path;
    if path.is_dir() {
        std::fs::remove_dir_all(path).unwrap();
    }
    let mut maildrop = format.open();
    assert_eq!(maildrop.count(), 0);
    assert!(maildrop.listing(1).is_none());
    assert!(matches!(maildrop.fetch(1, 1), Err(FetchError::NoSuchMessage { number: 1 })));
    maildrop.commit(MaildropUpdate::deleting(&[])).unwrap();
    assert!(!path.exists());
}

fn an_empty_maildrop<F: Format>() {
    let format = F::with(&refs(&small()));
    format.open().commit(MaildropUpdate::deleting(&[1, 2, 3, 4, 5])).unwrap();
    let maildrop = format.open();
    assert_eq!(maildrop.count(), 0);
    maildrop.commit(MaildropUpdate::deleting(&[])).unwrap();
    format.deliver(b"Subject: x\n\n");
    assert_eq!(format.open().count(), 1);
}

fn what_is_no_maildrop_is_left_alone<F: Format>() {
    let format = F::new();
    let location = format.location();
    let path = &location.path;
    if path.is_dir() {
        std::fs::remove_dir_all(path).unwrap();
    }
    let refused = |what: &str| {
        let error = format.place().opener().open(&location).err().expect(what);
        assert!(matches!(error, OpenError::NotAMaildrop { .. }), "{what}: {error}");
        assert!(error.to_string().contains("looked for"), "{error}");
    };
    for text in ["Dear diary,\n\nFrom here on\n", "\0\0\0\0", "From", "x"] {
        std::fs::write(path, text).unwrap();
        refused(text);
        assert_eq!(std::fs::read_to_string(path).unwrap(), text);
    }
    std::fs::remove_file(path).unwrap();
    std::fs::create_dir(path).unwrap();
    refused("a directory");
    std::fs::remove_dir(path).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::RWXU).unwrap();
    refused("a FIFO");
    std::fs::remove_file(path).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(path).unwrap();
    refused("a socket");
}

fn too_many_messages<F: Format>() {
    let format = F::with(&refs(&small()));
    for (limit, fits) in [(4, false), (5, true)] {
        let opener = format.place().opener_with(Settings { max_messages: limit, ..quick() });
        match opener.open(&format.location()) {
            Ok(maildrop) => assert!(fits && maildrop.count() == 5),
            Err(OpenError::TooManyMessages { limit: 4, .. }) => assert!(!fits),
            Err(error) => panic!("{error}"),
        };
    }
}

fn many_sessions_at_once<F: Format>() {
    let formats: Vec<F> = (0..4).map(|_| F::with(&refs(&small()))).collect();
    let opener = formats[0].place().opener();
    let locations: Vec<_> = formats.iter().map(Format::location).collect();
    std::thread::scope(|scope| {
        for location in &locations {
            scope.spawn(|| {
                for left in (1..=5).rev() {
                    let mut maildrop = opener.open(location).unwrap();
                    assert_eq!(contents(&mut *maildrop), small()[5 - left..]);
                    maildrop.commit(MaildropUpdate::deleting(&[1])).unwrap();
                }
            });
        }
    });
}

macro_rules! cases {
    ($format:ty: $($case:ident)*) => {
        $(#[test] fn $case() { super::$case::<$format>(); })*
    };
}

macro_rules! all_cases {
    ($format:ty) => {
        cases! { $format:
            octets_order_and_contents
            fetch_windows
            numbers_that_are_no_messages
            deletions
            deletions_of_every_kind_of_message
            mail_that_arrives_meanwhile
            messages_that_were_read
            what_was_read_is_written_down_only_if_it_is_asked_for
            nothing_changes_without_commit
            one_session_at_a_time
            uidls_are_unique_and_stay
            removed_by_another_program
            a_missing_maildrop_is_empty
            an_empty_maildrop
            what_is_no_maildrop_is_left_alone
            too_many_messages
            many_sessions_at_once
        }
    };
}

mod mbox {
    all_cases!(super::Mbox);
}

mod ram {
    all_cases!(super::Ram);
}

mod disk {
    all_cases!(super::Disk);
}

mod maildir {
    all_cases!(super::Maildir);
}
