//! Where a session reads the messages of an mbox: in the mailbox itself, in memory, or in the spool.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::index::Index;
use super::scan::Message;
use super::unquote::Unquote;
use crate::error::Doing;
use crate::maildrop::Body;
use crate::memory::{Memory, each_chunk};
use crate::opener::Shared;
use crate::spool::Spool;
use crate::surrogate::Surrogate;
use crate::{OpenError, Unescape};

/// How much of a start line is looked at, in octets.
const LONGEST_START_LINE: u64 = 1024;

/// Where the messages of an mbox are to be read from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ServeFrom {
    /// The mailbox itself.
    Mailbox,
    /// A copy in memory.
    Memory,
    /// A copy in the spool, which is left there if so wanted.
    Spool { keep: bool },
}

/// Where they are.
pub(super) enum Bodies {
    /// In the mailbox, open for reading only.
    Mailbox(Arc<File>),
    /// In a copy of all of it, at the same offsets.
    Memory(Arc<File>),
    /// In files of their own, as they are served; the mailbox is kept for its start lines.
    Spool(Spool, Arc<File>),
}

impl Bodies {
    /// Those of the mailbox `source` at `path`, which must be locked and is copied as `from` says; `None` while somebody else has its
    /// folder in the spool. Calls `keep` again and again meanwhile.
    pub(super) fn of(
        index: &Index,
        shared: &Shared,
        path: &Path,
        source: &Arc<File>,
        from: ServeFrom,
        keep: &mut dyn FnMut(),
    ) -> Result<Option<Bodies>, OpenError> {
        Ok(Some(match from {
            ServeFrom::Mailbox => Bodies::Mailbox(Arc::clone(source)),
            ServeFrom::Memory => {
                let copy = copy_to_memory(source, index.stamp().size(), keep);
                Bodies::Memory(Arc::new(copy.doing("copy the mailbox into memory", path)?))
            }
            ServeFrom::Spool { keep: leave } => {
                let Some(mut spool) = shared.take_spool(path, leave)? else { return Ok(None) };
                let unescape = shared.settings.unescape_from;
                copy_to_spool(source, &index.messages(), unescape, &mut spool, keep)
                    .doing("copy the mailbox into the spool", path)?;
                Bodies::Spool(spool, Arc::clone(source))
            }
        }))
    }

    /// The mailbox, when messages are read from it.
    pub(super) fn mailbox(&self) -> Option<&Arc<File>> {
        match self {
            Bodies::Mailbox(source) => Some(source),
            Bodies::Memory(_) | Bodies::Spool(..) => None,
        }
    }

    /// What has the messages at the offsets at which they were found: the mailbox, or its copy in memory.
    pub(super) fn original(&self) -> &File {
        let (Bodies::Mailbox(source) | Bodies::Memory(source) | Bodies::Spool(_, source)) = self;
        source
    }

    /// The line that begins `message`, without what of it is beyond all measure.
    pub(super) fn start_line(&self, message: &Message) -> io::Result<Vec<u8>> {
        let length = message.content.saturating_sub(message.start).min(LONGEST_START_LINE);
        let mut line = vec![0; length as usize];
        self.original().read_exact_at(&mut line, message.start)?;
        Ok(line)
    }

    /// The body of message `number`, and how much memory it takes.
    pub(super) fn body(&self, number: u32, message: &Message, unescape: Unescape) -> io::Result<(Body, u64)> {
        let length = message.length() - u64::from(message.quoted);
        let (source, copied) = match self {
            Bodies::Spool(spool, _) => (Arc::new(spool.open(number)?), 0),
            Bodies::Mailbox(source) | Bodies::Memory(source) => {
                if message.quoted == 0 {
                    let source = Arc::clone(source);
                    let prefix = Vec::new();
                    return Ok((Body { source, offset: message.content, length, prefix }, 0));
                }
                let mut memory = Memory::new()?;
                each_served(source, message, unescape, &mut |octets| memory.append(octets))?;
                (Arc::new(memory.seal()?), length)
            }
        };
        Ok((Body { source, offset: 0, length, prefix: Vec::new() }, copied))
    }
}

/// Copies the first `size` octets of the mailbox into memory, calling `keep` again and again meanwhile.
fn copy_to_memory(mailbox: &File, size: u64, keep: &mut dyn FnMut()) -> io::Result<File> {
    let mut memory = Memory::new()?;
    each_chunk(mailbox, 0, size, &mut |octets| {
        keep();
        memory.append(octets)
    })?;
    memory.seal()
}

/// Writes each message into the spool, calling `keep` again and again meanwhile.
fn copy_to_spool(
    mailbox: &File,
    messages: &[Message],
    unescape: Unescape,
    spool: &mut Spool,
    keep: &mut dyn FnMut(),
) -> io::Result<()> {
    for message in messages {
        let mut file = spool.message()?;
        each_served(mailbox, message, unescape, &mut |octets| {
            keep();
            file.append(octets)
        })?;
    }
    Ok(())
}

/// Counts in each message the lines that are served without their quoting.
pub(super) fn count_quoted(
    mailbox: &File,
    messages: &mut [Message],
    unescape: Unescape,
    keep: &mut dyn FnMut(),
) -> io::Result<()> {
    if unescape == Unescape::None {
        return Ok(());
    }
    for message in messages {
        let mut unquote = Unquote::new(unescape);
        let mut nowhere = Vec::new();
        each_chunk(mailbox, message.content, message.length(), &mut |octets| {
            keep();
            nowhere.clear();
            unquote.feed(octets, &mut nowhere);
            Ok(())
        })?;
        message.quoted = unquote.removed();
    }
    Ok(())
}

/// Finds out which messages need surrogates, and what those come to. Ordinary messages cost nothing.
pub(super) fn measure_surrogates(
    mailbox: &File,
    messages: &mut [Message],
    keep: &mut dyn FnMut(),
) -> io::Result<()> {
    for message in messages.iter_mut().filter(|message| message.eight_bit) {
        keep();
        let surrogate = Surrogate::read(mailbox, message.content, message.length())?;
        message.surrogate = surrogate.map(|surrogate| surrogate.octets(message.octets));
    }
    Ok(())
}

/// The octets of a message as they are served, chunk by chunk.
fn each_served(
    source: &File,
    message: &Message,
    unescape: Unescape,
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
