//! Who may log in, and whose maildrop that opens.
//!
//! [`Authenticator::login`] is the whole of it: a name, a password and an address come in, an [`Account`] or a [`Refusal`]
//! comes out. On the way there are three questions:
//! - access (`access/`): may this client connect at all?
//! - the passdb (`passdb/`, as in every mail server): is this who they say, and as which uid and gid do they own mail? One
//!   module for each source of users; `sources.rs` says which of them each `auth_type` asks.
//! - the userdb (`userdb/`): where is their maildrop?
//!
//! [`sasl`] has other ways to the same answer, in several steps.
//!
//! This crate blocks: it runs in the auth processes, each with an [`Authenticator`] of its own. It never opens a maildrop.
//! [`Penalties`] and [`Seats`] are for the session role, which holds the connections: they neither block nor look anything up.
//!
//! A password is kept no longer than it is needed, and wiped after that; no message and no `Debug` output has one.
#![forbid(unsafe_code)]

mod access;
mod argon2_hash;
mod authenticator;
mod cache;
mod check;
mod decoy;
mod directory;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod host;
mod name;
mod passdb;
mod password;
mod prepared;
mod refusal;
pub mod sasl;
mod scram_verifier;
mod secret_key;
mod sources;
mod stamp;
mod userdb;
#[cfg(test)]
mod verdicts;

pub use authenticator::{Account, Authenticator, NotStarted};
pub use check::check;
pub use directory::directory_setup;
pub use name::{BadName, UserName};
pub use refusal::Refusal;
pub use userdb::{Location, OwnerUid, maildrop_of};
