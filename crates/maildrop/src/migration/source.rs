//! What the schemes look at in a mailbox.

use std::io;

use crate::uidl::Uidl;

/// How much of a message is read for its header, in octets.
pub(crate) const MOST_HEAD: usize = 64 * 1024;

/// What the schemes look at in a mailbox. Messages are numbered by an index from 0, in their order.
pub(crate) trait UidlSource {
    /// Their default UIDLs, which all differ.
    fn defaults(&self) -> Vec<Uidl>;
    /// Whether each message is a file of its own.
    fn are_files(&self) -> bool;
    /// The unique part of a message's file name, if it has one.
    fn name(&self, index: usize) -> Option<Box<[u8]>>;
    /// The beginning of a message, at most [`MOST_HEAD`] octets; `None` if it has vanished.
    fn head(&self, index: usize) -> io::Result<Option<Vec<u8>>>;
    /// The contents of a file beside the messages, if it has at most `most` octets; `None` if there is no
    /// such file.
    fn list(&self, name: &str, most: u64) -> io::Result<Option<Vec<u8>>>;
}
