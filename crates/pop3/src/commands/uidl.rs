//! UIDL: the unique identifier of one message, or of all that are not marked (RFC 1939, section 7).

use crate::enumeration::{Column, Enumeration};
use crate::language::ReplyText;
use crate::reply::{self, ReplyWriter};
use crate::transaction::TransactionState;
use crate::{CommandError, MessageListing, MessageNumber};

/// UIDL with a message number.
pub(crate) fn one<L: MessageListing>(
    at: &TransactionState<L>,
    number: MessageNumber,
    out: &mut ReplyWriter<'_>,
) -> Result<(), CommandError> {
    let number = at.message(number)?;
    out.extend_from_slice(b"+OK ");
    Column::Uidl.line(at, number, out);
    Ok(())
}

/// UIDL without an argument. Appends the first piece and returns the rest.
pub(crate) fn all<L: MessageListing>(
    at: &TransactionState<L>,
    out: &mut ReplyWriter<'_>,
) -> Option<Enumeration> {
    reply::ok(out, ReplyText::Identifiers);
    Enumeration::start(Column::Uidl, at, out)
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
            one(&at, number(3), &mut ReplyWriter::new(&mut Vec::new(), Language::English)),
            Err(CommandError::NoSuchMessage(2))
        );
        at.deletions.mark(number(2), 20, 2);
        assert_eq!(
            one(&at, number(2), &mut ReplyWriter::new(&mut Vec::new(), Language::English)),
            Err(CommandError::Deleted)
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
