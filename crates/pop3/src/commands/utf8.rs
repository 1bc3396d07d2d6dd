//! UTF8: from now on the client accepts messages in UTF-8 (RFC 6856, section 2.1).

use crate::language::ReplyText;
use crate::reply::{self, ReplyWriter};
use crate::state::AuthorizationState;
use crate::{CommandError, Policy};

/// Only before a login, so that sizes do not change during a session. The driver applies it to messages
/// ([`Dialogue::utf8`](crate::Dialogue::utf8)).
pub(crate) fn run(
    _: &AuthorizationState,
    policy: &Policy,
    out: &mut ReplyWriter<'_>,
) -> Result<(), CommandError> {
    if !policy.utf8 {
        return Err(CommandError::Utf8Unavailable);
    }
    reply::ok(out, ReplyText::Utf8Mode);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::text;

    #[test]
    fn it_is_taken_where_it_is_offered() {
        let with = |utf8| {
            let policy = Policy { utf8, ..Policy::default() };
            let mut result = Ok(());
            let said = text(|out| result = run(&AuthorizationState::default(), &policy, out));
            (result, said)
        };
        assert_eq!(with(true), (Ok(()), "+OK messages are sent in UTF-8\r\n".to_owned()));
        assert_eq!(with(false), (Err(CommandError::Utf8Unavailable), String::new()));
    }
}
