//! USER: the name of the maildrop (RFC 1939, section 7).

use crate::language::ReplyText;
use crate::reply::{self, ReplyWriter};
use crate::state::{AuthenticatingState, AuthorizationState};
use crate::{CommandError, LoginName, Plaintext};

pub(crate) fn parse(argument: &[u8]) -> Option<LoginName> {
    LoginName::parse(argument)
}

/// Keeps the name for PASS, or for the log if PASS will be refused. The reply is the same for every name, so
/// it does not reveal which users exist.
pub(crate) fn run(
    at: &mut AuthorizationState,
    name: LoginName,
    plaintext: Plaintext,
    out: &mut ReplyWriter<'_>,
) -> Result<(), CommandError> {
    at.user = Some(name);
    if plaintext == Plaintext::Forbidden {
        return Err(CommandError::Plaintext);
    }
    reply::ok(out, ReplyText::SendPassword);
    Ok(())
}

/// USER if unknown users are refused at once: the reply waits for the driver.
pub(crate) fn ask(
    at: &mut AuthorizationState,
    name: LoginName,
    plaintext: Plaintext,
) -> Result<AuthenticatingState, CommandError> {
    if plaintext == Plaintext::Forbidden {
        at.user = Some(name);
        return Err(CommandError::Plaintext);
    }
    Ok(AuthenticatingState { user: name, failed_logins: at.failed_logins })
}

/// Replies to the name of a user that exists.
pub(crate) fn known(at: AuthenticatingState, out: &mut ReplyWriter<'_>) -> AuthorizationState {
    reply::ok(out, ReplyText::SendPassword);
    AuthorizationState { user: Some(at.user), failed_logins: at.failed_logins }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::text;

    fn name(name: &str) -> LoginName {
        parse(name.as_bytes()).unwrap()
    }

    #[test]
    fn a_name_that_is_asked_for_waits_for_the_answer() {
        let mut at = AuthorizationState { user: None, failed_logins: 1 };
        let refused = ask(&mut at, name("alice"), Plaintext::Forbidden).err();
        assert_eq!(refused, Some(CommandError::Plaintext));
        assert!(at.user.is_some(), "the log names it");
        let asked = ask(&mut at, name("alice"), Plaintext::Allowed).unwrap();
        let said = text(|out| {
            let then = known(asked, out);
            assert_eq!((then.user, then.failed_logins), (Some(name("alice")), 1));
        });
        assert_eq!(said, "+OK send the password\r\n");
    }

    #[test]
    fn a_second_user_replaces_the_first() {
        let mut at = AuthorizationState::default();
        for user in ["alice", "bob"] {
            let said = text(|out| run(&mut at, name(user), Plaintext::Allowed, out).unwrap());
            assert_eq!(said, "+OK send the password\r\n");
        }
        assert_eq!(at.user.unwrap().as_str(), "bob");
    }

    #[test]
    fn over_an_open_line_the_name_is_refused_but_known_to_the_log() {
        let mut at = AuthorizationState::default();
        let said = text(|out| {
            let refused = run(&mut at, name("alice"), Plaintext::Forbidden, out);
            assert_eq!(refused, Err(CommandError::Plaintext));
        });
        assert_eq!(at.user.as_ref().map(LoginName::as_str), Some("alice"));
        assert!(said.is_empty());
    }
}
