//! LIST: the octets of one message or of all that are not marked (RFC 1939, section 5).

use crate::enumeration::{Enumeration, Table};
use crate::language::Text;
use crate::reply::{self, Replies};
use crate::state::Transaction;
use crate::{Listing, MessageNumber, Refusal};

/// LIST with a message number.
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

/// LIST without an argument: the first piece; the rest follows step by step.
pub(crate) fn all<L: Listing>(at: &Transaction<L>, out: &mut Replies<'_>) -> Option<Enumeration> {
    reply::ok(out, Text::Messages { messages: at.kept(), octets: at.kept_octets() });
    Enumeration::start(Table::Octets, at, out)
}

/// The scan listing of a message: its number and its octets.
pub(crate) fn line<L: Listing>(at: &Transaction<L>, number: MessageNumber, out: &mut Vec<u8>) {
    reply::decimal(out, number.get().into());
    out.push(b' ');
    reply::decimal(out, at.listing.octets(number));
    out.extend_from_slice(b"\r\n");
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
            one(&at, number(4), &mut Replies::new(&mut Vec::new(), Language::English)),
            Err(Refusal::NoSuchMessage(3))
        );
        at.deletions.mark(number(2), 20, 3);
        assert_eq!(
            one(&at, number(2), &mut Replies::new(&mut Vec::new(), Language::English)),
            Err(Refusal::Deleted)
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
        let mut rest = all(&at, &mut Replies::new(&mut piece, Language::English));
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
