//! The names of journals.

use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The suffix of a journal that is still being written.
const DRAFT: &str = ".new";
/// The prefix of a journal that was set aside for an administrator.
const ASIDE: &str = "aside-";

/// The name of a mailbox's journal: the inode of the mailbox, and a hash of its path.
pub(crate) struct JournalName {
    path: PathBuf,
    text: String,
}

/// What the names of two journals have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resemblance {
    pub(super) same_inode: bool,
    pub(super) same_path: bool,
}

impl JournalName {
    pub(crate) fn of(path: &Path, mailbox: &File) -> io::Result<Self> {
        let path = std::fs::canonicalize(path)?;
        let hash = blake3::hash(path.as_os_str().as_bytes()).to_hex();
        let text = format!("{:x}-{}", rustix::fs::fstat(mailbox)?.st_ino, &hash[..32]);
        Ok(Self { path, text })
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Where the mailbox lies.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What the journal `other` has in common with this one.
    pub(super) fn resembles(&self, other: &str) -> Resemblance {
        let pair = self.text.split_once('-').zip(other.split_once('-'));
        Resemblance {
            same_inode: pair.is_some_and(|(ours, theirs)| ours.0 == theirs.0),
            same_path: pair.is_some_and(|(ours, theirs)| ours.1 == theirs.1),
        }
    }
}

/// The name of the journal `name` while it is being written.
pub(super) fn draft(name: &str) -> String {
    format!("{name}{DRAFT}")
}

/// The name that the draft `name` would have got; `None` if it is no draft.
pub(super) fn of_draft(name: &str) -> Option<&str> {
    name.strip_suffix(DRAFT)
}

/// A name for the journal `name` when it is set aside.
pub(super) fn aside(name: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{ASIDE}{}-{name}", now.as_nanos())
}

/// All names in the folder of journals, except those that were set aside.
pub(super) fn list(folder: &File) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(folder)? {
        let name = String::from_utf8_lossy(entry?.file_name().to_bytes()).into_owned();
        if !name.starts_with('.') && !name.starts_with(ASIDE) {
            names.push(name);
        }
    }
    Ok(names)
}
