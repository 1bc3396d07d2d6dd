//! Session ↔ maildrop: one channel for all sessions of a maildrop process, with the ticket in each message. A
//! session has at most one request under way, so replies need no number.

use serde::{Deserialize, Serialize};
use vocabulary::{LoginFailure, Storage};

use crate::user_log::{self, Detail, Note};
use crate::wire::ChannelMessage;
use crate::{LoginId, Payload, Ticket};

/// The most bodies in a reply if each has a descriptor (Maildir).
pub const MOST_WINDOW: u32 = 32;
const _: () = assert!(MOST_WINDOW as usize == sys::seqpacket::MOST_DESCRIPTORS);
/// The most bodies in a reply if they share a descriptor (mbox).
pub const MOST_EXTENTS: usize = 1024;
/// The most octets of all prefixes of a reply together.
pub const MOST_PREFIXES: usize = 16 * 1024;

/// A request of the session role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToMaildrop {
    /// Get the body of message `first`, and those of as many messages after it as the maildrop process sees
    /// fit.
    Fetch {
        /// The maildrop.
        ticket: Ticket,
        /// The message that is needed now.
        first: u32,
        /// The number of messages that are likely to be needed, from 1 to [`MOST_WINDOW`].
        window: u32,
    },
    /// The session ends with QUIT: carry out its update and release the locks.
    Finish {
        /// The maildrop.
        ticket: Ticket,
        /// A packed [`crate::SessionUpdate`].
        update: Payload,
        /// The last notes for the user's log.
        notes: Vec<Note>,
    },
    /// The session ended in another way: remove nothing and release the locks. There is no reply.
    Abandon {
        /// The maildrop.
        ticket: Ticket,
        /// The last notes for the user's log.
        notes: Vec<Note>,
    },
    /// Write these notes to the user's log.
    Note {
        /// The maildrop.
        ticket: Ticket,
        /// In the order in which they happened.
        notes: Vec<Note>,
    },
}

impl ChannelMessage for ToMaildrop {
    fn check(&self) -> Result<(), &'static str> {
        match self {
            Self::Fetch { first, window, .. } => {
                if *first == 0 || *window == 0 || *window > MOST_WINDOW {
                    return Err("a fetch out of range");
                }
                Ok(())
            }
            Self::Finish { notes, .. } | Self::Abandon { notes, .. } | Self::Note { notes, .. } => {
                user_log::check(notes)
            }
        }
    }
}

/// A reply of a maildrop process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromMaildrop {
    /// The maildrop is open and locked for this login.
    Opened {
        /// The login that auth accepted.
        login: LoginId,
        /// The ticket for all requests of the session.
        ticket: Ticket,
        /// The user name as auth decided it.
        user: String,
        /// A packed [`crate::PackedListing`].
        listing: Payload,
        /// What the user's log records, if there is one.
        user_log: Option<Detail>,
        /// Whether [`crate::SessionUpdate::read`] is needed at the end.
        marks_read: bool,
        /// How the maildrop is stored.
        storage: Storage,
        /// How long opening it took, in microseconds.
        micros: u64,
    },
    /// Auth accepted the login, but its maildrop cannot be opened.
    OpenFailed {
        /// The login.
        login: LoginId,
        /// The user name as auth decided it.
        user: String,
        /// [`LoginFailure::InUse`], `LoginDelay`, `Maildrop` or `Temporary`. The maildrop role has logged the
        /// path and the cause.
        why: LoginFailure,
    },
    /// The bodies of message `first` and those after it, with their descriptors.
    Fetched {
        /// The maildrop.
        ticket: Ticket,
        /// The number of the first message.
        first: u32,
        /// The location of each body.
        extents: Vec<BodyExtent>,
    },
    /// The first message of a fetch has no body.
    NotFetched {
        /// The maildrop.
        ticket: Ticket,
        /// The reason.
        why: NotFetched,
    },
    /// The session has ended after [`ToMaildrop::Finish`], and the locks are released.
    Finished {
        /// The maildrop.
        ticket: Ticket,
        /// The result of the deletions.
        outcome: UpdateOutcome,
    },
    /// Another program held the lock of a mailbox. Belongs to no session.
    LockWait {
        /// The time spent waiting for it, in milliseconds.
        millis: u64,
    },
    /// The notes are written.
    Noted {
        /// The maildrop.
        ticket: Ticket,
    },
}

impl ChannelMessage for FromMaildrop {
    fn check(&self) -> Result<(), &'static str> {
        match self {
            Self::Fetched { extents, first, .. } => {
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
            Self::Opened { user, .. } | Self::OpenFailed { user, .. }
                if user.len() > crate::login::MOST_USER =>
            {
                Err("the user name is too long")
            }
            Self::OpenFailed { why, .. } if !is_about_the_maildrop(*why) => {
                Err("a failure that no maildrop process can find")
            }
            Self::Opened { .. } | Self::OpenFailed { .. } => Ok(()),
            Self::NotFetched { .. } | Self::Finished { .. } | Self::LockWait { .. } | Self::Noted { .. } => {
                Ok(())
            }
        }
    }
}

/// Whether a maildrop process may report this failure. It runs as the owner of the mail, who could otherwise
/// make a session log a wrong password for another user.
fn is_about_the_maildrop(why: LoginFailure) -> bool {
    match why {
        LoginFailure::InUse | LoginFailure::LoginDelay | LoginFailure::Maildrop | LoginFailure::Temporary => {
            true
        }
        LoginFailure::Password
        | LoginFailure::UnknownUser
        | LoginFailure::Disabled
        | LoginFailure::DeniedHost
        | LoginFailure::ReverseLookup
        | LoginFailure::Plaintext
        | LoginFailure::Limit => false,
    }
}

/// A body: a range of the file behind one of the descriptors of the message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BodyExtent {
    /// Which descriptor, counted from 0.
    pub descriptor: u8,
    /// The offset of the body, in octets.
    pub offset: u64,
    /// The length of the body, in octets as stored.
    pub length: u64,
    /// Whole header lines, ended by CRLF, to send before the body. At most [`MOST_PREFIXES`] octets in a
    /// reply.
    #[serde(with = "serde_bytes")]
    pub prefix: Vec<u8>,
}

/// Why a body was not fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotFetched {
    /// Another program removed the message during the session.
    Vanished,
    /// A temporary failure.
    Temporary,
}

/// The result of the deletions of a session (RFC 1939, section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum UpdateOutcome {
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
        let extent = BodyExtent { descriptor: 1, offset: 1 << 40, length: 12, prefix: b"X: y\r\n".to_vec() };
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
        round_trip(&FromMaildrop::OpenFailed { login, user, why: LoginFailure::InUse });
        round_trip(&FromMaildrop::Fetched { ticket, first: 3, extents: vec![extent; 40] });
        round_trip(&FromMaildrop::NotFetched { ticket, why: NotFetched::Vanished });
        round_trip(&FromMaildrop::Finished { ticket, outcome: UpdateOutcome::Remaining(3) });
    }

    #[test]
    fn a_maildrop_process_reports_only_failures_of_the_maildrop() {
        let login = LoginId { generation: 0, number: 1 };
        let accepted = |why: &LoginFailure| {
            encode(&FromMaildrop::OpenFailed { login, user: "alice".to_owned(), why: *why }).is_ok()
        };
        let accepted: Vec<_> = LoginFailure::ALL.iter().copied().filter(accepted).collect();
        assert_eq!(
            accepted,
            [LoginFailure::Temporary, LoginFailure::InUse, LoginFailure::LoginDelay, LoginFailure::Maildrop]
        );
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
        let extent = BodyExtent { descriptor: 0, offset: u64::MAX / 2, length: u64::MAX / 2, prefix };
        let largest =
            FromMaildrop::Fetched { ticket: ticket(), first: u32::MAX, extents: vec![extent; MOST_EXTENTS] };
        assert!(encode(&largest).is_ok());
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        for (first, window) in [(0, 1), (1, 0), (1, MOST_WINDOW + 1)] {
            assert!(encode(&ToMaildrop::Fetch { ticket: ticket(), first, window }).is_err());
        }
        let beyond = BodyExtent { descriptor: 0, offset: u64::MAX, length: 1, prefix: vec![] };
        let wordy = BodyExtent { offset: 0, prefix: vec![0; MOST_PREFIXES + 1], ..beyond.clone() };
        for extents in [vec![], vec![beyond], vec![wordy]] {
            assert!(encode(&FromMaildrop::Fetched { ticket: ticket(), first: 1, extents }).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_octets_make_decoding_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode::<ToMaildrop>(&octets);
            let _ = decode::<FromMaildrop>(&octets);
            let _ = decode::<crate::login::LoginRequest>(&octets);
            let _ = decode::<crate::open::OpenRequest>(&octets);
            let _ = decode::<crate::hire::HireRequest>(&octets);
            let _ = decode::<crate::hire::Hired>(&octets);
            let _ = decode::<crate::steer::ToSession>(&octets);
            let _ = decode::<crate::log::LogLine>(&octets);
        }
    }
}
