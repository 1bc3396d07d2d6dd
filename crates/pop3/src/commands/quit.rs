//! QUIT: ends the session. After a login it is the only way to the UPDATE state (RFC 1939, sections 4 and 6).

use crate::language::ReplyText;
use crate::reply::{self, ReplyWriter};
use crate::state::{AuthorizationState, UpdateState};
use crate::transaction::TransactionState;
use crate::{Commit, Deletions, ResponseCode};

/// QUIT before a login: there is nothing to do.
pub(crate) fn before_login(_: &AuthorizationState, out: &mut ReplyWriter<'_>) {
    reply::ok(out, ReplyText::Goodbye);
}

/// QUIT after a login. Drops the listing; the reply waits for the result of the deletions.
pub(crate) fn run<L>(at: TransactionState<L>) -> (UpdateState, Deletions) {
    (UpdateState { user: at.user, marked: at.deletions.len() }, at.deletions)
}

/// Replies to QUIT after a login. Returns the number of messages removed.
pub(crate) fn finish(at: &UpdateState, commit: Commit, out: &mut ReplyWriter<'_>) -> u32 {
    let code = Some(ResponseCode::SysTemp);
    match commit {
        Commit::Done => reply::ok(out, ReplyText::Removed(at.marked)),
        Commit::Partial { removed } => {
            reply::err(out, code, ReplyText::PartlyRemoved { removed, marked: at.marked });
        }
        Commit::Failed => reply::err(out, code, ReplyText::NotUpdated),
    }
    match commit {
        Commit::Done => at.marked,
        Commit::Partial { removed } => removed,
        Commit::Failed => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{number, text, transaction};

    #[test]
    fn quit_hands_the_marks_out() {
        let mut at = transaction(&[1, 2, 3]);
        at.deletions.mark(number(3), 3, 3);
        at.deletions.mark(number(1), 1, 3);
        let (update, deletions) = run(at);
        assert_eq!(update.marked, 2);
        assert!(deletions.iter().eq([number(1), number(3)]));
    }

    #[test]
    fn the_answer_tells_what_became_of_the_deletions() {
        let (update, _) = run(transaction(&[]));
        for (commit, status) in [
            (Commit::Done, "+OK "),
            (Commit::Partial { removed: 0 }, "-ERR [SYS/TEMP] some deleted messages not removed"),
            (Commit::Failed, "-ERR [SYS/TEMP] "),
        ] {
            let answer = text(|out| assert_eq!(finish(&update, commit, out), 0));
            assert!(answer.starts_with(status) && answer.matches("\r\n").count() == 1, "{answer}");
        }
    }
}
