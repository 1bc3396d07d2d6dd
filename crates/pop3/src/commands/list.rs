//! LIST: the size of one message, or of all that are not marked (RFC 1939, section 5).

use crate::enumeration::{Column, Enumeration};
use crate::language::ReplyText;
use crate::reply::{self, ReplyWriter};
use crate::transaction::TransactionState;
use crate::{CommandError, MessageListing, MessageNumber};

/// LIST with a message number.
pub(crate) fn one<L: MessageListing>(
    at: &TransactionState<L>,
    number: MessageNumber,
    out: &mut ReplyWriter<'_>,
) -> Result<(), CommandError> {
    let number = at.message(number)?;
    out.extend_from_slice(b"+OK ");
    Column::Octets.line(at, number, out);
    Ok(())
}

/// LIST without an argument. Appends the first piece and returns the rest.
pub(crate) fn all<L: MessageListing>(
    at: &TransactionState<L>,
    out: &mut ReplyWriter<'_>,
) -> Option<Enumeration> {
    reply::ok(out, ReplyText::Messages { messages: at.kept(), octets: at.kept_octets() });
    Enumeration::start(Column::Octets, at, out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{number, text, transaction};
    use vocabulary::Language;

    #[test]
    fn one_message() {
        let mut at = transaction(&[100, 20, 3]);
        assert_eq!(text(|out| one(&at, number(2), out).unwrap()), "+OK 2 20\r\n");
        assert_eq!(
            one(&at, number(4), &mut ReplyWriter::new(&mut Vec::new(), Language::English)),
            Err(CommandError::NoSuchMessage(3))
        );
        at.deletions.mark(number(2), 20, 3);
        assert_eq!(
            one(&at, number(2), &mut ReplyWriter::new(&mut Vec::new(), Language::English)),
            Err(CommandError::Deleted)
        );
    }

    #[test]
    fn all_messages_but_the_marked() {
        let mut at = transaction(&[100, 20, 3]);
        at.deletions.mark(number(1), 100, 3);
        let list = text(|out| assert!(all(&at, out).is_none()));
        assert_eq!(list, "+OK 2 messages (23 octets)\r\n2 20\r\n3 3\r\n.\r\n");
    }

    #[test]
    fn a_large_maildrop_comes_in_bounded_pieces() {
        let at = transaction(&vec![7; 10_000]);
        let (mut whole, mut piece) = (Vec::new(), Vec::new());
        let mut rest = all(&at, &mut ReplyWriter::new(&mut piece, Language::English));
        while let Some(next) = rest {
            assert!(piece.len() < 17 * 1024);
            whole.append(&mut piece);
            rest = next.resume(&at, &mut piece);
        }
        whole.append(&mut piece);
        let expected = (1..=10_000).map(|n| format!("{n} 7\r\n")).collect::<String>();
        let text = String::from_utf8(whole).unwrap();
        assert_eq!(text, format!("+OK 10000 messages (70000 octets)\r\n{expected}.\r\n"));
    }
}
