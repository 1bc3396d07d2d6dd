//! Mailboxes on disk: delivering messages into them, and comparing them afterwards.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::Message;
use super::messages::Random;

/// The two mailbox formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Mbox,
    Maildir,
}

impl Format {
    pub(crate) const BOTH: [Self; 2] = [Self::Mbox, Self::Maildir];

    /// Creates the mailbox `path` with these messages, in this order.
    pub(crate) fn deliver(self, path: &Path, messages: &[Message]) {
        match self {
            Self::Mbox => deliver_mbox(path, messages),
            Self::Maildir => deliver_maildir(path, messages),
        }
    }
}

/// Adds a message to an mbox the way a delivery agent does: a From_ line, the text, a blank line.
pub(crate) fn append_mbox(path: &Path, message: &Message) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).expect("an mbox");
    let newline = if message.0.ends_with(b"\n") { "" } else { "\n" };
    let entry = [FROM_LINE, &message.0, newline.as_bytes(), b"\n"].concat();
    file.write_all(&entry).expect("delivering to an mbox");
}

/// Adds a message to a Maildir: written to tmp/, moved to new/.
pub(crate) fn add_to_maildir(path: &Path, number: usize, message: &Message) {
    // The times have the same number of digits, so the order of names is the order of delivery.
    let name = format!("{}.M{number:06}P1.host", 1_700_000_000 + number);
    fs::write(path.join("tmp").join(&name), &message.0).expect("delivering to a Maildir");
    fs::rename(path.join("tmp").join(&name), path.join("new").join(&name)).expect("delivering to a Maildir");
}

/// Every file below a folder with its contents, and every folder.
#[derive(PartialEq, Eq, Clone)]
pub(crate) struct Snapshot(BTreeMap<PathBuf, Option<Vec<u8>>>);

impl Snapshot {
    pub(crate) fn of(folder: &Path) -> Self {
        let mut found = BTreeMap::new();
        collect(folder, folder, &mut found);
        Self(found)
    }

    /// The paths, relative to the folder, that differ in `after`.
    pub(crate) fn changed(&self, after: &Self) -> Vec<PathBuf> {
        let keys = self.0.keys().chain(after.0.keys().filter(|key| !self.0.contains_key(*key)));
        keys.filter(|key| self.0.get(*key) != after.0.get(*key)).cloned().collect()
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(k, v)| (k, v.as_ref().map(Vec::len)))).finish()
    }
}

const FROM_LINE: &[u8] = b"From sender@example.org Mon Nov 23 10:00:00 2026\n";

fn deliver_mbox(path: &Path, messages: &[Message]) {
    fs::write(path, b"").expect("an mbox");
    let Some((last, rest)) = messages.split_last() else { return };
    for message in rest {
        append_mbox(path, message);
    }
    if last.0.ends_with(b"\n") {
        append_mbox(path, last);
    } else {
        // Like an agent that was interrupted: nothing after the text.
        let mut file = OpenOptions::new().append(true).open(path).expect("an mbox");
        file.write_all(&[FROM_LINE, &last.0].concat()).expect("delivering to an mbox");
    }
}

/// Some of the messages are in cur/ with flags, as if a mail program had seen them.
fn deliver_maildir(path: &Path, messages: &[Message]) {
    for part in ["new", "cur", "tmp"] {
        fs::create_dir_all(path.join(part)).expect("a Maildir");
    }
    let mut random = Random(7);
    for (number, message) in messages.iter().enumerate() {
        add_to_maildir(path, number, message);
        if random.below(3) == 0 {
            let name = format!("{}.M{number:06}P1.host", 1_700_000_000 + number);
            let seen = path.join("cur").join(format!("{name}:2,RS"));
            fs::rename(path.join("new").join(name), seen).expect("marking a message as seen");
        }
    }
}

fn collect(top: &Path, folder: &Path, found: &mut BTreeMap<PathBuf, Option<Vec<u8>>>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a folder entry").path();
        let name = path.strip_prefix(top).expect("a path below").to_owned();
        if path.is_dir() {
            found.insert(name, None);
            collect(top, &path, found);
        } else {
            found.insert(name, Some(fs::read(&path).expect("a file")));
        }
    }
}
