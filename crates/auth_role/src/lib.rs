//! The auth role: decides who may log in, and orders the maildrop processes to open maildrops.
//!
//! It runs as root, in several equal processes that all read one queue: the kernel hands each login to an
//! idle one. Each process blocks and handles one login at a time. From the network it parses only the two
//! texts of a login and the messages of a SASL exchange. A timer kills a process whose login hangs, for
//! example in a PAM module.
#![forbid(unsafe_code)]

mod login_server;
mod mail_roots;
mod maildrop_workers;
mod user_logs;
mod waiting_exchanges;

pub use login_server::{Channels, run};
pub use mail_roots::MailRoots;
pub use user_logs::{UserLogs, UserLogsError};
