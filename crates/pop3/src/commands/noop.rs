//! NOOP: nothing, answered (RFC 1939, section 5).

use crate::Refusal;
use crate::language::Text;
use crate::reply::{self, Replies};
use crate::transaction::Transaction;

pub(crate) fn run<L>(_: &Transaction<L>, out: &mut Replies<'_>) -> Result<(), Refusal> {
    reply::ok(out, Text::NothingDone);
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
