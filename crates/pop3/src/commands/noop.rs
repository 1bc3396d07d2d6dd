//! NOOP: nothing, answered (RFC 1939, section 5).

use crate::state::Transaction;
use crate::{Refusal, reply};

pub(crate) fn run<L>(_: &Transaction<L>, out: &mut Vec<u8>) -> Result<(), Refusal> {
    reply::ok(out, format_args!("nothing done"));
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
