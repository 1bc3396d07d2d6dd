//! Surrogates: what a client that did not ask for UTF-8 gets instead of a message with UTF-8 in its header
//! (RFC 6856, section 2.1).
//!
//! The header is rewritten in ASCII by the rules of RFC 6857. What follows it stays as it is, including the
//! headers of body parts. RFC 6858 has simpler rules, which leave out everything difficult. But POP3 clients
//! often remove what they have downloaded, and what was left out would be lost forever. With the rules used
//! here, every character can be recovered.
//!
//! A message keeps its UIDL, and only its index knows the size of its surrogate. Octets beyond ASCII that are
//! not valid UTF-8 are not converted: a field with such octets is sent as it is, as it was before there was
//! UTF-8 in headers.
//!
//! - [`field`]: the fields of a header, and how each one is converted;
//! - [`address`], [`parameter`]: fields that are not simply text;
//! - [`field_writer`]: encoded words and folded lines;
//! - [`header`]: the surrogate of a header;
//! - [`served`]: the maildrop that serves surrogates.

mod address;
mod field;
mod field_writer;
mod header;
mod parameter;
mod served;

pub(crate) use self::header::{Surrogate, header_end, is_needed};
pub(crate) use self::served::WithSurrogates;
