//! What the fuzz targets share.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::Duration;

use maildrop::{Opener, Settings, StoredMessage};
use tempfile::TempDir;
use vocabulary::LockMethod;

/// What a target is fed: some octets that say how the rest is used, and that rest.
pub struct Input<'a> {
    pub control: &'a [u8],
    pub content: &'a [u8],
}

impl<'a> Input<'a> {
    /// The first `length` octets are for control; nothing when there are fewer.
    pub fn new(data: &'a [u8], length: usize) -> Option<Self> {
        let (control, content) = data.split_at_checked(length)?;
        Some(Self { control, content })
    }
}

/// Cuts octets into chunks whose lengths are those of `sizes` in turn, each from 1 to 256.
pub fn chunks<'a>(octets: &'a [u8], sizes: &[u8]) -> Vec<&'a [u8]> {
    let (mut rest, mut found) = (octets, Vec::new());
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (chunk, tail) = rest.split_at((usize::from(*size) + 1).min(rest.len()));
        found.push(chunk);
        rest = tail;
    }
    found
}

/// A folder in memory with a state folder in it.
pub struct Place {
    folder: TempDir,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
        std::fs::create_dir(folder.path().join("state")).expect("a state folder");
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A fresh opener, like that of another process.
    pub fn opener(&self, settings: Settings) -> Opener {
        let state = File::open(self.path("state")).expect("the state folder");
        Opener::new(settings, state.into(), |_| ()).expect("an opener")
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

/// The default settings, with no waiting for locks.
pub fn quick() -> Settings {
    Settings {
        lock_methods: vec![LockMethod::Fcntl],
        retry_on_lock: 1,
        retry_pause: Duration::ZERO,
        ..Settings::default()
    }
}

/// What a client has after RETR of this body.
pub fn received(body: &StoredMessage) -> Vec<u8> {
    let mut stored = vec![0; body.length as usize];
    body.source.read_exact_at(&mut stored, body.offset).expect("the message");
    on_wire(&[&body.prefix[..], &stored].concat())
}

/// What a client has after RETR, octet by octet: each line ended by CRLF, a missing last end added.
pub fn on_wire(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut before = b'\n';
    for &octet in message {
        if octet == b'\n' && before != b'\r' {
            out.push(b'\r');
        }
        out.push(octet);
        before = octet;
    }
    if before != b'\n' {
        out.extend(b"\r\n");
    }
    out
}
