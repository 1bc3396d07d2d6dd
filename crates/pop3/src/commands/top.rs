//! TOP: sends the header of a message and the first lines of its body (RFC 1939, section 7).

use super::argument::trim_blanks;
use crate::FetchRequest;
use crate::language::ReplyText;
use crate::number::decimal;
use crate::reply::{self, ReplyWriter};
use crate::transaction::TransactionState;
use crate::{CommandError, Encoder, MessageListing, MessageNumber};

/// Two numbers with blanks between them: the message, and the number of body lines, from 0.
pub(crate) fn parse(argument: &[u8]) -> Option<(MessageNumber, u64)> {
    let mut words = argument.splitn(2, |octet| *octet == b' ');
    Some((MessageNumber::parse(words.next()?)?, decimal(trim_blanks(words.next()?))?))
}

/// The request for the driver.
pub(crate) fn run<L: MessageListing>(
    at: &TransactionState<L>,
    number: MessageNumber,
    lines: u64,
) -> Result<FetchRequest, CommandError> {
    Ok(FetchRequest { message: at.message(number)?, lines: Some(lines) })
}

/// The driver has the message: appends the status line. TOP is not an access for LAST.
pub(crate) fn begin(lines: u64, out: &mut ReplyWriter<'_>) -> Encoder {
    reply::ok(out, ReplyText::TopOfMessage);
    Encoder::top(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{number, transaction};

    #[test]
    fn both_numbers_are_needed() {
        assert_eq!(parse(b"1 0"), Some((number(1), 0)));
        assert_eq!(parse(b"2   10"), Some((number(2), 10)));
        for wrong in [&b""[..], b"1", b"1 ", b"0 1", b"1 -1", b"1 x", b"1 2 3", b"1 18446744073709551616"] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_message_that_exists_is_asked_for() {
        let mut at = transaction(&[100]);
        assert_eq!(run(&at, number(1), 0), Ok(FetchRequest { message: number(1), lines: Some(0) }));
        assert_eq!(run(&at, number(2), 0), Err(CommandError::NoSuchMessage(1)));
        at.deletions.mark(number(1), 100, 1);
        assert_eq!(run(&at, number(1), 0), Err(CommandError::Deleted));
    }
}
