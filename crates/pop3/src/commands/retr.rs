//! RETR: a whole message (RFC 1939, section 5).

use crate::language::Text;
use crate::reply::{self, Replies};
use crate::state::{Request, Transaction};
use crate::{Encoder, Listing, MessageNumber, Refusal};

/// Asks the driver for the message.
pub(crate) fn run<L: Listing>(at: &Transaction<L>, number: MessageNumber) -> Result<Request, Refusal> {
    Ok(Request { message: at.message(number)?, lines: None })
}

/// The driver has the message: the status line. Only now does LAST know of it.
pub(crate) fn begin<L: Listing>(
    at: &mut Transaction<L>,
    number: MessageNumber,
    out: &mut Replies<'_>,
) -> Encoder {
    at.last = at.last.max(Some(number));
    reply::ok(out, Text::Octets(at.listing.octets(number)));
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
        assert_eq!(run(&at, number(2)), Ok(Request { message: number(2), lines: None }));
        assert_eq!(run(&at, number(3)), Err(Refusal::NoSuchMessage(2)));
        at.deletions.mark(number(2), 20, 2);
        assert_eq!(run(&at, number(2)), Err(Refusal::Deleted));
    }

    #[test]
    fn the_status_line_has_the_octets_and_last_the_highest_number() {
        let mut at = transaction(&[100, 20]);
        let status = text(|out| {
            begin(&mut at, number(2), out);
        });
        assert_eq!(status, "+OK 20 octets\r\n");
        begin(&mut at, number(1), &mut Replies::new(&mut Vec::new(), Language::English));
        assert_eq!(at.last, Some(number(2)));
    }
}
