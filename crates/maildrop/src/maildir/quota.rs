//! `maildirsize`: the file that Maildir++ delivery agents add up to know how full a Maildir is.
//!
//! Its first line is the quota. Each other line is a change, in octets and messages. A program that removes
//! messages adds a line with negative numbers. Only delivery agents make the file, and count again when it
//! has grown long. Source: README.maildirquota of Courier.

use std::fs::File;
use std::io;

use rustix::fs::{Mode, OFlags};

use super::index::MaildirMessage;
use super::name;
use crate::disk::{Disk, retry};

const FILE: &str = "maildirsize";

/// What a session has removed.
#[derive(Debug, Default)]
pub(super) struct QuotaChange {
    octets: u64,
    messages: u64,
}

impl QuotaChange {
    /// Counts a message that was removed. A message that a mail program had marked as trash was not counted
    /// any more.
    pub(super) fn add(&mut self, message: &MaildirMessage) {
        if !name::is_trash(&message.entry.name) {
            self.octets += name::counted_size(&message.entry.name).unwrap_or(message.measure.stored);
            self.messages += 1;
        }
    }

    /// Adds the line to the Maildir `root`, if the Maildir has the file.
    ///
    /// # Errors
    ///
    /// The agents then believe that the Maildir is fuller than it is, until they count again: at the latest
    /// when they find it full.
    pub(super) fn record(&self, disk: &dyn Disk, root: &File) -> io::Result<()> {
        if self.messages == 0 {
            return Ok(());
        }
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(root, FILE, flags, Mode::empty()) {
            Err(rustix::io::Errno::NOENT) => return Ok(()),
            file => File::from(file?),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(());
        }
        let line = format!("-{} -{}\n", self.octets, self.messages);
        // A single write, which goes to the end whatever the offset (pwrite(2)): agents may add lines at the
        // same time.
        retry(|| disk.write_at(&file, line.as_bytes(), metadata.len()))?;
        Ok(())
    }
}
