//! LAST: the highest message number that RETR accessed in this session, 0 for none (RFC 1460).

use crate::state::Transaction;
use crate::{MessageNumber, Refusal, reply};

pub(crate) fn run<L>(at: &Transaction<L>, out: &mut Vec<u8>) -> Result<(), Refusal> {
    reply::ok(out, format_args!("{}", at.last.map_or(0, MessageNumber::get)));
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
