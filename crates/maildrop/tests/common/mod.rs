//! Mailboxes of each kind for the tests, and a client's view of them.
// Not every test uses everything here, and a panic is how a test fails.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::cell::Cell;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use maildrop::{Maildrop, Opener, Settings};
use tempfile::TempDir;
use vocabulary::{Location, LockMethod, Storage};

/// The start line that our delivery agent writes. It is always the same, so that equal messages are equal.
pub const START: &str = "From sender@example.org Mon Nov 23 10:00:00 2026\n";

/// A mailbox as delivery agents and other programs see it.
pub trait Format {
    fn new() -> Self;
    fn place(&self) -> &Place;
    fn location(&self) -> Location;
    /// Delivers one message, which must end in a line feed or be empty.
    fn deliver(&self, message: &[u8]);
    /// Whether sessions read a copy, which no other program can change.
    const IS_COPY: bool = false;
    /// Whether the maildrop can record that a message was read.
    const MARKS_READ: bool = true;
    /// Removes the message at `index` as another program would.
    fn remove_behind_the_back(&self, index: usize);

    fn with(messages: &[&[u8]]) -> Self
    where
        Self: Sized,
    {
        let format = Self::new();
        for message in messages {
            format.deliver(message);
        }
        format
    }

    fn open(&self) -> Box<dyn Maildrop> {
        self.place().opener().open(&self.location()).unwrap()
    }
}

/// A temporary folder with a state folder in it, and the notices so far.
pub struct Place {
    pub folder: TempDir,
    pub notices: Arc<Mutex<Vec<String>>>,
}

impl Place {
    pub fn new() -> Self {
        // In memory where that is possible: these tests wait for thousands of fsyncs.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        for name in ["state", "spool"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder, notices: Arc::default() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A fresh opener, like that of another process.
    pub fn opener(&self) -> Opener {
        self.opener_with(quick())
    }

    pub fn opener_with(&self, settings: Settings) -> Opener {
        let state = File::open(self.path("state")).unwrap();
        let notices = Arc::clone(&self.notices);
        Opener::new(settings, state.into(), move |notice| notices.lock().unwrap().push(notice.to_string()))
            .unwrap()
            .with_spool(File::open(self.path("spool")).unwrap().into())
    }

    /// The notices since the last call.
    pub fn notices(&self) -> Vec<String> {
        std::mem::take(&mut self.notices.lock().unwrap())
    }
}

/// The default settings, with no waiting for locks.
pub fn quick() -> Settings {
    Settings {
        lock_methods: vec![LockMethod::Dotlock, LockMethod::Fcntl, LockMethod::Flock],
        retry_on_lock: 1,
        retry_pause: Duration::ZERO,
        ..Settings::default()
    }
}

pub struct Mbox {
    place: Place,
}

impl Mbox {
    pub fn path(&self) -> PathBuf {
        self.place.path("mbox")
    }

    pub fn bytes(&self) -> Vec<u8> {
        fs::read(self.path()).unwrap()
    }

    pub fn append(&self, bytes: &[u8]) {
        let mut file = File::options().append(true).create(true).open(self.path()).unwrap();
        file.write_all(bytes).unwrap();
    }

    /// An mbox that holds exactly `bytes`.
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        let mbox = Self::new();
        mbox.append(bytes.as_ref());
        mbox
    }
}

/// What our delivery agent appends to an mbox for a message.
pub fn delivered(message: &[u8]) -> Vec<u8> {
    [START.as_bytes(), message, b"\n"].concat()
}

impl Format for Mbox {
    fn new() -> Self {
        Self { place: Place::new() }
    }

    fn place(&self) -> &Place {
        &self.place
    }

    fn location(&self) -> Location {
        Location { storage: Storage::Mbox, path: self.path() }
    }

    fn deliver(&self, message: &[u8]) {
        self.append(&delivered(message));
    }

    fn remove_behind_the_back(&self, index: usize) {
        let text = String::from_utf8(self.bytes()).unwrap();
        let mut parts: Vec<&str> = text.split(START).skip(1).collect();
        parts.remove(index);
        let left: String = parts.iter().flat_map(|part| [START, part]).collect();
        fs::write(self.path(), left).unwrap();
    }
}

/// The kinds of maildrop that serve an mbox from elsewhere.
macro_rules! copies_of_mbox {
    ($($name:ident)*) => {
        $(pub struct $name(pub Mbox);

        impl Format for $name {
            const IS_COPY: bool = true;

            fn new() -> $name {
                $name(Mbox::new())
            }

            fn place(&self) -> &Place {
                self.0.place()
            }

            fn location(&self) -> Location {
                Location { storage: Storage::$name, path: self.0.path() }
            }

            fn deliver(&self, message: &[u8]) {
                self.0.deliver(message);
            }

            fn remove_behind_the_back(&self, index: usize) {
                self.0.remove_behind_the_back(index);
            }
        })*
    };
}

copies_of_mbox!(Ram Disk);

pub struct Maildir {
    place: Place,
    delivered: Cell<u32>,
}

impl Maildir {
    pub fn path(&self) -> PathBuf {
        self.place.path("Maildir")
    }

    /// The path of the file `name` in the folder `folder`.
    pub fn file(&self, folder: &str, name: &str) -> PathBuf {
        self.path().join(folder).join(name)
    }

    /// All files in both folders, in order of name.
    pub fn files(&self) -> Vec<String> {
        let mut names = Vec::new();
        for folder in ["new", "cur"] {
            for entry in fs::read_dir(self.path().join(folder)).unwrap() {
                names.push(format!("{folder}/{}", entry.unwrap().file_name().to_string_lossy()));
            }
        }
        names.sort();
        names
    }
}

impl Format for Maildir {
    const MARKS_READ: bool = false;

    fn new() -> Self {
        let maildir = Self { place: Place::new(), delivered: Cell::new(0) };
        for folder in ["tmp", "new", "cur"] {
            fs::create_dir_all(maildir.path().join(folder)).unwrap();
        }
        maildir
    }

    fn place(&self) -> &Place {
        &self.place
    }

    fn location(&self) -> Location {
        Location { storage: Storage::Maildir, path: self.path() }
    }

    fn deliver(&self, message: &[u8]) {
        let number = self.delivered.get() + 1;
        self.delivered.set(number);
        let name = format!("{}.M{number}P1.host", 1_700_000_000 + number);
        fs::write(self.file("tmp", &name), message).unwrap();
        fs::rename(self.file("tmp", &name), self.file("new", &name)).unwrap();
    }

    fn remove_behind_the_back(&self, index: usize) {
        fs::remove_file(self.path().join(&self.files()[index])).unwrap();
    }
}

/// All messages as stored, fetched one by one.
pub fn contents(maildrop: &mut dyn Maildrop) -> Vec<Vec<u8>> {
    (1..=maildrop.count()).map(|number| content(maildrop, number)).collect()
}

/// One message as stored.
pub fn content(maildrop: &mut dyn Maildrop, number: u32) -> Vec<u8> {
    let bodies = maildrop.fetch(number, 1).unwrap();
    assert_eq!(bodies.len(), 1);
    read(&bodies[0])
}

/// What a body holds.
pub fn read(body: &maildrop::StoredMessage) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(body.length).unwrap()];
    body.source.read_exact_at(&mut bytes, body.offset).unwrap();
    bytes
}

/// What a client would receive, before dot-stuffing, octet by octet.
pub fn on_the_wire(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for &byte in message {
        if byte == b'\n' && out.last() != Some(&b'\r') {
            out.push(b'\r');
        }
        out.push(byte);
    }
    if !message.is_empty() && !message.ends_with(b"\n") {
        out.extend(b"\r\n");
    }
    out
}

pub fn uidls(maildrop: &dyn Maildrop) -> Vec<String> {
    (1..=maildrop.count()).map(|number| maildrop.listing(number).unwrap().uidl.to_string()).collect()
}

/// A tree of files, to check that nothing has changed. The file of the session locks, which is always empty,
/// and the indexes, which are no mail, are left out.
pub fn snapshot(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    if folder.is_file() {
        return vec![(folder.to_owned(), fs::read(folder).unwrap())];
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("state/index") {
            continue;
        }
        if path.is_dir() {
            files.extend(snapshot(&path));
        } else if !path.ends_with("state/sessions.lock") {
            files.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}
