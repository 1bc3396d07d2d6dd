//! What an index says about an mbox: where its messages lie, and how to prove that they still lie there.
//!
//! There are three proofs, from the cheapest on:
//!
//! 1. The file's times and size are the same ([`FileStamp::proves_unchanged`]): nothing is read.
//! 2. The file is not shorter, and what was parsed is where it was: the octets before the last message have
//!    the same hash ([`ANCHOR`]), and so do the headers of messages spread over the whole file ([`SAMPLES`]).
//!    Any program that removes, adds or changes a message anywhere but at the end moves what follows it. Then
//!    only the last message and what comes after it are parsed.
//! 3. Otherwise the whole file is parsed.
//!
//! Before anything is removed, there is a fourth proof: see [`super::update`].
//!
//! Layout: a stamp, how much of the file was parsed (u64), a hash of the anchor, the number of messages
//! (u32), and an entry for each message.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::digest::{HeaderDigest, WINDOW};
use super::message::MboxMessage;
use crate::file_stamp::FileStamp;
use crate::index::codec::Decoder;
use crate::index::{Checksummed, IndexKey, IndexVersion};
use crate::shared::OwnerContext;
use crate::uidl::Digest;
use crate::widths::{to_u32, to_u64, to_usize};

/// How many octets before the last message are hashed, if there are that many.
const ANCHOR: u64 = 64 * 1024;
/// The most messages whose headers are checked before all are trusted.
const SAMPLES: usize = 256;
/// How much of a message is read at first to see its header, in octets.
const GLANCE: usize = 4096;

/// Start, content, end, octets (u64 each), digest, ordinal (u32), quoted lines (u32), octets of the surrogate
/// plus 1 or 0 (u64).
const ENTRY: usize = 64;
/// The same without the surrogate: the previous version.
const PREVIOUS_ENTRY: usize = 56;
/// Where the digest lies in an entry of either version.
const DIGEST: usize = 32;
const HEADER: usize = FileStamp::ENCODED + 8 + 32 + 4;

/// An index in memory, in the form in which it is stored.
#[derive(Clone)]
pub(super) struct MboxIndex {
    stored: Arc<Checksummed>,
    stamp: FileStamp,
    parsed: u64,
    anchor: [u8; 32],
    count: u32,
}

/// What was found in an mbox.
pub(super) struct FoundMessages<'a> {
    pub(super) messages: &'a [MboxMessage],
    /// For messages with equal digests, which of them each one is, from 1.
    pub(super) ordinals: &'a [u32],
    /// How much of the file was parsed, in octets.
    pub(super) parsed: u64,
    /// What it looked like before.
    pub(super) stamp: FileStamp,
}

impl MboxIndex {
    /// Decodes a stored index; `None` if it is not the index of an mbox.
    pub(super) fn of(stored: Arc<Checksummed>) -> Option<Self> {
        if stored.version() != IndexVersion::Current {
            return None;
        }
        let mut reader = Decoder(stored.body());
        let mut stamp = FileStamp::decode(&mut reader)?;
        let (parsed, anchor, count) = (reader.u64()?, reader.array()?, reader.u32()?);
        if !stored.is_of_this_boot() {
            stamp = stamp.unsettled();
        }
        let length = to_usize(count).checked_mul(ENTRY)?;
        (reader.0.len() == length).then_some(Self {
            stamp,
            parsed,
            anchor,
            count,
            stored: Arc::clone(&stored),
        })
    }

    /// Makes the index of `file` with these findings and keeps it for the next time, unless it equals
    /// `before`.
    pub(super) fn keep(
        shared: &OwnerContext,
        key: &IndexKey,
        file: &File,
        findings: &FoundMessages<'_>,
        before: Option<&Self>,
    ) -> io::Result<Self> {
        let &FoundMessages { messages, ordinals, parsed, stamp } = findings;
        let anchor = messages.last().map_or(Ok([0; 32]), |last| anchor(file, last))?;
        let count = to_u32(messages.len());
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
            && before.stored.is_of_this_boot()
            && before.stored.body() == body
        {
            return Ok(before.clone());
        }
        // It costs less to find nothing again than to write that down.
        let stored = match messages.is_empty() {
            true => shared.indexes.remember(key, &body),
            false => shared.keep_index(key, &body),
        };
        Ok(Self { stored, stamp, parsed, anchor, count })
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// What the file looked like before it was parsed.
    pub(super) fn stamp(&self) -> &FileStamp {
        &self.stamp
    }

    /// The index as it is stored.
    pub(super) fn stored(&self) -> &Checksummed {
        &self.stored
    }

    /// The message at `at`, counted from 0, and which of those with its digest it is.
    pub(super) fn message(&self, at: usize) -> Option<(MboxMessage, u32)> {
        let start = HEADER + at.checked_mul(ENTRY)?;
        let mut reader = Decoder(self.stored.body().get(start..)?);
        let (start, content, end, octets) = (reader.u64()?, reader.u64()?, reader.u64()?, reader.u64()?);
        let (digest, ordinal, quoted) = (reader.array()?, reader.u32()?, reader.u32()?);
        let surrogate = reader.u64()?.checked_sub(1);
        let eight_bit = surrogate.is_some();
        Some((MboxMessage { start, content, end, octets, digest, quoted, eight_bit, surrogate }, ordinal))
    }

    /// All messages.
    pub(super) fn messages(&self) -> Vec<MboxMessage> {
        (0..to_usize(self.count)).map_while(|at| self.message(at)).map(|(message, _)| message).collect()
    }

    /// The digest of each message, and which of those with its digest it is.
    pub(super) fn ordinals(&self) -> Vec<(Digest, u32)> {
        let all = (0..to_usize(self.count)).map_while(|at| self.message(at));
        all.map(|(message, ordinal)| (message.digest, ordinal)).collect()
    }

    /// Whether a file that looks like `now` has exactly these messages: the first proof.
    pub(super) fn describes(&self, now: &FileStamp) -> bool {
        self.parsed == now.size() && self.stamp.proves_unchanged(now)
    }

    /// Whether all messages but the last, and the beginning of the last, are still where they were: the
    /// second proof.
    pub(super) fn begins(&self, file: &File, now: &FileStamp) -> io::Result<bool> {
        let Some(last) = to_usize(self.count).checked_sub(1) else { return Ok(false) };
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

/// The digest of each message and which of those with its digest it is, if an index of the previous version
/// says so.
pub(super) fn previous_ordinals(stored: &Checksummed) -> Vec<(Digest, u32)> {
    let entries = match stored.version() {
        IndexVersion::Previous => stored.body().get(HEADER..).unwrap_or_default(),
        IndexVersion::Current => &[],
    };
    let ordinal = |entry: &[u8]| {
        let mut reader = Decoder(entry.get(DIGEST..)?);
        Some((reader.array()?, reader.u32()?))
    };
    entries.chunks_exact(PREVIOUS_ENTRY).filter_map(ordinal).collect()
}

/// What the previous version would have kept instead of `body`.
#[cfg(test)]
pub(crate) fn previous_body(body: &[u8]) -> Vec<u8> {
    let (header, entries) = body.split_at(HEADER);
    let entries = entries.chunks(ENTRY).flat_map(|entry| &entry[..PREVIOUS_ENTRY]);
    header.iter().chain(entries).copied().collect()
}

/// Up to [`SAMPLES`] different numbers below `count`, spread evenly.
fn samples(count: usize) -> impl Iterator<Item = usize> {
    let number = SAMPLES.min(count);
    (0..number).map(move |nth| nth * count / number)
}

/// Whether `message` begins where it did, according to its digest.
///
/// # Errors
///
/// `UnexpectedEof` if the file is too short.
pub(super) fn is_there(file: &File, message: &MboxMessage) -> io::Result<bool> {
    let all =
        usize::try_from(message.end.saturating_sub(message.start)).map_or(WINDOW, |all| all.min(WINDOW));
    let mut text = vec![0; all.min(GLANCE)];
    file.read_exact_at(&mut text, message.start)?;
    let head = match HeaderDigest::find(&text) {
        Some(head) => head,
        None => {
            let glanced = text.len();
            text.resize(all, 0);
            file.read_exact_at(&mut text[glanced..], message.start + to_u64(glanced))?;
            HeaderDigest::of(&text)
        }
    };
    Ok(head.digest(message.octets) == message.digest)
}

/// A hash of what comes before the message `last`, and of its start line.
fn anchor(file: &File, last: &MboxMessage) -> io::Result<[u8; 32]> {
    let from = last.start.saturating_sub(ANCHOR);
    let until = last.content.min(last.start.saturating_add(ANCHOR));
    let length = usize::try_from(until.saturating_sub(from)).map_err(io::Error::other)?;
    let mut text = vec![0; length];
    file.read_exact_at(&mut text, from)?;
    Ok(*blake3::hash(&text).as_bytes())
}
