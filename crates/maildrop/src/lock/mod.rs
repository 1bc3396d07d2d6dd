//! Locks: [`session`] allows one session per maildrop. [`LockedMailbox`] keeps delivery agents and mail
//! programs out of an mbox while it is parsed or rewritten.

mod dotlock;
mod failure;
mod mail_group;
mod mailbox;
pub(crate) mod session;

pub use self::mail_group::MailGroup;
pub(crate) use self::mailbox::{LockedMailbox, Locker};
