//! The POP3 protocol of RFC 1939, with AUTH (RFC 5034), STLS (RFC 2595), UTF8 and LANG (RFC 6856), sans-I/O:
//! octets in, replies and effects out.
//!
//! [`Dialogue`] is the server's side of one connection. It owns no socket, no clock and no message. The
//! driver feeds it what the client sent, writes what it appends, and carries out the effects that
//! [`Dialogue::step`] returns (such as [`Step::Login`]). The driver answers each effect with one call:
//!
//! | effect | answered by |
//! |---|---|
//! | [`Step::LookUpUser`] | [`Dialogue::user_known`] or [`Dialogue::login_refused`] |
//! | [`Step::Login`] | [`Dialogue::logged_in`] or [`Dialogue::login_refused`] |
//! | [`Step::Auth`], [`Step::AuthResponse`] | [`Dialogue::auth_challenge`], or as [`Step::Login`] |
//! | [`Step::StartTls`] | [`Dialogue::tls_started`] |
//! | [`Step::Forward`] | [`Dialogue::forwarded`] |
//! | [`Step::Fetch`] | [`Dialogue::begin_message`], and at its end [`Dialogue::end_message`] |
//! | | or [`Dialogue::message_failed`] |
//! | [`Step::Finish`] | [`Dialogue::finished`] |
//!
//! [`Encoder`] writes a message as RETR and TOP send it, chunk by chunk. [`MultilineDecoder`] and
//! [`ReplyReader`] are the client's side of the same rules. [`proxy::parse`] reads the header that a proxy
//! sends before its client's first octet.
//!
//! ```
//! use pop3::{Commit, Dialogue, MessageListing, MessageNumber, Policy, EncodeProgress, Step, Tls};
//! use std::sync::Arc;
//!
//! struct Maildrop(Vec<&'static [u8]>);
//! impl MessageListing for Maildrop {
//!     fn count(&self) -> u32 { self.0.len().try_into().unwrap() }
//!     fn octets(&self, n: MessageNumber) -> u64 { pop3::octets(self.0[n.index()]) }
//!     fn uidl(&self, _: MessageNumber) -> &[u8] { b"only-one" }
//!     fn total_octets(&self) -> u64 { self.0.iter().map(|m| pop3::octets(m)).sum() }
//! }
//!
//! let message: &[u8] = b"Subject: hi\n\n.dot\n";
//! let mut dialogue = Dialogue::new(Arc::new(Policy::default()), Tls::Active, Arc::new([]));
//! let mut input: &[u8] = b"USER alice\r\nPASS open sesame\r\nRETR 1\r\nQUIT\r\n";
//! let mut out = Vec::new();
//! dialogue.greet("ready", &mut out);
//! loop {
//!     match dialogue.step(&mut input, &mut out) {
//!         Step::Replied => {} // a good moment to write `out` to the client
//!         Step::Login(login) => {
//!             assert_eq!(login.password.expose(), b"open sesame");
//!             dialogue.logged_in(login.user, Maildrop(vec![message]), &mut out);
//!         }
//!         Step::Fetch(_) => {
//!             let Some(mut encoder) = dialogue.begin_message(&mut out) else { continue };
//!             for chunk in message.chunks(7) {
//!                 if encoder.encode(chunk, &mut out) == EncodeProgress::Enough { break }
//!             }
//!             dialogue.end_message(encoder, &mut out);
//!         }
//!         Step::Finish(deletions) => {
//!             assert!(deletions.is_empty());
//!             dialogue.finished(Commit::Done, &mut out);
//!         }
//!         // This server offers none of these.
//!         Step::LookUpUser(_) | Step::StartTls | Step::Forward(_) => unreachable!(),
//!         Step::Auth(_) | Step::AuthResponse(_) | Step::AuthCancelled => unreachable!(),
//!         Step::NeedInput | Step::Waiting | Step::Close(_) => break,
//!     }
//! }
//! let text = String::from_utf8(out).unwrap();
//! assert!(text.contains("+OK 21 octets\r\nSubject: hi\r\n\r\n..dot\r\n.\r\n+OK"));
//! ```
#![forbid(unsafe_code)]

mod close_reason;
mod command_error;
mod command_record;
mod commands;
mod commit;
mod credentials;
mod decode;
mod deletions;
mod dialogue;
mod encode;
mod enumeration;
mod fetch_request;
mod language;
mod line;
mod login_failure;
mod message_error;
mod message_listing;
mod number;
mod policy;
pub mod proxy;
mod reply;
mod response_code;
mod sasl;
mod session_tally;
mod state;
mod status_line;
mod step;
#[cfg(test)]
mod testing;
mod tls;
mod transaction;
mod verb;

pub use close_reason::{CloseReason, Shutdown};
pub use command_error::CommandError;
pub use command_record::CommandRecord;
pub use commands::Forwarded;
pub use commit::Commit;
pub use credentials::{Credentials, LoginName, LoginPassword};
pub use decode::{Decoded, MultilineDecoder};
pub use deletions::Deletions;
pub use dialogue::Dialogue;
pub use encode::{EncodeProgress, Encoder, octets};
pub use fetch_request::FetchRequest;
pub use line::{LineReader, LineText, MAX_COMMAND_LINE, NextLine};
pub use message_error::MessageError;
pub use message_listing::MessageListing;
pub use number::MessageNumber;
pub use policy::Policy;
pub use response_code::ResponseCode;
pub use sasl::{AuthRequest, MAX_SASL_LINE, Mechanisms, SaslResponse};
pub use session_tally::SessionTally;
pub use state::SessionPhase;
pub use status_line::{ReplyError, ReplyKind, ReplyReader, StatusLine};
pub use step::Step;
pub use tls::{Plaintext, Tls};
pub use verb::Verb;
