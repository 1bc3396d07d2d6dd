//! What the schemes look at in a mailbox.

use std::io;

use crate::uidl::Uidl;

/// How much of a message is looked at for its header, in octets.
pub(crate) const MOST_HEAD: usize = 64 * 1024;

/// What the schemes look at in a mailbox. Messages go by index from 0, in their order.
pub(crate) trait UidlSource {
    /// Their default UIDLs, no two alike.
    fn defaults(&self) -> Vec<Uidl>;
    /// Whether each message is a file of its own.
    fn are_files(&self) -> bool;
    /// The unique part of a message's file name, where it has one.
    fn name(&self, index: usize) -> Option<Box<[u8]>>;
    /// A message from its beginning, [`MOST_HEAD`] octets at most; `None` if it has vanished.
    fn head(&self, index: usize) -> io::Result<Option<Vec<u8>>>;
    /// What a file beside the messages holds, if it has at most `most` octets; `None` without such a file.
    fn list(&self, name: &str, most: u64) -> io::Result<Option<Vec<u8>>>;
}
