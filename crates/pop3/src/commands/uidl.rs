//! UIDL: the unique identifier of one message or of all that are not marked (RFC 1939, section 7).

use crate::enumeration::{Enumeration, Table};
use crate::language::Text;
use crate::reply::{self, Replies};
use crate::state::Transaction;
use crate::{Listing, MessageNumber, Refusal};

/// UIDL with a message number.
pub(crate) fn one<L: Listing>(
    at: &Transaction<L>,
    number: MessageNumber,
    out: &mut Replies<'_>,
) -> Result<(), Refusal> {
    let number = at.message(number)?;
    out.extend_from_slice(b"+OK ");
    line(at, number, out);
    Ok(())
}

/// UIDL without an argument: the first piece; the rest follows step by step.
pub(crate) fn all<L: Listing>(at: &Transaction<L>, out: &mut Replies<'_>) -> Option<Enumeration> {
    reply::ok(out, Text::Identifiers);
    Enumeration::start(Table::Uidl, at, out)
}

/// The unique-id listing of a message: its number and its identifier.
pub(crate) fn line<L: Listing>(at: &Transaction<L>, number: MessageNumber, out: &mut Vec<u8>) {
    reply::decimal(out, number.get().into());
    out.push(b' ');
    out.extend_from_slice(at.listing.uidl(number));
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{number, text, transaction};
    use vocabulary::Language;

    #[test]
    fn one_message() {
        let mut at = transaction(&[100, 20]);
        assert_eq!(text(|out| one(&at, number(2), out).unwrap()), "+OK 2 uid-2\r\n");
        assert_eq!(
            one(&at, number(3), &mut Replies::new(&mut Vec::new(), Language::English)),
            Err(Refusal::NoSuchMessage(2))
        );
        at.deletions.mark(number(2), 20, 2);
        assert_eq!(
            one(&at, number(2), &mut Replies::new(&mut Vec::new(), Language::English)),
            Err(Refusal::Deleted)
        );
    }

    #[test]
    fn all_messages_but_the_marked() {
        let mut at = transaction(&[1, 2, 3]);
        at.deletions.mark(number(2), 2, 3);
        let list = text(|out| assert!(all(&at, out).is_none()));
        assert_eq!(list, "+OK unique-id listing follows\r\n1 uid-1\r\n3 uid-3\r\n.\r\n");
    }
}
