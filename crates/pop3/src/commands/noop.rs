//! NOOP: does nothing (RFC 1939, section 5).

use crate::CommandError;
use crate::language::ReplyText;
use crate::reply::{self, ReplyWriter};
use crate::transaction::TransactionState;

pub(crate) fn run<L>(_: &TransactionState<L>, out: &mut ReplyWriter<'_>) -> Result<(), CommandError> {
    reply::ok(out, ReplyText::NothingDone);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{text, transaction};

    #[test]
    fn noop_is_answered() {
        assert_eq!(text(|out| run(&transaction(&[]), out).unwrap()), "+OK nothing done\r\n");
    }
}
