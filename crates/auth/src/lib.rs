//! Who may log in, and which maildrop that opens.
//!
//! [`Authenticator::login`] is the whole of it: it takes a name, a password and an address, and returns an
//! [`Account`] or a [`LoginError`]. Three questions are answered on the way:
//! - access (`access/`): may this client connect at all?
//! - the passdb (`passdb/`, named as in other mail servers): is this the user they claim to be, and as which
//!   uid and gid do they own mail? There is one module for each source of users; `user_sources.rs` says which
//!   of them each `auth_type` asks.
//! - the userdb (`userdb/`): where is their maildrop?
//!
//! [`sasl`] has other ways to the same answer, in several steps.
//!
//! This crate blocks. It runs in the auth processes, each of which has its own [`Authenticator`]. It never
//! opens a maildrop.
//!
//! A password is kept no longer than it is needed, and wiped afterwards. No message and no `Debug` output
//! contains one.
#![forbid(unsafe_code)]

mod access;
mod account;
mod argon2_hash;
mod authenticator;
mod check_files;
mod decoy;
mod directory_client;
mod directory_setup;
mod directory_tokens;
mod file_version;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod host;
mod login_error;
#[cfg(test)]
mod login_tests;
mod mac_key;
mod mechanisms;
mod name;
mod passdb;
mod password;
mod password_cache;
mod password_costs;
mod prepared;
pub mod sasl;
mod scram_verifier;
mod token_check;
mod user_sources;
mod userdb;

pub use account::Account;
pub use authenticator::{Authenticator, AuthenticatorError};
pub use check_files::check;
pub use directory_setup::directory_setup;
pub use login_error::LoginError;
pub use name::{BadUserName, UserName};
pub use userdb::{OwnerUid, maildrop_of};
