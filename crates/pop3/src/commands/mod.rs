//! The commands, one file each: how the argument is parsed, and what the command does in the state that
//! allows it.
//!
//! To add a command, add a [`Verb`](crate::Verb), a [`ClientCommand`], a file here, and an arm in
//! `dialogue/dispatch.rs`.

mod argument;
pub(crate) mod auth;
pub(crate) mod capa;
mod command;
pub(crate) mod dele;
pub(crate) mod lang;
pub(crate) mod last;
pub(crate) mod list;
pub(crate) mod noop;
pub(crate) mod pass;
pub(crate) mod quit;
pub(crate) mod retr;
pub(crate) mod rset;
pub(crate) mod stat;
pub(crate) mod stls;
pub(crate) mod top;
pub(crate) mod uidl;
pub(crate) mod user;
pub(crate) mod utf8;
pub(crate) mod xclient;

pub(crate) use command::ClientCommand;
pub use xclient::Forwarded;
