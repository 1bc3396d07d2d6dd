//! RSET: unmarks all messages (RFC 1939, section 5) and resets LAST (RFC 1460).

use crate::language::ReplyText;
use crate::reply::{self, ReplyWriter};
use crate::transaction::TransactionState;
use crate::{CommandError, Deletions, MessageListing};

pub(crate) fn run<L: MessageListing>(
    at: &mut TransactionState<L>,
    out: &mut ReplyWriter<'_>,
) -> Result<(), CommandError> {
    at.deletions = Deletions::default();
    at.last = None;
    reply::ok(out, ReplyText::Maildrop { messages: at.kept(), octets: at.kept_octets() });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{number, text, transaction};

    #[test]
    fn marks_and_last_are_forgotten() {
        let mut at = transaction(&[100, 20]);
        at.deletions.mark(number(2), 20, 2);
        at.last = Some(number(2));
        assert_eq!(text(|out| run(&mut at, out).unwrap()), "+OK maildrop has 2 messages (120 octets)\r\n");
        assert!(at.deletions.is_empty() && at.last.is_none());
    }
}
