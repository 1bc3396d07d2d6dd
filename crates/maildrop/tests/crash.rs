//! The machine stops after any operation of an update, and the disk may or may not hold what was not synced.
//!
//! Every state that [`crash`] allows is put in place and opened: all messages that were not deleted are there
//! once and in order, each deleted message is there or is gone, and no index makes a maildrop look different.
//! While that is repaired, the machine stops again.
//!
//! If there are too many states, some are picked at random: CRASH_SEED picks other ones, and CRASH_STATES
//! sets how many are tried after each operation.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/crash.rs"]
mod crash;

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::*;
use crash::{Chance, Crash, Image, Inode, Op, Recorder, append};
use maildrop::{MaildropUpdate, Opener, Settings};
use vocabulary::{Location, LockMethod};

/// The smallest unit that a disk writes, and the one that the kernel writes, in octets.
const BLOCKS: [usize; 2] = [512, 4096];
const DELETIONS: [&[u32]; 7] = [&[1], &[3], &[5], &[1, 3], &[2, 5], &[1, 2, 3, 4], &[1, 2, 3, 4, 5]];
/// Updates that mark messages as read. The mailbox grows, or becomes shorter by less than a marker needs, or
/// by more.
const READINGS: [MaildropUpdate<'static>; 6] = [
    MaildropUpdate { deleted: &[], read: &[1] },
    MaildropUpdate { deleted: &[], read: &[5] },
    MaildropUpdate { deleted: &[], read: &[1, 2, 3, 4, 5] },
    MaildropUpdate { deleted: &[3], read: &[1, 2, 5] },
    MaildropUpdate { deleted: &[3], read: &[5] },
    MaildropUpdate { deleted: &[1, 5], read: &[1, 2, 4] },
];

fn chance() -> Chance {
    let seed = std::env::var("CRASH_SEED").map_or(1, |seed| seed.parse().expect("CRASH_SEED is a number"));
    println!("CRASH_SEED={seed}");
    Chance(seed)
}

/// How many states are tried after each operation.
fn most(usual: usize) -> usize {
    std::env::var("CRASH_STATES").map_or(usual, |most| most.parse().expect("CRASH_STATES is a number"))
}

fn message(number: u32, weight: usize) -> Vec<u8> {
    let line = format!("line of {number}\n");
    let lines = match number {
        // So short that the marks of the others outweigh it.
        3 => 0,
        _ => (number as usize % 4 + 1) * weight,
    };
    format!("Subject: {number}\n{}\n{}", if number == 4 { "Status: O\n" } else { "" }, line.repeat(lines))
        .into_bytes()
}

/// The same, marked as read.
fn marked(number: u32, weight: usize) -> Vec<u8> {
    let text = String::from_utf8(message(number, weight)).unwrap();
    match number {
        4 => text.replace("Status: O", "Status: RO"),
        _ => format!("Status: RO\n{text}"),
    }
    .into_bytes()
}

/// Locks that leave no files, which are tested elsewhere.
fn opener(place: &Place) -> Opener {
    place.opener_with(Settings { lock_methods: vec![LockMethod::Fcntl], status_header: true, ..quick() })
}

/// What a client sees, except the numbers of equal messages.
fn view(opener: &Opener, location: &Location) -> Vec<(u64, String)> {
    let maildrop = opener.open(location).unwrap();
    let listings = (1..=maildrop.count()).map(|number| maildrop.listing(number).unwrap());
    listings.map(|listing| (listing.octets, listing.uidl.to_string())).collect()
}

/// A message, and what an update may have done with it.
struct Expected {
    /// What it may hold.
    contents: Vec<Vec<u8>>,
    fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    There,
    ThereOrGone,
    Gone,
}

/// Checks what is there now.
fn check(place: &Place, location: &Location, expected: &[Expected], what: &dyn Fn() -> String) {
    let opener = opener(place);
    let mut maildrop = opener.open(location).unwrap_or_else(|error| panic!("{error}: {}", what()));
    let there = contents(&mut *maildrop);
    drop(maildrop);
    let mut rest = there.as_slice();
    for (number, Expected { contents, fate }) in (1..).zip(expected) {
        let is_there = rest.first().is_some_and(|first| contents.contains(first));
        if is_there {
            rest = &rest[1..];
        }
        let right = match fate {
            Fate::There => is_there,
            Fate::ThereOrGone => true,
            Fate::Gone => !is_there,
        };
        assert!(right, "message {number} is there: {is_there}, expected {fate:?}: {}", what());
    }
    assert!(rest.is_empty(), "{} messages too many: {}", rest.len(), what());
    let elsewhere = Place::new();
    assert_eq!(view(&opener, location), view(&elsewhere.opener(), location), "{}", what());
    let journals = fs::read_dir(place.path("state/journal")).unwrap().count();
    assert_eq!(journals, 0, "a journal is left: {}", what());
}

// ---- mbox ----

/// When mail arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arrival {
    Never,
    /// Before the session, by an agent that does not sync.
    Before,
    /// During the session.
    During,
    /// From an agent that honours none of our locks, before the operation with this number.
    InBetween(usize),
    /// After the crash.
    After,
}

struct MboxCase {
    mbox: Mbox,
    weight: usize,
    update: MaildropUpdate<'static>,
    arrival: Arrival,
    block: usize,
}

/// What an update did, and to what.
struct Recorded {
    durable: Image,
    log: Vec<Op>,
}

impl MboxCase {
    fn new(update: MaildropUpdate<'static>, arrival: Arrival, block: usize) -> Self {
        // Several blocks of either size.
        Self::of_weight(block / 25, update, arrival, block)
    }

    fn of_weight(weight: usize, update: MaildropUpdate<'static>, arrival: Arrival, block: usize) -> Self {
        let messages: Vec<_> = (1..=5).map(|number| message(number, weight)).collect();
        let mbox = Mbox::with(&messages.iter().map(Vec::as_slice).collect::<Vec<_>>());
        // There is an index from an earlier session.
        opener(mbox.place()).open(&mbox.location()).unwrap();
        Self { mbox, weight, update, arrival, block }
    }

    fn folders(&self) -> [PathBuf; 2] {
        ["state/journal", "state/index"].map(|name| self.mbox.place().path(name))
    }

    fn image(&self) -> Image {
        let [journals, indexes] = self.folders();
        Image::of(&[&self.mbox.path()], &[&journals, &indexes])
    }

    fn inode(&self) -> Inode {
        fs::metadata(self.mbox.path()).unwrap().ino()
    }

    fn run(&self) -> Recorded {
        let durable = self.image();
        let late = delivered(&message(6, self.weight));
        let path = self.mbox.path();
        let recorder = Arc::new(match self.arrival {
            Arrival::InBetween(at) => Recorder::with_event(at, move || append(&path, &late, true)),
            _ => Recorder::default(),
        });
        let late = delivered(&message(6, self.weight));
        if self.arrival == Arrival::Before {
            recorder.add(append(&self.mbox.path(), &late, false));
        }
        let opener = opener(self.mbox.place()).with_disk(Arc::clone(&recorder) as _);
        let maildrop = opener.open(&self.mbox.location()).unwrap();
        if self.arrival == Arrival::During {
            recorder.add(append(&self.mbox.path(), &late, true));
        }
        maildrop.commit(self.update).unwrap();
        Recorded { durable, log: recorder.log() }
    }

    /// Whether the message that arrived is on the disk, or lost, after these operations; `None` if both are
    /// possible.
    fn arrived(&self, log: &[Op]) -> Option<bool> {
        let late = delivered(&message(6, self.weight));
        let written = log.iter().position(|op| matches!(op, Op::Write { bytes, .. } if *bytes == late));
        let Some(written) = written else { return Some(false) };
        let mailbox = self.inode();
        let synced = log[written..].iter().any(|op| matches!(op, Op::Sync { what } if *what == mailbox));
        synced.then_some(true)
    }

    fn put(&self, image: &Image) {
        fs::write(self.mbox.path(), &image.files[&self.inode()]).unwrap();
        self.folders().iter().for_each(|folder| image.restore_dir(folder));
    }

    fn expected(&self, arrived: bool, completed: bool) -> Vec<Expected> {
        let MaildropUpdate { deleted, read } = self.update;
        let fate = |number: u32| match (deleted.contains(&number), completed) {
            (false, _) => Fate::There,
            (true, false) => Fate::ThereOrGone,
            (true, true) => Fate::Gone,
        };
        let mut numbers: Vec<u32> = (1..=5).collect();
        numbers.extend(arrived.then_some(6));
        numbers.extend((self.arrival == Arrival::After).then_some(7));
        let contents = |number: u32| {
            let (plain, marked) = (message(number, self.weight), marked(number, self.weight));
            match (read.contains(&number), completed, self.arrival) {
                (false, ..) => vec![plain],
                (true, true, Arrival::InBetween(_)) | (true, false, _) => vec![plain, marked],
                (true, true, _) => vec![marked],
            }
        };
        let expected = |&number: &u32| Expected { contents: contents(number), fate: fate(number) };
        numbers.iter().map(expected).collect()
    }

    /// Checks the mailbox in the state `image`, and sometimes what happens when the machine stops again.
    fn check(&self, image: &Image, expected: &[Expected], what: &str, again: bool, chance: &mut Chance) {
        let what = format!("{:?}, {:?}, blocks of {}, {what}", self.update, self.arrival, self.block);
        let [journals, _] = self.folders();
        let about = || format!("{what}, journals: {}", crash::describe(image, &journals));
        let late = delivered(&message(7, self.weight));
        let (place, location) = (self.mbox.place(), self.mbox.location());
        self.put(image);
        if self.arrival == Arrival::After {
            append(&self.mbox.path(), &late, true);
        }
        if !again || image.names(&journals).is_empty() {
            return check(place, &location, expected, &about);
        }
        let durable = self.image();
        let recorder = Arc::new(Recorder::default());
        let repairing = opener(place).with_disk(Arc::clone(&recorder) as _);
        repairing.open(&location).unwrap_or_else(|error| panic!("{error}: {}", about()));
        let log = recorder.log();
        for stop in 0..=log.len() {
            for image in Crash::after(&durable, &log[..stop], self.block).images(4, chance) {
                self.put(&image);
                check(place, &location, expected, &|| format!("{}, again after {stop} of {log:?}", about()));
            }
        }
    }

    fn enumerate(&self, most: usize, chance: &mut Chance) -> usize {
        let Recorded { durable, log } = self.run();
        let mut seen = HashSet::new();
        for stop in 0..=log.len() {
            let Some(arrived) = self.arrived(&log[..stop]) else { continue };
            let completed = stop == log.len();
            let expected = self.expected(arrived, completed);
            for image in Crash::after(&durable, &log[..stop], self.block).images(most, chance) {
                let what =
                    format!("after {stop} of {} operations, the last {:?}", log.len(), log[..stop].last());
                if seen.insert((image.digest(), arrived, completed)) {
                    let again = chance.below(8) == 0;
                    self.check(&image, &expected, &what, again, chance);
                }
            }
        }
        seen.len()
    }
}

fn mbox_crashes(arrival: Arrival) {
    mbox_crashes_of(&DELETIONS.map(MaildropUpdate::deleting), arrival, most(40));
}

fn mbox_crashes_of(updates: &[MaildropUpdate<'static>], arrival: Arrival, most: usize) {
    let mut chance = chance();
    let mut images = 0;
    for block in BLOCKS {
        for &update in updates {
            images += MboxCase::new(update, arrival, block).enumerate(most, &mut chance);
        }
    }
    println!("{images} images");
    assert!(images > 500, "{images}");
}

#[test]
fn an_mbox_survives_a_crash() {
    mbox_crashes(Arrival::Never);
}

#[test]
fn an_mbox_survives_a_crash_with_mail_of_a_careless_agent() {
    mbox_crashes(Arrival::Before);
}

#[test]
fn an_mbox_survives_a_crash_with_mail_during_the_session() {
    mbox_crashes(Arrival::During);
}

#[test]
fn an_mbox_survives_a_crash_before_more_mail() {
    mbox_crashes(Arrival::After);
}

#[test]
fn an_mbox_survives_a_crash_while_messages_are_marked() {
    mbox_crashes_of(&READINGS, Arrival::Never, most(8));
}

#[test]
fn an_mbox_survives_a_crash_while_messages_are_marked_with_mail_of_a_careless_agent() {
    mbox_crashes_of(&READINGS, Arrival::Before, most(8));
}

#[test]
fn an_mbox_survives_a_crash_while_messages_are_marked_with_mail_during_the_session() {
    mbox_crashes_of(&READINGS, Arrival::During, most(8));
}

#[test]
fn an_mbox_survives_a_crash_while_messages_are_marked_before_more_mail() {
    mbox_crashes_of(&READINGS, Arrival::After, most(8));
}

/// Then the marker shares no block with the tail, and either may be on the disk without the other.
#[test]
fn an_mbox_survives_a_crash_where_it_is_to_end_with_a_block() {
    let mut chance = chance();
    let block = BLOCKS[0];
    let mut cases = 0;
    for deleted in DELETIONS {
        let kept = (1..=5).filter(|number| !deleted.contains(number));
        let end =
            |weight| kept.clone().map(|number| delivered(&message(number, weight)).len()).sum::<usize>();
        if let Some(weight) = (1..150).find(|&weight| end(weight) > 0 && end(weight) % block == 0) {
            let update = MaildropUpdate::deleting(deleted);
            MboxCase::of_weight(weight, update, Arrival::Never, block).enumerate(most(40), &mut chance);
            cases += 1;
        }
    }
    assert!(cases > 1, "{cases}");
}

#[test]
fn an_mbox_survives_an_agent_without_locks_and_a_crash() {
    let mut chance = chance();
    for update in [MaildropUpdate::deleting(&[2, 4]), READINGS[4]] {
        let quiet = MboxCase::new(update, Arrival::Never, BLOCKS[0]).run();
        let cut = quiet.log.iter().position(|op| matches!(op, Op::Truncate { .. })).unwrap();
        // Nothing can be done between the last look at the size and the cut: that agent's mail is lost. This
        // is why there are locks.
        for at in (0..quiet.log.len()).filter(|&at| at != cut) {
            MboxCase::new(update, Arrival::InBetween(at), BLOCKS[0]).enumerate(1, &mut chance);
        }
    }
}

// ---- Maildir ----

/// A Maildir whose files can be put where an image says, as the same files.
struct MaildirCase {
    maildir: Maildir,
    /// The name in the folder `kept` of each file.
    kept: BTreeMap<Inode, PathBuf>,
}

impl MaildirCase {
    fn new() -> Self {
        let messages: Vec<_> = (1..=5).map(|number| message(number, 2)).collect();
        let maildir = Maildir::with(&messages.iter().map(Vec::as_slice).collect::<Vec<_>>());
        for name in ["1700000002.M2P1.host", "1700000004.M4P1.host"] {
            fs::rename(maildir.file("new", name), maildir.file("cur", &format!("{name}:2,S"))).unwrap();
        }
        let folder = maildir.place().path("kept");
        fs::create_dir(&folder).unwrap();
        let mut kept = BTreeMap::new();
        for (number, file) in maildir.files().iter().enumerate() {
            let name = folder.join(number.to_string());
            fs::hard_link(maildir.path().join(file), &name).unwrap();
            kept.insert(fs::metadata(&name).unwrap().ino(), name);
        }
        opener(maildir.place()).open(&maildir.location()).unwrap();
        Self { maildir, kept }
    }

    fn folders(&self) -> [PathBuf; 3] {
        let indexes = self.maildir.place().path("state/index");
        [self.maildir.path().join("new"), self.maildir.path().join("cur"), indexes]
    }

    fn image(&self) -> Image {
        let folders = self.folders();
        Image::of(&[], &folders.each_ref().map(PathBuf::as_path))
    }

    fn put(&self, image: &Image) {
        let [new, cur, indexes] = self.folders();
        for folder in [&new, &cur] {
            let there = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            there.for_each(|path| fs::remove_file(path).unwrap());
            for (name, inode) in image.names(folder) {
                fs::hard_link(&self.kept[inode], folder.join(name)).unwrap();
            }
        }
        image.restore_dir(&indexes);
    }
}

#[test]
fn a_maildir_survives_a_crash() {
    let mut chance = chance();
    for deleted in DELETIONS {
        let case = MaildirCase::new();
        let (place, location) = (case.maildir.place(), case.maildir.location());
        let durable = case.image();
        let recorder = Arc::new(Recorder::default());
        let opener = opener(place).with_disk(Arc::clone(&recorder) as _);
        opener.open(&location).unwrap().commit(MaildropUpdate::deleting(deleted)).unwrap();
        // The next session's index is written, but not synced.
        let index_of_all = opener.open(&location).unwrap().count();
        assert_eq!(usize::try_from(index_of_all).unwrap(), 5 - deleted.len());
        let log = recorder.log();
        let committed = log.iter().rposition(|op| matches!(op, Op::Sync { .. })).unwrap() + 1;
        for stop in 0..=log.len() {
            let expected = (1..=5).map(|number| Expected {
                contents: vec![message(number, 2)],
                fate: match deleted.contains(&number) {
                    false => Fate::There,
                    true if stop < committed => Fate::ThereOrGone,
                    true => Fate::Gone,
                },
            });
            let expected: Vec<_> = expected.collect();
            for image in Crash::after(&durable, &log[..stop], BLOCKS[0]).images(64, &mut chance) {
                case.put(&image);
                check(place, &location, &expected, &|| format!("{deleted:?}, after {stop} of {log:?}"));
            }
        }
    }
}

/// Proves that the model is worth something: without a sync, a write and a rename can be lost, torn and
/// exchanged.
#[test]
fn the_model_loses_what_was_not_synced() {
    let place = Place::new();
    let folder = place.path("state");
    let recorder = Recorder::default();
    let durable = Image::of(&[], &[&folder]);
    {
        use maildrop::Disk;
        let dir = fs::File::open(&folder).unwrap();
        let dir = std::os::fd::AsFd::as_fd(&dir);
        let file = recorder.create(dir, Path::new("draft")).unwrap();
        recorder.write_at(&file, &[1; 1024], 0).unwrap();
        recorder.rename(dir, Path::new("draft"), Path::new("name")).unwrap();
    }
    let images = Crash::after(&durable, &recorder.log(), 512).images(1000, &mut chance());
    let found = |name: &str| -> HashSet<Option<Vec<u8>>> {
        let of =
            |image: &Image| image.names(&folder).get(Path::new(name)).map(|file| image.files[file].clone());
        images.iter().map(of).collect()
    };
    let torn = [[1; 512], [0; 512]].concat();
    for name in ["draft", "name"] {
        let found = found(name);
        assert!(found.contains(&None) && found.contains(&Some(vec![])));
        assert!(found.contains(&Some(vec![1; 1024])) && found.contains(&Some(torn.clone())));
    }
    assert_eq!(images.len(), 15);
}
