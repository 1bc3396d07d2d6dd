//! What the roles say to each other: typed messages with bounds, over `SOCK_SEQPACKET` pairs.
//!
//! One module for each line of the picture in ARCHITECTURE.md:
//!
//! | module | from → to |
//! |---|---|
//! | [`login`] | session → auth, and auth's refusals back |
//! | [`open`] | auth → maildrop |
//! | [`mail`] | session ↔ maildrop |
//! | [`hire`] | auth ↔ supervisor: "I need a maildrop process of this uid" |
//! | [`steer`] | supervisor ↔ session |
//! | [`control`] | mpopdctl ↔ supervisor, over the control socket |
//! | [`log`] | every role → log |
//! | [`directory`] | auth ↔ mpopd-directory, and its settings from the supervisor |
//!
//! Decoding never panics and never trusts a length: a message is at most [`wire::MOST_OCTETS`] long,
//! every text in it has a bound of its own, and what is left over after the last field is an error.
#![forbid(unsafe_code)]

pub mod control;
pub mod directory;
pub mod hire;
pub mod listing;
pub mod log;
pub mod login;
pub mod mail;
pub mod numbers;
pub mod open;
pub mod payload;
pub mod report;
pub mod secret;
#[cfg(feature = "tokio")]
pub mod socket;
pub mod steer;
pub mod ticket;
pub mod update;
pub mod user_log;
pub mod wire;

pub use listing::{Listing, ListingBuilder};
pub use numbers::Numbers;
pub use payload::Payload;
pub use secret::Secret;
pub use ticket::{LoginId, Ticket};
pub use update::Update;
pub use wire::{Error, Message, receive, send};
