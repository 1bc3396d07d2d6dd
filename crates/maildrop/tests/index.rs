//! The indexes: what is unchanged is not looked at, and no index, whatever it holds, makes a maildrop look
//! different.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use common::*;
use maildrop::{Maildrop, MaildropUpdate, Opener};
use proptest::prelude::*;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use vocabulary::Location;

/// Sees which files are opened and read.
struct Watch(OwnedFd);

impl Watch {
    fn new(paths: &[PathBuf], what: WatchFlags) -> Self {
        let watch = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
        for path in paths {
            inotify::add_watch(&watch, path, what).unwrap();
        }
        Self(watch)
    }

    /// What was done since the last call: the names of the files, empty for the watched file itself.
    fn seen(&self) -> Vec<String> {
        let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&self.0, &mut buffer);
        let mut names = Vec::new();
        while let Ok(event) = reader.next() {
            let name = event.file_name().map(|name| name.to_string_lossy().into_owned());
            names.push(name.unwrap_or_default());
        }
        names.sort();
        names.dedup();
        names
    }
}

/// Waits until the times of these files are old enough to prove anything.
fn let_settle(paths: &[&Path]) {
    for path in paths {
        let about = fs::metadata(path).unwrap();
        let changed =
            Duration::new(about.ctime().try_into().unwrap(), about.ctime_nsec().try_into().unwrap());
        let settled = SystemTime::UNIX_EPOCH + changed + Duration::from_millis(2001);
        while let Ok(left) = settled.duration_since(SystemTime::now()) {
            std::thread::sleep(left);
        }
    }
}

fn message(number: u32) -> Vec<u8> {
    format!("Subject: {number}\n\n{}", "a line\n".repeat(number as usize % 40)).into_bytes()
}

fn with<F: Format>(number: u32) -> F {
    let format = F::new();
    (1..=number).for_each(|number| format.deliver(&message(number)));
    format
}

/// What a client sees.
fn view(maildrop: &dyn Maildrop) -> Vec<(u64, String)> {
    let listings = (1..=maildrop.count()).map(|number| maildrop.listing(number).unwrap());
    listings.map(|listing| (listing.octets, listing.uidl.to_string())).collect()
}

/// What a client sees when there is no index at all.
fn fresh_view(location: &Location) -> Vec<(u64, String)> {
    let place = Place::new();
    let maildrop = place.opener().open(location).unwrap();
    view(&*maildrop)
}

/// The index files.
fn indexes(place: &Place) -> Vec<PathBuf> {
    let folder = fs::read_dir(place.path("state/index")).unwrap();
    folder.map(|entry| entry.unwrap().path()).collect()
}

/// How many octets this thread has read so far.
fn octets_read() -> u64 {
    let io = fs::read_to_string("/proc/thread-self/io").unwrap();
    io.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

#[test]
fn an_unchanged_maildir_is_not_even_listed() {
    let maildir: Maildir = with(30);
    let folders = ["new", "cur"].map(|folder| maildir.path().join(folder));
    let_settle(&[&folders[0], &folders[1]]);
    let opener = maildir.place().opener();
    let first = view(&*opener.open(&maildir.location()).unwrap());
    assert_eq!(indexes(maildir.place()).len(), 1);

    let watch = Watch::new(&folders, WatchFlags::OPEN | WatchFlags::ACCESS);
    assert_eq!(view(&*opener.open(&maildir.location()).unwrap()), first, "from memory");
    assert_eq!(view(&*maildir.open()), first, "by another process");
    assert_eq!(watch.seen(), [""; 0]);
    // The messages that it lists can be read.
    assert_eq!(contents(&mut *maildir.open())[29], message(30));
    assert_eq!(watch.seen().len(), 30);
}

#[test]
fn an_unchanged_mbox_is_neither_read_nor_locked() {
    let mbox: Mbox = with(30);
    let_settle(&[&mbox.path()]);
    let first = view(&*mbox.open());
    let read = Watch::new(&[mbox.path()], WatchFlags::ACCESS);
    let locked = Watch::new(&[mbox.place().folder.path().to_owned()], WatchFlags::CREATE);
    assert_eq!(view(&*mbox.open()), first);
    assert_eq!((read.seen(), locked.seen()), (vec![], vec![]));
    assert_eq!(contents(&mut *mbox.open())[29], message(30));
    assert!(!read.seen().is_empty());
}

#[test]
fn a_change_within_one_tick_of_the_clock_is_seen() {
    // Not settled: a change right afterwards is noticed, although the times may be the same.
    for _ in 0..50 {
        let maildir: Maildir = with(1);
        let opener = maildir.place().opener();
        assert_eq!(opener.open(&maildir.location()).unwrap().count(), 1);
        maildir.deliver(b"another\n");
        assert_eq!(opener.open(&maildir.location()).unwrap().count(), 2);

        let mbox: Mbox = with(2);
        let opener = mbox.place().opener();
        let before = view(&*opener.open(&mbox.location()).unwrap());
        let text = String::from_utf8(mbox.bytes()).unwrap().replace("Subject: 1", "Subject: x");
        let mut file = File::options().write(true).open(mbox.path()).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let now = view(&*opener.open(&mbox.location()).unwrap());
        assert_eq!(now, fresh_view(&mbox.location()));
        assert_ne!(now, before);
    }
}

#[test]
fn only_new_files_of_a_maildir_are_read() {
    let maildir: Maildir = with(30);
    let before = view(&*maildir.open());
    maildir.deliver(&message(31));
    let flagged = |name: &str| format!("{name}:2,S");
    let seen = "1700000004.M4P1.host";
    fs::rename(maildir.file("new", seen), maildir.file("cur", &flagged(seen))).unwrap();
    // Another file under a known name is another message, even if no program should do that.
    let replaced = "1700000009.M9P1.host";
    fs::write(maildir.file("tmp", replaced), "other\n").unwrap();
    fs::rename(maildir.file("tmp", replaced), maildir.file("new", replaced)).unwrap();
    fs::remove_file(maildir.file("new", "1700000001.M1P1.host")).unwrap();

    let folders = ["new", "cur"].map(|folder| maildir.path().join(folder));
    let watch = Watch::new(&folders, WatchFlags::ACCESS);
    let maildrop = maildir.open();
    let read: Vec<String> = watch.seen().into_iter().filter(|name| !name.is_empty()).collect();
    assert_eq!(read, [replaced, "1700000031.M31P1.host"]);
    let mut expected = before[1..].to_vec();
    expected[7].0 = 7;
    expected.push((on_the_wire(&message(31)).len() as u64, "1700000031.M31P1.host".into()));
    assert_eq!(view(&*maildrop), expected);
}

#[test]
fn what_may_change_without_a_trace_is_looked_at_each_time() {
    let maildir: Maildir = with(3);
    let outside = maildir.place().path("outside");
    fs::write(&outside, "short\n").unwrap();
    std::os::unix::fs::symlink(&outside, maildir.file("new", "1.link")).unwrap();
    let_settle(&[&maildir.path().join("new")]);
    assert_eq!(view(&*maildir.open())[0].0, 7);
    fs::write(&outside, "longer than before\n").unwrap();
    assert_eq!(view(&*maildir.open())[0].0, 20);
}

#[test]
fn a_message_changed_against_the_rules_is_read_anew_after_it_was_found_out() {
    let maildir: Maildir = with(3);
    let_settle(&[&maildir.path().join("new")]);
    maildir.open();
    fs::write(maildir.file("new", "1700000002.M2P1.host"), "as no program should\n").unwrap();
    assert!(maildir.open().fetch(2, 1).is_err());
    let mut maildrop = maildir.open();
    assert_eq!(content(&mut *maildrop, 2), b"as no program should\n");
    assert_eq!(maildrop.listing(2).unwrap().octets, 22);
}

#[test]
fn of_a_grown_mbox_only_what_was_added_is_read() {
    let mbox = Mbox::new();
    let large = [&b"Subject: large\n\n"[..], &b"0123456789abcde\n".repeat(10_000)].concat();
    let mut all: Vec<u8> = Vec::new();
    (0..100).for_each(|_| all.extend(delivered(&large)));
    all.extend(delivered(&message(1)));
    mbox.append(&all);
    let cost = || {
        let before = octets_read();
        let maildrop = mbox.open();
        let octets = octets_read() - before;
        (octets, view(&*maildrop))
    };
    let (octets, _) = cost();
    assert!(octets >= 16_000_000, "all of it the first time: {octets}");
    mbox.deliver(&message(2));
    let (octets, listed) = cost();
    assert!(octets < 1_000_000, "read {octets} octets");
    assert_eq!(listed, fresh_view(&mbox.location()));

    // Our own deletions leave an index that fits.
    mbox.open().commit(MaildropUpdate::deleting(&[3, 50, 102])).unwrap();
    let (octets, listed) = cost();
    assert!(octets < 1_000_000, "read {octets} octets");
    let sizes = |view: Vec<(u64, String)>| view.into_iter().map(|(octets, _)| octets).collect::<Vec<_>>();
    assert_eq!(sizes(listed), sizes(fresh_view(&mbox.location())));

    // Another program's deletions do not.
    mbox.remove_behind_the_back(40);
    (0..3).for_each(|_| mbox.append(&delivered(&large)));
    let (octets, listed) = cost();
    assert!(octets >= 16_000_000, "all of it again: {octets}");
    assert_eq!(listed.len(), 101);
}

#[test]
fn opening_costs_the_same_whatever_the_messages_weigh() {
    let costs = [1, 100].map(|weight| {
        let maildir = Maildir::new();
        let mbox = Mbox::new();
        for number in 0..20 {
            let body = format!("Subject: {number}\n\n{}", "a line of text\n".repeat(200 * weight));
            maildir.deliver(body.as_bytes());
            mbox.deliver(body.as_bytes());
        }
        let_settle(&[&maildir.path().join("new"), &mbox.path()]);
        drop((maildir.open(), mbox.open()));
        let opened = |format: &dyn Fn() -> Box<dyn Maildrop>| {
            let before = octets_read();
            format();
            octets_read() - before
        };
        [opened(&|| maildir.open()), opened(&|| mbox.open())]
    });
    // Except some digits of what /proc says about the octets themselves.
    for (light, heavy) in costs[0].iter().zip(costs[1]) {
        assert!(light.abs_diff(heavy) < 64, "{costs:?}");
    }
}

#[test]
fn equal_messages_keep_their_uidls_when_the_first_is_removed() {
    let mbox = Mbox::new();
    (0..4).for_each(|_| mbox.deliver(b"Subject: same\n\nsame\n"));
    let all = uidls(&*mbox.open());
    assert!(all[0].len() == 32 && all[1].ends_with("-2") && all[3].ends_with("-4"));
    mbox.open().commit(MaildropUpdate::deleting(&[1, 3])).unwrap();
    assert_eq!(uidls(&*mbox.open()), [&*all[1], &*all[3]]);
    // Even if the whole file must be read again.
    let text = String::from_utf8(mbox.bytes()).unwrap();
    fs::write(mbox.path(), text.replace("Subject: same\n", "Subject: same\nStatus: RO\n")).unwrap();
    assert_eq!(uidls(&*mbox.open()), [&*all[1], &*all[3]]);
    mbox.deliver(b"Subject: same\n\nsame\n");
    let now = uidls(&*mbox.open());
    assert_eq!(now[..2], [&*all[1], &*all[3]]);
    assert!(now[2].ends_with("-5"), "no client knows it: {}", now[2]);
}

#[test]
fn a_lost_or_damaged_index_changes_nothing() {
    fn case<F: Format>() {
        let format: F = with(20);
        format.open().commit(MaildropUpdate::deleting(&[3])).unwrap();
        let expected = view(&*format.open());
        let [path] = &indexes(format.place())[..] else { panic!("one index") };
        let whole = fs::read(path).unwrap();
        let mut flipped = whole.clone();
        flipped[200] ^= 4;
        let version = [b"mpopd index   2\n", &whole[16..]].concat();
        for damaged in [&[][..], &whole[..whole.len() / 2], &flipped, &version, &[0; 4096], b"garbage"] {
            fs::write(path, damaged).unwrap();
            assert_eq!(view(&*format.open()), expected);
            assert_eq!(fs::read(path).unwrap().len(), whole.len(), "made anew");
        }
        fs::remove_file(path).unwrap();
        assert_eq!(view(&*format.open()), expected);
        // Not even a folder in its place gets in the way.
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
        assert_eq!(view(&*format.open()), expected);
        assert_eq!(format.place().notices().len(), 1);
    }
    case::<Maildir>();
    case::<Mbox>();
}

#[test]
fn a_renamed_maildrop_keeps_its_index_and_its_successor_gets_none_of_it() {
    let maildir: Maildir = with(5);
    let mbox: Mbox = with(5);
    for (format, place) in [(&maildir.location(), maildir.place()), (&mbox.location(), mbox.place())] {
        let before = view(&*place.opener().open(format).unwrap());
        let elsewhere = place.path("elsewhere");
        fs::rename(&format.path, &elsewhere).unwrap();
        let moved = Location { storage: format.storage, path: elsewhere };
        assert_eq!(view(&*place.opener().open(&moved).unwrap()), before);
        assert_eq!(indexes(place).len(), 1);
        assert_eq!(place.opener().open(format).unwrap().count(), 0);
    }
    mbox.deliver(&message(9));
    assert_eq!(view(&*mbox.open()), fresh_view(&mbox.location()));
}

/// Something that happens to a maildrop.
#[derive(Debug, Clone)]
enum Event {
    Deliver(u32),
    /// A session removes some messages: a bit for each.
    Session(u32),
    /// Another program removes a message.
    Removed(usize),
    /// A very old index comes back.
    OldIndex(usize),
    LoseIndex,
    NewProcess,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (0u32..6).prop_map(Event::Deliver),
        3 => any::<u32>().prop_map(Event::Session),
        1 => (0usize..8).prop_map(Event::Removed),
        2 => (0usize..8).prop_map(Event::OldIndex),
        1 => Just(Event::LoseIndex),
        2 => Just(Event::NewProcess),
    ];
    prop::collection::vec(event, 1..25)
}

/// Runs the events, and compares after each one with a view that knows no index.
fn whatever_happens<F: Format>(events: &[Event]) -> Result<(), TestCaseError> {
    let format = F::new();
    let mut opener: Opener = format.place().opener();
    let mut old: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    for event in events {
        match event {
            Event::Deliver(number) => format.deliver(&message(*number)),
            Event::Session(mask) => {
                let maildrop = opener.open(&format.location()).unwrap();
                let deleted: Vec<u32> =
                    (1..=maildrop.count()).filter(|number| mask >> (number % 32) & 1 == 1).collect();
                maildrop.commit(MaildropUpdate::deleting(&deleted)).unwrap();
            }
            Event::Removed(index) => {
                let count = fresh_view(&format.location()).len();
                if count > 0 {
                    format.remove_behind_the_back(index % count);
                }
            }
            Event::OldIndex(index) => {
                if let Some((path, octets)) = old.get(*index) {
                    fs::write(path, octets).unwrap();
                    opener = format.place().opener();
                }
            }
            Event::LoseIndex => {
                indexes(format.place()).iter().for_each(|path| fs::remove_file(path).unwrap());
                opener = format.place().opener();
            }
            Event::NewProcess => opener = format.place().opener(),
        }
        let fresh = fresh_view(&format.location());
        let mut maildrop = opener.open(&format.location()).unwrap();
        let seen = view(&*maildrop);
        // Only the index may know which of several equal messages one is.
        let plain = |view: &[(u64, String)]| -> Vec<(u64, String)> {
            view.iter().map(|(octets, uidl)| (*octets, uidl.split('-').next().unwrap().to_owned())).collect()
        };
        prop_assert_eq!(plain(&seen), plain(&fresh), "after {:?}", event);
        let mut unique: Vec<_> = seen.iter().map(|(_, uidl)| uidl).collect();
        unique.sort();
        unique.dedup();
        prop_assert_eq!(unique.len(), seen.len());
        for (message, (octets, _)) in contents(&mut *maildrop).iter().zip(&seen) {
            prop_assert_eq!(on_the_wire(message).len() as u64, *octets);
        }
        old.extend(indexes(format.place()).into_iter().map(|path| (path.clone(), fs::read(path).unwrap())));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_index_makes_an_mbox_look_different(events in events()) {
        whatever_happens::<Mbox>(&events)?;
    }

    #[test]
    fn no_index_makes_a_maildir_look_different(events in events()) {
        whatever_happens::<Maildir>(&events)?;
    }
}

#[test]
fn the_descriptor_of_a_watch_is_of_use() {
    // Without this, a watch that sees nothing would let the tests above pass.
    let maildir: Maildir = with(1);
    let watch = Watch::new(&[maildir.path().join("new")], WatchFlags::OPEN | WatchFlags::ACCESS);
    assert!(watch.0.as_fd().try_clone_to_owned().is_ok());
    fs::read_dir(maildir.path().join("new")).unwrap().for_each(drop);
    assert_eq!(watch.seen(), [""]);
}
