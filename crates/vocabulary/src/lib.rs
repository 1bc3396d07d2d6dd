//! The words that several crates share, each defined once.
//!
//! The configuration parses them, messages between processes carry them, and the roles act on them. The crate
//! holds no logic beyond the words themselves and depends on none of ours, so a role can use it without
//! seeing what any other role works with.
#![forbid(unsafe_code)]

mod log;
mod login_failure;
mod maildrop;
mod network;
mod protocol;
mod words;

pub use log::{LogFormat, LogLevel, LogTarget};
pub use login_failure::LoginFailure;
pub use maildrop::{Location, LockMethod, Storage, UnescapeFrom};
pub use network::{AllowPlaintext, TlsVersion};
pub use protocol::{Language, SaslMechanism};
pub use words::Words;
