//! LAST: the highest message number that RETR has accessed in this session, or 0 (RFC 1460).

use crate::reply::{self, ReplyWriter};
use crate::transaction::TransactionState;
use crate::{CommandError, MessageNumber};

pub(crate) fn run<L>(at: &TransactionState<L>, out: &mut ReplyWriter<'_>) -> Result<(), CommandError> {
    out.extend_from_slice(b"+OK ");
    reply::decimal(out, at.last.map_or(0, MessageNumber::get).into());
    out.extend_from_slice(b"\r\n");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{number, text, transaction};

    #[test]
    fn zero_until_a_message_was_accessed() {
        let mut at = transaction(&[100, 20]);
        assert_eq!(text(|out| run(&at, out).unwrap()), "+OK 0\r\n");
        at.last = Some(number(2));
        assert_eq!(text(|out| run(&at, out).unwrap()), "+OK 2\r\n");
    }
}
