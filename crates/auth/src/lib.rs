//! Who may log in, and whose maildrop that opens.
//!
//! [`Authenticator::login`] is the whole of it: a name, a password and an address come in, an [`Account`] or a [`Refusal`]
//! comes out. On the way there are two questions, as in every mail server:
//! - the passdb (`passdb/`): is this who they say, and as which uid and gid do they own mail? One module for each source
//!   of users; so far user lists (`auth_type` 6).
//! - the userdb (`userdb/`): where is their maildrop?
//!
//! This crate blocks: it runs in the auth processes, each with an [`Authenticator`] of its own. It never opens a maildrop.
//!
//! A password is kept no longer than it is needed, and wiped after that; no message and no `Debug` output has one.
#![forbid(unsafe_code)]

mod authenticator;
mod name;
mod passdb;
mod password;
mod refusal;
mod userdb;

pub use authenticator::{Account, Authenticator, NotStarted, check};
pub use name::{BadName, UserName};
pub use refusal::Refusal;
pub use userdb::{Location, OwnerUid};
