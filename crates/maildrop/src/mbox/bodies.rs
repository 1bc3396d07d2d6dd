//! Where a session reads the messages of an mbox: in the mailbox itself, in memory, or in the spool.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use vocabulary::UnescapeFrom;

use super::index::MboxIndex;
use super::message::MboxMessage;
use super::unquote::Unquote;
use crate::error::{Doing, OpenError};
use crate::lock::LockedMailbox;
use crate::maildrop::StoredMessage;
use crate::memory_file::{MemoryFile, each_chunk};
use crate::shared::OwnerContext;
use crate::spool::Spool;
use crate::surrogate::Surrogate;
use crate::widths::at_most;

/// The longest part of a start line that is read, in octets.
const LONGEST_START_LINE: usize = 1024;

/// Where the messages of an mbox are to be read from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ServeFrom {
    /// The mailbox itself.
    Mailbox,
    /// A copy in memory.
    Memory,
    /// A copy in the spool; with `keep`, it stays there after the session.
    Spool { keep: bool },
}

/// Where the messages of an opened mbox lie.
pub(super) enum Bodies {
    /// In the mailbox, open for reading only.
    Mailbox(Arc<File>),
    /// In a copy of the whole mailbox, at the same offsets.
    Memory(Arc<File>),
    /// In files of their own, as they are served. The mailbox is kept for its start lines.
    Spool(Spool, Arc<File>),
}

impl Bodies {
    /// Copies the mailbox `source`, which must be locked, to where `from` says. `None` while another process
    /// holds its folder in the spool.
    pub(super) fn new(
        index: &MboxIndex,
        shared: &OwnerContext,
        mailbox: &LockedMailbox<'_>,
        source: &Arc<File>,
        from: ServeFrom,
    ) -> Result<Option<Self>, OpenError> {
        let path = mailbox.path();
        Ok(Some(match from {
            ServeFrom::Mailbox => Self::Mailbox(Arc::clone(source)),
            ServeFrom::Memory => {
                let copy = copy_to_memory(source, index.stamp().size(), mailbox);
                Self::Memory(Arc::new(copy.doing("copy the mailbox into memory", path)?))
            }
            ServeFrom::Spool { keep } => {
                let Some(mut spool) = shared.take_spool(path, keep)? else { return Ok(None) };
                let unescape = shared.settings.unescape_from;
                copy_to_spool(source, &index.messages(), unescape, &mut spool, mailbox)
                    .doing("copy the mailbox into the spool", path)?;
                Self::Spool(spool, Arc::clone(source))
            }
        }))
    }

    /// The mailbox, if messages are read from it.
    pub(super) fn mailbox(&self) -> Option<&Arc<File>> {
        match self {
            Self::Mailbox(source) => Some(source),
            Self::Memory(_) | Self::Spool(..) => None,
        }
    }

    /// The file that has the messages at the offsets at which they were found: the mailbox, or its copy in
    /// memory.
    pub(super) fn original(&self) -> &File {
        let (Self::Mailbox(source) | Self::Memory(source) | Self::Spool(_, source)) = self;
        source
    }

    /// The start line of `message`, cut off if it is far too long.
    pub(super) fn start_line(&self, message: &MboxMessage) -> io::Result<Vec<u8>> {
        let length = at_most(message.content.saturating_sub(message.start), LONGEST_START_LINE);
        let mut line = vec![0; length];
        self.original().read_exact_at(&mut line, message.start)?;
        Ok(line)
    }

    /// The body of message `number`, and how many octets of memory it takes.
    pub(super) fn body(
        &self,
        number: u32,
        message: &MboxMessage,
        unescape: UnescapeFrom,
    ) -> io::Result<(StoredMessage, u64)> {
        let length = message.length() - u64::from(message.quoted);
        let (source, copied) = match self {
            Self::Spool(spool, _) => (Arc::new(spool.open(number)?), 0),
            Self::Mailbox(source) | Self::Memory(source) => {
                if message.quoted == 0 {
                    let source = Arc::clone(source);
                    let prefix = Vec::new();
                    return Ok((StoredMessage { source, offset: message.content, length, prefix }, 0));
                }
                let mut memory = MemoryFile::new()?;
                each_served(source, message, unescape, &mut |octets| memory.append(octets))?;
                (Arc::new(memory.seal()?), length)
            }
        };
        Ok((StoredMessage { source, offset: 0, length, prefix: Vec::new() }, copied))
    }
}

/// Copies the first `size` octets of the mailbox `source` into memory.
fn copy_to_memory(source: &File, size: u64, mailbox: &LockedMailbox<'_>) -> io::Result<File> {
    let mut memory = MemoryFile::new()?;
    each_chunk(source, 0, size, &mut |octets| {
        mailbox.refresh();
        memory.append(octets)
    })?;
    memory.seal()
}

/// Writes each message of the mailbox `source` into the spool.
fn copy_to_spool(
    source: &File,
    messages: &[MboxMessage],
    unescape: UnescapeFrom,
    spool: &mut Spool,
    mailbox: &LockedMailbox<'_>,
) -> io::Result<()> {
    for message in messages {
        let mut file = spool.message()?;
        each_served(source, message, unescape, &mut |octets| {
            mailbox.refresh();
            file.append(octets)
        })?;
    }
    Ok(())
}

/// Counts in each message of `file` the lines that are served without their quoting.
pub(super) fn count_quoted(
    file: &File,
    messages: &mut [MboxMessage],
    unescape: UnescapeFrom,
    mailbox: &LockedMailbox<'_>,
) -> io::Result<()> {
    if unescape == UnescapeFrom::None {
        return Ok(());
    }
    for message in messages {
        let mut unquote = Unquote::new(unescape);
        let mut unused = Vec::new();
        each_chunk(file, message.content, message.length(), &mut |octets| {
            mailbox.refresh();
            unused.clear();
            unquote.feed(octets, &mut unused);
            Ok(())
        })?;
        message.quoted = unquote.removed();
    }
    Ok(())
}

/// Finds out which messages need surrogates, and how long those are. Other messages cost nothing.
pub(super) fn measure_surrogates(
    file: &File,
    messages: &mut [MboxMessage],
    mailbox: &LockedMailbox<'_>,
) -> io::Result<()> {
    for message in messages.iter_mut().filter(|message| message.eight_bit) {
        mailbox.refresh();
        measure_surrogate(file, message)?;
    }
    Ok(())
}

/// Finds out whether a message of `file` needs a surrogate, and how long that is.
pub(super) fn measure_surrogate(file: &File, message: &mut MboxMessage) -> io::Result<()> {
    if message.eight_bit {
        let surrogate = Surrogate::read(file, message.content, message.length())?;
        message.surrogate = surrogate.map(|surrogate| surrogate.octets(message.octets));
    }
    Ok(())
}

/// Passes the octets of a message to `act` as they are served, chunk by chunk.
fn each_served(
    source: &File,
    message: &MboxMessage,
    unescape: UnescapeFrom,
    act: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    if message.quoted == 0 {
        return each_chunk(source, message.content, message.length(), act);
    }
    let mut unquote = Unquote::new(unescape);
    let mut out = Vec::new();
    each_chunk(source, message.content, message.length(), &mut |octets| {
        unquote.feed(octets, &mut out);
        act(&out)?;
        out.clear();
        Ok(())
    })?;
    unquote.finish(&mut out);
    act(&out)
}
