//! NOOP: does nothing (RFC 1939, section 5).

use crate::Refusal;
use crate::language::ReplyText;
use crate::reply::{self, ReplyWriter};
use crate::transaction::TransactionState;

pub(crate) fn run<L>(_: &TransactionState<L>, out: &mut ReplyWriter<'_>) -> Result<(), Refusal> {
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
