//! Session ↔ maildrop: one channel for all sessions of one maildrop process, the ticket in each
//! message. A session has at most one request under way, so an answer needs no number of its own.

use serde::{Deserialize, Serialize};
use vocabulary::{LoginFailure, Storage};

use crate::user_log::{self, Detail, Note};
use crate::wire::Message;
use crate::{LoginId, Payload, Ticket};

/// The most bodies in one answer of a maildrop of single files: one descriptor each.
pub const MOST_WINDOW: u32 = sys::seqpacket::MOST_DESCRIPTORS as u32;
/// The most bodies in one answer when they share a descriptor (mbox).
pub const MOST_EXTENTS: usize = 1024;
/// The most octets that all prefixes of an answer may have together.
pub const MOST_PREFIXES: usize = 16 * 1024;

/// What the session role asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToMaildrop {
    /// The bodies of message `first` and of those after it, as far as the maildrop finds sensible.
    Fetch {
        /// Whose maildrop.
        ticket: Ticket,
        /// The message wanted now.
        first: u32,
        /// How many in all are likely to be wanted, 1 to [`MOST_WINDOW`].
        window: u32,
    },
    /// The session ends with QUIT: do what it leaves to be done, give up the locks.
    Finish {
        /// Whose maildrop.
        ticket: Ticket,
        /// A packed [`crate::Update`].
        update: Payload,
        /// The last of the user's log.
        notes: Vec<Note>,
    },
    /// The session ended in any other way: remove nothing, give up the locks. No answer.
    Abandon {
        /// Whose maildrop.
        ticket: Ticket,
        /// The last of the user's log.
        notes: Vec<Note>,
    },
    /// Write these into the user's log.
    Note {
        /// Whose maildrop.
        ticket: Ticket,
        /// In the order in which they happened.
        notes: Vec<Note>,
    },
}

impl Message for ToMaildrop {
    fn check(&self) -> Result<(), &'static str> {
        match self {
            ToMaildrop::Fetch { first, window, .. } => {
                if *first == 0 || *window == 0 || *window > MOST_WINDOW {
                    return Err("a fetch out of range");
                }
                Ok(())
            }
            ToMaildrop::Finish { notes, .. }
            | ToMaildrop::Abandon { notes, .. }
            | ToMaildrop::Note { notes, .. } => user_log::check(notes),
        }
    }
}

/// What a maildrop process answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromMaildrop {
    /// The maildrop is open and locked for this login.
    Opened {
        /// The login that auth accepted.
        login: LoginId,
        /// What the session shows from now on.
        ticket: Ticket,
        /// The user's name as auth settled it.
        user: String,
        /// A packed [`crate::Listing`].
        listing: Payload,
        /// What to note for the user's log, if there is one.
        user_log: Option<Detail>,
        /// Whether [`crate::Update::read`] is wanted at the end.
        marks_read: bool,
        /// How the maildrop is stored.
        storage: Storage,
        /// How long opening it took, in microseconds.
        micros: u64,
    },
    /// Auth accepted the login, but its maildrop cannot be opened.
    NotOpened {
        /// The login.
        login: LoginId,
        /// The user's name as auth settled it.
        user: String,
        /// Why: [`LoginFailure::InUse`], `LoginDelay`, `Maildrop` or `Temporary`. The maildrop role has logged path and cause.
        why: LoginFailure,
    },
    /// The bodies of message `first` and the following ones, with their descriptors.
    Fetched {
        /// Whose maildrop.
        ticket: Ticket,
        /// The first message's number.
        first: u32,
        /// Where each body lies.
        extents: Vec<Extent>,
    },
    /// There is no body of the first message of a fetch.
    NotFetched {
        /// Whose maildrop.
        ticket: Ticket,
        /// Why.
        why: NotFetched,
    },
    /// The end of a session that asked for [`ToMaildrop::Finish`]; the locks are given up.
    Finished {
        /// Whose maildrop.
        ticket: Ticket,
        /// What became of the deletions.
        outcome: Outcome,
    },
    /// Another program held a mailbox's lock; belongs to no session.
    LockWait {
        /// For how long it was waited for, in milliseconds.
        millis: u64,
    },
    /// The notes were taken.
    Noted {
        /// Whose maildrop.
        ticket: Ticket,
    },
}

impl Message for FromMaildrop {
    fn check(&self) -> Result<(), &'static str> {
        match self {
            FromMaildrop::Fetched { extents, first, .. } => {
                if extents.is_empty() || extents.len() > MOST_EXTENTS || *first == 0 {
                    return Err("bodies out of range");
                }
                if extents.iter().any(|extent| extent.offset.checked_add(extent.length).is_none()) {
                    return Err("a body beyond 64 bits");
                }
                if extents.iter().map(|extent| extent.prefix.len()).sum::<usize>() > MOST_PREFIXES {
                    return Err("prefixes out of bounds");
                }
                Ok(())
            }
            FromMaildrop::Opened { user, .. } | FromMaildrop::NotOpened { user, .. } => {
                if user.len() > crate::login::MOST_USER {
                    return Err("the user name is too long");
                }
                Ok(())
            }
            FromMaildrop::NotFetched { .. }
            | FromMaildrop::Finished { .. }
            | FromMaildrop::LockWait { .. }
            | FromMaildrop::Noted { .. } => Ok(()),
        }
    }
}

/// A body: a part of what one of the message's descriptors reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// Which descriptor, counted from 0.
    pub descriptor: u8,
    /// Where the body begins, in octets.
    pub offset: u64,
    /// How long it is, in octets as stored.
    pub length: u64,
    /// Whole header lines that come before it, ended by CRLF; of all bodies of an answer together at most [`MOST_PREFIXES`] octets.
    #[serde(with = "serde_bytes")]
    pub prefix: Vec<u8>,
}

/// Why a body was not fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotFetched {
    /// Another program removed the message during the session.
    Vanished,
    /// A failure that may pass.
    Temporary,
}

/// What became of a session's deletions (RFC 1939, section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// All are removed.
    Removed,
    /// Another program changed the maildrop: nothing was removed, nothing is lost.
    Changed,
    /// This many could not be removed.
    Remaining(u32),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user_log::Noted;
    use crate::wire::{decode, encode, tests::round_trip};
    use proptest::prelude::*;

    fn ticket() -> Ticket {
        Ticket::issue().unwrap()
    }

    #[test]
    fn requests_survive() {
        round_trip(&ToMaildrop::Fetch { ticket: ticket(), first: 1, window: MOST_WINDOW });
        let notes = vec![
            note(Noted::Opened),
            note(Noted::Retrieved(u64::MAX)),
            note(Noted::Command("STAT".into())),
            note(Noted::Closed("quit".into())),
        ];
        let update = Payload::Inline(vec![1; 80]);
        round_trip(&ToMaildrop::Finish { ticket: ticket(), update, notes: notes.clone() });
        round_trip(&ToMaildrop::Finish { ticket: ticket(), update: Payload::Sealed, notes: Vec::new() });
        round_trip(&ToMaildrop::Abandon { ticket: ticket(), notes: notes.clone() });
        round_trip(&ToMaildrop::Note { ticket: ticket(), notes });
    }

    #[test]
    fn answers_survive() {
        let login = LoginId { generation: 9, number: 7 };
        let extent = Extent { descriptor: 1, offset: 1 << 40, length: 12, prefix: b"X: y\r\n".to_vec() };
        let user = String::from("alice");
        let listing = Payload::Inline(vec![0; 100]);
        let user_log = Some(Detail::Commands);
        let storage = Storage::Disk;
        for marks_read in [false, true] {
            let (ticket, user, listing, micros) = (ticket(), user.clone(), listing.clone(), u64::MAX);
            round_trip(&FromMaildrop::Opened {
                login,
                ticket,
                user,
                listing,
                user_log,
                marks_read,
                storage,
                micros,
            });
        }
        let ticket = ticket();
        round_trip(&FromMaildrop::LockWait { millis: 1500 });
        round_trip(&FromMaildrop::Noted { ticket });
        round_trip(&FromMaildrop::NotOpened { login, user, why: LoginFailure::InUse });
        round_trip(&FromMaildrop::Fetched { ticket, first: 3, extents: vec![extent; 40] });
        round_trip(&FromMaildrop::NotFetched { ticket, why: NotFetched::Vanished });
        round_trip(&FromMaildrop::Finished { ticket, outcome: Outcome::Remaining(3) });
    }

    fn note(what: Noted) -> Note {
        Note { time: 1_800_000_000, what }
    }

    #[test]
    fn notes_that_are_too_many_or_no_lines_are_refused() {
        let most = user_log::MOST_OCTETS / Note::OCTETS;
        for notes in [
            vec![note(Noted::Opened); most + 1],
            vec![note(Noted::Command("a\nb".into()))],
            vec![note(Noted::Closed("x".repeat(user_log::MOST_TEXT + 1)))],
        ] {
            assert!(encode(&ToMaildrop::Note { ticket: ticket(), notes }).is_err());
        }
        let update = Payload::Inline(vec![0; crate::payload::MOST_INLINE]);
        let notes = vec![note(Noted::Retrieved(u64::MAX)); most];
        assert!(
            encode(&ToMaildrop::Finish { ticket: ticket(), update, notes }).is_ok(),
            "the largest request"
        );
    }

    #[test]
    fn the_largest_answer_fits_its_packet() {
        let prefix = vec![0; MOST_PREFIXES / MOST_EXTENTS];
        let extent = Extent { descriptor: 0, offset: u64::MAX / 2, length: u64::MAX / 2, prefix };
        let largest =
            FromMaildrop::Fetched { ticket: ticket(), first: u32::MAX, extents: vec![extent; MOST_EXTENTS] };
        assert!(encode(&largest).is_ok());
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        for (first, window) in [(0, 1), (1, 0), (1, MOST_WINDOW + 1)] {
            assert!(encode(&ToMaildrop::Fetch { ticket: ticket(), first, window }).is_err());
        }
        let beyond = Extent { descriptor: 0, offset: u64::MAX, length: 1, prefix: vec![] };
        let wordy = Extent { offset: 0, prefix: vec![0; MOST_PREFIXES + 1], ..beyond.clone() };
        for extents in [vec![], vec![beyond], vec![wordy]] {
            assert!(encode(&FromMaildrop::Fetched { ticket: ticket(), first: 1, extents }).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_octets_make_decoding_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode::<ToMaildrop>(&octets);
            let _ = decode::<FromMaildrop>(&octets);
            let _ = decode::<crate::login::Login>(&octets);
            let _ = decode::<crate::open::Open>(&octets);
            let _ = decode::<crate::hire::Hire>(&octets);
            let _ = decode::<crate::hire::Hired>(&octets);
            let _ = decode::<crate::steer::ToSession>(&octets);
            let _ = decode::<crate::log::Line>(&octets);
        }
    }
}
