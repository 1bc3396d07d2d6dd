//! The messages between the processes of mpopd: typed, with bounds, over `SOCK_SEQPACKET` pairs.
//!
//! Each channel in the picture in ARCHITECTURE.md has a module:
//!
//! | module | from → to |
//! |---|---|
//! | [`login`] | session → auth, and the verdicts of auth back |
//! | [`open`] | auth → maildrop |
//! | [`mail`] | session ↔ maildrop |
//! | [`hire`] | auth ↔ supervisor: "I need a maildrop process of this uid" |
//! | [`steer`] | supervisor ↔ session |
//! | [`control`] | mpopdctl ↔ supervisor, over the control socket |
//! | [`log`] | every role → log |
//! | [`directory`] | auth ↔ mpopd-directory, and its settings from the supervisor |
//!
//! Decoding never panics and never trusts a length: a message is at most [`wire::MOST_OCTETS`] long, every
//! text in it has its own bound, and octets after the last field are an error.
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

pub use listing::{ListingBuilder, PackedListing};
pub use numbers::MessageNumbers;
pub use payload::Payload;
pub use secret::SecretOctets;
pub use ticket::{LoginId, Ticket};
pub use update::SessionUpdate;
pub use wire::{ChannelMessage, Error, receive, send};
