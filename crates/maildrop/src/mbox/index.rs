//! What an index says of an mbox: where its messages lie, and how to prove that they still lie there.
//!
//! Three proofs, from the cheapest:
//!
//! 1. The file's times and size are as they were ([`Stamp::proves_unchanged`]): nothing is read.
//! 2. The file is not shorter, and what was parsed is where it was: the octets before the last message are those that
//!    were hashed ([`ANCHOR`]), and so are the headers of messages spread over the whole file ([`SAMPLES`]). Whoever removes,
//!    adds or changes a message but at the end moves what follows it. Then only the last message and what
//!    comes after it are parsed.
//! 3. Otherwise all of the file is parsed.
//!
//! A fourth one is made before anything is removed: see [`super::Mbox::commit`].
//!
//! Layout: a stamp, how much of the file was parsed (u64), a hash of the anchor, the number of messages (u32), an entry for each.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::digest::{Head, WINDOW};
use super::scan::Message;
use crate::index::codec::Reader;
use crate::index::{Key, Sealed, Version};
use crate::opener::Shared;
use crate::stamp::Stamp;
use crate::uidl::Digest;

/// How much before the last message is hashed, in octets, or less if there is no more.
const ANCHOR: u64 = 64 * 1024;
/// How many messages' headers are looked at to believe in all, at most.
const SAMPLES: usize = 256;
/// How much of a message is read at first to see its header, in octets.
const GLANCE: usize = 4096;

/// Start, content, end, octets (u64 each), digest, ordinal (u32), quoted lines (u32), octets of the surrogate plus 1 or 0 (u64).
const ENTRY: usize = 64;
/// The same without the surrogate: the version before.
const FORMER_ENTRY: usize = 56;
/// Where the digest lies in an entry of either version.
const DIGEST: usize = 32;
const HEADER: usize = Stamp::ENCODED + 8 + 32 + 4;

/// An index in memory, in the form in which it is stored.
#[derive(Clone)]
pub(super) struct Index {
    sealed: Arc<Sealed>,
    stamp: Stamp,
    parsed: u64,
    anchor: [u8; 32],
    count: u32,
}

/// What was found in an mbox.
pub(super) struct Findings<'a> {
    pub(super) messages: &'a [Message],
    /// For messages of equal digests, which one of them each is, from 1.
    pub(super) ordinals: &'a [u32],
    /// How much of the file was parsed, in octets.
    pub(super) parsed: u64,
    /// What it looked like before.
    pub(super) stamp: Stamp,
}

impl Index {
    /// Understands a stored index; `None` if it is none of an mbox.
    pub(super) fn of(sealed: Arc<Sealed>) -> Option<Index> {
        if sealed.version() != Version::Present {
            return None;
        }
        let mut reader = Reader(sealed.body());
        let mut stamp = Stamp::decode(&mut reader)?;
        let (parsed, anchor, count) = (reader.u64()?, reader.array()?, reader.u32()?);
        if !sealed.is_of_this_boot() {
            stamp = stamp.unsettled();
        }
        let length = (count as usize).checked_mul(ENTRY)?;
        (reader.0.len() == length).then_some(Index {
            stamp,
            parsed,
            anchor,
            count,
            sealed: Arc::clone(&sealed),
        })
    }

    /// Makes the index of `file` with these findings and keeps it for the next time, unless it says what `before` said.
    pub(super) fn keep(
        shared: &Shared,
        key: &Key,
        file: &File,
        findings: &Findings<'_>,
        before: Option<&Index>,
    ) -> io::Result<Index> {
        let &Findings { messages, ordinals, parsed, stamp } = findings;
        let anchor = messages.last().map_or(Ok([0; 32]), |last| anchor(file, last))?;
        let count = messages.len() as u32;
        let mut body = Vec::with_capacity(HEADER + messages.len() * ENTRY);
        stamp.encode(&mut body);
        body.extend(parsed.to_le_bytes());
        body.extend(anchor);
        body.extend(count.to_le_bytes());
        for (message, ordinal) in messages.iter().zip(ordinals) {
            for number in [message.start, message.content, message.end, message.octets] {
                body.extend(number.to_le_bytes());
            }
            body.extend(message.digest);
            body.extend(ordinal.to_le_bytes());
            body.extend(message.quoted.to_le_bytes());
            body.extend(message.surrogate.map_or(0, |octets| octets + 1).to_le_bytes());
        }
        if let Some(before) = before
            && before.sealed.is_of_this_boot()
            && before.sealed.body() == body
        {
            return Ok(before.clone());
        }
        // To find that there is nothing costs less than to write that down.
        let sealed = match messages.is_empty() {
            true => shared.indexes.remember(key, &body),
            false => shared.keep_index(key, &body),
        };
        Ok(Index { sealed, stamp, parsed, anchor, count })
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// What the file looked like before it was parsed.
    pub(super) fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// What is stored.
    pub(super) fn sealed(&self) -> &Sealed {
        &self.sealed
    }

    /// The message at `at`, counted from 0, and which of those with its digest it is.
    pub(super) fn message(&self, at: usize) -> Option<(Message, u32)> {
        let start = HEADER + at.checked_mul(ENTRY)?;
        let mut reader = Reader(self.sealed.body().get(start..)?);
        let (start, content, end, octets) = (reader.u64()?, reader.u64()?, reader.u64()?, reader.u64()?);
        let (digest, ordinal, quoted) = (reader.array()?, reader.u32()?, reader.u32()?);
        let surrogate = reader.u64()?.checked_sub(1);
        let eight_bit = surrogate.is_some();
        Some((Message { start, content, end, octets, digest, quoted, eight_bit, surrogate }, ordinal))
    }

    /// All messages.
    pub(super) fn messages(&self) -> Vec<Message> {
        (0..self.count as usize).map_while(|at| self.message(at)).map(|(message, _)| message).collect()
    }

    /// The digest of each message, and which of those with its digest it is.
    pub(super) fn ordinals(&self) -> Vec<(Digest, u32)> {
        let all = (0..self.count as usize).map_while(|at| self.message(at));
        all.map(|(message, ordinal)| (message.digest, ordinal)).collect()
    }

    /// Whether a file that looks like `now` has exactly these messages: the first proof.
    pub(super) fn is_of(&self, now: &Stamp) -> bool {
        self.parsed == now.size() && self.stamp.proves_unchanged(now)
    }

    /// Whether all messages but the last, and the beginning of the last, are still where they were: the second proof.
    pub(super) fn begins(&self, file: &File, now: &Stamp) -> io::Result<bool> {
        let Some(last) = (self.count as usize).checked_sub(1) else { return Ok(false) };
        let Some((last_message, _)) = self.message(last) else { return Ok(false) };
        if now.size() < self.parsed || !self.stamp.same_file(now) {
            return Ok(false);
        }
        let at_its_place = |at: usize| match self.message(at) {
            Some((message, _)) => is_there(file, &message),
            None => Ok(false),
        };
        let proven = match anchor(file, &last_message) {
            Ok(anchor) if anchor == self.anchor => {
                samples(last).try_fold(true, |yes, at| Ok(yes && at_its_place(at)?))
            }
            other => other.map(|_| false),
        };
        match proven {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            proven => proven,
        }
    }
}

/// The digest of each message, and which of those with its digest it is, as far as an index of the version before says that.
pub(super) fn former_ordinals(sealed: &Sealed) -> Vec<(Digest, u32)> {
    let entries = match sealed.version() {
        Version::Former => sealed.body().get(HEADER..).unwrap_or_default(),
        Version::Present => &[],
    };
    let ordinal = |entry: &[u8]| {
        let mut reader = Reader(entry.get(DIGEST..)?);
        Some((reader.array()?, reader.u32()?))
    };
    entries.chunks_exact(FORMER_ENTRY).filter_map(ordinal).collect()
}

/// What the version before would have kept in place of `body`.
#[cfg(test)]
pub(crate) fn former_body(body: &[u8]) -> Vec<u8> {
    let (header, entries) = body.split_at(HEADER);
    let entries = entries.chunks(ENTRY).flat_map(|entry| &entry[..FORMER_ENTRY]);
    header.iter().chain(entries).copied().collect()
}

/// Up to [`SAMPLES`] different numbers below `count`, spread evenly.
fn samples(count: usize) -> impl Iterator<Item = usize> {
    let number = SAMPLES.min(count);
    (0..number).map(move |nth| nth * count / number)
}

/// Whether `message` begins where it did, by its digest.
///
/// # Errors
///
/// `UnexpectedEof` if the file is too short.
pub(super) fn is_there(file: &File, message: &Message) -> io::Result<bool> {
    let all =
        usize::try_from(message.end.saturating_sub(message.start)).map_or(WINDOW, |all| all.min(WINDOW));
    let mut text = vec![0; all.min(GLANCE)];
    file.read_exact_at(&mut text, message.start)?;
    let head = match Head::find(&text) {
        Some(head) => head,
        None => {
            let glanced = text.len();
            text.resize(all, 0);
            file.read_exact_at(&mut text[glanced..], message.start + glanced as u64)?;
            Head::of(&text)
        }
    };
    Ok(head.digest(message.octets) == message.digest)
}

/// A hash of what comes before the message `last` and of its start line.
fn anchor(file: &File, last: &Message) -> io::Result<[u8; 32]> {
    let from = last.start.saturating_sub(ANCHOR);
    let until = last.content.min(last.start.saturating_add(ANCHOR));
    let mut text = vec![0; until.saturating_sub(from) as usize];
    file.read_exact_at(&mut text, from)?;
    Ok(*blake3::hash(&text).as_bytes())
}
