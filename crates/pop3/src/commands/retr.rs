//! RETR: sends a whole message (RFC 1939, section 5).

use crate::FetchRequest;
use crate::language::ReplyText;
use crate::reply::{self, ReplyWriter};
use crate::transaction::TransactionState;
use crate::{CommandError, Encoder, MessageListing, MessageNumber};

/// The request for the driver.
pub(crate) fn run<L: MessageListing>(
    at: &TransactionState<L>,
    number: MessageNumber,
) -> Result<FetchRequest, CommandError> {
    Ok(FetchRequest { message: at.message(number)?, lines: None })
}

/// The driver has the message: appends the status line. The access counts for LAST only from now on.
pub(crate) fn begin<L: MessageListing>(
    at: &mut TransactionState<L>,
    number: MessageNumber,
    out: &mut ReplyWriter<'_>,
) -> Encoder {
    at.last = at.last.max(Some(number));
    reply::ok(out, ReplyText::Octets(at.listing.octets(number)));
    Encoder::retr()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{number, text, transaction};
    use vocabulary::Language;

    #[test]
    fn a_message_that_exists_is_asked_for() {
        let mut at = transaction(&[100, 20]);
        assert_eq!(run(&at, number(2)), Ok(FetchRequest { message: number(2), lines: None }));
        assert_eq!(run(&at, number(3)), Err(CommandError::NoSuchMessage(2)));
        at.deletions.mark(number(2), 20, 2);
        assert_eq!(run(&at, number(2)), Err(CommandError::Deleted));
    }

    #[test]
    fn the_status_line_has_the_octets_and_last_the_highest_number() {
        let mut at = transaction(&[100, 20]);
        let status = text(|out| {
            begin(&mut at, number(2), out);
        });
        assert_eq!(status, "+OK 20 octets\r\n");
        begin(&mut at, number(1), &mut ReplyWriter::new(&mut Vec::new(), Language::English));
        assert_eq!(at.last, Some(number(2)));
    }
}
