//! SASL: the server's side of the mechanisms of AUTH (RFC 4422, RFC 5034).
//!
//! [`SaslExchange::begin`] takes what came with AUTH, [`SaslExchange::answer`] each response after that. Both
//! return a [`SaslProgress`]. An exchange is a plain value of at most a few kilobytes; dropping it cancels
//! it.
//!
//! | mechanism | file | who decides |
//! |---|---|---|
//! | PLAIN, LOGIN | `password.rs` | [`Authenticator::login`](crate::Authenticator::login), like PASS |
//! | SCRAM-SHA-256, SCRAM-SHA-256-PLUS | `scram/` | the stored password; the client never sends it |
//! | EXTERNAL | `external.rs` | the verification of the client's certificate |
//! | OAUTHBEARER, XOAUTH2 | `bearer.rs` | a [`TokenCheck`] |
//!
//! A client may name another user to act as. That is refused unless it names the authenticated user.
//!
//! The mechanisms are implemented here rather than taken from the crate `rsasl` (2.3). Its SCRAM server gives
//! unknown users a new salt each time and tells them apart in the end, accepts `-PLUS` without channel
//! binding, and neither decodes nor prepares user names. Its LOGIN drops an initial response. Its callbacks
//! own what they need, while here one [`Authenticator`](crate::Authenticator) serves all exchanges.

mod bearer;
mod client;
mod exchange;
mod external;
mod password;
mod refusal;
mod saslname;
mod scram;
#[cfg(test)]
mod tests;

pub use crate::token_check::{BadToken, TokenCheck};
pub use client::SaslClient;
pub use exchange::{MOST_RESPONSE, SaslExchange, SaslProgress};
pub use refusal::SaslRefusal;
