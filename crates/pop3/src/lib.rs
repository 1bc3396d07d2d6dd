//! The POP3 protocol of RFC 1939, with AUTH (RFC 5034) and STLS (RFC 2595), UTF8 and LANG (RFC 6856), sans-I/O: octets in, replies and effects out.
//!
//! [`Dialogue`] is the server's side of one connection. It owns no socket, no clock and no message: the driver
//! feeds it what the client sent, writes what it appends, and carries out the effects that [`Dialogue::step`]
//! hands out (such as [`Step::Login`]). Every effect is answered by one call.
//!
//! | effect | answered by |
//! |---|---|
//! | [`Step::Login`] | [`Dialogue::logged_in`] or [`Dialogue::login_refused`] |
//! | [`Step::Auth`], [`Step::AuthResponse`] | [`Dialogue::auth_challenge`]; or as [`Step::Login`] |
//! | [`Step::StartTls`] | [`Dialogue::tls_started`] |
//! | [`Step::Forward`] | [`Dialogue::forwarded`] |
//! | [`Step::Send`] | [`Dialogue::begin_message`], then [`Dialogue::end_message`]; or [`Dialogue::message_failed`] |
//! | [`Step::Finish`] | [`Dialogue::finished`] |
//!
//! [`Encoder`] writes a message the way RETR and TOP send it, chunk by chunk. [`MultilineDecoder`] and
//! [`ReplyReader`] are the client's side of the same rules. [`proxy::parse`] reads what a proxy says before its client does.
//!
//! ```
//! use pop3::{Commit, Dialogue, Listing, MessageNumber, Policy, Progress, Step, Tls};
//! use std::sync::Arc;
//!
//! struct Maildrop(Vec<&'static [u8]>);
//! impl Listing for Maildrop {
//!     fn count(&self) -> u32 { self.0.len() as u32 }
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
//!         Step::Send(_) => {
//!             let Some(mut encoder) = dialogue.begin_message(&mut out) else { continue };
//!             for chunk in message.chunks(7) {
//!                 if encoder.encode(chunk, &mut out) == Progress::Enough { break }
//!             }
//!             dialogue.end_message(encoder, &mut out);
//!         }
//!         Step::Finish(deletions) => {
//!             assert!(deletions.is_empty());
//!             dialogue.finished(Commit::Done, &mut out);
//!         }
//!         // Nothing of that is offered.
//!         Step::Name(_) | Step::StartTls | Step::Forward(_) | Step::Auth(_) | Step::AuthResponse(_) | Step::AuthCancelled => unreachable!(),
//!         Step::NeedInput | Step::Waiting | Step::Close(_) => break,
//!     }
//! }
//! let text = String::from_utf8(out).unwrap();
//! assert!(text.contains("+OK 21 octets\r\nSubject: hi\r\n\r\n..dot\r\n.\r\n+OK"));
//! ```
#![forbid(unsafe_code)]

mod code;
mod commands;
mod credentials;
mod decode;
mod deletions;
mod dialogue;
mod encode;
mod enumeration;
mod language;
mod line;
mod listing;
mod login_failure;
mod number;
mod policy;
pub mod proxy;
mod record;
mod refusal;
mod reply;
mod sasl;
mod state;
mod step;
#[cfg(test)]
mod testing;
mod tls;

pub use code::ResponseCode;
pub use commands::{Forwarded, Verb};
pub use credentials::{Credentials, Secret, UserName};
pub use decode::{Decoded, MultilineDecoder, Reply, ReplyError, ReplyKind, ReplyReader};
pub use deletions::Deletions;
pub use dialogue::Dialogue;
pub use encode::{Encoder, Progress, octets};
pub use line::{Line, LineReader, LineText, MAX_COMMAND_LINE};
pub use listing::Listing;
pub use number::MessageNumber;
pub use policy::Policy;
pub use record::{Record, Tally};
pub use refusal::{CloseReason, Commit, MessageFault, Refusal, Shutdown};
pub use sasl::{AuthRequest, MAX_SASL_LINE, Mechanisms, Response};
pub use state::{Phase, Request};
pub use step::Step;
pub use tls::{Plaintext, Tls};
