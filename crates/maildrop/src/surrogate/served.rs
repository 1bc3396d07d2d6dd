//! A maildrop that serves surrogates.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::header::Surrogate;
use crate::delivered::Delivered;
use crate::error::{CommitError, FetchError, OsError};
use crate::maildrop::{ListedMessage, Maildrop, MaildropUpdate, StoredMessage};
use crate::memory_file::{MemoryFile, each_chunk};
use crate::widths::to_u64;

/// The longest header that is sent beside its body, in octets. With a longer one, the message is copied.
const LONGEST_PREFIX: usize = 8 * 1024;
/// A fetch copies no further messages into memory once it has copied this many octets.
const MOST_COPIED: u64 = 1024 * 1024;

/// A maildrop for a client that did not ask for UTF-8. Messages that need no surrogate are served as the
/// inner maildrop serves them.
pub(crate) struct WithSurrogates {
    inner: Box<dyn Maildrop>,
    /// Where the maildrop lies.
    path: PathBuf,
}

impl WithSurrogates {
    /// Serves the maildrop `inner`, which lies at `path`.
    pub(crate) fn new(inner: Box<dyn Maildrop>, path: &Path) -> Self {
        Self { inner, path: path.to_owned() }
    }
}

impl Maildrop for WithSurrogates {
    fn count(&self) -> u32 {
        self.inner.count()
    }

    fn listing(&self, number: u32) -> Option<ListedMessage> {
        let ListedMessage { octets, surrogate, uidl } = self.inner.listing(number)?;
        Some(ListedMessage { octets: surrogate.unwrap_or(octets), surrogate: None, uidl })
    }

    fn fingerprint(&self) -> Option<[u8; 32]> {
        // The same listing has other sizes here.
        let mut hasher = blake3::Hasher::new_derive_key("mpopd listing of surrogates");
        hasher.update(&self.inner.fingerprint()?);
        Some(*hasher.finalize().as_bytes())
    }

    fn delivered(&self, number: u32) -> Option<Delivered> {
        self.inner.delivered(number)
    }

    fn fetch(&mut self, first: u32, window: u32) -> Result<Vec<StoredMessage>, FetchError> {
        let mut bodies = self.inner.fetch(first, window)?;
        let mut copied = 0;
        for (at, number) in (0..bodies.len()).zip(first..) {
            if self.inner.listing(number).is_none_or(|listing| listing.surrogate.is_none()) {
                continue;
            }
            let Some(body) = bodies.get_mut(at) else { break };
            match substitute(body) {
                Ok(octets) => copied += octets,
                // An error about a later message is reported when that message is asked for.
                Err(_) if at > 0 => {
                    bodies.truncate(at);
                    break;
                }
                Err(error) => {
                    return Err(OsError::new("read the header of a message", &self.path, error).into());
                }
            }
            if copied > MOST_COPIED {
                bodies.truncate(at + 1);
                break;
            }
        }
        Ok(bodies)
    }

    fn marks_read(&self) -> bool {
        self.inner.marks_read()
    }

    fn commit(self: Box<Self>, update: MaildropUpdate<'_>) -> Result<(), CommitError> {
        self.inner.commit(update)
    }
}

/// Replaces the message's header by the surrogate's. Returns how many octets that has copied.
fn substitute(body: &mut StoredMessage) -> io::Result<u64> {
    let Some(surrogate) = Surrogate::read(&body.source, body.offset, body.length)? else { return Ok(0) };
    let Surrogate { header, replaces, .. } = surrogate;
    let (offset, length) = (body.offset + to_u64(replaces), body.length.saturating_sub(to_u64(replaces)));
    if header.len() <= LONGEST_PREFIX {
        body.prefix.extend(header);
        (body.offset, body.length) = (offset, length);
        return Ok(0);
    }
    let mut memory = MemoryFile::new()?;
    memory.append(&header)?;
    each_chunk(&body.source, offset, length, &mut |octets| memory.append(octets))?;
    body.source = Arc::new(memory.seal()?);
    (body.offset, body.length) = (0, to_u64(header.len()) + length);
    Ok(body.length)
}
