//! What UIDLs of other servers are made of, in an mbox.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::index::MboxIndex;
use crate::migration::{MOST_HEAD, UidlSource};
use crate::uidl::Uidl;
use crate::widths::to_usize;

/// The messages of an index, and the file in which they lie.
pub(super) struct MboxUidlSource<'a> {
    pub(super) file: &'a File,
    pub(super) index: &'a MboxIndex,
}

impl UidlSource for MboxUidlSource<'_> {
    fn defaults(&self) -> Vec<Uidl> {
        let messages = (0..to_usize(self.index.count())).map_while(|at| self.index.message(at));
        messages.map(|(message, ordinal)| Uidl::of_digest(&message.digest, ordinal)).collect()
    }

    fn are_files(&self) -> bool {
        false
    }

    fn name(&self, _: usize) -> Option<Box<[u8]>> {
        None
    }

    fn head(&self, index: usize) -> io::Result<Option<Vec<u8>>> {
        let Some((message, _)) = self.index.message(index) else { return Ok(None) };
        let length = usize::try_from(message.length()).map_or(MOST_HEAD, |all| all.min(MOST_HEAD));
        let mut head = vec![0; length];
        self.file.read_exact_at(&mut head, message.content)?;
        Ok(Some(head))
    }

    fn list(&self, _: &str, _: u64) -> io::Result<Option<Vec<u8>>> {
        Ok(None)
    }
}
