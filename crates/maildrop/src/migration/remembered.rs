//! What must be remembered about a mailbox so that no UIDL changes: a small file in the owner's state folder.
//!
//! `base VALIDITY NEXT` is what another server's list said when we first looked: our clients have already
//! seen messages with later numbers under the default UIDL. `held UIDL DEFAULT` settles a UIDL that several
//! messages claim: only the message with that default has it, even if it is the last of them.
//!
//! Without the file, everything is settled again from what is there.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::numbering::{UidNumbering, number};
use crate::disk::{Disk, retry, write_all_at};
use crate::uidl::Uidl;

const FIRST: &str = "mpopd uidls 1";
/// The most octets of such a file that are read.
const MOST: u64 = 64 << 20;

/// What is remembered about one mailbox.
#[derive(Debug, Default)]
pub(super) struct RememberedUidls {
    name: String,
    base: Option<UidNumbering>,
    /// For each UIDL that several messages have claimed, the default UIDL of the message that has it.
    held: BTreeMap<Uidl, Uidl>,
    changed: bool,
}

impl RememberedUidls {
    /// Reads what is remembered in `folder` about the mailbox at `path`.
    pub(super) fn load(folder: &File, path: &Path) -> io::Result<Self> {
        let path = std::fs::canonicalize(path)?;
        let name = blake3::hash(path.as_os_str().as_bytes()).to_hex()[..32].to_owned();
        let mut text = Vec::new();
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(folder, &name, flags, Mode::empty()) {
            Ok(file) => drop(File::from(file).take(MOST).read_to_end(&mut text)?),
            Err(rustix::io::Errno::NOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
        Ok(Self { name, ..Self::parse(&text) })
    }

    /// The numbering that counts: the first one that was ever seen.
    pub(super) fn base_or(&mut self, seen: Option<UidNumbering>) -> Option<UidNumbering> {
        if self.base.is_none() && seen.is_some() {
            self.base = seen;
            self.changed = true;
        }
        self.base
    }

    /// The numbering that was seen before, if any.
    pub(super) fn base(&self) -> Option<UidNumbering> {
        self.base
    }

    /// The default of the message that has this UIDL, if several messages have claimed it.
    pub(super) fn holder(&self, uidl: &Uidl) -> Option<&Uidl> {
        self.held.get(uidl)
    }

    /// Remembers that of the messages that claim `uidl`, the one with the default `holder` has it, unless
    /// another one is already remembered.
    pub(super) fn hold(&mut self, uidl: Uidl, holder: Uidl) {
        self.held.entry(uidl).or_insert_with(|| {
            self.changed = true;
            holder
        });
    }

    /// Forgets what is no longer `wanted`, the next time that there is something new to write down.
    pub(super) fn retain(&mut self, wanted: impl Fn(&Uidl) -> bool) {
        if self.changed {
            self.held.retain(|uidl, _| wanted(uidl));
        }
    }

    /// Writes down what was not remembered before.
    pub(super) fn save(&self, disk: &dyn Disk, folder: &File) -> io::Result<()> {
        if !self.changed {
            return Ok(());
        }
        let draft = format!("{}.new", self.name);
        let (from, to) = (Path::new(&draft), Path::new(&self.name));
        let folder_fd = folder.as_fd();
        let file = match retry(|| disk.create(folder_fd, from)) {
            // A crash left it behind: only the holder of the session lock writes it.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                retry(|| disk.unlink(folder_fd, from))?;
                retry(|| disk.create(folder_fd, from))?
            }
            answer => answer?,
        };
        let written = write_all_at(disk, &file, self.text().as_bytes(), 0)
            .and_then(|()| retry(|| disk.sync(&file)))
            .and_then(|()| retry(|| disk.rename(folder_fd, from, to)));
        if let Err(error) = written {
            let _ = disk.unlink(folder_fd, from);
            return Err(error);
        }
        retry(|| disk.sync(folder))
    }

    fn text(&self) -> String {
        let mut text = format!("{FIRST}\n");
        if let Some(UidNumbering { validity, next }) = self.base {
            text += &format!("base {validity} {next}\n");
        }
        for (uidl, holder) in &self.held {
            text += &format!("held {uidl} {holder}\n");
        }
        text
    }

    fn parse(text: &[u8]) -> Self {
        let mut memory = Self::default();
        let mut lines = text.split(|&octet| octet == b'\n');
        if lines.next() != Some(FIRST.as_bytes()) {
            return memory;
        }
        for line in lines {
            let words: Vec<_> = line.split(|&octet| octet == b' ').collect();
            match words[..] {
                [b"base", validity, next] => {
                    // Courier's oldest lists have no number of the mailbox.
                    let validity = if validity == b"0" { Some(0) } else { number(validity) };
                    memory.base =
                        validity.zip(number(next)).map(|(validity, next)| UidNumbering { validity, next });
                }
                [b"held", uidl, holder] => {
                    memory.held.extend(Uidl::new(uidl).zip(Uidl::new(holder)));
                }
                _ => {}
            }
        }
        memory
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Kernel;

    #[test]
    fn what_was_saved_is_loaded_and_only_the_first_base_counts() {
        let folder = tempfile::tempdir().unwrap();
        let state = File::open(folder.path()).unwrap();
        let mut memory = RememberedUidls::load(&state, folder.path()).unwrap();
        memory.save(&Kernel, &state).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing to remember");
        let base = |validity| Some(UidNumbering { validity, next: 5 });
        let uidl = |text: &str| Uidl::new(text.as_bytes()).unwrap();
        assert_eq!(memory.base_or(None), None);
        assert_eq!(memory.base_or(base(0)), base(0));
        memory.hold(uidl("<a@b>"), uidl("one"));
        std::fs::write(folder.path().join(format!("{}.new", memory.name)), "left by a crash").unwrap();
        memory.save(&Kernel, &state).unwrap();
        let mut loaded = RememberedUidls::load(&state, folder.path()).unwrap();
        assert_eq!(loaded.base_or(base(8)), base(0));
        assert_eq!(loaded.held, memory.held);
        assert!(!loaded.changed);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_makes_no_sense_is_left_out() {
        let text = "mpopd uidls 1\nbase 7 x\nheld a\nheld a b c\nheld \u{e9} b\nheld a b\nwhat";
        let memory = RememberedUidls::parse(text.as_bytes());
        assert_eq!((memory.base, memory.held.len()), (None, 1));
        assert!(RememberedUidls::parse(b"other\nheld a b\n").held.is_empty());
    }
}
