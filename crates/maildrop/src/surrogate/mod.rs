//! WithSurrogates: what a client gets that did not ask for UTF-8, in place of a message with UTF-8 in its header (RFC 6856, section
//! 2.1).
//!
//! The header is written anew in ASCII by the rules of RFC 6857; what follows it stays as it is, the headers of body parts too.
//! RFC 6858 has simpler rules, which leave out whatever is difficult. But a client of POP3 often removes what it has downloaded, and
//! what was left out would be lost for ever; here every character can be had back.
//!
//! A message keeps its UIDL, and only its index knows what its surrogate comes to. Octets beyond ASCII that are not UTF-8 are no
//! UTF-8 string: a field with such octets is sent as it is, as it was before there was UTF-8 in headers.
//!
//! - [`field`]: the fields of a header, and what becomes of each;
//! - [`address`], [`parameter`]: those that are not simply text;
//! - [`field_writer`]: encoded words and folded lines;
//! - [`served`]: the maildrop that serves surrogates.

mod address;
mod field;
mod field_writer;
mod header;
mod parameter;
mod served;

pub(crate) use self::header::{Surrogate, header_end, is_needed};
pub(crate) use self::served::WithSurrogates;
