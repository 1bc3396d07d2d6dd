//! STAT: the number of messages and their octets, without those marked as deleted (RFC 1939, section 5).

use crate::reply::{self, ReplyWriter};
use crate::transaction::TransactionState;
use crate::{CommandError, MessageListing};

pub(crate) fn run<L: MessageListing>(
    at: &TransactionState<L>,
    out: &mut ReplyWriter<'_>,
) -> Result<(), CommandError> {
    out.extend_from_slice(b"+OK ");
    reply::decimal(out, at.kept().into());
    out.push(b' ');
    reply::decimal(out, at.kept_octets());
    out.extend_from_slice(b"\r\n");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{number, text, transaction};

    #[test]
    fn marked_messages_do_not_count() {
        let mut at = transaction(&[100, 20, 3]);
        assert_eq!(text(|out| run(&at, out).unwrap()), "+OK 3 123\r\n");
        at.deletions.mark(number(2), 20, 3);
        assert_eq!(text(|out| run(&at, out).unwrap()), "+OK 2 103\r\n");
    }

    #[test]
    fn an_empty_maildrop() {
        assert_eq!(text(|out| run(&transaction(&[]), out).unwrap()), "+OK 0 0\r\n");
    }
}
