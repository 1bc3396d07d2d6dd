//! Maildrops: the mail of one user, as a list of numbered messages (RFC 1939, sections 4 and 5).
//!
//! An [`Opener`] opens what a [`vocabulary::Location`] names, and returns a [`Maildrop`], which one session
//! holds. It gives sizes and UIDLs, descriptors to read the messages from, and at the end it carries out the
//! deletions. Only [`Maildrop::commit`] changes any mail; dropping a maildrop leaves it as it was.
//!
//! The calls block, and may come from many threads at once. The process must run as the mailbox owner: what
//! the owner may not read or write is not served.
//!
//! - `mbox`: one file, read in place; the scanner, the proof that the file is unchanged, the rewrite and its
//!   journal;
//! - `memory_file`, `spool`: the copies from which an mbox is served that is not read in place;
//! - `maildir`: one file per message;
//! - `surrogate`: what clients that do not ask for UTF-8 get instead of messages with UTF-8 in their headers;
//! - `migration`: the UIDLs that another server handed out;
//! - `lock`: the session lock, and the locks that delivery agents honour;
//! - `index`: what was found out about a maildrop, kept for the next time;
//! - [`Disk`]: every operation that changes a file, so that tests can count them, make them fail, and lose
//!   them.

#![forbid(unsafe_code)]

mod calendar;
mod delivered;
mod detect;
mod disk;
mod error;
mod file_stamp;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod index;
mod lock;
mod maildir;
mod maildrop;
mod mbox;
mod memory_file;
mod migration;
mod notice;
mod opener;
mod received;
mod settings;
mod shared;
mod spool;
mod state_folder;
mod surrogate;
mod uidl;
mod widths;
mod wire;

pub use delivered::Delivered;
pub use detect::detect;
pub use disk::{Disk, Kernel};
pub use error::{CommitError, FetchError, OpenError};
pub use lock::MailGroup;
pub use maildrop::{ListedMessage, Maildrop, MaildropUpdate, StoredMessage};
pub use mbox::{Boundaries, BoundaryError};
pub use migration::{UidlComparison, UidlScheme, UidlSchemeError};
pub use notice::Notice;
pub use opener::{Opener, SessionOptions};
pub use received::ReceivedHeader;
pub use settings::Settings;
pub use uidl::Uidl;
