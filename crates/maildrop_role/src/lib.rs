//! The maildrop role: opens, lists, hands out and removes the mail of one uid, as that uid.
//!
//! One process serves all sessions of its uid. Two groups of threads read two queues: orders to open, which
//! only auth can give (`orders.rs`), and requests of the session role (`requests.rs`), which need a ticket
//! that came with such an order. The kernel wakes one idle thread for each message.
//!
//! A session's locks and deletions live and die here: a session that ends without
//! [`ipc::mail::ToMaildrop::Finish`] removes nothing.
#![forbid(unsafe_code)]

mod last_logins;
mod listings;
mod logins_in_progress;
mod open_maildrops;
mod orders;
mod requests;
mod settings;
mod spool_group;
mod user_log;
mod worker;

pub use last_logins::LastLogins;
pub use logins_in_progress::LoginsInProgress;
pub use settings::{Channels, UserSettings, WorkerSettings};
pub use spool_group::SpoolGroup;
pub use worker::run;
