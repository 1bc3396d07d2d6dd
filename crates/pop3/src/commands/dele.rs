//! DELE: marks a message as deleted; QUIT removes it (RFC 1939, section 5).

use crate::language::ReplyText;
use crate::reply::{self, ReplyWriter};
use crate::transaction::TransactionState;
use crate::{CommandError, MessageListing, MessageNumber};

pub(crate) fn run<L: MessageListing>(
    at: &mut TransactionState<L>,
    number: MessageNumber,
    out: &mut ReplyWriter<'_>,
) -> Result<(), CommandError> {
    let number = at.message(number)?;
    if !at.deletions.mark(number, at.listing.octets(number), at.listing.count()) {
        return Err(CommandError::Deleted);
    }
    reply::ok(out, ReplyText::Marked(number));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{number, text, transaction};
    use vocabulary::Language;

    #[test]
    fn a_message_is_marked_once() {
        let mut at = transaction(&[100, 20]);
        assert_eq!(text(|out| run(&mut at, number(2), out).unwrap()), "+OK message 2 marked as deleted\r\n");
        assert_eq!(
            run(&mut at, number(2), &mut ReplyWriter::new(&mut Vec::new(), Language::English)),
            Err(CommandError::Deleted)
        );
        assert_eq!(
            run(&mut at, number(3), &mut ReplyWriter::new(&mut Vec::new(), Language::English)),
            Err(CommandError::NoSuchMessage(2))
        );
        assert_eq!((at.kept(), at.kept_octets()), (1, 100));
    }
}
