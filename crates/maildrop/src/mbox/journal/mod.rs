//! The journal: it makes it safe against a crash at any instruction to rewrite a mailbox in place.
//!
//! From the first change on, the rest of the file is replaced by a new tail: the kept mail, moved up, and
//! what is inserted. Then the file is cut. If it would not become shorter, it is first extended by
//! [`Padding`]. The steps, each durable before the next:
//!
//! 1. The journal is written and gets its name. It holds the tail and a record of what is to be done.
//! 2. A random marker is written where the file will end. From now on it is certain whether the file has been
//!    cut.
//! 3. The tail is written to its new place.
//! 4. The file is cut, which removes the marker.
//! 5. The journal is removed.
//!
//! After a crash, delivery agents may append mail before we see the mailbox again, whether it has been cut or
//! not. That mail is kept, too: see [`RewriteJournal::state`] for how the cases are told apart. Completing a
//! rewrite is idempotent, so a crash during that needs no special care.
//!
//! - [`rewrite`]: the journal of a rewrite; [`record`]: what it says is to be done;
//! - [`padding`]: octets added to a mailbox that would not become shorter;
//! - [`recovery`]: completes what a crash interrupted;
//! - [`place`], [`name`]: where a journal lies;
//! - [`region`]: parts of files.

mod name;
mod padding;
mod place;
mod record;
pub(super) mod recovery;
mod region;
mod rewrite;

pub(super) use self::name::JournalName;
pub(super) use self::padding::Padding;
pub(super) use self::place::{JournalPlace, Replaces, RewriteFailure};
pub(super) use self::region::FileRegion;
pub(super) use self::rewrite::{RewriteJournal, TailPart};
