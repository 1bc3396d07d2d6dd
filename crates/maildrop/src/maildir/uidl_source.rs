//! What UIDLs of other servers are made of, in a Maildir.

use std::fs::File;
use std::io::{self, Read};

use rustix::fs::{Mode, OFlags};

use super::index::MaildirIndex;
use super::message_sizes;
use crate::migration::{MOST_HEAD, UidlSource};
use crate::uidl::Uidl;
use crate::widths::{to_u64, to_usize};

/// The messages of an index, and the Maildir in which they lie.
pub(super) struct MaildirUidlSource<'a> {
    pub(super) root: &'a File,
    pub(super) index: &'a MaildirIndex,
}

impl UidlSource for MaildirUidlSource<'_> {
    fn defaults(&self) -> Vec<Uidl> {
        let messages = (0..to_usize(self.index.count())).map_while(|at| self.index.message(at));
        messages.map(|message| message.uidl()).collect()
    }

    fn are_files(&self) -> bool {
        true
    }

    fn name(&self, index: usize) -> Option<Box<[u8]>> {
        self.index.message(index).map(|message| message.entry.unique().into())
    }

    fn head(&self, index: usize) -> io::Result<Option<Vec<u8>>> {
        let Some(message) = self.index.message(index) else { return Ok(None) };
        let file = match message_sizes::open(self.root, &message.entry) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut head = Vec::new();
        file.take(to_u64(MOST_HEAD)).read_to_end(&mut head)?;
        Ok(Some(head))
    }

    fn list(&self, name: &str, most: u64) -> io::Result<Option<Vec<u8>>> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(self.root, name, flags, Mode::empty()) {
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            file => File::from(file?),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() || metadata.len() > most {
            return Err(io::Error::other(format!("{name} is no file, or larger than {most} octets")));
        }
        let mut text = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
        file.take(most).read_to_end(&mut text)?;
        Ok(Some(text))
    }
}
